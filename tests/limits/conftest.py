"""One emulated machine for the whole ring, with the product in it by `make install`, and servers by its spawner."""

import contextlib
import subprocess
import time

import pytest

import vm
from hub import Hub, USERS
from machine import Missing, check_host, until

CLOSING = pytest.StashKey()
START = time.monotonic()
# What the disk is said to do a second, far below what it does, so that io.cost has something to share out.
MODEL = "ctrl=user model=linear rbps=8388608 rseqiops=256 rrandiops=256 wbps=8388608 wseqiops=256 wrandiops=256"
COST = "/sys/fs/cgroup/io.cost"


def say(request, text):
    """A line past pytest's capture."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(text, flush=True)


def in_root(root, *argv, stdin=""):
    """A program of the machine's, run before the machine is: that is much faster."""
    done = subprocess.run(["chroot", str(root), *argv], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}"


def configure(root):
    """What an administrator does after `make install`; `server.env` says that servers run the ring's own program."""
    in_root(root, "systemd-sysusers")
    for user in USERS:
        in_root(root, "useradd", "--create-home", user)
    in_root(root, "chpasswd", stdin="".join(f"{user}:{password}\n" for user, password in USERS.items()))
    in_root(root, "hubgate", "init", "--name", "localhost", "--admin", "ada", "--allow-all", stdin=USERS["ada"] + "\n")
    (root / "etc/hubgate/server.env").write_text("HUBGATE_JUPYTER=/opt/limits/jupyter\n")
    sockets = ["hubgate.socket", "hubgate-spawner.socket", "hubgate-accounts.socket"]
    in_root(root, "systemctl", "enable", *sockets, "hubgate.service")


@pytest.fixture(scope="session")
def machine(request):
    """The machine. Without it no test can say anything, so the ring ends, and fails."""
    def tell(text):
        say(request, f"[limits {time.monotonic() - START:5.0f} s] {text}")
    with contextlib.ExitStack() as stack:
        try:
            check_host(vm.NEEDED)
            booted = stack.enter_context(vm.booted(configure, tell))
        except (Missing, AssertionError, OSError, subprocess.SubprocessError) as problem:
            pytest.exit(f"tests/limits cannot run: {problem}", returncode=1)
        tell("ready")
        yield booted
        tell("switching the machine off; its journal is run/limits/journal.log")


@pytest.fixture(scope="session")
def hub(machine):
    """The product, answering."""
    running = Hub(machine)
    until("the gateway answers", lambda: running.get("/hub/health")[0] == 200, 30)
    return running


@pytest.fixture
def start(hub):
    """Starts a user's server, `start("alice", memory_max=…)`; all have ended afterwards."""
    started = []

    def one(user, manner=None, **limits):
        server = hub.server(user)
        started.append(server)
        server.start(limits, manner or {})
        return server

    yield one
    for server in started:
        server.stop()


@pytest.fixture
def disk(hub):
    """The number of the disk, which the kernel weighs while the test runs."""
    number = hub.machine.read("/sys/block/vda/dev").strip()
    hub.machine.write(f"{COST}.model", f"{number} {MODEL}")
    hub.machine.write(f"{COST}.qos", f"{number} enable=1 ctrl=user rpct=0.00 wpct=0.00 min=100.00 max=100.00")
    yield number
    hub.machine.write(f"{COST}.qos", f"{number} enable=0")


@pytest.fixture
def measured(request):
    """Tells a figure: at once, and in the table at the end."""
    def tell(row, numbers):
        request.config.stash.setdefault(CLOSING, []).append((row, numbers))
        say(request, f"\nmeasured: {row}: {numbers}")
    return tell


def pytest_terminal_summary(terminalreporter, config):
    """The table of all figures."""
    rows = config.stash.get(CLOSING, [])
    if rows:
        terminalreporter.section("measured under software emulation")
        width = max(len(row) for row, _ in rows)
        for row, numbers in rows:
            terminalreporter.write_line(f"{row:{width}} | {numbers}")
