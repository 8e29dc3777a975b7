"""JupyterHub's own single-user servers, unmodified, started with hubgate_server.py before a small hub."""

import json
import os
import re
import tempfile
import time
import urllib.parse
from pathlib import Path

import pytest
from websockets.sync.client import unix_connect

from hub import ALICE, BOB, CODE, SERVER_TOKEN, Hub
from server import Server
from test_server import listening_tcp_ports, run_cell

RELEASES = {"5": ("HUBGATE_TEST_JUPYTERHUB5", "5.5.4"), "6": ("HUBGATE_TEST_JUPYTERHUB6", "6.1.1")}
PROGRAMS = {"singleuser": ["jupyterhub-singleuser"], "labhub": ["jupyter", "labhub"]}
PREFIX = "/jupyterhub/user/alice/"


def program(release, name):
    """The command that starts it."""
    folder = Path(os.environ[RELEASES[release][0]])
    return [str(folder / PROGRAMS[name][0]), *PROGRAMS[name][1:]]


class HubServer(Server):
    """A server that JupyterHub's code guards."""

    def __init__(self, folder, release, name, instance="alice", **more):
        self.hub = Hub(RELEASES[release][1])
        super().__init__(folder, instance, (), program=program(release, name), **{**self.hub.environment(instance, f"{folder}/s.sock"), **more})

    def __exit__(self, *problem):
        super().__exit__(*problem)
        self.hub.stop()

    def ask_with(self, token, path, method="GET", body=None, **headers):
        """As a script asks: the token, and nothing else."""
        return self.ask(path, method, None, None if body is None else json.dumps(body), Authorization=f"token {token}", **headers)

    def write_with(self, token, path, method="POST", body=None):
        """As a script writes. `labhub` asks it for an XSRF token too, under JupyterHub itself as well."""
        if self.program[-1] != "labhub":
            return self.ask_with(token, path, method, body)
        page = self.ask_with(token, "lab", Sec_Fetch_Mode="navigate")
        (form,) = [part for part in cookies(page).split("; ") if part.startswith("_xsrf=")]
        return self.ask_with(token, path, method, body, Cookie=form, X_XSRFToken=form.partition("=")[2])

    def log_in(self):
        """The OAuth round trip of a browser that the hub knows; what it sends as cookies from then on."""
        away = self.ask("lab", user=None, Sec_Fetch_Mode="navigate")
        assert away.status == 302, away.text
        where = urllib.parse.urlsplit(away.headers["Location"])
        asked = dict(urllib.parse.parse_qsl(where.query))
        assert (where.netloc, where.path) == ("", "/jupyterhub/hub/api/oauth2/authorize")
        self.hub.challenge = asked.get("code_challenge")
        state = cookies(away)
        back = self.ask(f"oauth_callback?code={CODE}&state={asked['state']}", user=None, Cookie=state, Sec_Fetch_Mode="navigate")
        assert (back.status, back.headers["Location"]) == (302, self.base + "lab"), back.text
        return asked, cookies(back)


def cookies(answer):
    """What a browser would send back; cookies that are taken away are left out."""
    lines = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie") or []]
    return "; ".join(line for line in lines if not line.endswith('=""') and not line.endswith("="))


@pytest.fixture(scope="module", params=[f"{name}-{release}" for release in RELEASES for name in PROGRAMS])
def server(request):
    """One server of each kind."""
    name, _, release = request.param.partition("-")
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder, HubServer(folder, release, name) as started:
        started.release = release
        yield started.ready()


def test_it_serves_on_the_inherited_socket_alone_and_reports_to_systemd(server):
    assert server.messages[0].startswith("READY=1\nSTATUS=hubgate kernels=0 busy=0 terminals=0 connections=0 last=")
    assert listening_tcp_ports(server.process.pid) == set()
    answer = server.ask("api", user=None)
    assert answer.status == 200 and answer.headers["X-JupyterHub-Version"] == RELEASES[server.release][1]


def test_it_looks_at_the_hub_s_version_and_reports_its_activity(server):
    end = time.monotonic() + 30
    # 5.x says that it is ready before it has asked for the version.
    while not (server.hub.asked("GET", "") and (posts := server.hub.asked("POST", "/users/alice/activity"))):
        assert time.monotonic() < end, "the version was not asked for, or no activity was reported"
        time.sleep(0.1)
    token, body = posts[0]
    assert token == SERVER_TOKEN and set(json.loads(body)["servers"]) == {""}


