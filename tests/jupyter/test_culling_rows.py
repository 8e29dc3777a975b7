"""What real servers say of themselves, in every situation in which culling has to be right: reports.txt has what they must say, and
the ring `api` reads the same lines and judges them by a clock that is set forward."""

import contextlib
import json
import os
import select
import signal
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from server import CONFIG, Server
from test_server import run_cell

# The server's own configuration, with three reports a second instead of one every half minute.
OFTEN = f"""
import importlib.util, sys
if "hubgate_server" not in sys.modules:
    spec = importlib.util.spec_from_file_location("hubgate_server", {str(CONFIG)!r})
    sys.modules["hubgate_server"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.REPORT_EVERY_S = 0.3
sys.modules["hubgate_server"].main(get_config())
"""
SEEN_WITHIN_S = 60
# How long it is watched that polls are no use, and what processes use.
WATCHED_S = 2
# Of a core: what src/gateway/state/culling.rs calls computing.
MUCH = 0.10
FAR = 86400


def rows():
    """The lines of reports.txt: situation, what culling makes of it, CPU, fields of the report."""
    lines = Path(__file__).with_name("reports.txt").read_text().splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            situation, verdict, cpu, report = line.split(" | ")
            yield situation, (verdict, cpu, dict(field.split("=") for field in report.split()))


ROWS = dict(rows())
# What jupyter_server 1 may see in another way.
OLDEST = ("a cell that sleeps while a panel asked for the kernel's memory", "a program in a terminal that waits for a device", "a prompt",
          "a tab of JupyterLab that is minimised", "a panel that asks for the kernel's memory", "a kernel that died in a busy cell",
          "a key is pressed in a terminal")
SITUATIONS = {}


def situation(name):
    """Notes the function that brings a situation about. It yields when that holds: what goes on meanwhile, and pids of jobs."""
    def note(function):
        SITUATIONS[name] = contextlib.contextmanager(function)
        return function

    return note


@contextlib.contextmanager
def reporting(program):
    """A server of alice that reports often."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder:
        often = Path(folder, "often.py")
        often.write_text(OFTEN)
        with Server(Path(folder, "s"), command=("server",), config=often, program=[program]) as server:
            server.oldest = False
            yield server.ready()


@pytest.fixture(scope="module")
def newest():
    """A server of the newest Jupyter."""
    with reporting(os.environ["HUBGATE_TEST_JUPYTER"]) as server:
        yield server


@pytest.fixture(scope="module")
def oldest():
    """A server of the oldest."""
    with reporting(os.environ["HUBGATE_TEST_JUPYTER3"]) as server:
        server.oldest = True
        yield server


@pytest.mark.parametrize("row", ROWS)
def test_a_server_says_what_was_recorded_of_it(newest, row):
    is_said(newest, row)


@pytest.mark.parametrize("row", OLDEST)
def test_the_oldest_jupyter_says_so_too(oldest, row):
    is_said(oldest, row)


def is_said(server, row):
    """Brings a situation about, and compares what the server says with the line of reports.txt."""
    _, cpu, wanted = ROWS[row]
    counts = {name: int(number) for name, number in wanted.items() if name != "last"}
    with SITUATIONS[row](server) as (goes_on, jobs):
        next_report(server, **counts)
        wait_for_the_next_second()
        began, used = int(time.time()), cpu_seconds(server.process.pid, *jobs)
        act(row, goes_on)
        spent = cpu_seconds(server.process.pid, *jobs) - used
        if wanted["last"] == "now":
            server.status(limit_s=SEEN_WITHIN_S, last=lambda last: last >= began)
        said = next_report(server)
        assert {name: said[name] for name in counts} == counts
        assert (said["last"] >= began) == (wanted["last"] == "now")
    assert ("much" if spent / WATCHED_S >= MUCH else "little") == cpu, f"{spent:.2f} s of CPU in {WATCHED_S} s"


def act(row, goes_on):
    """What goes on in the situation: an act, or a round of polls in less time than pages take. CPU is measured meanwhile."""
    _, cpu, wanted = ROWS[row]
    end = time.monotonic() + WATCHED_S
    goes_on()
    if cpu == "much" or wanted["last"] == "before":
        time.sleep(max(0.0, end - time.monotonic()))


def test_every_line_of_reports_txt_is_tried():
    assert list(ROWS) == list(SITUATIONS)


def next_report(server, **counts):
    """The next report from now on, or the next that has these counts."""
    while select.select([server.notify], [], [], 0)[0]:
        server.notify.recv(4096)
    return server.status(limit_s=SEEN_WITHIN_S, **counts)


def wait_for_the_next_second():
    """`last` has whole seconds."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.02)


