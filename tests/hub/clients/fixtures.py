"""What tests of clients share: a hubgate of each flavour, and people with a real browser."""

import os
import pathlib

import pytest
import world
from clients.hub import ClientHub
from playwright.sync_api import sync_playwright
from visit import Visit

CHROMIUM = "/usr/bin/chromium"
# Chromium gives no service worker to a page whose certificate it does not trust.
QUIET = ["--ignore-certificate-errors", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox"]


@pytest.fixture(scope="session")
def flavoured(run_folder, programs, hub_venv):
    """A maker of hubgates by flavour, `direct` or `hub`: one each for the whole run."""
    jupyter = os.environ.get("HUBGATE_TEST_JUPYTERHUB6")
    assert jupyter, "HUBGATE_TEST_JUPYTERHUB6 is not set: run scripts/test.sh hub"
    made = {}

    def make(flavour):
        if flavour not in made:
            made[flavour] = ClientHub(run_folder / f"clients-{flavour}", programs, flavour, pathlib.Path(jupyter), hub_venv / "bin/python")
            made[flavour].__enter__()
        return made[flavour]

    yield make
    for hub in made.values():
        hub.__exit__()


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, which asks nothing of the network by itself."""
    assert os.path.exists(CHROMIUM), f"this ring needs {CHROMIUM}: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def person(chromium):
    """A maker of people: each has a browser profile of its own and has not logged in."""
    contexts = []

    def make(hub, name):
        context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(30_000)
        contexts.append(context)
        return Visit(hub, context, name, world.PASSWORD)

    yield make
    for context in contexts:
        context.close()
