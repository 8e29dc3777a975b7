"""A Debian 12 with systemd as PID 1, in systemd-nspawn, on an overlay over a cached base."""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CACHE = PROJECT / "run" / "system"
SUITE = "bookworm"
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "libpam-modules", "libpam-runtime", "libnss-systemd",
    "passwd", "login", "nginx-light", "python3", "python3-venv", "iproute2", "procps", "openssl", "libssl3", "ca-certificates",
    "libpam-google-authenticator", "slapd", "ldap-utils", "libnss-ldapd", "libpam-ldapd",
]
# Of the directory service only the tests that need it make use: neither its daemons nor its PAM modules belong to the plain machine.
PREPARE = 'chroot "$1" sh -euc "pam-auth-update --package --remove ldap; systemctl disable slapd nslcd"'
# Manuals and translations make a third of the base and nobody reads them.
LEAVE_OUT = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*"]
NEEDED = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nsenter": "util-linux", "setpriv": "util-linux"}
CLEAN_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
CLONE_NEWNET = 0x40000000


class Missing(Exception):
    """This machine cannot run the ring; the text says what is missing."""


def check_host(needed=NEEDED):
    """Raises Missing with one line if the ring cannot run here."""
    if os.geteuid() != 0:
        raise Missing("this ring must run as root: it boots a machine")
    absent = sorted({package for tool, package in needed.items() if not shutil.which(tool)})
    if absent:
        raise Missing(f"this ring needs packages that are not installed: apt-get install {' '.join(absent)}")


def until(what, probe, deadline=30.0, every=0.05):
    """Asks `probe` until its answer is true and returns that; AssertionError at the deadline."""
    end = time.monotonic() + deadline
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what} (last answer: {answer!r})")
        time.sleep(every)


