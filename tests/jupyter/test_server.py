"""What hubgate_server.py promises, asked of a real JupyterLab."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from server import Server


@pytest.fixture(scope="module")
def lab():
    """A JupyterLab of alice, whose home has a short path as real homes do: kernels' sockets fit in it."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder, Server(folder) as server:
        yield server.ready()


def run_cell(socket, code, limit_s=60):
    """Runs code in a kernel and returns what it printed."""
    request = {"header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex,
                          "version": "5.3", "date": ""}, "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
               "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}}
    socket.send(json.dumps(request))
    printed, end = "", time.monotonic() + limit_s
    while time.monotonic() < end:
        message = json.loads(socket.recv(timeout=limit_s))
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return printed
    raise AssertionError(f"no answer in {limit_s} s; had {printed!r}")


def listening_tcp_ports(pid):
    """Ports on which this process or its children listen."""
    family, inodes, ports = [pid], set(), set()
    for process in family:
        for task in os.listdir(f"/proc/{process}/task"):
            family += map(int, open(f"/proc/{process}/task/{task}/children").read().split())
        for fd in os.listdir(f"/proc/{process}/fd"):
            try:
                inodes.add(os.readlink(f"/proc/{process}/fd/{fd}"))
            except FileNotFoundError:
                continue
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in open(table).readlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                ports.add(int(words[1].rsplit(":", 1)[1], 16))
    return ports


def test_it_is_ready_only_when_it_answers_and_says_what_runs(tmp_path):
    with Server(tmp_path) as server:
        first = server.message(lambda text: True)
        assert first.startswith("READY=1\nSTATUS=hubgate kernels=0 busy=0 terminals=0 connections=0 last=")
        assert server.ask("api/status").status == 200


def test_it_answers_on_the_inherited_socket_under_its_base_url(lab):
    assert lab.ask("api/status").status == 200
    assert listening_tcp_ports(lab.process.pid) == set()


def test_a_request_without_a_visitor_gets_no_answer_whatever_it_asks_for(lab):
    for path in ("", "lab", "api", "api/status", "api/contents", "static/favicon.ico", "login", "logout", "lsp/status", "nowhere"):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = lab.ask(path, method, user=None)
            assert (answer.status, "no X-Hubgate-User header" in answer.text) == (403, True), (method, path, answer.text)
            assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("name", ["", "Alice", "alice bob", "alice,bob", "../alice", "a" * 33, "root\x0bx"])
def test_a_visitor_header_that_is_no_name_is_no_visitor(lab, name):
    assert lab.ask("api/status", user=name).status in (400, 403)


def test_the_visitor_is_named_by_the_header_and_not_by_the_owner(lab):
    assert lab.ask("api/me", user="bob").json()["identity"]["username"] == "bob"
    assert lab.ask("api/me", user="alice").json()["identity"]["username"] == "alice"


def test_jupyters_own_token_is_off_and_cannot_be_used(lab):
    assert '"token": ""' in lab.ask("lab").text
    assert lab.ask("api/status?token=x", user=None, Authorization="token x").status == 403


def test_a_change_without_the_xsrf_token_is_refused(lab):
    body = json.dumps({"type": "notebook"})
    assert lab.ask("api/contents", "POST", body=body).status == 403
    assert lab.ask("api/contents", "POST", body=body, Authorization="token anything").status == 403
    assert lab.ask("api/contents?token=anything", "POST", body=body).status == 403
    assert lab.change("api/contents", body={"type": "notebook"}).status == 201


@pytest.mark.parametrize(("said", "status"), [("token", 201), ("session", 403), ("", 403), ("Token", 403), ("token, session", 403)])
def test_a_script_whose_token_the_hub_checked_needs_no_xsrf_token(lab, said, status):
    body = json.dumps({"type": "notebook"})
    assert lab.ask("api/contents", "POST", body=body, X_Hubgate_Credential=said).status == status
    if said == "token":
        assert lab.ask("api/contents", "POST", body=body, user=None, X_Hubgate_Credential=said).status == 403
        assert lab.ask("api/contents", "POST", body=body, Origin="https://tool.example", X_Hubgate_Credential=said).status == 201


def test_a_change_from_another_origin_is_refused_even_with_the_token(lab):
    answer = lab.change("api/contents", body={"type": "notebook"}, Origin="https://evil.example")
    assert answer.status in (403, 404)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["api/events/subscribe", "lsp/ws/pylsp", "api/kernels/{}/channels", "terminals/websocket/1"])
def test_a_websocket_from_another_origin_or_without_a_visitor_is_refused(lab, path):
    kernel = lab.change("api/kernels").json()["id"]
    lab.change("api/terminals", body={"name": "1"})
    for refused in ({"origin": "https://evil.example"}, {"user": None}):
        with pytest.raises(InvalidStatus) as error, lab.websocket(path.format(kernel), **refused):
            raise AssertionError("it opened")
        assert error.value.response.status_code == 403
    with lab.websocket(path.format(kernel)):
        assert lab.change(f"api/kernels/{kernel}", "DELETE").status == 204


