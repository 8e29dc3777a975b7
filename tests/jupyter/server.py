"""A real Jupyter server on a socket that the test holds, as systemd or the spawner would start it."""

import http.client
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

from websockets.sync.client import unix_connect

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "jupyter" / "hubgate_server.py"
START_LIMIT_S = 60


class UnixConnection(http.client.HTTPConnection):
    """http.client over a unix socket."""

    def __init__(self, path):
        super().__init__("hub.example", timeout=30)
        self.path = path

    def connect(self):
        """Connects to the socket instead of to the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """What came back: status, headers, text."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()
        self.text = self.body.decode(errors="replace")

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


class Server:
    """One Jupyter server and the two sockets a service manager keeps for it."""

    def __init__(self, folder, instance="alice", command=("lab",), config=CONFIG, tcp=False, program=None, **environment):
        self.program = program or shlex.split(os.environ["HUBGATE_TEST_JUPYTER"])
        self.tcp, self.folder, self.instance, self.command, self.config = tcp, Path(folder), instance, command, config
        self.environment = environment
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        self.path = str(self.folder / "s.sock")
        self.messages = []
        owner, _, server = instance.partition(":")
        self.base = f"/jupyterhub/user/{owner}/" + (f"{server}/" if server else "")

    def __enter__(self):
        self.listener = socket.socket(socket.AF_INET if self.tcp else socket.AF_UNIX)
        self.listener.bind(("127.0.0.1", 0) if self.tcp else self.path)
        self.listener.listen(128)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / "n.sock"))
        self.log = open(self.folder / "log", "w+b")
        environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SHELL": "/bin/bash",
            "NOTIFY_SOCKET": str(self.folder / "n.sock"), "LISTEN_FDS": "1", "HUBGATE_INSTANCE": self.instance,
            "HUBGATE_BASE_URL": "/jupyterhub", **self.environment,
        }
        fd = self.listener.fileno()
        jupyter = [*self.program, *self.command, f"--config={self.config}", "--allow-root"]
        # The process id is known only after the fork, so bash fills it in and becomes the server.
        become = f'export LISTEN_PID=$$; exec "$@" 3<&{fd}' + ("" if fd == 3 else f" {fd}<&-")
        self.process = subprocess.Popen(["/bin/bash", "-c", become, "bash", *jupyter], env=environment, cwd=self.home,
                                        pass_fds=[fd], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.listener.close()
        self.notify.close()
        self.log.close()

    def output(self):
        """All that the server printed."""
        return (self.folder / "log").read_text(errors="replace")

    def message(self, wanted, limit_s=START_LIMIT_S):
        """Waits for a notify message of which `wanted` is true, and returns it."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output()}")
            if select.select([self.notify], [], [], 0.2)[0]:
                text = self.notify.recv(4096).decode()
                self.messages.append(text)
                if wanted(text):
                    return text
        raise AssertionError(f"no such message in {limit_s} s; had {self.messages}\n{self.output()}")

    def ready(self):
        """Waits for READY=1."""
        self.message(lambda text: "READY=1" in text.splitlines())
        return self

    def status(self, limit_s=START_LIMIT_S, **wanted):
        """Waits for a status whose fields have the wanted values; a callable decides by itself."""
        def matches(text):
            fields = status_fields(text)
            return fields and all(want(fields[name]) if callable(want) else fields[name] == want for name, want in wanted.items())

        return status_fields(self.message(matches, limit_s))

    def ask(self, path, method="GET", user="alice", body=None, **headers):
        """One request, as nginx would pass it on. `user=None` leaves the header out."""
        sent = {"Host": "hub.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if user is not None:
            sent["X-Hubgate-User"] = user
        connection = UnixConnection(self.path)
        try:
            connection.request(method, self.base + path, body=body, headers=sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def page_token(self):
        """The XSRF cookie of a first page, as headers of a script on that page."""
        cookie = self.ask("lab").headers["Set-Cookie"].split(";")[0]
        return {"Cookie": cookie, "X-XSRFToken": cookie.split("=", 1)[1], "Origin": "http://hub.example"}

    def change(self, path, method="POST", body=None, **headers):
        """A request that changes something, as JupyterLab makes it."""
        return self.ask(path, method, body=None if body is None else json.dumps(body), **{**self.page_token(), **headers})

    def websocket(self, path, user="alice", origin="http://hub.example", **options):
        """A websocket, as nginx would pass it on."""
        headers = {} if user is None else {"X-Hubgate-User": user}
        return unix_connect(self.path, uri=f"ws://hub.example{self.base}{path}", origin=origin, additional_headers=headers,
                            max_size=None, compression=None, **options)


def status_fields(text):
    """The numbers of a `STATUS=hubgate …` line, or an empty dict."""
    for line in text.splitlines():
        if line.startswith("STATUS=hubgate "):
            return {name: int(value) for name, value in (word.split("=") for word in line.split()[1:])}
    return {}
