"""A real JupyterHub with the world of `world.py`: the oracle of the comparison."""

import contextlib
import os
import pathlib
import sqlite3

import world
from ask import Visitor
from stack import Parts, free_port, fresh, until

HERE = pathlib.Path(__file__).resolve().parent


class JupyterHub:
    """JupyterHub behind configurable-http-proxy. `venv` holds jupyterhub, `proxy` is the program configurable-http-proxy."""

    name = "JupyterHub"
    base = "/jupyterhub"

    def __init__(self, work, venv, proxy, users=None, settings=None, extra=""):
        self.work, self.venv, self.proxy = pathlib.Path(work), pathlib.Path(venv), proxy
        self.users = world.USERS if users is None else users
        self.settings, self.extra = settings or {}, extra
        self.parts = Parts(self.work)

    def __enter__(self):
        fresh(self.work)
        self.port, self.hub_port, self.proxy_port = free_port(), free_port(), free_port()
        config = self.work / "jupyterhub_config.py"
        config.write_text(self.config())
        self.address = f"http://127.0.0.1:{self.port}"
        # The address of programs is the same as that of browsers.
        self.api_address = self.address
        try:
            self.launch()
        except BaseException:
            self.parts.end()
            raise
        return self

    def launch(self):
        """Starts it and waits for its first answer."""
        environment = {"PATH": f"{self.venv}/bin:{pathlib.Path(self.proxy).parent}:{os.environ['PATH']}", "HOME": str(self.work), "LANG": "C.UTF-8"}
        command = [self.venv / "bin/python", "-m", "jupyterhub", "-f", self.work / "jupyterhub_config.py"]
        self.parts.start("jupyterhub", command, cwd=self.work, env=environment)
        until("JupyterHub's answer", lambda: Visitor(self).send("GET", f"{self.base}/hub/api", api=True).status == 200, parts=self.parts)

    def __exit__(self, *_):
        self.parts.end()

    def order(self):
        """The users' names in the order of their ids: JupyterHub makes the first ones in the order of a set."""
        with contextlib.closing(sqlite3.connect(self.work / "jupyterhub.sqlite")) as database:
            return [name for (name,) in database.execute("SELECT name FROM users ORDER BY id")]

    def config(self):
        """The text of jupyterhub_config.py."""
        services = [{"name": name, **spec} for name, spec in world.SERVICES.items()]
        for service in services:
            if service.get("oauth_redirect_uri", "").startswith("/"):
                service["oauth_redirect_uri"] = self.base + service["oauth_redirect_uri"]
        values = {
            "bind_url": f"http://127.0.0.1:{self.port}{self.base}/", "hub_port": self.hub_port, "hub_ip": "127.0.0.1", "authenticator_class": "dummy",
            "spawner_class": "simple", "allow_named_servers": True, "named_server_limit_per_user": 3, "services": services, "load_roles": world.ROLES,
            "load_groups": world.GROUPS, "custom_scopes": world.CUSTOM_SCOPES, "db_url": f"sqlite:///{self.work}/jupyterhub.sqlite",
            "cookie_secret_file": f"{self.work}/cookie_secret", "last_activity_interval": 3600,
        }
        settings = {"slow_spawn_timeout": 2, "slow_stop_timeout": 2, "api_page_default_limit": 10, "api_page_max_limit": 20, **self.settings}
        values["tornado_settings"] = {key: settings.pop(key) for key in ("slow_spawn_timeout", "slow_stop_timeout")}
        values |= settings
        lines = [f"c.JupyterHub.{key} = {value!r}" for key, value in values.items()]
        lines += [f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{self.proxy_port}'", f"c.Authenticator.admin_users = {{{world.ADMIN!r}}}",
                  f"c.Authenticator.allowed_users = {set(self.users)!r}", f"c.DummyAuthenticator.password = {world.PASSWORD!r}",
                  f"c.Spawner.cmd = ['/usr/bin/python3', '-I', '-S', {str(HERE / 'tiny_server.py')!r}]",
                  "c.Spawner.http_timeout = 8", "c.Spawner.start_timeout = 20",
                  f"c.SimpleLocalProcessSpawner.home_dir_template = '{self.work}/homes/{{username}}'", self.extra]
        return "\n".join(lines) + "\n"
