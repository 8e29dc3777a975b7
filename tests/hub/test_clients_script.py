"""A script with a user's token, before both flavours of servers: starts one, runs a cell over its websocket, stops it."""

import pytest
from clients.script import Script

CELL = "import os; print(6 * 7, os.environ['USER'])"


@pytest.fixture(params=["direct", "hub"])
def hub(request, flavoured):
    """A running hubgate of each flavour."""
    return flavoured(request.param)


def script_of(hub, name, server="", **token):
    return Script(hub, name, hub.token(name, **token), hub.tls(), server)


def test_a_script_starts_a_server_runs_a_cell_and_stops_it(hub):
    script = script_of(hub, "alice")
    assert script.send("GET", f"{script.own}api/status").status == 424
    events = script.start()
    assert events[0]["progress"] == 0 or len(events) == 1
    assert script.send("GET", f"{script.own}api/me").json()["identity"]["username"] == "alice"
    assert script.run_cell(CELL) == "42 alice\n"
    script.stop()


def test_a_script_writes_files_without_an_xsrf_token(hub):
    script = script_of(hub, "alice")
    script.start()
    made = script.send("PUT", f"{script.own}api/contents/note.txt", '{"type": "file", "format": "text", "content": "kept"}')
    assert made.status in (200, 201), made
    assert script.send("GET", f"{script.own}files/note.txt").body == "kept"
    script.stop()


def test_a_named_server_is_started_and_used_in_the_same_way(hub):
    script = script_of(hub, "alice", "gpu")
    script.start()
    assert script.run_cell(CELL) == "42 alice\n"
    script.stop()


def test_a_token_reaches_its_owner_s_server_and_nobody_else_s(hub):
    script, stranger = script_of(hub, "alice"), script_of(hub, "carol")
    script.start()
    assert stranger.send("GET", f"{script.own}api/status").status in (403, 404)
    little = Script(hub, "alice", hub.token("alice", scopes=["read:users:name!user=alice"]), hub.tls())
    assert little.send("GET", f"{script.own}api/status").status in (403, 404)
    enough = Script(hub, "alice", hub.token("alice", scopes=["access:servers!user=alice"]), hub.tls())
    assert enough.send("GET", f"{script.own}api/status").status == 200
    script.stop()


def test_a_revoked_token_reaches_nothing_any_more(hub):
    keeper, script = script_of(hub, "alice"), script_of(hub, "alice", note="short-lived")
    keeper.start()
    assert script.send("GET", f"{script.own}api/status").status == 200
    known = keeper.send("GET", f"{hub.base}/hub/api/users/alice/tokens").json()["api_tokens"]
    (mine,) = [token["id"] for token in known if token["note"] == "short-lived"]
    assert keeper.send("DELETE", f"{hub.base}/hub/api/users/alice/tokens/{mine}").status == 204
    assert script.send("GET", f"{script.own}api/status").status in (401, 403)
    assert script.send("GET", f"{hub.base}/hub/api/user").status == 403
    keeper.stop()
