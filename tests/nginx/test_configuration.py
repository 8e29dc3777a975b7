"""C1 to C18 of the security checklist 3.1, on what `nginx -T` prints."""

import shutil

import pytest

import nginx_site
from nginx_tree import parse
from users import HOSTILE

P = "/jupyterhub"
# Who answers where without asking the gateway first: the gateway itself, or a page of nginx's own.
OPEN = {f"location = {P}", f"location = {P}/", f"location ^~ {P}/hub/", f"location = {P}/hub/login", f"location ^~ {P}/hub/static/",
        f"location = {P}/hub/admin/import", f"location ^~ {P}/hub/api/", f'location ~ ^{P}/hub/api/users/[^/]+/servers?/(?:[^/]+/)?progress\\z', f"location = {P}/_refused", f"location = {P}/_failed",
        f"location = {P}/_down"}


@pytest.fixture(scope="module")
def tree():
    root = nginx_site.folder()
    yield parse(nginx_site.Site(root).dump())
    shutil.rmtree(root)


@pytest.fixture
def site(tree):
    """The server {} that serves the hub."""
    return next(server for server in tree.all("server") if server.own("auth_request"))


@pytest.fixture
def listener(tree):
    """The server {} that carries the API alone."""
    (found,) = [server for server in tree.all("server") if any(server.all("proxy_pass")) and not server.own("auth_request")]
    return found


@pytest.fixture
def places(site):
    """Locations with a content of their own, by title."""
    return {place.title: place for place in site.all("location")}


def named(places, part):
    (found,) = [place for title, place in places.items() if part in title]
    return found


@pytest.fixture
def question(places):
    return named(places, f"= {P}/_auth")


@pytest.fixture
def to_users(places):
    """The ways to a user's server, and to a service: plain, and as a websocket."""
    return [place for place in places.values() if {("http://$admitted_upstream",), ("http://$admitted_service",)} & set(place.own("proxy_pass"))]


def test_c1_every_location_asks_the_gateway_unless_it_is_the_gateway_s_own(places, site):
    assert site.value("auth_request") == (f"{P}/_auth",)
    assert places[f"location ^~ {P}/"].own("auth_request") == [(f"{P}/_auth",)], "holds inside a server of one's own, too"
    assert {title for title, place in places.items() if place.value("auth_request") == ("off",)} == OPEN | {f"location = {P}/_auth"}
    assert {place.value("satisfy") for place in places.values() if place.own("proxy_pass")} == {("all",)}


def test_c2_the_question_is_internal_and_has_no_body(question):
    assert question.own("internal") == [()]
    assert question.value("proxy_pass_request_body") == ("off",)
    assert (question.headers()["content-length"], question.headers()["transfer-encoding"]) == ("", "")
    assert question.value("client_max_body_size") == ("0",), "a large upload must not fail at the question"


def test_c3_every_input_of_the_decision_is_set_and_nothing_else_is_passed(places, question):
    expected = {"x-original-uri": "$request_uri", "x-original-method": "$request_method", "x-normalized-uri": "$hubgate_normalized",
                "x-real-ip": "$remote_addr", "x-real-port": "$remote_port", "x-orig-upgrade": "$http_upgrade",
                "x-orig-origin": "$http_origin", "x-orig-fetch-site": "$http_sec_fetch_site", "x-orig-fetch-mode": "$http_sec_fetch_mode",
                "x-orig-fetch-dest": "$http_sec_fetch_dest", "cookie": "$http_cookie", "authorization": "$http_authorization",
                "user-agent": "$http_user_agent", "x-original-host": "$http_host", "x-forwarded-proto": "$scheme",
                "x-orig-accept": "$http_accept", "host": "hubgate", "connection": "", "content-length": "", "transfer-encoding": ""}
    assert question.headers() == expected
    # What the page of a refusal is written with: the visitor's language, and the name of the request in the logs.
    page = {"x-request-id": "$request_id", "accept-language": "$http_accept_language"}
    for name, more in (("_auth", {}), ("_refused", page), ("_failed", page)):
        place = named(places, f"= {P}/{name}")
        assert place.value("proxy_pass_request_headers") == ("off",)
        assert place.headers() | {"x-original-method": "", "x-hubgate-failed": ""} == expected | more | {"x-original-method": "", "x-hubgate-failed": ""}


def test_c5_upstreams_come_from_the_answer_and_no_client_byte_is_in_a_target(tree, site, to_users):
    targets = {block.args[0] for block in site.all("proxy_pass")}
    assert targets == {"http://hubgate", "http://hubgate/auth", f"http://hubgate{P}/user/", "http://$admitted_upstream", "http://$admitted_service"}
    assert len(to_users) == 4
    for name, shapes in (("$admitted_upstream", ["unix:"]), ("$admitted_service", ["[0-9]{1,3}", "::1"])):
        (admitted,) = [block for block in tree.all("map") if block.args[1] == name]
        assert admitted.args[0] == "$hubgate_upstream" and ("",) in admitted.own("default")
        lines = [line.name for line in admitted.inside if line.name != "default"]
        assert len(lines) == len(shapes)
        for line, shape in zip(lines, shapes, strict=True):
            assert shape in line and line.startswith('"~^') and line.endswith('\\z"')
        ways = [place.title for place in to_users if (f"http://{name}",) in place.own("proxy_pass")]
        assert len(ways) == 2 and all(("service" in title) == ("service" in name) for title in ways)
    for place in to_users:
        assert ("$hubgate_upstream", "$upstream_http_x_hubgate_upstream") in place.list("auth_request_set")
    for block in [*tree.all("root"), *tree.all("return"), *tree.all("try_files")]:
        assert "$" not in block.title, block.title
    assert not [*tree.all("set"), *tree.all("alias"), *tree.all("rewrite")]


