"""A hub of one file of tests: the real nginx and the real gateway, before a spawner and servers that play a part."""

import contextlib
import pathlib
import shutil
import sys
import types

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "nginx"))

import nginx_site  # noqa: E402
from gateway import Gateway  # noqa: E402
from nginx_site import until  # noqa: E402


def configured(text):
    """A folder and a gateway in it that has not begun, with these lines in its configuration."""
    root = nginx_site.folder()
    gateway = Gateway(root, root / "servers")
    gateway.config.write_text(gateway.config.read_text() + "redirect_to_server = false\n" + text)
    return root, gateway


@contextlib.contextmanager
def serving(root, gateway, spawner):
    """All of it while the block runs; the folder is gone afterwards."""
    nginx = nginx_site.Site(root)
    gateway.start()
    nginx.start()
    try:
        until(lambda: nginx.wire.get("/hub/health").status == 200, "the gateway is well")
        yield types.SimpleNamespace(url=lambda path="": f"https://localhost:{nginx.port}/jupyterhub/{path}", gateway=gateway, spawner=spawner)
    finally:
        nginx.stop()
        gateway.stop()
        spawner.stop()
        shutil.rmtree(root)


@contextlib.contextmanager
def logged_in(chromium, place, name, password, **profile):
    """A page of a browser profile of its own, after the login."""
    context = chromium.new_context(ignore_https_errors=True, **profile)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(place.url("hub/login"))
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")
    page.wait_for_selector("#logout")
    yield page
    context.close()
