"""hubgate with the same world: nginx with TLS, gateway, spawner with the process engine and tiny servers."""

import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile

import world
from ask import Visitor
from stack import PROJECT, Parts, free_port, fresh, until

HERE = pathlib.Path(__file__).resolve().parent
GATEWAY_UID = 1999999 # of its own and without an account, as in scripts/run.sh
DISTRIBUTION = "/usr/local/bin:/usr/bin:/bin"


def toml(value):
    """A value in TOML's writing; JSON's is the same for texts, numbers, booleans and lists."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def table(head, values):
    """One table of a TOML file."""
    return f"{head}\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items()) + "\n"


class Hubgate:
    """`programs` holds hubgate and hubgate-spawner. `command` is a user's server; the tiny one when left out."""

    name = "hubgate"
    base = "/jupyterhub"
    path = DISTRIBUTION # of users' servers

    def __init__(self, work, programs, users=None, command=None, settings=None, services=None, roles=None, spawner=""):
        self.work, self.programs = pathlib.Path(work), pathlib.Path(programs)
        self.users = world.USERS if users is None else users
        self.command, self.settings, self.services, self.spawner_more = command, settings or {}, services, spawner
        self.roles = roles
        self.parts = Parts(self.work)

    def __enter__(self):
        fresh(self.work)
        # A unix socket's address has 107 bytes, so the sockets are in a short folder.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="hgh"))
        self.sockets.chmod(0o777)
        self.port, self.api_port = free_port(), free_port()
        self.address = f"https://localhost:{self.port}"
        self.api_address = f"http://127.0.0.1:{self.api_port}"
        try:
            self.write_files()
            self.run()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.parts.end()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def write_files(self):
        """Configuration, certificates, users."""
        work, share = self.work, self.work / "share"
        (share / "nginx").mkdir(parents=True)
        (work / "etc").mkdir()
        shutil.copytree(PROJECT / "nginx/html", share / "nginx/html")
        shutil.copy(PROJECT / "jupyter/hubgate_server.py", share)
        shutil.copy(HERE / "tiny_server.py", share)
        (work / "homes").mkdir()
        (work / "spawner").mkdir(mode=0o700)
        (work / "state").mkdir(mode=0o700)
        os.chown(work / "state", GATEWAY_UID, 0)
        for name, text in (("services.toml", self.services_file()), ("spawner.toml", self.spawner_file()), ("hubgate.toml", self.hubgate_file())):
            (work / "etc" / name).write_text(text)
            (work / "etc" / name).chmod(0o644)
        self.hubgate("cert", "--out", work / "tls", "--name", "localhost")
        people = work / "users.csv"
        people.write_text("user,passwd,admin\n" + "".join(f'{name},"{world.PASSWORD}",{"true" if name == world.ADMIN else "false"}\n' for name in self.users))
        people.chmod(0o600)
        if self.users:
            self.hubgate("user", "import", people)

    def services_file(self):
        """The text of services.toml."""
        services = self.services
        if services is None:
            services = [{"name": name, **spec} for name, spec in world.SERVICES.items()]
        text = ""
        for service in services:
            service = dict(service)
            if service.get("oauth_redirect_uri", "").startswith("/services/"):
                service["oauth_redirect_uri"] = self.base + service["oauth_redirect_uri"]
            text += table("[[services]]", service)
        return text

    def spawner_file(self):
        """The text of spawner.toml."""
        work = self.work
        settings = {"engine": "process", "accounts": "virtual", "gateway_user": GATEWAY_UID, "nginx_group": "www-data", "state_dir": f"{work}/spawner",
                    "socket_dir": f"{self.sockets}/servers", "listen": f"{self.sockets}/spawner.sock", "idle_exit_s": 0, "cut_ports": [self.port],
                    "services_file": f"{work}/etc/services.toml"}
        command = self.command or ["/usr/bin/python3", "-I", "-S", f"{work}/share/tiny_server.py"]
        return (table("# Written by tests/hub.", settings) + table("[process]", {"command": command, "home_dir": f"{work}/homes", "path": self.path}) +
                table("[hub]", {"api_url": f"{self.api_address}{self.base}/hub/api"}) + self.spawner_more)

    def hubgate_file(self):
        """The text of hubgate.toml."""
        work = self.work
        settings = {"listen": f"{self.sockets}/gateway.sock", "listen_group": "www-data", "state_dir": f"{work}/state", "socket_dir": f"{self.sockets}/servers",
                    "spawner_socket": f"{self.sockets}/spawner.sock", "authenticator": "file", "watch": "spawner", "ca_certificate": f"{work}/tls/ca.crt",
                    "services_file": f"{work}/etc/services.toml", "allow_named_servers": True, "named_server_limit_per_user": 3, "slow_spawn_timeout": 2,
                    "slow_stop_timeout": 2, "api_page_default_limit": 10, "api_page_max_limit": 20, **self.settings}
        text = table("# Written by tests/hub.", settings)
        if self.roles is not None: # a world of the test's own
            return text + "".join(table("[[load_roles]]", role) for role in self.roles)
        text += "".join(table(f"[load_groups.{json.dumps(name)}]", group) for name, group in world.GROUPS.items())
        text += "".join(table(f"[custom_scopes.{json.dumps(name)}]", scope) for name, scope in world.CUSTOM_SCOPES.items())
        return text + "".join(table("[[load_roles]]", role) for role in world.ROLES)

    def run(self):
        """Starts the parts."""
        work, etc = self.work, self.work / "etc"
        self.parts.start("spawner", [self.programs / "hubgate-spawner", "--config", etc / "spawner.toml"])
        until("the spawner's socket", (self.sockets / "spawner.sock").is_socket, parts=self.parts)
        self.parts.start("gateway", self.gateway_command())
        until("the gateway's socket", (self.sockets / "gateway.sock").is_socket, parts=self.parts)
        nginx = work / "nginx"
        nginx.mkdir()
        subprocess.run(["sh", PROJECT / "nginx/render.sh", "--out", nginx / "conf", "--standalone", nginx, "--port", str(self.port), "--http-port", "none", "--no-ipv6",
                        "--api-port", str(self.api_port), "--server-name", "localhost 127.0.0.1", "--gateway-socket", self.sockets / "gateway.sock",
                        "--server-sockets", self.sockets / "servers", "--tls", work / "tls", "--share", work / "share"], check=True, stdout=subprocess.DEVNULL)
        self.parts.start("nginx", ["nginx", "-c", nginx / "conf/nginx.conf", "-e", nginx / "error.log"])
        self.wait()

    def gateway_command(self):
        """The gateway, under its own uid."""
        return ["setpriv", f"--reuid={GATEWAY_UID}", "--regid=www-data", "--clear-groups", self.programs / "hubgate", "--config", self.work / "etc/hubgate.toml", "gateway"]

    def wait(self):
        """Waits for the first answer of the API."""
        until("the API's answer", lambda: Visitor(self).send("GET", f"{self.base}/hub/api/", api=True).status == 200, parts=self.parts)

    def start_gateway(self):
        """Starts the gateway again and waits for its first answer."""
        self.parts.start("gateway", self.gateway_command())
        self.wait()

    def hubgate(self, *words, text=None):
        """A `hubgate` command, as the administrator types it."""
        done = subprocess.run([str(word) for word in (self.programs / "hubgate", "--config", self.work / "etc/hubgate.toml", *words)], input=text, text=True,
                              capture_output=True, timeout=120)
        assert done.returncode == 0, f"hubgate {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
        return done.stdout

    def url(self, path=""):
        """An address as a browser has it."""
        return f"{self.address}{self.base}/{path}"

    def token(self, name, scopes=(), note=None):
        """A token, made at the command line: the running hub knows it within a second."""
        words = [word for scope in scopes for word in ("--scope", scope)] + (["--note", note] if note else [])
        token = self.hubgate("token", name, *words).strip()
        until("the new token", lambda: Visitor(self, token).send("GET", f"{self.base}/hub/api/user").status == 200, seconds=3)
        return token

    def tls(self):
        """Trust in the hub's own certificate."""
        return ssl.create_default_context(cafile=self.work / "tls/ca.crt")
