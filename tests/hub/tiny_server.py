"""A server of a user that starts at once: for whatever is about the hub and not about Jupyter. No imports beyond need: a start is a process.

Started by JupyterHub it listens where JUPYTERHUB_SERVICE_URL says; started by socket activation it takes descriptor 3 and tells READY.
"""

import os
import signal
import socket
import sys
import time


def notify(text):
    """Tells systemd, or whoever stands for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.connect("\0" + address[1:] if address.startswith("@") else address)
            to.send(text.encode())


def listener():
    if os.environ.get("LISTEN_FDS"):
        return socket.socket(fileno=3)
    address = os.environ["JUPYTERHUB_SERVICE_URL"].split("//", 1)[1].split("/", 1)[0]
    host, _, port = address.rpartition(":")
    return socket.create_server((host, int(port)), backlog=64)


def answer(connection):
    connection.settimeout(5)
    try:
        connection.recv(65536)
        body = b'{"version":"tiny"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-JupyterHub-Version: 6.1.1\r\n"
                           b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except OSError:
        pass
    finally:
        connection.close()


def end(*_):
    if who.startswith("slow"):
        time.sleep(SLOW_S)
    os._exit(0)


SLOW_S = 3
who = os.environ.get("JUPYTERHUB_USER") or os.environ.get("USER") or os.environ.get("LOGNAME", "")
if who.startswith("broken"):
    sys.exit("this server was made to fail")
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
if who.startswith("slow"):
    time.sleep(SLOW_S)
with listener() as sock:
    notify("READY=1")
    while True:
        answer(sock.accept()[0])
