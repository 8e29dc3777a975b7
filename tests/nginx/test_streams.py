"""What flows: uploads and downloads without a copy on disk, websockets, server-sent events, compression."""

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import nginx_site
from gateway import StubGateway
from nginx_site import until
from users import UserServer
from wire import HOST, NAVIGATE, PREFIX, Channel, Wire, chunks, read_reply

MIB = 1 << 20
BIG = 300
# An nginx before ours, with no word about buffering.
OUTER = """pid {root}/pid; error_log {root}/error.log;
events {{}}
http {{
    access_log off; proxy_temp_path {root}/proxy; client_body_temp_path {root}/body;
    fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass https://127.0.0.1:{inner};
            proxy_set_header Host $http_host;
            proxy_ssl_server_name on;
            proxy_ssl_name {host};
        }}
    }}
}}
"""
NO_COPY = re.compile(r"buffered to a temporary file")


def request(hub, method, path, headers=()):
    lines = [f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {HOST}", f"Cookie: {hub.cookie['alice']}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def head_of(stream):
    """Status and headers of a reply whose body is read piece by piece."""
    return read_reply(stream, "HEAD")


def test_an_upload_of_300_mb_streams_to_the_server_with_no_copy_on_disk(hub):
    block, digest = bytes(range(256)) * 4096, hashlib.sha256()
    with contextlib.closing(hub.wire.open(timeout=120)) as connection:
        connection.sendall(request(hub, "PUT", "/user/alice/take", [f"Content-Length: {BIG * MIB}"]))
        for number in range(BIG):
            connection.sendall(block)
            digest.update(block)
            if number == BIG // 2:
                # Half of it is sent: the server has most of that already, so nobody collects the whole first.
                until(lambda: hub.alice.moved > (BIG // 2 - 8) * MIB, "the server reads while the client sends")
                assert not hub.site.open_temporary_files()
        reply = read_reply(connection.makefile("rb"))
    assert (reply.status, reply.text) == (200, digest.hexdigest())
    assert not NO_COPY.search(hub.site.errors())


def test_a_download_of_300_mb_streams_to_the_client_with_no_copy_on_disk(hub):
    digest, left = hashlib.sha256(), BIG * MIB
    with contextlib.closing(hub.wire.open(timeout=120)) as connection:
        connection.sendall(request(hub, "GET", f"/user/alice/big?{BIG}"))
        stream = connection.makefile("rb", MIB)
        head = head_of(stream)
        assert head["Content-Length"] == str(left)
        while left:
            part = stream.read(min(left, MIB))
            assert part
            digest.update(part)
            left -= len(part)
            if left == BIG // 2 * MIB:
                # Half of it is here: the server has not been allowed to run far ahead into somebody's buffer.
                assert hub.alice.moved < (BIG // 2 + 16)
                assert not hub.site.open_temporary_files()
    assert digest.hexdigest() == head["X-Checksum"]
    assert not NO_COPY.search(hub.site.errors())


def socket_of(hub, path="/user/alice/api/kernels/k/channels"):
    """A websocket as a page of ours opens it."""
    return Channel(hub.wire, path, hub.cookie["alice"])


@pytest.mark.parametrize("path", ["api/kernels/1234/channels", "terminals/websocket/1", "api/events/subscribe", "lsp/ws/pylsp", "proxy/8888/any"])
def test_a_websocket_says_what_it_hears(hub, path):
    with socket_of(hub, f"/user/alice/{path}") as channel:
        for text in ("first", "second", "é中"):
            channel.send(text)
            assert channel.recv() == text


def test_many_websockets_are_open_at_once(hub):
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(socket_of(hub)) for _ in range(60)]
        for number, channel in enumerate(channels):
            channel.send(str(number))
        assert [channel.recv() for channel in channels] == [str(number) for number in range(60)]


class Mortal(UserServer):
    """A user's server that takes its connections along when it ends."""

    def __init__(self, name, folder):
        self.connections = []
        super().__init__(name, folder)

    def verify_request(self, request, address):
        self.connections.append(request)
        return super().verify_request(request, address)

    def stop(self):
        super().stop()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def descriptors(site):
    """Open files and sockets of all workers."""
    return sum(len(os.listdir(f"/proc/{worker}/fd")) for worker in site.workers())


def forty_websockets_until_their_server_stops(site, root):
    """How many descriptors nginx holds when all that was for them has gone."""
    alice = Mortal("alice", root / "servers")
    channels = [Channel(site.wire, "/user/alice/echo", None) for _ in range(40)]
    for channel in channels:
        channel.send("in use")
        assert channel.recv() == "in use"
    held = descriptors(site)
    alice.stop()
    # The pages hear of it, and what nginx held for them goes.
    assert [channel.stream.read(1) for channel in channels] == [b""] * 40
    for channel in channels:
        channel.stream.close()
        channel.connection.close()
    until(lambda: descriptors(site) <= held - 80, "nginx lets go of both ends of all 40")
    return held - 80


def test_websockets_to_a_server_that_stopped_leave_no_descriptor_behind():
    root = nginx_site.folder()
    site, gateway = nginx_site.Site(root).start(), StubGateway(root / "gateway.sock")
    try:
        gateway.upstream = f"unix:{root}/servers/alice.sock"
        first = forty_websockets_until_their_server_stops(site, root)
        for _ in range(4):
            forty_websockets_until_their_server_stops(site, root)
        # How many it keeps to the gateway is as many as it needed at once, and none of them a websocket's.
        gateway.hang_up()
        until(lambda: descriptors(site) <= first + 10, "nginx holds no more than after the first forty")
    finally:
        for part in (site, gateway):
            part.stop()
        shutil.rmtree(root)


def test_a_flood_of_broken_frames_fills_no_log(hub):
    def written():
        return len(hub.site.errors()) + len(hub.site.access())

    before = written()
    with socket_of(hub) as channel, channel.stream:
        for _ in range(100):
            with contextlib.suppress(OSError):
                channel.connection.sendall(b"\xff\xff" * 500) # heads of frames that no peer may send
    until(lambda: written() > before, "the end of the websocket is logged")
    assert written() - before < 4000


def test_an_idle_websocket_outlives_the_deadline_of_plain_requests():
    """The deadlines in small: 10 minutes become one second, the websocket's 24 hours stay."""

    def hurry(conf):
        path = conf / "location.conf"
        text = path.read_text()
        assert "proxy_read_timeout 10m;" in text and "proxy_read_timeout 24h;" in (conf / "include/websocket.conf").read_text()
        path.write_text(text.replace("timeout 10m;", "timeout 1s;"))

    root = nginx_site.folder()
    site, alice, gateway = nginx_site.Site(root, edit=hurry).start(), UserServer("alice", root / "servers"), StubGateway(root / "gateway.sock")
    try:
        gateway.upstream = f"unix:{alice.path}"
        with Channel(site.wire, "/user/alice/echo", None) as channel:
            gateway.page_status = 418
            # Two plain requests that wait in vain, one after the other, are two seconds of silence on the websocket.
            assert [site.wire.get("/user/alice/silent").status for _ in range(2)] == [418, 418]
            channel.send("still here")
            assert channel.recv() == "still here"
    finally:
        for part in (site, alice, gateway):
            part.stop()
        shutil.rmtree(root)


def test_an_event_of_a_server_arrives_while_its_answer_goes_on(hub):
    with contextlib.closing(hub.wire.open()) as connection:
        connection.sendall(request(hub, "GET", "/user/alice/events", ["Accept: text/event-stream", "Accept-Encoding: gzip"]))
        stream = connection.makefile("rb")
        assert "Content-Encoding" not in head_of(stream).headers
        assert next(chunks(stream)) == b"data: first\n\n"


def streamed(hub, wire, page, path):
    """The head of a stream of the hub that a page's script asks for, and its events one by one."""
    text = hub.wire.get(page, NAVIGATE, cookie=hub.cookie["alice"]).text
    token = re.search(r'data-xsrf="([^"]+)"', text)[1]
    with contextlib.closing(wire.open()) as connection:
        connection.sendall(request(hub, "GET", path, ["Accept: text/event-stream", "Accept-Encoding: gzip", f"X-XSRFToken: {token}"]))
        stream = connection.makefile("rb")
        yield head_of(stream)
        yield from chunks(stream)


def progress(hub, wire):
    """The stream of a start of alice's."""
    return streamed(hub, wire, "/hub/spawn-pending/alice", "/hub/api/users/alice/server/progress")


def first_event_is_early_and_the_rest_comes(hub, wire):
    began = time.monotonic()
    events = progress(hub, wire)
    head = next(events)
    assert (head.status, head["Content-Type"]) == (200, "text/event-stream") and "Content-Encoding" not in head.headers
    assert next(events).startswith(b"data: {")
    taken = time.monotonic() - began
    print(f"the first event after {taken * 1000:.0f} ms")
    assert taken < 0.3
    hub.spawner.force("alice", "running")
    assert any(b'"ready":true' in event for event in events)


def test_the_first_event_of_a_start_arrives_within_300_ms(hub, alice_in):
    alice_in("starting")
    first_event_is_early_and_the_rest_comes(hub, hub.wire)


@pytest.fixture
def outer():
    """Starts an nginx of somebody else in front of a site: `outer(site)`; it buffers answers, as nginx does where nobody says otherwise."""
    with contextlib.ExitStack() as stack:
        def start(site):
            root = nginx_site.folder()
            stack.callback(shutil.rmtree, root)
            port = nginx_site.free_port()
            config = root / "nginx.conf"
            config.write_text(OUTER.format(root=root, port=port, inner=site.port, host=HOST))
            process = stack.enter_context(subprocess.Popen(["nginx", "-c", config, "-g", "daemon off;"], stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
            wire = Wire(port)
            until(lambda: wire_answers(wire), "the outer nginx answers")
            return wire

        yield start


def wire_answers(wire):
    """Whether anybody listens there."""
    with contextlib.suppress(OSError), contextlib.closing(wire.open()):
        return True
    return False


def test_the_first_event_of_a_start_arrives_within_300_ms_through_another_nginx_that_buffers(hub, alice_in, outer):
    wire = outer(hub.site)
    alice_in("starting")
    first_event_is_early_and_the_rest_comes(hub, wire)


def test_scripts_and_styles_are_compressed_and_hub_pages_are_not(hub):
    asked = [("Accept-Encoding", "gzip")]
    script = hub.wire.get("/user/alice/script", asked, cookie=hub.cookie["alice"])
    assert script["Content-Encoding"] == "gzip" and gzip.decompress(script.body).startswith(b"let lab")
    login = hub.wire.get("/hub/login", [*NAVIGATE, *asked])
    assert "Content-Encoding" not in login.headers
    style = re.search(r'href="([^"]+\.css)"', login.text)[1]
    sheet = hub.wire.send("GET", style, asked)
    assert sheet["Content-Encoding"] == "gzip" or len(sheet.body) < 1024
    assert "immutable" in sheet["Cache-Control"]


def test_a_part_of_a_file_and_an_unchanged_file_are_asked_for_as_they_are(hub):
    reply = hub.wire.get("/user/alice/echo", [("Range", "bytes=0-9"), ("If-None-Match", '"x"')], cookie=hub.cookie["alice"])
    told = {name.lower(): value for name, value in reply.json()["headers"]}
    assert (told["range"], told["if-none-match"]) == ("bytes=0-9", '"x"')
