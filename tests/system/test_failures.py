"""A server that does not come up, or dies: the owner reads why, and can start it again once it is mended."""

import contextlib
import time

import pytest

import units
from machine import until
from pages import open_server, shown, start

ENDED = r"Failed to start jupyter@|Main process exited|Failed at step"


@contextlib.contextmanager
def broken(machine, unit, text):
    """A drop-in for one server, gone afterwards."""
    place = f"/run/systemd/system/{unit}.d"
    machine.write(f"{place}/90-broken.conf", text)
    machine.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        machine.run("rm", "-r", place)
        machine.run("systemctl", "daemon-reload")


def told(browser, user):
    """What the owner reads who goes to the failed server."""
    answer = browser.get(f"/user/{user}/lab")
    page = browser.request("GET", answer.location) if answer.status in (302, 303) else answer
    return page.words()


BROKEN_CONFIG = "import sys\nsys.exit('my config is broken in line two')\n"


@pytest.mark.journal(ENDED)
@pytest.mark.parametrize(("drop_in", "cause"), [
    ("[Service]\nExecStart=\nExecStart=/opt/nowhere/jupyter\n", "missing or cannot be run"),
    ("[Service]\nEnvironment=HUBGATE_JUPYTER=/opt/nowhere/jupyter\n", "/opt/nowhere/jupyter"),
    ("[Service]\nWorkingDirectory=/nowhere\n", "home directory"),
    ("[Service]\nExecStart=\nExecStart=/bin/sh -c 'echo the disk is full of cats; exit 3'\n", "the disk is full of cats"),
    ("[Service]\nExecStart=\nExecStart=/bin/sleep 600\nTimeoutStartSec=2\n", "ready in time"),
], ids=["203/EXEC", "no jupyter", "no home", "exit 3", "never ready"])
def test_the_page_names_the_cause_and_start_works_again_once_it_is_mended(fresh, drop_in, cause):
    machine, browser = fresh.machine, fresh.visitor("bob")
    with broken(machine, "jupyter@bob.service", drop_in):
        start(browser, "bob")
        until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 20)
        until("the page says failed", lambda: shown(browser) == "failed", 2)
        assert cause in told(browser, "bob")
    start(browser, "bob")
    until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
    assert open_server(browser, "bob").status == 200


@pytest.mark.journal(ENDED)
def test_an_error_in_the_users_own_configuration_is_shown_with_its_lines_and_those_of_nobody_else(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    machine.run("mkdir", "-p", "/home/bob/.jupyter")
    machine.write("/home/bob/.jupyter/jupyter_server_config.py", BROKEN_CONFIG)
    machine.run("chown", "-R", "bob:bob", "/home/bob/.jupyter")
    try:
        start(browser, "bob")
        until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 30)
        words = told(browser, "bob")
        assert "my config is broken in line two" in words, words[:1500]
        assert "session opened for user alice" not in words
    finally:
        machine.run("rm", "-r", "/home/bob/.jupyter")


@pytest.mark.journal(ENDED)
def test_a_killed_server_is_shown_as_ended_by_the_signal_and_does_not_come_back_by_itself(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    machine.run("systemctl", "start", "jupyter@bob", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    machine.kill("jupyter@bob.service")
    until("the page says failed", lambda: shown(browser) == "failed", 2)
    assert "signal 9" in told(browser, "bob")
    for _ in range(3):
        assert browser.fetch("/user/bob/api/kernels").status in (424, 503)
    assert units.phase(machine, "bob") == "failed"


@pytest.mark.journal(ENDED)
def test_a_request_that_waits_for_a_server_that_fails_is_answered_and_starts_it_once_only(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    with broken(machine, "jupyter@bob.service", "[Service]\nExecStart=\nExecStart=/bin/sh -c 'sleep 1; exit 3'\n"):
        cursor = machine.now()
        machine.run("systemctl", "start", "jupyter@bob.socket")
        until("the page has seen the socket", lambda: shown(browser) == "listening", 5)
        answer = browser.get("/user/bob/lab", timeout=30)
        assert answer.status in (302, 303, 424, 502, 503), answer.status
        until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 10)
        # A loop would take a second per round: three seconds of silence are the proof that there is none.
        time.sleep(3)
        ends = machine.journal("-u", "jupyter@bob.service", f"--after-cursor={cursor}").count("Failed to start")
        assert ends == 1, ends
        assert machine.show("jupyter@bob.socket", "Result")["Result"] == "success"


@pytest.mark.journal(ENDED)
def test_many_failures_in_a_row_do_not_lock_the_user_out(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    with broken(machine, "jupyter@bob.service", "[Service]\nExecStart=\nExecStart=/bin/false\n"):
        for _ in range(8):
            start(browser, "bob")
            until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 10)
    start(browser, "bob")
    until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)


@pytest.mark.journal(r"Reload failed|no_such_key|hubgate\.service: Control process exited")
def test_an_invalid_configuration_is_refused_at_reload_and_the_gateway_goes_on(hub):
    machine, config = hub.machine, hub.machine.path("/etc/hubgate/hubgate.toml")
    pid, text = machine.pid_of("hubgate.service"), config.read_text()
    try:
        config.write_text("no_such_key = 1\n" + text)
        assert machine.run("systemctl", "reload", "hubgate", check=False).returncode != 0
        assert "no_such_key" in machine.journal("-u", "hubgate.service", "-n", "20")
        assert machine.pid_of("hubgate.service") == pid
        assert hub.browser().get("/hub/login").status == 200
    finally:
        config.write_text(text)
    machine.run("systemctl", "reload", "hubgate")
    assert hub.browser().get("/hub/login").status == 200
    until("a gateway with the new configuration runs", lambda: machine.pid_of("hubgate.service") not in (0, pid), 15)


@pytest.mark.journal(r"hubgate|Failed to start")
def test_a_key_file_that_others_can_read_is_refused_at_start_by_name(hub):
    machine = hub.machine
    machine.run("chmod", "0644", "/var/lib/hubgate/hubgate.key")
    try:
        machine.run("systemctl", "restart", "hubgate", check=False)
        line = until("the journal names the file", lambda: [
            line for line in machine.journal("-u", "hubgate.service", "-n", "20").splitlines() if "hubgate.key" in line], 10)
        assert line
    finally:
        machine.run("chmod", "0600", "/var/lib/hubgate/hubgate.key")
        machine.run("systemctl", "restart", "hubgate")
    until("the gateway is back", lambda: hub.browser().get("/hub/login").status == 200, 10)
