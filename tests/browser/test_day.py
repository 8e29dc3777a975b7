"""A person's day: logging in, working in JupyterLab, logging out."""

import hashlib
import json
import os
import re
import urllib.parse

import pytest

from hub import ROOT

SCREENSHOTS = ROOT / "docs/screenshots"
MIB = 1024 * 1024


def test_logging_in_shows_progress_and_opens_jupyterlab(visitor):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page, shown = visitor.page, []
    visitor.log_in(submit=False)
    page.evaluate("document.getElementById('password_input').blur()")
    page.screenshot(path=SCREENSHOTS / "login.png")
    page.expose_function("noteProgress", lambda value, text: shown.append((value, text)))
    page.add_init_script("""addEventListener('DOMContentLoaded', () => {
        const bar = document.getElementById('progress-bar');
        const note = () => noteProgress(bar.value, document.getElementById('progress-message').textContent);
        if (bar) { new MutationObserver(note).observe(document.body, {subtree: true, childList: true, attributes: true}); }
    })""")
    page.click("#login_submit")
    page.wait_for_selector("#progress-bar")
    visitor.wait_for(lambda: any(value > 0 for value, _ in shown))
    page.screenshot(path=SCREENSHOTS / "spawn.png")
    visitor.wait_for_lab()
    values = [value for value, _ in shown]
    assert values == sorted(values), f"progress went back: {shown}"
    assert visitor.complaints == []


def test_a_cell_runs_and_shows_its_output(lab):
    lab.open_notebook()
    assert lab.run_cell("import os, sys; print('The answer is', 6 * 7)") == "The answer is 42"
    lab.page.screenshot(path=SCREENSHOTS / "lab.png")
    assert lab.run_cell("print(os.environ['USER'], os.getcwd() == os.path.expanduser('~'))") == f"{lab.name} True"
    assert lab.run_cell("print([n for n in os.environ if n.startswith(('LISTEN_', 'NOTIFY_'))])") == "[]"
    assert lab.complaints == []


def test_a_terminal_tells_who_the_user_is(lab):
    socket = lab.open_terminal()
    assert lab.type_in_terminal(socket, "echo who=$(whoami) uid=$(id -u) home=$HOME", rf"who={lab.name} uid=(2\d{{6}}) home=/\S+/{lab.name}\r")
    assert lab.complaints == []


def test_the_websocket_of_a_kernel_carries_messages(lab):
    lab.open_notebook()
    lab.run_cell("print('over the wire')")
    socket = lab.socket(r"api/kernels/[0-9a-f-]{36}/channels")
    assert any("over the wire" in as_text(data) for data in socket["received"])


def test_the_websocket_of_a_terminal_carries_keys_and_text(lab):
    socket = lab.open_terminal()
    lab.type_in_terminal(socket, "echo $((6*7))-over-the-wire", "42-over-the-wire")
    assert any(json.loads(data)[0] == "stdin" for data in socket["sent"])


def test_the_websocket_of_events_tells_that_a_file_was_saved(lab):
    socket = lab.socket(r"api/events/subscribe")
    lab.open_notebook()
    lab.wait_for(lambda: any('"action"' in as_text(data) and "Untitled" in as_text(data) for data in socket["received"]))


def test_the_websocket_of_the_language_server_answers(lab):
    lab.open_notebook()
    socket = lab.socket(r"lsp/ws/pylsp")
    lab.wait_for(lambda: any('"capabilities"' in as_text(data) for data in socket["received"]))


def as_text(data):
    """A frame as text: kernels send binary ones."""
    return data.decode(errors="replace") if isinstance(data, bytes) else data


@pytest.fixture
def large_file(tmp_path):
    """300 MB that do not compress, and their checksum."""
    path, digest = tmp_path / "large.bin", hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(300):
            block = os.urandom(MIB)
            digest.update(block)
            file.write(block)
    return path, digest.hexdigest()


