"""What goes wrong at the provider: each cause has its sentence, nobody comes in, and the hub goes on."""

import time
import urllib.parse

import pytest

from nginx_site import until

# What is wrong with the token, the status, and part of what the person reads.
TOKENS = {
    "signature": (502, "not signed by its keys"),
    "kid": (502, "not signed by its keys"),
    "none": (502, "not signed by its keys"),
    "hmac": (502, "not signed by its keys"),
    "at_hash": (502, "not signed by its keys"),
    "nonce": (403, "belongs to another login"),
    "nononce": (403, "belongs to another login"),
    "expired": (403, "has expired, or is from the future"),
    "future": (403, "has expired, or is from the future"),
    "audience": (502, "meant for another service"),
    "audiences": (502, "meant for another service"),
    "azp": (502, "meant for another service"),
    "issuer": (502, "is not the provider that this hub was told to believe"),
    "sub": (502, "an answer that cannot be used"),
    "absent": (502, "an answer that cannot be used"),
    "garbage": (502, "an answer that cannot be used"),
}
DISCOVERIES = {
    "issuer": (502, "is not the provider"),
    "open": (502, "an answer that cannot be used"),
    "file": (502, "an answer that cannot be used"),
    "nonsense": (502, "an answer that cannot be used"),
    "absent": (502, "an answer that cannot be used"),
    "redirect": (502, "an answer that cannot be used"),
    "huge": (503, "cannot be reached"),
}


def refused(hub, status, sentence):
    """A login that fails as it must; then one that succeeds."""
    browser, page = hub.log_in("s-ada")
    assert (page.status, browser.session()) == (status, None), page.heading()
    assert page.heading().startswith("the university ") and sentence in page.heading()
    assert "alert(1)" not in page.text and "<p id=\"remedy\">" in page.text.split("</h1>")[1], "a remedy follows the cause"
    assert "login by provider failed from=127.0.0.1 provider=the university reason=" in hub.gateway.words()
    assert "ada" not in hub.users()


@pytest.mark.parametrize("wrong", TOKENS)
def test_a_token_that_is_not_right_lets_nobody_in(hub, wrong):
    hub.provider.mood(token=wrong)
    refused(hub, *TOKENS[wrong])
    hub.provider.mood()
    assert hub.log_in("s-ada")[0].session()


@pytest.mark.parametrize("wrong", DISCOVERIES)
def test_a_provider_that_describes_itself_wrongly_is_not_believed(hub, wrong):
    hub.provider.mood(discovery=wrong)
    hub.configure()
    refused(hub, *DISCOVERIES[wrong])


@pytest.mark.parametrize("shift", ["late", "early"])
def test_clocks_may_differ_as_much_as_the_site_allows(hub, shift):
    hub.provider.mood(token=shift)
    assert hub.log_in("s-ada")[0].session()
    hub.configure(clock_skew_seconds=5)
    refused(hub, 403, "has expired, or is from the future")


def test_userinfo_about_somebody_else_is_refused(hub):
    hub.provider.mood(userinfo="subject")
    refused(hub, 502, "contradicts itself")


@pytest.mark.parametrize("path", ["/token", "/me", "/jwks", "/.well-known/openid-configuration"])
def test_a_provider_that_fails_is_said_to_be_out_of_reach(hub, path):
    hub.provider.mood(down=path)
    hub.configure()
    browser, page = hub.log_in("s-ada")
    assert page.status in (502, 503) and not browser.session(), page.heading()
    assert "alert(1)" not in page.text


@pytest.mark.parametrize("path", ["/token", "/.well-known/openid-configuration"])
def test_a_provider_that_hangs_costs_ten_seconds_and_nobody_else(hub, path):
    hub.configure("file")
    hub.gateway.command("user", "add", "carol", "--password-stdin", stdin="carol's own word\n")
    hub.provider.mood(hang=path)
    began = time.monotonic()
    browser, page = hub.log_in("s-ada")
    assert (page.status, page.heading()) == (503, "the university cannot be reached.")
    assert time.monotonic() - began < 13
    other = hub.browser()
    began = time.monotonic()
    assert other.fill(other.send(hub.url("/hub/login")), username="carol", password="carol's own word").status == 302
    assert time.monotonic() - began < 5


def test_a_provider_that_is_not_there_is_said_so_at_once_and_found_again_later(hub):
    hub.configure(issuer="https://127.0.0.1:1")
    browser = hub.browser()
    began = time.monotonic()
    page = browser.send(hub.url("/hub/oauth_login?provider=uni"))
    assert (page.status, page.heading()) == (503, "the university cannot be reached.") and time.monotonic() - began < 5
    assert page.headers["Retry-After"]


def test_a_certificate_of_an_authority_that_is_not_known_is_refused(hub):
    hub.configure(ca_file=None)
    page = hub.browser().send(hub.url("/hub/oauth_login?provider=uni"))
    assert page.heading() == "the university cannot be reached."
    assert "certificate verify failed" in hub.gateway.words()


def test_new_keys_of_the_provider_are_fetched_when_they_are_needed(hub):
    assert hub.log_in("s-ada")[0].session()
    hub.provider.tell("renew")
    # Not sooner than five seconds after the last time: whoever sends tokens does not decide how often we ask.
    until(lambda: hub.log_in("s-ada")[0].session(), "the new key is known", 30)
    hub.provider.tell("seen")
    assert hub.log_in("s-ada")[0].session()
    assert "/jwks" not in hub.provider.tell("seen"), "what is known is not asked for again"


def test_unknown_keys_do_not_make_the_hub_ask_again_and_again(hub):
    hub.log_in("s-ada")
    hub.provider.mood(token="kid")
    hub.provider.tell("seen")
    began = time.monotonic()
    for _ in range(10):
        assert hub.log_in("s-ada")[1].status == 502
    asked = hub.provider.tell("seen").count("/jwks")
    assert asked <= 1 + (time.monotonic() - began) / 5


def test_a_wrong_secret_is_the_administrators_to_mend(hub, tmp_path):
    wrong = hub.root / "wrong.secret"
    wrong.write_text("not it\n")
    wrong.chmod(0o600)
    hub.configure(client_secret_file=str(wrong))
    browser, page = hub.log_in("s-ada")
    assert (page.status, page.heading()) == (502, "the university does not accept this hub.")
    assert "client_id" in page.text and not browser.session()
    assert "not it" not in hub.gateway.words()


def test_who_cancels_at_the_provider_is_told_that_they_did(hub):
    browser = hub.browser()
    page = browser.go(hub.url("/hub/oauth_login?provider=uni"))
    abort = page.text.split('href="')[-1].split('"')[0]
    page = browser.go(urllib.parse.urljoin(page.url, abort))
    assert page.status == 403 and "cancelled, or refused there" in page.heading()


def test_secrets_are_written_nowhere(hub):
    browser, _ = hub.log_in("s-ada")
    words = hub.gateway.words()
    assert "the secret of the hub" not in words and browser.session() not in words and "eyJ" not in words
