"""The table of scopes in docs/SCOPES.md, which is generated from hubgate's own, beside the table inside JupyterHub."""

import json
import re
import subprocess

from stack import PROJECT

ASK = "import json; from jupyterhub.scopes import scope_definitions; print(json.dumps(scope_definitions))"


def of_jupyterhub(hub_venv):
    """Scope -> what it includes, from the JupyterHub that is installed."""
    told = subprocess.run([hub_venv / "bin/python", "-c", ASK], capture_output=True, text=True, check=True).stdout
    return {name: sorted(scope.get("subscopes", [])) for name, scope in json.loads(told).items()}


def of_hubgate():
    """Scope -> what it includes, from the documentation."""
    found = {}
    for line in (PROJECT / "docs/SCOPES.md").read_text().split("## All scopes", 1)[1].splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        names = re.findall(r"`([^`]+)`", cells[1]) if len(cells) == 5 else []
        if names:
            found[names[0]] = sorted(re.findall(r"`([^`]+)`", cells[3]))
    return found


def test_every_scope_of_jupyterhub_is_one_of_hubgate_and_includes_the_same(hub_venv):
    theirs, ours = of_jupyterhub(hub_venv), of_hubgate()
    assert len(theirs) > 40
    assert ours == theirs
