"""Limits of a running server: changed at once, and the server does not notice."""

import signal
import time

from hub import MIB
from machine import until

CHANGED = {"memory_max": 192 * MIB, "memory_swap_max": 16 * MIB, "tasks_max": 60,
           "cpu_quota_percent": 150, "cpu_weight": 300, "io_weight": 500}
FILES = {"memory.max": str(192 * MIB), "memory.swap.max": str(16 * MIB), "pids.max": "60",
         "cpu.max": "150000 100000", "cpu.weight": "300", "io.weight": "default 500"}


def in_force(server, files):
    """Seconds until the kernel has these values."""
    began = time.monotonic()
    for file, value in files.items():
        until(f"{file} is {value}", lambda: server.cgroup(file) == value, 1)
    return time.monotonic() - began


def test_new_limits_bind_the_running_server_within_a_second_and_it_goes_on(start, measured):
    server = start("alice", memory_max=96 * MIB)
    before = server.ask("remember", what="a result of three hours")
    assert server.killed(server.ask("hold", mib=120))[0] == signal.SIGKILL
    took = server.limit(**CHANGED)
    seen = in_force(server, FILES)
    kernel = server.ask("hold", mib=120)
    assert server.said(kernel) == 120 and server.lives(kernel)
    assert server.ask("recall") == before
    measured("set_limits, six limits on a running server",
             f"answered after {took:.2f} s, all in force {seen:.2f} s later; same process, same memory")


def test_limits_that_are_taken_back_leave_the_units_own(start, measured):
    server = start("alice", memory_max=96 * MIB, tasks_max=40, cpu_quota_percent=50)
    before = server.ask("remember", what="a result of three hours")
    took = server.limit()
    seen = in_force(server, {"pids.max": "2048", "cpu.max": "max 100000", "cpu.weight": "100"})
    total = int(server.machine.read("/proc/meminfo").split()[1]) * 1024
    assert abs(int(server.cgroup("memory.max")) - total / 2) < MIB
    assert server.ask("recall") == before
    measured("set_limits, all taken back",
             f"answered after {took:.2f} s, the unit's own in force {seen:.2f} s later; same process, same memory")
