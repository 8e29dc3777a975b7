"""One visitor of a hub: sends requests, keeps cookies, follows nothing by itself."""

import http.client
import json
import ssl
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

import world


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list
    body: str
    note: str = field(default="")

    def header(self, name):
        """The first header of this name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self):
        """The body as JSON, or None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Visitor:
    """`token` makes it a program, `log_in` a browser."""

    def __init__(self, hub, token=None):
        self.hub, self.token, self.cookies = hub, token, {}

    def send(self, method, path, body=None, headers=(), timeout=40, api=False):
        """Sends one request and reads the whole answer."""
        url = urlsplit(self.hub.api_address if api else self.hub.address)
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context(), timeout=timeout)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        sent = {}
        if self.token is not None:
            sent["Authorization"] = f"token {self.token}"
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent["Content-Type"] = "application/json"
        for name, value in dict(headers).items():
            sent.pop(next((old for old in sent if old.lower() == name.lower()), None), None)
            if value != "":
                sent[name] = value
        try:
            connection.request(method, path, body=None if body is None else body.encode(), headers=sent)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.split(";")[0].partition("=")
                if value in ("", '""'):
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
            return Answer(answer.status, answer.getheaders(), answer.read().decode(errors="replace"))
        finally:
            connection.close()

    def page(self, method, path, body=None, headers=()):
        """A request as a browser's navigation sends it."""
        more = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}
        if body is not None:
            more["Content-Type"] = "application/x-www-form-urlencoded"
        return self.send(method, path, body, {**more, **dict(headers)})

    def xsrf(self, page):
        """The token in a page's form."""
        return page.split('name="_xsrf" value="')[1].split('"')[0]

    def log_in(self, name, password=world.PASSWORD):
        """A browser's log-in; the token of the session is remembered for the header."""
        base = self.hub.base
        answer = self.page("GET", f"{base}/hub/login")
        assert answer.status == 200, (answer.status, answer.body)
        form = urlencode({"_xsrf": self.xsrf(answer.body), "username": name, "password": password})
        answer = self.page("POST", f"{base}/hub/login?next={quote(base + '/hub/home')}", form)
        assert answer.status == 302, (answer.status, answer.body)
        home = self.page("GET", f"{base}/hub/home")
        assert home.status == 200, (home.status, home.body)
        self.session_xsrf = self.token_of(home.body)
        return self

    @staticmethod
    def token_of(page):
        """The session's token, as a page tells it to its scripts."""
        for before in ('name="_xsrf" value="', 'xsrf_token: "', 'data-xsrf="'):
            if before in page:
                return page.split(before)[1].split('"')[0]
        raise AssertionError(f"no _xsrf in {page[:2000]}")
