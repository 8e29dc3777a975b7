"""Without scripts, as some read the web: what people and administrators come for works all the same."""

import re

import pytest


@pytest.fixture
def plain(site, people):
    """Opens a page with scripts off: `plain(name, path)`."""
    opened = []

    def plain(name, path):
        page = people.page(site.boss if name == "BOSS" else name, java_script_enabled=False)
        opened.append(page)
        page.goto(site.url(path))
        return page

    yield plain
    for page in opened:
        page.context.close()


def test_home_starts_and_stops_a_server(site, plain):
    page = plain("erik", "hub/home")
    page.click("#start")
    if page.url.split("?")[0].endswith("/hub/spawn/erik"):
        page.click("#start")
    page.wait_for_url(re.compile("/user/erik/"))
    page.goto(site.url("hub/home"))
    page.click("#stop")
    page.wait_for_selector("#start:enabled")


def test_a_token_is_made_and_revoked(site, plain):
    page = plain("erik", "hub/token")
    page.fill("#token-note", "without scripts")
    page.click("#token-create")
    assert page.text_content("#token-result")
    page.goto(site.url("hub/token"))
    row = page.locator("tr", has_text="without scripts")
    row.locator("summary").first.click()
    row.locator("[id^=revoke-]").first.click()
    page.goto(site.url("hub/token"))
    assert page.locator("tr", has_text="without scripts").count() == 0


def test_administrators_search(plain):
    page = plain("BOSS", "hub/admin")
    page.fill("#filter", "brun")
    page.press("#filter", "Enter")
    page.wait_for_selector("#user-bruno")
    assert page.locator("#user-ada").count() == 0


def test_administrators_turn_pages(site, plain):
    site.ask("POST", "/users", {"usernames": [f"crowd{number:03}" for number in range(120)]})
    page = plain("BOSS", "hub/admin")
    first = page.locator("[id^=user-]").first.get_attribute("id")
    page.locator("a[rel=next]").first.click()
    assert page.locator("[id^=user-]").first.get_attribute("id") != first
    page.locator("a[rel=prev]").first.click()
    assert page.locator("[id^=user-]").first.get_attribute("id") == first
