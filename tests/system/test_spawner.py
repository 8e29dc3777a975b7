"""The spawner's words against the real systemd, spoken as the gateway speaks them."""

import re

import pytest

import spawner
import units
from conftest import PASSWORDS
from machine import until


def ticket_of(machine, user, rhost="10.7.7.7"):
    reply = spawner.ask(machine, "authenticate", user=user, password=PASSWORDS[user], rhost=rhost)
    return reply["outcome"]["ticket"]


def code(reply):
    return reply["error"] if reply["reply"] == "error" else reply["reply"]


def test_a_start_needs_the_owners_own_ticket(fresh):
    machine = fresh.machine
    theirs = ticket_of(machine, "bob")
    assert code(spawner.ask(machine, "start", user="alice")) == "forbidden"
    assert code(spawner.ask(machine, "start", user="alice", ticket=theirs)) == "forbidden"
    assert code(spawner.ask(machine, "start", user="alice", ticket="A" * 60)) == "forbidden"
    assert code(spawner.ask(machine, "start", user="nosuchuser", ticket=theirs)) in ("forbidden", "no_account")
    assert code(spawner.ask(machine, "start", user="root", ticket=theirs)) in ("forbidden", "no_account")
    assert {units.phase(machine, user) for user in ("alice", "bob")} == {"stopped"}


def test_a_ticket_outlives_the_spawner(fresh):
    machine = fresh.machine
    ticket = ticket_of(machine, "alice")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    assert code(spawner.ask(machine, "start", user="alice", ticket=ticket)) == "done"
    until("alice's server runs", lambda: units.phase(machine, "alice") == "running", 60, 0.2)
    assert spawner.ask(machine, "status", user="alice")["status"]["phase"] == "running"
    assert [server["user"] for server in spawner.ask(machine, "list")["servers"]] == ["alice"]


def test_a_named_server_runs_as_its_owner_beside_the_default_one(fresh):
    machine = fresh.machine
    ticket = ticket_of(machine, "alice")
    assert code(spawner.ask(machine, "start", user="alice", server="gpu", ticket=ticket)) == "done"
    until("alice:gpu runs", lambda: units.phase(machine, "alice:gpu") == "running", 60, 0.2)
    pid = machine.pid_of("jupyter-named@alice:gpu.service")
    assert re.search(r"Uid:\s+(\d+)", machine.path(f"/proc/{pid}/status").read_text())[1] == machine.out("id", "-u", "alice")
    assert units.phase(machine, "alice") == "stopped"
    assert "User=alice" in machine.out("systemctl", "cat", "jupyter-named@alice:gpu.service")
    assert code(spawner.ask(machine, "stop", user="alice", server="gpu")) == "done"
    until("alice:gpu has ended", lambda: units.phase(machine, "alice:gpu") == "stopped", 25)


@pytest.fixture
def reverted(fresh):
    """Runtime limits are gone afterwards."""
    yield fresh
    fresh.machine.run("systemctl", "revert", "jupyter@alice.service")


def test_limits_reach_the_unit(reverted):
    machine = reverted.machine
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    limits = {"memory_max": 1 << 30, "cpu_quota_percent": 150, "tasks_max": 300, "cpu_weight": 50}
    assert code(spawner.ask(machine, "set_limits", user="alice", limits=limits)) == "done"
    names = ("MemoryMax", "CPUQuotaPerSecUSec", "TasksMax", "CPUWeight")
    assert machine.show("jupyter@alice.service", *names) == {
        "MemoryMax": str(1 << 30), "CPUQuotaPerSecUSec": "1.500000s", "TasksMax": "300", "CPUWeight": "50"}
    # Set, not enforced: this machine delegates no controllers to its guest. Enforcement is the kernel's and systemd's own.


def test_a_limit_that_is_not_wanted_any_more_is_the_units_own_again(reverted):
    machine, unit, names = reverted.machine, "jupyter@alice.service", ("MemoryMax", "TasksMax")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    pid, own = machine.pid_of(unit), machine.show(unit, *names)
    limits = {"memory_max": 1 << 30, "tasks_max": 300}
    assert code(spawner.ask(machine, "set_limits", user="alice", limits=limits)) == "done"
    assert machine.show(unit, *names) == {"MemoryMax": str(1 << 30), "TasksMax": "300"}
    assert code(spawner.ask(machine, "set_limits", user="alice", limits={"tasks_max": 300})) == "done"
    assert machine.show(unit, *names) == {**own, "TasksMax": "300"}
    assert code(spawner.ask(machine, "set_limits", user="alice", limits={})) == "done"
    assert machine.show(unit, *names) == own
    assert machine.pid_of(unit) == pid


def test_a_start_brings_limits_environment_and_manner_and_the_next_one_takes_them_back(reverted):
    machine, unit = reverted.machine, "jupyter@alice.service"
    ticket = ticket_of(machine, "alice")

    def start(**more):
        assert code(spawner.ask(machine, "start", user="alice", ticket=ticket, **more)) == "done"
        until("alice's server runs", lambda: units.phase(machine, "alice") == "running", 60, 0.2)
        pid = machine.pid_of(unit)
        return machine.path(f"/proc/{pid}/environ").read_bytes().split(b"\0")

    own = machine.show(unit, "TasksMax", "IPAddressDeny")
    env = start(limits={"tasks_max": 300}, environment={"COURSE": "数据 $x"}, manner={"offline": True, "no_terminals": True})
    assert "COURSE=数据 $x".encode() in env and b"HUBGATE_TERMINALS=0" in env
    shown = machine.show(unit, "TasksMax", "IPAddressDeny")
    assert shown["TasksMax"] == "300" and "0.0.0.0/0" in shown["IPAddressDeny"] and "::/0" in shown["IPAddressDeny"]
    assert code(spawner.ask(machine, "stop", user="alice")) == "done"
    until("alice's server has ended", lambda: units.phase(machine, "alice") == "stopped", 25)
    env = start()
    assert not [line for line in env if line.startswith((b"COURSE=", b"HUBGATE_TERMINALS="))]
    assert machine.show(unit, "TasksMax", "IPAddressDeny") == own


@pytest.mark.parametrize("lines", [1, 5, 200])
def test_a_journal_is_that_of_one_server(fresh, lines):
    machine = fresh.machine
    for user in ("alice", "bob"):
        machine.run("systemctl", "start", f"jupyter@{user}", timeout=130)
    told = spawner.ask(machine, "journal", user="bob", lines=lines)["lines"]
    assert 0 < len(told) <= lines
    assert not [line for line in told if "alice" in line]
    assert any("bob" in line for line in told) or lines == 1
