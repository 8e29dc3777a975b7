"""Disk: an account's files take what its quota allows, where the file system of homes has quotas of users."""

import ast
import json
import time

import pytest

from hub import MIB
from machine import PROJECT, until

MOUNT = """
modprobe quota_v2
truncate --size=512M /srv/homes.img
mkfs.ext4 -q -O quota -E quotatype=usrquota /srv/homes.img
mount -o loop,usrquota /srv/homes.img /mnt
cp -a /home/. /mnt/
umount /mnt
mount -o loop,usrquota /srv/homes.img /home
"""
REPORTER = ("Dqblk", "Q_GETQUOTA", "quota_of")


@pytest.fixture
def homes(hub):
    """Homes are on a file system with quotas of users."""
    hub.machine.run("sh", "-euc", MOUNT, timeout=120)
    yield hub.machine
    hub.machine.run("sh", "-euc", "umount --lazy /home; rm /srv/homes.img")


def reported(machine, user):
    """What the server of a user would report of their home: bytes used and bytes there are."""
    source = (PROJECT / "jupyter/hubgate_server.py").read_text()
    named = lambda node: getattr(node, "name", None) or getattr(node.targets[0], "id", None) if isinstance(node, (ast.Assign, ast.ClassDef, ast.FunctionDef)) else None  # noqa: E731
    parts = [ast.get_source_segment(source, node) for node in ast.parse(source).body if named(node) in REPORTER]
    assert len(parts) == len(REPORTER)
    program = "\n".join(["import ctypes, json, os", *parts, f"print(json.dumps(quota_of('/home/{user}')))"])
    return json.loads(machine.out("runuser", "-u", user, "--", "python3", "-c", program))


def test_an_account_writes_no_more_than_its_quota_and_sees_it(homes, start, measured):
    server, other = start("alice", disk_quota=64 * MIB), start("bob")
    until("the quota is set", lambda: reported(homes, "alice"), 10)
    assert server.ask("store", path="/home/alice/big", mib=96) == "EDQUOT"
    assert other.ask("store", path="/home/bob/big", mib=96) == "stored"
    used, total = reported(homes, "alice")
    assert total == 64 * MIB and used < 4 * MIB and reported(homes, "bob") is None
    began = time.monotonic()
    server.limit(disk_quota=128 * MIB)
    until("the new quota is in force", lambda: reported(homes, "alice")[1] == 128 * MIB, 10)
    took = time.monotonic() - began
    assert server.ask("store", path="/home/alice/big", mib=96) == "stored"
    measured("disk_quota 64 MiB, 96 written; then 128", f"EDQUOT, and written {took:.1f} s after the change (by a program that the emulator starts)")


@pytest.mark.usefixtures("hub")
def test_a_file_system_without_quotas_starts_the_server_and_says_so(hub, start):
    server = start("carol", disk_quota=64 * MIB)
    said = lambda: "took no quota of a user" in hub.machine.out("journalctl", "--unit=hubgate-quota@*", "--no-pager")  # noqa: E731
    until("the journal says that there are no quotas", said, 15)
    assert server.ask("store", path="/home/carol/big", mib=96) == "stored"
