"""`hubgate doctor` proves each limit by trying to exceed it: here the kernel enforces them all."""


def test_every_limit_that_is_tried_is_enforced_by_this_kernel(hub, measured):
    said = hub.machine.run("hubgate", "doctor", check=False, timeout=120)["out"]
    tried = [line for line in said.splitlines() if " limits " in line]
    assert len(tried) == 7 and all(line.startswith("ok ") for line in tried), said
    measured("doctor: limits that the kernel enforces", f"{len(tried)} of 7")
