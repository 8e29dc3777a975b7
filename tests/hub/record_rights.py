"""Asks a real JupyterHub about every row of tests/api/scopes.txt and writes its statuses into the file.

Run with a Python that has jupyterhub 6.1.1: python tests/hub/record_rights.py
"""

import asyncio
import json
import logging
import secrets
import tempfile
from pathlib import Path

from jupyterhub import orm, roles
from jupyterhub.app import JupyterHub
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from traitlets.config import Config

TABLE = Path(__file__).resolve().parent.parent / "api/scopes.txt"
PORT, SERVER_PORT = 18651, 18652


class NoProxy(Proxy):
    """Routes nothing: the hub itself is asked."""

    should_start = False
    routes: dict = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


class NoProcess(Spawner):
    """A server that is always there when it is asked for."""

    on = False

    async def start(self):
        self.on = True
        return ("127.0.0.1", SERVER_PORT)

    async def stop(self, now=False):
        self.on = False

    async def poll(self):
        return None if self.on else 0


class Yes(RequestHandler):
    def get(self, *_):
        self.set_header("X-JupyterHub-Version", "6.1.1")


def settings(work):
    config = Config()
    config.JupyterHub.update({
        "hub_port": PORT, "hub_ip": "127.0.0.1", "port": PORT + 5, "db_url": f"sqlite:///{work}/hub.sqlite", "cookie_secret_file": f"{work}/cookie",
        "proxy_class": NoProxy, "spawner_class": NoProcess, "authenticator_class": "dummy", "allow_named_servers": True, "log_level": logging.CRITICAL,
        "tornado_settings": {"slow_spawn_timeout": 10, "slow_stop_timeout": 10}, "base_url": "/jupyterhub/",
        "services": [{"name": "robot", "api_token": "robot-token-robot-token"}, {"name": "whoami", "api_token": "whoami-token-whoami-token"}],
    })
    config.Authenticator.allow_all = True
    config.Authenticator.admin_users = {"ada"}
    return config


async def forget(app):
    """Everything that requests may have made goes."""
    for name in list(app.users.keys()):
        user = app.users[name]
        for spawner in list(user.spawners.values()):
            if spawner.active:
                await user.stop(spawner.name)
        app.users.delete(user)
    for kind in (orm.Share, orm.ShareCode, orm.Spawner, orm.Group, orm.User):
        app.db.query(kind).delete()
    role = orm.Role.find(app.db, "case")
    if role:
        app.db.delete(role)
    app.db.query(orm.APIToken).filter(orm.APIToken.user_id.isnot(None)).delete()
    app.db.commit()


def make(app):
    """The world of the table's first lines."""
    for name in ("ada", "alice", "bob", "carol", "hank"):
        user = orm.User(name=name, admin=name == "ada")
        app.db.add(user)
        app.db.commit()
        roles.assign_default_roles(app.db, user)
    for name, members in {"ops": ["alice", "bob"], "lab": ["carol"], "staff": ["hank"]}.items():
        group = orm.Group(name=name)
        group.users = [orm.User.find(app.db, member) for member in members]
        app.db.add(group)
    for owner, name in (("alice", ""), ("alice", "gpu"), ("bob", "")):
        app.db.add(orm.Spawner(name=name, user=orm.User.find(app.db, owner)))
    app.db.commit()
    for user in app.db.query(orm.User):
        wrapped = app.users.add(user)
        for name in user.orm_spawners:
            # JupyterHub says of progress that there is no such server until somebody has looked at it.
            assert wrapped.spawners[name]
    shared = orm.User.find(app.db, "alice").orm_spawners[""]
    scopes = ["access:servers!server=alice/"]
    orm.Share.grant(app.db, shared, orm.User.find(app.db, "bob"), scopes=scopes)
    orm.Share.grant(app.db, shared, orm.Group.find(app.db, "lab"), scopes=scopes)
    app.db.commit()


def token(app, holder, scopes):
    """The token of a holder, made in the world."""
    if holder in ("service", "group") and scopes:
        bearer = orm.Service.find(app.db, "robot") if holder == "service" else orm.Group.find(app.db, "staff")
        role = roles.create_role(app.db, {"name": "case", "scopes": scopes, "description": ""})
        roles.grant_role(app.db, bearer, role)
    if holder == "nobody":
        return None
    if holder == "service":
        return "robot-token-robot-token"
    text = secrets.token_hex(16)
    owner = app.users[{"token": "alice", "admin": "ada"}.get(holder, "hank")]
    owner.new_api_token(text, scopes=["inherit"])
    if holder == "token":
        # Not refused when the owner holds less: what a token allows is what both allow.
        orm.APIToken.find(app.db, text).scopes = scopes or ["inherit"]
        app.db.commit()
    return text


async def ask(app, row):
    holder, scopes, request = row
    await forget(app)
    make(app)
    text = token(app, holder, scopes.split())
    method, path, *body = request.split(" ", 2)
    headers = {"Authorization": f"token {text}"} if text else {}
    answer = await AsyncHTTPClient().fetch(HTTPRequest(
        f"http://127.0.0.1:{PORT}/jupyterhub/hub/api{path}", method=method, headers=headers, body=body[0] if body else None,
        allow_nonstandard_methods=True, follow_redirects=False, request_timeout=20), raise_error=False)
    return answer.code, answer.body.decode(errors="replace")[:120]


async def main():
    work = tempfile.mkdtemp(prefix="rights")
    server = HTTPServer(Application([(r"/.*", Yes)]))
    server.listen(SERVER_PORT, "127.0.0.1")
    app = JupyterHub(config=settings(work))
    await app.initialize([])
    await app.start()
    lines = []
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#") and line.strip():
            holder, scopes, request, before = (cell.strip() for cell in line.split("|"))
            status, text = await ask(app, (holder, scopes, request))
            if before and before != str(status):
                print(f"{line}: now {status} {text}")
            line = f"{holder} | {scopes} | {request} | {status}".replace("|  |", "| |")
        lines.append(line)
    TABLE.write_text("\n".join(lines) + "\n")
    print(json.dumps({"rows": sum("|" in line and not line.startswith("#") for line in lines)}))
    # Its own way to stop ends the process before the last lines are written.
    import os
    os._exit(0)


asyncio.run(main())
