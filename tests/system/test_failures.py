"""A server that does not come up, or dies: the owner reads why, and can start it again once it is mended."""

import contextlib
import http.client
import json
import time

import pytest

import units
from machine import until
from pages import open_server, shown, start
from web import FETCH, PREFIX

ENDED = r"Failed to start jupyter@|Main process exited|Failed at step|Failed to set up PAM session"


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


def instead(command, more=""):
    """A drop-in with another program."""
    return f"[Service]\nExecStart=\nExecStart={command}\n{more}"


PROGRAM = "/usr/libexec/hubgate-jupyter"
QUOTA = "import errno, os; raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))"
TAKEN = "import socket as s; a = s.socket(); a.bind(('127.0.0.1', 0)); s.socket().bind(a.getsockname())"
FAULTS = {
    "203/EXEC": (instead("/opt/nowhere/jupyter"), "missing or cannot be run", ""),
    "no jupyter": ("[Service]\nEnvironment=HUBGATE_JUPYTER=/opt/nowhere/jupyter\n", "", "/opt/nowhere/jupyter"),
    "no home": ("[Service]\nWorkingDirectory=/nowhere\n", "home directory", ""),
    "PAM": ("[Service]\nPAMName=hubgate-closed\n", "refused by pam", ""),
    "environment": ("[Service]\nEnvironment=PYTHONHOME=/nowhere\n", "python cannot begin", "pythonhome"),
    "full disk": (instead("/bin/sh -c 'cat /dev/zero > /mnt/x'", "TemporaryFileSystem=/mnt:size=4k,mode=1777\n"),
                  "the disk is full", "no space left on device"),
    "unreadable file": (instead("/bin/sh -c 'cat /root/secret'"), "may not read or write a file", "/root/secret"),
    "address taken": (instead(f'/usr/bin/python3 -c "{TAKEN}"'), "address of the server is taken", "errno 98"),
    "quota": (instead(f'/usr/bin/python3 -c "{QUOTA}"'), "quota", "errno 122"),
    "no memory at the start": (instead(f"/bin/sh -c 'ulimit -v 90000; exec {PROGRAM}'"), "memory", ""),
    "exit 3": (instead("/bin/sh -c 'echo the cat is on the keyboard; exit 3'"), "exit status 3", "the cat is on the keyboard"),
    "never ready": (instead("/bin/sleep 600", "TimeoutStartSec=2\n"), "ready in time", ""),
    "killed": (instead("/bin/sh -c 'kill -KILL $$$$'"), "signal 9", ""),
}


@pytest.mark.journal(ENDED)
@pytest.mark.parametrize(("drop_in", "cause", "line"), FAULTS.values(), ids=FAULTS)
def test_the_page_and_home_name_the_cause_within_seconds_and_start_works_again_once_it_is_mended(fresh, measured, request, drop_in, cause, line):
    machine, browser = fresh.machine, fresh.visitor("bob")
    machine.write("/etc/pam.d/hubgate-closed", "account required pam_permit.so\nsession required pam_deny.so\n")
    with broken(machine, "jupyter@bob.service", drop_in):
        start(browser, "bob")
        until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 20)
        failed = time.monotonic()
        until("home says failed and why", lambda: shown(browser) == "failed" and cause in browser.get("/hub/home").words(), 3)
        measured(f"seeded fault: {request.node.callspec.id}", f"named to owner after {time.monotonic() - failed:.2f} s (3)")
        words = told(browser, "bob")
        assert cause in words and line in words, words[:1500]
        seen = fresh.visitor("ada").get("/hub/admin/user/bob").words()
        assert cause in seen and line in seen, seen[:1500]
    start(browser, "bob")
    until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
    assert open_server(browser, "bob").status == 200


SLOW = f"""[Service]
ExecStart=
ExecStart=/bin/sh -c 'echo importing the large library; sleep 125; exec {PROGRAM}'
"""


def test_a_healthy_server_that_imports_for_two_minutes_starts_with_live_progress(fresh, measured):
    machine, browser = fresh.machine, fresh.visitor("bob")
    with broken(machine, "jupyter@bob.service", SLOW):
        begin = time.monotonic()
        start(browser, "bob")
        events = follow(browser, "bob")
        first = next(at for at, event in events if "importing the large library" in " ".join(event.get("log", ())))
        assert events[-1][1].get("ready") is True, events[-1]
        took = events[-1][0] - begin
        measured("a server that imports for two minutes", f"ready after {took:.0f} s, its own words shown after {first - begin:.1f} s")
        assert took > 120 and first - begin < 5
        assert {event["progress"] for _, event in events} >= {60, 90, 100}, "progress moves while it imports"


@pytest.mark.journal(ENDED)
def test_a_process_that_ends_is_told_within_two_seconds(fresh, measured):
    machine, browser = fresh.machine, fresh.visitor("bob")
    with broken(machine, "jupyter@bob.service", instead("/bin/sh -c 'sleep 1; exit 3'")):
        begin = time.monotonic()
        start(browser, "bob")
        events = follow(browser, "bob")
    assert events[-1][1].get("failed") is True, events[-1]
    measured("a process that ends is told", f"{events[-1][0] - begin - 1:.2f} s after it (2)")
    assert events[-1][0] - begin < 3


def follow(browser, user):
    """The events of a start, each with its time, until the last."""
    token = browser.get("/hub/home").field("_xsrf")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = browser.open(timeout=30)
    connection.request("GET", f"{PREFIX}/hub/api/users/{user}/server/progress", headers=browser.headers({**FETCH, "X-XSRFToken": token}))
    answer, events = connection.getresponse(), []
    assert answer.status == 200, answer.status
    for line in answer:
        if line.startswith(b"data: "):
            events.append((time.monotonic(), json.loads(line[6:])))
    connection.close()
    return events


@pytest.mark.journal(ENDED)
def test_the_log_of_a_failed_start_holds_no_line_of_the_run_before(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    for word in ("first", "second"):
        with broken(machine, "jupyter@bob.service", instead(f"/bin/sh -c 'echo the {word} cat; exit 3'")):
            start(browser, "bob")
            until("bob's server has failed", lambda: units.phase(machine, "bob") == "failed", 20)
            words = until("the log is there", lambda: f"the {word} cat" in told(browser, "bob") and told(browser, "bob"), 5)
    assert "the first cat" not in words


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
