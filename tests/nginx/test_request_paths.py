"""Rows 1-24, 41, 44-50 of the security checklist 3.2: request lines. Row numbers are the ids."""

import re
import pytest

from gateway import post_login
from wire import HOST, NAVIGATE, PREFIX

JSON = [("Accept", "application/json")]


def answered_by_alice(reply):
    return reply.of_server() == "alice"


def at_home(hub, path, headers=(), user="alice"):
    """A request as alice, spelled exactly so."""
    return hub.wire.send("GET", path, headers, cookie=hub.cookie[user])


def test_row_1_a_stranger_who_navigates_is_sent_to_log_in_and_back(hub):
    reply = hub.wire.get("/user/alice/lab", NAVIGATE)
    assert reply.status == 302
    assert reply["Location"].startswith(f"{PREFIX}/hub/login?next=")
    assert "%2Fuser%2Falice%2Flab" in reply["Location"]
    assert hub.alice.calls == 0


def test_row_2_a_stranger_s_program_gets_json_and_no_redirect(hub):
    reply = hub.wire.get("/user/alice/api/contents", JSON)
    assert reply.status in (401, 403)
    assert reply["Content-Type"].startswith("application/json") and isinstance(reply.json(), dict)
    assert not reply["Location"] and hub.alice.calls == 0


@pytest.mark.parametrize("path", [f"{PREFIX}/_auth", f"{PREFIX}/_auth/", f"/{PREFIX}/_auth", f"{PREFIX}//_auth", f"{PREFIX}/%5fauth",
                                  f"{PREFIX}/_auth?x", "/_auth", "/auth", f"{PREFIX}/auth", f"{PREFIX}/_refused", f"{PREFIX}/_failed",
                                  f"{PREFIX}/_down", f"{PREFIX}/hub/../_auth", "/5xx.html"])
def test_row_3_internal_addresses_do_not_exist_outside(hub, path):
    for cookie in (None, hub.cookie["alice"]):
        assert hub.wire.send("GET", path, cookie=cookie).status == 404


def alike(reply):
    """The answer without the name of its own request."""
    return re.sub(rb"\b[0-9a-f]{32}\b", b"REFERENCE", reply.body)


@pytest.mark.parametrize("name", ["bob", "nobody-of-that-name"])
def test_row_4_somebody_else_s_server_is_refused_and_looks_like_no_server(hub, name):
    replies = [at_home(hub, f"{PREFIX}/user/{name}/lab", headers) for headers in (NAVIGATE, JSON)]
    other = [at_home(hub, f"{PREFIX}/user/bob/lab", headers) for headers in (NAVIGATE, JSON)]
    assert [reply.status for reply in replies] == [403, 403]
    assert [alike(reply) for reply in replies] == [alike(reply) for reply in other]
    assert "reason=not-yours" in hub.gateway.words(), "no line for the audit"


ALLOWED_OWN = [
    (5, "/user/alice/../bob/lab"), (6, "/user/alice/..%2fbob/lab"), (7, "/user/alice/%2e%2e/bob/lab"),
    (8, "/user/alice/%2e%2e%2fbob/lab"), (9, "/user/alice/.%2e/bob/lab"), (10, "/user/alice//../bob/x"),
    (11, "/user/alice/./../../user/bob/lab"), (12, "/user/alice/..;/bob/lab"), (13, "/user/alice/%252e%252e/bob/"),
    (14, "/user/alice/%5c..%5cbob/"), (15, "/user/bob/..%2falice/lab"), (16, "//user/bob/lab"), (16, "/user//bob/lab"),
    (17, "/user/bob%2flab"), (18, "/USER/bob/lab"), (19, "/user/alice%00/lab"), (19, "/user/alice/%"), (19, "/user/alice/%zz"),
    (20, "/user/alice%0d%0aX:1/lab"), (20, "/user/alice:evil/"), (20, "/user/alice%3aevil/"), (21, "/user/alice?/../bob/"),
    (22, "/user/alice/#/../../bob/"),
]
NEVER_OWN = {15, 16, 17, 18, 20}


