"""Every page in Chromium, in both languages, light and dark, on a desk and on a phone: what can be checked is checked, and a picture
of each is taken. `make screenshots` keeps the pictures in docs/screenshots, where people compare them by eye."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

import looks_check as check
from hub import ROOT
from looks_pages import PAGES
from looks_site import NAMES

KEPT = ROOT / "docs/screenshots"
PICTURES = "*-*-*-*.png"
KEPT_MAX = 12 * 1024 * 1024
LANGUAGES, THEMES, WIDTHS = ("en", "zh"), ("light", "dark"), (1440, 360)


@pytest.fixture(scope="module")
def profiles(site, people):
    """One open page per person, language and theme, made when it is first asked for."""
    opened = {}

    def profile(name, language, theme):
        key = name, language, theme
        if key not in opened:
            page = people.page(name, language, theme)
            opened[key] = page, check.Watch(page, site.url())
        return opened[key]

    return profile


@pytest.fixture(scope="session")
def axe():
    """The program of axe-core."""
    return (Path(os.environ["HUBGATE_TEST_AXE"]) / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture(scope="session")
def pictures(run_folder):
    """Where the pictures go: to the documentation only for `make screenshots`."""
    folder = KEPT if os.environ.get("HUBGATE_SCREENSHOTS") == "keep" else run_folder / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(PICTURES):
        old.unlink()
    return folder


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.name)
def test_a_page_looks_right(row, site, profiles, axe, pictures):
    faults = []
    for language in LANGUAGES:
        for theme in THEMES:
            page, watch = profiles(site.boss if row.who == "BOSS" else row.who, language, theme)
            # One load on a desk, the other on a phone, so that both are watched while they load.
            widths = WIDTHS if theme == "light" else WIDTHS[::-1]
            page.set_viewport_size({"width": widths[0], "height": 900})
            found = visit(row, site, page, watch, language)
            for width in widths:
                page.set_viewport_size({"width": width, "height": 900})
                found += check.layout(page)
                found += check.access(page, axe, rules_for(language, theme, width))
                shoot(page, pictures / picture(row.name, language, theme, width))
            faults += [f"{row.name} {language} {theme}: {fault}" for fault in dict.fromkeys(found)]
    assert not faults, "\n".join(faults)


def visit(row, site, page, watch, language):
    """Opens a page, and says what is wrong with it whatever its width."""
    url = site.url(row.path.format(**site.known))
    row.before(site)
    watch.clear(url)
    answer = page.goto(url)
    faults = []
    if not row.by_form:
        if row.status and answer.status != row.status:
            faults.append(f"status {answer.status}, not {row.status}")
        faults += check.document(answer, language)
    row.then(page)
    sign(page, row.sign)
    faults += check.shift(page) + check.headings(page) + watch.faults()
    texts = page.evaluate(check.TEXTS)
    faults += check.unfilled(texts)
    if language == "zh":
        faults += check.untranslated(texts, NAMES, row.english)
    return faults


def sign(page, selector):
    """Waits for what says that the page is the one that was wanted."""
    try:
        page.wait_for_selector(selector, state="attached")
    except PlaywrightTimeout:
        raise AssertionError(f"no {selector} on {page.url}:\n{page.inner_text('body')[:1000]}") from None


def rules_for(language, theme, width):
    """Which rules of axe-core are asked: all of them on a desk, and where the language or the width may matter; in the dark only colours."""
    if theme == "dark":
        return ["color-contrast"] if (language, width) == ("en", WIDTHS[0]) else []
    return None if language == "en" or width == WIDTHS[0] else []


def shoot(page, path):
    """Takes a picture; those that are kept are made small."""
    taken = check.shot(page)
    path.write_bytes(check.small(taken) if path.parent == KEPT else taken)


def picture(name, language, theme, width):
    """The name of a picture."""
    return f"{name}-{language}-{theme}-{width}.png"


def test_there_is_a_picture_of_every_page_and_they_are_small():
    wanted = {picture(row.name, language, theme, width) for row in PAGES for language in LANGUAGES for theme in THEMES for width in WIDTHS}
    kept = {path.name: path.stat().st_size for path in KEPT.glob(PICTURES)}
    assert wanted == set(kept), f"run `make screenshots`: missing {sorted(wanted - set(kept))[:8]}, too many {sorted(set(kept) - wanted)[:8]}"
    assert sum(kept.values()) < KEPT_MAX
