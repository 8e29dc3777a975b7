"""A Debian 12 in qemu under software emulation: a kernel of its own, so that what a cgroup is told is also enforced."""

import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from machine import PROJECT, base_root, install, overlay

CACHE = PROJECT / "run" / "limits"
GUEST = pathlib.Path(__file__).parent / "guest"
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "mount", "libpam-modules", "libpam-runtime", "libnss-systemd",
    "passwd", "login", "e2fsprogs", "python3", "openssl", "libssl3", "procps", "linux-image-cloud-amd64", "initramfs-tools",
]
# Nobody logs in at the console, and a file system that lives for minutes needs no upkeep.
PREPARE = 'systemctl --root="$1" mask getty.target e2scrub_reap.service e2scrub_all.timer fstrim.timer'
NEEDED = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs",
          "mkswap": "util-linux"}
MEMORY_MIB, CPUS, DISK_MIB, SWAP_MIB = 2048, 2, 2048, 512
KERNEL_LINE = "root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=no systemd.unified_cgroup_hierarchy=1"


class Machine:
    """The running machine, reached by one line to the agent in it."""

    def __init__(self, line, emulator):
        self.line, self.emulator, self.lock = line, emulator, threading.Lock()
        self.answers = line.makefile("rb")

    def hear(self, timeout):
        self.line.settimeout(timeout)
        return json.loads(self.answers.readline())

    def tell(self, op, **arguments):
        """Has the agent begin an operation, whether or not it will live to answer."""
        self.line.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")

    def do(self, op, **arguments):
        """One operation of the agent, which keeps to a `timeout` itself."""
        with self.lock:
            self.tell(op, **arguments)
            reply = self.hear(arguments.get("timeout", 30) + 30)
        assert "failed" not in reply, (op, arguments, reply["failed"])
        return reply

    def run(self, *argv, stdin=None, check=True, timeout=60):
        """Runs a program in the machine as root."""
        done = self.do("run", argv=list(map(str, argv)), stdin=stdin or "", timeout=timeout)
        if check and done["code"] != 0:
            raise AssertionError(f"{' '.join(map(str, argv))}: exit {done['code']}\n{done['out']}{done['err']}")
        return done

    def out(self, *argv, **options):
        """What `run` printed, without the last newline."""
        return self.run(*argv, **options)["out"].rstrip("\n")

    def read(self, path):
        """A file of the machine."""
        return self.do("read", path=path)["text"]

    def write(self, path, text, mode="0644"):
        """Puts a file into the running machine."""
        self.do("write", path=path, text=text, mode=mode)

    def show(self, unit, *names):
        """Properties of a unit, by name."""
        text = self.out("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def exchange(self, path, text, framed=False, timeout=30):
        """What a unix socket of the machine answers, and after how many seconds."""
        reply = self.do("exchange", path=path, text=text, framed=framed, timeout=timeout)
        return reply["answer"], reply["took"]

    @contextlib.contextmanager
    def kept_waiting(self, running=0.1, stopped=0.4):
        """As on a busy host: it gets so many seconds, then none for so many, over and over."""
        ended = threading.Event()

        def hold_up():
            while not ended.wait(running):
                self.emulator.send_signal(signal.SIGSTOP)
                time.sleep(stopped)
                self.emulator.send_signal(signal.SIGCONT)

        holding = threading.Thread(target=hold_up)
        holding.start()
        try:
            yield
        finally:
            ended.set()
            holding.join()


def image(root, file):
    """A disk with the tree `root` on it."""
    file.unlink(missing_ok=True)
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1"]
    subprocess.run(["mke2fs", *options, "-d", str(root), str(file), f"{DISK_MIB}M"], check=True, capture_output=True)


def swap(file):
    """A disk to swap to."""
    file.unlink(missing_ok=True)
    file.touch(0o600)
    subprocess.run(["truncate", f"--size={SWAP_MIB}M", str(file)], check=True)
    subprocess.run(["mkswap", str(file)], check=True, capture_output=True)


def furnish(root):
    """What the machine has beside Debian and the product: the agent, the servers' program, and a swap to escape to."""
    (root / "opt/limits").mkdir(parents=True)
    for name, mode in (("agent.py", 0o644), ("jupyter", 0o755)):
        shutil.copy(GUEST / name, root / "opt/limits" / name)
        (root / "opt/limits" / name).chmod(mode)
    shutil.copy(GUEST / "limits-agent.service", root / "etc/systemd/system/limits-agent.service")
    subprocess.run(["systemctl", f"--root={root}", "--quiet", "enable", "limits-agent.service"], check=True)
    (root / "etc/fstab").write_text("/dev/vdb none swap defaults 0 0\n")
    (root / "etc/hostname").write_text("hubgate-limits\n")


def only(folder, pattern):
    """The one file of that name."""
    found = list(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


def command(base, line):
    """qemu, which ends when this process does. Software emulation everywhere, so that figures of two hosts compare."""
    kernel, initrd = (str(only(base / "boot", name)) for name in ("vmlinuz-*", "initrd.img-*"))
    root, swapped = (f"file={CACHE}/{name}.img,if=virtio,format=raw,cache=unsafe" for name in ("root", "swap"))
    agent = ["-chardev", f"socket,id=agent,fd={line}", "-device", "virtserialport,chardev=agent,name=hubgate"]
    return ["setpriv", "--pdeathsig", "TERM", "qemu-system-x86_64", "-accel", "tcg,thread=multi",
            "-smp", str(CPUS), "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", kernel, "-initrd", initrd, "-append", KERNEL_LINE, "-serial", f"file:{CACHE}/console.log",
            "-drive", root, "-drive", swapped, "-device", "virtio-serial", *agent]


@contextlib.contextmanager
def process(base, line):
    """The emulator. It dies with this process, however that ends."""
    running = subprocess.Popen(command(base, line.fileno()), stdin=subprocess.DEVNULL, pass_fds=[line.fileno()],
                               start_new_session=True)
    line.close()
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(20)


def switch_off(machine, running):
    """As an administrator does it."""
    (CACHE / "journal.log").write_text(machine.out("journalctl", "--no-pager", "--output=short-monotonic"))
    machine.tell("run", argv=["systemctl", "poweroff", "--no-block"], stdin="", timeout=30)
    running.wait(60)


@contextlib.contextmanager
def booted(prepare, say):
    """The machine, with what `prepare` did to its root before it was booted."""
    base = base_root(say, CACHE, "essential", PACKAGES, PREPARE)
    with overlay([base], CACHE) as root:
        say("make install, configuration, disks")
        install(root)
        furnish(root)
        prepare(root)
        image(root, CACHE / "root.img")
    swap(CACHE / "swap.img")
    ours, theirs = socket.socketpair()
    say("booting")
    with ours, process(base, theirs) as running:
        machine = Machine(ours, running)
        assert machine.hear(120) == {"ready": True}
        state = machine.run("systemctl", "is-system-running", "--wait", check=False)["out"].strip()
        assert state == "running", f"{state}\n{machine.out('systemctl', '--no-pager', '--failed')}"
        yield machine
        switch_off(machine, running)
