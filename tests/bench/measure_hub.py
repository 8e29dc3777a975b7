"""hubgate beside a real JupyterHub: token check, first page of many users, start-up, and a storm of starts."""

import concurrent.futures
import contextlib
import datetime
import json
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hub"))

import world
from ask import Visitor
from oracle import JupyterHub
from product import Hubgate

USERS, STORM, CONNECTIONS, SECONDS, ROUNDS = 10_000, 100, 16, 6, 3
PAGES, STARTS = 21, 5
PAGINATION = {"Accept": "application/jupyterhub-pagination+json"}
# As both are by default, where the tests have smaller numbers.
DEFAULTS = {"api_page_default_limit": 50, "api_page_max_limit": 200, "slow_spawn_timeout": 10, "slow_stop_timeout": 10}


def boss(hub):
    """The visitor with all rights."""
    return Visitor(hub, world.SERVICES["boss"]["api_token"])


def token_rate(hub, token):
    """Requests a second of `GET /hub/api/user`; all must be answered 200."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Authorization: token {token}", f"{hub.direct}{hub.base}/hub/api/user"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told and "Socket errors" not in told, told
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1))


def page_ms(hub):
    """Milliseconds of the first page of users, median."""
    taken = []
    for _ in range(PAGES):
        began = time.monotonic()
        answer = boss(hub).send("GET", f"{hub.base}/hub/api/users", None, PAGINATION, api=True)
        taken.append((time.monotonic() - began) * 1000)
        assert len(answer.json()["items"]) == 50 and answer.json()["_pagination"]["total"] > USERS, answer.body[:300]
    return statistics.median(taken)


def storm_s(hub, names):
    """Seconds from the first of many requests to start a server until every one of them is ready."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: boss(hub).send("POST", f"{hub.base}/hub/api/users/{name}/server", timeout=300, api=True), names))
    assert all(answer.status in (201, 202) for answer in answers), {answer.status: answer.body for answer in answers}
    while True:
        ready = boss(hub).send("GET", f"{hub.base}/hub/api/users?state=ready&limit=200", timeout=60, api=True).json()
        if len(ready) == len(names):
            return time.monotonic() - began
        assert time.monotonic() - began < 300, len(ready)
        time.sleep(0.02)


def measured(hub, names, storm):
    """All figures of one running hub but its start."""
    hub.fill(names)
    # What a server or service asks with: the token that its visitor got by OAuth tells the name and the groups.
    asked = json.dumps({"scopes": ["read:users:name!user", "read:users:groups!user", "access:servers!user"]})
    answer = boss(hub).send("POST", f"{hub.base}/hub/api/users/admin/tokens", asked, api=True)
    token = answer.json()["token"]
    rate = statistics.median(token_rate(hub, token) for _ in range(ROUNDS))
    return {"rate": rate, "page": page_ms(hub), "storm": storm_s(hub, storm), "start": statistics.median(hub.restart() for _ in range(STARTS))}


class Peer(JupyterHub):
    """JupyterHub, asked at its own port, as its servers and services ask it."""

    def __enter__(self):
        super().__enter__()
        self.api_address = self.direct = f"http://127.0.0.1:{self.hub_port}"
        return self

    def fill(self, names):
        """Makes users in the database: by the API it takes six minutes."""
        self.parts.end()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        with contextlib.closing(sqlite3.connect(self.work / "jupyterhub.sqlite")) as database, database:
            database.executemany("INSERT INTO users (name, admin, created, cookie_id) VALUES (?, 0, ?, ?)", ((name, now, uuid.uuid4().hex) for name in names))
            database.execute("INSERT INTO user_role_map (user_id, role_id, managed_by_auth) SELECT users.id, roles.id, 0 FROM users, roles "
                             "WHERE roles.name = 'user' AND users.id NOT IN (SELECT user_id FROM user_role_map WHERE role_id = roles.id)")
        self.launch()

    def restart(self):
        """Seconds from exec to the first answer, with all its users."""
        self.parts.end()
        began = time.monotonic()
        self.launch()
        return time.monotonic() - began


class Ours(Hubgate):
    """hubgate, asked at the listener that its servers and services ask."""

    def __enter__(self):
        super().__enter__()
        self.direct = self.api_address
        return self

    def fill(self, names):
        """Makes users through the API."""
        for start in range(0, len(names), 500):
            answer = boss(self).send("POST", f"{self.base}/hub/api/users", json.dumps({"usernames": names[start:start + 500]}), timeout=600, api=True)
            assert answer.status == 201, (answer.status, answer.body[:500])

    def restart(self):
        """Seconds from exec of the gateway to the first answer, with all its users."""
        self.parts.end_one("gateway")
        began = time.monotonic()
        self.start_gateway()
        return time.monotonic() - began


def run(options, _sockets):
    """Rows and notes for bench/RESULTS.md."""
    names, storm = [f"many{number:05d}" for number in range(USERS)], [f"many{number:05d}" for number in range(STORM)]
    extra = "\n".join(["c.JupyterHub.concurrent_spawn_limit = 100", "c.Authenticator.allow_all = True", "c.Spawner.http_timeout = 60"])
    with Peer(options.work / "jupyterhub", options.hub_venv, options.proxy, settings=DEFAULTS, extra=extra) as hub:
        theirs = measured(hub, names, storm)
    with Ours(options.work / "hub", options.programs, settings=DEFAULTS) as hub:
        ours = measured(hub, names, storm)
    rate, page, storm_ratio = ours["rate"] / theirs["rate"], theirs["page"] / ours["page"], ours["storm"] / theirs["storm"]
    rows = [
        (f"`GET /hub/api/user` with a token, c={CONNECTIONS}: requests/s", f"{ours['rate']:.0f}", f"{theirs['rate']:.0f} (JupyterHub 6.1.1)", f"{rate:.1f}", "≥ 20",
         "yes" if rate >= 20 else "NO"),
        (f"first page of {USERS} users", f"{ours['page']:.1f} ms", f"{theirs['page']:.1f} ms (JupyterHub 6.1.1)", f"{page:.1f} times as fast", "≥ 10",
         "yes" if page >= 10 else "NO"),
        (f"start-up with {USERS} users", f"{ours['start']:.2f} s", f"{theirs['start']:.2f} s (JupyterHub 6.1.1)", "", "< 0.2 s", "yes" if ours["start"] < 0.2 else "NO"),
        (f"{STORM} starts of a tiny server at once, until all are ready", f"{ours['storm']:.2f} s", f"{theirs['storm']:.2f} s (JupyterHub 6.1.1)", f"{storm_ratio:.2f}",
         "≤ 0.33", "yes" if storm_ratio <= 1 / 3 else "NO"),
    ]
    notes = [f"Beside JupyterHub: each alone on the machine, the same requests by the same client to the address that servers and services ask (hubgate: nginx's loopback "
             f"listener; JupyterHub: its own port, without its proxy). Rates are medians of {ROUNDS} rounds of {SECONDS} s, pages of {PAGES}, start-ups of {STARTS} from exec to "
             f"the first answer; the tiny server is tests/hub/tiny_server.py with Debian's Python on both sides."]
    return rows, notes
