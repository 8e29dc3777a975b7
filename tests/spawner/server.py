"""A small real server under the contract of the process engine. Its user's name says what character it has."""
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time

NAME = os.environ["HUBGATE_INSTANCE"].split(":")[0]
HOME = os.environ["HOME"]


def notify(text):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)


def serve():
    assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
    listener = socket.socket(fileno=3)
    notify("READY=1\nSTATUS=hubgate kernels=0 busy=0 terminals=0 connections=0 last=0")
    while True:
        client, _ = listener.accept()
        with client:
            request = client.recv(65536).decode()
            if request.startswith("POST /exit"):
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\nbye")
                sys.exit(0)
            body = json.dumps({"pid": os.getpid(), "uid": os.getuid(), "gids": os.getgroups(), "cwd": os.getcwd(),
                               "env": dict(os.environ), "fds": sorted(open_descriptors()), "umask": os.umask(0o022),
                               "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0]})
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body.encode())


def open_descriptors():
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue
        yield int(name)


def detached(seconds, ignore=False):
    """A process that left its parent, its group and its session; its pid is in the home."""
    code = "import signal,time;" + ("signal.signal(signal.SIGTERM,signal.SIG_IGN);" if ignore else "")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(os.path.join(HOME, "detached"), "a", encoding="ascii") as out:
                print(os.getpid(), file=out, flush=True)
            os.execv(sys.executable, [sys.executable, "-c", code + f"time.sleep({seconds})"])
        os._exit(0)
    os.wait()


with open(os.path.join(HOME, "starts"), "a", encoding="ascii") as starts:
    print(os.getpid(), file=starts)

if NAME == "dies-at-once":
    print("\x1b[31mcannot go on\x1b[0m", file=sys.stderr)
    sys.exit(3)
elif NAME == "leaves-at-once":
    sys.exit(0)
elif NAME == "never-ready":
    time.sleep(600)
elif NAME == "slow":
    time.sleep(1)
    serve()
elif NAME == "forks-children":
    for _ in range(3):
        detached(600)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    serve()
elif NAME == "ignores-sigterm":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    detached(600, ignore=True)
    serve()
elif NAME == "lies":
    # A child says what only the main process may say.
    if os.fork() == 0:
        notify("READY=1\nSTATUS=from a child")
        os._exit(0)
    os.wait()
    time.sleep(600)
elif NAME == "talks":
    for n in range(2000):
        notify(f"STATUS=n={n}")
    for n in range(400):
        print(f"line {n} " + "x" * 200)
    sys.stdout.flush()
    serve()
else:
    serve()