def test_c6_what_a_server_may_not_say_is_ignored_and_hidden(to_users):
    for place in to_users:
        assert set(place.value("proxy_ignore_headers")) == {
            f"X-Accel-{name}" for name in ("Redirect", "Expires", "Limit-Rate", "Buffering", "Charset")}
        hidden = {name.lower() for (name,) in place.list("proxy_hide_header")}
        assert {name.lower() for name in HOSTILE} | {"x-accel-redirect"} <= hidden


def test_c7_cookies_of_a_server_are_moved_below_its_own_path(tree, to_users):
    (admitted,) = [block for block in tree.all("map") if block.args[1] == "$admitted_path"]
    assert admitted.args[0] == "$hubgate_path" and admitted.own("default") == [(f"{P}/_none/",)]
    assert all(line.name.startswith((f'"~^{P}/user/[', f'"~^{P}/services/[')) and line.name.endswith('\\z"') for line in admitted.inside[1:])
    for place in to_users:
        # The first that fits holds; the second fits every path.
        assert place.list("proxy_cookie_path") == [("$admitted_path", "$admitted_path"), ("~^", "$admitted_path")]
        assert ("$hubgate_path", "$upstream_http_x_hubgate_path") in place.list("auth_request_set")


def test_c8_cookie_and_authorization_are_the_answer_s(to_users):
    for place in to_users:
        assert (place.headers()["cookie"], place.headers()["authorization"]) == ("$hubgate_cookie", "$hubgate_authorization")
        assert place.headers()["x-hubgate-user"] == "$hubgate_user"
        assert place.headers()["x-hubgate-credential"] == "$admitted_credential"


def test_c9_only_a_websocket_upgrades(tree, to_users):
    (upgrade,) = [block for block in tree.all("map") if block.args[1] == "$hubgate_upgrade"]
    assert [(line.name, line.args) for line in upgrade.inside] == [("default", ("",)), ('"~*^GET:websocket\\z"', ("websocket",))]
    (connection,) = [block for block in tree.all("map") if block.args[1] == "$hubgate_connection"]
    assert connection.args[0] == "$hubgate_upgrade" and ("upgrade",) in connection.own("default")
    for place in to_users:
        assert (place.headers()["upgrade"], place.headers()["connection"]) == ("$hubgate_upgrade", "$hubgate_connection")


def test_c10_foreign_names_are_refused_and_redirects_stay_relative(tree, site):
    assert site.own("server_name") == [("hub.test", "localhost")]
    default = [server for server in tree.all("server") if any("default_server" in args for args in server.own("listen"))]
    assert len(default) == 3
    assert all(server.own("return") == [("444",)] for server in default)
    tls = [server for server in default if any("ssl" in args for args in server.own("listen"))]
    assert [server.own("ssl_reject_handshake") for server in tls] == [[("on",)]]
    for place in [*tree.all("server"), *site.all("location")]:
        if place.name == "server" and place.args:
            continue  # a line of the upstream
        assert (place.value("absolute_redirect"), place.value("port_in_redirect"), place.value("server_tokens")) == (("off",),) * 3


def test_c11_headers_and_slashes_are_read_strictly(site):
    assert site.value("underscores_in_headers") == ("off",)
    assert site.value("ignore_invalid_headers") == ("on",)
    assert site.value("merge_slashes") == ("on",)


def test_c12_slow_and_large_requests_have_bounds(places, site, to_users):
    bounds = {"client_header_timeout": ("10s",), "client_body_timeout": ("30s",), "send_timeout": ("30s",),
              "keepalive_timeout": ("65s",), "large_client_header_buffers": ("4", "8k")}
    assert {name: site.value(name) for name in bounds} == bounds
    for place in to_users:
        assert (place.value("client_max_body_size"), place.value("proxy_request_buffering")) == (("0",), ("off",))
    for title, place in places.items():
        if place.own("proxy_pass") == [("http://hubgate",)]:
            most = ("1m",) if "/hub/api/" in title or "/hub/admin/import" in title else ("64k",)
            assert (place.value("client_max_body_size"), place.value("client_body_buffer_size")) == (most, most), title
            assert ("hubgate_address", "2000") in place.list("limit_conn"), title
    assert named(places, f"= {P}/hub/login").own("limit_req") == [("zone=hubgate_login", "burst=500", "delay=50")]


