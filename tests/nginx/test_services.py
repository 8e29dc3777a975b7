"""Services: reached at the address that the gateway's answer names, with what they need to know their visitors."""

import pytest

from users import DEEPER, HOSTILE, Service
from wire import NAVIGATE, PREFIX, UPGRADE, Channel

HERE = "/services/whoami"


@pytest.fixture
def granted(stub_site, stub):
    """The stub gateway leads to the service."""
    stub_site.whoami.forget()
    stub.upstream, stub.place = stub_site.whoami.upstream, f"{PREFIX}{HERE}/"
    return stub


def echo(stub_site, headers=()):
    reply = stub_site.wire.get(f"{HERE}/echo", headers)
    assert (reply.status, reply.of_server()) == (200, "whoami"), reply.text
    return {name.lower(): value for name, value in reply.json()["headers"]}


def test_the_raw_path_with_its_prefix_reaches_the_service(stub_site, granted):
    path = f"{PREFIX}{HERE}/a%20b%2Fc;v=1//z?q=%2F&&a=b"
    assert stub_site.wire.send("GET", path).json()["path"] == path
    question = granted.questions()[-1]
    assert question["X-Original-URI"] == path and question["X-Normalized-URI"] == f"{PREFIX}{HERE}/a b/c;v=1/z"


def test_a_service_hears_cookie_and_authorization_as_the_gateway_words_them(stub_site, granted):
    granted.cookie, granted.authorization = "own=1", "token from-the-answer"
    seen = echo(stub_site, [("Cookie", "hubgate-session=x; own=1"), ("Authorization", "token sent")])
    assert (seen["cookie"], seen["authorization"]) == ("own=1", "token from-the-answer")
    assert (seen["host"], seen["x-forwarded-proto"]) == ("hub.test", "https")


@pytest.mark.parametrize("said,heard", [("session", "session"), ("token", "token"), ("Token", None), ("token, session", None), ("", None)])
@pytest.mark.parametrize("sent", [[], [("X-Hubgate-Credential", "token")]])
def test_what_the_visitor_showed_is_told_by_the_gateway_alone(stub_site, granted, said, heard, sent):
    granted.credential = said
    assert echo(stub_site, sent).get("x-hubgate-credential") == (heard if said != "Token" else "token")


@pytest.mark.parametrize("name", ["X-Hubgate-User", "X-Hubgate-Credential", "X-Hubgate-Path", "X-Hubgate-Upstream", "X-Hubgate-Owner",
                                  "X-Forwarded-For", "X-Real-IP", "Remote-User"])
def test_a_client_names_no_visitor(stub_site, granted, name):
    granted.credential = ""
    assert "bob" not in echo(stub_site, [(name, "bob")]).values()


def test_cookies_of_a_service_stay_below_its_path_and_its_headers_within_it(stub_site, granted):
    lines = stub_site.wire.get(f"{HERE}/cookies").headers.get_all("Set-Cookie")
    assert lines[0].startswith("hubgate-session=evil; Path=/jupyterhub/services/whoami/;")
    for line in lines:
        paths = [part.split("=", 1)[1].strip() for part in line.split(";") if part.strip().lower().startswith("path")]
        assert set(paths) <= {f"{PREFIX}{HERE}/", ""}, line
    hostile = stub_site.wire.get(f"{HERE}/hostile")
    assert hostile.status == 200 and [name for name in HOSTILE if name in hostile.headers] == []
    assert stub_site.wire.get(f"{HERE}/accel?{PREFIX}/_auth").body == b"own body"


def test_a_cookie_that_names_a_server_s_path_is_moved_below_the_service_s(stub_site, granted):
    lines = stub_site.wire.get(f"{HERE}/deeper").headers.get_all("Set-Cookie")
    assert len(lines) == len(DEEPER) and all("alice" not in line.lower() and f"Path={PREFIX}{HERE}/" in line for line in lines)


@pytest.mark.parametrize("place", ["/", "", "/jupyterhub/", "/jupyterhub/hub/", "/jupyterhub/user/", "/jupyterhub/user/alice", "/jupyterhub/services/",
                                   "/jupyterhub/services/../", "/jupyterhub/user/Alice/", "/jupyterhub/user/alice/a/b/", "/jupyterhub/user/a;b/",
                                   "/other/jupyterhub/user/alice/"])
