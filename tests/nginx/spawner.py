"""A spawner that forces states: speaks the frames of src/protocol, starts nothing."""

import json
import os
import queue
import socketserver
import struct
import threading
import time


class Connection(socketserver.StreamRequestHandler):
    """Requests of the gateway, one after the other."""

    def handle(self):
        while len(header := self.rfile.read(4)) == 4:
            request = json.loads(self.rfile.read(struct.unpack(">I", header)[0]))
            self.server.asked.append(request)
            getattr(self, f"on_{request['op']}", self.unsupported)(request)

    def reply(self, kind, **fields):
        body = json.dumps({"reply": kind, **fields}).encode()
        self.wfile.write(struct.pack(">I", len(body)) + body)

    def reply_all(self):
        """As many frames as it takes: one holds at most 16 KiB."""
        every = self.server.all()
        for first in range(0, max(len(every), 1), 50):
            self.reply("servers", servers=every[first:first + 50], more=first + 50 < len(every))

    def unsupported(self, _request):
        self.reply("error", error="unsupported", message="not in this test")

    def on_watch(self, _request):
        changes = queue.Queue()
        with self.server.lock:
            self.server.watchers.append(changes)
            self.reply_all()
        while True:
            try:
                self.reply("status", status=changes.get(timeout=5))
            except queue.Empty:
                self.reply("done")

    def on_list(self, _request):
        self.reply_all()

    def on_status(self, request):
        self.reply("status", status=self.server.status(request["user"]))

    def on_start(self, request):
        self.reply("done")
        self.server.force(request["user"], "starting")

    def on_stop(self, request):
        self.reply("done")
        self.server.force(request["user"], "stopped")

    def on_journal(self, request):
        self.reply("journal", lines=[f"last words of {request['user']}"])

    def on_cut(self, _request):
        self.reply("cut", closed=0)


class FakeSpawner(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """`force` says what state a user's server is in; the gateway hears it at once."""

    daemon_threads = True

    def __init__(self, path, running):
        self.lock, self.watchers, self.asked = threading.Lock(), [], []
        self.phases = {user: "running" for user in running}
        super().__init__(str(path), Connection)
        os.chmod(path, 0o600)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass  # a watcher that went away

    def status(self, user):
        exit_of = {"failed": {"result": "exit-code", "status": 1}}
        phase = self.phases.get(user, "stopped")
        return {"user": user, "server": "", "phase": phase, "since_ms": int(time.time() * 1000), "pid": None,
                "status_text": "", "exit": exit_of.get(phase)}

    def all(self):
        return [self.status(user) for user, phase in self.phases.items() if phase != "stopped"]

    def force(self, user, phase):
        with self.lock:
            self.phases[user] = phase
            for changes in self.watchers:
                changes.put(self.status(user))

    def stop(self):
        self.shutdown()
        self.server_close()
