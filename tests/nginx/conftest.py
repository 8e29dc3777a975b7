"""The ring's machines: one nginx before the real gateway, one before a stub, and users' servers that log every request."""

import shutil
import types

import pytest

import nginx_site
from gateway import Gateway, StubGateway, login
from nginx_site import until
from spawner import FakeSpawner
from users import Service, UserServer

PASSWORDS = {"alice": "alice's long word", "bob": "bob's longer word", "carol": "carol's own word"}


@pytest.fixture(scope="session")
def hub():
    """nginx, the real gateway, alice's and bob's servers; carol has none. Everybody is logged in."""
    root = nginx_site.folder()
    servers = {name: UserServer(name, root / "servers") for name in ("alice", "bob")}
    gateway = Gateway(root, root / "servers")
    spawner = FakeSpawner(gateway.spawner_socket, servers)
    for name, password in PASSWORDS.items():
        gateway.command("user", "add", name, "--password-stdin", stdin=f"{password}\n")
    site = nginx_site.Site(root)
    gateway.start()
    site.start()
    try:
        until(lambda: site.wire.get("/hub/health").status == 200, "the gateway is well")
        cookies = {name: login(site.wire, name, password) for name, password in PASSWORDS.items()}
        until(lambda: site.wire.get("/user/alice/echo", cookie=cookies["alice"]).status == 200, "alice's server is known")
        yield types.SimpleNamespace(site=site, wire=site.wire, gateway=gateway, spawner=spawner, cookie=cookies, passwords=PASSWORDS,
                                    alice=servers["alice"], bob=servers["bob"])
    finally:
        site.stop()
        gateway.stop()
        spawner.stop()
        for server in servers.values():
            server.stop()
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def stub_site():
    """nginx before a stub gateway."""
    root = nginx_site.folder()
    alice, bob = (UserServer(name, root / "servers") for name in ("alice", "bob"))
    whoami = Service("whoami")
    site = nginx_site.Site(root).start()
    yield types.SimpleNamespace(site=site, wire=site.wire, alice=alice, bob=bob, whoami=whoami)
    for part in (site, alice, bob, whoami):
        part.stop()
    shutil.rmtree(root)


@pytest.fixture
def stub(stub_site):
    """The stub gateway of one test; it grants alice her server until told otherwise."""
    gateway = StubGateway(stub_site.site.root / "gateway.sock")
    gateway.upstream = f"unix:{stub_site.alice.path}"
    yield gateway
    gateway.stop()


@pytest.fixture(autouse=True)
def bob_hears_nothing(request):
    """In every test: nothing reaches bob's server, not even a connection. Nobody here is bob."""
    places = [request.getfixturevalue(name) for name in ("hub", "stub_site") if name in request.fixturenames]
    for place in places:
        place.alice.forget()
        place.bob.forget()
    yield
    for place in places:
        assert place.bob.calls == 0, f"bob's server was asked: {[(m, p) for m, p, _ in place.bob.seen]}"


@pytest.fixture
def alice_in(hub):
    """Forces states of alice's server for one test."""

    def force(phase):
        hub.spawner.force("alice", phase)
        want = {"running": (200,)}.get(phase, (302, 303, 424, 503))
        until(lambda: hub.wire.get("/user/alice/echo", cookie=hub.cookie["alice"]).status in want, f"alice's server is {phase}")
        hub.alice.forget()

    yield force
    force("running")
