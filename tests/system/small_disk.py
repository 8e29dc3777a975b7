"""The state of the gateway on a disk of its own, which fills up."""

import contextlib

STATE = "/var/lib/hubgate"


def fill(machine):
    """No byte is free any more."""
    machine.run("sh", "-c", f"cat /dev/zero > {STATE}/filler 2>/dev/null; true")


@contextlib.contextmanager
def small_disk(machine, full=False):
    """It has some room, or none already when the gateway starts."""
    machine.run("systemctl", "stop", "hubgate.service")
    machine.run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", "/mnt")
    machine.run("sh", "-euc", f"cp -a {STATE}/. /mnt/; chown --reference={STATE} /mnt; chmod --reference={STATE} /mnt; mount --bind /mnt {STATE}")
    if full:
        fill(machine)
    machine.run("systemctl", "start", "hubgate.service", check=not full)
    try:
        yield
    finally:
        machine.run("systemctl", "stop", "hubgate.service")
        machine.run("umount", STATE)
        machine.run("umount", "/mnt")
        machine.run("systemctl", "start", "hubgate.service")
