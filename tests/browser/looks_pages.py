"""Every page that people see: who looks at it, where it is, and how one gets there if an address is not enough."""

import dataclasses
import itertools
from collections.abc import Callable

NUMBERS = itertools.count(1)


def nothing(_there):
    """The address alone is enough."""


def press(selector):
    """One gets there by pressing a button."""
    def pressed(page):
        with page.expect_navigation():
            page.locator(selector).first.click()

    return pressed


def fill(button, **texts):
    """One gets there by a form: fields by their ids."""
    def filled(page):
        for name, text in texts.items():
            page.fill(f"#{name}", text() if callable(text) else text)
        press(button)(page)

    return filled


def several(page):
    """One gets there by choosing some and saying what is to be done with them."""
    for name in ("bruno", "chen"):
        page.check(f'#user-{name} input[type="checkbox"]')
    press('#many button[value="disable"]')(page)


def fresh_name():
    """A name that nobody has yet."""
    return f"pupil{next(NUMBERS)}"


@dataclasses.dataclass(frozen=True)
class Page:
    """One page in one state."""

    name: str
    who: str
    path: str
    # What is there when the page is what was asked for.
    sign: str
    then: Callable = nothing
    status: int = 200
    # Texts that are English in Chinese pages too: a pattern.
    english: str = ""
    # What is to be so before, with the site.
    before: Callable = nothing
    # Whether only the picture is made and the size of its answer is not asked for: it came by a form.
    by_form: bool = False


def page(name, who, path, sign, **more):
    """A row of the table."""
    return Page(name, who, path, sign, by_form="then" in more, **more)


PAGES = [
    page("login", "", "hub/login", "#login_form"),
    page("login-failed", "", "hub/login", "#login-message", then=fill("#login_submit", username_input="ada", password_input="wrong"), status=200),
    page("home", "ada", "hub/home", "#stop"),
    page("home-new", "tina", "hub/home", "#start"),
    page("spawn", "tina", "hub/spawn/tina", "#profile-large"),
    page("share", "ada", "hub/share/ada", "#share-make"),
    page("share-link", "ada", "hub/share/ada", "#share-link", then=press("#share-make")),
    page("token", "ada", "hub/token", "#new-token"),
    page("token-new", "chen", "hub/token", "#token-result", then=fill("#token-create", **{"token-note": "a script"})),
    page("sessions", "ada", "hub/sessions", "#sessions"),
    page("factors", "ada", "hub/factors", "#add-app"),
    page("factors-app", "ada", "hub/factors/app", "#app-picture"),
    page("factors-passkey", "ada", "hub/factors/passkey", "#passkey-form"),
    page("history", "ada", "hub/history", "h1"),
    page("accept-share", "bruno", "{share}", "#accept"),
    page("consent", "bruno", "{consent}", "#authorize"),
    page("set-password", "", "{link}", "#password-form"),
    page("password", "ada", "hub/password", "#password-form"),
    page("logout", "ada", "hub/logout", "#logout-confirm"),
    page("pending", "ada", "hub/spawn-pending/ada/slow", "#pending", before=lambda site: site.begin_slowly()),
    page("failed", "ada", "user/ada/train/lab", "#cause", status=0),
    page("not-found", "ada", "hub/nothing-here", "h1", status=404),
    page("forbidden", "ada", "hub/admin", "h1", status=403),
    page("admin", "BOSS", "hub/admin", "#users"),
    page("admin-user", "BOSS", "hub/admin/user/ada", "#servers"),
    page("admin-groups", "BOSS", "hub/admin/groups", "#groups"),
    page("admin-group", "BOSS", "hub/admin/group/physics", "#members"),
    page("admin-roles", "BOSS", "hub/admin/roles", "#role-teacher"),
    page("admin-announcements", "BOSS", "hub/admin/announcements", "h1"),
    page("admin-audit", "BOSS", "hub/admin/audit", "#audit-filter"),
    page("admin-system", "BOSS", "hub/admin/system", "#configuration"),
    page("admin-enter", "BOSS", "hub/admin/enter/ada", "#reason"),
    page("admin-teacher", "tina", "hub/admin", "#user-ada"),
    page("admin-delete", "BOSS", "hub/admin/user/erik", "#delete-now", then=press('button[value="delete"]')),
    page("admin-many", "BOSS", "hub/admin", "#many-users", then=several),
    page("admin-links", "BOSS", "hub/admin", "#links", then=fill("#add-users", names=fresh_name)),
    page("admin-import", "BOSS", "hub/admin", "#import-rows", then=fill("#import-look", csv="user,groups\nmaria,physics\nnoor,physics;chemistry\n"),
         # The plan is in the words of `hubgate user import`.
         english=r"\d+: add .*"),
]
