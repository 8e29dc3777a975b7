"""The ring's machines: nginx, the real gateway, a real provider, and a spawner that starts nothing."""

import json
import shutil

import pytest

import nginx_site
from browser import Browser
from gateway import Gateway
from idp import SECRET, Provider
from nginx_site import until
from spawner import FakeSpawner

PEOPLE = {
    "s-ada": {"name": "Ada Lovelace", "preferred_username": "ada", "email": "ada@example.org", "email_verified": True, "groups": ["physics", "staff"]},
    "s-bob": {"name": "Bob", "preferred_username": "bob", "email": "bob@example.org", "email_verified": False, "groups": ["guests"]},
}


class Stack:
    """A hub that can be told another configuration, and its provider."""

    def __init__(self, root):
        self.root = root
        self.site = nginx_site.Site(root)
        self.public = f"https://localhost:{self.site.port}"
        self.gateway = Gateway(root, root / "servers")
        self.spawner = FakeSpawner(self.gateway.spawner_socket, [])
        self.plain = self.gateway.config.read_text().replace('authenticator = "file"\n', "")
        self.secret = root / "uni.secret"
        self.secret.write_text(SECRET + "\n")
        self.secret.chmod(0o600)
        self.authority = root / "tls/server.crt"
        self.provider = Provider(nginx_site.free_port(), root / "tls", self.url(""))

    def start(self):
        self.provider.start()
        self.site.start()
        return self

    def url(self, path):
        return f"{self.public}/jupyterhub{path}"

    def configure(self, authenticator="none", top="allow_all = true\n", **keys):
        """Writes the configuration anew, with one provider, and starts the gateway with an empty database."""
        keys = {"title": "the university", "issuer": self.provider.issuer, "client_id": "hubgate", "client_secret_file": str(self.secret),
                "ca_file": str(self.authority), "scopes": ["profile", "email", "groups"]} | keys
        table = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in keys.items() if value is not None)
        self.gateway.stop()
        shutil.rmtree(self.root / "state")
        (self.root / "state").mkdir(mode=0o700)
        self.gateway.config.write_text(f'{self.plain}authenticator = "{authenticator}"\npublic_url = "{self.public}"\n{top}[[oidc]]\nname = "uni"\n{table}')
        self.gateway.listen()
        self.gateway.command("check")
        self.gateway.start()
        browser = self.browser()
        until(lambda: browser.send(self.url("/hub/health")).status == 200, "the gateway is well")

    def browser(self):
        return Browser(str(self.authority))

    def log_in(self, person, start="/hub/login?auto=0", browser=None):
        """A person goes through it all; where they end up, before the hub's own pages begin."""
        browser = browser or self.browser()
        page = browser.go(self.url(start))
        if "/hub/login" in page.url:
            page = browser.go(self.url("/hub/oauth_login?provider=uni"))
        if page.url.startswith(self.provider.issuer):
            page = browser.fill(page, login=person, password="anything")
        while page.status in (302, 303) and page.location.startswith((self.provider.issuer, self.url("/hub/oauth_"))):
            page = browser.send(page.location)
        return browser, page

    def users(self):
        return self.gateway.command("user", "list")

    def stop(self):
        self.site.stop()
        self.gateway.stop()
        self.spawner.server_close()
        self.provider.stop()


@pytest.fixture(scope="session")
def machines():
    root = nginx_site.folder()
    stack = Stack(root).start()
    yield stack
    stack.stop()
    shutil.rmtree(root)


@pytest.fixture
def hub(machines):
    """A hub with the provider alone and an empty database; two people are known there."""
    machines.provider.mood()
    machines.provider.people(**PEOPLE)
    machines.configure()
    return machines
