"""The product in the machine: its gateway, its spawner and the servers that it starts."""

import json
import time

from machine import until

USERS = {user: f"{user}'s long word" for user in ("ada", "alice", "bob", "carol", "dave")}
GATEWAY = "/run/hubgate/gateway.sock"
SPAWNER = "/run/hubgate/spawner.sock"
CGROUP = "/sys/fs/cgroup"
MIB = 1 << 20


class Hub:
    """Gateway and spawner."""

    def __init__(self, machine):
        self.machine, self.tickets = machine, {}

    def get(self, path):
        """A request to the gateway, as nginx makes it: status and seconds."""
        answer, took = self.machine.exchange(GATEWAY, f"GET /jupyterhub{path} HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return int(answer.split(" ", 2)[1]) if answer else 0, took

    def ask(self, op, **fields):
        """A request to the spawner: its answer and seconds."""
        reply, took = self.try_to(op, **fields)
        assert reply["reply"] != "error", reply
        return reply, took

    def try_to(self, op, **fields):
        """The same for what may be refused."""
        answer, took = self.machine.exchange(SPAWNER, json.dumps({"op": op, **fields}), framed=True)
        return json.loads(answer), took

    def login(self, user):
        """A login by PAM: its outcome and seconds."""
        reply, took = self.ask("authenticate", user=user, password=USERS[user], rhost="10.7.7.7")
        assert reply["outcome"]["outcome"] == "accepted", reply
        return reply["outcome"], took

    def ticket(self, user):
        """What a login gives, for starts."""
        if user not in self.tickets:
            self.tickets[user] = self.login(user)[0]["ticket"]
        return self.tickets[user]

    def server(self, user):
        return Server(self, user)


class Server:
    """The server of a user."""

    def __init__(self, hub, user):
        self.hub, self.machine, self.user = hub, hub.machine, user
        self.unit = f"jupyter@{user}.service"
        self.folder = f"{CGROUP}/jupyter.slice/{self.unit}"

    def start(self, limits, manner):
        """Starts it by the spawner with these limits."""
        self.hub.ask("start", user=self.user, ticket=self.hub.ticket(self.user), limits=limits, manner=manner)
        until(f"{self.user}'s server runs", lambda: self.phase() == "running", 30)

    def limit(self, **limits):
        """New limits for the running server; the seconds that the spawner took."""
        return self.hub.ask("set_limits", user=self.user, limits=limits)[1]

    def phase(self):
        """What the spawner says of it."""
        return self.hub.ask("status", user=self.user)[0]["status"]["phase"]

    def stop(self):
        """Ends it and all its kernels."""
        self.hub.ask("stop", user=self.user)
        until(f"{self.user}'s server has ended", lambda: self.phase() == "stopped", 60)

    def timed(self, do, **arguments):
        """A request to it: its answer and seconds."""
        request = json.dumps({"do": do, **arguments})
        answer, took = self.machine.exchange(f"/run/jupyter/{self.user}.sock", f"{request}\n")
        return json.loads(answer), took

    def ask(self, do, **arguments):
        return self.timed(do, **arguments)[0]

    def said(self, kernel):
        """A kernel's first words."""
        return until(f"{self.user}'s kernel says something", lambda: self.ask("state", pid=kernel)["said"], 60)

    def killed(self, kernel):
        """How a kernel ended: signal and seconds since its start."""
        until(f"{self.user}'s kernel has ended", lambda: not self.lives(kernel), 60)
        end = self.ask("state", pid=kernel)
        return end["signal"], end["took"]

    def lives(self, kernel):
        return self.ask("state", pid=kernel)["took"] is None

    def cgroup(self, file):
        """A file of its cgroup."""
        return self.machine.read(f"{self.folder}/{file}").strip()

    def count(self, file, key):
        """A number of such a file."""
        return number(self.cgroup(file), key)

    def usage(self):
        """CPU time so far, and when that was."""
        reply = self.machine.do("read", path=f"{self.folder}/cpu.stat")
        return number(reply["text"], "usage_usec") / 1e6, reply["at"]


def cores(servers, window):
    """CPUs that each of the servers takes on average over this many seconds, by the machine's own clock."""
    before = [server.usage() for server in servers]
    time.sleep(window)
    after = [server.usage() for server in servers]
    return [(used - used_before) / (at - at_before) for (used_before, at_before), (used, at) in zip(before, after)]


def number(text, key):
    """The number behind a key of a cgroup's flat-keyed file."""
    return next(int(line.split()[1]) for line in text.splitlines() if line.split()[0] == key)
