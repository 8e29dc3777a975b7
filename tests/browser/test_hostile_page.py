"""A user's server is on the hub's origin, and its pages are hostile: whatever their scripts try, in Chromium, through the real nginx
and the real gateway, they see no page of the hub, drive none, and do nothing in the visitor's name."""

import json

import pytest

from conftest import CHROMIUM
from small_site import configured, serving, until
from spawner import FakeSpawner
from users import HOSTILE, Handler, UserServer

PASSWORD = "the victim's long password"
# What only pages of the hub hold: the token of their forms, and the way out.
MARKS = ('name="_xsrf"', 'id="logout"', '"api_tokens"', '"last_activity"')
PAGES = ["hub/home", "hub/token", "hub/sessions", "hub/admin", "hub/admin/users.csv", "hub/api/user", "hub/api/users/alice/tokens", "hub/",
         "hub/password", "hub/admin/announcements", "hub/admin/events", "hub/admin/rows", "hub/admin/audit", "hub/home/servers", "hub/history"]
WORKER = """
addEventListener('install', () => skipWaiting());
addEventListener('activate', event => event.waitUntil(clients.claim()));
addEventListener('fetch', event => {
  if (event.request.url.endsWith('/through')) {
    event.respondWith(fetch(new Request(event.request, {redirect: 'follow'}))
      .then(async answer => new Response(`<title>through</title><pre id=seen>${answer.status} ${(await answer.text()).replaceAll('<', '&lt;')}</pre>`,
                                         {headers: {'Content-Type': 'text/html'}}))
      .catch(error => new Response(`<title>through</title><pre id=seen>0 ${error}</pre>`, {headers: {'Content-Type': 'text/html'}})));
  }
});
"""


class Hostile(Handler):
    """A server that sends every header which could help a page of its own."""

    def on_page(self, _query):
        self.say(b"<!doctype html><title>hostile</title><body>hostile</body>", headers=HOSTILE.items(), kind="text/html")

    def on_worker(self, _query):
        self.say(WORKER.encode(), headers=HOSTILE.items(), kind="text/javascript")

    def on_through(self, _query):
        self.say(b"", status=302, headers=[("Location", "/jupyterhub/hub/home")])


@pytest.fixture(scope="module")
def place():
    """nginx, the gateway, and alice's server; alice administers the hub, so that there is much to steal."""
    root, gateway = configured('admin_users = ["alice"]\n')
    # mallory's is another's server that runs as well.
    servers = {name: UserServer(name, root / "servers") for name in ("alice", "mallory")}
    for server in servers.values():
        server.RequestHandlerClass = Hostile
    spawner = FakeSpawner(gateway.spawner_socket, servers)
    for name in ("alice", "mallory"):
        gateway.command("user", "add", name, "--password-stdin", stdin=f"{PASSWORD} of {name}\n")
    with serving(root, gateway, spawner) as place:
        yield place
        for server in servers.values():
            server.stop()


@pytest.fixture
def context(chromium):
    """A browser profile of its own."""
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(20_000)
    yield context
    context.close()


def log_in(place, page, name):
    page.goto(place.url("hub/login"))
    page.fill("#username_input", name)
    page.fill("#password_input", f"{PASSWORD} of {name}")
    page.click("#login_submit")
    page.wait_for_selector("#logout")


@pytest.fixture
def evil(place, context):
    """The hostile page in the browser of alice, who is logged in."""
    page = context.new_page()
    log_in(place, page, "alice")
    page.goto(place.url("user/alice/page"))
    assert page.title() == "hostile"
    return page


def tokens(place, context):
    """The notes of alice's tokens, by her own eyes."""
    page = context.new_page()
    page.goto(place.url("hub/token"))
    page.wait_for_selector("#new-token")
    found = page.locator('button[id^="revoke-"]').count()
    page.close()
    return found