def base_root(say, cache=CACHE, variant="important", packages=PACKAGES, prepare=PREPARE, suite=SUITE):
    """The bare Debian, made once and kept under a key that its package list gives."""
    key = hashlib.sha256(repr((suite, variant, packages, LEAVE_OUT, prepare)).encode()).hexdigest()[:12]
    base = cache / f"base-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "base.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if base.is_dir():
            return base
        for old in cache.glob("base-*"):
            shutil.rmtree(old)
        say(f"mmdebstrap {suite} with {len(packages)} packages, about a minute; kept in {base.relative_to(PROJECT)}")
        partial = cache / f"base-{key}.partial"
        command = ["mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}"]
        command += ['--aptopt=APT::Install-Recommends "false"', *(f"--dpkgopt=path-exclude={path}" for path in LEAVE_OUT)]
        # A mirror that has stood still for a while is good enough for tests.
        command.append('--aptopt=Acquire::Check-Valid-Until "false"')
        command.append(f"--customize-hook={prepare}")
        subprocess.run([*command, suite, str(partial)], check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        partial.rename(base)
    return base


def venv_layer(venv, say):
    """A layer with the users' environment at /opt/hubgate/venv: hard links, but for scripts whose `#!` names another place."""
    stamp = f"{venv} {(venv / 'pyvenv.cfg').stat().st_mtime_ns} {(venv / 'bin').stat().st_mtime_ns}"
    layer = CACHE / f"venv-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    if layer.is_dir():
        return layer
    for old in CACHE.glob("venv-*"):
        shutil.rmtree(old)
    say("copying the JupyterLab environment into the machine")
    target = layer.with_suffix(".partial") / "opt/hubgate/venv"
    target.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", "--link", str(venv), str(target)], check=True)
    for script in (target / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            script.unlink()  # the link, not the original
            script.write_bytes(text.replace(str(venv).encode(), b"/opt/hubgate/venv"))
            script.chmod(0o755)
    (layer.with_suffix(".partial")).rename(layer)
    return layer


class Machine:
    """The booted machine: run things in it, connect to it, read its files."""

    def __init__(self, root, process, leader):
        self.root, self.process, self.leader = root, process, leader

    def path(self, inside):
        """A path of the machine as this process can open it, `/run` and `/tmp` included."""
        return pathlib.Path(f"/proc/{self.leader}/root{inside}")

    def run(self, *argv, user=None, group=None, stdin=None, check=True, timeout=90):
        """Runs a program in the machine, as root or as `user` without any session."""
        group = group or {"nobody": "nogroup"}.get(user, user)
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "--"] if user else []
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-p", "-n", "-C", "--"]
        done = subprocess.run([*enter, *become, *map(str, argv)], input=stdin, env=CLEAN_ENV, cwd="/", timeout=timeout,
                              capture_output=True, text=True, errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def out(self, *argv, **options):
        """What `run` printed, without the last newline."""
        return self.run(*argv, **options).stdout.rstrip("\n")

    def show(self, unit, *names):
        """Properties of a unit, by name."""
        text = self.out("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def pid_of(self, unit):
        """Main process of a unit in the machine's own numbers; 0 when there is none."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def kill(self, unit, how=signal.SIGKILL):
        """Sends a signal to a unit's main process; False when it has none."""
        pid = self.pid_of(unit)
        return pid != 0 and self.run("kill", f"-{int(how)}", pid, check=False).returncode == 0

    def journal(self, *options):
        """Journal lines as `short-precise` prints them."""
        return self.out("journalctl", "--no-pager", "--output=short-precise", *options)

    def now(self):
        """The journal's place at this moment, for `--after-cursor=`."""
        return self.out("journalctl", "-n", "1", "--show-cursor", "-o", "cat").rsplit("-- cursor: ", 1)[1]

    def connect(self, port, source=("127.0.0.1", 0), timeout=30.0):
        """A TCP connection from inside the machine's network. Only the thread that opens it ever enters that network."""
        result = []

        def inside():
            try:
                with open(f"/proc/{self.leader}/ns/net") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append(socket.create_connection(("127.0.0.1", port), timeout, source))
            except OSError as error:
                result.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    def unix(self, path, timeout=30.0):
        """A connection to a unix socket of the machine, as root."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(str(self.path(path)))
        return connection

    def write(self, inside, text, mode=0o644):
        """Puts a file into the running machine."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)


def leader_of(nspawn):
    """PID 1 of the machine, in this host's numbers: nspawn's child called systemd."""
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return int(child)
    return None


def install(root):
    """`make install` of the programs built for tests, below `root`."""
    command = ["make", "--no-print-directory", "-C", str(PROJECT), "install", f"DESTDIR={root}", "CARGO_PROFILE=dev", "NGINX_GROUP=www-data"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"


@contextlib.contextmanager
def overlay(layers, cache=CACHE):
    """A fresh writable root over `layers`, top first; gone afterwards."""
    work = cache / "session"
    root = work / "root"
    if os.path.ismount(root):  # of a run that was killed
        subprocess.run(["umount", "--lazy", str(root)], check=True)
    shutil.rmtree(work, ignore_errors=True)
    for name in ("root", "upper", "work"):
        (work / name).mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, layers))},upperdir={work}/upper,workdir={work}/work"
    subprocess.run(["mount", "-t", "overlay", "hubgate-test", "-o", options, str(root)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=False)
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def booted(root, log):
    """Boots `root` and powers it off afterwards. It dies with this process, however that ends."""
    (root / "etc/hostname").write_text("hubgate-test\n")
    (root / "etc/machine-id").write_text("")
    command = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", f"--directory={root}", "--boot", "--register=no",
               "--keep-unit", "--private-network", "--machine=hubgate-test", "--console=pipe", "--link-journal=no",
               "--resolv-conf=off", "--timezone=off"]
    with open(log, "wb") as console:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        leader = until("systemd-nspawn started a systemd", lambda: leader_of(process.pid) or process.poll(), 20)
        if process.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with {process.returncode}: {pathlib.Path(log).read_text()[-2000:]}")
        machine = Machine(root, process, leader)
        until("the machine's systemd answers",
              lambda: machine.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip() in ("running", "degraded"), 60)
        yield machine
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
