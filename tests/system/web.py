"""A browser in miniature: real TLS through the machine's nginx, cookies, forms, websocket handshakes."""

import base64
import dataclasses
import html
import http.client
import json
import os
import re
import ssl
import urllib.parse

HOST = "localhost"
PREFIX = "/jupyterhub"
SESSION = "hubgate-session"
NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}


@dataclasses.dataclass
class Answer:
    """Status, headers and body of one answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def location(self):
        return self.headers.get("Location", "")

    def json(self):
        return json.loads(self.body)

    def words(self):
        """What a person reads: the text without tags, blanks and case."""
        bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", self.text, flags=re.S | re.I)
        return " ".join(html.unescape(bare).lower().split())

    def element(self, ident):
        """The opening tag and the text of the element with this id, or None."""
        found = re.search(rf"<[^>]*\bid=\"?{re.escape(ident)}\b[^>]*>([^<]*)", self.text)
        return (found[0].split(">", 1)[0] + ">", html.unescape(found[1]).strip()) if found else None

    def field(self, name):
        """The value of a form's field."""
        tag = re.search(rf"<input[^>]*\bname=\"?{re.escape(name)}\b[^>]*>", self.text)
        value = re.search(r"\bvalue=\"([^\"]*)\"", tag[0]) if tag else None
        return html.unescape(value[1]) if value else None


class Browser:
    """One visitor with their own cookies, and their own address so that limits do not mix between tests."""

    count = 0

    def __init__(self, machine, authority, port=443):
        Browser.count += 1
        self.machine, self.port, self.cookies = machine, port, {}
        self.address = f"127.{1 + Browser.count // 250}.{Browser.count % 250}.9"
        self.tls = ssl.create_default_context(cadata=authority)

    def open(self, timeout=60.0):
        """A TLS connection to nginx."""
        plain = self.machine.connect(self.port, (self.address, 0), timeout)
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def headers(self, extra):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Host": HOST, **({"Cookie": cookie} if cookie else {}), **extra}

    def request(self, method, path, body=None, headers=None, timeout=60.0):
        """One request; a redirect is returned, not followed."""
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.open(timeout)
        try:
            connection.request(method, path, body, self.headers(headers or NAVIGATE))
            reply = connection.getresponse()
            answer = Answer(reply.status, reply.headers, reply.read())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if value and "max-age=0" not in line.lower():
                self.cookies[name.strip()] = value
            else:
                self.cookies.pop(name.strip(), None)
        return answer

    def get(self, path, **options):
        return self.request("GET", PREFIX + path, **options)

    def fetch(self, path, method="GET", **extra):
        """A request as a page's script makes it."""
        return self.request(method, PREFIX + path, headers={**FETCH, **extra})

    def submit(self, page, path, **fields):
        """Posts a form that `page` (a path, fetched for its token) has shown."""
        token = self.get(page).field("_xsrf")
        assert token, f"no _xsrf field on {page}"
        form = urllib.parse.urlencode({"_xsrf": token, **fields})
        headers = {**NAVIGATE, "Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{HOST}"}
        return self.request("POST", PREFIX + path, form, headers)

    def login(self, user, password, **fields):
        """Types a name and a password into the login page."""
        return self.submit("/hub/login", "/hub/login", username=user, password=password, **fields)

    @property
    def logged_in(self):
        return SESSION in self.cookies

    def websocket(self, path, origin=f"https://{HOST}"):
        """A handshake: the open connection and the status line's number."""
        connection = self.open()
        lines = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": origin,
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-Fetch-Mode": "websocket"}
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers(lines).items())
        connection.sendall(f"GET {PREFIX}{path} HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
        return connection, int(answer.split(b" ")[1]) if answer else 0
