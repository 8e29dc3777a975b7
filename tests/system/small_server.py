#!/usr/bin/python3
"""A user's server of a crowd: it takes the socket from systemd, is ready after a second, and answers everything with its user's name."""

import os
import socket
import time

listener = socket.socket(fileno=3)
time.sleep(1)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.sendto(b"READY=1\nSTATUS=hubgate kernels=0 busy=0 terminals=0 connections=0 last=1", os.environ["NOTIFY_SOCKET"])
body = os.environ["HUBGATE_INSTANCE"].encode()
while True:
    connection, _ = listener.accept()
    with connection:
        if connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
