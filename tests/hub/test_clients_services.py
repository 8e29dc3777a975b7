"""Services as JupyterHub's documentation has them, managed by hubgate and reached through nginx: HubAuth, and HubOAuth in a browser."""

import json

import pytest
from ask import Visitor
from stack import until

PREFIX = "/jupyterhub/services"


@pytest.fixture(scope="module")
def hub(flavoured):
    """hubgate with the two services."""
    hub = flavoured("direct")
    for name in ("whoami", "whoami-token"):
        until(f"the service {name}", lambda name=name: Visitor(hub).send("GET", f"{PREFIX}/{name}/").status in (302, 403), parts=hub.parts)
    return hub


def test_a_service_tells_a_program_who_it_is(hub):
    answer = Visitor(hub, hub.token("alice")).send("GET", f"{PREFIX}/whoami-token/")
    told = answer.json()
    assert (answer.status, told["name"], told["kind"]) == (200, "alice", "user")
    assert "access:services!service=whoami-token" in told["scopes"]


@pytest.mark.parametrize("who", ["nobody", "stranger", "unentitled"])
def test_a_service_refuses_whoever_may_not_use_it(hub, who):
    token = {"nobody": None, "stranger": "0" * 64, "unentitled": hub.token("carol")}[who]
    assert Visitor(hub, token).send("GET", f"{PREFIX}/whoami-token/").status == 403


def test_a_person_s_session_is_not_shown_to_a_service(hub):
    visitor = Visitor(hub).log_in("alice")
    assert visitor.send("GET", f"{PREFIX}/whoami-token/").status == 403


def test_a_person_is_asked_logged_in_and_told_who_they_are(hub, person):
    alice = person(hub, "alice")
    alice.page.goto(f"{hub.address}{PREFIX}/whoami/")
    alice.page.fill("#username_input", alice.name)
    alice.page.fill("#password_input", alice.password)
    alice.page.click("#login_submit")
    alice.page.wait_for_url("**/hub/api/oauth2/authorize**")
    alice.page.click("#authorize")
    alice.page.wait_for_url(f"{hub.address}{PREFIX}/whoami/")
    told = json.loads(alice.page.inner_text("body"))
    assert (told["name"], told["kind"]) == ("alice", "user")
    assert "access:services!service=whoami" in told["scopes"]
    # A page of JSON names no icon, so Chromium asks the site for one.
    assert [text for text in alice.complaints if "/favicon.ico" not in text] == []
    # A second visit needs the hub no more; the cookie is below the service's own path.
    alice.page.reload()
    assert json.loads(alice.page.inner_text("body"))["name"] == "alice"
    cookies = {cookie["name"]: cookie["path"] for cookie in alice.context.cookies()}
    assert cookies["service-whoami"] == f"{PREFIX}/whoami/"


def test_a_person_without_the_right_is_refused(hub, person):
    carol = person(hub, "carol")
    carol.log_in(first="hub/home")
    carol.page.wait_for_url("**/hub/home")
    answer = carol.page.goto(f"{hub.address}{PREFIX}/whoami/")
    assert answer.status == 403


def test_after_log_out_a_service_asks_again(hub, person):
    alice = person(hub, "alice")
    alice.log_in(first="hub/home")
    alice.page.wait_for_url("**/hub/home")
    alice.page.goto(f"{hub.address}{PREFIX}/whoami/")
    if "authorize" in alice.page.url:
        alice.page.click("#authorize")
    alice.page.wait_for_url(f"{hub.address}{PREFIX}/whoami/")
    alice.page.goto(hub.url("hub/logout"))
    alice.page.click("#logout-confirm")
    alice.page.wait_for_selector("#username_input")
    alice.page.goto(f"{hub.address}{PREFIX}/whoami/")
    alice.page.wait_for_selector("#username_input")
