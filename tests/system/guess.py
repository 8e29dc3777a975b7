"""Wrong passwords by the thousand from many networks, sent on time whether or not the last answer has come."""

import asyncio
import collections
import contextlib
import itertools
import re
import resource
import threading
import time
import urllib.parse

from web import HOST, NAVIGATE, PREFIX


class Guessers:
    """Many networks, each with connections of its own and the form of a login page."""

    def __init__(self, hub, networks):
        page = hub.browser()
        self.machine, self.tls = hub.machine, page.tls
        self.token = page.get("/hub/login").field("_xsrf")
        self.head = page.headers({**NAVIGATE, "Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{HOST}"})
        self.addresses = [hub.browser().address for _ in range(networks)]
        # A connection takes a descriptor, and a network has more than one where answers are late.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    @contextlib.contextmanager
    def at(self, rate):
        """Guesses at this rate, per second, while the block runs."""
        storm = Storm(self, rate)
        storm.start()
        storm.ready.wait(120)
        try:
            yield storm
        finally:
            storm.ended.set()
            storm.join()
            if storm.fault:
                raise storm.fault

    def request(self, number, count):
        """The bytes of one guess at somebody who is nobody."""
        form = urllib.parse.urlencode({"_xsrf": self.token, "username": f"nobody{number}x{count % 50}", "password": "wrong"})
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**self.head, "Content-Length": len(form)}.items())
        return f"POST {PREFIX}/hub/login HTTP/1.1\r\n{lines}\r\n{form}".encode()


class Storm(threading.Thread):
    """All guessers, in a thread of their own."""

    def __init__(self, guessers, rate):
        super().__init__()
        self.guessers, self.rate_wanted = guessers, rate
        self.ready, self.ended = threading.Event(), threading.Event()
        self.statuses, self.sent, self.fault = collections.Counter(), 0, None
        self.begin = self.end = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.begin

    def rate(self):
        """Guesses that were sent, per second."""
        return self.sent / (self.end - self.begin)

    def counted(self):
        return dict(self.statuses)

    def run(self):
        try:
            asyncio.run(self.all())
        except BaseException as fault:  # told by the thread that waits for this one
            self.fault = fault
        finally:
            self.ready.set()

    async def all(self):
        self.opening = asyncio.Semaphore(16)
        networks = range(len(self.guessers.addresses))
        idle = [collections.deque([stream]) for stream in await asyncio.gather(*map(self.open, networks))]
        self.begin = time.monotonic()
        self.ready.set()
        async with asyncio.TaskGroup() as guesses:
            for count in itertools.count():
                await asyncio.sleep(max(0.0, self.begin + count / self.rate_wanted - time.monotonic()))
                if self.ended.is_set():
                    break
                number = count % len(idle)
                guesses.create_task(self.one(number, count // len(idle), idle[number]))
        for _, writer in itertools.chain.from_iterable(idle):
            writer.close()

    async def open(self, number):
        async with self.opening:
            plain = await asyncio.to_thread(self.guessers.machine.connect, 443, (self.guessers.addresses[number], 0))
            return await asyncio.open_connection(sock=plain, ssl=self.guessers.tls, server_hostname=HOST)

    async def one(self, number, count, idle):
        """One guess, on a connection of its network that waits for no answer."""
        reader, writer = idle.popleft() if idle else await self.open(number)
        writer.write(self.guessers.request(number, count))
        self.sent, self.end = self.sent + 1, time.monotonic()
        head = await reader.readuntil(b"\r\n\r\n")
        self.statuses[int(head.split(b" ")[1])] += 1
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", head)
        assert length, head
        await reader.readexactly(int(length[1]))
        idle.append((reader, writer))