def test_jupyterlab_knows_the_hub_and_log_out_reaches_it(lab):
    page = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', lab.ask("lab").text, re.S).group(1)
    data = json.loads(page)
    assert {name: data.get(name) for name in ("hubPrefix", "hubHost", "hubUser", "hubServerName", "baseUrl", "quitButton")} == {
        "hubPrefix": "/jupyterhub/hub/", "hubHost": "", "hubUser": "alice", "hubServerName": None,
        "baseUrl": "/jupyterhub/user/alice/", "quitButton": False}
    answer = lab.ask("logout")
    assert (answer.status, answer.headers["Location"]) == (302, "/jupyterhub/hub/logout")


@pytest.mark.parametrize(("command", "page"), [(("lab",), "lab"), (("notebook",), "tree")])
def test_jupyterlab_and_notebook_load_the_extension_of_the_hub(tmp_path, command, page):
    with Server(tmp_path, command=command) as server:
        server.ready()
        data = json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', server.ask(page).text, re.S).group(1))
        ours = next(extension for extension in data["federated_extensions"] if extension["name"] == "hubgate")
        assert (ours["load"], ours["extension"]) == ("static/remoteEntry.js", "./extension")
        served = server.ask(f"lab/extensions/hubgate/{ours['load']}")
        assert served.status == 200 and "_JUPYTERLAB" in served.text


def test_the_servers_own_address_leads_to_its_default_page(lab):
    answer = lab.ask("")
    assert (answer.status, answer.headers["Location"]) == (302, "/jupyterhub/user/alice/lab?")


def test_kernels_and_terminals_inherit_neither_the_socket_nor_what_systemd_passed(lab):
    kernel = lab.change("api/kernels").json()["id"]
    look = "import os; print(sorted(n for n in os.environ if n.startswith(('LISTEN_', 'NOTIFY', 'WATCHDOG'))), " \
           "[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if n == '3'])"
    inode = os.stat(f"/proc/{lab.process.pid}/fd/3").st_ino
    with lab.websocket(f"api/kernels/{kernel}/channels") as socket:
        printed = run_cell(socket, look)
    assert printed.startswith("[] ") and f"socket:[{inode}]" not in printed
    lab.change(f"api/kernels/{kernel}", "DELETE")
    lab.change("api/terminals", body={"name": "look"})
    with lab.websocket("terminals/websocket/look") as socket:
        socket.send(json.dumps(["stdin", "echo \"<$LISTEN_FDS$NOTIFY_SOCKET>\" $((6*7)); ls -l /proc/self/fd\r"]))
        printed = ""
        while " 42" not in printed or "/proc/" not in printed:
            message = json.loads(socket.recv(timeout=30))
            printed += message[1] if message[0] == "stdout" else ""
    assert "<> 42" in printed and f"socket:[{inode}]" not in printed
    lab.change("api/terminals/look", "DELETE")


@pytest.mark.parametrize("depth", ["h", "d" * 30])
def test_kernels_speak_over_sockets_of_their_owner_and_not_over_ports_of_the_host(depth):
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder, Server(Path(folder, depth)) as server:
        server.ready()
        kernel = server.change("api/kernels").json()["id"]
        with server.websocket(f"api/kernels/{kernel}/channels") as socket:
            where = run_cell(socket, "import ipykernel; print(ipykernel.get_connection_file())").strip()
            connection = json.loads(Path(where).read_text())
        assert connection["transport"] == "ipc"
        assert os.stat(os.path.dirname(where)).st_mode & 0o077 == 0
    assert not os.path.exists(where)


