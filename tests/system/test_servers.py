"""The life of a server: every way to start it, what it is once it runs, and its end."""

import json
import re
import time

import pytest

import units
from machine import until
from pages import shown, start, stop, open_server
from web import NAVIGATE

FIRST_BYTE = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/jupyterhub/user/alice/api", headers={"X-Hubgate-User": "alice"})
print(connection.getresponse().read().decode())
"""


def test_a_click_on_start_ends_in_jupyterlab_through_nginx(fresh):
    browser = fresh.visitor("alice")
    assert shown(browser) == "stopped"
    start(browser, "alice")
    until("the server is running", lambda: units.phase(fresh.machine, "alice") == "running", 60)
    page = open_server(browser, "alice")
    assert page.status == 200 and "jupyter-config-data" in page.text
    config = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page.text, re.S)[1])
    assert (config["baseUrl"], config["hubPrefix"], config["hubUser"]) == ("/jupyterhub/user/alice/", "/jupyterhub/hub/", "alice")
    assert browser.fetch("/user/alice/api/kernels").json() == []


def test_the_first_byte_starts_a_server_and_waits_for_it(fresh):
    machine = fresh.machine
    machine.run("systemctl", "start", "jupyter@alice.socket")
    assert units.phase(machine, "alice") == "listening"
    assert "version" in json.loads(machine.out("python3", "-c", FIRST_BYTE, "/run/jupyter/alice.sock", user="www-data", timeout=130))
    assert units.phase(machine, "alice") == "running"


def test_a_forgotten_tab_starts_nothing_and_a_person_does(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice.socket")
    until("the page has seen the socket", lambda: shown(browser) == "listening", 5)
    for _ in range(5):
        answer = browser.fetch("/user/alice/api/kernels")
        assert answer.status in (424, 503) and answer.headers["Retry-After"], answer.status
    connection, status = browser.websocket("/user/alice/api/events/subscribe")
    connection.close()
    assert status in (403, 424, 503)
    assert units.phase(machine, "alice") == "listening"
    assert browser.get("/user/alice/lab", timeout=130).status == 200
    assert units.phase(machine, "alice") == "running"


def test_a_start_typed_by_root_is_seen_within_a_second(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    began = time.monotonic()
    until("the page says running", lambda: shown(browser) == "running", 3)
    assert time.monotonic() - began < 1.0
    assert machine.show("jupyter@alice.socket", "SubState")["SubState"] == "running"
    assert open_server(browser, "alice").status == 200
    machine.run("systemctl", "stop", "jupyter@alice")
    until("the page says that it ended", lambda: shown(browser) in ("stopped", "listening"), 1)


def test_stop_on_the_page_ends_every_process_and_the_socket(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    terminal = browser.request("POST", "/jupyterhub/user/alice/api/terminals", headers=xsrf(browser))
    assert terminal.status == 200, terminal.text[:300]
    leader = machine.pid_of("jupyter@alice.service")
    assert len(machine.out("pgrep", "-u", "alice").split()) > 1
    stop(browser, "alice")
    until("the page says stopped", lambda: shown(browser) == "stopped", 25)
    assert units.phase(machine, "alice") == "stopped" and leader
    # `(sd-pam)` holds the session open until the last process is gone.
    until("no process of alice is left", lambda: machine.run("pgrep", "-u", "alice", check=False).stdout == "", 5)
    assert not machine.path("/run/jupyter/alice.sock").exists()


def xsrf(browser):
    """Headers of a state-changing request, as a page's script sends them."""
    browser.get("/user/alice/api/me")
    if "_xsrf" not in browser.cookies:
        browser.get("/user/alice/lab")
    return {"X-XSRFToken": browser.cookies["_xsrf"], "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
            "Sec-Fetch-Site": "same-origin", "Origin": "https://localhost", "Content-Type": "application/json"}


def test_a_missing_home_is_made_before_the_server_starts(fresh):
    machine, browser = fresh.machine, fresh.visitor("carol")
    start(browser, "carol")
    until("carol's server is running", lambda: units.phase(machine, "carol") == "running", 60)
    assert machine.out("stat", "-c", "%a %U", "/home/carol") == "700 carol"


def test_a_server_is_its_users_own_process_in_its_units_cgroup_with_limits_and_a_pam_session(fresh):
    machine = fresh.machine
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    pid = machine.pid_of("jupyter@alice.service")
    status = machine.path(f"/proc/{pid}/status").read_text()
    uid = machine.out("id", "-u", "alice")
    assert re.search(r"Uid:\s+(.*)", status)[1].split() == [uid] * 4
    assert re.search(r"NoNewPrivs:\s+(\d)", status)[1] == "1"
    assert "/jupyter.slice/jupyter@alice.service" in machine.path(f"/proc/{pid}/cgroup").read_text()
    assert "session opened for user alice" in machine.journal("-u", "jupyter@alice.service")
    wanted = machine.show("jupyter@alice.service", "MemoryMax", "MemorySwapMax", "TasksMax", "CPUWeight")
    assert wanted["MemoryMax"].isdigit() and wanted["MemorySwapMax"] == "0"
    assert (wanted["TasksMax"], wanted["CPUWeight"]) == ("2048", "100")
    assert "kernels=0" in machine.show("jupyter@alice.service", "StatusText")["StatusText"]


def test_the_second_start_of_a_running_server_changes_nothing(fresh):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    pid = machine.pid_of("jupyter@alice.service")
    until("the page says running", lambda: shown(browser) == "running", 3)
    start(browser, "alice")
    assert open_server(browser, "alice").status == 200
    assert machine.pid_of("jupyter@alice.service") == pid


@pytest.mark.parametrize("path", ["/user/alice/api/kernels", "/user/alice/lab", "/user/alice/files/x"])
def test_another_user_is_refused_and_the_owners_server_hears_nothing(fresh, path):
    machine, stranger = fresh.machine, fresh.visitor("bob")
    machine.run("systemctl", "start", "jupyter@alice.socket")
    for headers in (NAVIGATE, None):
        answer = stranger.get(path, headers=headers) if headers else stranger.fetch(path)
        assert answer.status in (403, 404), answer.status
    assert units.phase(machine, "alice") == "listening"


@pytest.mark.journal(r"PAM|Failed to start jupyter@eve")
def test_an_expired_account_starts_no_more_servers(fresh):
    machine, browser = fresh.machine, fresh.visitor("eve")
    machine.run("chage", "-E", "0", "eve")
    try:
        start(browser, "eve", accepted=None)
        until("no server of eve runs", lambda: units.phase(machine, "eve") in ("failed", "stopped", "listening"), 20)
        assert machine.run("pgrep", "-u", "eve", check=False).stdout == ""
    finally:
        machine.run("chage", "-E", "-1", "eve")
