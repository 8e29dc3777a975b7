"""GPUs: a server opens those that are leased to it, and no other; one that has ended leaves them to the next.

There are no GPUs here. The devices have NVIDIA's numbers and no driver: an attempt to open one that gets past the cgroup
ends with ENXIO, one that does not with EPERM.
"""

import time

import pytest

from machine import until

POLICY = "/etc/hubgate/spawner.toml"
GPUS = {f"GPU-{number}": f"/dev/nvidia{number}" for number in range(2)}
DEVICES = {**{path: number for number, path in enumerate(GPUS.values())}, "/dev/nvidiactl": 255}
THROUGH, KEPT = "ENXIO", "EPERM"


@pytest.fixture(scope="module")
def gpus(hub):
    """The machine leases two GPUs."""
    machine = hub.machine
    for path, minor in DEVICES.items():
        machine.run("mknod", "--mode=666", path, "c", "195", str(minor))
    before = machine.read(POLICY)
    table = "".join(f'{gpu} = ["{path}"]\n' for gpu, path in GPUS.items())
    machine.write(POLICY, before.replace("[gpus.devices]\n", f"[gpus.devices]\n{table}"), "0600")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    yield hub
    machine.write(POLICY, before, "0600")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    machine.run("rm", *DEVICES)


def start(hub, user, count):
    return hub.try_to("start", user=user, ticket=hub.ticket(user), manner={"gpus": count})[0]


def running(hub, user, count):
    """A server with so many GPUs, and which they are by its environment."""
    assert start(hub, user, count) == {"reply": "done"}
    server = hub.server(user)
    until(f"{user}'s server runs", lambda: server.phase() == "running", 30)
    return server, server.ask("variable", name="CUDA_VISIBLE_DEVICES")


def reached(server):
    """What comes of opening each device."""
    return {path: server.ask("reach", path=path) for path in DEVICES}


def holders(hub):
    return {gpu["id"]: gpu["holder"] for gpu in hub.ask("gpus")[0]["gpus"]}


def test_a_server_opens_the_gpus_of_its_lease_and_no_other(gpus, measured):
    (alice, of_alice), (bob, of_bob) = running(gpus, "alice", 1), running(gpus, "bob", 1)
    carol, of_carol = running(gpus, "carol", 0)
    try:
        assert (of_alice, of_bob, of_carol) == ("GPU-0", "GPU-1", "")
        expected = {"/dev/nvidia0": THROUGH, "/dev/nvidia1": KEPT, "/dev/nvidiactl": THROUGH}
        assert reached(alice) == expected
        assert reached(bob) == {**expected, "/dev/nvidia0": KEPT, "/dev/nvidia1": THROUGH}
        assert set(reached(carol).values()) == {KEPT}
        # What a server without a GPU needs is there.
        assert [carol.ask("reach", path=path) for path in ("/dev/null", "/dev/urandom", "/dev/ptmx")] == ["opened"] * 3
        assert start(gpus, "dave", 1)["error"] == "no_gpu" and start(gpus, "dave", 3)["error"] == "bad_request"
        assert holders(gpus) == {"GPU-0": "alice", "GPU-1": "bob"}
        measured("two GPUs, servers with one, one and none", "each opens its own, its variable names it; the third opens none; the fourth is refused")
    finally:
        for server in (alice, bob, carol):
            server.stop()


def test_a_gpu_is_free_when_its_server_stops_or_dies(gpus, measured):
    (alice, _), (bob, _) = running(gpus, "alice", 1), running(gpus, "bob", 1)
    alice.stop()
    carol, leased = running(gpus, "carol", 1)
    assert leased == "GPU-0"
    gpus.machine.run("systemctl", "kill", "--kill-whom=all", "--signal=KILL", bob.unit)
    began = time.monotonic()
    until("bob's GPU is free", lambda: start(gpus, "dave", 1) == {"reply": "done"}, 5)
    took = time.monotonic() - began
    dave = gpus.server("dave")
    until("dave's server runs", lambda: dave.phase() == "running", 30)
    try:
        assert dave.ask("variable", name="CUDA_VISIBLE_DEVICES") == "GPU-1"
        # Whoever had it cannot come back to it by their socket, and gets no GPU by starting again.
        state = gpus.machine.show("jupyter@bob.socket", "ActiveState")
        assert state == {"ActiveState": "inactive"}
        assert start(gpus, "bob", 1)["error"] == "no_gpu"
        again, none = running(gpus, "bob", 0)
        assert none == "" and set(reached(again).values()) == {KEPT}
        again.stop()
        measured("a server with a GPU is killed", f"another has the GPU {took:.1f} s later; the first is kept from it")
    finally:
        for server in (carol, dave):
            server.stop()


def test_a_lease_outlives_the_spawner(gpus):
    alice, leased = running(gpus, "alice", 2)
    try:
        gpus.machine.run("systemctl", "kill", "--signal=KILL", "hubgate-spawner.service")
        assert leased == "GPU-0,GPU-1" and start(gpus, "bob", 1)["error"] == "no_gpu"
        assert set(reached(alice).values()) == {THROUGH}
    finally:
        alice.stop()
