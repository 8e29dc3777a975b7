"""JupyterHub's own single-user server, unmodified, in a real browser: log in, OAuth, a cell, a terminal, log out."""

import re

import pytest


@pytest.fixture(scope="module")
def hub(flavoured):
    """hubgate whose servers are jupyterhub-singleuser."""
    return flavoured("hub")


@pytest.fixture
def lab(hub, person):
    """bob, logged in, with an open JupyterLab."""
    bob = person(hub, "bob")
    bob.log_in()
    bob.page.wait_for_selector("#jupyterlab-splash, .jp-LabShell")
    # JupyterLab would open what the test before left open.
    bob.page.goto(bob.own("lab?reset"))
    bob.wait_for_lab()
    return bob


def test_a_person_logs_in_and_comes_by_oauth_to_their_own_server(lab):
    cookies = {cookie["name"]: cookie["path"] for cookie in lab.context.cookies()}
    assert cookies["jupyterhub-user-bob"] == "/jupyterhub/user/bob/"
    config = lab.page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent)")
    assert (config["hubUser"], config["hubPrefix"], config["baseUrl"]) == ("bob", "/jupyterhub/hub/", "/jupyterhub/user/bob/")
    assert lab.complaints == []


def test_a_cell_and_a_terminal_work(lab):
    lab.open_notebook()
    assert lab.run_cell("import os; print(6 * 7, os.environ['USER'])") == "42 bob"
    lab.page.goto(lab.own("lab?reset"))
    lab.wait_for_lab()
    terminal = lab.open_terminal()
    assert lab.type_in_terminal(terminal, "echo home=$HOME", r"home=/\S+/bob\r")
    assert lab.complaints == []


def test_the_hub_control_panel_opens_from_lab(lab):
    with lab.context.expect_page() as opened:
        lab.menu("File", "Hub Control Panel")
    opened.value.wait_for_url("**/hub/home")


def test_log_out_of_lab_ends_the_session_at_the_hub_and_at_the_server(lab):
    lab.menu("File", "Log Out")
    lab.page.wait_for_url(re.compile("/hub/logout"))
    lab.page.click("#logout-confirm")
    lab.page.wait_for_selector("#username_input")
    assert [cookie["name"] for cookie in lab.context.cookies() if cookie["name"] in ("hubgate-session", "jupyterhub-session-id")] == []
    lab.page.goto(lab.own("lab"))
    lab.page.wait_for_selector("#username_input")


def test_somebody_else_s_server_is_not_opened(hub, lab, person):
    carol = person(hub, "carol")
    carol.log_in(first="hub/home")
    carol.page.wait_for_url("**/hub/home")
    assert carol.page.goto(lab.own("lab")).status in (403, 404)
    assert "jupyterhub-user-bob" not in {cookie["name"] for cookie in carol.context.cookies()}


def test_an_admin_opens_another_s_server_by_the_same_way_once_the_reason_is_given(hub, lab, person):
    admin = person(hub, "admin")
    admin.log_in(first="hub/home")
    admin.page.wait_for_url("**/hub/home")
    admin.page.goto(lab.own("lab"))
    admin.page.fill("#reason", "asked for help with a notebook")
    admin.page.click("#enter-submit")
    admin.page.wait_for_selector("#authorize, .jp-LauncherCard, #jupyterlab-splash")
    if "authorize" in admin.page.url:
        admin.page.click("#authorize")
    admin.page.wait_for_selector("#jupyter-config-data", state="attached")
    config = admin.page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent)")
    assert (config["hubUser"], config["hubServerUser"]) == ("admin", "bob")
