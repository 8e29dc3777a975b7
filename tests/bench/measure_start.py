"""From click to the first 200 of a real JupyterLab, against the same JupyterLab started by hand."""

import json
import os
import socket
import statistics
import subprocess
import time
import http.client

from parts import PROJECT, Parts, fresh
from measured_stack import Stack

ROUNDS = 5
PASS = ("import os,sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def by_hand(options, work):
    """Seconds from fork to the first 200 of the lab page on an inherited socket."""
    home = fresh(work / "home")
    path = work / "hand.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    parts = Parts()
    environment = {"PATH": f"{options.venv}/bin:/usr/bin:/bin", "HOME": str(home), "HUBGATE_INSTANCE": "hand", "HUBGATE_BASE_URL": "/jupyterhub"}
    start = time.monotonic()
    command = ["/usr/bin/python3", "-ISc", PASS, listener.fileno(), options.venv / "bin/jupyter", "lab", "--allow-root",
               f"--config={PROJECT}/jupyter/hubgate_server.py"]
    parts.start(command, work / "hand.log", env=environment, cwd=home, pass_fds=[listener.fileno()])
    try:
        connection = UnixConnection(path)
        connection.request("GET", "/jupyterhub/user/hand/lab", headers={"X-Hubgate-User": "hand"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        return time.monotonic() - start
    finally:
        parts.end()
        listener.close()


def by_click(stack, name):
    """Seconds from the click on Start, by way of the progress stream, to the first 200 of the lab page; and to the first event."""
    browser = stack.browser()
    browser.log_in(name, "correct horse")
    start = time.monotonic()
    status, headers, _ = browser.send("GET", f"/jupyterhub/hub/spawn/{name}")
    assert status == 302, status
    _, _, page = browser.send("GET", headers["Location"])
    token = page.split('data-xsrf="')[1].split('"')[0]
    asked = time.monotonic()
    stream = browser.send("GET", f"/jupyterhub/hub/api/users/{name}/server/progress", headers={"X-XSRFToken": token, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, stream=True)
    first = None
    while line := stream.readline():
        if line.startswith(b"data: "):
            first = first or time.monotonic() - asked
            event = json.loads(line[6:])
            assert not event.get("failed"), event
            if event.get("ready"):
                break
    status, _, _ = browser.send("GET", f"/jupyterhub/user/{name}/lab")
    assert status == 200, status
    return time.monotonic() - start, first


def run(options, sockets):
    work = fresh(options.work / "start")
    hands, clicks, firsts = [], [], []
    with Stack(options, sockets) as stack:
        names = [f"u{number}" for number in range(ROUNDS + 1)]
        for name in names:
            stack.add_user(name, "correct horse")
        by_hand(options, work)
        by_click(stack, names[0])
        stack.stop(names[0])
        for name in names[1:]:
            hands.append(by_hand(options, work))
            whole, first = by_click(stack, name)
            clicks.append(whole)
            firsts.append(first * 1000)
            stack.stop(name)
    hand, click, first = statistics.median(hands), statistics.median(clicks), statistics.median(firsts)
    rows = [("click to the first 200 of JupyterLab", f"{click:.2f} s", f"{hand:.2f} s (by hand)", f"{click / hand:.2f}", "≤ 0.3 s more", "yes" if click - hand <= 0.3 else "NO"),
            ("first event of the progress page through nginx", f"{first:.0f} ms", "", "", "< 300 ms", "yes" if max(firsts) < 300 else "NO")]
    return rows, [f"Start: {ROUNDS} rounds in turn after one to warm up, medians; process engine, a new home for each start on both sides."]
