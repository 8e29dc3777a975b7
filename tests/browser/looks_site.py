"""The hub whose pages are looked at: people, groups, tokens, and servers in every state, so that no page is empty."""

import contextlib
import json
import re
import secrets
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from hub import Hub

SETTINGS = """
redirect_to_server = false
allow_named_servers = true
cull_idle_minutes = 600
slow_spawn_timeout = 0
extra_user_scopes = ["access:services!service=gradebook"]

[[load_roles]]
name = "teacher"
description = "Sees the servers of the course"
scopes = ["admin-ui", "list:users!group=physics", "servers!group=physics"]
users = ["tina"]

[[load_roles]]
name = "lender"
description = "Shares their own servers"
scopes = ["shares!user"]
users = ["ada"]

[[profiles]]
name = "small"
title = "小型 · Small"
description = "上课用 · For lessons"

[[profiles]]
name = "large"
title = "大内存 · Large memory"
description = "训练模型 · For models"
mem_limit = "16G"
cpu_limit = 4
default_url = "/terminals/1"

[load_groups.physics]
users = ["ada", "bruno", "chen"]
"""

# A service that asks its visitors for consent, and a script of the administrator's.
SERVICES = """
[[services]]
name = "gradebook"
url = "http://127.0.0.1:9"
api_token = "{token}"
oauth_no_confirm = false
oauth_client_allowed_scopes = ["read:users!user", "access:servers!user"]

[[services]]
name = "nightly"
api_token = "{other}"
"""

# The servers `train` and `slow` are made to fail and to hang; every other one is a usual JupyterLab.
JUPYTER_SETTINGS = """
import os, sys, time
server = os.environ.get("HUBGATE_INSTANCE", "").partition(":")[2]
if server == "train":
    sys.exit("OSError: [Errno 28] No space left on device: '/home/ada/.local/share/jupyter'")
if server == "slow":
    time.sleep(3600)
"""

PEOPLE = {"ada": "Ada Lovelace", "bruno": "Bruno Rossi", "chen": "陈晓明", "tina": "Tina Berg", "zhang": "张伟", "erik": "Erik Ström"}
# What is called so in every language: people, groups, roles and the key that makes them.
NAMES = {*PEOPLE, "keyed", "physics", "chemistry", "teacher", "lender", "user", "server", "token", "load_roles"}
PASSWORD = "a password for looking at pages"
HEARD_LIMIT_S = 10
READY_LIMIT_S = 90
FAILED_LIMIT_S = 60


