"""Runs in the machine: one JSON request a line from the host, one JSON answer a line."""

import json
import socket
import struct
import subprocess
import time

PORT = "/dev/virtio-ports/hubgate"


def run(argv, stdin, timeout):
    """A program's exit status and what it printed."""
    done = subprocess.run(argv, input=stdin, timeout=timeout, capture_output=True, text=True, errors="replace")
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def read(path):
    """A file as it is now."""
    with open(path, errors="replace") as file:
        return {"text": file.read()}


def write(path, text, mode):
    """A file anew."""
    with open(path, "w") as file:
        file.write(text)
        subprocess.run(["chmod", mode, path], check=True)
    return {}


def take(connection, count=None):
    """`count` bytes, or all until the other side hangs up."""
    data = b""
    while count is None or len(data) < count:
        piece = connection.recv(65536 if count is None else count - len(data))
        if not piece:
            break
        data += piece
    return data


def exchange(path, text, framed, timeout):
    """Sends to a unix socket and takes the answer: a frame of the spawner's protocol, or all there is."""
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        if framed:
            connection.sendall(struct.pack(">I", len(text.encode())) + text.encode())
            answer = take(connection, struct.unpack(">I", take(connection, 4))[0])
        else:
            connection.sendall(text.encode())
            answer = take(connection)
    return {"answer": answer.decode("utf-8", "replace"), "took": time.monotonic() - began}


OPERATIONS = {operation.__name__: operation for operation in (run, read, write, exchange)}


def answer(request):
    """What the operation said, when it had said it; its failure instead."""
    try:
        reply = OPERATIONS[request.pop("op")](**request)
    except Exception as problem:  # whatever it is, the host is told
        reply = {"failed": f"{type(problem).__name__}: {problem}"}
    return {**reply, "at": time.monotonic()}


def main():
    with open(PORT, "r+b", buffering=0) as port:
        port.write(b'{"ready": true}\n')
        waiting = b""
        while piece := port.read(65536):
            waiting += piece
            while b"\n" in waiting:
                line, waiting = waiting.split(b"\n", 1)
                reply = json.dumps(answer(json.loads(line))).encode() + b"\n"
                while reply:
                    reply = reply[port.write(reply):]


main()
