"""Rows 37-40, 42 and 43 of the security checklist 3.2: where one request ends and the next begins."""

import time

import pytest

from wire import HOST, PREFIX

SMUGGLED = f"GET {PREFIX}/user/bob/smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
# The client's own next request; after it nginx closes, so that nothing waits.
LAST = f"GET {PREFIX}/hub/health HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"


def send(hub, lines, body="", cookie="alice", replies=3, path="/user/alice/take"):
    head = [f"POST {PREFIX}{path} HTTP/1.1", f"Host: {HOST}", *([f"Cookie: {hub.cookie[cookie]}"] if cookie else []), *lines, "", ""]
    return hub.wire.raw("\r\n".join(head).encode("latin-1") + body.encode("latin-1"), replies=replies)


BROKEN = [
    (37, ["Content-Length: 5", "Transfer-Encoding: chunked"]), (37, ["Transfer-Encoding: chunked", "Content-Length: 5"]),
    (38, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]), (38, ["Transfer-Encoding: xchunked"]),
    (38, ["Transfer-Encoding : chunked"]), (38, ["Transfer-Encoding: \x0bchunked"]), (38, ["Transfer-Encoding: chunked, identity"]),
    (39, ["Content-Length: 5", "Content-Length: 6"]), (39, ["Content-Length: -1"]), (39, ["Content-Length: +5"]),
    (39, ["Content-Length: 5, 5"]), (39, ["Content-Length: 0x5"]),
    (40, ["X-Fold: a", " folded: b"]), (40, ["X-Nul: a\x00b"]), (40, ["X-Return: a\rb"]),
]


@pytest.mark.parametrize("row,lines", [pytest.param(row, lines, id=f"row_{row}_{number}") for number, (row, lines) in enumerate(BROKEN)])
def test_a_request_with_a_doubtful_end_is_refused_and_the_connection_closed(hub, row, lines):
    replies = send(hub, lines, "0\r\n\r\n" + SMUGGLED)
    if row == 38 and replies and replies[0].status not in (400, 501):
        # nginx drops a header whose name it cannot read; then there is no body, and what follows is a request of its own.
        assert "Transfer-Encoding :" in lines[0] or "\x0b" in lines[0]
    else:
        assert [reply.status for reply in replies] in ([400], [501])
    assert not [path for _, path, _ in hub.alice.seen if "smuggled" in path]


def test_row_40_bare_line_feeds_are_refused_or_read_like_line_ends(hub):
    head = f"GET {PREFIX}/user/alice/echo HTTP/1.1\nHost: {HOST}\nCookie: {hub.cookie['alice']}\n\n"
    replies = hub.wire.raw(head.encode())
    assert [reply.status for reply in replies] in ([400], [200])


def test_row_42_a_stranger_s_ten_gigabytes_are_refused_before_they_are_sent(hub):
    began = time.monotonic()
    replies = send(hub, ["Content-Length: 10000000000"], "the first bytes", cookie=None, replies=1)
    assert [reply.status for reply in replies] == [401]
    assert time.monotonic() - began < 2 and hub.alice.calls == 0
    assert not hub.site.open_temporary_files()


@pytest.mark.parametrize("path", ["/user/alice/take", "/user/bob/take"])
def test_row_43_a_refused_upload_is_not_asked_to_continue(hub, path):
    cookie = None if "alice" in path else "alice"
    replies = send(hub, ["Content-Length: 1000000", "Expect: 100-continue"], cookie=cookie, replies=1, path=path)
    assert [reply.status for reply in replies] in ([401], [403])


@pytest.mark.parametrize("lines,body", [
    ([f"Content-Length: {len(SMUGGLED)}"], SMUGGLED), (["Content-Length: 1"], "x"),
    (["Transfer-Encoding: chunked"], f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"), (["Transfer-Encoding: chunked"], "0\r\n\r\n")])
@pytest.mark.parametrize("cookie,path", [(None, "/user/alice/take"), ("alice", "/user/bob/take")])
def test_the_body_of_a_refused_request_is_never_read_as_a_request(hub, cookie, path, lines, body):
    replies = send(hub, lines, body + LAST, cookie, path=path)
    assert replies[0].status in (401, 403)
    assert [(reply.status, reply.text) for reply in replies[1:]] in ([], [(200, "")]), "only the health question may follow"
    assert hub.alice.calls == 0


def test_the_body_for_a_server_that_is_gone_is_never_read_as_a_request(hub):
    for size in (len(SMUGGLED), 4_000_000):
        body = SMUGGLED + "x" * (size - len(SMUGGLED)) + LAST
        replies = send(hub, [f"Content-Length: {size}"], body, path="/user/alice/gone")
        assert replies[0].status in (502, 503)
        assert [(reply.status, reply.text) for reply in replies[1:]] in ([], [(200, "")])


def test_a_refused_upload_has_the_answer_of_its_own_method(hub):
    reply = hub.wire.send("PUT", f"{PREFIX}/user/alice/api/contents/x", [("Accept", "application/json")], b"x" * 500_000)
    assert reply.status == 401 and reply.json()


def test_the_hub_takes_forms_of_64_kib_and_no_more(hub):
    kind = [("Content-Type", "application/x-www-form-urlencoded")]
    for size, allowed in ((65536, {400, 403, 413}), (65537, {413}), (10_000_000, {413})):
        reply = hub.wire.send("POST", f"{PREFIX}/hub/login", kind, b"a" * size)
        assert reply.status in allowed, size
    reply = send(hub, ["Content-Length: 10000000000"], "a", path="/hub/login", replies=1)
    assert [answer.status for answer in reply] == [413]
