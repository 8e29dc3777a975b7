"""The administrators' table with 50,000 users and 1,000 running servers, in Chromium through the real nginx and the real gateway: it
finds, sorts and follows them. The figures are printed: `make test` builds without optimisation, so they are upper bounds."""

import statistics

import pytest

from small_site import configured, logged_in, serving
from spawner import FakeSpawner

USERS, RUNNING, ROUNDS = 50_000, 1_000, 5
# The most that `hubgate user import` takes.
AT_ONCE = 10_000
PASSWORD = "a password for many users"
# Types a text as one would, and tells when the table shows it: milliseconds.
TYPE = """text => new Promise((done) => {
  const field = document.querySelector("#search [name=filter]"), table = document.getElementById("table"), begun = performance.now();
  new MutationObserver((_, watch) => { watch.disconnect(); requestAnimationFrame(() => done(performance.now() - begun)); })
    .observe(table, { childList: true });
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""


def name(number):
    """The name of a user."""
    return f"s{number:05}"


@pytest.fixture(scope="module")
def place():
    """nginx, the gateway with its users, and a spawner that says that a thousand servers run: so many Jupyters fit into no test."""
    root, gateway = configured('admin_users = ["boss"]\n')
    listed = root / "people.csv"
    for first in range(0, USERS, AT_ONCE):
        listed.write_text("user,display_name\n" + "".join(f"{name(n)},王伟 {n}\n" for n in range(first, first + AT_ONCE)))
        gateway.command("user", "import", str(listed))
    gateway.command("user", "add", "boss", "--password-stdin", stdin=f"{PASSWORD}\n")
    spawner = FakeSpawner(gateway.spawner_socket, [name(n) for n in range(RUNNING)])
    with serving(root, gateway, spawner) as place:
        yield place


@pytest.fixture(scope="module")
def boss(place, chromium):
    """The administrator's browser."""
    with logged_in(chromium, place, "boss", PASSWORD) as page:
        yield page


def told(what, times):
    """Prints the median of some times."""
    print(f"{USERS} users, {RUNNING} running servers, unoptimised build: {what}: median {statistics.median(times):.0f} ms of {len(times)}, "
          f"{min(times):.0f} to {max(times):.0f}")


def test_the_table_paints_and_is_sorted_by_every_column(place, boss):
    paints = {}
    for path in ["hub/token"] * ROUNDS + ["hub/admin"] * ROUNDS:
        boss.goto(place.url(path))
        paints.setdefault(path, []).append(boss.evaluate(PAINT))
    for path, times in paints.items():
        told(f"first paint of {path}", times)
    assert boss.locator("#users tbody tr").count() == 50
    for number in range(boss.locator("#users th a").count()):
        boss.locator("#users th a").nth(number).click()
        boss.wait_for_selector(f"#users th:nth-of-type({number + 1})[aria-sort], #users th[aria-sort]")
        assert boss.locator("#users tbody tr").count() == 50


def test_a_search_answers_as_one_types_by_name_and_by_pinyin(place, boss):
    boss.goto(place.url("hub/admin"))
    times = [boss.evaluate(TYPE, text) for text in ("s", "s4", "s49", "s499", "s4999", "s49999")]
    told("search as one types", times)
    assert boss.locator("#users tbody tr").count() == 1 and boss.locator("#user-s49999").count() == 1
    told("search by pinyin", [boss.evaluate(TYPE, "wang wei 41234")])
    assert boss.locator("#user-s41234").count() == 1


def test_states_come_without_a_reload(place, boss):
    boss.goto(place.url("hub/admin?filter=s00001"))
    state = boss.locator("#user-s00001")
    before = state.inner_text()
    times = []
    for phase in ("stopped", "running") * 3:
        began = boss.evaluate("performance.now()")
        place.spawner.force("s00001", phase)
        boss.wait_for_function("before => document.getElementById('user-s00001').innerText !== before", arg=before)
        times.append(boss.evaluate("performance.now()") - began)
        before = state.inner_text()
    told("a change of state on the page", times)
    assert boss.evaluate("performance.getEntriesByType('navigation').length") == 1
