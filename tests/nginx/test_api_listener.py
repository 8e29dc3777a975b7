"""The second listener: the hub's API on loopback, by token alone."""

import pytest

from wire import PREFIX, read_reply

HOST = "127.0.0.1"
API = f"{PREFIX}/hub/api"


def ask(stub_site, path, method="GET", headers=(), body=b"", host=HOST):
    return stub_site.site.api.send(method, path, headers, body, host=host)


@pytest.mark.parametrize("path", [API, f"{API}/", f"{API}/user", f"{API}?x", f"{API}/users/a%2Fb?c=d", f"{API}/users/alice/server/progress",
                                  f"{API}/users/alice/servers/gpu/progress", f"{API}/oauth2/token"])
def test_a_request_to_the_api_reaches_the_gateway_as_it_is(stub_site, stub, path):
    assert ask(stub_site, path).text == "page of the stub gateway"
    ((method, seen, headers),) = stub.seen
    assert (method, seen) == ("GET", path)
    assert (headers["X-Original-Host"], headers["X-Forwarded-Proto"], headers["X-Real-IP"]) == (HOST, "http", "127.0.0.1")


@pytest.mark.parametrize("path", ["/", PREFIX, f"{PREFIX}/", f"{PREFIX}/hub", f"{PREFIX}/hub/", f"{PREFIX}/hub/login", f"{PREFIX}/hub/static/style.css",
                                  f"{PREFIX}/hub/apis", f"{PREFIX}/hub/health", f"{PREFIX}/user/alice/echo", f"{PREFIX}/services/x/", f"{PREFIX}/_auth", "/auth",
                                  f"{API}/../login", f"{API}/..%2flogin", f"{API}/%2e%2e/home", f"{PREFIX}/hub/login/../api/user", f"{PREFIX}/hub/%61pi/user",
                                  f"{PREFIX}//hub/api/user", f"/{API}/user", f"{PREFIX}/hub/x/..%2fapi/user", f"{PREFIX}/_down"])
def test_whatever_is_not_the_api_is_not_there(stub_site, stub, path):
    assert ask(stub_site, path).status == 404
    assert stub.seen == []


def test_a_token_passes_and_a_cookie_does_not(stub_site, stub):
    ask(stub_site, f"{API}/user", headers=[("Authorization", "token t"), ("Cookie", "hubgate-session=x"), ("Cookie", "y=z")])
    headers = stub.seen[-1][2]
    assert headers["Authorization"] == "token t" and "Cookie" not in headers


@pytest.mark.parametrize("name", ["X-Real-IP", "X-Forwarded-For", "X-Original-Host", "X-Forwarded-Proto", "X-Hubgate-User", "X-Hubgate-Credential"])
def test_the_gateway_is_told_nothing_that_only_nginx_may_say(stub_site, stub, name):
    ask(stub_site, f"{API}/user", headers=[(name, "1.2.3.4")])
    assert "1.2.3.4" not in stub.seen[-1][2].values()


def test_a_body_of_one_mebibyte_is_taken_and_a_larger_one_refused(stub_site, stub):
    for wire in ("api", "wire"):
        send, host = getattr(stub_site.site, wire).send, HOST if wire == "api" else "hub.test"
        assert send("POST", f"{API}/users", body=b"x" * (1 << 20), host=host).status == 200
        assert send("POST", f"{API}/users", body=b"x" * ((1 << 20) + 1), host=host).status == 413
    assert len(stub.seen) == 2
    assert "buffered to a temporary file" not in stub_site.site.errors()


@pytest.mark.parametrize("host", ["evil.test", "hub.test", "[::1]", ""])
def test_a_page_that_comes_under_another_name_gets_no_answer(stub_site, stub, host):
    assert ask(stub_site, f"{API}/user", host=host).status in (0, 400)
    assert stub.seen == []


def test_localhost_and_a_port_in_the_name_are_ours(stub_site, stub):
    for host in ("localhost", f"127.0.0.1:{stub_site.site.api_port}", f"localhost:{stub_site.site.api_port}"):
        assert ask(stub_site, f"{API}/user", host=host).status == 200
        assert stub.seen[-1][2]["X-Original-Host"] == host


def test_unknown_methods_are_refused_and_the_api_s_own_pass(stub_site, stub):
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        assert ask(stub_site, f"{API}/users/alice", method).status == 200
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert ask(stub_site, f"{API}/users/alice", method).status in (400, 405)


def test_without_a_gateway_there_is_a_static_page(stub_site):
    reply = ask(stub_site, f"{API}/user")
    assert reply.status == 503 and "does not answer just now" in reply.text


def test_the_listener_is_on_loopback_and_speaks_no_tls(stub_site, stub):
    with stub_site.site.api.open() as connection:
        connection.sendall(b"GET " + API.encode() + b" HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert read_reply(connection.makefile("rb")).status == 200
    listening = {line.split()[1] for line in open("/proc/net/tcp").readlines()[1:] if line.split()[3] == "0A"}
    assert f"0100007F:{stub_site.site.api_port:04X}" in listening and f"00000000:{stub_site.site.api_port:04X}" not in listening
