"""Logging in at the provider, and what people are here afterwards."""

import urllib.parse

import pytest

from conftest import PEOPLE


def test_a_person_logs_in_at_the_provider_and_is_a_user_here(hub):
    browser, page = hub.log_in("s-ada", "/hub/login")
    assert (page.status, page.location, bool(browser.session())) == (302, hub.url("/hub/"), True)
    assert "ada" in hub.users()
    assert browser.send(hub.url("/hub/home")).status == 200
    assert "login from=127.0.0.1 user=ada provider=uni" in hub.gateway.words()


def test_the_login_page_offers_the_provider_and_asks_for_no_password(hub):
    page = hub.browser().send(hub.url("/hub/login?next=%2Fjupyterhub%2Fhub%2Ftoken"))
    assert 'href="/jupyterhub/hub/oauth_login?provider=uni&#38;next=%2Fjupyterhub%2Fhub%2Ftoken">Log in with the university</a>' in page.text
    assert "password_input" not in page.text


def test_passwords_and_the_provider_are_on_offer_together(hub):
    hub.configure("file")
    hub.gateway.command("user", "add", "carol", "--password-stdin", stdin="carol's own word\n")
    browser = hub.browser()
    page = browser.send(hub.url("/hub/login"))
    assert "password_input" in page.text and "Log in with the university" in page.text
    assert browser.fill(page, username="carol", password="carol's own word").status == 302
    assert hub.log_in("s-ada")[0].session()


def test_a_password_is_of_no_use_where_there_are_none(hub):
    browser = hub.browser()
    page = browser.send(hub.url("/hub/login"))
    token = next(value for (_, _, name), value in browser.jar.items() if name == "_xsrf")
    tried = browser.send(page.url, {"username": "ada", "password": "x", "_xsrf": token})
    assert tried.status == 403 and not browser.session()


def test_where_a_person_wanted_to_go_survives_the_way_over_the_provider(hub):
    browser = hub.browser()
    page = browser.go(hub.url("/hub/token?x=1"))
    assert page.url.startswith(hub.url("/hub/login?next="))
    link = hub.url("/hub/oauth_login?provider=uni&next=%2Fjupyterhub%2Fhub%2Ftoken%3Fx%3D1")
    _, page = hub.log_in("s-ada", link.removeprefix(hub.url("")), browser)
    assert page.location == hub.url("/hub/token?x=1")


@pytest.mark.parametrize("target", ["https://evil.test/", "//evil.test", "/jupyterhub/hub/oauth_login?provider=uni", "/jupyterhub/hub/logout", "/x"])
def test_nobody_is_sent_elsewhere_afterwards(hub, target):
    _, page = hub.log_in("s-ada", "/hub/oauth_login?provider=uni&next=" + urllib.parse.quote(target, safe=""))
    assert page.location == hub.url("/hub/")


def test_auto_login_goes_there_at_once_and_not_after_a_log_out(hub):
    hub.configure(auto_login=True)
    browser = hub.browser()
    page = browser.go(hub.url("/hub/home"))
    assert page.url.startswith(hub.provider.issuer) and len(browser.seen) <= 5
    page = browser.fill(page, login="s-ada", password="x")
    assert browser.follow(page, until=hub.url("/hub/home")).location == hub.url("/hub/home")
    page = browser.send(hub.url("/hub/logout"))
    page = browser.fill(page)
    assert page.location == hub.url("/hub/login?auto=0")
    assert "Log in with the university" in browser.send(page.location).text


def test_groups_of_the_provider_decide_who_comes_in(hub):
    hub.configure(top='allowed_groups = ["physics"]\n')
    assert hub.log_in("s-ada")[0].session()
    browser, page = hub.log_in("s-bob")
    assert page.status == 403 and not browser.session()
    assert "nothing in this hub" in page.heading()
    assert "bob" not in hub.users()
    assert "login not allowed from=127.0.0.1 user=bob rule=default" in hub.gateway.words()


def test_without_a_rule_nobody_comes_in_and_a_blocked_user_never(hub):
    hub.configure(top="")
    assert hub.log_in("s-ada")[1].status == 403
    hub.configure(top='allow_all = true\nblocked_users = ["ada"]\n')
    assert "blocked" in hub.log_in("s-ada")[1].heading()


def test_groups_may_lie_inside_another_claim_and_in_the_token_itself(hub):
    hub.configure(top='allowed_groups = ["r1"]\n', groups_claim="groups.roles")
    hub.provider.people(**{"s-ada": PEOPLE["s-ada"] | {"groups": {"roles": ["r1"]}}})
    assert hub.log_in("s-ada")[0].session()


def test_claims_of_the_token_itself_need_no_second_question(hub):
    hub.provider.mood(conform=False)
    hub.provider.tell("renew")
    hub.configure()
    hub.provider.tell("seen")
    assert hub.log_in("s-ada")[0].session()
    assert "/me" not in hub.provider.tell("seen")
    hub.provider.mood()
    hub.provider.tell("renew")


def test_a_client_that_sends_its_secret_in_the_form_is_one_too(hub):
    hub.provider.mood(discovery="post")
    hub.configure(client_id="by-post")
    assert hub.log_in("s-ada")[0].session()


