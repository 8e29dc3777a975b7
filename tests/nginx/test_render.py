"""render.sh: every value lands where it belongs, and a value that could become configuration is refused."""

import os
import shutil
import subprocess

import pytest

import nginx_site
from gateway import PROJECT, StubGateway
from nginx_tree import parse
from wire import Wire


@pytest.fixture
def root():
    path = nginx_site.folder()
    yield path
    shutil.rmtree(path)


REFUSED = [
    ("--prefix", "/"), ("--prefix", "hub"), ("--prefix", "/hub/"), ("--prefix", "//hub"), ("--prefix", "/h;b"), ("--prefix", "/Hub"),
    ("--prefix", "/h b"), ("--prefix", "/h.b"), ("--prefix", ""), ("--gateway-socket", "run/x.sock"), ("--gateway-socket", "/a/../b"),
    ("--gateway-socket", "/" + "x" * 107), ("--server-sockets", "/run/a b"), ("--server-sockets", "/run/$x"), ("--server-sockets", "/run/a;"),
    ("--server-sockets", "/run/a:b"), ("--server-sockets", "/" + "x" * 69), ("--tls", "/etc/{x}"), ("--cert", "/a\nb"), ("--key", "/a'b"),
    ("--port", "0"), ("--port", "65536"), ("--port", "443;"), ("--port", "-1"), ("--port", "x"), ("--port", ""), ("--port", "99999999999999999999"),
    ("--http-port", "no"), ("--http-port", "443"), ("--api-port", "443"), ("--api-port", "80"), ("--api-port", "8081;"), ("--api-port", ""), ("--server-name", ""), ("--server-name", " "), ("--server-name", "a;b"), ("--server-name", "*"),
    ("--server-name", "~x"), ("--server-name", "a\nb"), ("--server-name", "]["), ("--server-name", "a:zz"), ("--server-name", "-a"),
    ("--share", "/a#b"), ("--share", "/a\\b"), ("--share", "/a&b"), ("--log-dir", "/a|b"), ("--standalone", "x"), ("--user", "a b"), ("--user", "$x"),
    ("--conf-dir", "/a@b"), ("--nonsense", "x")]


@pytest.mark.parametrize("option,value", REFUSED)
def test_an_odd_value_is_refused_in_one_line_and_nothing_is_written(root, option, value):
    done = nginx_site.render("--out", root / "conf", option, value)
    assert done.returncode == 2 and done.stderr.startswith("render.sh: ")
    assert option in done.stderr
    assert not (root / "conf").exists()


def test_the_originals_are_not_overwritten():
    done = nginx_site.render("--out", PROJECT / "nginx", "--prefix", "/other")
    assert done.returncode == 2 and "originals" in done.stderr


def test_a_missing_value_and_a_missing_folder_are_named():
    assert "--out is missing" in nginx_site.render().stderr
    assert "--port needs a value" in nginx_site.render("--out", "/x", "--port").stderr


def test_without_options_the_files_come_out_as_they_are(root):
    assert nginx_site.render("--out", root / "conf", "--conf-dir", "/etc/nginx/hubgate").returncode == 0
    for original in (PROJECT / "nginx").rglob("*.conf"):
        if original.name != "standalone.conf":
            assert (root / "conf" / original.relative_to(PROJECT / "nginx")).read_text() == original.read_text()


def test_a_value_that_looks_like_another_default_stays_what_it_is(root):
    odd = root / "jupyterhub/etc/nginx/hubgate/run/jupyter"
    odd.mkdir(parents=True)
    nginx_site.certificate(odd / "tls")
    done = nginx_site.render("--out", odd / "conf", "--standalone", odd / "usr/share/hubgate", "--tls", odd / "tls", "--prefix", "/lab/listen",
                             "--gateway-socket", root / "run/jupyter/g.sock", "--server-sockets", root / "a.b+c", "--share", odd,
                             "--port", nginx_site.free_port(), "--http-port", "none", "--api-port", nginx_site.free_port())
    assert done.returncode == 0, done.stderr
    dump = subprocess.run(["nginx", "-T", "-c", odd / "conf/nginx.conf"], capture_output=True, text=True)
    assert dump.returncode == 0, dump.stderr
    tree = parse(dump.stdout)
    assert {args[0] for args in next(tree.all("upstream")).own("server")} == {f"unix:{root}/run/jupyter/g.sock"}
    assert {args[0] for block in tree.all("location") for args in block.own("root")} == {f"{odd}/nginx/html"}
    (shape,) = [line.name for block in tree.all("map") if block.args[1] == "$admitted_upstream" for line in block.inside[1:]]
    assert str(root / "a.b+c").replace(".", "\\.").replace("+", "\\+") in shape
    assert "/jupyterhub/user" not in dump.stdout and "location ^~ /lab/listen/hub/ {" in dump.stdout


def test_a_hub_reached_by_address_shakes_hands_without_a_name_and_still_refuses_foreign_hosts(root):
    site = nginx_site.Site(root, "--server-name", "hub.test 127.0.0.1 ::1").start()
    gateway = StubGateway(root / "gateway.sock")
    try:
        by_address = Wire(site.port, root / "tls/server.crt", name="127.0.0.1")
        assert by_address.get("/hub/x", host=f"127.0.0.1:{site.port}").status == 200
        assert by_address.get("/hub/x", host="evil.test").status == 0
        assert site.wire.send("GET", "/jupyterhub/hub/x", host="evil.test").status == 0
        assert Wire(site.port, root / "tls/server.crt", name="evil.test").get("/hub/x").status == 421
    finally:
        gateway.stop()
        site.stop()


def test_plain_http_is_served_only_when_it_is_asked_for(root):
    site = nginx_site.Site(root, plain=True).start()
    gateway = StubGateway(root / "gateway.sock")
    try:
        assert site.wire.get("/hub/x").status == 200
        assert site.wire.get("/hub/x", host="evil.test").status == 0
        assert gateway.seen[0][2]["X-Forwarded-Proto"] == "http"
        assert "ssl" not in site.dump().replace("ssl_server_name", "")
    finally:
        gateway.stop()
        site.stop()


def test_certificates_of_one_s_own_and_no_second_port(root):
    nginx_site.certificate(root / "own")
    os.rename(root / "own/server.crt", root / "own/chain.pem")
    site = nginx_site.Site(root, "--cert", root / "own/chain.pem", "--key", root / "own/server.key", "--http-port", "none", "--no-ipv6", "--api-port", "none")
    tree = parse(site.dump())
    assert {block.args[0] for block in tree.all("ssl_certificate")} == {str(root / "own/chain.pem")}
    assert [args[0] for server in tree.all("server") for args in server.own("listen")] == [str(site.port)] * 2


def test_rendering_twice_gives_the_same_files(root):
    def files():
        assert nginx_site.render("--out", root / "conf", "--standalone", root / "run").returncode == 0
        return {path.name: path.read_text() for path in (root / "conf").rglob("*.conf")}

    assert files() == files()
