"""Wrong passwords by the thousand: many networks, one connection each, sent on time whether or not the last answer has come."""

import asyncio
import collections
import concurrent.futures
import contextlib
import threading
import time
import urllib.parse

from web import HOST, NAVIGATE, PREFIX


class Guessers:
    """One connection from each of many networks, each with the form of a login page."""

    def __init__(self, hub, networks):
        page = hub.browser()
        self.token = page.get("/hub/login").field("_xsrf")
        self.head = page.headers({**NAVIGATE, "Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{HOST}"})
        self.tls = page.tls
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.plain = list(pool.map(lambda _: hub.machine.connect(443, (hub.browser().address, 0)), range(networks)))

    @contextlib.contextmanager
    def at(self, rate):
        """Guesses at this rate, per second, while the block runs."""
        storm = Storm(self, rate)
        storm.start()
        storm.ready.wait(120)
        storm.begin = time.monotonic()
        try:
            yield storm
        finally:
            storm.ended.set()
            storm.join()

    def request(self, number, count):
        """The bytes of one guess at somebody who is nobody."""
        form = urllib.parse.urlencode({"_xsrf": self.token, "username": f"nobody{number}x{count % 50}", "password": "wrong"})
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**self.head, "Content-Length": len(form)}.items())
        return f"POST {PREFIX}/hub/login HTTP/1.1\r\n{lines}\r\n{form}".encode()


class Storm(threading.Thread):
    """All guessers, in a thread of their own."""

    def __init__(self, guessers, rate):
        super().__init__()
        self.guessers, self.period = guessers, len(guessers.plain) / rate
        self.ready, self.ended, self.statuses, self.sent = threading.Event(), threading.Event(), collections.Counter(), 0
        self.begin = self.end = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.begin

    def rate(self):
        """Guesses that were sent, per second."""
        return self.sent / (self.end - self.begin)

    def counted(self):
        return dict(self.statuses)

    def run(self):
        asyncio.run(self.all())

    async def all(self):
        opening = asyncio.Semaphore(16)

        async def connect(plain):
            async with opening:
                return await asyncio.open_connection(sock=plain, ssl=self.guessers.tls, server_hostname=HOST)

        streams = await asyncio.gather(*(connect(plain) for plain in self.guessers.plain))
        self.ready.set()
        await asyncio.gather(*(self.one(number, *stream) for number, stream in enumerate(streams)))

    async def one(self, number, reader, writer):
        begin = time.monotonic() + self.period * number / len(self.guessers.plain)
        count = 0
        while True:
            await asyncio.sleep(max(0.0, begin + count * self.period - time.monotonic()))
            if self.ended.is_set():
                break
            writer.write(self.guessers.request(number, count))
            self.sent, self.end, count = self.sent + 1, time.monotonic(), count + 1
            head = await reader.readuntil(b"\r\n\r\n")
            self.statuses[int(head.split(b" ")[1])] += 1
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(length)
        writer.close()