@pytest.mark.parametrize("row,path", [pytest.param(row, path, id=f"row_{row}_{path}") for row, path in ALLOWED_OWN])
def test_a_path_in_disguise_reaches_nobody_or_the_visitor_s_own_server(hub, row, path):
    for headers in (JSON, NAVIGATE):
        for line in (PREFIX + path, PREFIX.join(["", path]) if path.startswith("//") else f"/{PREFIX}{path}"):
            reply = at_home(hub, line, headers)
            allowed = {400, 403, 404} | ({302} if row == 21 else set())
            if reply.status == 301:
                # The visitor's own server, with the slash behind the name; what looks like a path is still the query.
                assert (row, reply["Location"]) == (21, f"{PREFIX}/user/alice/?/../bob/")
                continue
            assert reply.status in allowed or (row not in NEVER_OWN and answered_by_alice(reply)), (line, reply.status, reply.text)
            assert "bob" not in reply["Location"] or row == 21


@pytest.mark.parametrize("path", ["/user/alice%00/lab", "/user/alice/%", "/user/alice/%zz"])
def test_row_19_a_broken_escape_is_a_bad_request(hub, path):
    assert at_home(hub, PREFIX + path).status == 400
    assert hub.alice.calls == 0


@pytest.mark.parametrize("path", ["/user/alice/lab%0d%0aX-Hubgate-Failed:%20502%0d%0aX-Original-URI:%20/jupyterhub/user/bob/",
                                  "/user/alice%0d%0aX-Original-URI:%20/jupyterhub/user/bob/lab"])
def test_a_decoded_line_break_starts_no_header_in_the_question(hub, stub_site, stub, path):
    stub.character = "refuses"
    stub_site.wire.get(path, cookie="x=y")
    for headers in stub.questions():
        assert "X-Hubgate-Failed" not in headers
        assert headers.get_all("X-Original-URI") == [PREFIX + path]
        assert set(headers.get("X-Normalized-URI", "")) <= {chr(c) for c in range(0x20, 0x7F)}


def test_row_23_an_absolute_request_line_for_another_host_is_refused(hub):
    for cookie in (None, hub.cookie["alice"]):
        reply = hub.wire.send("GET", f"http://evil.test{PREFIX}/user/alice/lab", NAVIGATE, cookie=cookie)
        assert reply.status == 0 or 400 <= reply.status < 500
        assert "evil.test" not in reply["Location"]
    assert hub.alice.calls == 0


@pytest.mark.parametrize("lines,allowed", [
    (["Host: evil.test"], {0, 400, 421}), ([], {400}), (["Host: hub.test", "Host: evil.test"], {400}), (["Host: a@b"], {0, 400}),
    (["Host: hub.test/../evil"], {0, 400}), (["Host: "], {0, 400})])
def test_row_24_a_foreign_or_broken_host_gets_nothing(hub, lines, allowed):
    head = "\r\n".join([f"GET {PREFIX}/user/alice/echo HTTP/1.1", *lines, f"Cookie: {hub.cookie['alice']}", "", ""])
    replies = hub.wire.raw(head.encode())
    assert (replies[0].status if replies else 0) in allowed
    assert hub.alice.calls == 0


@pytest.mark.parametrize("host", ["hub.test.", "HUB.TEST", "hub.test:x"])
def test_row_24_another_spelling_of_our_host_is_ours_or_a_bad_request(hub, host):
    reply = at_home(hub, f"{PREFIX}/user/alice/echo")
    assert reply.status == 200
    reply = hub.wire.send("GET", f"{PREFIX}/hub/login", NAVIGATE, host=host)
    assert reply.status in (200, 400, 0) and host not in reply["Location"]


def test_row_41_the_second_of_two_pipelined_requests_is_judged_by_itself(hub):
    line = "GET {}/user/{}/echo HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n"
    cookie = hub.cookie["alice"]
    replies = hub.wire.raw("".join(line.format(PREFIX, name, HOST, cookie) for name in ("alice", "bob", "alice")).encode(), replies=3)
    assert [reply.status for reply in replies][:2] == [200, 403]
    assert all(reply.of_server() in (None, "alice") for reply in replies)


@pytest.mark.parametrize("line", ["TRACE {}", "CONNECT bob:80", "FOO {}", "PROPFIND {}", "get {}", "GE\x00T {}", "DEBUG {}"])
def test_row_44_methods_that_jupyter_does_not_know_are_refused(hub, line):
    for path in ("/user/alice/echo", "/hub/login"):
        method, target = line.format(PREFIX + path).split(" ", 1)
        assert hub.wire.send(method, target, cookie=hub.cookie["alice"]).status in (400, 405, 501)
    assert hub.alice.calls == 0


