"""A disk that fills up while the hub runs."""

import pytest

import crowd
import units
from machine import until
from pages import start
from small_disk import STATE, fill, small_disk

PEOPLE = 20


@pytest.mark.journal(r"No space left|disk is full|database")
def test_on_a_full_disk_people_log_in_work_and_log_out_and_administrators_read_what_is_full(fresh, measured):
    machine = fresh.machine
    crowd.enrol(machine, PEOPLE)
    with small_disk(machine):
        until("the login page answers", lambda: fresh.browser().get("/hub/login").status == 200, 20)
        bob, boss = fresh.visitor("bob"), fresh.visitor("ada")
        start(bob, "bob")
        until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
        assert boss.get("/hub/home").element("trouble") is None
        fill(machine)
        assert machine.out("df", "--output=avail", STATE).split()[-1] == "0"
        for number in range(PEOPLE):
            browser = fresh.browser()
            answer = browser.login(f"student{number:02}", crowd.password(number))
            assert answer.status == 302 and browser.logged_in, (number, answer.status, answer.words()[:300])
            assert browser.get("/hub/home").status == 200
        assert bob.get("/user/bob/api/status").status == 200
        until("administrators read it", lambda: boss.get("/hub/home").element("trouble") is not None, 15)
        assert STATE in boss.get("/hub/home").element("trouble")[1]
        assert bob.get("/hub/home").element("trouble") is None
        assert bob.submit("/hub/home", "/hub/logout").status == 302 and not bob.get("/hub/home").status == 200
        measured("the disk of the state is full", f"{PEOPLE} of {PEOPLE} new logins, a server goes on, administrators read which disk it is")
    fresh.stop_all()
