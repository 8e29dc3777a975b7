"""One machine for the whole ring: booted, the product installed by `make install`, started by systemctl."""

import contextlib
import os
import pathlib
import re
import subprocess
import time

import pytest

import machine as machines
from machine import PROJECT, install, until
from web import Browser

PASSWORDS = {"alice": "wonder land 1", "bob": "b0b's pass", "carol": "cärol-päss", "eve": "eve-123", "ada": "ada-456",
             "locked": "locked-1", "expired": "expired-1", "mustchange": "must-1", "nologin": "nologin-1",
             "sysacct": "system-1", "root": "root-1"}
ACCOUNTS = """
useradd -m -s /bin/bash alice; useradd -m -s /bin/bash bob; useradd -m -s /bin/bash eve; useradd -m -s /bin/bash ada
useradd -M -s /bin/bash carol
useradd -m -s /bin/bash emptypw; useradd -m -s /bin/bash locked; useradd -m -s /bin/bash expired
useradd -m -s /bin/bash mustchange; useradd -m -s /usr/sbin/nologin nologin; useradd -r -m -s /bin/bash sysacct
chpasswd
passwd -q -d emptypw; usermod -L locked; chage -E 0 expired; chage -d 0 mustchange
"""
# Lines of priority err or worse that are no fault of the product, with the reason.
EXPECTED = [
    r"pam_unix\(hubgate:auth\): (authentication failure|check pass)",  # a wrong password is news to the site, not an error
]
START = time.monotonic()


def say(request, text):
    """A progress line, past pytest's capture."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"[system {time.monotonic() - START:5.0f} s] {text}", flush=True)


@pytest.fixture
def measured(request):
    """Notes what was measured for a row of the table that `make test` prints at its end."""
    def note(row, text):
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\nmeasured: {row}: {text}", flush=True)

    return note


def venv():
    """The users' environment that scripts/venv.sh made."""
    path = pathlib.Path(os.environ.get("HUBGATE_TEST_VENV", PROJECT / "run/venv"))
    if not (path / "bin/jupyter").exists():
        raise machines.Missing(f"tests/system needs JupyterLab in {path}: run scripts/venv.sh {path} jupyter/requirements.txt")
    return path


class Hub:
    """The running product."""

    def __init__(self, machine):
        self.machine = machine
        self.authority = machine.path("/etc/hubgate/tls/ca.crt").read_text()

    def browser(self):
        return Browser(self.machine, self.authority)

    def visitor(self, user):
        """A browser that has logged in."""
        browser = self.browser()
        answer = browser.login(user, PASSWORDS[user])
        assert answer.status == 302 and browser.logged_in, f"{user} cannot log in: {answer.status}\n{answer.words()[:800]}"
        return browser

    def stop_all(self):
        """No server runs and no server's socket listens; failures are forgotten."""
        self.machine.run("systemctl", "stop", "jupyter@*", "jupyter-named@*", check=False)
        self.machine.run("systemctl", "reset-failed", check=False)


def configure(machine):
    """What an administrator does after `make install`, by the words that it prints."""
    machine.run("systemd-sysusers")
    machine.run("systemd-tmpfiles", "--create")
    machine.run("systemctl", "daemon-reload")
    known = "".join(f"{user}:{password}\n" for user, password in PASSWORDS.items())
    machine.run("sh", "-euc", ACCOUNTS, stdin=known)
    machine.run("hubgate", "init", "--name", "localhost", "--name", "127.0.0.1", "--admin", "ada", stdin=PASSWORDS["ada"] + "\n")
    hub = machine.path("/etc/hubgate/hubgate.toml")
    hub.write_text("allow_all = true\n" + re.sub(r"(?m)^allow_all *=.*$", "", hub.read_text()))
    policy = machine.path("/etc/hubgate/spawner.toml")
    text = re.sub(r"(?m)^#? *idle_exit_s *=.*$", "", policy.read_text())
    policy.write_text("idle_exit_s = 3\n" + text)
    nginx = machine.path("/etc/nginx/nginx.conf")
    nginx.write_text("worker_rlimit_nofile 8192;\n" + re.sub(r"\bworker_connections\s+\d+;", "worker_connections 4096;", nginx.read_text()))
    machine.run("rm", "-f", "/etc/nginx/sites-enabled/default")
    machine.run("ln", "-s", "../hubgate/hubgate.conf", "/etc/nginx/conf.d/hubgate.conf")
    machine.run("nginx", "-t")
    machine.run("systemctl", "enable", "--now", "hubgate.socket", "hubgate-spawner.socket", "hubgate.service")
    machine.run("systemctl", "restart", "nginx")


@contextlib.contextmanager
def running(tell):
    """The booted machine with the product on it."""
    machines.check_host()
    layers = [machines.venv_layer(venv(), tell), machines.base_root(tell)]
    with machines.overlay(layers) as root:
        tell("make install")
        install(root)
        tell("booting")
        with machines.booted(root, machines.CACHE / "console.log") as machine:
            tell("accounts, hubgate init, nginx")
            configure(machine)
            tell("ready")
            yield machine
            journal = machine.out("journalctl", "--no-pager", "--output=short-precise", timeout=60)
            (machines.CACHE / "journal.log").write_text(journal)
            tell("switching the machine off; its journal is run/system/journal.log")


@pytest.fixture(scope="session")
def machine(request):
    """The machine. Without it no test can say anything, so the ring ends, and fails."""
    with contextlib.ExitStack() as stack:
        try:
            booted = stack.enter_context(running(lambda text: say(request, text)))
        except (machines.Missing, AssertionError, OSError, subprocess.SubprocessError) as problem:
            pytest.exit(f"tests/system cannot run: {problem}", returncode=1)
        yield booted


@pytest.fixture(scope="session")
def hub(machine):
    """The product, answering."""
    hub = Hub(machine)
    until("the login page answers", lambda: hub.browser().get("/hub/login").status == 200, 20)
    return hub


@pytest.fixture
def fresh(hub):
    """The product with no server running."""
    hub.stop_all()
    yield hub
    hub.stop_all()


def errors_since(machine, cursor):
    """Lines that nobody should have to read: errors, panics and complaints about our own units."""
    lines = machine.out("journalctl", "--no-pager", "--output=cat", "-p", "err", f"--after-cursor={cursor}").splitlines()
    ours = machine.out("journalctl", "--no-pager", "--output=cat", "-u", "hubgate*", f"--after-cursor={cursor}").splitlines()
    return lines + [line for line in ours if re.search(r"panicked|\bERROR\b|RUST_BACKTRACE", line)]


@pytest.fixture(autouse=True)
def quiet_journal(request, machine):
    """An unexpected error in the journal fails the test. `@pytest.mark.journal("regex")` names what a test provokes."""
    cursor = machine.now()
    yield
    expected = EXPECTED + [pattern for mark in request.node.iter_markers("journal") for pattern in mark.args]
    strange = [line for line in errors_since(machine, cursor) if line and not any(re.search(pattern, line) for pattern in expected)]
    assert not strange, "unexpected lines in the journal:\n" + "\n".join(strange[:20])
