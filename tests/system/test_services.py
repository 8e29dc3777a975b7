"""Managed services under systemd: root's file decides, the sandbox holds, and they come back."""

import json

import pytest

import spawner
from machine import until
from test_spawner import code

TOKEN = "cafe0123cafe0123cafe0123cafe0123"
FILE = "/etc/hubgate/services.toml"
# Writes down what it is and what it can reach.
SERVICE = r"""
import json, os, pathlib, socket, sys, time
def tried(deed):
    try:
        deed()
    except OSError as error:
        return error.strerror or str(error)
    return "done"
def connect(address):
    with socket.socket() as connection:
        connection.settimeout(3)
        connection.connect(address)
seen = {
    "argv": sys.argv[1:], "env": dict(os.environ), "uid": os.getuid(), "cwd": os.getcwd(),
    "status": pathlib.Path("/proc/self/status").read_text(),
    "write /etc": tried(lambda: open("/etc/x", "w")), "write /usr": tried(lambda: open("/usr/x", "w")),
    "list home": tried(lambda: os.listdir("/home/alice")),
    "gateway": tried(lambda: os.listdir("/run/hubgate")), "sockets": tried(lambda: os.listdir("/run/jupyter")),
    "state": tried(lambda: os.listdir("/var/lib/hubgate")), "others": tried(lambda: os.listdir("/proc/1/fd")),
    "loopback": tried(lambda: connect(("127.0.0.1", 443))), "elsewhere": tried(lambda: connect(("192.0.2.1", 9))),
    "raw": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
}
with open(os.environ["HOME"] + "/seen.new", "w") as out:
    json.dump(seen, out)
os.rename(os.environ["HOME"] + "/seen.new", os.environ["HOME"] + "/seen")
time.sleep(3600)
"""
ENTRY = """
[[services]]
name = "{name}"
url = "http://127.0.0.1:9999"
command = ["/usr/bin/python3", "/opt/service.py", "a b", "$HOME %i"]
environment = {{ MINE = "\\"a\\" $b `c` \\\\d" }}
{more}
"""


def entry(name="whoami", more=""):
    return ENTRY.format(name=name, more=more)


@pytest.fixture
def site(hub):
    """The machine, with a function that writes the services file; no service afterwards."""
    machine = hub.machine
    machine.write("/opt/service.py", SERVICE)

    def write(text, mode=0o640):
        machine.write(FILE, text, mode)
        return machine
    yield write
    machine.run("systemctl", "stop", "hubgate-service@*", check=False)
    machine.run("systemctl", "reset-failed", check=False)
    machine.run("sh", "-c", f"rm -rf {FILE} /opt/service.py /run/systemd/system/hubgate-service@* /run/hubgate/services/* /var/lib/private/hubgate-service /var/lib/hubgate-service")
    machine.run("systemctl", "daemon-reload")


def start(machine, name="whoami", token=TOKEN):
    return spawner.ask(machine, "start_service", name=name, token=token)


def unit(name="whoami"):
    return f"hubgate-service@{name}.service"


def seen(machine, name="whoami"):
    """What the service that runs now wrote down."""
    pid = until(f"{name} runs", lambda: machine.pid_of(unit(name)), 20)
    home = machine.path(f"/proc/{pid}/root/var/lib/hubgate-service/{name}/seen")
    return json.loads(until(f"{name} wrote", lambda: home.exists() and home.read_text(), 20)), pid


def test_a_service_has_roots_words_jupyterhubs_environment_and_a_sandbox(site):
    machine = site(entry())
    assert code(start(machine)) == "done"
    service, _ = seen(machine)
    assert service["argv"] == ["a b", "$HOME %i"]
    assert service["env"]["HOME"] == "/var/lib/hubgate-service/whoami"
    assert service["cwd"] == "/var/lib/private/hubgate-service/whoami"  # where systemd keeps it; HOME is a link there
    env = service["env"]
    assert env["JUPYTERHUB_API_TOKEN"] == TOKEN and env["MINE"] == '"a" $b `c` \\d'
    assert env["JUPYTERHUB_SERVICE_NAME"] == "whoami" and env["JUPYTERHUB_SERVICE_PREFIX"] == "/jupyterhub/services/whoami/"
    assert 61184 <= service["uid"] <= 65519  # systemd's range of dynamic users
    assert "NoNewPrivs:\t1" in service["status"] and "CapBnd:\t0000000000000000" in service["status"]
    assert service["loopback"] == "done"
    allowed = [deed for deed in ("write /etc", "write /usr", "list home", "gateway", "sockets", "state", "others", "elsewhere", "raw")
               if service[deed] == "done"]
    assert not allowed, service


def test_a_service_that_is_killed_comes_back(site):
    machine = site(entry())
    assert code(start(machine)) == "done"
    _, first = seen(machine)
    assert machine.kill(unit())
    second = until("another process", lambda: machine.pid_of(unit()) not in (0, first) and machine.pid_of(unit()), 20)
    assert code(start(machine)) == "done"
    assert machine.pid_of(unit()) == second, "a start of what runs changes nothing"


