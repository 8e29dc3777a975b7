"""The hub's pages as a person uses them. The only file of this ring that knows their elements."""


def shown(browser):
    """The state of one's own server as the home page says it, in the words of the protocol."""
    page = browser.get("/hub/home")
    assert page.status == 200, (page.status, page.words()[:300])
    tag, text = page.element("server-state") or ("", "")
    assert tag, page.text[:2000]
    return text.lower()


def start(browser, user, accepted=(200, 302, 303)):
    """Clicks Start."""
    answer = browser.submit("/hub/spawn", "/hub/spawn")
    assert accepted is None or answer.status in accepted, (answer.status, answer.words()[:400])
    return answer


def stop(browser, user):
    """Clicks Stop."""
    answer = browser.submit("/hub/home", f"/hub/stop/{user}")
    assert answer.status in (200, 302, 303), (answer.status, answer.words()[:400])
    return answer


def open_server(browser, user):
    """Follows the link to one's own JupyterLab."""
    return browser.get(f"/user/{user}/lab")