def test_a_mapped_name_and_a_wide_pattern_make_users_of_any_name(hub):
    hub.configure(top='allow_all = true\nusername_pattern = "[\\\\w.@-]{1,64}"\nusername_map = { "bob" = "robert" }\n')
    hub.provider.people(**{"s-zhang": PEOPLE["s-ada"] | {"preferred_username": "张三"}, "s-bob": PEOPLE["s-bob"]})
    assert hub.log_in("s-zhang")[0].session()
    assert hub.log_in("s-bob")[0].session()
    assert "robert" in hub.users() and "id--" in hub.users()


@pytest.mark.parametrize("name", ["Ada", "a b", "../etc", "", None, 7, "a" * 300, "ada\n", "id--x", ["ada"]])
def test_a_name_that_is_none_here_does_not_come_in(hub, name):
    hub.provider.people(**{"s-x": PEOPLE["s-ada"] | {"preferred_username": name}})
    browser, page = hub.log_in("s-x")
    assert page.status in (403, 502) and not browser.session(), page.heading()


def test_an_address_is_a_name_only_when_it_is_verified(hub):
    hub.configure(top='allow_all = true\nusername_pattern = "[\\\\w.@-]{1,64}"\n', username_claim="email")
    assert hub.log_in("s-ada")[0].session()
    browser, page = hub.log_in("s-bob")
    assert "has not verified your mail address" in page.heading() and not browser.session()


def test_a_person_stays_the_same_user_under_another_name(hub):
    assert hub.log_in("s-ada")[0].session()
    hub.provider.people(**{"s-ada": PEOPLE["s-ada"] | {"preferred_username": "countess"}})
    browser, _ = hub.log_in("s-ada")
    assert browser.session() and "countess" not in hub.users()


def test_another_person_of_the_same_name_is_not_that_user(hub):
    assert hub.log_in("s-ada")[0].session()
    hub.provider.people(**{"s-eve": PEOPLE["s-bob"] | {"preferred_username": "ada"}})
    browser, page = hub.log_in("s-eve")
    assert "belongs to another user" in page.heading() and not browser.session()
    hub.gateway.command("user", "forget-identity", "ada")
    assert hub.log_in("s-eve")[0].session()


def test_a_user_with_a_password_is_not_taken_over_by_a_name(hub):
    hub.configure("file")
    hub.gateway.command("user", "add", "ada", "--password-stdin", stdin="ada's own long word\n")
    browser, page = hub.log_in("s-ada")
    assert "belongs to another user" in page.heading() and not browser.session()
    hub.configure("file", same_names=True)
    hub.gateway.command("user", "add", "ada", "--password-stdin", stdin="ada's own long word\n")
    assert hub.log_in("s-ada")[0].session()


def test_beside_pam_a_name_is_not_enough_unless_the_site_says_so(hub):
    hub.configure("pam")
    assert "belongs to another user" in hub.log_in("s-ada")[1].heading()
    hub.configure("pam", same_names=True)
    assert hub.log_in("s-ada")[0].session()


def test_many_tabs_log_in_at_once(hub):
    browser, line = hub.browser(), "login from=127.0.0.1 user=ada provider=uni"
    before = hub.gateway.words().count(line)
    pages = [browser.go(hub.url("/hub/oauth_login?provider=uni&next=%2Fjupyterhub%2Fhub%2Ftoken")) for _ in range(20)]
    assert sum(name == "hubgate-oidc" for _, _, name in browser.jar) == 1
    header = browser.cookie("localhost", "/jupyterhub/hub/oauth_callback")
    assert len(header) < 300, header
    for page in pages:
        page = browser.fill(page, login="s-ada", password="x")
        page = browser.follow(page, until=hub.url("/hub/token"))
        assert page.location == hub.url("/hub/token")
    assert browser.send(hub.url("/hub/home")).status == 200
    assert hub.gateway.words().count(line) - before == 1


def test_a_fresh_proof_is_asked_of_the_provider_where_one_is_needed(hub):
    browser, _ = hub.log_in("s-ada")
    page = browser.go(hub.url("/hub/oauth_login?provider=uni&again=1"))
    assert page.url.startswith(hub.provider.issuer), "the provider asks although it knows the person"
    old = browser.session()
    page = browser.follow(browser.fill(page, login="s-ada", password="x"), until=hub.url("/hub/oauth_callback"))
    assert browser.send(page.location).status == 302 and browser.session() not in (None, old)


def test_a_log_out_goes_on_to_the_provider_and_comes_back(hub):
    hub.configure(logout=True)
    browser, _ = hub.log_in("s-ada")
    page = browser.fill(browser.send(hub.url("/hub/logout")))
    assert (page.status, page.heading(), browser.session()) == (200, "You are logged out here", None)
    target = page.text.split('id="farewell" href="')[1].split('"')[0].replace("&#38;", "&")
    assert target.startswith(f"{hub.provider.issuer}/session/end?") and "id_token_hint=" in target
    page = browser.send(target)
    form = browser.fill(page, logout="yes")
    back = browser.follow(form, until=hub.url("/hub/login"))
    assert back.location == hub.url("/hub/login")
    assert browser.go(hub.url("/hub/oauth_login?provider=uni")).status == 200, "the provider asks for a login again"


def test_with_no_log_out_there_a_log_out_ends_here(hub):
    browser, _ = hub.log_in("s-ada")
    page = browser.fill(browser.send(hub.url("/hub/logout")))
    assert (page.status, page.location, browser.session()) == (302, hub.url("/hub/login"), None)
