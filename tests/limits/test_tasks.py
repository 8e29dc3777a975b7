"""Processes: whoever starts too many is refused the next one, and nobody else notices."""

LIMIT = 40


def test_a_server_that_starts_too_many_processes_is_refused_the_next_and_another_is_not(start, measured):
    server, neighbour = start("alice", tasks_max=LIMIT), start("bob", tasks_max=LIMIT)
    end = server.said(server.ask("breed", most=3 * LIMIT))
    assert end["refused"] == "EAGAIN"
    assert server.cgroup("pids.current") == server.cgroup("pids.max") == str(LIMIT)
    assert server.count("pids.events", "max") == 1
    answer, took = neighbour.timed("recall")
    assert answer["pid"] and took < 2
    assert neighbour.said(neighbour.ask("hold", mib=1)) == 1
    measured(f"tasks_max {LIMIT}", f"EAGAIN after {end['children']} children of a kernel; "
             f"the neighbour answers in {took * 1000:.0f} ms and starts a kernel")
