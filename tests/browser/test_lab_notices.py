"""What the hub shows inside JupyterLab: announcements, the end of a server that nobody uses, and "keep it"."""

import re
import secrets
import time

import pytest

from hub import Hub
from test_day import SCREENSHOTS
from visit import Visit

# Every server is warned of its end from its first minute on: five minutes are less than the warning.
SETTINGS = """cull_idle_minutes = 5
cull_warning_minutes = 10
cull_keep_hours_max = 2
"""
SEEN_WITHIN_S = 11
HOSTILE = '<img src=x onerror="document.title=1"> {{ 7*7 }} \u202egnirts'


@pytest.fixture(scope="module")
def culling_hub(run_folder, users_environment):
    """A hub that stops idle servers."""
    hub = Hub(run_folder / "notices", **users_environment).start()
    hub.stop()
    with open(hub.printed["config"], "a") as config:
        config.write(SETTINGS)
    hub.printed.clear()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def visitor(culling_hub, chromium):
    """A user with an open JupyterLab on that hub."""
    name, password = f"reader{secrets.token_hex(3)}", secrets.token_urlsafe(12)
    culling_hub.add_user(name, password)
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    visit = Visit(culling_hub, context, name, password)
    visit.log_in()
    visit.wait_for_lab()
    yield visit
    visit.leave()
    context.close()


@pytest.fixture
def administrator(culling_hub, chromium):
    """The administrator's page of announcements."""
    context = chromium.new_context(ignore_https_errors=True)
    visit = Visit(culling_hub, context, culling_hub.printed["user"], culling_hub.printed["password"])
    visit.log_in(first="hub/admin/announcements")
    visit.page.wait_for_selector("#announce")
    yield visit.page
    context.close()


def announce(page, text):
    page.fill("#text", text)
    page.click("#announce-now")
    page.wait_for_selector(f"section p.told >> text={text.split()[-1]}")


def test_an_announcement_reaches_an_open_jupyterlab_and_goes_when_it_ends(visitor, administrator):
    page, banner = visitor.page, visitor.page.locator('#hubgate-notices [data-banner^="announcement"]')
    top = page.locator("#main").bounding_box()["y"]
    announce(administrator, f"{HOSTILE} {visitor.name}")
    began = time.monotonic()
    banner.wait_for(timeout=SEEN_WITHIN_S * 1000)
    print(f"in JupyterLab after {time.monotonic() - began:.1f} s")
    assert banner.locator("p").inner_text() == f"{HOSTILE} {visitor.name}"
    assert page.locator("#hubgate-notices img").count() == 0
    bar = page.locator("#hubgate-notices").bounding_box()
    assert page.locator("#main").bounding_box()["y"] >= bar["height"] > top, "nothing of JupyterLab is covered"
    page.screenshot(path=SCREENSHOTS / "lab-announcement.png")
    banner.locator("button").click()
    assert banner.count() == 0
    page.reload()
    visitor.wait_for_lab()
    banner.wait_for()
    administrator.click('section.card button[value="end"]')
    banner.wait_for(state="detached", timeout=SEEN_WITHIN_S * 1000)
    assert visitor.complaints == []


def test_the_end_of_an_idle_server_is_told_and_one_click_keeps_it(visitor):
    page, banner = visitor.page, visitor.page.locator('#hubgate-notices [data-banner="cull"]')
    banner.wait_for(timeout=25_000)
    assert re.match(r"Nobody is using this server: it stops in \d+ minutes\.", banner.locator("p").inner_text())
    banner.locator("button").click()
    banner.wait_for(state="detached")
    page.reload()
    visitor.wait_for_lab()
    assert banner.count() == 0
    assert visitor.complaints == []


def test_the_page_of_a_stopped_server_asks_no_more_and_starts_nothing(visitor):
    page, asked = visitor.page, []
    page.on("request", lambda request: "/hub/notices/" in request.url and asked.append(time.monotonic()))
    home = visitor.context.new_page()
    home.goto(visitor.hub.url("hub/home"))
    home.click("#stop")
    home.wait_for_selector("#start:enabled")
    page.bring_to_front()
    visitor.wait_for(lambda: asked)
    page.wait_for_timeout(SEEN_WITHIN_S * 1000)
    before = len(asked)
    page.wait_for_timeout(2 * SEEN_WITHIN_S * 1000)
    assert len(asked) == before
    home.reload()
    assert home.locator("#start:enabled").count() == 1
