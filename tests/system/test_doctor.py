"""`hubgate doctor`: a healthy hub is well from end to end, and each seeded fault is named by its layer, within half a minute."""

import contextlib
import re
import signal
import time

import pytest

from conftest import PASSWORDS
from machine import until
from small_disk import STATE, small_disk

USER = "alice"
LIMIT_S = 30
HUB, SOCKET = "/etc/hubgate/hubgate.toml", "/run/hubgate/gateway.sock"
SITE = "/etc/nginx/hubgate/hubgate.conf"
OPEN = b"location = /jupyterhub/user/doctor/api/status { auth_request off; return 200; }\n    "
UPGRADE = "/etc/nginx/hubgate/include/user-headers.conf"


def doctor(machine, *options, user=USER, password=None):
    """Its output, exit status and time."""
    begin = time.monotonic()
    done = machine.run("hubgate", "doctor", "--user", user, "--password-stdin", *options, stdin=(password or PASSWORDS[user]) + "\n", check=False)
    return done, time.monotonic() - begin


@pytest.fixture
def well(hub):
    """A hub on which nothing of another test is left."""
    hub.stop_all()
    hub.machine.run("systemctl", "start", "hubgate.socket", "hubgate-spawner.socket", "hubgate.service", "nginx")
    until("the login page answers", lambda: hub.browser().get("/hub/login").status == 200, 20)
    yield hub
    hub.stop_all()


def test_a_healthy_hub_is_well_in_every_layer(well, measured):
    done, took = doctor(well.machine)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    layers = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert layers[:8] == ["configuration", "state", "gateway", "spawner", "sockets", "nginx", "certificate", "route"], layers
    assert {"guard", "login", "server", "kernel", "websocket"} <= set(layers), layers
    assert "BAD" not in done.stdout
    assert done.stdout.count(" limits ") >= 5, "each limit is tried, whatever this kernel does"
    assert took < LIMIT_S
    measured("doctor, a healthy hub", f"all layers well after {took:.1f} s (30)")
    assert well.machine.show(f"jupyter@{USER}.service", "ActiveState")["ActiveState"] == "inactive", "what it started it stops"


@contextlib.contextmanager
def changed(machine, path, change, *units):
    """A file as `change` makes it, and units that are restarted for it."""
    file = machine.path(path)
    before = file.read_bytes()
    after = change(before)
    assert after != before, path
    file.write_bytes(after)
    try:
        apply(machine, units)
        yield
    finally:
        file.write_bytes(before)
        apply(machine, units)


def apply(machine, units):
    for unit in units:
        machine.run("systemctl", "reset-failed", unit)
        machine.run("systemctl", "restart", unit)


@contextlib.contextmanager
def stopped(machine, *units):
    machine.run("systemctl", "stop", *units)
    try:
        yield
    finally:
        machine.run("systemctl", "start", *units)


@contextlib.contextmanager
def frozen(machine, unit):
    machine.run("systemctl", "start", unit)
    machine.kill(unit, signal.SIGSTOP)
    try:
        yield
    finally:
        machine.kill(unit, signal.SIGCONT)


@contextlib.contextmanager
def mode(machine, path, bits, *units):
    before = machine.out("stat", "-c", "%a", path)
    machine.run("chmod", bits, path)
    try:
        apply(machine, units)
        yield
    finally:
        machine.run("chmod", before, path)


@contextlib.contextmanager
def drop_in(machine, unit, text):
    machine.write(f"/run/systemd/system/{unit}.d/99-doctor.conf", text)
    machine.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        machine.run("rm", "-r", f"/run/systemd/system/{unit}.d")
        machine.run("systemctl", "daemon-reload")


@contextlib.contextmanager
def at_home(machine, path, text):
    """A file in the user's home."""
    place = f"/home/{USER}/{path}"
    machine.write(place, text)
    try:
        yield
    finally:
        machine.run("rm", place)


