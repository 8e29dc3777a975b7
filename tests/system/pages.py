"""The hub's pages as a person uses them. The only file of this ring that knows their words."""

WORDS = {"ready to start": "listening"}


def shown(browser):
    """The state of one's own server as the home page says it, in the words of the protocol."""
    page = browser.get("/hub/home")
    assert page.status == 200, (page.status, page.words()[:300])
    found = page.element("server-state")
    assert found, page.text[:2000]
    word = found[1].lower()
    return WORDS.get(word, word)


def start(browser, user, accepted=(302, 303)):
    """Clicks Start."""
    answer = browser.submit("/hub/home", f"/hub/spawn/{user}")
    assert accepted is None or answer.status in accepted, (answer.status, answer.words()[:400])
    return answer


def stop(browser, user):
    """Clicks Stop."""
    answer = browser.submit("/hub/home", f"/hub/stop/{user}")
    assert answer.status in (302, 303), (answer.status, answer.words()[:400])
    return answer


def log_out(browser):
    """Clicks Log out."""
    answer = browser.submit("/hub/home", "/hub/logout")
    assert answer.status in (200, 302, 303), (answer.status, answer.words()[:400])
    return answer


def open_server(browser, user):
    """Follows the link to one's own JupyterLab."""
    return browser.get(f"/user/{user}/lab")
