"""The hostile inputs shared by all rings, as far as they go through nginx: every case by its own id."""

import base64
import json
import urllib.parse

import pytest

from gateway import PROJECT, post_login, random_session
from wire import HOST, NAVIGATE, PREFIX, SESSION, UPGRADE

FILE = PROJECT.parent / "shared/data/bad-inputs.json"
JSON = [("Accept", "application/json")]


def cases(target):
    """The cases of one target; the file's absence is one failing case."""
    if not FILE.exists():
        return [pytest.param(None, id=f"{target}-file-is-missing")]
    found = [case for case in json.loads(FILE.read_text())["inputs"] if case["target"] == target]
    assert found, target
    return [pytest.param(case, id=case["id"]) for case in found]


def bytes_of(case, **places):
    """The input, with the file's placeholders filled in."""
    assert case is not None, f"{FILE} is missing: it holds the hostile inputs that every ring reads"
    if "input_b64" in case:
        data = base64.b64decode(case["input_b64"])
    elif "gen" in case:
        gen = case["gen"]
        data = (gen["prefix"] + gen["repeat"] * gen["n"] + gen.get("suffix", "")).encode()
    else:
        data = case["input"].encode()
    for name, value in places.items():
        data = data.replace(name.encode(), value.encode())
    return data


def below_prefix(path):
    """The file's paths are those of a hub that owns its host."""
    return path if path.startswith(b"//") else PREFIX.encode() + path


def no_trace(reply):
    """What no answer may tell."""
    for word in ("panicked", "backtrace", "src/gateway", "SELECT ", "sqlite", "/hubgate-nginx-", "actix"):
        assert word not in reply.text, word
    return reply


def get(hub, path, cookie=None, headers=()):
    """A GET of raw bytes; the last reply."""
    lines = [b"GET " + path + b" HTTP/1.1", f"Host: {HOST}".encode(), *headers]
    lines += [b"Cookie: " + cookie] if cookie is not None else []
    replies = hub.wire.raw(b"\r\n".join([*lines, b"", b""]))
    assert replies, "the connection was closed without an answer"
    return no_trace(replies[-1])


@pytest.mark.parametrize("case", cases("user_path"))
def test_a_hostile_path_reaches_nobody_else_s_server(hub, case):
    path = bytes_of(case)
    forms = [below_prefix(path), *([b"/" + PREFIX.encode() + path[1:]] if path.startswith(b"//") else [])]
    for line in forms:
        reply = get(hub, line, hub.cookie["alice"].encode())
        if case["expect"] == "reject_403_or_404_never_other_upstream":
            assert reply.status in (400, 403, 404) or reply.of_server() == "alice"
        elif path.startswith(b"/hub/static../"):
            # With the hub's address space in the gateway there is no folder to leave: not found is as good.
            assert reply.status in (400, 404)
        else:
            assert reply.status == int(case["expect"].removeprefix("reject_"))


@pytest.mark.parametrize("case", cases("header_spoof"))
def test_a_spoofed_header_changes_nothing(hub, case):
    line = bytes_of(case, **{"hub.test": HOST})
    name, value = line.decode().split(": ", 1)
    plain = get(hub, f"{PREFIX}/user/alice/echo".encode(), hub.cookie["alice"].encode())
    spoofed = get(hub, f"{PREFIX}/user/alice/echo".encode(), hub.cookie["alice"].encode(), [line])
    told = [dict(reply.json(), headers=[pair for pair in reply.json()["headers"] if pair[0] != "User-Agent"]) for reply in (plain, spoofed)]
    assert told[0] == told[1]
    assert value not in str(told[1]) or name in ("User-Agent",)
    for cookie, status in ((hub.cookie["alice"], 403), (None, 401)):
        assert get(hub, f"{PREFIX}/user/bob/echo".encode(), cookie and cookie.encode(), [line]).status == status
    location = get(hub, f"{PREFIX}/user/alice/lab".encode(), None, [line, b"Accept: text/html"])["Location"]
    assert location.startswith(f"{PREFIX}/hub/login?next=")


@pytest.mark.parametrize("case", cases("ws_handshake"))
def test_a_hostile_handshake_opens_no_websocket(hub, case):
    text, method, headers = bytes_of(case, **{"hub.test": HOST}).decode(), "GET", dict(UPGRADE)
    if case.get("scenario"):
        method = "POST"
    else:
        name, value = text.split(": ", 1)
        headers[name] = value
    reply = hub.wire.send(method, f"{PREFIX}/user/alice/echo", headers.items(), cookie=hub.cookie["alice"])
    if case["expect"] == "not_101":
        assert reply.status not in (0, 101) and reply.status < 500
    else:
        assert reply.status == int(case["expect"].removeprefix("reject_"))
        assert hub.alice.calls == 0


@pytest.mark.parametrize("case", cases("cookie_header"))
def test_a_hostile_cookie_header_is_nobody_and_a_good_one_is_somebody(hub, case):
    cookie = bytes_of(case, VALID=hub.cookie["alice"].split("=")[1], OTHER=random_session().split("=")[1])
    reply = get(hub, f"{PREFIX}/user/alice/echo".encode(), cookie, [b"Accept: application/json"])
    if case["expect"] == "accept":
        assert reply.status == 200
        assert SESSION not in reply.text, "the session reached the user's server"
        return
    # nginx itself refuses what is no header at all.
    assert reply.status in (400, 401)
    assert hub.alice.calls == 0
    page = get(hub, f"{PREFIX}/hub/home".encode(), cookie, [b"Accept: text/html"])
    assert page.status in (400, 302) and (page.status == 400 or "/hub/login" in page["Location"])


@pytest.mark.parametrize("case", cases("next_url"))
def test_a_login_leads_nowhere_but_into_the_hub(hub, case):
    text = bytes_of(case, HOST=f"https://{HOST}").decode()
    target = PREFIX + text if text.startswith(("/hub", "/user")) else text
    if len(target) > 4096:
        reply = post_login(hub.wire, "alice", hub.passwords["alice"], next=target)  # too long for a request line
    else:
        reply = post_login(hub.wire, "alice", hub.passwords["alice"], f"?next={urllib.parse.quote(target, safe='')}")
    no_trace(reply)
    assert reply.status in (302, 303), reply.text
    if case["expect"] == "accept":
        assert reply["Location"] == target
    else:
        address = urllib.parse.urljoin(f"https://{HOST}{PREFIX}/hub/login", reply["Location"])
        assert address.startswith(f"https://{HOST}{PREFIX}/")
        if text != "/user/bob/":  # allowed as a link; it then answers 403
            assert reply["Location"] == f"{PREFIX}/hub/"


@pytest.mark.parametrize("case", cases("next_url_raw_query"))
def test_a_raw_query_leads_nowhere_but_into_the_hub(hub, case):
    query = bytes_of(case, HOST=f"https://{HOST}").decode("latin-1")
    page = get(hub, f"{PREFIX}/hub/login?".encode() + query.lstrip("?").encode("latin-1"), None, [b"Accept: text/html"])
    assert page.status in (200, 400)
    assert "Location" not in page.headers and "\r" not in str(page.headers.items())


def test_after_all_that_a_good_request_succeeds(hub):
    assert hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"]).of_server() == "alice"
    assert hub.wire.get("/hub/login", NAVIGATE).status == 200
    assert "panicked" not in hub.gateway.words()