def cpu_seconds(*pids):
    """CPU time of these processes and all that descend from them, with children that have ended."""
    left, seen, ticks = list(pids), set(), 0
    while left:
        pid = left.pop()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if pid in seen:
                continue
            seen.add(pid)
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
            for task in os.listdir(f"/proc/{pid}/task"):
                left += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return ticks / os.sysconf("SC_CLK_TCK")


def until(what, true):
    """Waits until something is true."""
    end = time.monotonic() + SEEN_WITHIN_S
    while not true():
        assert time.monotonic() < end, f"{what}: not in {SEEN_WITHIN_S} s"
        time.sleep(0.05)


def nothing():
    """Nothing goes on."""


@contextlib.contextmanager
def kernel(server):
    """A kernel that is idle, and its websocket."""
    kernel_id = server.change("api/kernels").json()["id"]
    try:
        with server.websocket(f"api/kernels/{kernel_id}/channels") as socket:
            run_cell(socket, "pass")
            yield kernel_id, socket
    finally:
        server.change(f"api/kernels/{kernel_id}", "DELETE")


def send(socket, message_type, content, channel="shell", **header):
    """Sends a message to a kernel and does not wait for the answer; returns its id."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": message_type, "username": "", "session": uuid.uuid4().hex, "version": "5.3", "date": "", **header}
    socket.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "channel": channel, "buffers": [], "content": content}))
    return header["msg_id"]


def answered(socket, message_id, is_answer):
    """Waits for a message about this one."""
    end = time.monotonic() + SEEN_WITHIN_S
    while time.monotonic() < end:
        message = json.loads(socket.recv(timeout=SEEN_WITHIN_S))
        if message["parent_header"].get("msg_id") == message_id and is_answer(message):
            return message
    raise AssertionError("no answer")


def idle(message):
    """Whether a kernel says that it is done with a message."""
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def send_cell(socket, code):
    """Has a cell run, and waits until it has begun."""
    sent = send(socket, "execute_request", {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False})
    answered(socket, sent, lambda message: message["msg_type"] == "execute_input")


@contextlib.contextmanager
def cell(server, code, meanwhile=lambda socket: None):
    """A cell that runs, and nobody who looks on: whoever did `meanwhile` is gone."""
    kernel_id = server.change("api/kernels").json()["id"]
    try:
        with server.websocket(f"api/kernels/{kernel_id}/channels") as socket:
            run_cell(socket, "import os, subprocess, threading, time\nfrom ipykernel.comm import Comm\n"
                             "get_ipython().kernel.comm_manager.register_target('widget', lambda comm, message: None)")
            send_cell(socket, code)
            meanwhile(socket)
        yield nothing, ()
    finally:
        server.change(f"api/kernels/{kernel_id}", "DELETE")


@contextlib.contextmanager
def terminal(server, *typed, prompt=True):
    """A terminal into which this was typed, line by line, and nobody who looks on. Where each line leads to a prompt it is waited for."""
    name = server.change("api/terminals").json()["name"]
    try:
        with server.websocket(f"terminals/websocket/{name}") as socket:
            # The sum is in the answer alone, and the lines before were read by then.
            for line in ("PS1='> '", *typed):
                socket.send(json.dumps(["stdin", f"{line}\r"]))
            if prompt:
                socket.send(json.dumps(["stdin", "echo '<'$((6*7))'>'\r"]))
                printed = ""
                while "<42>" not in printed:
                    message = json.loads(socket.recv(timeout=SEEN_WITHIN_S))
                    printed += message[1] if message[0] == "stdout" else ""
        yield name
    finally:
        server.change(f"api/terminals/{name}", "DELETE")


@contextlib.contextmanager
def job(server, line, prompt=False, before=(), then=None):
    """A terminal in which a line makes a job run, whose pid it writes into `pid`; the job is ended with the terminal."""
    written = server.home / "pid"
    written.unlink(missing_ok=True)
    pid = None
    try:
        with terminal(server, *before, line, prompt=prompt) as name:
            until("the job runs", lambda: written.exists() and written.read_text().endswith("\n"))
            pid = int(written.read_text())
            if then:
                with server.websocket(f"terminals/websocket/{name}") as socket:
                    socket.send(json.dumps(["stdin", then]))
            yield nothing, (pid,)
    finally:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@situation("a cell that sleeps")
def _(server):
    with cell(server, f"time.sleep({FAR})") as holds:
        yield holds


@situation("a cell that loops in silence")
def _(server):
    with cell(server, "while True: pass") as holds:
        yield holds


@situation("a cell whose program waits for a device")
def _(server):
    with cell(server, f"subprocess.run(['sleep', '{FAR}'])") as holds:
        yield holds


@situation("a cell that sleeps while a panel asked for the kernel's memory")
def _(server):
    with cell(server, f"time.sleep({FAR})", ask_for_memory) as holds:
        yield holds


def ask_for_memory(socket):
    """What jupyter-resource-usage's panel does every few seconds; the kernel answers beside the cell that runs."""
    answered(socket, send(socket, "usage_request", {}, "control"), idle)


