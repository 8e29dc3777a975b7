"""A real nginx with the project's own files, rendered by the project's own script."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from gateway import PROJECT
from wire import HOST, Wire

DEADLINE_S = 20


def until(what, meaning, deadline_s=DEADLINE_S):
    """Waits for `what()` to be true and returns it."""
    end = time.monotonic() + deadline_s
    while not (found := what()):
        assert time.monotonic() < end, f"waited {deadline_s} s in vain: {meaning}"
        time.sleep(0.01)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder():
    """A short path that nginx's workers can enter (pytest's own folders are closed to them, and too long for sockets)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="hubgate-nginx-"))
    path.chmod(0o755)
    (path / "servers").mkdir()
    return path


def certificate(path):
    """A self-signed certificate, which is its own authority."""
    path.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=hubgate test", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost,DNS:evil.test,IP:127.0.0.1",
                    "-keyout", path / "server.key", "-out", path / "server.crt"], check=True, capture_output=True)


def render(*options):
    """Runs render.sh with the strictest shell there is here."""
    return subprocess.run(["sh", PROJECT / "nginx/render.sh", *map(str, options)], capture_output=True, text=True, timeout=30)


class Site:
    """One nginx; `edit` may change a rendered file before it is read."""

    def __init__(self, root, *options, plain=False, edit=None):
        assert shutil.which("nginx"), "tests/nginx needs nginx: apt-get install nginx"
        self.root, self.port, self.http_port, self.api_port = root, free_port(), free_port(), free_port()
        self.run, self.conf = root / "run", root / "conf"
        self.process = None
        if not (root / "tls").exists():
            certificate(root / "tls")
        # A copy, because the project may be in a place that nginx's workers cannot reach.
        shutil.copytree(PROJECT / "nginx/html", root / "share/nginx/html", dirs_exist_ok=True)
        # Only root can start workers as somebody else, and then only a user of this machine.
        user = [] if os.geteuid() else ["--user", "www-data" if "www-data" in {u.pw_name for u in pwd.getpwall()} else "nobody"]
        done = render("--out", self.conf, "--standalone", self.run, "--gateway-socket", root / "gateway.sock", "--server-sockets",
                      root / "servers", "--tls", root / "tls", "--port", self.port, "--http-port", self.http_port, "--api-port", self.api_port,
                      "--share", root / "share", "--server-name", f"{HOST} localhost", *user, *(["--plain-http"] if plain else []), *options)
        assert done.returncode == 0, done.stderr
        if edit:
            edit(self.conf)
        self.wire = Wire(self.port, None if plain else root / "tls/server.crt")
        self.plain = Wire(self.http_port)
        self.api = Wire(self.api_port)

    def dump(self):
        """`nginx -T`: every file as nginx reads it."""
        done = subprocess.run(["nginx", "-T", "-c", self.conf / "nginx.conf"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert "[warn]" not in done.stderr and "[emerg]" not in done.stderr, done.stderr
        return done.stdout

    def start(self):
        with open(self.root / "nginx.out", "ab") as out:
            self.process = subprocess.Popen(["nginx", "-c", self.conf / "nginx.conf"], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        until(self.answers, "nginx answers")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.root / "nginx.out").read_text() + self.errors()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def reload(self):
        """Has the master start new workers; the old ones end with their last connection."""
        old = set(self.workers())
        self.process.send_signal(signal.SIGHUP)
        until(lambda: set(self.workers()) - old, "there are new workers")

    def errors(self):
        path = self.run / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def access(self):
        return (self.run / "hubgate.access.log").read_text(errors="replace")

    def workers(self):
        """Process ids of the workers."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def open_temporary_files(self):
        """Temporary files that workers hold, unlinked ones too."""
        held = []
        for worker in self.workers():
            for link in pathlib.Path(f"/proc/{worker}/fd").iterdir():
                try:
                    held.append(os.readlink(link))
                except FileNotFoundError:
                    continue
        return [path for path in held if path.startswith(str(self.run / "tmp"))]
