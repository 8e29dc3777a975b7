"""What an administrator writes to offer applications: docs/OPERATING.md."""

import os

PYTHON, SHINY = (f"{os.environ['PROGRAMS']}/{name}" for name in ("python", "shiny"))
EDITOR = [PYTHON, "-I", f"{os.environ['APPLICATIONS']}/editor.py"]

c = get_config()  # noqa: F821
c.ServerProxy.servers = {
    # As code-server: relative addresses, which know nothing of the path before them; no port that others of this host could open.
    "code": {"command": [*EDITOR, "--socket", "{unix_socket}"], "unix_socket": True, "timeout": 30},
    # On a port, and with whole paths.
    "absolute": {"command": [*EDITOR, "--port", "{port}", "--base", "{base_url}absolute"], "absolute_url": True, "timeout": 30},
    "shiny": {"command": [SHINY, "run", "--port", "{port}", f"{os.environ['APPLICATIONS']}/shiny_app.py"], "timeout": 30},
}