def test_row_45_oversized_requests_are_refused_and_many_headers_are_not_an_error_of_ours(hub):
    assert at_home(hub, f"{PREFIX}/user/alice/{'a' * 9216}").status == 414
    assert at_home(hub, f"{PREFIX}/user/alice/echo", [("X-Long", "a" * 9216)]).status in (400, 431)
    many = at_home(hub, f"{PREFIX}/user/alice/echo", [(f"X-Filler-{n}", "v" * (90 - len(f"X-Filler-{n}: "))) for n in range(300)])
    assert many.status in (200, 400, 431)


def test_row_46_the_way_back_after_a_login_stays_on_the_site(hub):
    asked = f"{PREFIX}/user/alice/lab?x=1&next=https://evil.test/"
    to_login = hub.wire.send("GET", asked, NAVIGATE)
    assert to_login.status == 302
    reply = post_login(hub.wire, "alice", hub.passwords["alice"], to_login["Location"].removeprefix(f"{PREFIX}/hub/login"))
    assert (reply.status, reply["Location"]) in [(302, asked), (303, asked)]


@pytest.mark.parametrize("path", ["/anything/%0d%0aSet-Cookie:%20a=b", f"{PREFIX}/%0d%0aSet-Cookie:%20a=b",
                                  f"{PREFIX}/hub/%0d%0aSet-Cookie:%20a=b", f"{PREFIX}/user/alice/%0d%0aSet-Cookie:%20a=b",
                                  f"{PREFIX}/user/%0d%0aSet-Cookie:%20a=b", "/%0d%0aSet-Cookie:%20a=b"])
def test_row_47_a_path_cannot_set_a_header_of_the_answer(hub, path):
    for wire in (hub.wire, hub.site.plain):
        reply = wire.send("GET", path, NAVIGATE)
        assert reply.status and reply.status < 500
        assert not [line for line in reply.headers.get_all("Set-Cookie") or [] if line.startswith("a=b")]
        assert "\r" not in reply["Location"] and "\n" not in reply["Location"]


def test_row_48_plain_http_leads_to_the_one_fixed_host(hub):
    foreign = hub.site.plain.send("GET", "/x", host="evil.test")
    assert foreign.status == 0
    ours = hub.site.plain.send("GET", "/x?y=https://evil.test/")
    assert (ours.status, ours["Location"]) == (301, f"https://{HOST}:{hub.site.port}{PREFIX}/")


@pytest.mark.parametrize("path", ["/hub/static/../../etc/passwd", "/hub/static..%2f", "/hub/static../", "/hub/static/..%2f..%2fetc/passwd",
                                  "/hub/static/%2e%2e/%2e%2e/etc/passwd", "/hub/static//etc/passwd", "/hub/static/....//etc/passwd",
                                  "/hub/static/%5c..%5c..%5cetc%5cpasswd", "/hub/static/%", "/hub/static/"])
def test_row_49_static_files_are_the_hub_s_own_only(hub, path):
    reply = at_home(hub, PREFIX + path)
    assert reply.status in (400, 404) and b"root:" not in reply.body


def test_row_50_a_query_changes_nobody_s_rights(hub):
    assert answered_by_alice(at_home(hub, f"{PREFIX}/user/alice/lab?x=/jupyterhub/hub/static/"))
    assert at_home(hub, f"{PREFIX}/user/bob/lab?x=/jupyterhub/hub/health").status == 403


@pytest.mark.parametrize("path", ["/user/alice/..%2f..%2fhub/home", "/user/alice/../../hub/home", "//hub/home", "/./hub/home",
                                  "/user/../hub/login", "/%68ub/login"])
def test_a_raw_path_that_becomes_a_hub_page_only_by_normalisation_is_refused_by_nginx(stub_site, stub, path):
    assert stub_site.wire.send("GET", PREFIX + path, NAVIGATE).status == 400
    assert stub.seen == []


def test_the_raw_path_reaches_the_server_unchanged(hub):
    path = f"{PREFIX}/user/alice/files/a%20b%2Fc%C3%A9;v=1/x+y/%7Eme//z?q=%2F&&a=b%20c#frag"
    reply = at_home(hub, path)
    assert reply.json()["path"] == path
