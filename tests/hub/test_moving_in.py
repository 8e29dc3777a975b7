"""Moving in: the database and the configuration of a real JupyterHub, taken over by `hubgate import`."""

import json
import os
import sqlite3
import subprocess
import tomllib

import pytest

import world
from ask import Visitor
from oracle import JupyterHub
from stack import until

BASE = "/jupyterhub/hub/api"
# What JupyterHub says of somebody that does not depend on where and when it runs.
STABLE = ("name", "admin", "groups", "kind")
ODD = ["a.b@x.cn", "with space"]


@pytest.fixture(scope="module")
def left(run_folder, hub_venv):
    """What a JupyterHub leaves behind: its files, its tokens, and what it said of their owners."""
    proxy = os.environ["HUBGATE_TEST_PROXY"]
    extra = "import os\nc.Spawner.environment = {'X': os.environ.get('X', '')}\nc.JupyterHub.cookie_max_age_days = 7\nc.JupyterHub.nonsense_of_ours = 1\n"
    with JupyterHub(run_folder / "moving-out", hub_venv, proxy, extra=extra) as hub:
        boss = Visitor(hub, world.SERVICES["boss"]["api_token"])
        assert ask(boss, "POST", "/users", {"usernames": ODD}).status == 201
        tokens = {name: ask(boss, "POST", f"/users/{owner}/tokens", body).json()["token"] for name, (owner, body) in world.TOKENS.items()}
        revoked = ask(boss, "POST", "/users/alice/tokens", {"note": "taken back"}).json()
        assert ask(boss, "DELETE", f"/users/alice/tokens/{revoked['id']}").status == 204
        alice = Visitor(hub, tokens["alice"])
        assert ask(alice, "POST", "/users/alice/servers/gpu", {"profile": "large"}).status in (201, 202)
        share = ask(alice, "POST", "/shares/alice/gpu", {"user": "bob"})
        said = {name: ask(Visitor(hub, token), "GET", "/user").json() for name, token in tokens.items()}
        groups = {group["name"]: group for group in ask(boss, "GET", "/groups?limit=20").json()}
    return {"work": hub.work, "tokens": tokens, "said": said, "groups": groups, "revoked": revoked["token"], "shared": share.status == 200}


def ask(visitor, method, path, body=None):
    """A call of the API."""
    return visitor.send(method, BASE + path, None if body is None else json.dumps(body), api=True)


@pytest.fixture
def hub(product):
    """A hubgate without users, with the roles and scopes of the JupyterHub."""
    return product("moving-in", users=[], roles=world.ROLES, settings={"custom_scopes": world.CUSTOM_SCOPES})


def move_in(hub, left):
    """Takes the database over while the hub runs, which notices it by itself; what was told."""
    told = hub.hubgate("import", left["work"] / "jupyterhub.sqlite")
    until("the first old token is known", lambda: ask(Visitor(hub, left["tokens"]["alice"]), "GET", "/user").status == 200, seconds=5)
    return told


def test_a_dry_run_says_what_the_import_then_does_and_changes_nothing(hub, left):
    database = left["work"] / "jupyterhub.sqlite"
    before = database.read_bytes()
    users = hub.hubgate("user", "list") # those who have roles by the configuration
    rehearsed = hub.hubgate("import", "--dry-run", database)
    assert hub.hubgate("user", "list") == users and "bob" not in users
    done = hub.hubgate("import", database)
    assert rehearsed.replace("dry run: nothing was changed\n", "") == done
    assert f"users: {len(world.USERS) + 1 - 3} added, 3 there already" in done
    assert "groups: 2 added, 1 there already" in done
    assert 'left out: user "with space"' in done
    again = hub.hubgate("import", database)
    assert f"users: 0 added, {len(world.USERS) + 1} there already" in again and "tokens: 0 added" in again
    assert database.read_bytes() == before


def test_old_tokens_are_valid_and_may_do_what_they_could(hub, left):
    move_in(hub, left)
    for name, token in left["tokens"].items():
        answer = ask(Visitor(hub, token), "GET", "/user")
        assert answer.status == 200, (name, answer.body)
        ours, theirs = answer.json(), left["said"][name]
        assert {key: ours.get(key) for key in STABLE} == {key: theirs.get(key) for key in STABLE}, name
        assert sorted(ours["scopes"]) == sorted(theirs["scopes"]), name
    for wrong in (left["revoked"], left["tokens"]["alice"][:-1] + "x", left["tokens"]["alice"][:4]):
        assert ask(Visitor(hub, wrong), "GET", "/user").status == 403


def test_an_old_token_can_be_taken_back(hub, left):
    move_in(hub, left)
    alice = Visitor(hub, left["tokens"]["alice"])
    tokens = ask(alice, "GET", "/users/alice/tokens").json()["api_tokens"]
    little = next(token for token in tokens if token["note"] == "little")
    assert ask(Visitor(hub, left["tokens"]["alice-none"]), "GET", "/users/alice").status == 200
    assert ask(alice, "DELETE", f"/users/alice/tokens/{little['id']}").status == 204
    assert ask(Visitor(hub, left["tokens"]["alice-none"]), "GET", "/users/alice").status == 403