class Site:
    """A running hub with its data. `password(name)` logs somebody in."""

    def __init__(self, folder, **environment):
        self.hub = Hub(folder, **environment)
        self.url = self.hub.url

    def start(self):
        """Starts the hub twice: the second time with the settings of these tests."""
        self.hub.start()
        self.hub.stop()
        with open(self.hub.printed["config"], "a") as config:
            config.write(SETTINGS)
        services = self.hub.folder / "etc/services.toml"
        services.write_text(SERVICES.format(token=secrets.token_hex(16), other=secrets.token_hex(16)))
        services.chmod(0o644)
        self.hub = Hub(self.hub.folder, self.hub.port, **self.hub.environment)
        self.url = self.hub.url
        self.hub.start()
        self.boss = self.hub.printed["user"]
        self.token = self.hub.command("token", self.boss).strip()
        # Another process made it: the gateway looks every second.
        self.until(lambda: self.ask("GET", "/user", expected=(200, 403)).get("name"), HEARD_LIMIT_S, "the gateway knows the token")
        self.fill()
        self.known = self.places()
        return self

    def stop(self):
        """Ends it."""
        self.hub.stop()

    def password(self, name):
        """The password of a person."""
        return self.hub.printed["password"] if name == self.boss else PASSWORD

    def ask(self, method, path, body=None, expected=(200, 201, 202, 204)):
        """A call of the API as the administrator; its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(f"hub/api{path}"), data, method=method, headers={
            "Authorization": f"token {self.token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        assert status in expected, f"{method} {path}: {status} {text.decode()}"
        return json.loads(text) if text.startswith((b"{", b"[")) else None

    def fill(self):
        """People, groups, tokens, servers."""
        rows = "\n".join(f"{name},{PASSWORD},{display}" for name, display in PEOPLE.items())
        listed = self.hub.folder / "people.csv"
        listed.write_text(f"user,passwd,display_name\n{rows}\n")
        listed.chmod(0o644)
        self.hub.command("user", "import", "--update", "--passwords", str(listed))
        self.ask("POST", "/groups/chemistry")
        self.ask("POST", "/groups/chemistry/users", {"users": ["chen", "zhang", "erik"]})
        self.ask("POST", "/users/ada/tokens", {"note": "nightly backup", "expires_in": 86400 * 30, "scopes": ["read:users!user"]})
        self.ask("POST", "/users/ada/tokens", {"note": "course script"})
        self.ask("POST", "/announcements", {"text": "周五 18:00 停机维护 · Maintenance on Friday at 18:00: save your work before.", "level": "warning"})
        self.ask("POST", "/announcements", {"text": "物理课 9:00 开始 · The physics course begins at nine.", "level": "info", "groups": ["physics"]})
        self.servers()

    def places(self):
        """Addresses that only the running hub knows, for the table of pages."""
        code = self.ask("POST", "/share-codes/ada/", {"expires_in": 3600})
        back = urllib.parse.quote("/jupyterhub/services/gradebook/oauth_callback", safe="")
        link = self.hub.command("user", "reset", "erik").strip().splitlines()[-1]
        return {"share": code["accept_url"].split("/jupyterhub/")[1], "link": link.split("/jupyterhub/")[1],
                "consent": f"hub/api/oauth2/authorize?client_id=service-gradebook&redirect_uri={back}&response_type=code&state=s"}

    def servers(self):
        """One that runs, one that failed, one that starts for ever, one that is stopped."""
        self.ask("POST", "/users/ada/server")
        self.until(lambda: self.ready("ada", ""), READY_LIMIT_S, "ada's server is ready")
        home = self.hub.folder / "homes/ada"
        settings = home / ".jupyter/jupyter_server_config.py"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(JUPYTER_SETTINGS)
        for path in (settings.parent, settings):
            shutil.chown(path, home.stat().st_uid, home.stat().st_gid)
        self.begin_slowly()
        self.ask("POST", "/users/ada/servers/train", expected=(201, 202, 424))
        self.until(lambda: not self.server("ada", "train").get("pending"), FAILED_LIMIT_S, "the server train has failed")

    def begin_slowly(self):
        """Has the server that never gets ready start, unless it does already: after two minutes it is given up."""
        self.ask("POST", "/users/ada/servers/slow")

    def server(self, name, server):
        """The API's words about a server."""
        return self.ask("GET", f"/users/{name}?include_stopped_servers")["servers"].get(server, {})

    def ready(self, name, server):
        """Whether a server is ready."""
        return self.server(name, server).get("ready")

    def until(self, what, limit_s, meaning):
        """Until `what()` is true."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if what():
                return
            time.sleep(0.2)
        raise AssertionError(f"not within {limit_s} s: {meaning}\n{self.hub.logs()}")


class People:
    """Browser profiles: each person logs in once, and comes again in every language and theme."""

    def __init__(self, site, chromium):
        self.site, self.chromium, self.states, self.stack = site, chromium, {}, contextlib.ExitStack()

    def page(self, name, language="en", theme="light", width=1440, **options):
        """A page of somebody who is logged in, or of nobody where `name` is empty."""
        if name and name not in self.states:
            self.states[name] = self.log_in(name)
        options = {"storage_state": self.states[name], **options} if name else options
        context = self.chromium.new_context(
            ignore_https_errors=True, locale={"en": "en-GB", "zh": "zh-CN"}[language], color_scheme=theme, timezone_id="Asia/Shanghai",
            viewport={"width": width, "height": 900}, reduced_motion="reduce", **options)
        context.set_default_timeout(20_000)
        self.stack.callback(context.close)
        return context.new_page()

    def log_in(self, name):
        """What a browser keeps after a login."""
        context = self.chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(self.site.url("hub/home"))
        page.fill("#username_input", name)
        page.fill("#password_input", self.site.password(name))
        page.click("#login_submit")
        page.wait_for_url(re.compile("/hub/home$"))
        state = context.storage_state()
        context.close()
        return state

    def close(self):
        """Closes every profile."""
        self.stack.close()
