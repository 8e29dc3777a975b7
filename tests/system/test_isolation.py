"""What other accounts of the host, the gateway among them, cannot reach."""

import re

import pytest

from conftest import PASSWORDS
from machine import until

CONNECT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
try:
    connection.connect(sys.argv[1])
except OSError as error:
    print(error.strerror)
else:
    print("connected")
"""
GATEWAY, SPAWNER, SERVER = "/run/hubgate/gateway.sock", "/run/hubgate/spawner.sock", "/run/jupyter/alice.sock"
MAY = {GATEWAY: "www-data", SPAWNER: "hubgate", SERVER: "www-data"}


def answer(machine, user, path):
    return machine.out("python3", "-c", CONNECT, path, user=user)


@pytest.mark.parametrize("path", [GATEWAY, SPAWNER, SERVER])
@pytest.mark.parametrize("user", ["alice", "eve", "nobody", "hubgate", "www-data"])
def test_a_socket_opens_for_one_account_only(hub, user, path):
    hub.machine.run("systemctl", "start", "jupyter@alice.socket")
    expected = "connected" if MAY[path] == user else "Permission denied"
    assert answer(hub.machine, user, path) == expected
    hub.machine.run("systemctl", "stop", "jupyter@alice.service", "jupyter@alice.socket")


@pytest.mark.parametrize("user", ["alice", "hubgate"])
def test_the_sockets_place_cannot_be_taken(hub, user):
    done = hub.machine.run("sh", "-c", f"ls {SERVER}; mv {SERVER} /tmp/x; ln -s /tmp/y /run/jupyter/bob.sock; : > /run/hubgate/x",
                           user=user, check=False)
    assert done.stderr.count("ermission denied") == 4, done.stderr


def test_nobody_listens_on_tcp_but_nginx(hub):
    hub.machine.run("systemctl", "start", "jupyter@alice.service", timeout=130)
    listeners = hub.machine.out("ss", "-Hltnp").splitlines()
    hub.machine.run("systemctl", "stop", "jupyter@alice.service", "jupyter@alice.socket")
    strange = [line for line in listeners if '"nginx"' not in line]
    # Kernels have loopback ports of their own, made when a notebook opens; none is open here.
    assert listeners and not strange, strange


def test_the_listener_for_programs_is_on_loopback_and_carries_the_api_alone(hub):
    places = {line.split()[3] for line in hub.machine.out("ss", "-Hltn").splitlines()}
    assert {place for place in places if place.endswith(":8081")} == {"127.0.0.1:8081"}
    ask = "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8081); c.request('GET', sys.argv[1]); print(c.getresponse().status)"
    for path, status in (("hub/api", 200), ("hub/api/user", 403), ("hub/login", 404), ("user/alice/lab", 404), ("", 404)):
        said = hub.machine.run("python3", "-c", ask, f"/jupyterhub/{path}", user="alice").stdout
        assert said == f"{status}\n", path


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/hubgate/tls/server.key", "/etc/hubgate/tls/ca.key", "/etc/hubgate/spawner.toml",
                                  "/var/lib/hubgate-spawner/ticket.key", "/home/alice/diary"])
def test_the_gateways_account_cannot_read_what_is_not_its_own(hub, path):
    hub.visitor("alice")  # the ticket key exists from the first login on
    hub.machine.write("/home/alice/diary", "dear diary", 0o600)
    assert hub.machine.out("cat", path)
    assert "ermission denied" in hub.machine.run("cat", path, user="hubgate", check=False).stderr


def test_the_gateway_has_no_capability_and_the_spawner_few(hub):
    def effective(unit):
        status = hub.machine.path(f"/proc/{hub.machine.pid_of(unit)}/status").read_text()
        return int(re.search(r"CapEff:\s+([0-9a-f]+)", status)[1], 16)
    assert effective("hubgate.service") == 0
    hub.visitor("alice")
    assert bin(effective("hubgate-spawner.service")).count("1") <= 3


@pytest.mark.parametrize("user", ["alice", "hubgate"])
@pytest.mark.parametrize(("method", "signature", "arguments"), [
    ("StopUnit", "ss", ["jupyter@bob.service", "replace"]),
    ("StartUnit", "ss", ["jupyter@bob.service", "replace"]),
    ("StartUnit", "ss", ["hubgate-spawner.service", "replace"]),
    ("SetUnitProperties", "sba(sv)", ["jupyter@bob.service", "true", "0"]),
])
def test_nobody_but_root_moves_units(hub, user, method, signature, arguments):
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    done = hub.machine.run("busctl", "call", *manager, method, signature, *arguments, user=user, check=False)
    assert done.returncode != 0 and re.search("denied|authentication|authorization", done.stderr, re.I), done.stderr


def test_no_secret_shows_in_processes_units_or_journal(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice.service", timeout=130)
    key = machine.path("/var/lib/hubgate/hubgate.key").read_bytes().hex()
    secrets = [PASSWORDS["alice"], PASSWORDS["ada"], browser.cookies["hubgate-session"], key]
    shown = [machine.out("ps", "axwwe"), machine.out("systemctl", "show", "jupyter@alice.service", "hubgate.service", "hubgate-spawner.service"),
             machine.out("journalctl", "--no-pager", "-o", "export"), machine.out("sh", "-c", "cat /var/log/nginx/*.log")]
    for secret in secrets:
        assert not any(secret in text for text in shown), "a password, cookie or key can be read"
    for path in machine.path("/run/hubgate/servers").glob("*"):
        assert not any(secret in path.read_text() for secret in secrets)


def test_the_database_holds_no_session_that_could_be_used(hub):
    cookie = hub.visitor("alice").cookies["hubgate-session"].encode()
    held = b"".join(path.read_bytes() for path in hub.machine.path("/var/lib/hubgate").glob("hubgate.sqlite*"))
    assert cookie not in held and held


def test_a_user_does_not_see_other_users_processes(fresh):
    machine = fresh.machine
    for user in ("alice", "bob"):
        machine.run("systemctl", "start", f"jupyter@{user}.service", timeout=130)
    pid = machine.pid_of("jupyter@alice.service")
    inside = machine.run("nsenter", "-t", pid, "-m", "--", "setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "ps", "axo", "user:20")
    assert set(inside.stdout.split()[1:]) == {"alice"}


def test_the_spawner_is_not_there_when_nobody_needs_it(hub):
    hub.visitor("alice")
    assert hub.machine.pid_of("hubgate-spawner.service") != 0
    until("the idle spawner ends", lambda: hub.machine.show("hubgate-spawner.service", "ActiveState", "Result")
          == {"ActiveState": "inactive", "Result": "success"}, 15, 0.2)
    assert hub.machine.show("hubgate-spawner.socket", "ActiveState")["ActiveState"] == "active"
    hub.visitor("alice")
