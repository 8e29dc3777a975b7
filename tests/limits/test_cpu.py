"""CPU time: a quota is a ceiling, a weight is a share."""

import pytest

from hub import cores

WINDOW = 8


def spin(server, count, **where):
    """Kernels that compute, and have begun to."""
    for kernel in [server.ask("spin", **where) for _ in range(count)]:
        server.said(kernel)


@pytest.mark.parametrize("quota", [50, 120])
def test_four_busy_kernels_get_no_more_than_the_quota(start, measured, quota):
    server = start("alice", cpu_quota_percent=quota)
    spin(server, 4)
    taken, = cores([server], WINDOW)
    assert 0.8 * quota < 100 * taken < 1.2 * quota
    measured(f"cpu_quota_percent {quota}, 4 busy kernels on 2 CPUs", f"{100 * taken:.0f} % of one CPU over {WINDOW} s")


def test_two_busy_servers_share_a_cpu_by_their_weights(start, measured):
    servers = [start("alice", cpu_weight=100), start("bob", cpu_weight=400)]
    for server in servers:
        spin(server, 2, cpu=1)
    light, heavy = cores(servers, WINDOW)
    assert 2.5 < heavy / light < 6
    measured("cpu_weight 100 and 400 on one CPU",
             f"{100 * light:.0f} % and {100 * heavy:.0f} % of it over {WINDOW} s, 1 : {heavy / light:.1f}")
