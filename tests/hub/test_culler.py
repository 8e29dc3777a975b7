"""jupyterhub-idle-culler, unmodified, as a managed service with the role that JupyterHub's documentation gives it."""

import datetime
import json
import time

import world
from ask import Visitor
from stack import until

USERS = ["admin", "idle", "busy"]
TIMEOUT_S = 5
# The role of JupyterHub's documentation, and what --cull-users needs on top of it.
ROLE = {"name": "list-and-cull", "description": "Culls idle servers", "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"]}


class Scene:
    """A hubgate whose culler looks every second."""

    def __init__(self, product, hub_venv, name, more=(), scopes=()):
        words = [f"{hub_venv}/bin/python", "-m", "jupyterhub_idle_culler", f"--timeout={TIMEOUT_S}", "--cull-every=1", *more]
        role = {**ROLE, "scopes": [*ROLE["scopes"], *scopes]}
        services = [{"name": "culler", "command": words}, {"name": "boss", **world.SERVICES["boss"]}]
        self.hub = product(name, users=USERS, services=services, roles=[role, {"name": "admin", "services": ["boss"]}])
        self.boss = Visitor(self.hub, world.SERVICES["boss"]["api_token"])

    def ask(self, method, path, body=None, good=range(200, 300)):
        """A request of the administrators' service."""
        answer = self.boss.send(method, f"{self.hub.base}/hub/api{path}", None if body is None else json.dumps(body))
        assert answer.status in good, (method, path, answer.status, answer.body)
        return answer

    def start(self, name):
        """Starts a server and waits until it is ready."""
        self.ask("POST", f"/users/{name}/server")
        until(f"the server of {name}", lambda: self.ready(name), parts=self.hub.parts)

    def ready(self, name):
        """Whether a user's server answers."""
        return self.ask("GET", f"/users/{name}/servers/").json()["ready"]

    def exists(self, name):
        """Whether there is such a user."""
        return self.ask("GET", f"/users/{name}", good=(200, 404)).status == 200

    def keep_busy(self, until_true, seconds=40):
        """Reports activity of `busy`, as its own server would, until something has come true."""
        end = time.monotonic() + seconds
        while not until_true():
            assert time.monotonic() < end, f"the culler did nothing in {seconds} s\n{self.hub.parts.logs()}"
            now = datetime.datetime.now(datetime.timezone.utc).isoformat()
            self.ask("POST", "/users/busy/activity", {"servers": {"": {"last_activity": now}}, "last_activity": now})
            time.sleep(0.3)


def test_the_idle_culler_stops_idle_servers_and_keeps_those_that_are_used(product, hub_venv):
    scene = Scene(product, hub_venv, "culler")
    scene.start("busy")
    scene.start("idle")
    scene.keep_busy(lambda: not scene.ready("idle"))
    assert scene.ready("busy")
    assert scene.exists("idle")


def test_the_idle_culler_with_cull_users_deletes_idle_users_and_keeps_used_ones_and_administrators(product, hub_venv):
    scene = Scene(product, hub_venv, "culler-users", more=["--cull-users=True", "--cull-admin-users=False"], scopes=["admin:users"])
    scene.start("busy")
    scene.start("idle")
    scene.keep_busy(lambda: not scene.exists("idle"))
    assert scene.ready("busy")
    assert scene.exists("admin")
