"""Links to a course, `/hub/user-redirect/git-pull?…`: whoever clicks logs in, their server starts, nbgitpuller brings the files and opens one."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
import world
from applications.hub import LESSON, NOTEBOOK
from ask import Visitor
from clients.script import Script

NESTED = {"repo": "https://git.test/a/b.git?x=1&y=2", "branch": "spring/2026", "urlpath": f"lab/tree/course/{quote(LESSON)}?reset&next=%2Fa%3Fb%3D1%26c"}
QUERIES = [urlencode(NESTED), urlencode(NESTED, quote_via=quote),
           "repo=https://git.test/a/b.git&urlPath=tree/%E8%AF%BE%20%E7%A8%8B/", "repo=a&repo=b&flag&empty=&plus=1+1",
           "repo=git@git.test:a/b.git&branch=main~1;x", "repo=it's`here`\\|{a}^[b]"]


def link(hub, **query):
    """An address as nbgitpuller's generator makes it."""
    return hub.url("hub/user-redirect/git-pull?" + urlencode(query, quote_via=quote, safe=""))


def test_a_link_of_somebody_who_has_not_logged_in_ends_in_the_course_s_notebook(applications, person):
    bob = person(applications, "bob")
    shown = []
    bob.page.on("framenavigated", lambda frame: shown.append(frame.url))
    first = link(applications, repo=applications.course, branch="spring/2026", urlpath=f"lab/tree/course/{quote(LESSON)}")
    bob.page.goto(first)
    bob.page.fill("#username_input", bob.name)
    bob.page.fill("#password_input", bob.password)
    bob.page.click("#login_submit")
    bob.page.wait_for_url(bob.own(f"lab/tree/course/{quote(LESSON)}"), timeout=90_000)
    assert bob.own("git-pull?" + urlsplit(first).query) in shown
    bob.page.wait_for_selector(".jp-NotebookPanel h1:text-is('第一课')")
    home = applications.work / "homes/bob/course"
    assert (home / LESSON).read_text() == NOTEBOOK
    assert (home / "data.csv").read_text() == "a,b\n1,2\n"
    assert bob.complaints == []


@pytest.fixture(scope="module")
def server(applications):
    """dave's server, running."""
    script = Script(applications, "dave", applications.token("dave"), applications.tls())
    script.start()
    yield script
    script.stop()


def plain(address):
    """An address without escapes: what browsers escape and what they do not differs from one to the next."""
    path, _, query = address.partition("?")
    return unquote(path), parse_qsl(query, keep_blank_values=True), unquote(query)


def followed(visitor, answer):
    """Where redirects lead, while they are the hub's own."""
    while answer.status == 302 and urlsplit(where := answer.header("Location")).path.startswith(f"{visitor.hub.base}/hub/"):
        if urlsplit(where).path == f"{visitor.hub.base}/hub/login":
            return where
        answer = visitor.page("GET", where)
    return answer.header("Location")


@pytest.mark.parametrize("rest", [*(f"git-pull?{query}" for query in QUERIES), "lab/tree/Bob's%20notes%20%281%29.ipynb", "lab/tree/a;b,c.ipynb", "code/?folder=/home/x&a=%2F"])
def test_a_link_keeps_every_letter_through_log_in_and_start(applications, server, rest):
    visitor = Visitor(applications)
    login = followed(visitor, visitor.page("GET", f"{applications.base}/hub/user-redirect/{rest}"))
    form = urlencode({"_xsrf": visitor.xsrf(visitor.page("GET", login).body), "username": "dave", "password": world.PASSWORD})
    for way in (visitor.page("POST", login, form), visitor.page("GET", f"{applications.base}/hub/user-redirect/{rest}")):
        where = followed(visitor, way)
        assert plain(where) == plain(f"{server.own}{rest}")


@pytest.mark.parametrize("rest", ["lab/tree/Bob's%20notes.ipynb", "code/?folder=/home/x's"])
def test_an_address_of_one_s_own_server_is_found_again_after_the_login_too(applications, server, rest):
    visitor = Visitor(applications)
    login = followed(visitor, visitor.page("GET", f"{server.own}{rest}"))
    form = urlencode({"_xsrf": visitor.xsrf(visitor.page("GET", login).body), "username": "dave", "password": world.PASSWORD})
    assert plain(visitor.page("POST", login, form).header("Location")) == plain(f"{server.own}{rest}")
