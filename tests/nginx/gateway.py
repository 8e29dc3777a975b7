"""Gateways: the real one, and one that answers nginx's question as a test says."""

import contextlib
import http.server
import os
import pathlib
import re
import secrets
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.parse

from wire import HOST, NAVIGATE, PREFIX, SESSION

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HUBGATE_BIN", PROJECT / "target/debug/hubgate"))
# The listening socket becomes descriptor 3 of the gateway, as systemd would pass it.
PASS = ("import os,sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
        "os.execv(sys.argv[2], sys.argv[2:])")


def listening(path):
    """A unix socket that outlives whoever serves it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(4096)
    os.chmod(path, 0o666)
    return listener


class Gateway:
    """The real gateway on an inherited socket, with the file authenticator and its users' states from the fake spawner."""

    def __init__(self, folder, servers):
        assert BINARY.exists(), f"{BINARY} is missing: build it with `cargo build -p hubgate`, or name it by HUBGATE_BIN"
        self.folder, self.socket, self.log = folder, folder / "gateway.sock", folder / "gateway.log"
        self.spawner_socket = folder / "spawner.sock"
        state = folder / "state"
        state.mkdir(mode=0o700)
        self.config = folder / "hubgate.toml"
        self.config.write_text(
            f'base_url = "{PREFIX}"\nlisten = "{self.socket}"\nstate_dir = "{state}"\nsocket_dir = "{servers}"\n'
            f'spawner_socket = "{self.spawner_socket}"\nauthenticator = "file"\nwatch = "spawner"\n'
            f'ca_certificate = "{folder}/ca.crt"\n')
        self.config.chmod(0o600)
        self.process = None
        self.listen()

    def listen(self):
        """Opens the socket anew, as systemd does when its unit starts."""
        self.socket.unlink(missing_ok=True)
        self.listener = listening(self.socket)

    def command(self, *arguments, stdin=""):
        """A `hubgate` command; its output, or what it complained about."""
        done = subprocess.run([BINARY, "--config", self.config, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=60, env={"PATH": os.environ["PATH"]})
        assert done.returncode == 0, f"hubgate {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self):
        descriptor = self.listener.fileno()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-ISc", PASS, str(descriptor), BINARY, "--config", self.config, "gateway"], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, pass_fds=[descriptor], env={"PATH": os.environ["PATH"], "RUST_BACKTRACE": "1"})

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.listener.close()

    def words(self):
        return self.log.read_text(errors="replace")


def form(reply, name="_xsrf"):
    """The value of a form's hidden field."""
    tag = re.search(rf'<input[^>]*\bname="?{name}"?\b[^>]*>', reply.text)
    value = re.search(r'\bvalue="([^"]*)"', tag[0]) if tag else None
    assert value, f"no field {name} on this page: {reply.status} {reply.text[:500]}"
    return value[1]


def cookies(reply):
    """What a browser would send back."""
    pairs = [line.split(";")[0].strip() for line in reply.headers.get_all("Set-Cookie") or []]
    return dict(pair.split("=", 1) for pair in pairs)


def post_login(wire, user, password, query="", **more):
    """Logs in over HTTP as a browser does, with `more` fields; the reply to the POST."""
    page = wire.get(f"/hub/login{query}", NAVIGATE)
    fields = {"username": user, "password": password, "_xsrf": form(page)}
    if 'name="next"' in page.text:
        fields["next"] = form(page, "next")
    fields |= more
    sent = "; ".join(f"{name}={value}" for name, value in cookies(page).items())
    headers = [*NAVIGATE, ("Content-Type", "application/x-www-form-urlencoded"), ("Origin", f"https://{HOST}")]
    return wire.send("POST", f"{PREFIX}/hub/login{query}", headers, urllib.parse.urlencode(fields).encode(), cookie=sent)


def login(wire, user, password):
    """The session cookie, ready to be sent."""
    reply = post_login(wire, user, password)
    session = cookies(reply).get(SESSION)
    assert reply.status in (302, 303) and session, f"login of {user}: {reply.status} {reply.text[:800]}"
    return f"{SESSION}={session}"


class StubHandler(http.server.BaseHTTPRequestHandler):
    """Plays one character at /auth; everything else is a page that says so."""

    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "nginx"

    def log_message(self, *_):
        pass

    def any(self):
        self.server.seen.append((self.command, self.path, self.headers))
        if self.path == "/auth":
            return getattr(self, self.server.character)()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.say(self.server.page_status, body=b"page of the stub gateway")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = any

    def say(self, status, headers=(), body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def grants(self):
        self.say(200, [("X-Hubgate-Upstream", self.server.upstream), ("X-Hubgate-User", "alice"), ("X-Hubgate-Owner", "alice"),
                       ("X-Hubgate-Path", self.server.place), ("X-Hubgate-Cookie", self.server.cookie),
                       ("X-Hubgate-Authorization", self.server.authorization), ("X-Hubgate-Credential", self.server.credential)])

    def grants_nothing(self):
        self.say(200)

    def refuses(self):
        self.say(403, [("X-Hubgate-Reason", "test")])

    def wants_login(self):
        self.say(401, [("X-Hubgate-Reason", "login")])

    def redirects(self):
        self.say(302, [("Location", "https://evil.test/"), ("X-Hubgate-Upstream", self.server.upstream)])

    def knows_nothing(self):
        self.say(404, [("X-Hubgate-Upstream", self.server.upstream)])

    def fails(self):
        self.say(500, [("X-Hubgate-Upstream", self.server.upstream)])

    def talks_nonsense(self):
        self.wfile.write(b"200 sure, go ahead\r\n\r\n")
        self.close_connection = True

    def hangs(self):
        self.connection.recv(1)
        self.close_connection = True


class StubGateway(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A gateway with a character; `seen` is its log of (method, path, headers)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path):
        self.seen, self.character, self.upstream, self.cookie, self.page_status = [], "grants", "", "", 200
        self.place, self.authorization, self.credential = f"{PREFIX}/user/alice/", "", "session"
        self.open = []
        super().__init__(str(path), StubHandler)
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass

    def verify_request(self, request, _address):
        self.open.append(request)
        return True

    def questions(self):
        return [headers for _, path, headers in self.seen if path == "/auth"]

    def hang_up(self):
        """Ends the connections that nginx keeps open for its next question."""
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self):
        """Ends at once, with the connections that nginx keeps."""
        self.shutdown()
        self.server_close()
        self.hang_up()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.server_address)


def random_session():
    """A session id of the right shape that nobody has."""
    return f"{SESSION}={secrets.token_urlsafe(32)}"
