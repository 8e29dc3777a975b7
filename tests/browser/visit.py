"""What a person does in a browser, in the words of that person."""

import json
import re
import time

# What a page of JupyterLab complains about by itself, with the reason.
NOT_OURS = [
    r"/lab/api/(news|update)",  # JupyterLab asks the internet for news
    r"/api/contents/[^ ]*checkpoints",  # asked for a file that is not saved yet
    r"/static/.*\.map",
]


class Visit:
    """One person, one browser profile."""

    def __init__(self, hub, context, name, password):
        self.hub, self.context, self.name, self.password = hub, context, name, password
        self.complaints, self.sockets = [], []
        context.on("page", self._watch)
        self.page = context.new_page()

    def _watch(self, page):
        page.on("console", lambda message: message.type == "error" and self._complain(f"{message.text} ({message.location.get('url', '')})"))
        page.on("pageerror", lambda error: self._complain(f"{error}"))
        page.on("response", lambda answer: answer.status >= 500 and self._complain(f"{answer.status} {answer.url}"))
        page.on("requestfailed", self._failed)
        page.on("websocket", self._socket)

    def _failed(self, request):
        # A page that is left breaks its requests off; that is no failure.
        if request.failure and "ERR_ABORTED" not in request.failure:
            self._complain(f"{request.failure} {request.method} {request.url}")

    def _complain(self, text):
        if not any(re.search(pattern, text) for pattern in NOT_OURS):
            self.complaints.append(text)

    def _socket(self, socket):
        frames = {"socket": socket, "path": socket.url.split("?")[0], "sent": [], "received": []}
        socket.on("framesent", lambda data: frames["sent"].append(data))
        socket.on("framereceived", lambda data: frames["received"].append(data))
        self.sockets.append(frames)

    def own(self, path=""):
        """An address below the person's own server."""
        return self.hub.url(f"user/{self.name}/{path}")

    def log_in(self, first="", submit=True):
        """Opens the hub and types name and password."""
        self.page.goto(self.hub.url(first))
        self.page.fill("#username_input", self.name)
        self.page.fill("#password_input", self.password)
        if submit:
            self.page.click("#login_submit")

    def wait_for_lab(self):
        """Until JupyterLab's launcher can be used."""
        self.page.wait_for_url(re.compile(re.escape(self.own("lab"))))
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.page.wait_for_selector(".jp-LauncherCard")

    def wait_for(self, what, limit_s=30):
        """Until `what()` is true, while the browser goes on; returns it."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            self.page.wait_for_timeout(100)
        raise AssertionError(f"not within {limit_s} s; sockets: {[s['path'] for s in self.sockets]}; complaints: {self.complaints}")

    def socket(self, pattern):
        """The latest websocket of its kind that JupyterLab opened on the person's own server, after its first answer."""
        def opened():
            return next((s for s in reversed(self.sockets) if re.fullmatch(re.escape(self.own("").replace("https:", "wss:", 1)) + pattern, s["path"])), None)

        return self.wait_for(opened)

    def wait_for_quiet(self, frames, quiet_ms=500):
        """Until a websocket has carried nothing for a while."""
        def quiet():
            before = len(frames["sent"]) + len(frames["received"])
            self.page.wait_for_timeout(quiet_ms)
            return before == len(frames["sent"]) + len(frames["received"])

        self.wait_for(quiet)

    def open_notebook(self):
        """A new notebook from the launcher."""
        self.page.click('.jp-LauncherCard[data-category="Notebook"]')
        self.wait_for_notebook()

    def wait_for_notebook(self):
        """Until cells can be run."""
        self.wait_for_kernel()

    def wait_for_kernel(self):
        """Until the open notebook can run cells."""
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell .cm-content")
        self.page.wait_for_selector('#jp-main-statusbar :text-matches("\\| Idle")')
        # JupyterLab forgets a cell that is run while its debugger still greets the kernel: until that talk is over.
        self.wait_for_quiet(self.socket(r"api/kernels/[0-9a-f-]{36}/channels"))

    def run_cell(self, code):
        """Types code into the last cell, runs it and returns its output."""
        self.page.locator(".jp-Notebook .jp-CodeCell .cm-content").last.click()
        self.page.keyboard.insert_text(code)
        outputs = self.page.locator(".jp-Notebook .jp-OutputArea-output")
        before = outputs.count()
        self.page.keyboard.press("Shift+Enter")
        self.wait_for(lambda: outputs.count() > before)
        return outputs.nth(before).inner_text().strip()

    def open_terminal(self):
        """A terminal from the launcher, once its shell shows a prompt; returns its websocket."""
        self.page.click('.jp-LauncherCard[title="Start a new terminal session"]')
        socket = self.socket(r"terminals/websocket/\w+")
        self.wait_for(lambda: terminal_text(socket))
        return socket

    def type_in_terminal(self, socket, line, wanted):
        """Types a line and waits until the terminal shows what matches `wanted`; returns the match."""
        self.page.click(".jp-Terminal")
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")
        return self.wait_for(lambda: re.search(wanted, terminal_text(socket)))

    def menu(self, top, entry):
        """Chooses an entry of JupyterLab's menu bar."""
        self.page.click(f'.lm-MenuBar-itemLabel:text-is("{top}")')
        self.page.click(f'.lm-Menu-itemLabel:text-is("{entry}"):visible')

    def leave(self):
        """Stops the server, so that the next test finds the machine quiet."""
        self.page.goto(self.hub.url("hub/home"))
        if self.page.locator("#stop").count():
            self.page.click("#stop")
            self.wait_for(lambda: self.page.goto(self.hub.url("hub/home")) and self.page.locator("#start:enabled").count())


def terminal_text(frames):
    """What a terminal's websocket has shown so far."""
    messages = [json.loads(data) for data in frames["received"]]
    return "".join(message[1] for message in messages if message[0] == "stdout")