def test_c13_refusals_are_worded_by_the_gateway_and_its_death_by_a_static_page(places, to_users):
    for place in to_users:
        assert ("401", "403", "=", f"{P}/_refused") in place.list("error_page")
        assert ("502", "504", "=", f"{P}/_failed") in place.list("error_page")
        assert ("500", "503", "=503", f"{P}/_down") in place.list("error_page")
        assert place.value("proxy_intercept_errors") == ("off",)
    for title in OPEN - {f"location = {P}/_down"}:
        assert any(args[-1] == f"{P}/_down" and "502" in args and "500" in args for args in places[title].list("error_page")), title


def test_c14_a_dying_gateway_loses_no_request_that_can_be_repeated(tree, places, question):
    (upstream,) = tree.all("upstream")
    ((kept,),) = upstream.own("keepalive")
    assert len(set(upstream.own("server"))) == 1 and upstream.own("server")[0][1] == "max_fails=0"
    assert len(upstream.own("server")) >= int(kept) + 2, "every kept connection may die and cost a line"
    for place in places.values():
        if any(args[0].startswith("http://hubgate") for args in place.own("proxy_pass")):
            assert place.value("proxy_next_upstream") == ("error", "timeout"), "never non_idempotent"
            assert place.value("proxy_next_upstream_tries") == ("3",)
            assert place.value("proxy_connect_timeout") == ("2s",)
    assert question.value("proxy_read_timeout") == ("10s",) and question.value("proxy_next_upstream_timeout") == ("10s",)


def test_c15_the_log_holds_no_query_no_cookie_and_no_password(tree, places):
    (form,) = tree.all("log_format")
    text = " ".join(form.args)
    for secret in ("$args", "$query_string", "$request_uri", "$request ", '$request"', "$http_", "cookie", "authorization", "upstream_http"):
        assert secret not in text.lower(), secret
    assert "$request_id" in text and "$hubgate_log_uri" in text
    assert {place.value("access_log")[1:] for place in places.values() if place.own("proxy_pass")} == {("hubgate", "if=$hubgate_logged")}


def test_c16_nothing_that_serves_by_accident(tree):
    for name in ("rewrite", "set", "alias", "dav_methods", "autoindex", "perl", "mirror", "proxy_store_access"):
        assert not list(tree.all(name)), name
    assert {block.args for block in tree.all("proxy_cache")} <= {("off",)}
    assert {block.args for block in tree.all("satisfy")} <= {("all",)}
    for block in tree.all("if"):
        assert [inner.name for inner in block.inside] == ["return"], block.title
    for block in [*tree.all("location"), *tree.all("map")]:
        for text in (*block.args, *(line.name for line in block.inside)):
            assert "(" not in text.replace("(?:", "").replace("(?<", "").replace("(?!", "") or text.startswith("("), f"an unnamed capture: {text}"


def test_c17_answers_of_servers_stay_within_small_buffers(to_users):
    for place in to_users:
        assert place.value("proxy_buffer_size") == ("8k",) and place.value("proxy_buffers") == ("16", "8k")
        assert place.value("proxy_max_temp_file_size") == ("0",)
    deadlines = {place.title: place.value("proxy_read_timeout") for place in to_users}
    for name in ("@hubgate_websocket", "@hubgate_service_websocket"):
        assert deadlines.pop(f"location {name}") == ("24h",)
    assert list(deadlines.values()) == [("10m",)] * 2


def test_c18_no_location_reaches_a_server_without_the_answer(places, to_users):
    for place in to_users:
        assert place.value("auth_request") == (f"{P}/_auth",)
        assert place.value("proxy_next_upstream") == ("off",)
    assert not [place for place in places.values() if place.own("proxy_pass") and "$" in place.own("proxy_pass")[0][0] and place not in to_users]


def test_the_second_listener_carries_the_api_alone_without_cookies_and_on_loopback(tree, listener):
    port = listener.own("listen")[0][0]
    assert port.startswith("127.0.0.1:") and listener.own("server_name") == [("127.0.0.1", "localhost")]
    (default,) = [server for server in tree.all("server") if (port, "default_server") in server.own("listen")]
    assert default.own("return") == [("444",)]
    places = {place.title: place for place in listener.all("location")}
    passing = {title for title, place in places.items() if place.own("proxy_pass")}
    assert passing == {f"location = {P}/hub/api", f"location ^~ {P}/hub/api/",
                       f"location ~ ^{P}/hub/api/users/[^/]+/servers?/(?:[^/]+/)?progress\\z"}
    assert set(places) - passing == {f"location = {P}/_down", "location /"} and places["location /"].own("return") == [("404",)]
    for title in passing:
        place = places[title]
        assert place.own("proxy_pass") == [("http://hubgate",)] and place.headers()["cookie"] == ""
        assert place.value("client_max_body_size") == ("1m",) and ("hubgate_address", "2000") in place.list("limit_conn")
        assert [block.args for block in place.inside if block.name == "if"][0] == ("($hubgate_outside_api)",)
    assert {name: value for name, value in places[f"location = {P}/hub/api"].headers().items() if name != "cookie"} == \
        next(place for place in tree.all("location") if place.title == f"location ^~ {P}/hub/static/").headers()
