"""The spawner's protocol, spoken by hand: a big-endian length, then JSON."""

import json
import struct

SOCKET = "/run/hubgate/spawner.sock"


class Spawner:
    """One connection to the spawner, as root (whom it accepts beside the gateway)."""

    def __init__(self, machine):
        # A login may take 35 s.
        self.connection = machine.unix(SOCKET, 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                raise ConnectionError(f"the spawner hung up after {len(data)} of {count} bytes")
            data += piece
        return data

    def receive(self):
        return json.loads(self.take(struct.unpack(">I", self.take(4))[0]))

    def ask(self, op, **fields):
        """One request, one answer."""
        body = json.dumps({"op": op, **fields}).encode()
        self.connection.sendall(struct.pack(">I", len(body)) + body)
        return self.receive()


def ask(machine, op, **fields):
    """One request on a connection of its own."""
    with Spawner(machine) as spawner:
        return spawner.ask(op, **fields)
