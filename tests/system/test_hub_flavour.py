"""Servers of the hub flavour under systemd: what they are told, on which socket, and who can read their token."""

import json

import pytest

import spawner
import units
from machine import until
from test_spawner import code, ticket_of

TOKEN = "cafe0123cafe0123cafe0123cafe0123"
# Stands for jupyterhub-singleuser: ready at once, and answers what it was given. The real one is in the jupyter ring.
SERVER = """#!/usr/bin/python3
import json, os, socket, sys
assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    address = os.environ["NOTIFY_SOCKET"]
    manager.sendto(b"READY=1", "\\0" + address[1:] if address.startswith("@") else address)
listener = socket.socket(fileno=3)
while True:
    client, _ = listener.accept()
    client.recv(4096)
    client.sendall(json.dumps({"argv": sys.argv, "env": dict(os.environ), "uid": os.getuid()}).encode())
    client.close()
"""
ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(60)
connection.connect(sys.argv[1])
connection.sendall(b"?")
print(b"".join(iter(lambda: connection.recv(65536), b"")).decode())
"""


@pytest.fixture
def single_user(fresh):
    """The product with small servers in the place of JupyterHub's; as before afterwards."""
    machine = fresh.machine
    for program in ("jupyter", "jupyterhub-singleuser", "jupyter-labhub"):
        machine.write(f"/opt/small/bin/{program}", SERVER, 0o755)
    machine.write("/etc/hubgate/server.env", "HUBGATE_JUPYTER=/opt/small/bin/jupyter\n")
    yield machine
    fresh.stop_all()
    machine.run("rm", "-r", "/opt/small", "/etc/hubgate/server.env")


def start(machine, server="", token=TOKEN):
    fields = {"token": token} if token else {}
    reply = spawner.ask(machine, "start", user="alice", server=server, ticket=ticket_of(machine, "alice"), **fields)
    assert code(reply) == "done", reply
    instance = f"alice:{server}" if server else "alice"
    until(f"{instance} runs", lambda: units.phase(machine, instance) == "running", 30, 0.1)


def seen(machine, socket):
    """What the server behind a socket says, asked as nginx would."""
    return json.loads(machine.out("python3", "-c", ASK, socket, user="www-data"))


def stop(machine, server=""):
    assert code(spawner.ask(machine, "stop", user="alice", server=server)) == "done"
    instance = f"alice:{server}" if server else "alice"
    until(f"{instance} has ended", lambda: units.phase(machine, instance) == "stopped", 25)


def test_a_server_with_a_token_is_jupyterhubs_own_and_is_told_where_the_hub_is(single_user):
    start(single_user)
    server = seen(single_user, "/run/jupyter/alice.sock")
    assert server["argv"] == ["/opt/small/bin/jupyterhub-singleuser", "--config=/usr/share/hubgate/hubgate_server.py"]
    env = server["env"]
    assert env["JUPYTERHUB_API_TOKEN"] == TOKEN and env["HUBGATE_FLAVOUR"] == "hub" and env["USER"] == "alice"
    assert env["JUPYTERHUB_API_URL"] == "http://127.0.0.1:8081/jupyterhub/hub/api"
    assert env["JUPYTERHUB_SERVICE_URL"] == "http+unix://%2Frun%2Fjupyter%2Falice.sock/jupyterhub/user/alice/"
    assert json.loads(env["JUPYTERHUB_OAUTH_ACCESS_SCOPES"]) == ["access:servers!server=alice/", "access:servers!user=alice"]


def test_the_site_chooses_labhub(single_user):
    single_user.write("/etc/hubgate/server.env", "HUBGATE_JUPYTER=/opt/small/bin/jupyter\nHUBGATE_APP=labhub\n")
    start(single_user)
    argv = seen(single_user, "/run/jupyter/alice.sock")["argv"]
    assert argv == ["/opt/small/bin/jupyter", "labhub", "--config=/usr/share/hubgate/hubgate_server.py"]


def test_the_token_is_in_a_file_of_roots_alone_and_in_nothing_that_others_can_read(single_user):
    machine, file = single_user, "/run/hubgate/servers/alice:gpu.env"
    start(machine, "gpu")
    assert machine.out("stat", "-c", "%a %U %G", file) == "400 root root"
    assert machine.out("stat", "-c", "%a %U %G", "/run/hubgate/servers") == "700 root root"
    for user in ("alice", "bob", "hubgate", "www-data", "nobody"):
        assert "ermission denied" in machine.run("cat", file, user=user, check=False).stderr
    for unit in ("jupyter-named@alice:gpu.service", "jupyter-named@alice:gpu.socket"):
        assert TOKEN not in machine.out("systemctl", "show", "--all", unit) + machine.out("systemctl", "cat", unit)
        assert TOKEN not in machine.out("systemd-analyze", "dump", unit)
    assert TOKEN not in machine.out("ps", "-eo", "args") and TOKEN not in machine.journal("--since=-5min")
    stop(machine, "gpu")
    assert not machine.path(file).exists()


def test_a_named_server_answers_on_a_socket_that_nginx_can_name(single_user):
    start(single_user, "gpu")
    server = seen(single_user, "/run/jupyter/alice@gpu.sock")
    assert server["env"]["JUPYTERHUB_SERVICE_PREFIX"] == "/jupyterhub/user/alice/gpu/"
    assert server["uid"] == int(single_user.out("id", "-u", "alice"))
    assert single_user.out("stat", "-c", "%a %U:%G", "/run/jupyter/alice@gpu.sock") == "660 root:www-data"
    assert not single_user.path("/run/jupyter/alice:gpu.sock").exists()
    listed = spawner.ask(single_user, "list")["servers"]
    assert [(one["user"], one["server"], one["phase"]) for one in listed] == [("alice", "gpu", "running")]
    stop(single_user, "gpu")
    assert not single_user.path("/run/jupyter/alice@gpu.sock").exists()


def test_a_start_without_a_token_takes_the_old_one_away(single_user):
    start(single_user)
    stop(single_user)
    start(single_user, token=None)
    server = seen(single_user, "/run/jupyter/alice.sock")
    assert server["argv"][:2] == ["/opt/small/bin/jupyter", "lab"]
    assert not [name for name in server["env"] if name.startswith(("JUPYTERHUB_", "JPY_"))]


@pytest.mark.parametrize("token", ["short", "01234567\nLD_PRELOAD=/tmp/x.so", '01234567"\nX="', "0" * 129])
def test_a_token_cannot_smuggle_a_line_into_the_file(single_user, token):
    reply = spawner.ask(single_user, "start", user="alice", ticket=ticket_of(single_user, "alice"), token=token)
    assert code(reply) == "bad_request"
    assert units.phase(single_user, "alice") == "stopped" and not single_user.path("/run/hubgate/servers/alice.env").exists()
