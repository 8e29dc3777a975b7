"""What every test of this ring starts: processes that end with it, free ports, waiting with an end."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition, seconds=60, parts=None):
    """Waits for a condition; says what did not happen, and at once when a part has ended."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        if parts:
            parts.look_after()
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s\n{parts.logs() if parts else ''}"
        time.sleep(0.03)


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    return folder


class Parts:
    """Processes of one stack, ended last started first."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, command, **options):
        """Starts a part, with a log of its own."""
        log = self.folder / f"{name}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, **options)
        self.running.append((name, process))
        return process

    def look_after(self):
        """Fails when a part has ended by itself."""
        for name, process in self.running:
            assert process.poll() is None, f"{name} ended with {process.returncode}\n{self.logs()}"

    def logs(self):
        """The last words of all parts."""
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-3000:]}" for path in sorted(self.folder.rglob("*.log")))

    def end(self):
        """Ends them by their process ids."""
        for name, _ in reversed(self.running.copy()):
            self.end_one(name)

    def end_one(self, name):
        """Ends the last part of this name."""
        place = max(index for index, (each, _) in enumerate(self.running) if each == name)
        _, process = self.running.pop(place)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
