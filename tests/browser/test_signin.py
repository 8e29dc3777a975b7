"""Signing in, beside the plain password: what PAM asks, forms in many tabs, sessions on two devices. Before the real gateway and
nginx stands a spawner whose PAM asks for a code; the real one is asked in the ring `system`."""

import contextlib
import pathlib
import re

import pytest

from small_site import configured, serving
from spawner import Connection, FakeSpawner

SHOTS = pathlib.Path(__file__).resolve().parents[2] / "run/shots"
PASSWORD = "the right password"


class Asking(Connection):
    """A PAM that wants a code after the password, and a new password from carol."""

    def on_authenticate(self, request):
        self.name = request["user"]
        if request["password"] != PASSWORD:
            return self.over({"outcome": "refused", "reason": {"reason": "bad_credentials"}})
        if self.name == "carol":
            return self.prompt("new_password", ("error", "You are required to change your password immediately."),
                               ("hidden", "New password: "), ("hidden", "Retype new password: "))
        return self.prompt("login", ("info", "Welcome to the <b>machine</b>."), ("shown", "1 for push, 2 for a code: "),
                           ("hidden", "Verification code: "))

    def on_answer(self, request):
        right = request["answers"] == ["2", "123456"] or (self.name == "carol" and len(set(request["answers"])) == 1)
        if not right:
            return self.over({"outcome": "refused", "reason": {"reason": "bad_credentials"}})
        return self.over({"outcome": "accepted", "account": {"user": self.name, "uid": 1000}, "ticket": "ticket",
                          "state": {"locked": False, "expired": False, "groups": [self.name]}})

    def on_account(self, request):
        self.reply("account", account={"user": request["user"], "uid": 1000},
                   state={"locked": False, "expired": False, "groups": [request["user"]]})

    def prompt(self, purpose, *prompts):
        self.reply("prompt", purpose=purpose, prompts=[{"style": style, "text": text} for style, text in prompts])

    def over(self, outcome):
        self.reply("authenticated", outcome=outcome)


@pytest.fixture(scope="module")
def site():
    """nginx and the gateway with the PAM authenticator."""
    root, gateway = configured("allow_all = true\n")
    gateway.config.write_text(gateway.config.read_text().replace('authenticator = "file"', 'authenticator = "pam"'))
    spawner = FakeSpawner(gateway.spawner_socket, [])
    spawner.RequestHandlerClass = Asking
    with serving(root, gateway, spawner) as site:
        yield site


@pytest.fixture
def person(chromium):
    """Opens a browser profile of its own, as often as asked."""
    with contextlib.ExitStack() as all_of_them:
        def new():
            context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1000, "height": 700})
            context.set_default_timeout(20_000)
            all_of_them.callback(context.close)
            return context.new_page()

        yield new


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def give_password(page, name, password=PASSWORD):
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")


def log_in(site, page, path="hub/home", name="alice"):
    page.goto(site.url(path))
    give_password(page, name)
    page.fill("#answer1", "2")
    page.fill("#answer2", "123456")
    page.click("#login_submit")


def test_pam_asks_for_a_code_on_a_page_of_its_own(site, person):
    page = person()
    page.goto(site.url("hub/token"))
    give_password(page, "alice")
    assert page.inner_text("h1") == "One more step"
    assert page.inner_text("p.notice") == "Welcome to the <b>machine</b>."
    assert page.get_attribute("#answer1", "type") == "text" and page.get_attribute("#answer2", "type") == "password"
    assert page.evaluate("document.activeElement.id") == "answer1"
    shot(page, "conversation")
    page.fill("#answer1", "2")
    page.fill("#answer2", "000000")
    page.click("#login_submit")
    assert page.inner_text("#login-message") == "Invalid username or password."
    give_password(page, "alice")
    page.fill("#answer1", "2")
    page.get_by_label("Verification code").fill("123456")
    page.keyboard.press("Enter")
    page.wait_for_url(site.url("hub/token"))


def test_an_expired_password_is_changed_on_the_way_in(site, person):
    page = person()
    page.goto(site.url("hub/home"))
    give_password(page, "carol")
    assert page.inner_text("h1") == "Your password has expired"
    assert page.inner_text("[role=alert]").startswith("You are required")
    shot(page, "expired")
    page.fill("#answer1", "a new one, long")
    page.fill("#answer2", "a new one, long")
    page.click("#login_submit")
    page.wait_for_url(site.url("hub/home"))


def test_a_login_is_given_up_by_a_button_or_left_alone(site, person):
    page = person()
    page.goto(site.url("hub/home"))
    give_password(page, "alice")
    page.click("#cancel")
    page.wait_for_selector("#username_input")
    give_password(page, "alice")
    page.wait_for_selector("#conversation_form")
    page.goto(site.url("hub/home"))
    page.wait_for_selector("#username_input")


def test_twenty_tabs_of_an_ended_session_need_one_login(site, person):
    first = person()
    tabs = [first, *(first.context.new_page() for _ in range(19))]
    for number, tab in enumerate(tabs):
        tab.goto(site.url(f"hub/token?tab={number}"), wait_until="commit")
    give_password(tabs[7], "alice")
    tabs[7].fill("#answer1", "2")
    tabs[7].fill("#answer2", "123456")
    tabs[7].click("#login_submit")
    tabs[7].wait_for_url(site.url("hub/token?tab=7"))
    for number, tab in enumerate(tabs):
        redirects = []
        tab.on("response", lambda answer, seen=redirects: answer.status == 302 and seen.append(answer.url))
        tab.reload()
        tab.wait_for_url(site.url(f"hub/token?tab={number}"))
        assert len(redirects) <= 3, redirects


def test_a_session_on_another_device_is_seen_and_ended(site, person):
    here, there = person(), person()
    log_in(site, here, name="bob")
    log_in(site, there, "hub/sessions", name="bob")
    assert there.locator("#sessions tbody tr").count() == 2
    assert re.search(r"Chrom.* on Linux", there.inner_text("#sessions"))
    shot(there, "sessions")
    there.click("#end-others")
    there.wait_for_function("document.querySelectorAll('#sessions tbody tr').length === 1")
    here.goto(site.url("hub/home"))
    here.wait_for_selector("#username_input")
    there.goto(site.url("hub/home"))
    there.wait_for_selector("#logout")


def test_pages_need_no_script(site, chromium):
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = context.new_page()
    log_in(site, page, "hub/sessions", name="dora")
    page.wait_for_url(site.url("hub/sessions"))
    assert "this one" in page.inner_text("#sessions")
    context.close()
