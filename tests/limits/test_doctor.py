"""`hubgate doctor` proves each limit by trying to exceed it: here the kernel enforces them all, once a disk is weighed."""


def limits(machine):
    """What it says of limits, by its mark."""
    said = machine.run("hubgate", "doctor", check=False, timeout=120)["out"]
    return [line.split(maxsplit=1) for line in said.splitlines() if " limits " in line]


def test_every_limit_that_is_tried_is_enforced_by_this_kernel(hub, disk, measured):
    tried = limits(hub.machine)
    assert len(tried) == 8 and all(mark == "ok" for mark, _ in tried), tried
    measured("doctor: limits that the kernel enforces", f"{len(tried)} of 8")


def test_a_weight_that_no_disk_knows_is_named(hub):
    noted = [line for mark, line in limits(hub.machine) if mark == "NOTE"]
    assert len(noted) == 1 and "io_weight" in noted[0] and "bfq" in noted[0], noted


def spun(machine, *properties):
    """What its trial of the CPU finds in a unit with these properties."""
    unit = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", *properties]
    return machine.out(*unit, "hubgate", "probe-limit", "cpu", timeout=120)


def test_a_cpu_quota_is_seen_to_hold_also_on_a_machine_that_is_kept_waiting_itself(hub):
    assert spun(hub.machine) == "exceeded"
    with hub.machine.kept_waiting():
        assert [spun(hub.machine, "--property=CPUQuota=20%") for _ in range(3)] == ["held"] * 3
