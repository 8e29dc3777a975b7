"""Home, start, tokens and administration without a mouse: all of it is reached, the focus is seen, and what one came for gets done."""

import re

import pytest

from keyboard import Keyboard

WHOLE_PAGES = [("ada", "hub/home"), ("ada", "hub/token"), ("ada", "hub/sessions"), ("bruno", "hub/spawn/bruno"), ("BOSS", "hub/admin")]


@pytest.fixture
def keyboard(site, people):
    """Opens a page: `keyboard(name, path)`."""
    opened = []

    def keyboard(name, path, **options):
        page = people.page(site.boss if name == "BOSS" else name, **options)
        opened.append(page)
        page.goto(site.url(path))
        return Keyboard(page)

    yield keyboard
    for page in opened:
        page.context.close()


@pytest.mark.parametrize(("name", "path"), WHOLE_PAGES)
def test_everything_on_a_page_is_reached_by_tab_and_is_seen(keyboard, name, path):
    assert keyboard(name, path).walk() == []


def test_the_first_stop_leads_past_the_navigation(keyboard):
    there = keyboard("ada", "hub/home").press("a.skip")
    assert there.page.evaluate("document.activeElement.id") == "main"


def test_somebody_logs_in_starts_a_server_and_stops_it(site, keyboard):
    there = keyboard("", "hub/login")
    # The page puts the cursor into the first field by itself.
    there.page.keyboard.type("zhang")
    there.write("#password_input", site.password("zhang"))
    with there.page.expect_navigation():
        there.page.keyboard.press("Enter")
    there.page.goto(site.url("hub/home"))
    there.leave("#start")
    if there.page.url.split("?")[0].endswith("/hub/spawn/zhang"):
        there.leave("#start")
    there.page.wait_for_url(re.compile("/user/zhang/"))
    there.page.goto(site.url("hub/home"))
    there.leave("#stop")
    there.page.wait_for_selector("#start:enabled")


def test_a_token_is_made_and_revoked(site, keyboard):
    there = keyboard("chen", "hub/token")
    there.write("#token-note", "by keyboard").leave("#token-create")
    assert there.page.text_content("#token-result")
    there.page.goto(site.url("hub/token"))
    row = there.page.locator("tr", has_text="by keyboard")
    button = "#" + row.locator("[id^=revoke-]").first.get_attribute("id")
    there.press(f"details:has({button}) > summary").leave(button)
    assert there.page.locator("tr", has_text="by keyboard").count() == 0


def test_an_administrator_finds_somebody_and_adds_somebody(site, keyboard):
    there = keyboard("BOSS", "hub/admin")
    there.write("#filter", "brun")
    there.page.keyboard.press("Enter")
    there.page.wait_for_selector("#user-bruno")
    there.page.wait_for_selector("#user-ada", state="detached")
    there.page.goto(site.url("hub/admin"))
    there.write("#names", "keyed").leave("#add-users")
    assert "/hub/set-password/" in there.page.text_content("#links code")
