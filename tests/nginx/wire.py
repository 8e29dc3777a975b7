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


class Channel:
    """A client's end of a websocket; texts of at most 125 bytes. One thread alone may use it: TLS in Python 3.11 is not safe for two."""

    def __init__(self, wire, path, cookie):
        self.connection = wire.open()
        lines = [f"GET {PREFIX}{path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in UPGRADE)]
        lines += [f"Cookie: {cookie}"] if cookie else []
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        self.stream = self.connection.makefile("rb")
        self.reply = read_reply(self.stream)
        assert self.reply.status == 101, (self.reply.status, self.reply.text)

    def send(self, text):
        data = text.encode()
        mask = b"\x05\x06\x07\x08"
        self.connection.sendall(bytes([0x81, 0x80 | len(data)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def recv(self):
        """The next text; the connection's own deadline bounds the wait."""
        head = self.stream.read(2)
        assert head[:1] == b"\x81", f"no text frame: {head}"
        return self.stream.read(head[1]).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
