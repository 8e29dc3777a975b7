"""Logging in at a real identity provider, in a real browser."""

import os
import re

import pytest

from hub import Hub, free_port
from idp import SECRET, Provider
from test_day import SCREENSHOTS
from visit import Visit

ADA = {"name": "Ada Lovelace", "preferred_username": "ada", "email": "ada@example.org", "email_verified": True, "groups": ["physics"]}
EVE = {"name": "Eve", "preferred_username": "eve", "groups": ["guests"]}


@pytest.fixture(scope="module")
def provider_hub(run_folder, users_environment):
    """A hub with a provider beside its passwords, and that provider."""
    folder = run_folder / "oidc"
    hub = Hub(folder, **users_environment).start()
    hub.stop()
    provider = Provider(free_port(), folder / "tls", hub.url("").rstrip("/")).start()
    provider.people(**{"s-ada": ADA, "s-eve": EVE})
    secret = folder / "etc/university.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    os.chown(secret, (folder / "state").stat().st_uid, -1)
    with open(folder / "etc/hubgate.toml", "a") as config:
        config.write(f'public_url = "https://localhost:{hub.port}"\nallowed_groups = ["physics"]\n[[oidc]]\nname = "uni"\ntitle = "the university"\n'
                     f'issuer = "{provider.issuer}"\nclient_id = "hubgate"\nclient_secret_file = "{secret}"\nca_file = "{folder}/tls/ca.crt"\n'
                     'scopes = ["profile", "email", "groups"]\nlogout = true\n')
    again = Hub(folder, hub.port, **users_environment).start()
    yield again, provider
    again.stop()
    provider.stop()


@pytest.fixture
def person(provider_hub, chromium):
    """Somebody whom the provider knows as ada."""
    hub, _ = provider_hub
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    # The provider's own pages would fetch a typeface.
    context.route(re.compile(r"https://fonts\."), lambda route: route.abort())
    yield Visit(hub, context, "ada", "")
    context.close()


def log_in(person, provider, login, first=""):
    page = person.page
    page.goto(person.hub.url(first))
    page.click("text=Log in with the university")
    page.wait_for_url(f"{provider.issuer}/interaction/**")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")


def test_a_person_logs_in_at_the_provider_works_and_logs_out_of_both(person, provider_hub):
    hub, provider = provider_hub
    page = person.page
    page.goto(hub.url())
    page.screenshot(path=SCREENSHOTS / "login-provider.png")
    log_in(person, provider, "s-ada")
    # Browsers count this as coming from the provider's site, and other sites start no servers: a person presses the button.
    page.wait_for_url(hub.url("hub/spawn/ada"))
    page.click("#start")
    person.wait_for_lab()
    assert not [text for text in person.complaints if provider.issuer not in text and "fonts." not in text]

    page.goto(hub.url("hub/home"))
    page.click("#stop")
    page.goto(hub.url("hub/home"))
    page.click("#logout")
    page.wait_for_url(f"{provider.issuer}/session/end?**")
    page.click("button[value=yes]")
    page.wait_for_url(re.compile(r"/hub/login"))
    page.click("text=Log in with the university")
    page.wait_for_url(f"{provider.issuer}/interaction/**")
    assert page.locator("input[name=login]").count() == 1, "the provider asks who it is again"


def test_who_is_in_no_allowed_group_reads_why_not(person, provider_hub):
    _, provider = provider_hub
    log_in(person, provider, "s-eve")
    person.page.wait_for_url(re.compile(r"/hub/oauth_callback"))
    assert "nothing in this hub's configuration lets you in" in person.page.inner_text("h1").replace("’", "'")


def test_who_cancels_at_the_provider_comes_back_to_a_sentence(person, provider_hub):
    hub, provider = provider_hub
    page = person.page
    page.goto(hub.url("hub/login"))
    page.click("text=Log in with the university")
    page.wait_for_url(f"{provider.issuer}/interaction/**")
    page.click("a[href*=abort]")
    page.wait_for_url(re.compile(r"/hub/oauth_callback"))
    assert "cancelled, or refused there" in page.inner_text("h1")