def test_groups_servers_and_shares_come_along(hub, left):
    move_in(hub, left)
    boss = Visitor(hub, world.SERVICES["boss"]["api_token"])
    groups = {group["name"]: group for group in ask(boss, "GET", "/groups?limit=20").json()}
    for name, group in left["groups"].items():
        assert sorted(groups[name]["users"]) == sorted(group["users"]), name
        assert groups[name]["properties"] == group["properties"], name
    alice = ask(boss, "GET", "/users/alice?include_stopped_servers=1").json()
    assert alice["servers"]["gpu"]["user_options"] == {"profile": "large"}
    assert left["shared"]
    shares = ask(Visitor(hub, left["tokens"]["alice"]), "GET", "/shares/alice/gpu").json()["items"]
    assert [share["user"]["name"] for share in shares] == ["bob"]


def test_roles_of_the_database_are_printed_as_the_configuration_wants_them(hub, left):
    told = move_in(hub, left)
    roles = {role["name"]: role for role in tomllib.loads(told.split("\n\n", 1)[1])["load_roles"]}
    for role in world.ROLES:
        if role["name"] == "admin": # `boss` has it
            assert roles["admin"]["services"] == ["boss"] and "scopes" not in roles["admin"]
            continue
        for key in ("scopes", "users", "groups", "services"):
            assert sorted(roles[role["name"]][key]) == sorted(role.get(key, [])), (role["name"], key)


def test_a_configuration_becomes_a_hubgate_toml_and_what_does_not_is_named_with_its_line(hub, left, tmp_path):
    config, output = left["work"] / "jupyterhub_config.py", tmp_path / "hubgate.toml"
    command = [hub.programs / "hubgate", "import", config]
    done = subprocess.run([*command, "--output", output], text=True, capture_output=True, check=True, timeout=60)
    made = tomllib.loads(output.read_text())
    assert made["base_url"] == "/jupyterhub" and made["admin_users"] == ["admin"] and made["session_hours"] == 168
    assert sorted(made["allowed_users"]) == sorted(world.USERS) and made["authenticator"] == "file"
    assert made["named_server_limit_per_user"] == 3 and made["slow_spawn_timeout"] == 2 and made["allow_named_servers"] is True
    assert made["custom_scopes"] == world.CUSTOM_SCOPES and made["load_groups"] == world.GROUPS
    assert {role["name"]: role.get("scopes") for role in made["load_roles"]} == {role["name"]: role.get("scopes") for role in world.ROLES}
    lines = config.read_text().splitlines()
    for text, words in (("c.Spawner.environment", "not understood"), ("c.JupyterHub.nonsense_of_ours", "no counterpart"), ("c.JupyterHub.services", "services.toml"),
                        ("c.JupyterHub.hub_port", "not needed")):
        number = next(number for number, line in enumerate(lines, 1) if line.startswith(text))
        told = [line for line in done.stderr.splitlines() if f"{config}:{number} " in line]
        assert told and words in told[0], (text, done.stderr)
    # A second time: what is there is never written over.
    assert subprocess.run([*command, "--output", output], capture_output=True, timeout=60).returncode == 1
    printed = subprocess.run(command, text=True, capture_output=True, check=True, timeout=60).stdout
    assert tomllib.loads(printed) == made


def test_a_configuration_is_never_run(hub, tmp_path):
    config, touched = tmp_path / "jupyterhub_config.py", tmp_path / "touched"
    config.write_text(f"open({str(touched)!r}, 'w')\nc.JupyterHub.base_url = open({str(touched)!r}, 'w').name\n__import__('os').mkdir({str(touched)!r})\n")
    done = subprocess.run([hub.programs / "hubgate", "import", config], text=True, capture_output=True, check=True, timeout=60)
    assert not touched.exists() and done.stderr.count("not understood") == 3


def test_what_is_no_jupyterhub_is_refused_and_nothing_changes(hub, tmp_path):
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE users (id INTEGER)").connection.commit()
    (tmp_path / "torn.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    (tmp_path / "broken.py").write_text("c.X.y = (\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    for name, words in (("other.sqlite", "JupyterHub 5.0"), ("torn.sqlite", "torn.sqlite"), ("broken.py", "broken.py:1: is not Python"), ("binary", "neither"), ("absent", "absent")):
        command = [hub.programs / "hubgate", "--config", hub.work / "etc/hubgate.toml", "import", tmp_path / name]
        done = subprocess.run(command, text=True, capture_output=True, timeout=60)
        assert done.returncode == 1 and words in done.stderr and "panicked" not in done.stderr, (name, done.stderr)
