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


@pytest.mark.parametrize("lines", [1, 5, 200])
def test_a_journal_is_that_of_one_server(fresh, lines):
    machine = fresh.machine
    for user in ("alice", "bob"):
        machine.run("systemctl", "start", f"jupyter@{user}", timeout=130)
    told = spawner.ask(machine, "journal", user="bob", lines=lines)["lines"]
    assert 0 < len(told) <= lines
    assert not [line for line in told if "alice" in line]
    assert any("bob" in line for line in told) or lines == 1