@contextlib.contextmanager
def strange_certificate(machine):
    """One that nobody has signed but itself."""
    machine.run("sh", "-euc", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost "
                "-addext subjectAltName=DNS:localhost -keyout /tmp/own.key -out /tmp/own.crt")
    key, certificate = (machine.path(f"/tmp/own.{end}").read_bytes() for end in ("key", "crt"))
    with changed(machine, "/etc/hubgate/tls/server.crt", lambda _: certificate), \
            changed(machine, "/etc/hubgate/tls/server.key", lambda _: key):
        apply(machine, ["nginx"])
        yield
    apply(machine, ["nginx"])


OTHER_SITE = b"""server {
    listen 443 ssl; listen [::]:443 ssl; server_name localhost;
    ssl_certificate /etc/hubgate/tls/server.crt; ssl_certificate_key /etc/hubgate/tls/server.key;
    return 404;
}
"""


def instead(command):
    return f"[Service]\nExecStart=\nExecStart={command}\n"


def kernel(*argv):
    words = ", ".join(f'"{word}"' for word in argv)
    return f'{{"argv": [{words}], "display_name": "x", "language": "python"}}'


SERVICE = f"jupyter@{USER}.service"
KERNEL = ".local/share/jupyter/kernels/python3/kernel.json"
CONFIG = ".jupyter/jupyter_server_config.py"
FAULTS = {
    "a key that there is not": (lambda m: changed(m, HUB, lambda text: b"nonsense = 1\n" + text), "configuration", "hubgate.toml:1"),
    "a damaged database": (lambda m: changed(m, f"{STATE}/hubgate.sqlite", lambda text: b"\0" * 4096 + text[4096:]), "state", "hubgate.sqlite"),
    "a full disk": (lambda m: small_disk(m, full=True), "state", "is full"),
    "no gateway": (lambda m: stopped(m, "hubgate.service", "hubgate.socket"), "gateway", "hubgate.socket"),
    "a gateway that hangs": (lambda m: frozen(m, "hubgate.service"), "gateway", "within 5 s"),
    "no spawner": (lambda m: stopped(m, "hubgate-spawner.service", "hubgate-spawner.socket"), "spawner", "spawner.sock"),
    "a spawner that hangs": (lambda m: frozen(m, "hubgate-spawner.service"), "spawner", "in time|within"),
    "sockets that nginx cannot reach": (lambda m: mode(m, "/run/jupyter", "0700"), "sockets", "cannot get into"),
    "no nginx": (lambda m: stopped(m, "nginx"), "nginx", "nobody answers"),
    "a certificate of nobody's": (strange_certificate, "certificate", "self-signed"),
    "an nginx without hubgate": (lambda m: changed(m, SITE, lambda _: OTHER_SITE, "nginx"), "route", "not by hubgate"),
    "a gateway that nginx cannot reach": (lambda m: mode(m, SOCKET, "0600", "nginx"), "route", "does not reach the gateway"),
    "servers open to everybody": (lambda m: changed(m, SITE, lambda text: text.replace(b"location = / {", OPEN + b"location = / {"), "nginx"),
                                  "guard", "answered with 200"),
    "PAM without its module": (lambda m: changed(m, "/etc/pam.d/hubgate", lambda _: b"auth required pam_nowhere.so\naccount required pam_nowhere.so\n"),
                               "login", ""),
    "a program that is missing": (lambda m: drop_in(m, SERVICE, instead("/opt/nowhere/jupyter")), "server start", "missing or cannot be run"),
    "a configuration of the user's that ends it": (lambda m: at_home(m, CONFIG, "import sys\nsys.exit('broken in line two')\n"), "server start", "broken in line two"),
    "a server that takes its time": (lambda m: drop_in(m, SERVICE, instead("/bin/sleep 600")), "server start", "not ready in time"),
    "a server's socket that nginx may not open": (lambda m: drop_in(m, "jupyter@.socket", "[Socket]\nSocketGroup=root\n"), "server", "does not reach the server"),
    "a kernel that is missing": (lambda m: at_home(m, KERNEL, kernel("/opt/nowhere/python", "-f", "{connection_file}")), "kernel", "no kernel starts"),
    "a kernel that does nothing": (lambda m: at_home(m, KERNEL, kernel("/bin/sleep", "600")), "websocket", "does not answer"),
    "websockets that nginx does not hand on": (lambda m: changed(m, UPGRADE, lambda text: text.replace(b"$hubgate_upgrade", b'""').replace(b"$hubgate_connection", b"close"),
                                                               "nginx"), "websocket", "no websocket"),
}


