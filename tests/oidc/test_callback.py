"""What comes to /hub/oauth_callback and did not come from the provider as it was sent."""

import urllib.parse

import pytest


def leave(hub, browser):
    """Goes to the provider; what went with the person."""
    page = browser.send(hub.url("/hub/oauth_login?provider=uni"))
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.location).query))


def come_back(hub, browser, **query):
    return browser.send(hub.url("/hub/oauth_callback?" + urllib.parse.urlencode(query, doseq=True)))


def code(hub, browser):
    """What the provider sends back, not yet handed in."""
    page = browser.go(hub.url("/hub/oauth_login?provider=uni"))
    page = browser.follow(browser.fill(page, login="s-ada", password="x"), until=hub.url("/hub/oauth_callback"))
    return page.location


def test_what_leaves_is_bound_by_pkce_state_and_nonce(hub):
    browser = hub.browser()
    sent, again = leave(hub, browser), leave(hub, browser)
    assert (sent["response_type"], sent["code_challenge_method"], sent["client_id"]) == ("code", "S256", "hubgate")
    assert sent["redirect_uri"] == hub.url("/hub/oauth_callback")
    assert "openid" in sent["scope"].split()
    for name in ("state", "nonce", "code_challenge"):
        assert sent[name] != again[name] and len(sent[name]) >= 43
    cookie = next(line for line in browser.seen[-1].headers.get_all("Set-Cookie") if line.startswith("hubgate-oidc="))
    for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/jupyterhub/hub/", "Max-Age=600"):
        assert part in cookie


@pytest.mark.parametrize("query", [{}, {"code": "x"}, {"state": "x"}, {"code": "x", "state": ""}, {"code": "x", "state": "A" * 4000},
                                   {"error": "access_denied"}, {"code": ["x", "y"], "state": ["a", "b"]}, {"state": "<script>"}])
def test_what_was_never_begun_is_refused(hub, query):
    browser = hub.browser()
    leave(hub, browser)
    page = come_back(hub, browser, **query)
    assert page.status == 403 and "did not begin in this browser" in page.heading()
    assert "<script>" not in page.text and not browser.session()


def test_a_login_is_of_the_browser_that_began_it(hub):
    ada, eve = hub.browser(), hub.browser()
    address = code(hub, eve)
    leave(hub, ada)
    page = ada.send(address)
    assert page.status == 403 and not ada.session(), "nobody is logged in as somebody else by a link"
    page = hub.browser().send(address)
    assert page.status == 403
    assert eve.send(address).status == 302 and eve.session()


def test_two_cookies_that_differ_are_none(hub):
    browser = hub.browser()
    address = code(hub, browser)
    jar = browser.cookie("localhost", "/jupyterhub/hub/oauth_callback")
    assert browser.send(address, Cookie=f"{jar}; hubgate-oidc={'A' * 43}").status == 403
    assert browser.send(address).status == 302


def test_a_code_counts_once(hub):
    browser = hub.browser()
    address = code(hub, browser)
    assert browser.send(address).status == 302
    browser.jar = {key: value for key, value in browser.jar.items() if key[2] != "hubgate-session"}
    page = browser.send(address)
    assert page.status == 403 and "was used before" in page.heading() and not browser.session()


@pytest.mark.parametrize("garbage", ["", "x", "%00", "'; drop table users; --", "a" * 4000, "x&code=y"])
def test_a_code_that_is_none_is_refused(hub, garbage):
    browser = hub.browser()
    page = come_back(hub, browser, state=leave(hub, browser)["state"], code=garbage)
    assert page.status == 403 and not browser.session(), (page.status, page.heading())


def test_an_answer_that_names_another_issuer_is_refused(hub):
    browser = hub.browser()
    page = come_back(hub, browser, state=leave(hub, browser)["state"], code="x", iss="https://evil.test")
    assert page.status == 502 and "not the provider" in page.heading()


@pytest.mark.parametrize(("error", "status", "sentence"), [
    ("access_denied", 403, "cancelled, or refused there"),
    ("login_required", 403, "needs you to log in there first"),
    ("server_error", 503, "not able to do this right now"),
    ("temporarily_unavailable", 503, "not able to do this right now"),
    ("invalid_scope", 502, "does not accept what this hub asks for"),
    ("<script>alert(1)</script>", 502, "does not accept what this hub asks for"),
    ("a\nlogin from=1.1.1.1", 502, "does not accept what this hub asks for"),
])
def test_an_error_of_the_provider_is_told_in_our_words(hub, error, status, sentence):
    browser = hub.browser()
    page = come_back(hub, browser, state=leave(hub, browser)["state"], error=error, error_description="<b>call 0900</b>")
    assert (page.status, sentence in page.heading()) == (status, True), page.heading()
    assert "script" not in page.text.split("<main ")[1] and "0900" not in page.text
    assert "\nlogin from=1.1.1.1" not in hub.gateway.words()


def test_a_provider_that_is_not_configured_is_not_found(hub):
    browser = hub.browser()
    for name in ("", "google", "uni%00", "../uni"):
        assert browser.send(hub.url(f"/hub/oauth_login?provider={name}")).status == 404
    assert browser.send(hub.url("/hub/oauth_login")).status == 404


def test_scripts_and_frames_of_other_pages_begin_no_login(hub):
    browser = hub.browser()
    for mode, dest in (("cors", "empty"), ("no-cors", "image"), ("navigate", "iframe")):
        for path in ("/hub/oauth_login?provider=uni", "/hub/oauth_callback?code=x&state=y"):
            page = browser.send(hub.url(path), **{"Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest})
            assert page.status == 403 and "Set-Cookie" not in page.headers
