"""Who may come in and who may stay, by the real host: groups, locks, expiry and removal of accounts reach what is open."""

import itertools
import re
import time

import pytest

from machine import until
from test_cut import alive, socket_destroy  # noqa: F401 (a fixture)
from test_virtual import CONFIG

PASSWORD = "a long enough word"
WITHIN = 60  # seconds: what an administrator is promised
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def lab(hub):
    """The product where only members of the host's group `lab` come in; as before afterwards."""
    machine = hub.machine
    kept = machine.path(CONFIG).read_text()
    plain = re.sub(r"(?m)^(allow_all|allowed_groups|access_check_seconds|stop_servers_of_refused|admin_groups) *=.*\n", "", kept)
    rules = 'allowed_groups = ["lab"]\nadmin_groups = ["wardens"]\naccess_check_seconds = 5\nstop_servers_of_refused = true\n'
    machine.path(CONFIG).write_text(rules + plain)
    machine.run("groupadd", "-f", "lab")
    machine.run("groupadd", "-f", "wardens")
    machine.run("systemctl", "restart", "hubgate.service")
    yield hub
    hub.stop_all()
    machine.path(CONFIG).write_text(kept)
    machine.run("systemctl", "restart", "hubgate.service")


def newcomer(machine, group="lab", *options):
    """A fresh account of the host."""
    name = f"guest{next(numbers)}"
    machine.run("useradd", "-m", "-s", "/bin/bash", *(["-G", group] if group else []), *options, name)
    machine.run("chpasswd", stdin=f"{name}:{PASSWORD}\n")
    return name


class Inside:
    """Somebody with all that a login opens: a session, a token, a running server and a websocket to it."""

    def __init__(self, hub, name):
        self.hub, self.name, self.browser = hub, name, hub.browser()
        answer = self.browser.login(name, PASSWORD)
        assert answer.status == 302, answer.words()[:400]
        hub.machine.run("systemctl", "start", f"jupyter@{name}", timeout=130)
        self.token = hub.machine.out("hubgate", "token", name)
        self.socket, status = self.browser.websocket(f"/user/{name}/api/events/subscribe")
        assert status == 101
        until("the gateway knows the token", lambda: self.doors() == (200, 200), 5)
        assert alive(self.socket)

    def doors(self):
        """What the session and the token get."""
        call = self.hub.browser().fetch("/hub/api/user", Authorization=f"token {self.token}")
        return self.browser.fetch(f"/user/{self.name}/api/status").status, call.status

    def out(self):
        session, token = self.doors()
        return session in (401, 403) and token in (401, 403) and not alive(self.socket)

    def must_go(self, within=WITHIN):
        """Waits until nothing of it is left; how long that took."""
        begin = time.monotonic()
        until(f"{self.name} is out", self.out, within, 0.5)
        return time.monotonic() - begin


@pytest.mark.parametrize("deed", [
    "gpasswd -d {} lab", "usermod -L {}", "passwd -q -l {}", "passwd -q -d {}", "chage -E 0 {}", "userdel -f {}", "hubgate user disable {}",
])
@pytest.mark.journal(r"no such account|userdel|jupyter@guest")
def test_what_is_done_to_an_account_ends_its_owners_access_within_a_minute(lab, socket_destroy, deed, record_property):
    machine = lab.machine
    inside = Inside(lab, newcomer(machine))
    bystander = Inside(lab, newcomer(machine))
    machine.run(*deed.format(inside.name).split())
    took = inside.must_go()
    print(f"{deed}: {took:.1f} s")
    record_property("seconds", round(took, 1))
    until("the server is stopped", lambda: machine.pid_of(f"jupyter@{inside.name}.service") == 0, WITHIN)
    assert inside.hub.browser().login(inside.name, PASSWORD).status == 403
    assert bystander.doors() == (200, 200) and alive(bystander.socket)


