"""The Pythons of other Debians: the main questions of test_server.py and test_login_environment.py again."""

import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest

from machine import base_root
from server import ROOT, Server
from test_login_environment import (  # noqa: F401
    run,
    test_a_mistake_in_a_file_takes_only_its_own_line_along,
    test_modules_are_loaded_and_a_missing_one_is_told,
    test_something_in_the_background_does_not_hold_the_server_up,
    test_the_shell_does_not_see_the_token_of_the_server,
    test_what_the_files_print_is_no_variable,
    test_what_the_hub_and_the_service_manager_have_set_stays,
    test_what_the_users_own_files_set_is_there,
)
from test_server import (  # noqa: F401
    run_cell,
    test_a_change_from_another_origin_is_refused_even_with_the_token,
    test_a_change_without_the_xsrf_token_is_refused,
    test_a_request_without_a_visitor_gets_no_answer_whatever_it_asks_for,
    test_a_script_whose_token_the_hub_checked_needs_no_xsrf_token,
    test_a_visitor_header_that_is_no_name_is_no_visitor,
    test_a_websocket_from_another_origin_or_without_a_visitor_is_refused,
    test_activity_is_reported_when_a_kernel_becomes_busy_and_idle_again,
    test_it_answers_on_the_inherited_socket_under_its_base_url,
    test_it_is_ready_only_when_it_answers_and_says_what_runs,
    test_jupyterlab_knows_the_hub_and_log_out_reaches_it,
    test_kernels_and_terminals_inherit_neither_the_socket_nor_what_systemd_passed,
    test_other_jupyter_programs_work_the_same_way,
    test_the_users_own_settings_are_read_and_cannot_take_the_server_off_its_socket,
    test_the_visitor_is_named_by_the_header_and_not_by_the_owner,
)

# Beside Debian 12, where all of tests/jupyter runs.
SUITES = {"3.9": "bullseye", "3.13": "trixie", "3.14": "forky"}
# pyzmq is linked with libstdc++, which Python itself does not need everywhere.
PACKAGES = ["libstdc++6", "python3", "python3-venv"]
IN_ROOT = Path(__file__).with_name("in_root")
# The first test of each Python waits for its Debian and its JupyterLab.
pytestmark = pytest.mark.timeout(600)


def made(version):
    """The Debian with that Python, and an environment with JupyterLab that its Python made."""
    folder = ROOT / "run" / "pythons" / version
    try:
        root = base_root(print, folder, "essential", PACKAGES, "true", SUITES[version])
    except subprocess.CalledProcessError:
        reason = f"no Debian {SUITES[version]} could be made: apt's own reason is below"
        raise pytest.fail.Exception(reason, pytrace=False) from None
    venv = [ROOT / "scripts/venv.sh", folder / "venv", ROOT / "tests/jupyter/requirements-pythons.txt"]
    if subprocess.run([IN_ROOT, root, *venv]).returncode != 0:
        pytest.fail(f"no JupyterLab is there for Python {version}: pip's own reason is below", pytrace=False)
    return root, folder / "venv"


@pytest.fixture(scope="module", params=SUITES, autouse=True)
def python(request):
    """What starts that Python. Servers are started by it, too."""
    root, venv = made(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUBGATE_TEST_JUPYTER", shlex.join(map(str, [IN_ROOT, root, venv / "bin/jupyter"])))
        yield [str(IN_ROOT), str(root), "/usr/bin/python3"]


@pytest.fixture(scope="module")
def lab(python):
    """A JupyterLab of alice."""
    with tempfile.TemporaryDirectory(prefix="hg", dir="/tmp") as folder, Server(folder) as server:
        yield server.ready()


def test_a_kernel_of_that_python_runs_code_over_a_websocket(lab, request, capsys):
    version = request.node.callspec.params["python"]
    kernel = lab.change("api/kernels").json()["id"]
    look = "import platform; from importlib.metadata import version; " \
           "print(platform.python_version(), version('jupyterlab'), version('jupyter_server'))"
    with lab.websocket(f"api/kernels/{kernel}/channels") as socket:
        python, jupyterlab, jupyter_server = run_cell(socket, look).split()
    assert python.startswith(f"{version}."), f"Debian {SUITES[version]} has another Python now: {python}"
    with capsys.disabled():
        print(f"\nmeasured: servers under Python {python}: JupyterLab {jupyterlab}, jupyter_server {jupyter_server}")
    lab.change(f"api/kernels/{kernel}", "DELETE")
