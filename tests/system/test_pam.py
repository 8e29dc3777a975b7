"""PAM in full: what real modules ask, tell and forbid, spoken with the spawner as the gateway speaks."""

import base64
import hashlib
import hmac
import itertools
import struct
import threading
import time

import pytest

import spawner
import stack
from conftest import PASSWORDS
from stack import asked, word

BAD = "bad_credentials"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEH"
networks = (f"10.{a}.{b}.1" for a, b in itertools.product(range(40, 90), range(250)))


def login(machine, user, password=None, rhost=None, converse=True):
    """The reply to one login, from a network of its own."""
    password = PASSWORDS[user] if password is None else password
    return spawner.ask(machine, "authenticate", user=user, password=password, rhost=rhost or next(networks), converse=converse)


def code_of(secret, at):
    """RFC 6238: six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 10 ** 6:06}"


@pytest.fixture
def faillock(hub):
    hub.machine.write("/etc/security/faillock.conf", "deny = 3\nunlock_time = 600\n")
    first = "auth required pam_faillock.so preauth\n"
    last = "auth [default=die] pam_faillock.so authfail\n"
    # What pam_faillock(8) shows: a right password jumps over `authfail`.
    plain = "@include common-auth\n"
    with stack.changed(hub.machine, replace=[(plain, f"{first}auth [success=1 default=ignore] pam_unix.so\n{last}"
                                                     "auth required pam_permit.so\naccount required pam_faillock.so\n")]):
        yield hub.machine
    hub.machine.run("rm", "-rf", "/run/faillock", "/etc/security/faillock.conf")


def test_faillock_is_told_and_ends(faillock):
    machine = faillock
    assert [word(login(machine, "bob", "wrong")) for _ in range(3)][:2] == [BAD, BAD]
    assert word(login(machine, "bob")) == "locked"
    assert word(login(machine, "alice")) == "accepted"
    machine.run("faillock", "--user", "bob", "--reset")
    assert word(login(machine, "bob")) == "accepted"


def test_a_time_at_which_nobody_may_come_is_told_to_whoever_knows_the_password(hub):
    machine = hub.machine
    keep = machine.path("/etc/security/time.conf").read_text()
    machine.write("/etc/security/time.conf", keep + "hubgate;*;carol;!Al0000-2400\n")
    try:
        with stack.changed(machine, account="account required pam_time.so\n"):
            assert word(login(machine, "carol")) == "not_permitted"
            assert word(login(machine, "carol", "wrong")) == BAD
            assert word(login(machine, "alice")) == "accepted"
    finally:
        machine.write("/etc/security/time.conf", keep)


def test_the_true_address_reaches_pam_access(hub):
    machine = hub.machine
    keep = machine.path("/etc/security/access.conf").read_text()
    machine.write("/etc/security/access.conf", keep + "-:eve:ALL EXCEPT 10.200.0.0/16\n")
    try:
        with stack.changed(machine, account="account required pam_access.so\n"):
            assert word(login(machine, "eve", rhost="10.200.3.4")) == "accepted"
            assert word(login(machine, "eve", rhost="10.201.3.4")) == "not_permitted"
            assert word(login(machine, "eve", "wrong", rhost="10.200.3.4")) == BAD
    finally:
        machine.write("/etc/security/access.conf", keep)


def test_a_closed_house_shows_its_notice_to_whoever_knows_the_password(hub):
    machine = hub.machine
    machine.write("/etc/nologin", "Maintenance until noon.\n")
    try:
        with spawner.Spawner(machine) as connection:
            reply = connection.ask("authenticate", user="alice", password=PASSWORDS["alice"], rhost=next(networks), converse=True)
            assert asked(reply) == [("error", "Maintenance until noon.")]
            assert word(connection.ask("answer", answers=[])) == "no_logins"
        assert word(login(machine, "alice", "wrong")) == BAD
        assert word(login(machine, "alice", converse=False)) == "no_logins"
    finally:
        machine.run("rm", "/etc/nologin")


def test_an_old_password_beyond_its_grace_is_not_changed_here(hub):
    machine = hub.machine
    machine.run("chage", "-d", "2000-01-01", "-M", "10", "-I", "10", "eve")
    try:
        assert word(login(machine, "eve")) == "password_expired"
    finally:
        machine.run("chage", "-d", "2026-01-01", "-M", "99999", "-I", "-1", "eve")


def test_whoever_is_not_to_have_a_server_hears_the_same_whatever_the_password(hub):
    for user in ("root", "sysacct", "nologin"):
        assert [word(login(hub.machine, user)), word(login(hub.machine, user, "wrong"))] == [BAD, BAD]


@pytest.fixture
def authenticator(hub):
    """carol has a second factor of the host: google-authenticator asks for its code after the password."""
    machine = hub.machine
    machine.run("install", "-d", "-m", "0700", "/var/lib/factor")
    machine.write("/var/lib/factor/carol", f'{SECRET}\n" RATE_LIMIT 30 30\n" DISALLOW_REUSE\n" TOTP_AUTH\n12345678\n', 0o600)
    # Its state is root's: the confined spawner cannot become another user, and may write only where a drop-in says so.
    machine.write("/etc/systemd/system/hubgate-spawner.service.d/factor.conf", "[Service]\nReadWritePaths=/var/lib/factor\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    line = "auth required pam_google_authenticator.so secret=/var/lib/factor/${USER} user=root nullok\n"
    with stack.changed(machine, after=line):
        yield machine
    machine.run("rm", "-r", "/etc/systemd/system/hubgate-spawner.service.d")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "stop", "hubgate-spawner.service")


@pytest.mark.journal("verification code|Trying to reuse|code (for|from)")
def test_a_second_prompt_is_answered_by_a_person(authenticator):
    machine = authenticator
    with spawner.Spawner(machine) as connection:
        reply = connection.ask("authenticate", user="carol", password=PASSWORDS["carol"], rhost=next(networks), converse=True)
        assert reply["purpose"] == "login" and asked(reply) == [("hidden", "Verification code:")]
        assert word(connection.ask("answer", answers=[code_of(SECRET, time.time())])) == "accepted"
    with spawner.Spawner(machine) as connection:
        reply = connection.ask("authenticate", user="carol", password=PASSWORDS["carol"], rhost=next(networks), converse=True)
        assert asked(reply)
        assert word(connection.ask("answer", answers=["000000"])) == BAD
    assert word(login(machine, "carol", converse=False)) == BAD
    assert word(login(machine, "alice")) == "accepted"


@pytest.mark.journal("verification code|Trying to reuse|code (for|from)")
def test_a_person_who_leaves_or_says_something_else_is_not_let_in(authenticator):
    machine = authenticator
    for words in ({"op": "list"}, {"op": "answer", "answers": []}, {"op": "answer", "answers": ["1", "2"]}):
        with spawner.Spawner(machine) as connection:
            reply = connection.ask("authenticate", user="carol", password=PASSWORDS["carol"], rhost=next(networks), converse=True)
            assert asked(reply)
            assert connection.ask(**words)["error"] == "timeout"
    with spawner.Spawner(machine) as connection:
        connection.ask("authenticate", user="carol", password=PASSWORDS["carol"], rhost=next(networks), converse=True)
    assert spawner.ask(machine, "answer", answers=["1"])["error"] == "timeout"


@pytest.fixture
def ageing(hub):
    """An account whose password must be changed."""
    machine = hub.machine
    machine.run("useradd", "-m", "-s", "/bin/bash", "ageing")
    machine.run("chpasswd", stdin="ageing:first Passw0rd\n")
    machine.run("chage", "-d", "0", "ageing")
    yield machine
    machine.run("userdel", "-r", "ageing", check=False)


def test_an_expired_password_is_changed_at_the_login(ageing):
    machine = ageing
    with spawner.Spawner(machine) as connection:
        reply = connection.ask("authenticate", user="ageing", password="first Passw0rd", rhost=next(networks), converse=True)
        assert reply["purpose"] == "new_password" and [style for style, _ in asked(reply)][-1] == "hidden", reply
        # A poor one is refused with the host's own words, and asked for again.
        reply = connection.ask("answer", answers=["x"])
        while asked(reply)[-1][1].startswith("Retype"):
            reply = connection.ask("answer", answers=["x"])
        assert any(style == "error" for style, _ in asked(reply)), reply
        reply = connection.ask("answer", answers=["second Passw0rd"])
        assert asked(reply)[-1][1].startswith("Retype"), reply
        assert word(connection.ask("answer", answers=["second Passw0rd"])) == "accepted"
    assert word(login(machine, "ageing", "second Passw0rd")) == "accepted"
    assert word(login(machine, "ageing", "first Passw0rd")) == BAD


def test_an_expired_password_that_nobody_can_be_asked_for_refuses(ageing):
    assert word(login(ageing, "ageing", "first Passw0rd", converse=False)) == "password_expired"
    assert word(login(ageing, "ageing", "wrong")) == BAD


@pytest.fixture
def hanging(hub):
    """eve's and bob's logins run a program that sleeps for 300 s."""
    lines = ("auth [success=ignore default=2] pam_succeed_if.so quiet user in eve:bob\n"
             "auth optional pam_exec.so quiet /bin/sleep 300\nauth optional pam_permit.so\n")
    with stack.changed(hub.machine, before=lines):
        yield hub.machine


@pytest.mark.journal("authenticate user=(eve|bob)")
@pytest.mark.journal(r"pam_exec\(hubgate:auth\): /bin/sleep failed: caught signal 9")
def test_a_module_that_hangs_costs_only_those_who_use_it(hanging):
    machine = hanging
    replies = []
    crowd = [threading.Thread(target=lambda user=user: replies.append(login(machine, user, rhost="10.100.0.1"))) for user in ["eve", "bob"] * 10]
    for one in crowd:
        one.start()
    time.sleep(3)
    times = []
    for user in ("alice", "carol", "alice", "carol"):
        begin = time.monotonic()
        assert word(login(machine, user, rhost="10.100.0.2")) == "accepted"
        times.append(time.monotonic() - begin)
    assert max(times) < 5, times
    for one in crowd:
        one.join()
    assert {word(reply) for reply in replies} <= {"unavailable", "throttled"}
    # Nothing of theirs is left.
    assert "sleep 300" not in machine.out("ps", "-eo", "args")


def test_a_deleted_password_keeps_its_owner_out(hub):
    machine = hub.machine
    machine.run("passwd", "-q", "-d", "bob")
    try:
        assert [word(login(machine, "bob", password)) for password in ("", PASSWORDS["bob"])] == [BAD, BAD]
    finally:
        machine.run("chpasswd", stdin=f"bob:{PASSWORDS['bob']}\n")
    assert word(login(machine, "bob")) == "accepted"