def test_no_way_of_fetching_gives_a_script_a_page_of_the_hub(place, evil):
    ask = """async ([url, how]) => {
        try { const answer = await fetch(url, how); return [answer.status, answer.type, await answer.text()]; }
        catch (error) { return [0, 'error', `${error}`]; }
    }"""
    ways = [{}, {"mode": "same-origin"}, {"mode": "no-cors"}, {"headers": {"Accept": "text/html"}}, {"cache": "force-cache"},
            {"headers": {"X-Requested-With": "XMLHttpRequest"}}, {"headers": {"X-XSRFToken": "x"}}, {"keepalive": True}]
    for path in PAGES:
        for how in ways:
            status, kind, text = evil.evaluate(ask, [place.url(path), how])
            assert status in (403, 404) and not any(mark in text for mark in MARKS), (path, how, status, kind, text[:300])
    # The way is not the request's last word either: a redirect of the server's own leads to the same refusal.
    status, _, text = evil.evaluate(ask, [place.url("user/alice/through"), {}])
    assert status == 403 and not any(mark in text for mark in MARKS)
    assert evil.evaluate(ask, [place.url("user/alice/echo"), {}])[0] == 200, "the script's own server answers it"


def test_no_frame_shows_a_page_of_the_hub(place, evil):
    frame = """([kind, url]) => new Promise(done => {
        const part = document.createElement(kind);
        part.onload = part.onerror = () => setTimeout(() => {
            let text = '';
            try { text = part.contentDocument ? part.contentDocument.documentElement.outerHTML : ''; } catch { text = ''; }
            done(text);
        }, 50);
        part[kind === 'object' ? 'data' : 'src'] = url;
        document.body.append(part);
    })"""
    for kind in ("iframe", "object", "embed"):
        for path in PAGES:
            if kind == "embed" and path.endswith(".csv"):
                continue  # nothing of it is shown, and no event tells so
            text = evil.evaluate(frame, [kind, place.url(path)])
            assert not any(mark in text for mark in MARKS), (kind, path, text[:300])
    assert "hostile" in evil.evaluate(frame, ["iframe", place.url("user/alice/page")]), "the script's own page can be framed"


def opened(evil, script, url):
    """Has the hostile page open a window by `script`; the window itself, and what the script's handle says of it."""
    with evil.context.expect_page() as popup:
        evil.evaluate(script, url)
    window = popup.value
    window.wait_for_url(url)
    window.wait_for_load_state()
    return window


HANDLE = """() => {
    const told = {closed: handle.closed, text: '', names: 0};
    try { told.text = handle.document.documentElement.outerHTML; } catch (error) { told.text = ''; }
    try { handle.location.href = 'about:blank#driven'; } catch (error) { told.refused = `${error}`; }
    try { told.names = handle.document.forms.length; } catch (error) { told.names = 0; }
    return told;
}"""


@pytest.mark.parametrize("script", [
    "url => { window.handle = window.open(url); }",
    "url => { window.handle = window.open(url, 'named'); window.handle = window.open('', 'named') || window.handle; }",
    "url => { window.handle = window.open('about:blank'); setTimeout(() => { handle.location = url; }, 50); }",
    "url => { window.handle = window.open(location.href); handle.addEventListener('load', () => { handle.location = url; }); }",
], ids=["opened", "named", "blank and led there later", "own page and led there later"])
@pytest.mark.parametrize("path", ["hub/home", "hub/token", "hub/api/user"])
def test_a_window_that_a_script_opens_on_the_hub_is_out_of_its_hands(place, evil, script, path):
    window = opened(evil, script, place.url(path))
    assert window.evaluate("window.opener === null")
    shown = window.content()
    told = evil.evaluate(HANDLE)
    assert told["closed"], told
    assert not any(mark in told["text"] for mark in MARKS) and told["names"] == 0, told
    # Nothing drove it away, and it still is the hub's page.
    assert window.url == place.url(path) and window.content() == shown
    window.close()


def test_a_window_that_the_hub_opens_does_not_know_the_hub(place, context):
    home = context.new_page()
    log_in(place, home, "alice")
    with context.expect_page() as popup:
        home.evaluate("url => { window.open(url); }", place.url("user/alice/page"))
    popup.value.wait_for_load_state()
    assert popup.value.evaluate("window.opener === null")