def test_a_browser_comes_in_by_oauth_and_finds_the_hub_in_lab(server):
    asked, cookie = server.log_in()
    assert asked["client_id"] == "jupyterhub-user-alice" and asked["redirect_uri"] == PREFIX + "oauth_callback"
    page = server.ask("lab", user=None, Cookie=cookie, Sec_Fetch_Mode="navigate")
    assert page.status == 200
    data = json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page.text, re.S).group(1))
    assert {name: data.get(name) for name in ("hubPrefix", "hubHost", "hubServerUser", "baseUrl")} == {
        "hubPrefix": "/jupyterhub/hub/", "hubHost": "", "hubServerUser": "alice", "baseUrl": PREFIX}
    assert data["hubUser"] and data["token"] == ALICE
    assert "hubgate" in [extension["name"] for extension in data["federated_extensions"]]


def test_the_visitor_whom_nginx_names_is_nobody_without_a_token_of_the_hub(server):
    assert server.ask("api/status", user="alice").status == 403
    assert server.ask("api/contents", user="alice", X_Hubgate_Credential="token").status == 403
    assert server.ask_with("never-issued", "api/status").status == 403
    refused = server.ask_with(BOB, "api/status")
    assert refused.status == 403


def test_a_script_with_a_token_writes_and_a_stranger_does_not(server):
    made = server.write_with(ALICE, "api/contents", "POST", {"type": "notebook"})
    assert made.status == 201, made.text
    assert server.ask("api/contents", "POST", user=None, body=json.dumps({"type": "notebook"})).status == 403


def test_a_cell_runs_over_a_websocket_that_a_token_opened(server):
    kernel = server.write_with(ALICE, "api/kernels", "POST", {}).json()["id"]
    address = f"ws://hub.example{server.base}api/kernels/{kernel}/channels"
    with unix_connect(server.path, uri=address, max_size=None, compression=None, additional_headers={"Authorization": f"token {ALICE}"}) as socket:
        assert run_cell(socket, "print(6 * 7)") == "42\n"
    assert server.status(kernels=1)["kernels"] == 1
    assert server.write_with(ALICE, f"api/kernels/{kernel}", "DELETE").status == 204


def test_log_out_leads_to_the_hub(server):
    _, cookie = server.log_in()
    answer = server.ask("logout", user=None, Cookie=cookie)
    assert (answer.status, answer.headers["Location"]) == (302, "/jupyterhub/hub/logout")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_named_server_has_its_own_address_and_name(name):
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder, HubServer(folder, "6", name, "alice:gpu") as server:
        server.ready()
        asked, cookie = server.log_in()
        assert (asked["client_id"], asked["redirect_uri"]) == ("jupyterhub-user-alice..gpu", PREFIX + "gpu/oauth_callback")
        page = server.ask("lab", user=None, Cookie=cookie, Sec_Fetch_Mode="navigate").text
        assert '"hubServerName": "gpu"' in page and f'"baseUrl": "{PREFIX}gpu/"' in page


def test_users_settings_are_read_and_can_be_switched_off(tmp_path):
    for disable, status in (("", 404), ("1", 200)):
        with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder:
            server = HubServer(folder, "6", "singleuser", JUPYTERHUB_DISABLE_USER_CONFIG=disable)
            (server.home / ".jupyter").mkdir()
            (server.home / "work").mkdir()
            (server.home / ".jupyter/jupyter_server_config.py").write_text(f"c.ServerApp.root_dir = {str(server.home / 'work')!r}\n")
            with server:
                server.ready()
                assert server.ask_with(ALICE, "api/contents/work").status == status


def test_another_program_does_not_serve_with_the_hub_s_token_in_its_environment(tmp_path):
    hub = Hub("6.1.1")
    try:
        with Server(tmp_path, **hub.environment("alice")) as server:
            assert server.process.wait(60) == 1
            assert "this program is not JupyterHub's" in server.output() and "Traceback" not in server.output()
    finally:
        hub.stop()
