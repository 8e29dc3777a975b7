"""The parts that are measured: started by this file, ended by their process ids."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
GATEWAY_UID = 1999999


class Parts:
    """Processes of one measurement."""

    def __init__(self):
        self.running = []

    def start(self, command, log, **options):
        with open(log, "ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
        self.running.append(process)
        return process

    def end(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.running.clear()


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench: {what} did not happen in {seconds} s")
        time.sleep(0.02)


def connectable(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Browser:
    """One visitor: keeps cookies, follows nothing by itself."""

    def __init__(self, port):
        self.port, self.cookies = port, {}

    def send(self, method, path, body=None, headers=(), stream=False):
        connection = http.client.HTTPSConnection("localhost", self.port, context=ssl._create_unverified_context(), timeout=60)
        sent = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin",
                "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent.update(dict(headers))
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer if stream else (answer.status, answer.headers, answer.read().decode(errors="replace"))

    def log_in(self, name, password):
        from urllib.parse import urlencode

        status, _, page = self.send("GET", "/jupyterhub/hub/login")
        assert status == 200, (status, page)
        token = page.split('name="_xsrf" value="')[1].split('"')[0]
        form = urlencode({"_xsrf": token, "username": name, "password": password})
        status, headers, page = self.send("POST", "/jupyterhub/hub/login", body=form)
        assert status == 302, (status, page)
        return headers["Location"]


def write_nginx(path, text):
    path.write_text(text)
    return ["nginx", "-p", path.parent, "-c", path, "-e", path.parent / "error.log", "-g", "daemon off;"]


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    return folder


def config(folder, sockets, **other):
    """A hubgate.toml for a gateway of its own."""
    keys = {"listen": str(sockets / "gateway.sock"), "listen_group": "www-data", "state_dir": str(folder / "state"), "socket_dir": str(sockets / "servers"),
            "spawner_socket": str(sockets / "spawner.sock"), "authenticator": "file", "watch": "spawner", "ca_certificate": str(folder / "tls/ca.crt"), **other}
    state = folder / "state"
    state.mkdir(mode=0o700)
    file = folder / "hubgate.toml"
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    file.chmod(0o644)
    return file