def test_a_named_window_of_the_hub_is_not_found_by_its_name(place, evil):
    home = evil.context.new_page()
    home.goto(place.url("hub/home"))
    home.evaluate("window.name = 'hub'")
    with evil.context.expect_page() as popup:
        evil.evaluate("url => { window.handle = window.open(url, 'hub'); }", place.url("user/alice/page?other"))
    assert popup.value is not home and home.url == place.url("hub/home")


def test_nothing_is_done_in_the_visitors_name(place, evil):
    before = tokens(place, evil.context)
    send = """async ([method, url, headers, body]) => {
        try { const answer = await fetch(url, {method, headers, body}); return [answer.status, await answer.text()]; }
        catch (error) { return [0, `${error}`]; }
    }"""
    form, words = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    tries = [
        ("POST", "hub/token", form, "note=stolen"),
        ("POST", "hub/token", form, "note=stolen&_xsrf=x"),
        ("POST", "hub/token", {"Content-Type": "text/plain"}, "note=stolen"),
        ("POST", "hub/api/users/alice/tokens", words, "{}"),
        ("POST", "hub/api/users/alice/tokens?_xsrf=x", words, "{}"),
        ("POST", "hub/api/users/alice/tokens", {"Content-Type": "text/plain"}, "{}"),
        ("POST", "hub/api/users/alice/tokens", {**words, "X-XSRFToken": "x"}, "{}"),
        ("POST", "hub/api/users/eve", words, "{}"),
        ("PATCH", "hub/api/users/mallory", words, json.dumps({"admin": True})),
        ("DELETE", "hub/api/users/mallory", {}, None),
        ("DELETE", "hub/api/users/alice/server", {}, None),
        ("POST", "hub/admin/add", form, "names=eve"),
        ("POST", "hub/stop/alice", form, ""),
        ("POST", "hub/logout", form, ""),
        ("POST", "hub/spawn/mallory", form, ""),
    ]
    for method, path, headers, body in tries:
        status, text = evil.evaluate(send, [method, place.url(path), headers, body])
        assert status in (400, 403), (method, path, headers, status, text[:300])
    assert evil.evaluate("url => navigator.sendBeacon(url, new URLSearchParams({note: 'stolen'}))", place.url("hub/token"))
    # A form of the page's own, which is a navigation.
    for path in ("hub/token", "hub/api/users/alice/tokens", "hub/stop/alice"):
        with evil.context.expect_page() as popup:
            evil.evaluate("""url => { const form = document.createElement('form'); form.method = 'post'; form.action = url; form.target = '_blank';
                form.innerHTML = '<input name=note value=stolen>'; document.body.append(form); form.submit(); }""", place.url(path))
        popup.value.wait_for_load_state()
        assert "token-result" not in popup.value.content()
        popup.value.close()
    assert tokens(place, evil.context) == before
    users = place.gateway.command("user", "list")
    assert "\neve " not in users and "\nmallory " in users
    assert evil.evaluate("document.cookie") == "", "no cookie of the hub can be read"


def test_the_notices_of_a_server_tell_and_do_no_more_than_they_say(place, context):
    ask = """async ([url, how]) => { const answer = await fetch(url, how); return [answer.status, await answer.text()]; }"""
    page = context.new_page()
    log_in(place, page, "mallory")
    page.goto(place.url("user/mallory/page"))
    status, text = page.evaluate(ask, [place.url("hub/notices/mallory"), {}])
    assert status == 200 and set(json.loads(text)) == {"banners", "hide", "again_s"} and "xsrf" not in text
    for path in ("hub/notices/alice", "hub/notices/nobody"):
        assert page.evaluate(ask, [place.url(path), {}])[0] in (403, 404), path
    for path, headers in (("hub/keep/alice", {"X-Hubgate-Keep": "1"}), ("hub/keep/mallory", {})):
        assert page.evaluate(ask, [place.url(path), {"method": "POST", "headers": headers}])[0] in (400, 403, 404), path


