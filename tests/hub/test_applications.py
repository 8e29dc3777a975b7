"""Applications below a person's own server: jupyter-server-proxy with an editor in the manner of code-server, RStudio by jupyter-rsession-proxy, Shiny."""

import hashlib
import json
import os
import time

import pytest
from ask import Visitor
from clients.script import Script
from stack import free_port, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# An application that starts for its first visitor may take as long.
FIRST_S = 60
# nginx gives up a silent connection after this time, unless it is told otherwise.
SILENT_S = 60
BIG = 48 << 20
PATH = "tell/a%20b/%E8%AF%BE%E7%A8%8B/50%25/x;y=1,2/@(z)"
QUERY = "path=%2Fhome%2Fx&file=%E8%AF%BE%20%E7%A8%8B.ipynb&next=https%3A%2F%2Fx.test%2F%3Fa%3D1%2526b&plus=a+b&empty="


@pytest.fixture(scope="module")
def hub(applications):
    """hubgate whose servers offer applications."""
    return applications


@pytest.fixture(scope="module")
def server(hub):
    """carol's server, which a token of hers has started."""
    script = Script(hub, "carol", hub.token("carol"), hub.tls())
    script.start()
    yield script
    script.stop()


@pytest.fixture(scope="module")
def carol(hub, server):
    """carol with a session, as a browser has it."""
    return Visitor(hub).log_in("carol")


@pytest.fixture(scope="module")
def ways(hub, server):
    """Where the editor is, each way that jupyter-server-proxy has: started by it on a socket or on a port, or by oneself on a port."""
    editor = [f"{os.environ['HUBGATE_TEST_APPLICATIONS']}/python", "-I", hub.work / "share/applications/editor.py"]
    plain, whole = free_port(), free_port()
    for port, more in ((plain, []), (whole, ["--base", f"{server.own}proxy/absolute/{whole}"])):
        hub.parts.start("editor", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *editor, "--port", port, *more])
    ways = {"on a socket": "code/", "with whole paths": "absolute/", "by port": f"proxy/{plain}/", "by port with whole paths": f"proxy/absolute/{whole}/"}
    for way in ways.values():
        until(f"the editor at {way}", lambda way=way: server.send("GET", f"{server.own}{way}", timeout=FIRST_S).status == 200, parts=hub.parts)
    return {name: server.own + way for name, way in ways.items()}


@pytest.fixture(params=["on a socket", "with whole paths", "by port", "by port with whole paths"])
def editor(ways, silent, request):
    """The editor's address, for each way. The silent websocket is opened before all of it."""
    return ways[request.param]


