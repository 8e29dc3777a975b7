"""Levels (a) and (b) of reliability through nginx: a gateway that dies loses no request that can be repeated, and no websocket."""

import signal
import threading
import time

from nginx_site import until
from test_streams import socket_of

KILLS = 12
WORKERS = 6
BETWEEN_KILLS = 60


class Load:
    """Requests without a pause until told to stop; everything but 200 is noted."""

    def __init__(self, hub):
        self.hub, self.good, self.bad, self.over = hub, 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(WORKERS)]

    def run(self, number):
        path = "/hub/health" if number % 3 == 0 else "/user/alice/echo"
        while not self.over.is_set():
            try:
                reply = self.hub.wire.get(path, cookie=self.hub.cookie["alice"])
                outcome = reply.status
            except OSError as error:
                outcome = repr(error)
            if outcome == 200:
                self.good += 1
            else:
                self.bad.append((path, outcome))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def some_more(self):
        """Waits until a number of further requests have succeeded."""
        aim = self.good + BETWEEN_KILLS
        until(lambda: self.good >= aim or self.bad, "requests succeed")


def test_a_gateway_killed_again_and_again_loses_no_get(hub):
    with Load(hub) as load:
        for _ in range(KILLS):
            load.some_more()
            hub.gateway.kill()
            hub.gateway.start()
        load.some_more()
    assert load.bad == [], f"{len(load.bad)} of {len(load.bad) + load.good} lost"
    assert load.good > KILLS * BETWEEN_KILLS


def test_a_gateway_that_is_restarted_in_good_order_loses_no_get(hub):
    with Load(hub) as load:
        for _ in range(3):
            load.some_more()
            hub.gateway.process.terminate()
            hub.gateway.process.wait(20)
            hub.gateway.start()
        load.some_more()
    assert load.bad == []


def test_a_killed_gateway_closes_no_websocket_and_forgets_no_session(hub):
    with socket_of(hub) as channel:
        hub.gateway.kill()
        channel.send("nobody decides now")
        assert channel.recv() == "nobody decides now"
        hub.gateway.start()
        until(lambda: hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"]).status == 200, "the session lives on")
        channel.send("still here")
        assert channel.recv() == "still here"


def test_a_frozen_gateway_is_answered_for_within_ten_seconds(hub):
    hub.gateway.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        reply = hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"])
        assert reply.status in (502, 503, 504) and time.monotonic() - began < 12
        assert hub.alice.calls == 0
    finally:
        hub.gateway.process.send_signal(signal.SIGCONT)
        until(lambda: hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"]).status == 200, "the gateway goes on")


def test_nginx_reloads_under_load_without_losing_a_request_or_a_websocket(hub):
    with socket_of(hub) as channel, Load(hub) as load:
        for _ in range(3):
            load.some_more()
            hub.site.reload()
        load.some_more()
        channel.send("across three reloads")
        assert channel.recv() == "across three reloads"
    assert load.bad == []
