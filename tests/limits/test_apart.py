"""Servers apart: from the network where that is wanted, and from each other's temporary files."""

import pytest

PORT = 8123


@pytest.fixture
def listener(machine):
    """Something that listens on the machine's own addresses."""
    addresses = [f"--listen=127.0.0.1:{PORT}", f"--listen=[::1]:{PORT}"]
    command = ["systemd-socket-activate", "--accept", *addresses, "/bin/cat"]
    machine.run("systemd-run", "--quiet", "--unit=limits-listener", *command)
    yield
    machine.run("systemctl", "stop", "limits-listener")


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_server_without_network_reaches_no_address_and_another_does(start, measured, host):
    offline, online = start("alice", {"offline": True}), start("bob")
    reached = online.said(online.ask("connect", host=host, port=PORT))
    refused = offline.said(offline.ask("connect", host=host, port=PORT))
    assert reached == "connected"
    assert refused in ("PermissionError", "TimeoutError")
    assert offline.ask("recall")["pid"], "its own socket is no address"
    measured(f"offline, to {host}", f"{refused}; without it {reached}")


def test_a_temporary_file_is_seen_by_its_own_server_alone(start, measured):
    server, neighbour = start("alice"), start("bob")
    server.ask("write", path="/tmp/notes")
    assert "notes" in server.ask("list", path="/tmp")
    assert "notes" not in neighbour.ask("list", path="/tmp")
    assert "notes" not in server.machine.out("ls", "/tmp").split()
    measured("PrivateTmp", "a file in /tmp: seen by its server, not by another's, not in the host's /tmp")