@pytest.mark.parametrize("where", ["/user/alice", HERE])
def test_a_path_of_another_shape_takes_cookies_to_nowhere(stub_site, granted, place, where):
    granted.place = place
    if where != HERE:
        granted.upstream = f"unix:{stub_site.alice.path}"
    lines = stub_site.wire.get(f"{where}/cookies").headers.get_all("Set-Cookie")
    assert "Path=/jupyterhub/_none/" in lines[0] and not [line for line in lines if "path=/;" in line.lower()]


@pytest.mark.parametrize("place", ["/jupyterhub/user/alice/", "/jupyterhub/user/alice/gpu-2/", "/jupyterhub/user/a.b-c_d/", "/jupyterhub/services/who.ami~1/"])
def test_cookies_go_below_the_path_that_the_gateway_names(stub_site, granted, place):
    granted.place = place
    assert f"Path={place};" in stub_site.wire.get(f"{HERE}/cookies").headers.get_all("Set-Cookie")[0]


def test_a_websocket_to_a_service_says_what_it_hears(stub_site, granted):
    with Channel(stub_site.wire, f"{HERE}/echo", None) as channel:
        channel.send("first")
        assert channel.recv() == "first"
    assert granted.questions()[-1]["X-Orig-Upgrade"] == "websocket"


def test_a_service_on_ipv6_is_reached(stub_site, granted):
    try:
        service = Service("six", "::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    granted.upstream = service.upstream
    try:
        assert stub_site.wire.get(f"{HERE}/echo").of_server() == "six"
    finally:
        service.stop()


@pytest.mark.parametrize("upstream", ["localhost:{port}", "127.0.0.1", "127.0.0.1:{port}/x", "127.0.0.1:{port}@evil.test", "evil.test:80", "hubgate",
                                      "unix:{alice}", "169.254.169.254:80", "127.0.0.1:{port} x", "[::2]:{port}", "[::1]", "http://127.0.0.1:{port}",
                                      "127.0.0.1:{port}#", "127.0.0.1:123456", "0x7f000001:{port}", "2130706433:{port}", "127.1:{port}", "::1:{port}"])
def test_an_address_of_another_shape_is_no_service(stub_site, granted, upstream):
    granted.upstream = upstream.format(port=stub_site.whoami.server_address[1], alice=stub_site.alice.path)
    for headers in ((), UPGRADE):
        reply = stub_site.wire.get(f"{HERE}/echo", headers)
        assert 500 <= reply.status < 600 and "does not answer" in reply.text
    assert (stub_site.whoami.calls, stub_site.alice.calls) == (0, 0)


def test_a_service_s_address_is_no_user_s_server(stub_site, granted):
    for headers in ((), UPGRADE):
        assert 500 <= stub_site.wire.get("/user/alice/echo", headers).status < 600
    assert stub_site.whoami.calls == 0


@pytest.mark.parametrize("character,failed", [("refuses", None), ("wants_login", None)])
def test_a_refused_request_for_a_service_is_worded_by_the_gateway(stub_site, granted, character, failed):
    granted.character, granted.page_status = character, 418
    for headers in (NAVIGATE, UPGRADE):
        assert stub_site.wire.get(f"{HERE}/echo", headers).status == 418
        told = granted.seen[-1][2]
        assert told["X-Original-URI"] == f"{PREFIX}{HERE}/echo" and told.get("X-Hubgate-Failed") == failed
    assert stub_site.whoami.calls == 0


def test_a_service_that_is_gone_is_explained_by_the_gateway(stub_site, granted):
    granted.page_status = 418
    assert stub_site.wire.get(f"{HERE}/gone").status == 418
    service = Service("short-lived")
    granted.upstream = service.upstream
    service.stop()
    assert stub_site.wire.get(f"{HERE}/echo").status == 418
    assert granted.seen[-1][2]["X-Hubgate-Failed"] == "502"


def test_without_a_gateway_a_service_is_not_reached(stub_site):
    stub_site.whoami.forget()
    for headers in (NAVIGATE, UPGRADE):
        assert "does not answer just now" in stub_site.wire.get(f"{HERE}/echo", headers).text
    assert stub_site.whoami.calls == 0
