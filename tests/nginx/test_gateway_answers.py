"""Rows 52-57 of the security checklist 3.2: a gateway that is gone or strange, a server that is not there. It fails closed."""

import re

import pytest

from gateway import StubGateway
from nginx_site import until
from users import UserServer
from wire import NAVIGATE, PREFIX, UPGRADE

JSON = [("Accept", "application/json")]
PATHS = ["/user/alice/lab", "/user/alice/api/contents", "/user/bob/lab", "/hub/login", "/hub/home", "/hub/api/user", "/hub/health", "/", ""]


@pytest.mark.parametrize("path", PATHS)
def test_row_52_without_a_gateway_every_path_is_a_static_5xx(stub_site, path):
    for headers in (NAVIGATE, JSON, UPGRADE):
        reply = stub_site.wire.get(path, headers, cookie="hubgate-session=x")
        assert reply.status in (502, 503)
        assert "The hub does not answer just now" in reply.text and reply["Retry-After"] and reply["Cache-Control"] == "no-store"
    post = stub_site.wire.send("POST", PREFIX + path, body=b"x" * 40_000)
    assert post.status in (502, 503) and "The hub does not answer" in post.text
    assert stub_site.alice.calls == 0


def test_the_page_of_a_gateway_that_is_gone_speaks_both_languages_and_names_the_request_as_the_log_does(stub_site):
    page = stub_site.wire.get("/hub/home", NAVIGATE).text
    assert "The hub does not answer just now" in page and '<section lang="zh-CN">' in page and "服务暂时没有响应" in page
    assert not re.search(r"(?:src|href|url)\s*[=(]", page), "nothing is fetched for it"
    reference = re.search(r"<code>([0-9a-f]{32})</code>", page).group(1)
    until(lambda: f"id={reference}" in stub_site.site.access(), "the request is in the log")