def test_300_megabytes_are_uploaded_by_jupyterlab_and_come_back_unchanged(lab, large_file, tmp_path):
    path, digest = large_file
    page = lab.page
    with page.expect_file_chooser() as chooser:
        page.click('.jp-FileBrowser-toolbar .jp-id-upload jp-button')
    chooser.value.set_files(path)
    dialog = page.locator('.jp-Dialog button:has-text("Upload")')
    dialog.click()
    size_of_large = "url => fetch(url).then(a => a.json()).then(m => m.content.find(f => f.name === 'large.bin')?.size)"
    lab.wait_for(lambda: page.evaluate(size_of_large, lab.own("api/contents?content=1")) == 300 * MIB, limit_s=300)
    with page.expect_download(timeout=300_000) as download:
        page.evaluate("url => { const a = document.createElement('a'); a.href = url; a.download = ''; document.body.append(a); a.click(); }",
                      lab.own("files/large.bin?download=1"))
    back = tmp_path / "back.bin"
    download.value.save_as(back)
    with back.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    assert lab.complaints == []


def test_hub_control_panel_opens_the_home_page_in_a_new_tab(lab):
    with lab.context.expect_page() as opened:
        lab.menu("File", "Hub Control Panel")
    home = opened.value
    home.wait_for_url(lab.hub.url("hub/home"))
    assert home.inner_text("#server-state").lower() == "running"
    home.click("#open")
    home.wait_for_url(re.compile(re.escape(lab.own("lab"))))
    assert lab.complaints == []


def test_after_logging_out_the_old_tab_is_refused_and_the_kernel_lives_on(lab):
    lab.open_notebook()
    assert lab.run_cell("kept = 'still here'; print('set')") == "set"
    old = lab.page
    kernel = lab.socket(r"api/kernels/[0-9a-f-]{36}/channels")
    with lab.context.expect_page() as opened:
        lab.menu("File", "Hub Control Panel")
    other = opened.value
    other.click("#logout")
    other.wait_for_selector("#username_input")
    ask = "url => fetch(url).then(answer => answer.status)"
    assert old.evaluate(ask, lab.own("api/contents")) in (401, 403)
    refused = """url => new Promise(done => { const socket = new WebSocket(url);
        socket.onopen = () => done('open'); socket.onerror = () => done('refused'); })"""
    assert old.evaluate(refused, lab.own("api/events/subscribe").replace("https", "wss", 1)) == "refused"
    lab.wait_for(lambda: kernel["socket"].is_closed(), limit_s=20)
    old.goto(lab.own("lab"))
    old.wait_for_selector("#username_input")
    old.fill("#username_input", lab.name)
    old.fill("#password_input", lab.password)
    old.click("#login_submit")
    lab.wait_for_notebook()
    assert lab.run_cell("print(kept)") == "still here"


def test_log_out_of_jupyterlabs_menu_ends_the_session(lab):
    lab.menu("File", "Log Out")
    lab.page.wait_for_url(lab.hub.url("hub/logout"))
    lab.page.click("#logout-confirm")
    lab.page.wait_for_selector("#username_input")
    lab.page.goto(lab.own("lab"))
    lab.page.wait_for_selector("#username_input")
    assert lab.complaints == []
    lab.log_in()
    lab.page.wait_for_url(re.compile(re.escape(lab.own("lab"))))


def test_a_link_to_a_notebook_survives_login_and_spawn(visitor):
    visitor.log_in(first=f"user/{visitor.name}/lab/tree?reset")
    visitor.page.wait_for_url(visitor.own("lab/tree?reset"), wait_until="commit")


def test_a_link_with_a_chinese_path_and_a_nested_query_ends_exactly_there_after_one_login(visitor):
    repository = urllib.parse.quote("https://git.example.org/课程?a=1&b=2", safe="")
    rest = f"lab/tree/{urllib.parse.quote('数据/第一课')}?repo={repository}&branch=main"
    visitor.log_in(first=f"hub/user-redirect/{rest}")
    visitor.page.wait_for_url(lambda url: url == visitor.own(rest), wait_until="commit")


def test_a_wrong_password_says_so_and_lets_nobody_in(visitor):
    visitor.password, right = "wrong", visitor.password
    visitor.log_in()
    visitor.page.wait_for_selector("#login-message")
    assert visitor.page.input_value("#username_input") == visitor.name
    visitor.page.goto(visitor.own("lab"))
    visitor.page.wait_for_selector("#username_input")
    visitor.password = right
    visitor.log_in()
    visitor.page.wait_for_selector("#progress-bar, #jupyterlab-splash, .jp-LauncherCard")
