"""What a login shell sets is there in a server; a shell that is broken delays nothing and is told."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "jupyter/login_environment.py"


@pytest.fixture(scope="module")
def python():
    """What starts Python."""
    return [sys.executable]


@pytest.fixture
def run(tmp_path, python):
    """Runs the program for somebody with these files at home; its variables, what it wrote, how long it took."""

    def run(files, shell="/bin/bash", **more):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        environment = {"HOME": str(tmp_path), "SHELL": shell, "PATH": "/usr/bin:/bin", "LISTEN_FDS": "1", "LISTEN_PID": "7",
                       "HUBGATE_INSTANCE": "alice", "DATA": "/srv/data", **more}
        begin = time.monotonic()
        # Into files: a pipe would be held open by what the shell leaves in the background.
        with open(tmp_path / "out", "w+b") as out, open(tmp_path / "err", "w+") as err:
            done = subprocess.run([*python, str(PROGRAM), "/usr/bin/env", "-0"], env=environment, stdout=out, stderr=err, timeout=30)
            took = time.monotonic() - begin
            out.seek(0)
            err.seek(0)
            output, said = out.read(), err.read()
        assert done.returncode == 0, said
        pairs = (pair.partition("=") for pair in os.fsdecode(output).split("\0") if pair)
        return {name: value for name, _, value in pairs}, said, took

    return run


@pytest.mark.parametrize(("shell", "file"), [("/bin/bash", ".bash_profile"), ("/bin/bash", ".profile"), ("/bin/sh", ".profile"), ("/usr/bin/fish", ".bash_profile")])
def test_what_the_users_own_files_set_is_there(run, shell, file):
    found, said, _ = run({file: "export COURSE=physics\nexport PATH=$HOME/bin:$PATH\nexport TEXT='two\nlines'\n"}, shell)
    assert (found["COURSE"], found["TEXT"], said) == ("physics", "two\nlines", "")
    assert found["PATH"].split(":")[:2] == ["/usr/bin", f"{found['HOME']}/bin"], "the server's own programs come first"
    assert "HUBGATE_SHELL_TROUBLE" not in found


def test_what_the_hub_and_the_service_manager_have_set_stays(run):
    found, _, _ = run({".bash_profile": "export LISTEN_FDS=9 HUBGATE_INSTANCE=bob HOME=/root SHELL=/bin/x NOTIFY_SOCKET=/x DATA=/elsewhere\n"})
    kept = {name: found.get(name) for name in ("LISTEN_FDS", "LISTEN_PID", "HUBGATE_INSTANCE", "SHELL", "NOTIFY_SOCKET")}
    assert kept == {"LISTEN_FDS": "1", "LISTEN_PID": "7", "HUBGATE_INSTANCE": "alice", "SHELL": "/bin/bash", "NOTIFY_SOCKET": None}
    assert found["HOME"] != "/root" and found["DATA"] == "/elsewhere"


def test_the_shell_does_not_see_the_token_of_the_server(run):
    found, _, _ = run({".bash_profile": "export SEEN=${JUPYTERHUB_API_TOKEN-none}\n"}, JUPYTERHUB_API_TOKEN="secret")
    assert (found["SEEN"], found["JUPYTERHUB_API_TOKEN"]) == ("none", "secret")


def test_what_the_files_print_is_no_variable(run):
    found, _, _ = run({".bash_profile": "echo WELCOME=1; printf 'A=1\\0B=2'; export COURSE=physics\n"})
    assert found["COURSE"] == "physics" and "WELCOME" not in found and "B" not in found


@pytest.mark.parametrize(("text", "why"), [
    ("sleep 600\n", "was not ready within 5 s"),
    ("while :; do :; done\n", "was not ready within 5 s"),
    ("read answer < /dev/zero\n", "was not ready within 5 s"),
    ("exit 3\n", "ended with status 3"),
    ("kill -9 $$\n", "ended with status -9"),
])
def test_a_shell_that_hangs_or_fails_delays_nothing_and_is_told(run, text, why):
    found, said, took = run({".bash_profile": text})
    assert why in said and "Look at ~/.bash_profile" in said, said
    assert found["HUBGATE_SHELL_TROUBLE"] == "1" and found["DATA"] == "/srv/data"
    assert took < 8, took


def test_a_mistake_in_a_file_takes_only_its_own_line_along(run):
    found, said, _ = run({".bash_profile": "export BEFORE=1\nno-such-program\nexport AFTER=1\n"})
    assert (found["BEFORE"], found["AFTER"]) == ("1", "1") and "no-such-program" in said


def test_something_in_the_background_does_not_hold_the_server_up(run):
    found, _, took = run({".bash_profile": "export COURSE=physics\nsleep 5 &\n"})
    assert found["COURSE"] == "physics" and took < 8, took


def test_modules_are_loaded_and_a_missing_one_is_told(run):
    module = "module() { [ $2 = cuda/12 ] || { echo no module $2 >&2; return 1; }; export LOADED=$2; }\n"
    found, said, _ = run({".bash_profile": module}, HUBGATE_MODULES="cuda/12")
    assert (found["LOADED"], said) == ("cuda/12", "")
    found, said, _ = run({".bash_profile": module}, HUBGATE_MODULES="cuda/12 gone/1")
    assert "LOADED" not in found and "no module gone/1" in said and found["HUBGATE_SHELL_TROUBLE"] == "1"