@situation("a cell that sleeps while a widget was moved")
def _(server):
    def move_widget(socket):
        # The page has subshells for its widgets.
        asked = send(socket, "create_subshell_request", {}, "control")
        reply = answered(socket, asked, lambda message: message["msg_type"] == "create_subshell_reply")
        opened = send(socket, "comm_open", {"comm_id": "1", "target_name": "widget", "data": {}}, subshell_id=reply["content"]["subshell_id"])
        answered(socket, opened, idle)

    with cell(server, f"time.sleep({FAR})", move_widget) as holds:
        yield holds


@situation("a thread of an idle kernel that computes")
def _(server):
    with kernel(server) as (_, socket):
        run_cell(socket, "import threading\ndef compute():\n    while True: pass\nthreading.Thread(target=compute, daemon=True).start()")
        socket.close()
        yield nothing, ()


@situation("a compile in a terminal")
def _(server):
    (server.home / "long.c").write_text("int add(int a) { return a + 1; }\n")
    (server.home / "Makefile").write_text("all:\n\t@echo $$PPID >pid; while :; do cc -O2 -c long.c -o long.o; done\n")
    with job(server, "make -s") as holds:
        yield holds


@situation("a program in a terminal that waits for a device")
def _(server):
    with job(server, f"sh -c 'echo $$ >pid; exec sleep {FAR}'") as holds:
        yield holds


@situation("a program in a shell within a shell")
def _(server):
    with job(server, f"sh -c 'echo $$ >pid; exec sleep {FAR}'", before=["bash --norc"]) as holds:
        yield holds


@situation("a job behind a prompt")
def _(server):
    with job(server, f"nohup sh -c 'echo $$ >pid; exec sleep {FAR}' >log 2>&1 &", prompt=True) as holds:
        yield holds


@situation("a loop of the shell itself")
def _(server):
    with job(server, "echo $$ >pid; while :; do :; done") as holds:
        yield holds


