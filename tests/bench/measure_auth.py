"""auth_request: our gateway against an nginx that answers 204, behind the same nginx configuration and before the same server."""

import base64
import hashlib
import http.client
import pathlib
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

from parts import GATEWAY_UID, PROJECT, Parts, config, connectable, cpu_seconds, family, fresh, pss_mib, until, write_nginx

sys.path.insert(0, str(PROJECT / "tests/nginx"))
from spawner import FakeSpawner  # noqa: E402

USERS, SESSIONS, WEBSOCKETS = 10_000, 1_000, 500
ROUNDS, SECONDS = 9, 4
PORTS = {"hubgate": 28081, "limit": 28082}

BACKEND = """
worker_processes 1; user www-data; pid {run}/nginx.pid; error_log {run}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen unix:{socket}; location / {{ {answer} }} }} }}
"""

ROTATE = """
local ids = {} ; for line in io.lines("%s") do ids[#ids + 1] = line end
local n = 0
request = function()
  n = n %% #ids + 1
  return wrk.format("GET", "/jupyterhub/user/" .. "u" .. (n - 1) .. "/x", {["Host"] = "localhost", ["Cookie"] = "hubgate-session=" .. ids[n], ["Sec-Fetch-Mode"] = "cors"})
end
"""


def session_id(number):
    return base64.urlsafe_b64encode(hashlib.sha256(f"bench {number}".encode()).digest()).rstrip(b"=").decode()


def seed(database):
    """10,000 users and 1,000 live sessions, written as the gateway stores them."""
    now = int(time.time())
    with sqlite3.connect(database) as db:
        db.execute("delete from sessions")
        db.executemany("insert into users (id, name, admin, created_s) values (?, ?, 0, ?)", ((n + 1, f"u{n}", now) for n in range(USERS)))
        ids = dict(db.execute("select name, id from users"))
        rows = ((hashlib.sha256(session_id(n).encode()).hexdigest(), ids[f"u{n}"], now, now + 86400, now) for n in range(SESSIONS))
        db.executemany("insert into sessions (hash, user_id, created_s, expires_s, last_seen_s) values (?, ?, ?, ?, ?)", rows)
        db.execute("update counters set value = value + 1 where name = 'rights'")


def front(name, work, gateway_socket, servers):
    """Our own nginx files, rendered; both sides differ in the socket of the gateway alone."""
    run = fresh(work / f"front-{name}")
    subprocess.run(["sh", PROJECT / "nginx/render.sh", "--out", run / "conf", "--standalone", run, "--plain-http", "--no-ipv6", "--api-port", "none", "--port", str(PORTS[name]),
                    "--http-port", "none", "--server-name", "localhost", "--gateway-socket", gateway_socket, "--server-sockets", servers,
                    "--share", PROJECT], check=True, stdout=subprocess.DEVNULL)
    main = run / "conf/nginx.conf"
    # One worker, so that with two cores nginx and whoever it asks have one each; no log on either side.
    text = re.sub(r"worker_processes\s+\S+;", "worker_processes 1;", main.read_text())
    main.write_text(text)
    for file in (run / "conf").rglob("*.conf"):
        file.write_text(re.sub(r"access_log\s+[^;]+;", "access_log off;", file.read_text()))
    return ["nginx", "-c", main, "-e", run / "error.log"]


