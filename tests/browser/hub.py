"""A hubgate started by `make run`, in a run folder and on a port of its own."""

import os
import queue
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST_START_LIMIT_S = 1500


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub:
    """One `make run`, from its start to its end."""

    def __init__(self, folder, port=None, **environment):
        self.folder, self.port = Path(folder), port or free_port()
        self.environment = {**os.environ, "RUN": str(folder), "PORT": str(self.port), **environment}
        self.printed = {}
        self.lines = []
        self.before = ()
        self.root = ROOT

    def start(self, *command):
        """Starts it and reads its four lines. `command` stands for `make run`."""
        command = command or ("make", "--no-print-directory", "run")
        began = time.monotonic()
        self.process = subprocess.Popen([*self.before, *command], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        end = began + FIRST_START_LIMIT_S
        while "config" not in self.printed:
            try:
                line = lines.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"make run printed no config: line in {FIRST_START_LIMIT_S} s:\n{self.output()}") from None
            if line is None:
                raise AssertionError(f"make run ended with {self.process.wait()}:\n{self.output()}")
            name, colon, value = line.partition(": ")
            if colon and name in ("url", "user", "password", "config"):
                self.printed[name] = value.strip()
        self.seconds = time.monotonic() - began
        return self

    def _read(self, lines):
        for line in self.process.stdout:
            self.lines.append(line)
            lines.put(line)
        lines.put(None)

    def output(self):
        """All that it printed."""
        return "".join(self.lines)

    def stop(self, how=signal.SIGTERM, limit_s=40):
        """Ends it; SIGINT goes to the whole foreground group, as Ctrl-C does."""
        if self.process.poll() is None:
            if how == signal.SIGINT:
                os.killpg(self.process.pid, how)
            else:
                self.process.send_signal(how)
        return self.process.wait(limit_s)

    def url(self, path=""):
        """An address of it."""
        return f"https://localhost:{self.port}/jupyterhub/{path}"

    def command(self, *words, text=""):
        """A `hubgate` command on the running instance, as its administrator types it."""
        environment = {**os.environ, "HUBGATE_CONFIG": self.printed["config"]}
        done = subprocess.run([*self.before, str(self.folder / "bin/hubgate"), *words], input=text, env=environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"hubgate {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def add_user(self, name, password):
        """A new user."""
        self.command("user", "add", name, "--password-stdin", text=f"{password}\n")

    def logs(self):
        """What its parts wrote, for a failure's report."""
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-4000:]}" for path in sorted(self.folder.glob("log/*.log")))


def processes_of(folder):
    """Command lines of processes that have to do with this run folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") if entry.name.isdigit() else ""
        except OSError:
            continue
        if str(folder) + "/" in words and "pytest" not in words:
            found.append(words)
    return found
