"""`make run` itself: what it prints, what it keeps, what it leaves behind."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from hub import ROOT, Hub, free_port, processes_of
from visit import Visit

SECOND_START_LIMIT_S = 20


def nothing_is_left(folder, limit_s=10):
    """Whether no process of this run folder lives any more."""
    end = time.monotonic() + limit_s
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.1)
    return processes_of(folder) == []


def test_it_prints_four_lines_and_the_config_works_with_every_command(hub):
    assert list(hub.printed) == ["url", "user", "password", "config"]
    assert hub.printed["url"] == f"https://localhost:{hub.port}/jupyterhub/"
    assert hub.printed["user"] in hub.command("user", "list")
    hub.command("health")
    hub.command("check")


def test_a_second_start_in_the_same_folder_and_a_used_port_are_refused(hub, run_folder, users_environment):
    same = subprocess.run(["make", "run"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "RUN": str(hub.folder), "PORT": str(free_port()), **users_environment})
    assert same.returncode != 0 and "another hubgate runs in" in same.stderr
    port = subprocess.run(["make", "run"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "RUN": str(run_folder / "other"), "PORT": str(hub.port), **users_environment})
    assert port.returncode != 0 and f"port {hub.port} is in use" in port.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_all_that_it_started_and_the_next_start_keeps_users_and_files(run_folder, users_environment, chromium, how):
    folder = run_folder / "again"
    hub = Hub(folder, **users_environment).start()
    context = chromium.new_context(ignore_https_errors=True)
    visit = Visit(hub, context, hub.printed["user"], hub.printed["password"])
    visit.log_in()
    visit.wait_for_lab()
    (folder / "homes" / hub.printed["user"] / "kept.txt").write_text("kept")
    context.close()
    hub.stop(how)
    assert nothing_is_left(folder), processes_of(folder)

    again = Hub(folder, hub.port, **users_environment).start()
    try:
        assert again.printed == hub.printed
        assert again.seconds < SECOND_START_LIMIT_S
        assert (folder / "homes" / hub.printed["user"] / "kept.txt").read_text() == "kept"
    finally:
        again.stop()
    assert nothing_is_left(folder), processes_of(folder)


@pytest.fixture
def somebodys_clone():
    """A clone that belongs to an ordinary uid, with the programs built, and a Cargo that has nothing to do."""
    with tempfile.TemporaryDirectory(prefix="hubgate-clone-", dir="/tmp") as folder:
        clone = Path(folder, "clone")
        shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns("target", "run", ".git", ".work"), symlinks=True)
        (clone / "target/debug").mkdir(parents=True)
        for program in ("hubgate", "hubgate-spawner"):
            shutil.copy2(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "debug", program), clone / "target/debug")
        (clone / "bin").mkdir()
        (clone / "bin/cargo").write_text("#!/bin/sh\n")
        (clone / "bin/cargo").chmod(0o755)
        subprocess.run(["chown", "-R", "65534:65534", folder], check=True)
        os.chmod(folder, 0o755)
        yield clone


def test_without_root_it_works_and_says_that_users_share_one_uid(somebodys_clone, users_environment, chromium):
    folder = somebodys_clone / "run"
    hub = Hub(folder, PATH=f"{somebodys_clone / 'bin'}:{os.environ['PATH']}", HOME=str(somebodys_clone),
              CARGO_TARGET_DIR="target", **users_environment)
    hub.root, hub.before = somebodys_clone, ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    hub.start()
    context = chromium.new_context(ignore_https_errors=True)
    try:
        assert "every server runs under your own uid (65534)" in hub.output()
        visit = Visit(hub, context, hub.printed["user"], hub.printed["password"])
        visit.log_in()
        visit.wait_for_lab()
        assert visit.type_in_terminal(visit.open_terminal(), "echo uid=$(id -u)", "uid=65534")
    finally:
        context.close()
        hub.stop()
    assert nothing_is_left(folder), processes_of(folder)


def test_without_root_and_with_missing_packages_it_says_what_an_administrator_must_run(somebodys_clone):
    (somebodys_clone / "list").write_text("surely-no-such-package # not installed anywhere\n")
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "scripts/apt.sh", "list"],
                          cwd=somebodys_clone, capture_output=True, text=True)
    assert done.returncode == 1
    assert "An administrator must run: apt-get update && apt-get install -y --no-install-recommends surely-no-such-package" in done.stderr
