"""The oldest that sites still run: jupyter_server 1.24 with JupyterLab 3 and Notebook 6's pages."""

import json
import os
import re

import pytest

from server import Server
from test_server import run_cell


@pytest.fixture
def old(tmp_path):
    def start(command, **environment):
        return Server(tmp_path, command=(command,), program=[os.environ["HUBGATE_TEST_JUPYTER3"]], **environment)

    return start


@pytest.mark.parametrize(("command", "page", "word"), [("lab", "lab", "JupyterLab"), ("nbclassic", "tree", "Jupyter Notebook"), ("server", "api/status", "kernels")])
def test_pages_open_for_the_visitor_whom_the_hub_names_and_for_nobody_else(old, command, page, word):
    with old(command, HUBGATE_DEFAULT_URL=f"/{page}") as server:
        server.ready()
        answer = server.ask(page)
        assert answer.status == 200 and word in answer.text, answer.text[:500]
        assert server.ask(page, user=None).status == 403
        assert server.ask("api/kernels", "POST", user="alice").status == 403, "without the form's token"
        assert server.ask("logout").headers["Location"] == "/jupyterhub/hub/logout"


def test_kernels_run_over_websockets_and_their_work_is_reported_at_once(old):
    with old("lab") as server:
        server.ready()
        kernel = server.change("api/kernels").json()["id"]
        with server.websocket(f"api/kernels/{kernel}/channels") as socket:
            server.status(kernels=1, busy=0, limit_s=20)
            assert run_cell(socket, "print(6 * 7)") == "42\n"
            run_cell(socket, "import time; time.sleep(4)")
            server.status(kernels=1, busy=1, limit_s=10)
            server.status(kernels=1, busy=0, limit_s=10)
        server.change(f"api/kernels/{kernel}", "DELETE")
        server.status(kernels=0, limit_s=10)


def test_jupyterlab_3_loads_the_extension_of_the_hub(old):
    with old("lab") as server:
        server.ready()
        data = json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', server.ask("lab").text, re.S).group(1))
        assert "hubgate" in [extension["name"] for extension in data["federated_extensions"]]
        assert server.ask("lab/extensions/hubgate/static/remoteEntry.js").status == 200


def test_notebook_6_on_its_own_server_ends_with_one_sentence_and_opens_no_port(old):
    with old("notebook") as server:
        assert server.process.wait(60) != 0
        said = [line for line in server.output().splitlines() if line.startswith("hubgate: ")]
        assert len(said) == 1 and "HUBGATE_APP=nbclassic" in said[0], server.output()
        assert "running at" not in server.output()
