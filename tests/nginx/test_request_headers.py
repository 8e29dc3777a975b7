"""Rows 25-36, 51 and 58 of the security checklist 3.2: headers of requests and of users' servers."""

import pytest

from gateway import random_session
from nginx_site import until
from users import HOSTILE
from wire import HOST, NAVIGATE, PREFIX, SESSION, UPGRADE


def echo(hub, headers=(), path="/user/alice/echo", cookie=None):
    reply = hub.wire.get(path, headers, cookie=cookie or hub.cookie["alice"])
    assert reply.status == 200, reply.text
    return {name.lower(): value for name, value in reply.json()["headers"]}


@pytest.mark.parametrize("name", ["X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "X-Rewrite-URL", "X-Normalized-URI"])
def test_row_25_a_header_does_not_move_the_decision_to_another_path(hub, name):
    for value in (f"{PREFIX}/hub/health", f"{PREFIX}/user/alice/lab"):
        assert hub.wire.get("/user/bob/", [(name, value)], cookie=hub.cookie["alice"]).status == 403
    assert name.lower() not in echo(hub, [(name, "/x")])


@pytest.mark.parametrize("name", ["X-Remote-User", "X_Remote_User", "Remote-User", "REMOTE_USER", "X-Forwarded-User", "X-Hubgate-User",
                                  "X-Hubgate-Owner", "X.Hubgate.User", "X_Hubgate_User", "X-User", "X-Auth-Request-User", "X-WebAuth-User"])
def test_row_26_the_server_hears_the_user_from_the_gateway_alone(hub, name):
    seen = echo(hub, [(name, "bob")])
    assert seen["x-hubgate-user"] == "alice"
    assert "bob" not in seen.values()


@pytest.mark.parametrize("name,value", [("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4"), ("X-Real-IP", "1.2.3.4"),
                                        ("X-Real-Port", "1"), ("True-Client-IP", "1.2.3.4"), ("X-Client-IP", "1.2.3.4")])
def test_row_27_addresses_are_nginx_s_own(hub, stub_site, stub, name, value):
    assert name.lower() not in echo(hub, [(name, value)])
    stub_site.wire.get("/user/alice/echo", [(name, value)])
    stub_site.wire.get("/hub/login", [(name, value)])
    for _, _, headers in stub.seen:
        assert headers.get_all("X-Real-IP") == ["127.0.0.1"] and value not in headers.values()
    log = stub_site.site.access()
    assert "127.0.0.1:" in log and "1.2.3.4" not in log


def test_row_28_naming_headers_in_connection_removes_none(hub):
    seen = echo(hub, [("Connection", "close, X-Hubgate-User, X-Remote-User, Cookie")], cookie=f"{hub.cookie['alice']}; own=1")
    assert seen["x-hubgate-user"] == "alice" and seen["cookie"] == "own=1"


@pytest.mark.parametrize("target", ["/user/bob/api", "/_auth", "/_down", "/_refused", "/_failed", "/hub/home", "/user/bob/echo"])
def test_rows_29_and_30_a_server_cannot_send_nginx_elsewhere(hub, target):
    reply = hub.wire.get(f"/user/alice/accel?{PREFIX}{target}", cookie=hub.cookie["alice"])
    assert (reply.status, reply.body, reply.of_server()) == (200, b"own body", "alice")
    assert hub.wire.get("/user/alice/accel?@hubgate_websocket", cookie=hub.cookie["alice"]).body == b"own body"


def test_row_31_a_server_s_cookies_stay_below_its_owner_s_path(hub):
    reply = hub.wire.get("/user/alice/cookies", cookie=hub.cookie["alice"])
    lines = reply.headers.get_all("Set-Cookie")
    assert len(lines) == 7
    for line in lines:
        paths = [part.split("=", 1)[1].strip() for part in line.split(";") if part.strip().lower().startswith("path")]
        # Without a path, or with an empty one, a browser takes the folder of the page: below the owner's path as well.
        assert set(paths) <= {f"{PREFIX}/user/alice/", ""}, line
    assert "Path=/jupyterhub/user/alice/" in lines[0]


def test_a_cookie_keeps_a_path_below_its_server_s_own_and_no_other(hub):
    own = f"{PREFIX}/user/alice/"
    lines = hub.wire.get("/user/alice/deeper", cookie=hub.cookie["alice"]).headers.get_all("Set-Cookie")
    assert lines == [f"h=1; Path={own}code/", f"i=1; Path={own}; Secure", f"j=1; Path={own}", f"k=1; Path={own}", f"l=1; Path={own}",
                     f"m=1; Path={own}code/; Path={own}", f"n=1; Path={own}"]


def test_row_32_headers_that_reach_beyond_the_server_are_dropped(hub):
    reply = hub.wire.get("/user/alice/hostile", cookie=hub.cookie["alice"])
    assert reply.status == 200
    assert [name for name in HOSTILE if name in reply.headers] == []


def test_row_33_h2c_is_no_upgrade(hub):
    headers = [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    reply = hub.wire.get("/user/alice/echo", headers, cookie=hub.cookie["alice"])
    assert reply.status != 101
    if reply.status == 200:
        assert "upgrade" not in {name.lower() for name, _ in reply.json()["headers"]}


def test_a_server_cannot_force_a_tunnel_on_a_request_that_asked_for_none(hub):
    head = f"GET {PREFIX}/user/alice/forced HTTP/1.1\r\nHost: {HOST}\r\nCookie: {hub.cookie['alice']}\r\n\r\n"
    hub.wire.raw(head.encode() + b"into the tunnel")
    assert until(lambda: hub.alice.heard is not None, "the server's end is closed") and hub.alice.heard == b""


def test_row_34_a_websocket_from_another_origin_is_refused(hub):
    headers = [*UPGRADE[:-1], ("Origin", "https://evil.test")]
    assert hub.wire.get("/user/alice/echo", headers, cookie=hub.cookie["alice"]).status == 403
    assert hub.alice.calls == 0
    assert "reason=foreign-origin" in hub.gateway.words(), "no line for the audit"


def test_row_35_a_websocket_of_a_stranger_is_refused(hub):
    assert hub.wire.get("/user/alice/echo", UPGRADE).status in (401, 403)
    assert hub.alice.calls == 0


def test_row_36_a_websocket_to_somebody_else_s_server_is_refused(hub):
    assert hub.wire.get("/user/bob/echo", UPGRADE, cookie=hub.cookie["alice"]).status == 403


def test_a_websocket_of_one_s_own_is_opened(hub):
    reply = hub.wire.get("/user/alice/echo", UPGRADE, cookie=hub.cookie["alice"])
    assert (reply.status, reply.of_server()) == (101, "alice")


def test_row_51_two_different_session_cookies_are_nobody(hub):
    alice, other = hub.cookie["alice"], random_session()
    for lines in ([("Cookie", f"{alice}; {other}")], [("Cookie", f"{other}; {alice}")], [("Cookie", alice), ("Cookie", other)],
                  [("Cookie", hub.cookie["bob"]), ("Cookie", alice)]):
        assert hub.wire.get("/user/alice/echo", lines).status in (400, 401)
    assert hub.alice.calls == 0


def test_row_58_a_preflight_for_somebody_else_s_server_is_refused_without_cors(hub):
    headers = [("Origin", "https://evil.test"), ("Access-Control-Request-Method", "PUT")]
    reply = hub.wire.send("OPTIONS", f"{PREFIX}/user/bob/", headers, cookie=hub.cookie["alice"])
    assert reply.status == 403
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


def test_the_hub_s_secrets_do_not_reach_a_server(hub):
    cookie = f"a=1; {hub.cookie['alice']}; b=2"
    seen = echo(hub, [("Authorization", "token not-a-hub-token")], cookie=cookie)
    assert seen["cookie"] == "a=1; b=2"
    assert SESSION not in str(seen) and hub.cookie["alice"].split("=")[1] not in str(seen)
    assert seen["host"] == HOST and seen["x-forwarded-proto"] == "https"


def test_what_a_jupyter_application_sends_reaches_its_server(hub):
    sent = [("X-XSRFToken", "t"), ("Range", "bytes=0-1"), ("If-None-Match", '"e"'), ("Accept", "a/b"), ("X-Own-Header", "1"),
            ("Origin", f"https://{HOST}"), ("Referer", f"https://{HOST}{PREFIX}/"), ("Accept-Language", "zh")]
    seen = echo(hub, sent)
    assert {name.lower(): value for name, value in sent}.items() <= seen.items()


@pytest.mark.parametrize("name", ["X-Hubgate-Failed", "X-Original-URI", "X-Orig-Upgrade", "X-Original-Method", "X-Hubgate-User",
                                  "X-Forwarded-Host", "X-Forwarded-For", "Remote-User", "Proxy"])
def test_the_hub_is_told_nothing_that_only_nginx_may_say(stub_site, stub, name):
    assert stub_site.wire.get("/hub/home", [*NAVIGATE, (name, "502")]).status == 200
    (_, _, headers), = stub.seen
    assert "502" not in headers.values()
    assert headers["X-Original-Host"] == HOST and headers["X-Forwarded-Proto"] == "https" and headers["X-Real-Port"].isdigit()


def test_a_server_s_own_refusals_and_errors_pass_unchanged(hub):
    for name, status in (("forbidden", 403), ("broken", 502)):
        reply = hub.wire.get(f"/user/alice/{name}", cookie=hub.cookie["alice"])
        assert (reply.status, reply.of_server()) == (status, "alice")


@pytest.mark.parametrize("target", ["/jupyterhub/user/alice/tree", "tree", "https://docs.example.org/", "//example.org/x"])
def test_a_server_s_redirects_pass_unchanged(hub, target):
    reply = hub.wire.get(f"/user/alice/moved?{target}", cookie=hub.cookie["alice"])
    assert (reply.status, reply["Location"]) == (302, target)


def test_a_secret_in_the_path_of_a_request_stays_out_of_the_log(stub_site, stub):
    for path in ("/hub/api/authorizations/token/secret-of-alice", "/hub/%61pi/authorizations/token/secret-of-alice",
                 "/hub/set-password/secret-of-alice", "/hub/setup/secret-of-alice", "/hub/%73et-password/secret-of-alice"):
        stub_site.wire.get(path)
        stub_site.site.api.send("GET", PREFIX + path, host="127.0.0.1")
    log = stub_site.site.access()
    assert "secret-of-alice" not in log and '"GET -"' in log
