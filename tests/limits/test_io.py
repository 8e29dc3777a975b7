"""Time of a disk: a weight is a share, under a kernel that weighs."""

import time

WINDOW = 8


def taken(server, disk):
    """Bytes that a server has read from the disk."""
    fields = next(line.split()[1:] for line in server.cgroup("io.stat").splitlines() if line.split()[0] == disk)
    return int(dict(field.split("=") for field in fields)["rbytes"])


def test_two_servers_share_a_disk_by_their_weights(start, measured, disk):
    servers = [start("alice", io_weight=100), start("bob", io_weight=400)]
    for server in servers:
        for kernel in [server.ask("read", path=f"/home/{server.user}/read{number}", mib=4) for number in range(4)]:
            server.said(kernel)
    before = [taken(server, disk) for server in servers]
    time.sleep(WINDOW)
    light, heavy = (taken(server, disk) - was for server, was in zip(servers, before))
    assert 2.5 < heavy / light < 6, (light, heavy)
    measured("io_weight 100 and 400 on one disk",
             f"{light >> 20} and {heavy >> 20} MiB read over {WINDOW} s, 1 : {heavy / light:.1f} (io.cost)")
