"""A hub of a few lines: what JupyterHub's single-user server asks of its hub, and a note of every question."""

import base64
import hashlib
import http.server
import json
import threading
import urllib.parse

SERVER_TOKEN = "5e" * 32
CODE = "code-of-alice"
ALICE, BOB = "a1" * 16, "b0" * 16


class Handler(http.server.BaseHTTPRequestHandler):
    """The API below /jupyterhub/hub/api."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].removeprefix("/jupyterhub/hub/api")
        token = self.headers.get("Authorization", "").partition(" ")[2]
        self.server.seen.append((self.command, path, token, body))
        if (self.command, path) == ("GET", ""):
            return self.say(200, {"version": self.server.version})
        if (self.command, path) == ("GET", "/user"):
            return self.say(*self.server.visitor(token))
        if (self.command, path) == ("POST", "/oauth2/token"):
            return self.say(*self.server.exchange(dict(urllib.parse.parse_qsl(body.decode()))))
        if self.command == "POST" and path.endswith("/activity") and token == SERVER_TOKEN:
            return self.say(200, {})
        return self.say(403, {"status": 403, "message": "Missing or invalid credentials."})

    do_GET = do_POST = any

    def say(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("X-JupyterHub-Version", self.server.version), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Hub(http.server.ThreadingHTTPServer):
    """Knows alice's and bob's tokens, and one code of alice."""

    daemon_threads = True

    def __init__(self, version):
        super().__init__(("127.0.0.1", 0), Handler)
        self.version, self.seen, self.challenge = version, [], None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/jupyterhub/hub/api"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def visitor(self, token):
        """Whose token it is, as GET /user tells it."""
        name = {ALICE: "alice", BOB: "bob"}.get(token)
        if not name:
            return 403, {"status": 403, "message": "Missing or invalid credentials."}
        scopes = [f"access:servers!server={name}/", f"access:servers!user={name}", f"read:users:name!user={name}"]
        return 200, {"kind": "user", "name": name, "admin": False, "groups": [], "user_info": None, "scopes": scopes, "token_id": "a1",
                     "session_id": None}

    def exchange(self, form):
        """A token for the code, when everything about it is right."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        right = (form.get("grant_type"), form.get("code"), form.get("client_secret")) == ("authorization_code", CODE, SERVER_TOKEN)
        if not right or self.challenge not in (None, challenge):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": ALICE, "expires_in": 1209600, "token_type": "Bearer", "scope": "access:servers!server=alice/"}

    def environment(self, instance, path="/run/jupyter/alice.sock"):
        """The variables that a spawner gives the server of `alice` or `alice:gpu`, which listens on the socket at `path`."""
        user, _, server = instance.partition(":")
        here = f"/jupyterhub/user/{user}/" + (f"{server}/" if server else "")
        access = json.dumps([f"access:servers!server={user}/{server}", f"access:servers!user={user}"])
        return {
            "JUPYTERHUB_API_TOKEN": SERVER_TOKEN, "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{user}" + (f"..{server}" if server else ""),
            "JUPYTERHUB_HOST": "", "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{here}oauth_callback", "JUPYTERHUB_OAUTH_ACCESS_SCOPES": access,
            "JUPYTERHUB_OAUTH_SCOPES": access, "JUPYTERHUB_USER": user, "JUPYTERHUB_SERVER_NAME": server, "JUPYTERHUB_API_URL": self.url,
            "JUPYTERHUB_ACTIVITY_URL": f"{self.url}/users/{user}/activity", "JUPYTERHUB_BASE_URL": "/jupyterhub/",
            "JUPYTERHUB_SERVICE_PREFIX": here, "JUPYTERHUB_SERVICE_URL": f"http+unix://{urllib.parse.quote(path, safe='')}{here}",
        }

    def asked(self, method, path):
        """The questions of this kind so far."""
        return [(token, body) for sent, where, token, body in self.seen if (sent, where) == (method, path)]

    def stop(self):
        self.shutdown()
        self.server_close()
