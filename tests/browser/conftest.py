"""One running hubgate, one Chromium, and for each test a visitor of its own."""

import itertools
import os
import secrets
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from hub import ROOT, Hub, processes_of
from looks_site import People, Site
from visit import Visit

CHROMIUM = "/usr/bin/chromium"
NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def run_folder():
    """Where this ring's instances live: empty, so that each run sees first starts."""
    folder = Path(os.environ.get("HUBGATE_TEST_RUN", ROOT / "run/browser"))
    assert processes_of(folder) == [], "an instance of an earlier run lives still: end it"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


@pytest.fixture(scope="session")
def users_environment():
    """The settings that spare a second JupyterLab on the disk."""
    venv = os.environ.get("HUBGATE_TEST_VENV")
    return {"VENV": venv} if venv else {}


@pytest.fixture(scope="session")
def hub(run_folder, users_environment):
    """The instance of the ring."""
    hub = Hub(run_folder / "hub", **users_environment).start()
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, which asks nothing of the network by itself."""
    assert os.path.exists(CHROMIUM), f"the browser ring needs {CHROMIUM}: apt-get install chromium"
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*quiet, "--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(run_folder, users_environment):
    """The hub whose pages are looked at."""
    site = Site(run_folder / "looks", **users_environment)
    try:
        yield site.start()
    finally:
        site.stop()


@pytest.fixture(scope="session")
def people(site, chromium):
    """Browser profiles of its people."""
    people = People(site, chromium)
    yield people
    people.close()


@pytest.fixture
def visitor(hub, chromium):
    """A user of its own who has not logged in yet, with a browser profile of its own."""
    name, password = f"visitor{next(NAMES)}", secrets.token_urlsafe(12)
    hub.add_user(name, password)
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(30_000)
    visit = Visit(hub, context, name, password)
    yield visit
    visit.leave()
    context.close()


@pytest.fixture
def lab(visitor):
    """A user with an open JupyterLab."""
    visitor.log_in()
    visitor.wait_for_lab()
    return visitor


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure tells what the browser showed and what the hub wrote."""
    report = yield
    visit = next((item.funcargs[name] for name in ("visitor", "lab") if name in getattr(item, "funcargs", {})), None)
    if report.failed and visit:
        for page in visit.context.pages:
            try:
                shown = page.inner_text("body", timeout=2000)
            except Exception as error:  # a page may be gone or hang: that is what is told then
                shown = repr(error)
            report.sections.append((f"page {page.url}", shown[:2000]))
        report.sections.append(("complaints", "\n".join(visit.complaints)))
        report.sections.append(("hub", visit.hub.logs()))
    return report