@pytest.mark.parametrize("room", ["size=64k", "size=1m,nr_inodes=2"], ids=["bytes", "inodes"])
def test_in_a_home_that_is_full_lab_opens_and_kernels_run(room):
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder:
        server = Server(Path(folder, "s"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", room, "tmpfs", server.home], check=True)
        try:
            with contextlib.suppress(OSError), open(server.home / "much", "wb") as much:
                while much.write(bytes(4096)):
                    much.flush()
            with server:
                server.ready()
                assert server.ask("lab").status == 200
                kernel = server.change("api/kernels").json()["id"]
                with server.websocket(f"api/kernels/{kernel}/channels") as socket:
                    assert run_cell(socket, "print(6 * 7)").strip() == "42"
                assert "nothing can be written to" in server.output()
        finally:
            subprocess.run(["umount", "-l", server.home], check=True)


def test_activity_is_reported_when_a_kernel_becomes_busy_and_idle_again(tmp_path):
    with Server(tmp_path) as server:
        server.ready()
        kernel = server.change("api/kernels").json()["id"]
        with server.websocket(f"api/kernels/{kernel}/channels") as socket:
            server.status(kernels=1, busy=0, limit_s=20)
            began = int(time.time())
            run_cell(socket, "import time; time.sleep(3)")
            busy = server.status(kernels=1, busy=1, connections=1, limit_s=10)
            assert busy["last"] >= began
            server.status(kernels=1, busy=0, connections=1, limit_s=10)
        server.change(f"api/kernels/{kernel}", "DELETE")
        server.status(kernels=0, limit_s=10)


def test_polls_are_no_activity_and_saving_is(tmp_path):
    with Server(tmp_path) as server:
        begin = server.status()["last"]
        kernel = server.change("api/kernels").json()["id"]
        idle = server.status(kernels=1, busy=0)["last"]
        wait_for_the_next_second(idle)
        for path in ("api/status", "api/kernels", "api/sessions", "api/terminals", "api/contents", f"api/kernels/{kernel}", "lab"):
            assert server.ask(path).status == 200
        server.change("lab/api/workspaces/default", "PUT", body={"data": {}, "metadata": {"id": "default"}})
        with server.websocket("api/events/subscribe"):
            server.change(f"api/kernels/{kernel}", "DELETE")
        deleted = server.status(kernels=0)["last"]
        assert deleted > idle >= begin, "shutting a kernel down is done by a person"


def wait_for_the_next_second(second):
    """Until the clock shows another second than this one."""
    while int(time.time()) <= second + 1:
        time.sleep(0.05)


def test_a_named_server_has_its_own_address_and_tells_jupyterlab_its_name(tmp_path):
    with Server(tmp_path, "alice:gpu") as server:
        server.ready()
        page = server.ask("lab").text
        assert '"hubServerName": "gpu"' in page and '"baseUrl": "/jupyterhub/user/alice/gpu/"' in page


@pytest.mark.parametrize("command", [("server",), ("notebook",)])
def test_other_jupyter_programs_work_the_same_way(tmp_path, command):
    with Server(tmp_path, command=command, HUBGATE_DEFAULT_URL="/tree") as server:
        server.ready()
        assert server.ask("api/me").json()["identity"]["username"] == "alice"
        assert server.ask("", user=None).status == 403
        assert server.ask("logout").headers["Location"] == "/jupyterhub/hub/logout"


def test_the_users_own_settings_are_read_and_cannot_take_the_server_off_its_socket(tmp_path):
    server = Server(tmp_path)
    (server.home / ".jupyter").mkdir()
    (server.home / "work").mkdir()
    (server.home / ".jupyter" / "jupyter_server_config.py").write_text(
        f"c.ServerApp.root_dir = {str(server.home / 'work')!r}\nc.ServerApp.port = 9999\nc.ServerApp.ip = '0.0.0.0'\n"
        "c.ServerApp.base_url = '/'\nc.ServerApp.disable_check_xsrf = True\n")
    (server.home / ".jupyter" / "jupyter_lab_config.py").write_text("c.ServerApp.sock = ''\nc.ServerApp.port = 9998\n")
    (server.home / ".jupyter" / "jupyter_server_config.json").write_text("{ broken")
    with server:
        server.ready()
        assert "jupyter_server_config.json is left out" in server.output()
        assert server.ask("api/contents/work").status == 404, "root_dir is the user's own"
        assert server.ask("api/contents", "POST", body='{"type": "notebook"}').status == 403
        assert listening_tcp_ports(server.process.pid) == set()


@pytest.mark.parametrize(("environment", "sentence"), [
    ({"HUBGATE_INSTANCE": ""}, "HUBGATE_INSTANCE must be USER or USER:SERVER"),
    ({"HUBGATE_INSTANCE": "../x"}, "HUBGATE_INSTANCE must be USER or USER:SERVER"),
    ({"LISTEN_FDS": "2"}, "no listening socket was passed"),
    ({"LISTEN_FDS": ""}, "no listening socket was passed"),
])
def test_without_what_it_needs_it_ends_with_one_sentence_and_opens_no_port(tmp_path, environment, sentence):
    with Server(tmp_path, **environment) as server:
        assert server.process.wait(30) == 1
        assert sentence in server.output() and "Traceback" not in server.output()


def test_a_tcp_socket_is_refused_because_anybody_could_name_any_user(tmp_path):
    with Server(tmp_path, tcp=True) as server:
        assert server.process.wait(30) == 1
        assert "not a listening unix socket" in server.output()


def test_no_path_of_a_server_leads_to_another_site(lab):
    for path in ("/evil.test", "/evil.test/", "/evil.test/..", "login?next=//evil.test/", "login?next=https://evil.test/", "login?next=/%5Cevil.test",
                 "logout?next=//evil.test", "tree//evil.test", "files//evil.test/", "lab//evil.test"):
        location = lab.ask(path).headers.get("Location") or ""
        assert not re.match(r"(?i)([a-z]+:|[/\\]{2})", location), (path, location)


def test_a_served_file_is_in_a_sandbox(lab):
    (Path(lab.home) / "x.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    answer = lab.ask("files/x.svg", Referer="http://hub.example/jupyterhub/user/alice/lab")
    assert answer.status == 200 and "sandbox" in answer.headers["Content-Security-Policy"]
