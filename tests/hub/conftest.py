"""The two hubs of this ring. Folders and programs come from scripts/test.sh by environment variables."""

import os
import pathlib

import pytest
import urllib3

from oracle import JupyterHub
from product import Hubgate
from stack import PROJECT

pytest_plugins = ["clients.fixtures", "applications.fixtures"]
urllib3.disable_warnings()


def setting(name):
    """A path that scripts/test.sh hands over."""
    assert os.environ.get(name), f"{name} is not set: run scripts/test.sh hub"
    return pathlib.Path(os.environ[name])


@pytest.fixture(scope="session")
def run_folder():
    """Where everything of this ring is written."""
    return setting("HUBGATE_TEST_RUN")


@pytest.fixture(scope="session")
def hub_venv():
    """The environment with JupyterHub and the idle culler."""
    return setting("HUBGATE_TEST_HUB_VENV")


@pytest.fixture(scope="session")
def programs():
    """The folder with the programs under test."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target") / "debug"


@pytest.fixture
def oracle(run_folder, hub_venv):
    """A JupyterHub of one's own, running."""
    with JupyterHub(run_folder / "oracle", hub_venv, setting("HUBGATE_TEST_PROXY")) as hub:
        yield hub


@pytest.fixture
def product(run_folder, programs):
    """A maker of hubgates: call it with what `Hubgate` takes; it ends with the test."""
    made = []

    def make(name, **options):
        made.append(Hubgate(run_folder / name, programs, **options))
        return made[-1].__enter__()

    yield make
    for hub in reversed(made):
        hub.__exit__()
