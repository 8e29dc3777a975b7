"""Virtual accounts: no user on the host, a uid of systemd's choice, a home that stays."""

import re

import pytest

import units
from machine import until
from pages import open_server, shown, start, stop

POLICY, CONFIG = "/etc/hubgate/spawner.toml", "/etc/hubgate/hubgate.toml"


def put(machine, path, **values):
    """Sets keys of a configuration file."""
    file = machine.path(path)
    text = file.read_text()
    for key, value in values.items():
        text = re.sub(rf"(?m)^#? *{key} *=.*\n", "", text)
    file.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items()) + text)


@pytest.fixture
def virtual(hub):
    """The product with virtual accounts and the file authenticator; as before afterwards."""
    machine = hub.machine
    hub.stop_all()
    kept = {path: machine.path(path).read_text() for path in (POLICY, CONFIG)}
    put(machine, POLICY, accounts="virtual")
    put(machine, CONFIG, authenticator="file")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    machine.run("systemctl", "restart", "hubgate")
    machine.run("hubgate", "user", "add", "vera", "--password-stdin", stdin="vera's long word\n")
    yield hub
    hub.stop_all()
    machine.run("hubgate", "user", "del", "vera")
    for path, text in kept.items():
        machine.path(path).write_text(text)
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    machine.run("systemctl", "restart", "hubgate")
    until("the login page answers again", lambda: hub.browser().get("/hub/login").status == 200, 10)


def unit_of(machine, user):
    running = machine.out("systemctl", "list-units", "--plain", "--no-legend", "--state=active", f"jupyter*@{user}.service")
    return running.split()[0] if running else ""


def test_a_virtual_account_has_a_server_a_uid_and_a_home_that_stays(virtual):
    machine, browser = virtual.machine, virtual.browser()
    assert browser.login("vera", "wrong").status in (401, 403)
    assert browser.login("vera", "vera's long word").status == 302
    assert machine.run("getent", "-s", "files", "passwd", "vera", check=False).returncode != 0
    homes = []
    for _ in range(2):
        start(browser, "vera")
        unit = until("vera's server runs", lambda: unit_of(machine, "vera"), 60, 0.2)
        until("the page says running", lambda: shown(browser) == "running", 5)
        assert open_server(browser, "vera").status == 200
        status = machine.path(f"/proc/{machine.pid_of(unit)}/status").read_text()
        assert 61184 <= int(re.search(r"Uid:\s+(\d+)", status)[1]) <= 65519  # systemd's range of dynamic users
        home = machine.path(f"/proc/{machine.pid_of(unit)}/root/var/lib/jupyter/vera")
        (home / "kept.txt").exists() or (home / "kept.txt").write_text("mine")
        homes.append((home / "kept.txt").read_text())
        stop(browser, "vera")
        until("the page says stopped", lambda: shown(browser) == "stopped", 25)
    assert homes == ["mine", "mine"]


def test_root_can_look_at_a_virtual_server_and_other_virtual_users_cannot(virtual):
    machine, browser = virtual.machine, virtual.browser()
    assert browser.login("vera", "vera's long word").status == 302
    start(browser, "vera")
    unit = until("vera's server runs", lambda: unit_of(machine, "vera"), 60, 0.2)
    shown_by_systemd = machine.out("systemctl", "cat", unit)
    assert "DynamicUser=yes" in shown_by_systemd and "50-hubgate.conf" in shown_by_systemd
    assert "ermission denied" in machine.run("ls", "/var/lib/private/jupyter/vera", user="nobody", check=False).stderr
    assert machine.out("stat", "-c", "%a %U:%G", "/run/jupyter/vera.sock") == "660 root:www-data"