def test_row_52_a_stopped_gateway_is_a_static_page_and_no_server_hears_of_it(hub):
    hub.gateway.kill()
    hub.gateway.listener.close()
    try:
        for path in ("/user/alice/lab", "/user/alice/echo", "/hub/home"):
            reply = hub.wire.get(path, NAVIGATE, cookie=hub.cookie["alice"])
            assert reply.status in (502, 503) and "does not answer" in reply.text
        assert hub.alice.calls == 0
    finally:
        hub.gateway.listen()
        hub.gateway.start()
        until(lambda: hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"]).status == 200, "the gateway is back")


@pytest.mark.parametrize("character", ["redirects", "knows_nothing", "fails", "talks_nonsense"])
def test_row_53_a_gateway_that_neither_allows_nor_refuses_lets_nobody_through(stub_site, stub, character):
    stub.character = character
    for headers in (NAVIGATE, JSON, UPGRADE):
        reply = stub_site.wire.get("/user/alice/echo", headers)
        assert 500 <= reply.status < 600 and not reply["Location"]
    assert stub_site.alice.calls == 0


def test_row_53_a_gateway_that_hangs_is_given_up_after_ten_seconds(stub_site, stub):
    stub.character = "hangs"
    reply = stub_site.wire.get("/user/alice/echo")
    assert 500 <= reply.status < 600 and stub_site.alice.calls == 0


def test_row_54_without_an_upstream_there_is_no_default(stub_site, stub):
    stub.character = "grants_nothing"
    assert 500 <= stub_site.wire.get("/user/alice/echo").status < 600
    assert 500 <= stub_site.wire.get("/user/alice/echo", UPGRADE).status < 600
    assert stub_site.alice.calls == 0


@pytest.mark.parametrize("upstream", [
    "{servers}/../servers/bob.sock", "/run/../tmp/x.sock", "{servers}/bob.sock", "unix:{servers}/../servers/bob.sock", "unix:{servers}/./bob.sock",
    "unix:{servers}//bob.sock", "unix:{servers}/bob.sock:", "unix:{servers}/bob.sock:/x", "unix:{servers}/bob.sock?x", "unix:{servers}/bob.sock ",
    " unix:{servers}/bob.sock", "unix:{servers}/bob.sock#.sock", "unix:{servers}/alice:bob.sock", "unix:{servers}/Bob.sock", "unix:{servers}/.sock",
    "unix:{servers}x/bob.sock", "UNIX:{servers}/bob.sock", "unix:/tmp/bob.sock", "127.0.0.1:80", "localhost", "hubgate", "hubgate/auth",
    "unix:{servers}/bob.sock\tx", "unix:{root}/gateway.sock", "unix:{servers}/bob@.sock", "unix:{servers}/bob@a@b.sock", "http://evil.test",
    "unix:{servers}/bob.sock,unix:{servers}/alice.sock", "unix:{servers}/../gateway.sock"])
def test_row_55_an_upstream_of_another_shape_is_no_upstream(stub_site, stub, upstream):
    root = stub_site.site.root
    stub.upstream = upstream.format(servers=root / "servers", root=root)
    if stub.upstream.strip() == f"unix:{root}/servers/bob.sock":
        stub.upstream = stub.upstream.replace("bob", "alice")  # HTTP itself strips the blanks: then it is a good answer
        assert stub_site.wire.get("/user/alice/echo").status == 200
        return
    for headers in ((), UPGRADE):
        reply = stub_site.wire.get("/user/alice/echo", headers)
        assert 500 <= reply.status < 600 and "does not answer" in reply.text
    assert stub_site.alice.calls == 0


def test_an_admitted_upstream_is_reached_a_named_server_s_too(stub_site, stub):
    assert stub_site.wire.get("/user/alice/echo").of_server() == "alice"
    named = UserServer("alice@gpu", stub_site.site.root / "servers")
    try:
        stub.upstream = f"unix:{named.path}"
        assert stub_site.wire.get("/user/alice/gpu/echo").of_server() == "alice@gpu"
    finally:
        named.stop()


def test_row_56_a_person_is_led_to_start_a_stopped_server_and_a_program_is_told(hub, alice_in):
    alice_in("stopped")
    page = hub.wire.get("/user/alice/lab", NAVIGATE, cookie=hub.cookie["alice"])
    assert page.status in (200, 302) and f"{PREFIX}/hub/spawn/alice" in page["Location"] + page.text
    for method in ("GET", "PUT"):
        reply = hub.wire.send(method, f"{PREFIX}/user/alice/api/contents", JSON, b"{}" if method == "PUT" else b"", hub.cookie["alice"])
        assert reply.status in (424, 503) and reply.json() and reply["Retry-After"]
    assert hub.alice.calls == 0 and not [r for r in hub.spawner.asked if r["op"] == "start"], "nothing may start by itself"


@pytest.mark.parametrize("how", ["gone", "swollen"])
def test_row_56_a_server_that_gives_no_answer_is_explained_by_the_hub(hub, how):
    for headers, kind in ((NAVIGATE, "text/html"), (JSON, "application/json")):
        reply = hub.wire.get(f"/user/alice/{how}", headers, cookie=hub.cookie["alice"])
        assert reply.status in (424, 502, 503) and reply["Content-Type"].startswith(kind)
        assert "nginx" not in reply.text and reply.of_server() is None


def test_row_56_a_failed_server_s_own_last_words_are_shown(hub, alice_in):
    alice_in("failed")
    page = hub.wire.get("/user/alice/lab", NAVIGATE, cookie=hub.cookie["alice"])
    assert page.status in (200, 424, 503) and "last words of alice" in page.text


def test_row_57_while_a_server_starts_a_person_sees_progress_and_a_websocket_waits(hub, alice_in):
    alice_in("starting")
    page = hub.wire.get("/user/alice/", NAVIGATE, cookie=hub.cookie["alice"])
    assert page.status == 302 and "spawn-pending/alice" in page["Location"]
    channel = hub.wire.get("/user/alice/api/kernels/k/channels", UPGRADE, cookie=hub.cookie["alice"])
    assert channel.status == 503 and channel["Retry-After"]
    assert hub.alice.calls == 0


def test_the_question_holds_what_the_decision_needs_and_nothing_else(stub_site, stub):
    headers = [("Authorization", "token t"), ("User-Agent", "u"), ("Accept", "a/b"), ("Origin", "https://o"), ("Sec-Fetch-Site", "none"),
               ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"), ("X-Other", "o"), ("Content-Type", "x/y"), ("Referer", "r")]
    stub_site.wire.send("PUT", f"{PREFIX}/user/alice/take?q=1", headers, b"body", "c=1")
    (question,) = stub.questions()
    expected = {
        "Host": "hubgate", "X-Original-URI": f"{PREFIX}/user/alice/take?q=1", "X-Normalized-URI": f"{PREFIX}/user/alice/take",
        "X-Original-Method": "PUT", "X-Original-Host": "hub.test", "X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "https",
        "X-Orig-Origin": "https://o", "X-Orig-Fetch-Site": "none", "X-Orig-Fetch-Mode": "cors", "X-Orig-Fetch-Dest": "empty",
        "X-Orig-Accept": "a/b", "Cookie": "c=1", "Authorization": "token t", "User-Agent": "u", "X-Real-Port": question["X-Real-Port"]}
    assert dict(question.items()) == expected


@pytest.mark.parametrize("character", ["refuses", "wants_login"])
def test_a_refused_request_is_handed_over_with_its_method_and_without_its_body(stub_site, stub, character):
    stub.character, stub.page_status = character, 418
    for method, body in (("GET", b""), ("HEAD", b""), ("DELETE", b""), ("PUT", b"x" * 70_000), ("POST", b"x")):
        stub.seen.clear()
        assert stub_site.wire.send(method, f"{PREFIX}/user/alice/a%20b?c=d", body=body).status == 418
        (_, question), (told, handed) = [(m, h) for m, _, h in stub.seen]
        assert told == method and "Content-Length" not in handed and "Transfer-Encoding" not in handed
        more = {"X-Request-Id": handed["X-Request-Id"]}
        assert len(handed["X-Request-Id"]) == 32 and dict(handed.items()) == dict(question.items()) | more and "X-Hubgate-Failed" not in handed
    assert stub_site.alice.calls == 0


def test_a_failed_server_is_told_apart_from_a_refusal(stub_site, stub):
    stub.page_status = 418
    for method, body in (("GET", b""), ("PUT", b"x" * 70_000)):
        stub.seen.clear()
        assert stub_site.wire.send(method, f"{PREFIX}/user/alice/gone", body=body).status == 418
        told, path, handed = stub.seen[-1]
        assert (told, path, handed["X-Hubgate-Failed"]) == (method, f"{PREFIX}/user/", "502")
        assert handed["X-Original-URI"] == f"{PREFIX}/user/alice/gone" and handed["X-Original-Method"] == method


def test_a_long_cookie_comes_back_in_the_answer(stub_site, stub):
    stub.cookie = "c=" + "x" * 8000
    reply = stub_site.wire.get("/user/alice/echo", cookie=stub.cookie)
    assert reply.status == 200 and ["Cookie", stub.cookie] in reply.json()["headers"]


def test_the_gateway_s_own_error_pages_pass_unchanged(stub_site, stub):
    for status in (404, 424, 500, 502, 503):
        stub.page_status = status
        assert (stub_site.wire.get("/hub/x").status, stub_site.wire.get("/hub/x").body) == (status, b"page of the stub gateway")
        stub.character = "refuses"
        assert stub_site.wire.get("/user/alice/").status == status


def test_two_gateways_one_after_the_other_serve_one_nginx(stub_site):
    for _ in range(3):
        gateway = StubGateway(stub_site.site.root / "gateway.sock")
        assert stub_site.wire.get("/hub/x").status == 200
        gateway.stop()
        assert stub_site.wire.get("/hub/x").status in (502, 503)