@pytest.fixture
def trusting(chromium):
    """A browser that takes the test's certificate for a good one: to others Chromium gives no service worker at all."""
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=["--ignore-certificate-errors", "--no-sandbox", "--disable-quic"])
    yield browser.new_page()
    browser.close()


def test_a_service_worker_stays_below_the_servers_own_path(place, trusting):
    evil = trusting
    log_in(place, evil, "alice")
    evil.goto(place.url("user/alice/page"))
    register = """async ([script, scope]) => {
        try { const found = await navigator.serviceWorker.register(script, scope ? {scope} : undefined); return found.scope; }
        catch (error) { return error.name; }
    }"""
    for scope in ("/", "/jupyterhub/", "/jupyterhub/hub/", "/jupyterhub/user/", "/jupyterhub/user/mallory/"):
        assert evil.evaluate(register, ["/jupyterhub/user/alice/worker", scope]) == "SecurityError", scope
    assert evil.evaluate(register, ["/jupyterhub/user/alice/worker", ""]) == place.url("user/alice/")
    evil.evaluate("navigator.serviceWorker.ready.then(() => true)")
    # What it fetches for a navigation is refused as well, redirects included.
    evil.goto(place.url("user/alice/through"))
    assert evil.title() == "through"
    seen = evil.text_content("#seen")
    assert seen.startswith(("403", "0 ")) and not any(mark in seen for mark in MARKS), seen[:300]
    evil.goto(place.url("hub/home"))
    assert evil.evaluate("navigator.serviceWorker.controller === null") and evil.locator("#logout").count() == 1


def session_of_mallory(place, chromium):
    """The session of the attacker's own account."""
    context = chromium.new_context(ignore_https_errors=True)
    log_in(place, context.new_page(), "mallory")
    session = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "hubgate-session")
    context.close()
    return session


def test_a_cookie_that_a_page_sets_makes_nobody_of_the_visitor(place, evil, chromium):
    session = session_of_mallory(place, chromium)
    evil.evaluate("session => { document.cookie = `hubgate-session=${session}; path=/jupyterhub/; secure`; }", session)
    home = evil.context.new_page()
    home.goto(place.url("hub/home"))
    assert home.text_content(".who") == "alice", "a script cannot write over the cookie of the session"
    # Under a longer path there are two: the hub takes neither, and somebody else's session does not become the visitor's.
    evil.evaluate("session => { document.cookie = `hubgate-session=${session}; path=/jupyterhub/hub; secure`; }", session)
    home.goto(place.url("hub/home"))
    assert home.locator("#login_form").count() == 1 and "mallory" not in home.content()


def test_what_remains_a_script_can_crowd_the_session_out_and_put_another_in_its_place(place, evil, chromium):
    """Not prevented on one origin, and said in docs/SECURITY.md: this shows that it is so still, and that no more is lost."""
    session = session_of_mallory(place, chromium)

    def kept():
        return any(cookie["name"] == "hubgate-session" for cookie in evil.context.cookies())

    def crowded():
        evil.evaluate("() => { for (let n = 0; n < 400; n++) document.cookie = `crowd${n}=${Math.random()}; path=/jupyterhub/; secure`; }")
        return not kept()

    until(crowded, "the browser has dropped the cookie of the session")
    home = evil.context.new_page()
    home.goto(place.url("hub/home"))
    assert home.locator("#login_form").count() == 1, "the visitor is logged out"
    evil.evaluate("""session => { for (let n = 0; n < 400; n++) document.cookie = `crowd${n}=; path=/jupyterhub/; secure; max-age=0`;
        document.cookie = `hubgate-session=${session}; path=/jupyterhub/; secure`; }""", session)
    # Another page of the browser can be faster than what a script writes.
    until(kept, "the browser has taken the other cookie")
    home.goto(place.url("hub/home"))
    assert home.text_content(".who") == "mallory", "the visitor is in another's account: no page of the visitor's own is reached by it"