def test_whoever_proves_who_they_are_and_is_not_allowed_is_told_so(lab):
    machine = lab.machine
    name, mark = newcomer(machine, None), machine.now()
    answer = lab.browser().login(name, PASSWORD)
    assert answer.status == 403 and "nothing in this hub's configuration lets you in" in answer.words()
    wrong = lab.browser().login(name, "wrong")
    assert wrong.status == 403 and "configuration" not in wrong.words()
    assert f"user={name} rule=default" in machine.journal("-u", "hubgate.service", f"--after-cursor={mark}")
    why = machine.run("hubgate", "why", name, check=False).stdout
    assert "allowed_groups" in why and "default" in why, why
    machine.run("gpasswd", "-a", name, "lab")
    assert lab.browser().login(name, PASSWORD).status == 302
    assert "allowed_groups" in machine.run("hubgate", "why", name, check=False).stdout


def test_a_group_of_the_host_makes_administrators_while_they_are_in_it(lab):
    machine = lab.machine
    name = newcomer(machine, "lab,wardens")
    browser = lab.browser()
    assert browser.login(name, PASSWORD).status == 302
    token = machine.out("hubgate", "token", name)
    users = lambda: lab.browser().fetch("/hub/api/users", Authorization=f"token {token}").status  # noqa: E731
    until("the gateway knows the token", lambda: users() == 200, 5)
    machine.run("gpasswd", "-d", name, "wardens")
    until("the rights are gone", lambda: users() == 403, WITHIN, 0.5)
    assert browser.get("/hub/home").status == 200


@pytest.mark.journal(r"no such account|userdel")
def test_a_name_that_was_given_to_somebody_else_is_not_the_old_user(lab):
    machine = lab.machine
    name = newcomer(machine)
    old = lab.browser()
    assert old.login(name, PASSWORD).status == 302
    machine.run("userdel", "-r", "-f", name)
    machine.run("useradd", "-m", "-s", "/bin/bash", "-G", "lab", "-u", "4242", name)
    machine.run("chpasswd", stdin=f"{name}:{PASSWORD}\n")
    until("the old session ends", lambda: old.get("/hub/home").status != 200, WITHIN, 0.5)
    again = lab.browser().login(name, PASSWORD)
    assert again.status == 403 and "another one than before" in again.words()
    machine.run("hubgate", "user", "confirm", name)
    until("the new owner comes in", lambda: lab.browser().login(name, PASSWORD).status == 302, 10, 1)


def test_other_spellings_of_a_name_are_nobody(lab):
    machine = lab.machine
    name = newcomer(machine)
    spellings = [name.capitalize(), name.upper(), f"{name}@example.org", name.replace("g", "\uff47", 1), f"{name}\u200b"]
    assert [lab.browser().login(spelling, PASSWORD).status for spelling in spellings] == [403] * len(spellings)
    assert lab.browser().login(name, PASSWORD).status == 302


def test_a_password_changed_on_the_host_ends_the_sessions_of_the_old_one(lab):
    machine = lab.machine
    name = newcomer(machine)
    machine.run("chage", "-d", "2026-01-01", name)
    browser = lab.browser()
    assert browser.login(name, PASSWORD).status == 302
    machine.run("chpasswd", stdin=f"{name}:another {PASSWORD}\n")
    until("the old session ends", lambda: browser.get("/hub/home").status != 200, WITHIN, 0.5)
    assert lab.browser().login(name, f"another {PASSWORD}").status == 302


def test_nobody_is_thrown_out_while_the_spawner_is_silent(lab):
    machine = lab.machine
    inside = Inside(lab, newcomer(machine))
    machine.run("systemctl", "stop", "hubgate-spawner.socket", "hubgate-spawner.service")
    try:
        mark = machine.now()
        silent = lambda: "who is in stays in" in machine.journal("-u", "hubgate.service", f"--after-cursor={mark}")  # noqa: E731
        until("the gateway says that it cannot look", silent, 30, 0.5)
        assert inside.doors() == (200, 200) and alive(inside.socket)
    finally:
        machine.run("systemctl", "start", "hubgate-spawner.socket")
