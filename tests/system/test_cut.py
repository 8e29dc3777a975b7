"""Logging out ends open websockets: the kernel's SOCK_DESTROY, asked for by the spawner."""

import socket

import pytest

from machine import until
from pages import log_out, shown

PROBE = """
import socket, subprocess
listener = socket.create_server(("127.0.0.1", 7917))
client = socket.create_connection(("127.0.0.1", 7917))
subprocess.run(["ss", "-K", "sport", "=", "7917"], capture_output=True)
client.settimeout(2)
try:
    client.recv(1)
    print("not cut")
except ConnectionError:
    print("cut")
except TimeoutError:
    print("not cut")
"""


@pytest.fixture
def socket_destroy(hub):
    """Fails, and says so, where the kernel cannot do it: the product then does not hold its promise at logout."""
    if hub.machine.out("python3", "-c", PROBE) != "cut":
        pytest.fail("this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY): websockets cannot be ended at logout here, nor can this be tested")


def alive(connection):
    """Whether a websocket still answers a ping."""
    try:
        connection.settimeout(5)
        connection.sendall(b"\x89\x80\0\0\0\0")
        return bool(connection.recv(2))
    except (TimeoutError, socket.timeout):
        return True
    except OSError:
        return False


def test_logging_out_ends_the_visitors_websockets_and_nobody_elses(fresh, socket_destroy):
    machine, leaving, staying = fresh.machine, fresh.visitor("alice"), fresh.visitor("bob")
    opened = {}
    for user, browser in (("alice", leaving), ("bob", staying)):
        machine.run("systemctl", "start", f"jupyter@{user}", timeout=130)
        until("the page says running", lambda: shown(browser) == "running", 3)
        opened[user], status = browser.websocket(f"/user/{user}/api/events/subscribe")
        assert status == 101
        assert alive(opened[user])
    pid = machine.pid_of("jupyter@alice.service")
    stolen = dict(leaving.cookies)
    log_out(leaving)
    until("alice's websocket is cut", lambda: not alive(opened["alice"]), 10, 0.2)
    assert alive(opened["bob"])
    assert machine.pid_of("jupyter@alice.service") == pid  # kernels live on
    thief = fresh.browser()
    thief.cookies = stolen
    assert thief.fetch("/user/alice/api/kernels").status == 401
    assert thief.websocket("/user/alice/api/events/subscribe")[1] in (401, 403)


def test_a_websocket_that_is_older_than_the_gateway_ends_at_logout_too(fresh, socket_destroy):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    opened, status = browser.websocket("/user/alice/api/events/subscribe")
    assert status == 101
    machine.run("systemctl", "restart", "hubgate.service")
    assert alive(opened)
    log_out(browser)
    until("the websocket is cut", lambda: not alive(opened), 10, 0.2)


def test_a_reload_drops_none_of_a_hundred_websockets_and_a_later_log_out_ends_them_all(fresh, socket_destroy, measured):
    machine, browser = fresh.machine, fresh.visitor("alice")
    machine.run("systemctl", "start", "jupyter@alice", timeout=130)
    until("the page says running", lambda: shown(browser) == "running", 3)
    links = [browser.websocket("/user/alice/api/events/subscribe") for _ in range(100)]
    assert {status for _, status in links} == {101}
    pid = machine.pid_of("hubgate.service")
    machine.run("systemctl", "reload", "hubgate.service")
    until("another gateway answers", lambda: machine.pid_of("hubgate.service") not in (0, pid) and browser.get("/hub/home").status == 200, 20)
    living = sum(alive(connection) for connection, _ in links)
    measured("reload under 100 websockets", f"{100 - living} dropped")
    assert living == 100
    log_out(browser)
    until("every websocket is cut", lambda: not any(alive(connection) for connection, _ in links), 10, 0.2)
