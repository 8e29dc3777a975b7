"""Names, notes, log lines and addresses that look like markup are text on every page: no script of theirs runs, no element is made."""

import json
import ssl
import urllib.parse
import urllib.request

import pytest

from small_site import configured, logged_in, serving
from spawner import Connection, FakeSpawner

PASSWORD = "a long word of the administrator"
MARKUP = "<img src=x onerror=pwned=1>\"'><script>pwned=1</script>"
OPENERS = "{{ 7*191 }} ${7*191} {% raw %} </title></textarea></script><svg/onload=pwned=1>"
TURNED = "\u202eevil\u202c \U0001f9ea\U0001f468\u200d\U0001f469\u200d\U0001f467"
LONG = "<b>" + "x" * 240
LINES = [MARKUP, OPENERS, TURNED, "\x1b[31mred\x1b[0m", "<b>" + "x" * 4000] + [f"line {n} <i>{n}</i>" for n in range(100)]
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36 \"><img src=x onerror=pwned=1>"


class Talkative(Connection):
    """A spawner whose journal is hostile."""

    def on_journal(self, _request):
        self.reply("journal", lines=[line[:1000] for line in LINES])


@pytest.fixture(scope="module")
def place():
    """A hub whose administrator, users, groups and announcements have hostile names."""
    root, gateway = configured('admin_users = ["boss"]\n')
    spawner = FakeSpawner(gateway.spawner_socket, [])
    spawner.RequestHandlerClass = Talkative
    for name in ("boss", "ada"):
        gateway.command("user", "add", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    token = gateway.command("token", "boss").strip()
    with serving(root, gateway, spawner) as place:
        trust = ssl.create_default_context(cafile=root / "tls/server.crt")

        def call(method, path, body=None):
            request = urllib.request.Request(place.url(f"hub/api/{path}"), method=method, headers={"Authorization": f"token {token}"})
            request.data = json.dumps(body).encode() if body is not None else None
            with urllib.request.urlopen(request, context=trust) as answer:
                return answer.read()

        call("PATCH", "users/ada", {"display_name": MARKUP})
        call("PATCH", "users/boss", {"display_name": "{{ 7*191 }} <b>boss</b>"})
        for group in (MARKUP.replace("/", "|"), "{{ 7*191 }}", LONG):
            call("POST", f"groups/{urllib.parse.quote(group, safe='')}")
            call("POST", f"groups/{urllib.parse.quote(group, safe='')}/users", {"users": ["ada", "boss"]})
        for text in (MARKUP, OPENERS, LONG):
            call("POST", "announcements", {"text": text})
        for note in (MARKUP, OPENERS, TURNED, LONG):
            call("POST", "users/boss/tokens", {"note": note})
            call("POST", "users/ada/tokens", {"note": note})
        yield place


@pytest.fixture(scope="module")
def boss(place, chromium):
    """The administrator's browser, whose name is hostile too."""
    with logged_in(chromium, place, "boss", PASSWORD, user_agent=AGENT) as page:
        yield page


def is_text_alone(page):
    """Nothing of what was put in has become more than text."""
    made = page.evaluate("""() => ({ran: typeof pwned, frames: document.querySelectorAll('img[src="x"], svg, iframe').length,
        scripts: [...document.scripts].filter(script => !script.src).length, bold: document.querySelectorAll('b, i').length,
        handlers: document.querySelectorAll('[onerror], [onload]').length})""")
    assert made == {"ran": "undefined", "frames": 0, "scripts": 0, "bold": 0, "handlers": 0}, (page.url, made)
    assert "1337" not in page.inner_text("body"), f"{page.url}: a template was read"


# Page, and what of the hostile texts stands on it to be read.
PAGES = [
    ("hub/home", [MARKUP]),
    ("hub/token", [MARKUP, OPENERS, LONG]),
    ("hub/sessions", []),
    ("hub/admin", [MARKUP]),
    ("hub/admin?filter=" + urllib.parse.quote(MARKUP), []),
    ("hub/admin?filter=" + urllib.parse.quote(OPENERS), []),
    ("hub/admin/announcements", [MARKUP, OPENERS, LONG]),
    ("hub/admin/user/ada", []),
    ("hub/admin/groups", []),
    ("hub/admin/audit", []),
    ("hub/admin/audit?user=" + urllib.parse.quote(MARKUP), []),
    ("hub/" + urllib.parse.quote(MARKUP), []),
    ("hub/spawn/ada?profile=" + urllib.parse.quote(MARKUP) + "&name=" + urllib.parse.quote(OPENERS), []),
    ("hub/accept-share?code=" + urllib.parse.quote(MARKUP), []),
    ("hub/user-redirect/" + urllib.parse.quote("lab/tree/" + MARKUP.replace("/", "|")), []),
]


@pytest.mark.parametrize("path, texts", PAGES, ids=[path.split("?")[0][:40] + str(number) for number, (path, _) in enumerate(PAGES)])
def test_hostile_names_are_text_on_every_page(place, boss, path, texts):
    boss.goto(place.url(path))
    boss.wait_for_load_state()
    is_text_alone(boss)
    shown = boss.evaluate("document.body.textContent")
    for text in texts:
        assert text in shown, (path, text)


def test_the_login_page_shows_announcements_and_where_one_wanted_to_go_as_text(place, chromium):
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(place.url("hub/login?next=" + urllib.parse.quote(f"/jupyterhub/hub/home?{MARKUP}")))
    is_text_alone(page)
    assert MARKUP in page.evaluate("document.body.textContent")
    page.fill("#username_input", MARKUP)
    page.fill("#password_input", "x")
    page.click("#login_submit")
    page.wait_for_selector("#login-message")
    is_text_alone(page)
    context.close()


def test_lines_of_a_servers_log_are_text_while_it_starts_and_after_it_failed(place, boss):
    place.spawner.force("boss", "starting")
    boss.goto(place.url("hub/spawn-pending/boss"))
    boss.wait_for_function("text => document.body.textContent.includes(text)", arg=MARKUP)
    is_text_alone(boss)
    # The page of a start goes on by itself when the start fails: it is left first.
    boss.goto(place.url("hub/token"))
    place.spawner.force("boss", "failed")
    boss.goto(place.url("hub/spawn-pending/boss"))
    boss.wait_for_function("text => document.body.textContent.includes(text)", arg=MARKUP)
    is_text_alone(boss)
    place.spawner.force("boss", "stopped")


def test_states_that_come_while_one_looks_are_text(place, boss):
    boss.goto(place.url("hub/admin"))
    for phase in ("starting", "running", "failed", "stopped"):
        place.spawner.force("ada", phase)
        boss.wait_for_timeout(300)
        is_text_alone(boss)