def wrk(port, connections, script):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script, f"http://127.0.0.1:{port}/"],
                         capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, out
    return int(re.search(r"(\d+) requests in", out)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def check(port):
    """One request by hand, so that a mistake of this file shows its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/jupyterhub/user/u0/x", headers={"Host": "localhost", "Cookie": f"hubgate-session={session_id(0)}", "Sec-Fetch-Mode": "cors"})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (answer.status, answer.getheaders(), body)


def websockets(port):
    """Opens websockets of one session; returns them."""
    opened = []
    for _ in range(WEBSOCKETS):
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        one.sendall((f"GET /jupyterhub/user/u0/ws HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                     f"Cookie: hubgate-session={session_id(0)}\r\n\r\n").encode())
        answer = one.recv(4096)
        assert b" 101 " in answer, answer
        opened.append(one)
    return opened


def run(options, sockets):
    parts, work = Parts(), fresh(options.work / "auth")
    servers = sockets / "servers"
    servers.mkdir()
    file = config(work, sockets)
    subprocess.run(["chown", "-R", f"{GATEWAY_UID}:www-data", work / "state"], check=True)
    sockets.chmod(0o777)
    program = options.programs / "hubgate"
    gateway = ["setpriv", f"--reuid={GATEWAY_UID}", "--regid=www-data", "--clear-groups", program, "--config", file, "gateway"]
    spawner = FakeSpawner(sockets / "spawner.sock", [])
    subprocess.run(["chown", str(GATEWAY_UID), sockets / "spawner.sock"], check=True)
    try:
        idle = parts.start(gateway, work / "gateway.log")
        until("the start of the gateway", lambda: connectable(sockets / "gateway.sock"))
        time.sleep(2)
        idle_pss = pss_mib(idle.pid)
        parts.end()
        seed(work / "state/hubgate.sqlite")
        subprocess.run(["chown", "-R", f"{GATEWAY_UID}:www-data", work / "state"], check=True)
        for number in range(SESSIONS):
            spawner.phases[f"u{number}"] = "running"
        ours = parts.start(gateway, work / "gateway.log")
        backend = servers / "u0.sock"
        answer = 'add_header X-Hubgate-Upstream unix:%s; add_header X-Hubgate-User u0; add_header X-Hubgate-Owner u0; return 204;' % backend
        back = fresh(work / "backend")
        parts.start(write_nginx(back / "nginx.conf", BACKEND.format(run=back, socket=backend, answer='return 200 "ok";')), work / "nginx.log")
        until("the backend", lambda: connectable(backend))
        for number in range(1, SESSIONS):
            (servers / f"u{number}.sock").symlink_to(backend)
        lim = fresh(work / "limit")
        limit = parts.start(write_nginx(lim / "nginx.conf", BACKEND.format(run=lim, socket=sockets / "limit.sock", answer=answer)), work / "nginx.log")
        until("the gateway", lambda: connectable(sockets / "gateway.sock"))
        until("the limit", lambda: connectable(sockets / "limit.sock"))
        fronts = {name: parts.start(front(name, work, socket_of, servers), work / "nginx.log")
                  for name, socket_of in (("hubgate", sockets / "gateway.sock"), ("limit", sockets / "limit.sock"))}
        for port in PORTS.values():
            until("nginx", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        asked = {"hubgate": ours, "limit": limit}
        script = work / "rotate.lua"
        (work / "ids").write_text("\n".join(session_id(n) for n in range(SESSIONS)) + "\n")
        script.write_text(ROTATE % (work / "ids"))
        rows = []
        check(PORTS["hubgate"])
        for connections in (16, 64):
            rates, costs = {name: [] for name in PORTS}, {name: [] for name in PORTS}
            for _ in range(ROUNDS):
                for name, port in PORTS.items():
                    pids = family(fronts[name].pid) + family(asked[name].pid)
                    before = cpu_seconds(pids)
                    count, rate = wrk(port, connections, script)
                    rates[name].append(rate)
                    costs[name].append((cpu_seconds(pids) - before) / count * 1e6)
            rate = {name: statistics.median(all_rates) for name, all_rates in rates.items()}
            cost = {name: statistics.median(all_costs) for name, all_costs in costs.items()}
            quick, dear = rate["hubgate"] / rate["limit"], cost["hubgate"] / cost["limit"]
            rows.append((f"auth_request, c={connections}: requests/s", f"{rate['hubgate']:.0f}", f"{rate['limit']:.0f} (nginx `return 204`)", f"{quick:.2f}",
                         "≥ 0.85", "yes" if quick >= 0.85 else "NO"))
            rows.append((f"auth_request, c={connections}: CPU per request", f"{cost['hubgate']:.1f} µs", f"{cost['limit']:.1f} µs", f"{dear:.2f}", "≤ 1.2",
                         "yes" if dear <= 1.2 else "NO"))
        full_pss = pss_mib(ours.pid)
        (servers / "u0.sock").unlink()
        parts.start([options.programs / "examples/echo", servers / "u0.sock"], work / "echo.log")
        until("the echo server", lambda: connectable(servers / "u0.sock"))
        (servers / "u0.sock").chmod(0o666)
        opened = websockets(PORTS["hubgate"])
        open_pss = pss_mib(ours.pid)
        for one in opened:
            one.close()
        rows.append(("gateway idle: PSS", f"{idle_pss:.1f} MiB", "", "", "≤ 12 MiB", "yes" if idle_pss <= 12 else "NO"))
        rows.append((f"gateway, {USERS} users, {SESSIONS} sessions, after the load: PSS", f"{full_pss:.1f} MiB", "", "", "≤ 25 MiB", "yes" if full_pss <= 25 else "NO"))
        rows.append((f"… and {WEBSOCKETS} open websockets: PSS", f"{open_pss:.1f} MiB", f"{full_pss:.1f} MiB without", f"{open_pss / full_pss:.2f}", "≤ 25 MiB",
                     "yes" if open_pss <= 25 else "NO"))
    finally:
        parts.end()
        spawner.stop()
        for left in servers.iterdir():
            left.unlink()
        servers.rmdir()
    notes = [f"auth_request: nginx with hubgate's own files on both sides, one worker, no access log, {ROUNDS} rounds of {SECONDS} s in turn, medians; the sessions of "
             f"{SESSIONS} users in rotation. CPU is nginx in front plus whoever it asks."]
    return rows, notes