@pytest.mark.journal(r"hubgate|nginx|PAM|pam_|jupyter|Failed|systemd")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_its_layer_within_half_a_minute(well, measured, fault):
    broken, layer, words = FAULTS[fault]
    with broken(well.machine):
        done, took = doctor(well.machine, "--no-limits", "--patience", "8")
    print(done.stdout)
    assert done.returncode == 1, done.stdout
    assert f"the faulty layer: {layer}\n" in done.stderr, done.stdout + done.stderr
    bad = done.stdout.split("BAD", 1)[1]
    assert any(word in bad for word in words.split("|")), bad
    assert took < LIMIT_S
    measured(f"doctor, {fault}", f"{layer} after {took:.1f} s (30)")
    assert PASSWORDS[USER] not in done.stdout + done.stderr


def test_a_wrong_password_and_one_who_may_not_enter_are_told_apart_from_faults(well):
    wrong, _ = doctor(well.machine, "--no-limits", password="not this one")
    assert "the faulty layer: login\n" in wrong.stderr and "hubgate why" in wrong.stdout, wrong.stdout
    expired, _ = doctor(well.machine, "--no-limits", user="expired")
    assert "the faulty layer: login\n" in expired.stderr and "expired" in expired.stdout, expired.stdout


def test_without_a_user_everything_up_to_the_login_is_looked_at(well):
    done = well.machine.run("hubgate", "doctor", "--no-limits")
    assert "guard" in done.stdout and "not tried" in done.stdout, done.stdout
    other = well.machine.run("hubgate", "doctor", "--no-limits", "--url", "https://127.0.0.2", check=False)
    assert other.returncode == 1 and "the faulty layer: certificate" in other.stderr, other.stdout
    nowhere = well.machine.run("hubgate", "doctor", "--no-limits", "--url", "https://localhost:9", check=False)
    assert "the faulty layer: nginx" in nowhere.stderr, nowhere.stdout


def test_a_bundle_holds_what_helps_and_nothing_that_is_nobodys_business(well):
    machine = well.machine
    well.visitor(USER)
    machine.write("/etc/hubgate/services.toml", '[[services]]\nname = "probe"\napi_token = "a-very-secret-token-of-a-probe"\n')
    try:
        machine.run("rm", "-rf", "/root/bundle", "/root/bundle.tar.gz")
        machine.run("hubgate", "bundle", "--out", "/root/bundle.tar.gz")
        assert machine.out("stat", "-c", "%a %U", "/root/bundle.tar.gz") == "600 root"
        machine.run("sh", "-euc", "mkdir /root/bundle; tar -xzf /root/bundle.tar.gz -C /root/bundle")
    finally:
        machine.run("rm", "/etc/hubgate/services.toml")
    files = {file.name: file.read_text() for file in machine.path("/root/bundle").iterdir()}
    assert {"doctor.txt", "files.txt", "hubgate.toml", "hubgate.txt", "journal.txt", "nginx.txt", "system.txt", "units.txt"} <= set(files)
    whole = "\n".join(files.values())
    assert "guard" in files["doctor.txt"] and "base_url" in files["hubgate.toml"] and "login" in files["journal.txt"]
    assert "probe" in files["files.txt"] and "a-very-secret-token" not in whole
    assert not re.search(rf"\b{USER}\b", whole), re.findall(rf".*\b{USER}\b.*", whole)[:5]
    again = machine.run("hubgate", "bundle", "--out", "/root/bundle.tar.gz", check=False)
    assert again.returncode == 1 and "File exists" in again.stderr
    session = next(value for name, value in well.visitor(USER).cookies.items() if name == "hubgate-session")
    assert session not in whole
