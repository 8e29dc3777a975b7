"""Logins through nginx, gateway, spawner and PAM, and what each kind of account gets."""

import itertools

import pytest

import spawner
from conftest import PASSWORDS
from machine import until

RIGHT = None  # stands for the account's own password
BAD = "bad_credentials"
# Who, with which password, and the spawner's word. Only who knows the password learns more than "bad_credentials".
CASES = [
    ("alice", RIGHT, "accepted"),
    ("bob", RIGHT, "accepted"),
    ("carol", RIGHT, "accepted"),
    ("alice", "wrong", BAD),
    ("alice", PASSWORDS["alice"] + " ", BAD),
    ("alice", "", BAD),
    ("emptypw", "", BAD),
    ("emptypw", "x", BAD),
    ("locked", RIGHT, BAD),
    ("expired", RIGHT, "account_expired"),
    ("expired", "wrong", BAD),
    ("mustchange", RIGHT, "password_expired"),
    ("mustchange", "wrong", BAD),
    ("nologin", "wrong", BAD),
    ("root", RIGHT, BAD),
    ("root", "wrong", BAD),
    ("sysacct", RIGHT, BAD),
    ("nosuchuser", "x", BAD),
    ("hubgate", "x", BAD),
]
addresses = (f"10.9.{a}.{b}" for a, b in itertools.product(range(250), range(1, 250, 8)))


def word(machine, user, password):
    """The spawner's outcome in one word, from an address of its own so that no limit is shared."""
    reply = spawner.ask(machine, "authenticate", user=user, password=password, rhost=next(addresses))
    assert reply["reply"] == "authenticated", reply
    outcome = reply["outcome"]
    return outcome["reason"]["reason"] if outcome["outcome"] == "refused" else outcome["outcome"]


def describe(case):
    user, password, outcome = case
    return f"{user} with {'its own password' if password is RIGHT else repr(password)} is {outcome}"


@pytest.mark.parametrize("case", CASES, ids=describe)
def test_pam_is_asked_and_obeyed(hub, case):
    user, password, outcome = case
    assert word(hub.machine, user, PASSWORDS[user] if password is RIGHT else password) == outcome


@pytest.mark.parametrize("case", CASES, ids=describe)
def test_the_login_page_says_it(hub, case):
    user, password, outcome = case
    browser = hub.browser()
    answer = browser.login(user, PASSWORDS[user] if password is RIGHT else password)
    assert browser.logged_in == (outcome == "accepted")
    if outcome == "accepted":
        assert answer.status == 302 and answer.location.startswith("/jupyterhub/"), (answer.status, answer.location)
        assert browser.get("/hub/home").status == 200
    elif outcome == "password_expired":
        assert answer.status == 200 and "new password" in answer.words(), (answer.status, answer.words()[:600])
    else:
        assert answer.status in (400, 401, 403), answer.status
        told = "expired" in answer.words() or "change" in answer.words()
        assert told == (outcome == "account_expired"), answer.words()[:600]


def test_a_shell_that_forbids_logins_is_obeyed(hub):
    assert word(hub.machine, "nologin", PASSWORDS["nologin"]) in (BAD, "not_permitted")
    browser = hub.browser()
    assert browser.login("nologin", PASSWORDS["nologin"]).status in (401, 403)
    assert not browser.logged_in


def test_all_failed_logins_look_alike(hub):
    # Earlier failures count: after three of them every name is told that it may be locked.
    hub.machine.run("systemctl", "restart", "hubgate.service")
    until("the login page answers", lambda: hub.browser().get("/hub/login").status == 200, 20)
    seen = {}
    for user in ("alice", "nosuchuser", "locked", "root", "emptypw", "sysacct", "expired"):
        answer = hub.browser().login(user, "wrong-one")
        seen[user] = (answer.status, answer.words().replace(user, "NAME"))
    assert len(set(seen.values())) == 1, seen


def test_etc_nologin_closes_the_house_to_those_who_know_their_password(hub):
    hub.machine.write("/etc/nologin", "Maintenance until noon.\n")
    try:
        assert word(hub.machine, "alice", PASSWORDS["alice"]) == "no_logins"
        assert word(hub.machine, "alice", "wrong") == BAD
        browser = hub.browser()
        answer = browser.login("alice", PASSWORDS["alice"])
        assert "maintenance until noon" in answer.words()
        assert not browser.logged_in
    finally:
        hub.machine.run("rm", "/etc/nologin")
    assert word(hub.machine, "alice", PASSWORDS["alice"]) == "accepted"


@pytest.mark.parametrize("name", ["Alice", "ALICE", "alice ", " alice", "alice@example.org", "../alice", "alice\n"])
def test_another_spelling_is_nobody(hub, name):
    browser = hub.browser()
    assert browser.login(name, PASSWORDS["alice"]).status in (302, 400, 401, 403)
    # Blanks around a name are a slip of the keyboard: trimmed or refused, never a second alice.
    assert not browser.logged_in or name.strip() == "alice"


def test_a_changed_password_counts_from_the_next_login(hub):
    hub.machine.run("chpasswd", stdin="eve:another one\n")
    try:
        assert word(hub.machine, "eve", PASSWORDS["eve"]) == BAD
        assert word(hub.machine, "eve", "another one") == "accepted"
    finally:
        hub.machine.run("chpasswd", stdin=f"eve:{PASSWORDS['eve']}\n")


def test_guessing_is_limited_inside_the_spawner(hub):
    words = [
        spawner.ask(hub.machine, "authenticate", user="bob", password=f"guess {number}", rhost="10.8.7.6")["outcome"]["reason"]["reason"]
        for number in range(12)
    ]
    assert words[0] == BAD and words[-1] == "throttled", words
    assert word(hub.machine, "carol", PASSWORDS["carol"]) == "accepted"
