"""Out of memory is told: the gateway notices what the kernel did, and people read it where they look."""

import json

from hub import MIB
from machine import until


def lines(machine, *matches):
    """Lines of the journal as they were kept."""
    text = machine.run("journalctl", "--no-pager", "--output=json", *matches, check=False)["out"]
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def told(machine, user):
    """What the gateway wrote of it."""
    return [line for line in lines(machine, "--unit=hubgate.service") if f"out of memory server={user} " in line["MESSAGE"]]


def test_the_gateway_tells_of_a_killed_kernel_within_two_seconds_with_what_was_used_of_how_much(start, hub, measured):
    server = start("alice", memory_max=96 * MIB)
    # The gateway looks at what runs once a second; what was before its first look is nothing new.
    until("the gateway has seen the server run", lambda: server.phase() == "running", 10)
    before = len(told(hub.machine, "alice"))
    server.killed(server.ask("hold", mib=256))
    line = until("the gateway tells of it", lambda: told(hub.machine, "alice")[before:], 30, every=1)[-1]
    kernel = [line for line in lines(hub.machine, "--dmesg") if "Memory cgroup out of memory: Killed process" in line["MESSAGE"]]
    took = (int(line["__MONOTONIC_TIMESTAMP"]) - int(kernel[-1]["__MONOTONIC_TIMESTAMP"])) / 1e6
    assert f"limit={96 * MIB}" in line["MESSAGE"] and "kills=1" in line["MESSAGE"], line["MESSAGE"]
    used = int(line["MESSAGE"].split("used=")[1].split()[0])
    assert 90 * MIB < used <= 96 * MIB
    measured("out of memory is told by the gateway", f"{took:.2f} s after the kernel's kill (2; pages ask every 3 s), {used // MIB} of 96 MiB")
    assert took < 2
    kept = hub.machine.run("hubgate", "audit", "--action", "memory_kill", "--json")["out"].splitlines()
    assert json.loads(kept[-1])["subject"] == "alice"