@situation("a job that left its terminal and computes")
def _(server):
    with job(server, "setsid -f sh -c 'echo $$ >pid; while :; do :; done'", prompt=True) as holds:
        yield holds


@situation("nothing at all")
def _(server):
    yield nothing, ()


@situation("an idle kernel")
def _(server):
    with kernel(server) as (_, socket):
        socket.close()
        yield nothing, ()


@situation("a prompt")
def _(server):
    with terminal(server):
        yield nothing, ()


@situation("a prompt within a shell")
def _(server):
    with terminal(server, "bash --norc"):
        yield nothing, ()


@situation("a prompt of Python")
def _(server):
    with job(server, """python3 -qic 'import os; open("pid", "w").write("%d\\n" % os.getpid())'""") as holds:
        yield holds


@situation("a pager")
def _(server):
    (server.home / "long").write_text("line\n" * 1000)
    with job(server, "sh -c 'echo $$ >pid; exec more long'") as holds:
        yield holds


@situation("a program that was stopped by its keys")
def _(server):
    with job(server, f"sh -c 'echo $$ >pid; exec sleep {FAR}'", then="\x1a") as (goes_on, jobs):
        until("it is stopped", lambda: Path(f"/proc/{jobs[0]}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        yield goes_on, jobs


@situation("a tab of JupyterLab that is minimised")
def _(server):
    with kernel(server) as (kernel_id, _), terminal(server) as name, (contextlib.nullcontext() if server.oldest else server.websocket("api/events/subscribe")), \
            server.websocket(f"terminals/websocket/{name}") as shown:
        def poll():
            for path in ("kernels", f"kernels/{kernel_id}", "sessions", "terminals", "contents", "me"):
                assert server.ask(f"api/{path}").status in (200, 404), path
            assert shown.ping().wait(SEEN_WITHIN_S)

        yield poll, ()


@situation("a panel that asks for the kernel's memory")
def _(server):
    with kernel(server) as (_, socket):
        yield lambda: ask_for_memory(socket), ()


@situation("an application that polls")
def _(server):
    def poll():
        for path in ("api/status", "metrics", "proxy/8787/events/get_events"):
            assert server.ask(path).status in (200, 404), path

    yield poll, ()


def comes_to_rest(server):
    """Waits until a kernel that has begun anew was heard of, and nothing more is."""
    server.status(limit_s=SEEN_WITHIN_S, busy=0, last=lambda last: last < time.time() - 2)


@situation("a kernel that was started anew in a busy cell")
def _(server):
    with kernel(server) as (kernel_id, socket):
        send_cell(socket, f"import time; time.sleep({FAR})")
        socket.close()
        assert server.change(f"api/kernels/{kernel_id}/restart").status == 200
        comes_to_rest(server)
        yield nothing, ()


@situation("a kernel that died in a busy cell")
def _(server):
    with kernel(server) as (_, socket):
        pid = int(run_cell(socket, "import os; print(os.getpid())"))
        send_cell(socket, f"import time; time.sleep({FAR})")
        socket.close()
        os.kill(pid, signal.SIGKILL)
        comes_to_rest(server)
        yield nothing, ()


@situation("a job that left its terminal and waits for a device")
def _(server):
    with job(server, f"setsid -f sh -c 'echo $$ >pid; exec sleep {FAR}'", prompt=True) as holds:
        yield holds


@situation("a file is saved")
def _(server):
    yield lambda: server.change("api/contents/note.txt", "PUT", {"type": "file", "format": "text", "content": "much"}), ()


@situation("a cell is run")
def _(server):
    with kernel(server) as (_, socket):
        yield lambda: run_cell(socket, "pass"), ()


@situation("a key is pressed in a terminal")
def _(server):
    with terminal(server) as name, server.websocket(f"terminals/websocket/{name}") as socket:
        yield lambda: socket.send(json.dumps(["stdin", "x"])), ()
