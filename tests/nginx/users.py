"""Servers of users and services: each notes every request, and answers as its path says."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import socket
import socketserver
import threading

WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Headers that hold for a whole origin, or command nginx, or are the gateway's words (security checklist C6).
HOSTILE = {
    "Service-Worker-Allowed": "/", "Clear-Site-Data": '"*"', "Alt-Svc": 'h3=":443"', "NEL": "{}", "Report-To": "{}",
    "Reporting-Endpoints": 'a="https://evil.test"', "Strict-Transport-Security": "max-age=1", "Public-Key-Pins": "x",
    "Public-Key-Pins-Report-Only": "x", "WWW-Authenticate": "Basic", "Proxy-Authenticate": "Basic", "X-Upstream": "x",
    "X-User": "x", "X-Accel-Expires": "100", "X-Accel-Limit-Rate": "1", "X-Accel-Buffering": "yes", "X-Accel-Charset": "latin1",
    "Cross-Origin-Opener-Policy": "unsafe-none", "Cross-Origin-Embedder-Policy": "require-corp", "Accept-CH": "DPR",
    "Critical-CH": "DPR", "Expect-CT": "max-age=1", "Set-Login": "logged-in", "X-Hubgate-User": "bob",
    "X-Hubgate-Upstream": "x", "X-Hubgate-Owner": "bob", "X-Hubgate-Cookie": "x", "X-Hubgate-Authorization": "x",
    "X-Hubgate-Reason": "x", "X-Hubgate-Path": "/", "X-Hubgate-Credential": "token",
}
COOKIES = ["hubgate-session=evil; Path=/; Secure", "b=1; Path=/jupyterhub/", "c=1; path=/; PATH=/jupyterhub/hub/",
           "d=1 ; Path = / ; HttpOnly", "e=1; Path=", "f=1; Path=../..", "g=1; Max-Age=5"]
# A path below the own one, as applications name it, and what only looks like one.
DEEPER = ["h=1; Path=/jupyterhub/user/alice/code/", "i=1; Path=/jupyterhub/user/alice/; Secure", "j=1; Path=/jupyterhub/user/alice", "k=1; Path=/JUPYTERHUB/user/alice/code/",
          "l=1; Path=/jupyterhub/user/alicex/", "m=1; Path=/jupyterhub/user/alice/code/; Path=/", "n=1; Path=x/jupyterhub/user/alice/"]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the last segment of the path."""

    protocol_version = "HTTP/1.1"

    def address_string(self):
        return self.server.name

    def log_message(self, *_):
        pass

    def handle_expect_100(self):
        return True  # nginx has said it already

    def any(self):
        path, _, query = self.path.partition("?")
        self.server.seen.append((self.command, self.path, self.headers))
        last = path.rsplit("/", 1)[-1]
        getattr(self, f"on_{last}", self.on_echo)(query)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = any

    def say(self, body, status=200, headers=(), kind="text/plain"):
        self.send_response_only(status)
        for name, value in [("X-Test-Server", self.server.name), ("Content-Type", kind), *headers]:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def on_echo(self, _query):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.on_socket()
        length = int(self.headers.get("Content-Length") or 0)
        told = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": len(self.rfile.read(length))}
        self.say(json.dumps(told).encode(), kind="application/json")

    def on_accel(self, query):
        self.say(b"own body", headers=[("X-Accel-Redirect", query)])

    def on_hostile(self, _query):
        self.say(b"own body", headers=HOSTILE.items())

    def on_cookies(self, _query):
        self.say(b"own body", headers=[("Set-Cookie", line) for line in COOKIES])

    def on_deeper(self, _query):
        self.say(b"own body", headers=[("Set-Cookie", line) for line in DEEPER])

    def on_forbidden(self, _query):
        self.say(b"the server's own refusal", status=403)

    def on_broken(self, _query):
        self.say(b"the server's own error", status=502)

    def on_moved(self, query):
        self.say(b"", status=302, headers=[("Location", query)])

    def on_script(self, _query):
        self.say(b"let lab = 1; " * 4000, kind="text/javascript")

    def on_big(self, query):
        """As many bytes as asked for, and their checksum beforehand."""
        block, blocks = os.urandom(1 << 20), int(query)
        digest = hashlib.sha256()
        for _ in range(blocks):
            digest.update(block)
        self.send_response_only(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-Checksum", digest.hexdigest())
        self.send_header("Content-Length", str(blocks << 20))
        self.end_headers()
        for sent in range(blocks):
            self.server.moved = sent + 1
            self.wfile.write(block)

    def on_take(self, _query):
        """Reads an upload as it comes and tells its checksum."""
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left:
            part = self.rfile.read1(min(left, 1 << 16))
            if not part:
                return
            digest.update(part)
            left -= len(part)
            self.server.moved += len(part)
        self.say(digest.hexdigest().encode())

    def on_events(self, _query):
        """One event, and then silence until the client goes."""
        self.send_response_only(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.connection.recv(1)

    def on_silent(self, _query):
        self.connection.recv(1)

    def on_gone(self, _query):
        self.close_connection = True

    def on_swollen(self, _query):
        """A header of one megabyte."""
        self.send_response_only(200)
        self.send_header("X-Swollen", "x" * (1 << 20))
        self.end_headers()
        self.close_connection = True

    def on_forced(self, _query):
        """101 to anybody, asked or not."""
        self.close_connection = True
        self.connection.settimeout(1)
        try:
            self.send_response_only(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", self.headers.get("Upgrade") or "h2c")
            self.end_headers()
            self.wfile.write(b"tunnel")
            self.wfile.flush()
            self.server.heard = self.connection.recv(64)
        except OSError:
            self.server.heard = b""  # nothing in time, or nginx has gone, perhaps before all was written

    def on_socket(self):
        """A websocket that says what it hears; small frames only."""
        if self.headers.get("Sec-WebSocket-Version") != "13":
            return self.say(b"", status=426, headers=[("Sec-WebSocket-Version", "13")])
        key = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + WEBSOCKET).encode()).digest()
        self.send_response_only(101)
        for name, value in [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("X-Test-Server", self.server.name),
                            ("Sec-WebSocket-Accept", base64.b64encode(key).decode())]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2 and head[0] & 0x0F != 8:
            mask = self.rfile.read(4)
            data = self.rfile.read(head[1] & 0x7F)
            self.wfile.write(bytes([head[0], len(data)]) + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))


class Server(socketserver.ThreadingMixIn):
    """`seen` is its log of (method, path, headers), `calls` the number of connections."""

    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def begin(self, name):
        self.name, self.seen, self.calls, self.moved, self.heard = name, [], 0, 0, None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def verify_request(self, _request, _address):
        self.calls += 1
        return True

    def handle_error(self, *_):
        pass  # clients of these tests leave as they like

    def forget(self):
        self.seen.clear()
        self.calls = self.moved = 0
        self.heard = None

    def stop(self):
        self.shutdown()
        self.server_close()


class UserServer(Server, socketserver.UnixStreamServer):
    """A user's server, on its unix socket."""

    def __init__(self, name, folder):
        self.path = folder / f"{name}.sock"
        self.path.unlink(missing_ok=True)
        super().__init__(str(self.path), Handler)
        os.chmod(self.path, 0o666)
        self.begin(name)

    def stop(self):
        super().stop()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


class Service(Server, socketserver.TCPServer):
    """A service, on a port of its own."""

    def __init__(self, name, host="127.0.0.1"):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), Handler)
        port = self.server_address[1]
        self.upstream = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.begin(name)
