"""Accounts that hubgate makes with the host's own programs, in their confined unit; names that are no user names."""

import base64
import hashlib
import re

import pytest

import spawner
from machine import until
from pages import start, stop
from test_virtual import CONFIG, POLICY, put


@pytest.fixture(scope="module")
def create(hub):
    """The product where accounts are made; as before afterwards."""
    machine = hub.machine
    kept = machine.path(POLICY).read_text()
    put(machine, POLICY, accounts="create")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    yield hub
    hub.stop_all()
    machine.path(POLICY).write_text(kept)
    machine.run("systemctl", "stop", "hubgate-spawner.service")


def user_id(login):
    """What a login name that is no user name is called: the hub's own arithmetic, once more."""
    digest = int.from_bytes(hashlib.sha256(login.encode()).digest()[:10], "big")
    letters = base64._b32alphabet.decode().lower()
    plain = "".join(c for c in login.lower() if c.isascii() and (c.islower() or c.isdigit()))[:11]
    return f"id--{plain}{'-' if plain else ''}" + "".join(letters[digest >> (at * 5) & 31] for at in range(16))


def test_an_account_is_made_by_the_confined_worker_and_removed_again(create):
    machine = create.machine
    said = machine.out("hubgate", "user", "add", "newt")
    password = re.search(r"one-time password: (\S+)", said)[1]
    assert machine.out("stat", "-c", "%a %U:%G", "/home/newt") == "700 newt:newt"
    assert machine.path("/etc/shadow").read_text().split("newt:")[1].split(":")[1] == "0"
    reply = spawner.ask(machine, "authenticate", user="newt", password=password, rhost="10.7.7.7")
    assert reply["outcome"]["reason"]["reason"] == "password_expired", reply
    machine.run("chpasswd", stdin="newt:newt's long word\n")
    reply = spawner.ask(machine, "authenticate", user="newt", password="newt's long word", rhost="10.7.7.7")
    assert reply["outcome"]["outcome"] == "accepted" and reply["outcome"]["state"]["created_s"] > 0, reply
    machine.run("hubgate", "user", "lock", "newt")
    state = spawner.ask(machine, "account", user="newt")["state"]
    assert state["locked"] and state["expired"]
    machine.run("hubgate", "user", "unlock", "newt")
    machine.run("hubgate", "user", "del", "newt", "--home", "archive")
    assert machine.run("id", "newt", check=False).returncode != 0 and not machine.path("/home/newt").exists()
    assert "newt-" in machine.out("ls", "/var/lib/hubgate-spawner/archive")
    assert machine.run("sh", "-c", "ls /etc/passwd.lock /etc/shadow.lock", check=False).returncode != 0


@pytest.mark.parametrize("name", ["root", "alice", "daemon", "sudo", "www-data", "hubgate"])
def test_what_is_there_is_never_taken_over_or_locked(create, name):
    machine, before = create.machine, create.machine.path("/etc/passwd").read_text()
    assert spawner.ask(machine, "create_account", user=name)["reply"] == "error"
    assert spawner.ask(machine, "lock_account", user=name, locked=True)["error"] == "forbidden"
    assert spawner.ask(machine, "delete_account", user=name, home="archive")["error"] == "forbidden"
    assert machine.path("/etc/passwd").read_text() == before


@pytest.mark.journal(r"hubgate-accounts@|useradd|Failed with result")
def test_a_worker_killed_in_the_middle_leaves_nothing(create):
    machine = create.machine
    machine.write("/usr/local/sbin/slow-quota", "#!/bin/sh\nexec sleep 300\n", 0o755)
    kept = machine.path(POLICY).read_text()
    machine.path(POLICY).write_text(kept.replace('quota_hook = ""', 'quota_hook = "/usr/local/sbin/slow-quota"'))
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    try:
        with spawner.Spawner(machine) as waiting:
            body = b'{"op":"create_account","user":"halfway"}'
            waiting.connection.sendall(len(body).to_bytes(4, "big") + body)
            until("the account stands", lambda: machine.run("id", "halfway", check=False).returncode == 0, 20)
            machine.run("systemctl", "kill", "--signal=KILL", "hubgate-accounts@*.service")
            assert waiting.receive()["error"] == "engine"
    finally:
        machine.path(POLICY).write_text(kept)
        machine.run("systemctl", "stop", "hubgate-spawner.service")
    assert spawner.ask(machine, "lock_account", user="root", locked=True)["error"] == "forbidden"
    until("it is undone", lambda: machine.run("id", "halfway", check=False).returncode != 0, 20)
    assert not machine.path("/home/halfway").exists()


@pytest.fixture
def other_names(hub):
    """The product where login names may have capitals and an @; as before afterwards."""
    machine = hub.machine
    kept = machine.path(CONFIG).read_text()
    put(machine, CONFIG, username_pattern="[A-Za-z0-9._@-]{1,64}")
    machine.run("systemctl", "restart", "hubgate")
    yield hub
    machine.path(CONFIG).write_text(kept)
    machine.run("systemctl", "restart", "hubgate")


def test_names_that_are_no_user_names_log_in_and_have_servers(other_names):
    hub, machine, word = other_names, other_names.machine, "a long word of mine"
    for name in ["A.B@x.cn", "n" * 64]:
        uid = 5000 + len(name)
        machine.run("sh", "-euc", f"""
            echo '{name}:x:{uid}:{uid}::/home/u{uid}:/bin/bash' >>/etc/passwd
            echo '{name}:!:19000:0:99999:7:::' >>/etc/shadow
            install -d -m 700 -o {uid} -g {uid} /home/u{uid}""")
        machine.run("chpasswd", stdin=f"{name}:{word}\n")
        browser, user = hub.browser(), user_id(name)
        assert browser.login(name, word).status == 302, name
        start(browser, user)
        unit = f"jupyter-named@{user}.service"
        until(f"the server of {name} runs", lambda: machine.show(unit, "ActiveState")["ActiveState"] == "active", 60, 0.2)
        status = machine.path(f"/proc/{machine.pid_of(unit)}/status").read_text()
        assert int(re.search(r"Uid:\s+(\d+)", status)[1]) == uid
        assert machine.path(f"/run/jupyter/{user}.sock").exists()
        stop(browser, user)


def test_three_names_that_differ_in_one_sign_share_nothing(hub):
    machine, names = hub.machine, ["a-b", "a.b", "a_b"]
    for at, name in enumerate(names):
        machine.run("useradd", "--badname", "--uid", str(5200 + at), "--create-home", "--shell", "/bin/bash", name)
        machine.run("chpasswd", stdin=f"{name}:a long word of mine\n")
        browser = hub.browser()
        assert browser.login(name, "a long word of mine").status == 302
        start(browser, name)
    for at, name in enumerate(names):
        unit = f"jupyter@{name}.service"
        until(f"{name} runs", lambda unit=unit: machine.show(unit, "ActiveState")["ActiveState"] == "active", 60, 0.2)
        pid = machine.pid_of(unit)
        status = machine.path(f"/proc/{pid}/status").read_text()
        assert int(re.search(r"Uid:\s+(\d+)", status)[1]) == 5200 + at
        assert machine.out("readlink", f"/proc/{pid}/cwd") == f"/home/{name}"
        assert machine.out("stat", "-c", "%F", f"/run/jupyter/{name}.sock") == "socket"
    hub.stop_all()
