"""As much of a browser as a login needs: cookies, redirects one by one, forms."""

import html
import http.client
import re
import ssl
import urllib.parse

NAVIGATE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none",
            "User-Agent": "tests/oidc"}


class Page:
    """One answer."""

    def __init__(self, url, status, headers, text):
        self.url, self.status, self.headers, self.text = url, status, headers, text

    @property
    def location(self):
        """Where it leads, in full."""
        return urllib.parse.urljoin(self.url, self.headers.get("Location", ""))

    def heading(self):
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.S)
        return html.unescape(found[1]) if found else self.text[:300]


class Browser:
    """One person's. `jar` is (host, path, name) → value."""

    def __init__(self, authority):
        self.tls, self.jar, self.seen = ssl.create_default_context(cafile=authority), {}, []

    def cookie(self, host, path):
        return "; ".join(f"{name}={value}" for (at, below, name), value in self.jar.items() if at == host and path.startswith(below))

    def send(self, url, fields=None, **headers):
        """One request; no redirect is followed."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=40, context=self.tls)
        sent = NAVIGATE | {"Cookie": self.cookie(parts.hostname, parts.path)} | headers
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
        target = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        connection.request("POST" if body else "GET", target, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        page = Page(url, answer.status, answer.headers, answer.read().decode(errors="replace"))
        connection.close()
        self.seen.append(page)
        self.keep(parts, answer.headers)
        return page

    def keep(self, parts, headers):
        for line in headers.get_all("Set-Cookie") or []:
            pair, *rest = line.split(";")
            name, _, value = pair.strip().partition("=")
            attributes = {word.strip().lower(): text for word, _, text in (part.partition("=") for part in rest)}
            key = (parts.hostname, attributes.get("path", "/"), name)
            gone = attributes.get("max-age") == "0" or "1970" in attributes.get("expires", "")
            if gone:
                self.jar.pop(key, None)
            else:
                self.jar[key] = value

    def follow(self, page, until=None):
        """Goes on as long as redirects lead on, at most twenty times, and not to what begins with `until`."""
        for _ in range(20):
            if page.status not in (301, 302, 303) or (until and page.location.startswith(until)):
                return page
            page = self.send(page.location)
        raise AssertionError(f"redirects without end: {[seen.url for seen in self.seen[-20:]]}")

    def go(self, url, until=None):
        return self.follow(self.send(url), until)

    def fill(self, page, **fields):
        """Sends the form of a page with its hidden fields."""
        form = re.search(r"<form[^>]*action=\"([^\"]*)\"[^>]*>(.*?)</form>", page.text, re.S)
        assert form, f"no form at {page.url}: {page.status} {page.text[:500]}"
        hidden = {}
        for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form[2]):
            name, value = re.search(r"name=\"([^\"]*)\"", tag), re.search(r"value=\"([^\"]*)\"", tag)
            hidden[name[1]] = html.unescape(value[1])
        return self.send(urllib.parse.urljoin(page.url, html.unescape(form[1])), hidden | fields)

    def session(self):
        """The hub's session cookie, if there is one."""
        return next((value for (_, _, name), value in self.jar.items() if name == "hubgate-session"), None)
