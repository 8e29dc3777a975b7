"""Bytes to nginx and back: what a client library would tidy up is sent as it is."""

import contextlib
import dataclasses
import http.client
import json
import socket
import ssl

HOST = "hub.test"
PREFIX = "/jupyterhub"
SESSION = "hubgate-session"
NAVIGATE = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "none")]
UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), ("Origin", f"https://{HOST}")]


@dataclasses.dataclass
class Reply:
    """One answer. Status 0: the connection was closed without one."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes = b""

    def __getitem__(self, name):
        return self.headers.get(name, "")

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def of_server(self):
        """Whose server answered, or None."""
        return self.headers.get("X-Test-Server")


CLOSED = Reply(0, http.client.HTTPMessage())


def read_reply(stream, method="GET"):
    """The next reply on a buffered stream; a 100 is a reply of its own."""
    line = stream.readline(65537)
    if not line:
        return CLOSED
    status, headers = int(line.split()[1]), http.client.parse_headers(stream)
    if status < 200 or status in (204, 304) or method == "HEAD":
        return Reply(status, headers)
    if headers.get("Transfer-Encoding") == "chunked":
        return Reply(status, headers, b"".join(chunks(stream)))
    length = headers.get("Content-Length")
    return Reply(status, headers, stream.read(None if length is None else int(length)))


def chunks(stream):
    """The parts of a chunked body, each as soon as it is there."""
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


class Wire:
    """A way to one nginx: by TLS, or plain."""

    def __init__(self, port, authority=None, name=HOST):
        self.port, self.name = port, name
        self.tls = ssl.create_default_context(cafile=authority) if authority else None

    def open(self, name=None, timeout=20):
        """A connection."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.tls.wrap_socket(plain, server_hostname=name or self.name) if self.tls else plain

    def raw(self, data, name=None, replies=1, method="GET"):
        """Sends bytes, reads replies; fewer when the connection ends."""
        with contextlib.closing(self.open(name)) as connection:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(data)
            found = []
            stream = connection.makefile("rb")
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while len(found) < replies and (reply := read_reply(stream, method)) is not CLOSED:
                    found.append(reply)
            return found

    def send(self, method, path, headers=(), body=b"", cookie=None, host=HOST):
        """One request, spelled exactly so; one reply."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"Cookie: {cookie}"] if cookie else []
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return (self.raw(head + body, method=method) or [CLOSED])[0]

    def get(self, path, headers=(), cookie=None, **options):
        """One GET below the prefix."""
        return self.send("GET", PREFIX + path, headers, cookie=cookie, **options)
