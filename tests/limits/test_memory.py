"""Memory: what a kernel takes too much of costs the kernel, not its server, not the neighbours, not the host."""

import signal

from hub import MIB


def test_a_kernel_beyond_the_limit_is_killed_and_its_server_and_its_other_kernel_live(start, measured):
    server = start("alice", memory_max=96 * MIB)
    pid = server.ask("recall")["pid"]
    other, greedy = server.ask("hold", mib=8), server.ask("hold", mib=256)
    ended, took = server.killed(greedy)
    assert ended == signal.SIGKILL
    assert server.count("memory.events", "oom_kill") == 1
    assert server.lives(other) and server.ask("recall")["pid"] == pid
    state = server.machine.show(server.unit, "ActiveState", "MainPID", "Result")
    assert state == {"ActiveState": "active", "MainPID": str(pid), "Result": "success"}
    assert int(server.cgroup("memory.peak")) <= 96 * MIB
    assert int(server.cgroup("memory.swap.current")) == 0
    measured("memory_max 96 MiB, a kernel takes 256",
             f"killed after {took:.1f} s; oom_kill 1; swapped 0; the server and its other kernel live")


def test_swap_is_no_way_out_unless_the_limits_say_so(start, measured):
    kept, let = start("alice", memory_max=96 * MIB), start("bob", memory_max=96 * MIB, memory_swap_max=256 * MIB)
    ended, _ = kept.killed(kept.ask("hold", mib=160))
    assert ended == signal.SIGKILL and int(kept.cgroup("memory.swap.current")) == 0
    kernel = let.ask("hold", mib=160)
    assert let.said(kernel) == 160 and let.lives(kernel)
    swapped = int(let.cgroup("memory.swap.current")) / MIB
    assert swapped > 60 and let.count("memory.events", "oom_kill") == 0
    measured("memory_max 96 MiB, 160 taken, memory_swap_max 0 and 256 MiB",
             f"killed with 0 swapped, and alive with {swapped:.0f} MiB swapped")


def test_what_is_guaranteed_stays_in_memory_while_others_press(start, measured):
    swap = {"memory_max": 512 * MIB, "memory_swap_max": 512 * MIB}
    sure, loose = start("alice", memory_low=300 * MIB, **swap), start("bob", **swap)
    for server in (sure, loose):
        assert server.said(server.ask("hold", mib=256)) == 256
    greedy = start("carol", memory_max=1400 * MIB)
    kernel = greedy.ask("hold", mib=1250)
    assert greedy.said(kernel) == 1250 and greedy.lives(kernel)
    kept, lost = (int(server.cgroup("memory.swap.current")) / MIB for server in (sure, loose))
    assert kept < 8 < 64 < lost, (kept, lost)
    measured("memory_low 300 MiB and none, 256 taken each, a third takes 1250 of the 1640 of all",
             f"swapped out: {kept:.0f} MiB of the first, {lost:.0f} of the second")
