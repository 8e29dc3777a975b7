"""nginx's files inside a site of one's own: one line in http {}, one in server {}."""

import shutil
import types

import pytest

import nginx_site
from gateway import StubGateway
from users import UserServer
from wire import NAVIGATE, PREFIX, UPGRADE, Wire

# Everything in it that could get in the way is there on purpose.
SITE = """
daemon off; pid {run}/nginx.pid; error_log {run}/error.log notice; {user}
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {run}/tmp/b; proxy_temp_path {run}/tmp/p; fastcgi_temp_path {run}/tmp/f;
    uwsgi_temp_path {run}/tmp/u; scgi_temp_path {run}/tmp/s;
    gzip on; proxy_cache_path {run}/cache keys_zone=site:1m; access_log {run}/site.log;
    include {conf}/hubgate-http.conf;
    server {{
        listen {port};
        server_name hub.test;
        satisfy any; allow all;
        proxy_cache site; proxy_cache_valid any 10m; proxy_intercept_errors on; proxy_read_timeout 1s;
        error_page 401 403 404 502 503 /site-error;
        proxy_set_header X-Site-Secret s;
        location = /site-error {{ return 200 "the site's own page"; }}
        location / {{ return 200 "the site itself"; }}
        location ~ \\.(php|js|png)$ {{ return 200 "the site's script"; }}
        location ~ user {{ return 200 "the site's users"; }}
        include {conf}/location.conf;
    }}
}}
"""


@pytest.fixture(scope="module")
def own_site():
    root = nginx_site.folder()
    site = nginx_site.Site(root, plain=True)
    (site.run / "cache").mkdir()
    user = next((line for line in (site.conf / "nginx.conf").read_text().splitlines() if line.startswith("user ")), "")
    (site.conf / "nginx.conf").write_text(SITE.format(run=site.run, conf=site.conf, port=site.port, user=user))
    alice, bob = (UserServer(name, root / "servers") for name in ("alice", "bob"))
    gateway = StubGateway(root / "gateway.sock")
    gateway.upstream = f"unix:{alice.path}"
    site.start()
    yield types.SimpleNamespace(site=site, wire=Wire(site.port), alice=alice, bob=bob, gateway=gateway)
    for part in (site, gateway, alice, bob):
        part.stop()
    shutil.rmtree(root)


@pytest.fixture
def place(own_site):
    own_site.gateway.character, own_site.gateway.page_status = "grants", 200
    own_site.gateway.seen.clear()
    own_site.alice.forget()
    yield own_site
    assert own_site.bob.calls == 0


def test_the_rest_of_the_site_stays_its_own(place):
    assert place.wire.send("GET", "/").text == "the site itself"
    assert place.wire.send("GET", "/jupyterhubx/user/alice/").text == "the site's users"


@pytest.mark.parametrize("path", ["/user/alice/echo", "/user/alice/x.php", "/user/alice/static/a.js"])
def test_a_user_s_server_is_reached_whatever_locations_the_site_has(place, path):
    reply = place.wire.get(path)
    assert reply.of_server() == "alice"
    assert "X-Site-Secret" not in reply.text and place.gateway.questions()[-1]["X-Forwarded-Proto"] == "http"


def test_the_hub_is_reached(place):
    for path in ("", "/", "/hub/login", "/hub/static/x.js", "/hub/api/users/alice/server/progress"):
        assert place.wire.get(path).text == "page of the stub gateway", path
        assert place.gateway.seen[-1][1] == PREFIX + path


def test_a_refusal_is_the_gateway_s_in_spite_of_the_site_s_error_pages_and_satisfy_any(place):
    place.gateway.character, place.gateway.page_status = "refuses", 403
    for headers in (NAVIGATE, UPGRADE):
        reply = place.wire.get("/user/alice/echo", headers)
        assert (reply.status, reply.text) == (403, "page of the stub gateway")
    assert place.alice.calls == 0


def test_a_server_s_own_refusal_passes_in_spite_of_the_site_s_error_pages(place):
    reply = place.wire.get("/user/alice/forbidden")
    assert (reply.status, reply.of_server()) == (403, "alice")


def test_no_answer_is_kept_for_the_next_visitor(place):
    for _ in range(2):
        assert place.wire.get("/user/alice/echo").of_server() == "alice"
        assert place.wire.get("/hub/home").status == 200
    assert (len(place.alice.seen), len([path for _, path, _ in place.gateway.seen if path == f"{PREFIX}/hub/home"])) == (2, 2)


def test_what_is_nobody_s_below_the_prefix_is_not_found(place):
    for path in ("/other", "/userx/alice", "/_auth", "/_down"):
        assert place.wire.get(path, cookie="a=b").text != "the site itself", path
        assert place.alice.calls == 0


def test_a_websocket_is_opened(place):
    assert place.wire.get("/user/alice/echo", UPGRADE).status == 101


def test_the_site_s_log_does_not_hold_our_queries(place):
    place.wire.get("/user/alice/echo?token=secret-of-alice", [("Referer", "http://hub.test/x?token=secret-of-alice")])
    for log in place.site.run.glob("*.log"):
        assert "secret-of-alice" not in log.read_text(), log.name
