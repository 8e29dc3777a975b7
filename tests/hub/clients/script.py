"""What a person's own script does with a token: starts the server, runs a cell over its websocket, stops it."""

import json
import time
import urllib.parse
import uuid

from ask import Visitor
from websockets.sync.client import connect


class Script(Visitor):
    """`name` is the user whose token it has."""

    def __init__(self, hub, name, token, tls, server=""):
        super().__init__(hub, token)
        self.name, self.tls = name, tls
        self.api = f"{hub.base}/hub/api/users/{name}" + (f"/servers/{server}" if server else "/server")
        self.own = f"{hub.base}/user/{name}/" + (f"{server}/" if server else "")

    def start(self, seconds=90):
        """Starts the server and follows the progress until it is ready."""
        begun = self.send("POST", self.api)
        assert begun.status in (201, 202), begun
        progress = self.send("GET", f"{self.api}/progress", timeout=seconds)
        events = [json.loads(line.removeprefix("data: ")) for line in progress.body.splitlines() if line.startswith("data: ")]
        assert events[-1].get("ready") is True and events[-1]["url"] == self.own, progress
        return events

    def stop(self, seconds=60):
        """Stops it and waits until the hub says so."""
        ended = self.send("DELETE", self.api)
        assert ended.status in (202, 204), ended
        end = time.monotonic() + seconds
        while self.send("GET", f"{self.own}api/status").status != 424:
            assert time.monotonic() < end, "the server did not stop"
            time.sleep(0.1)

    def run_cell(self, code, seconds=60):
        """Starts a kernel, runs code in it and returns what it printed."""
        made = self.send("POST", f"{self.own}api/kernels", "{}")
        assert made.status == 201, made
        kernel = made.json()["id"]
        with self.channel(f"api/kernels/{kernel}/channels") as socket:
            printed = run(socket, code, seconds)
        assert self.send("DELETE", f"{self.own}api/kernels/{kernel}").status == 204
        return printed

    def channel(self, path):
        """A websocket to the server."""
        address = urllib.parse.urlsplit(self.hub.address)
        return connect(f"wss://{address.netloc}{self.own}{path}", ssl=self.tls, additional_headers={"Authorization": f"token {self.token}"},
                       max_size=None, compression=None, proxy=None)


def run(socket, code, seconds):
    """Runs code in the kernel behind a websocket and returns what it printed."""
    request = {"header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex, "version": "5.3", "date": ""},
               "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
               "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}}
    socket.send(json.dumps(request))
    printed, end = "", time.monotonic() + seconds
    while True:
        message = json.loads(socket.recv(timeout=max(0.1, end - time.monotonic())))
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return printed
