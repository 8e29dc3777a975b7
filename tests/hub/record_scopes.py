"""Asks JupyterHub's own scope functions about many random cases and writes what they say to scopes.json.

Run with a Python that has jupyterhub 6.1.1: python tests/hub/record_scopes.py
The unit tests of src/gateway/domain/scope put the same questions to hubgate.
"""

import itertools
import json
import random
import warnings
from pathlib import Path

from jupyterhub import orm, roles, scopes

warnings.simplefilter("ignore")

MEMBERS = {"ops": ["alice", "bob"], "lab": ["bob", "carol"], "empty": []}
CUSTOM = {"custom:lab:all": ["custom:lab:one"], "custom:lab:one": []}
USERS = ["alice", "bob", "carol"]
SERVERS = ["alice/", "alice/gpu", "bob/", "carol/x"]
SERVICES = ["whoami", "culler"]
NAMES = ["users", "read:users", "admin:users", "servers", "admin:servers", "access:servers", "shares", "groups",
         "admin:groups", "access:services", "tokens", "list:users", "read:users:name", "read:servers", "self",
         "(no_scope)", "custom:lab:all", "custom:lab:one"]

pick = random.Random(20261122)


def world():
    db = orm.new_session_factory("sqlite:///:memory:")()
    known = {}
    for name in USERS:
        known["user", name] = orm.User(name=name)
    for name, members in MEMBERS.items():
        group = orm.Group(name=name)
        group.users = [known["user", member] for member in members]
        db.add(group)
    for name in SERVICES:
        known["service", name] = orm.Service(name=name)
        known["client", "service", name] = orm.OAuthClient(identifier=f"service-{name}", service=known["service", name])
    for server in SERVERS:
        user, _, name = server.partition("/")
        spawner = orm.Spawner(name=name, user=known["user", user])
        known["client", "server", server] = orm.OAuthClient(identifier=f"jupyterhub-user-{user}-{name}", spawner=spawner)
    db.add_all(known.values())
    db.commit()
    return db, known


def scope():
    filters = [""] + [f"!user={name}" for name in USERS] + [f"!server={name}" for name in SERVERS]
    filters += [f"!group={name}" for name in MEMBERS] + [f"!service={name}" for name in SERVICES]
    filters += ["!user", "!server", "!service"]
    return pick.choice(NAMES) + pick.choice(filters)


def some(most):
    return sorted({scope() for _ in range(pick.randint(1, most))})


def holder(known):
    owner = pick.choice([("user", name) for name in USERS * 2] + [("service", name) for name in SERVICES])
    clients = [key[1:] for key in known if key[0] == "client"]
    return owner, pick.choice([None, *clients])


def expanded(known, most):
    owner, client = holder(known)
    return scopes.expand_scopes(some(most), known[owner], known[("client", *client)] if client else None)


def main():
    scopes.define_custom_scopes({
        name: {"description": "Words.", "subscopes": includes} for name, includes in CUSTOM.items()
    })
    db, known = world()
    lines = []

    for name in scopes.scope_definitions:
        lines.append({"ask": "closure", "scopes": [name], "answer": sorted(scopes._expand_scope(name))})
    for role in roles.get_default_roles():
        lines.append({"ask": "role", "role": role["name"], "answer": sorted(role["scopes"])})
    for _ in range(150):
        owner, client = holder(known)
        asked = some(4)
        found = scopes.expand_scopes(asked, known[owner], known[("client", *client)] if client else None)
        lines.append({"ask": "expand", "scopes": asked, "owner": owner, "client": client, "answer": sorted(found)})
    for _ in range(250):
        a, b = expanded(known, 4), expanded(known, 4)
        common = scopes._intersect_expanded_scopes(a, b, db=db)
        lines.append({"ask": "intersect", "a": sorted(a), "b": sorted(b), "answer": sorted(common)})
    targets = [""] + [f"!user={name}" for name in USERS] + [f"!server={name}" for name in SERVERS]
    targets += [f"!group={name}" for name in MEMBERS] + [f"!service={name}" for name in SERVICES]
    for _ in range(60):
        have = expanded(known, 3)
        bases = pick.sample(sorted({name.partition("!")[0] for name in have} | {"users", "servers"}), 2)
        held = [base + target for base, target in itertools.product(bases, targets)
                if scopes.has_scope(base + target, have, db=db)]
        lines.append({"ask": "check", "have": sorted(have), "bases": bases, "answer": sorted(held)})
    for _ in range(150):
        owner, client = holder(known)
        asked, have = set(some(3)), set(some(4))
        allowed, refused = scopes._resolve_requested_scopes(
            asked.copy(), have, known[owner], known[("client", *client)] if client else None, db)
        lines.append({"ask": "resolve", "scopes": sorted(asked), "have": sorted(have), "owner": owner,
                      "client": client, "answer": sorted(allowed), "refused": sorted(refused)})

    text = "[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n"
    Path(__file__).with_name("scopes.json").write_text(text)
    print(len(lines), "cases,", len(text), "bytes")


main()
