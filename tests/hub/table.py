"""The requests of the comparison: read from requests/*.txt, sent to one hub in their order, with everything they need made first.

A line is `askers METHOD path [body] [| Header: value]… [=> name]`. Askers (with a comma between) are names of world.py, or
    nobody, bad (a wrong token), alice@web (a script of a page: cookies and the XSRF token), alice@web-bare (without that token),
    alice@web-wrong (with another one), alice@page (a browser that goes there), or a token itself.
`=> name` keeps the answer's JSON, for `${name.key}` further down; `${token.alice}` is the token of an asker.
`@wait ready|stopped|gone USER [SERVER]` waits; `@code name USER CLIENT URI [more]` walks through the authorization page.
"""

import json
import pathlib
import re
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import world
from ask import Visitor

FOLDER = pathlib.Path(__file__).resolve().parent / "requests"
WAIT_S = 15
SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}


@dataclass
class Row:
    """One line for one asker, or one directive."""

    place: str
    who: str
    method: str
    path: str
    body: str | None = None
    headers: tuple = ()
    keep: str | None = None


def rows(folder=FOLDER):
    """All rows in their order."""
    found = []
    for file in sorted(folder.glob("*.txt")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                found += of_line(f"{file.name}:{number}", line)
    return found


def of_line(place, line):
    """The rows of one line."""
    line, _, keep = line.partition(" => ")
    line, *headers = line.split(" | ")
    if line.startswith("@"):
        return [Row(place, line, "", "")]
    askers, method, *rest = line.split(" ", 2)
    path, _, body = (rest[0] if rest else "").partition(" ")
    pairs = tuple(tuple(header.strip().split(": ", 1)) for header in headers)
    return [Row(place, who, method, path, body or None, pairs, keep.strip() or None) for who in askers.split(",")]


class Run:
    """One pass through the table against one hub."""

    def __init__(self, hub):
        self.hub, self.kept, self.browsers = hub, {}, {}
        self.kept["quiet_uri"] = f"{hub.base}/services/quiet/oauth_callback"
        boss = Visitor(hub, world.SERVICES["boss"]["api_token"])
        tokens = {}
        for name, (owner, body) in world.TOKENS.items():
            answer = boss.send("POST", f"{hub.base}/hub/api/users/{owner}/tokens", json.dumps(body))
            assert answer.status == 201, (name, answer.status, answer.body)
            tokens[name] = answer.json()["token"]
        self.kept["token"] = tokens

    def fill(self, text):
        """A text with what was kept in the place of `${…}`."""
        def value(match):
            found = self.kept
            for key in match.group(1).split("."):
                found = found.get(key, "unknown") if isinstance(found, dict) else "unknown"
            return str(found)
        return re.sub(r"\$\{([^}]*)\}", value, text)

    def visitor(self, who):
        """The visitor and the headers of an asker."""
        who = self.fill(who)
        if who == "nobody":
            return Visitor(self.hub), {}
        if who == "bad":
            return Visitor(self.hub, "0123456789abcdef0123456789abcdef"), {}
        name, at, how = who.partition("@")
        if not at:
            token = self.kept["token"].get(who) or world.SERVICES.get(who, {}).get("api_token") or who
            return Visitor(self.hub, token), {}
        if name not in self.browsers:
            self.browsers[name] = Visitor(self.hub) if name == "nobody" else Visitor(self.hub).log_in(name)
        browser = self.browsers[name]
        if how == "page":
            return browser, {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}
        more = {"web": {"X-XSRFToken": getattr(browser, "session_xsrf", "")}, "web-wrong": {"X-XSRFToken": "wrong"}, "web-bare": {}}[how]
        return browser, {**SCRIPT, **more}

    def url(self, path):
        """The path on the site."""
        path = self.fill(path)
        return self.hub.base + (path[1:] if path.startswith("^") else f"/hub/api{path}")

    def everything(self):
        """Sends all; yields (row, answer, seconds)."""
        for row in rows():
            if row.who.startswith("@"):
                yield from self.directive(row)
                continue
            visitor, headers = self.visitor(row.who)
            sent = {name: self.fill(value) for name, value in row.headers}
            began = time.monotonic()
            answer = visitor.send(row.method, self.url(row.path), None if row.body is None else self.fill(row.body), {**headers, **sent})
            if row.keep:
                self.kept[row.keep] = answer.json() or {}
            yield row, answer, time.monotonic() - began

    def directive(self, row):
        """`@wait` yields nothing when it came true, and `@code` the page's answers."""
        name, *words = row.who.split(" ")
        if name == "@wait":
            self.wait(*words)
        elif name == "@code":
            keep, user, client, uri, *more = words
            page = f"/oauth2/authorize?client_id={client}&redirect_uri={quote(uri, safe='')}&response_type=code&state=s" + "".join(more)
            browser, headers = self.visitor(f"{user}@page")
            answer = browser.send("GET", self.url(page), None, headers)
            yield Row(row.place, f"{user}@page", "GET", page), answer, 0.0
            if answer.status == 200:
                form = [("scopes", scope) for scope in re.findall(r'name="scopes"\s+value="([^"]*)"', answer.body)]
                form = urlencode([("_xsrf", browser.xsrf(answer.body)), *form])
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                answer = browser.send("POST", self.url(page), form, headers)
                yield Row(row.place, f"{user}@page", "POST", page), answer, 0.0
            query = parse_qs(urlsplit(answer.header("Location") or "").query)
            self.kept[keep] = {"code": query.get("code", [""])[0]}

    def wait(self, state, user, server=""):
        """Waits until a server is so; what did not come true shows in the answers that follow."""
        boss = Visitor(self.hub, world.SERVICES["boss"]["api_token"])
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            answer = boss.send("GET", f"{self.hub.base}/hub/api/users/{user}/servers/{server}")
            model = answer.json() or {}
            if (answer.status == 404) if state == "gone" else answer.status == 200 and model.get(state) is True and not model.get("pending"):
                return
            time.sleep(0.05)