def test_two_services_are_two_users_and_a_stop_is_for_good(site):
    machine = site(entry() + entry("other"))
    for name in ("whoami", "other"):
        assert code(start(machine, name)) == "done"
    assert seen(machine)[0]["uid"] != seen(machine, "other")[0]["uid"]
    assert code(spawner.ask(machine, "stop_service", name="other")) == "done"
    until("it has ended", lambda: machine.show(unit("other"), "ActiveState")["ActiveState"] == "inactive", 20)
    assert not machine.path("/run/hubgate/services/other.env").exists()
    assert machine.pid_of(unit())


def test_the_token_of_a_service_is_where_root_alone_can_read_it(site):
    machine, file = site(entry()), "/run/hubgate/services/whoami.env"
    assert code(start(machine)) == "done"
    seen(machine)
    assert machine.out("stat", "-c", "%a %U %G", file) == "400 root root"
    assert machine.out("stat", "-c", "%a %U %G", "/run/hubgate/services") == "700 root root"
    for user in ("alice", "hubgate", "www-data", "nobody"):
        assert "ermission denied" in machine.run("cat", file, user=user, check=False).stderr
    assert TOKEN not in machine.out("systemctl", "show", "--all", unit()) + machine.out("systemctl", "cat", unit())
    assert TOKEN not in machine.out("ps", "-eo", "args") and TOKEN not in machine.journal("--since=-5min")


def test_a_changed_file_or_token_reaches_the_service_at_its_next_start(site):
    machine = site(entry())
    assert code(start(machine)) == "done"
    _, first = seen(machine)
    assert code(start(machine, token="another-token-0123")) == "done"
    second = until("another process", lambda: machine.pid_of(unit()) not in (0, first) and machine.pid_of(unit()), 20)
    site(entry(more='user = "bob"\ncwd = "/home/bob"').replace("a b", "changed"))
    assert code(start(machine)) == "done"
    third = until("another process", lambda: machine.pid_of(unit()) not in (0, first, second) and machine.pid_of(unit()), 20)
    service = json.loads(until("bob's service wrote", lambda: machine.run("cat", "/home/bob/seen", check=False).stdout, 20))
    assert (service["argv"][0], service["cwd"], service["env"]["HOME"]) == ("changed", "/home/bob", "/home/bob")
    assert service["uid"] == int(machine.out("id", "-u", "bob")) and third
    assert (service["write /etc"], service["write /usr"]) == ("Read-only file system",) * 2
    machine.run("rm", "/home/bob/seen")


def test_a_service_starts_with_the_gateway_and_the_hub_knows_its_token(site, hub):
    machine = site(entry())
    machine.run("chown", "root:hubgate", FILE)
    machine.run("systemctl", "restart", "hubgate")
    service, pid = seen(machine)
    token = service["env"]["JUPYTERHUB_API_TOKEN"]
    assert len(token) == 64
    machine.run("systemctl", "restart", "hubgate")
    until("the login page answers", lambda: hub.browser().get("/hub/login").status == 200, 20)
    assert machine.pid_of(unit()) == pid, "the same words and the same token: it runs on"
    site("")
    machine.run("systemctl", "restart", "hubgate")
    until("it has ended", lambda: machine.show(unit(), "ActiveState")["ActiveState"] == "inactive", 20)


@pytest.mark.parametrize(("text", "mode", "expected"), [
    (entry("other"), 0o640, "no_service"),
    ('[[services]]\nname = "whoami"\nurl = "http://127.0.0.1:9"\n', 0o640, "no_service"),
    (entry(more='user = "root"'), 0o640, "engine"),
    (entry(more='user = "nosuchuser"'), 0o640, "no_account"),
    (entry(more='roles = ["admin"]'), 0o640, "engine"),
    (entry().replace("/usr/bin/python3", "python3"), 0o640, "engine"),
    (entry(), 0o666, "engine"),
], ids=["not named", "external", "root", "no account", "unknown key", "no absolute path", "written by all"])
def test_what_roots_file_does_not_allow_is_refused(site, text, mode, expected):
    machine = site(text, mode)
    assert code(start(machine)) == expected
    assert not machine.path("/run/systemd/system/hubgate-service@whoami.service.d").exists()
    assert not machine.path("/run/hubgate/services/whoami.env").exists()


def test_a_file_of_somebody_elses_is_not_believed(site):
    machine = site(entry())
    machine.run("chown", "hubgate", FILE)
    assert code(start(machine)) == "engine"


@pytest.mark.journal(r"Assertion failed|Starting requested but asserts failed|Failed to start hubgate")
def test_a_service_without_the_spawners_drop_in_does_not_start(machine):
    done = machine.run("systemctl", "start", unit("none"), check=False)
    assert done.returncode != 0 and "ssert" in done.stderr, done.stderr
