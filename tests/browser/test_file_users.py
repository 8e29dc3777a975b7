"""Users of the hub's own: an administrator adds them, they choose passwords. All of it works without JavaScript."""

import secrets

import pytest

from visit import Visit


@pytest.fixture
def people(hub, chromium):
    """Opens browsers: `people(name, password)`."""
    contexts = []

    def person(name, password):
        context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(30_000)
        contexts.append(context)
        return Visit(hub, context, name, password)

    yield person
    for context in contexts:
        context.close()


@pytest.fixture
def boss(hub, people):
    """The administrator, on the page of users."""
    boss = people(hub.printed["user"], hub.printed["password"])
    boss.log_in("hub/admin")
    boss.page.wait_for_selector("#users")
    return boss


def set_password(page, password):
    """Fills a page in that asks for a password twice."""
    page.fill("#password", password)
    page.fill("#again", password)
    page.click("#password-submit")


def test_a_new_user_chooses_a_password_by_a_link_and_changes_it(boss, people):
    name, password = f"linked{secrets.token_hex(3)}", secrets.token_urlsafe(12)
    boss.page.fill("#names", name)
    boss.page.click("#add-users")
    link = boss.page.text_content("#links code")
    assert "/hub/set-password/" in link and link.startswith(boss.hub.url("")[: len("https://")])

    person = people(name, password)
    person.page.goto(link)
    set_password(person.page, "12345678")
    assert "too easy to guess" in person.page.text_content("#password-message")
    set_password(person.page, password)
    person.page.wait_for_selector("#login_form")
    person.log_in("hub/home")
    person.page.wait_for_url(person.hub.url("hub/home"))
    person.page.goto(link)
    assert "does not hold" in person.page.text_content("h1")

    elsewhere = people(name, password)
    elsewhere.log_in("hub/home")
    person.page.goto(person.hub.url("hub/password"))
    person.page.fill("#old", password)
    set_password(person.page, secrets.token_urlsafe(12))
    person.page.wait_for_url(person.hub.url("hub/home"))
    elsewhere.page.goto(elsewhere.hub.url("hub/home"))
    elsewhere.page.wait_for_selector("#login_form")


def test_a_list_is_looked_at_then_taken_and_its_users_choose_a_password(boss, people):
    name, weak = f"listed{secrets.token_hex(3)}", "lastyear"
    boss.page.fill("#csv", f"user,passwd,groups,display_name\n{name},{weak},class1,Li Lei\n")
    boss.page.click("#import-look")
    assert f"add {name}: +group class1, display name: Li Lei, password" in boss.page.text_content("#import-rows")
    boss.page.click("#import-apply")
    boss.page.wait_for_selector(f"#user-{name}")
    assert "class1" in boss.page.text_content(f"#user-{name}")

    person = people(name, weak)
    person.log_in("hub/home")
    assert person.page.text_content("h1") == "Choose a new password"
    set_password(person.page, secrets.token_urlsafe(12))
    person.page.wait_for_url(person.hub.url("hub/home"))

    boss.page.click(f"#user-{name} a")
    boss.page.click('#change button[value="disable"]')
    person.page.goto(person.hub.url("hub/home"))
    person.page.wait_for_selector("#login_form")


def test_a_list_with_a_mistake_does_nothing(boss):
    boss.page.fill("#csv", "user,admin\nroot,true\nfine,maybe\n")
    boss.page.click("#import-look")
    told = boss.page.text_content("#import-errors")
    assert "Line 2: column user" in told and "Line 3: column admin" in told
    boss.page.goto(boss.hub.url("hub/admin?filter=fine"))
    assert boss.page.locator("#user-fine").count() == 0


def test_a_user_is_deleted_only_after_a_question(boss):
    name = f"gone{secrets.token_hex(3)}"
    boss.page.fill("#names", name)
    boss.page.click("#add-users")
    boss.page.goto(boss.hub.url(f"hub/admin?filter={name}"))
    boss.page.click(f"#user-{name} a")
    boss.page.click('#change button[value="delete"]')
    boss.page.click("#delete-now")
    boss.page.wait_for_selector("#users")
    boss.page.goto(boss.hub.url(f"hub/admin?filter={name}"))
    assert boss.page.text_content("#range").startswith("0 to 0 of 0")