def channel(hub, visitor, path):
    """A websocket as a page of the visitor's opens it."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    return connect(f"wss://localhost:{hub.port}{path}", ssl=hub.tls(), origin=hub.address, subprotocols=["editor.v1"], additional_headers={"Cookie": cookies},
                   max_size=None, ping_interval=None, open_timeout=FIRST_S)


@pytest.fixture(scope="module")
def silent(hub, carol, ways):
    """A websocket that says nothing from now on, and when that began."""
    with channel(hub, carol, f"{ways['on a socket']}socket") as socket:
        socket.recv()
        yield socket, time.monotonic()


def test_a_profile_s_application_opens_after_the_login_and_a_page_of_relative_addresses_finds_its_parts(hub, person):
    alice = person(hub, "alice")
    alice.log_in()
    alice.page.wait_for_url(alice.own("code/"))
    alice.page.wait_for_function("document.title === 'open editor.v1'")
    assert alice.page.evaluate("getComputedStyle(document.getElementById('out')).color") == "rgb(1, 2, 3)"
    assert alice.complaints == []


def test_jupyterlab_s_launcher_opens_it(hub, person):
    alice = person(hub, "alice")
    alice.log_in(first=f"user/{alice.name}/lab?reset")
    alice.wait_for_lab()
    with alice.context.expect_page() as opened:
        alice.page.click('.jp-LauncherCard[title^="code "]')
    opened.value.wait_for_url(alice.own("code/"))
    opened.value.wait_for_function("document.title === 'open editor.v1'")


def test_an_application_s_service_worker_serves_its_own_path(hub, person):
    alice = person(hub, "alice")
    alice.log_in(first=f"user/{alice.name}/code/")
    alice.page.wait_for_url(alice.own("code/"))
    scope = alice.page.evaluate("""async () => {
        const worker = await navigator.serviceWorker.register("worker.js");
        await navigator.serviceWorker.ready;
        if (!navigator.serviceWorker.controller) await new Promise(done => navigator.serviceWorker.addEventListener("controllerchange", done));
        return worker.scope;
    }""")
    assert scope == alice.own("code/")
    assert alice.page.evaluate("fetch('of-the-worker').then(answer => answer.text())") == "answered by the worker"


def test_rstudio_s_redirects_cookies_and_held_requests_work(hub, person):
    alice = person(hub, "alice")
    alice.log_in(first=f"user/{alice.name}/rstudio/")
    alice.page.wait_for_url(alice.own("rstudio/"))
    alice.page.wait_for_function("document.title === 'RStudio session'")
    paths = {cookie["name"]: cookie["path"] for cookie in alice.context.cookies()}
    assert (paths["user-id"], paths["csrf-token"]) == (f"{hub.base}/user/alice/rstudio",) * 2
    told = alice.page.evaluate("""async () => {
        const token = document.cookie.match(/csrf-token=(\\w+)/)[1];
        const call = (path, params) => fetch(path, {method: "POST", headers: {"X-CSRF-Token": token, "Content-Type": "application/json"},
                                                    body: JSON.stringify({method: path, params})}).then(answer => answer.json());
        const order = [];
        const held = call("events/get_events", [0]).then(answer => { order.push("events"); return answer; });
        const said = await call("rpc/console_input", ["1 + 1"]).then(answer => { order.push("said"); return answer; });
        return {held: await held, said};
    }""")
    assert told["held"]["result"] == [{"method": "rpc/console_input", "params": ["1 + 1"]}]
    assert told["said"]["root"] == f"{hub.base}/user/alice/rstudio"
    assert alice.complaints == []


def test_shiny_shows_over_its_websocket_what_is_typed(hub, person):
    alice = person(hub, "alice")
    alice.log_in(first=f"user/{alice.name}/shiny/")
    alice.page.wait_for_selector("#greeting:text-is('Hello, nobody!')")
    alice.page.fill("#name", "课程")
    alice.page.wait_for_selector("#greeting:text-is('Hello, 课程!')")
    assert [text for text in alice.complaints if "/favicon.ico" not in text] == []


def test_a_page_and_its_files_are_there_in_every_way(carol, editor):
    assert "static/app.js?v=1.0%2B1" in carol.page("GET", editor).body
    style = carol.send("GET", f"{editor}static/style.css?v=1.0%2B1")
    assert (style.status, style.header("Content-Type")) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_path_query_and_body_reach_it_as_they_were_sent(carol, editor, method):
    body = "a=1&_xsrf=mine" if method in ("POST", "PUT", "PATCH") else None
    answer = carol.send(method, f"{editor}{PATH}?{QUERY}", body, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"})
    assert answer.status == 200, answer
    seen = answer.json()
    assert (seen["method"], seen["body"]) == (method, body or "")
    assert seen["path"].removeprefix(editor).removeprefix("/") == f"{PATH}?{QUERY}"


def test_another_site_s_form_does_not_reach_it(carol, editor):
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}):
        assert carol.send("POST", f"{editor}tell/x", "a=1", headers).status == 403


def test_a_websocket_carries_text_and_binary_frames_of_any_size_under_its_subprotocol(hub, carol, editor):
    with channel(hub, carol, f"{editor}socket?reconnectionToken=a%2Fb&x=%E8%AF%BE") as socket:
        assert socket.subprotocol == "editor.v1"
        assert socket.recv().endswith("/socket?reconnectionToken=a%2Fb&x=%E8%AF%BE")
        for frame in ("课程", "", bytes(range(256)), b"", b"\x00\xff" * (1 << 20)):
            socket.send(frame)
            assert socket.recv() == frame


def test_a_big_body_arrives_whole_and_a_big_file_comes_back(carol, editor):
    body = "0123456789abcdef" * (BIG // 16)
    told = carol.send("POST", f"{editor}upload", body, timeout=120).json()
    assert told == {"size": BIG, "sha256": hashlib.sha256(body.encode()).hexdigest()}
    assert len(carol.send("GET", f"{editor}download?size={BIG}", timeout=120).body) == BIG


def headers_seen(visitor, editor, headers=()):
    """What the application heard, by lower-case name."""
    answer = visitor.send("GET", f"{editor}tell/x", headers=headers)
    assert answer.status == 200, answer
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_the_session_and_who_else_somebody_says_to_be_do_not_reach_it(hub, carol, editor):
    assert "hubgate-session" in carol.cookies
    lies = {"X-Forwarded-User": "admin", "X-Remote-User": "admin", "Remote-User": "admin", "X-Hubgate-User": "admin", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4",
            "X-Hubgate-Cookie": "x", "X-Hubgate-Upstream": "x"}
    own = "; ".join(f"{name}={value}" for name, value in {**carol.cookies, "editor-session": "own"}.items())
    seen = headers_seen(carol, editor, {"Cookie": own, "Authorization": "Basic eDp5", **lies})
    said = json.dumps(seen)
    assert carol.cookies["hubgate-session"] not in said and "hubgate-session" not in said
    assert "editor-session=own" in seen["cookie"]
    assert seen["x-hubgate-user"] == "carol" and "authorization" not in seen
    assert [name for name in lies if "admin" in seen.get(name.lower(), "") or "1.2.3.4" in seen.get(name.lower(), "")] == []
    assert seen["host"] == f"localhost:{hub.port}" and seen["x-forwarded-proto"] == "https"


def test_a_token_does_not_reach_it_either(server, editor):
    seen = headers_seen(server, editor)
    assert server.token not in json.dumps(seen) and "authorization" not in seen


def test_its_cookies_stay_below_the_server_and_below_its_own_path_where_it_says_one(carol, ways, server):
    editor = ways["on a socket"]
    set_cookies = [value for name, value in carol.send("GET", f"{editor}cookies").headers if name.lower() == "set-cookie"]
    assert sorted(set_cookies) == [f"editor-session=everywhere; Path={server.own}", f"editor-state=here; Path={editor}"]


def test_its_own_refusal_is_its_own(carol, editor):
    answer = carol.page("GET", f"{editor}denied")
    assert (answer.status, answer.body) == (401, "the editor wants a password")


def test_nobody_reaches_it_without_the_hub_s_leave(hub, carol, editor):
    assert Visitor(hub).send("GET", editor).status == 401
    assert Visitor(hub, hub.token("dave")).send("GET", editor).status in (403, 404)


def test_logging_out_ends_an_application_s_websocket_and_a_silent_one_lives_as_long_as_its_session(hub, carol, ways, silent):
    leaving = Visitor(hub).log_in("carol")
    with channel(hub, leaving, f"{ways['on a socket']}socket") as socket:
        socket.recv()
        form = f"_xsrf={leaving.session_xsrf}"
        assert leaving.page("POST", f"{hub.base}/hub/logout", form).status in (200, 302)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
    socket, began = silent
    with pytest.raises(TimeoutError):
        socket.recv(timeout=max(0, began + SILENT_S + 5 - time.monotonic()))
    socket.send("still there")
    assert socket.recv(timeout=10) == "still there"
