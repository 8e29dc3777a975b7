"""kill -9 of everything: what the page shows is always what systemd has, and nobody who only reads notices."""

import os
import random
import signal
import threading
import time

import pytest

import units
from machine import until
from pages import shown, start, stop
from web import FETCH

SEED = int(os.environ.get("HUBGATE_SEED", random.SystemRandom().randrange(10**6)))
ROUNDS = 14
FETCH_STATUS = "/jupyterhub/user/bob/api/status"
ENDED = r"Failed to start jupyter@|Main process exited|hubgate"


class Reader(threading.Thread):
    """Reads the same page over and over until told to stop, and keeps what it got."""

    def __init__(self, browser, path):
        super().__init__()
        self.browser, self.path, self.answers, self.ended = browser, path, [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                self.answers.append(self.browser.request("GET", self.path, headers=FETCH, timeout=20).status)
            except OSError as error:
                self.answers.append(repr(error))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def agrees(hub, people):
    """Whether each page says what systemd says; the difference when not."""
    return {user: (shown(browser), units.phase(hub.machine, user)) for user, browser in people.items()}


def same(hub, people):
    seen = agrees(hub, people)
    return all(page == systemd for page, systemd in seen.values()) and seen


@pytest.mark.journal(ENDED)
def test_the_state_shown_is_systemds_whatever_was_killed(fresh):
    print(f"HUBGATE_SEED={SEED}")
    chance, machine = random.Random(SEED), fresh.machine
    people = {"alice": fresh.visitor("alice"), "bob": fresh.visitor("bob")}
    for number in range(ROUNDS):
        user = chance.choice(sorted(people))
        act = chance.choice(["start", "start", "stop", "by hand", "nothing"])
        victim = chance.choice(["hubgate.service", "hubgate-spawner.service", f"jupyter@{user}.service"])
        delay = chance.random() * chance.choice([0.05, 0.5, 2.0])
        print(f"round {number}: {act} of {user}, kill -9 {victim} after {delay:.3f} s")
        killer = threading.Timer(delay, machine.kill, [victim])
        killer.start()
        if act == "by hand":
            machine.run("systemctl", "start", "--no-block", f"jupyter@{user}")
        elif act in ("start", "stop"):
            # The click may meet the dying process: an error that says so is an answer, a lie afterwards is not.
            try:
                start(people[user], user, accepted=None) if act == "start" else stop(people[user], user)
            except (AssertionError, OSError) as refused:
                print(f"  refused: {str(refused)[:120]}")
        killer.join()
        until(f"page and systemd agree after round {number} (HUBGATE_SEED={SEED})", lambda: same(fresh, people), 15, 0.1)
    for user, browser in people.items():
        until(f"{user}'s unit has settled", lambda: units.phase(machine, user) not in ("starting", "stopping"), 60)
        start(browser, user)
        until(f"{user}'s server runs in the end", lambda: units.phase(machine, user) == "running", 60)
    until("page and systemd agree in the end", lambda: same(fresh, people), 5)


@pytest.mark.journal(r"hubgate")
def test_a_gateway_that_is_killed_and_restarted_drops_no_get(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    with Reader(browser, "/jupyterhub/user/alice/api/status") as server, Reader(fresh.browser(), "/jupyterhub/hub/health") as page:
        for number in range(8):
            time.sleep(0.4)
            if number % 4 == 3:
                machine.run("systemctl", "restart", "hubgate")
            else:
                machine.kill("hubgate.service")
        time.sleep(0.5)
    assert len(server.answers) > 20 and set(server.answers) == {200}, {a: server.answers.count(a) for a in set(server.answers)}
    assert len(page.answers) > 20 and set(page.answers) == {200}, {a: page.answers.count(a) for a in set(page.answers)}


@pytest.mark.journal(r"hubgate")
def test_a_running_server_and_its_websockets_outlive_gateway_and_spawner(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    connection, status = browser.websocket("/user/alice/api/events/subscribe")
    assert status == 101
    pid = machine.pid_of("jupyter@alice.service")
    for unit in ("hubgate.service", "hubgate-spawner.service"):
        machine.run("systemctl", "start", unit)
        machine.kill(unit)
    until("the gateway is back", lambda: browser.get("/hub/home").status == 200, 10)
    assert machine.pid_of("jupyter@alice.service") == pid
    connection.sendall(b"\x89\x80\0\0\0\0")  # a ping: the server's pong proves that both ends are there
    connection.settimeout(5)
    assert connection.recv(2)[:1] in (b"\x8a", b"\x81")
    connection.close()


@pytest.mark.journal(r"hubgate")
def test_a_session_outlives_the_gateway(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.kill("hubgate.service")
    assert browser.get("/hub/home").status == 200
    machine.run("systemctl", "restart", "hubgate", "hubgate-spawner", "nginx")
    until("nginx is back", lambda: browser.get("/hub/home").status == 200, 10)


@pytest.mark.journal(r"hubgate")
def test_a_spawner_that_cannot_start_leaves_no_failed_socket_behind(fresh):
    machine = fresh.machine
    machine.write("/run/systemd/system/hubgate-spawner.service.d/90-broken.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    browser = fresh.browser()
    answer = browser.login("alice", "wonder land 1")
    assert answer.status == 503 and not browser.logged_in, answer.status
    machine.run("rm", "-r", "/run/systemd/system/hubgate-spawner.service.d")
    machine.run("systemctl", "daemon-reload")
    until("the spawner has come back by itself", lambda: machine.show("hubgate-spawner.socket", "ActiveState")["ActiveState"] == "active", 5)
    fresh.visitor("alice")


@pytest.mark.journal(r"hubgate|Watchdog timeout")
def test_a_gateway_that_hangs_is_replaced_within_half_a_minute_and_nobody_loses_anything(fresh, measured):
    machine, browser = fresh.machine, fresh.visitor("bob")
    start(browser, "bob")
    until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
    server, gateway = machine.pid_of("jupyter@bob.service"), machine.pid_of("hubgate.service")
    began = time.monotonic()
    machine.kill("hubgate.service", signal.SIGSTOP)
    # Whoever asks meanwhile waits for the answer.
    with Reader(browser, FETCH_STATUS) as reader:
        until("there is another gateway", lambda: machine.pid_of("hubgate.service") not in (0, gateway), 60)
        until("it answers", lambda: reader.answers and reader.answers[-1] == 200, 30)
    took = time.monotonic() - began
    assert browser.get("/hub/home").status == 200 and machine.pid_of("jupyter@bob.service") == server
    measured("a gateway that hangs (SIGSTOP)", f"another one answers after {took:.0f} s; session and server are there")
    assert took < 45, took
