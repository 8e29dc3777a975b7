"""Second factors in Chromium: codes of an app, and passkeys of a virtual device."""

import base64
import hashlib
import hmac
import re
import struct
import time

import pytest

STEP_S = 30


def code_of(secret, step):
    """RFC 6238 with SHA-1 and six digits."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.fixture
def device(visitor):
    """A device with a finger that always fits, in the visitor's browser."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}
    name = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return lambda: session.send("WebAuthn.getCredentials", {"authenticatorId": name})["credentials"]


def log_out(visitor):
    visitor.page.click("#logout")
    visitor.page.wait_for_selector("#login_submit")


def add_app(visitor):
    """Adds an app with the code of the step before; its secret and the first recovery code."""
    visitor.page.click("#add-app")
    picture = visitor.page.locator("#app-picture")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0"), "the picture is not shown"
    visitor.page.click("summary")
    secret = visitor.page.inner_text("#app-secret")
    visitor.page.fill("#code", code_of(secret, int(time.time()) // STEP_S - 1))
    visitor.page.click("#app-submit")
    codes = visitor.page.inner_text("#recovery-codes").split()
    assert len(codes) == 10
    visitor.page.click("#recovery-kept")
    return secret, codes[0]


def add_passkey(visitor):
    visitor.page.click("#add-passkey")
    visitor.page.fill("#passkey-name", "My laptop")
    visitor.page.click("#passkey-submit")
    visitor.page.click("#recovery-kept")
    assert visitor.page.input_value('input[name="name"]') == "My laptop"


def test_an_app_is_added_by_its_picture_and_asked_for_at_the_next_login(visitor):
    visitor.log_in("hub/factors")
    secret, recovery = add_app(visitor)
    log_out(visitor)
    visitor.log_in("hub/factors")
    visitor.page.fill("#code", "000000")
    visitor.page.click("#factor-submit")
    visitor.page.wait_for_selector("#factor-message")
    visitor.page.fill("#code", code_of(secret, int(time.time()) // STEP_S))
    visitor.page.click("#factor-submit")
    visitor.page.wait_for_url(re.compile("/hub/factors"))
    log_out(visitor)
    visitor.log_in("hub/factors")
    visitor.page.fill("#code", recovery)
    visitor.page.click("#factor-submit")
    assert visitor.page.inner_text("#recovery-left") == "9"
    assert [text for text in visitor.complaints if "403" not in text] == []


def test_a_passkey_is_asked_for_after_the_password(visitor, device):
    visitor.log_in("hub/factors")
    add_passkey(visitor)
    assert len(device()) == 1
    log_out(visitor)
    visitor.log_in("hub/factors")
    visitor.page.click("#passkey-submit")
    visitor.page.wait_for_url(re.compile("/hub/factors"))
    assert visitor.complaints == []


def test_a_passkey_alone_logs_a_file_user_in(visitor, device):
    visitor.log_in("hub/factors")
    add_passkey(visitor)
    assert [credential["isResidentCredential"] for credential in device()] == [True]
    log_out(visitor)
    visitor.page.goto(visitor.hub.url("hub/factors"))
    visitor.page.click("#passkey-login")
    visitor.page.click("#passkey-submit")
    visitor.page.wait_for_url(re.compile("/hub/factors"))
    assert visitor.page.inner_text(".who") == visitor.name
    assert visitor.complaints == []


def test_a_device_that_knows_nobody_here_says_so(visitor, device):
    visitor.page.goto(visitor.hub.url("hub/login/passkey"))
    visitor.page.click("#passkey-submit")
    visitor.page.wait_for_selector("#passkey-message:visible")
    assert "Try again" in visitor.page.inner_text("#passkey-message")
    assert device() == []
