"""The people, groups, roles and services that both hubs know, as data."""

PASSWORD = "correct horse battery staple, twice over"
ADMIN = "admin"
PAGED = [f"paged{number:02d}" for number in range(1, 13)]
# Servers of `slow` need some seconds to start and to stop; those of `broken` end at once.
USERS = [ADMIN, "alice", "bob", "carol", "dave", "erin", "frank", "gina", "slow", "broken", *PAGED]

GROUPS = {
    "staff": {"users": ["alice", "bob"], "properties": {"quota": 5}},
    "students": {"users": ["carol", "dave"], "properties": {}},
    "vacant": {"users": [], "properties": {}},
}

CUSTOM_SCOPES = {
    "custom:reports:read": {"description": "Read reports", "subscopes": []},
    "custom:reports:write": {"description": "Write reports", "subscopes": ["custom:reports:read"]},
}

# load_roles of both, in JupyterHub's words. Only what differs from the default roles is here.
ROLES = [
    {"name": "class-admin", "description": "Looks after the students", "users": ["erin"],
     "scopes": ["list:users!group=students", "admin:users!group=students", "servers!group=students", "groups!group=students",
                "list:groups!group=students", "read:groups!group=students", "tokens!group=students"]},
    {"name": "name-lister", "description": "Sees who there is", "users": ["frank"], "scopes": ["list:users", "read:users:name", "list:groups", "read:groups:name"]},
    {"name": "sharer", "description": "Shares own servers", "users": ["alice"],
     "scopes": ["shares!user", "read:users:name", "read:groups:name", "read:groups:shares!group=staff", "custom:reports:write"]},
    {"name": "visitor", "description": "Visits students", "groups": ["staff"], "scopes": ["access:servers!group=students", "read:servers!group=students"]},
    {"name": "whoami-user", "description": "Uses whoami", "groups": ["staff"], "scopes": ["access:services!service=whoami", "custom:reports:read"]},
    {"name": "admin", "services": ["boss"]},
    {"name": "reader", "services": ["reader"], "scopes": ["list:users", "read:users", "list:groups", "read:groups", "list:services", "read:services", "read:servers",
                                                        "read:tokens", "read:shares", "read:users:shares", "read:groups:shares", "read:hub"]},
    {"name": "culler", "services": ["culler"], "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers", "admin:users"]},
    {"name": "tokens", "services": ["tokens"], "scopes": ["tokens", "read:users:name"]},
    {"name": "ops", "services": ["ops"], "scopes": ["read:hub", "read:metrics", "shutdown", "proxy", "admin:services", "list:services", "read:services",
                                                   "read:roles", "read:users:activity!user=alice"]},
    {"name": "nameservice", "services": ["names"], "scopes": ["list:users!user=alice", "list:users!group=students", "read:users:name!user=alice",
                                                             "read:users:groups!group=students", "list:services!service=reader", "read:services:name!service=reader",
                                                             "list:groups!group=staff", "read:groups:name!group=staff"]},
]

# Services with fixed tokens; `poor` is in no role at all. Those with `oauth` get a client.
SERVICES = {name: {"api_token": f"{name}-service-token-{'0123456789' * 3}"}
            for name in ("boss", "reader", "culler", "tokens", "ops", "names", "poor")}
SERVICES["reader"]["info"] = {"about": "reads", "page": 1}
SERVICES["poor"]["display"] = False
SERVICES["whoami"] = {"api_token": "whoami-service-token-" + "0123456789" * 3, "oauth_redirect_uri": "http://127.0.0.1:9/callback",
                      "oauth_client_allowed_scopes": ["read:users!user", "custom:reports:read"], "oauth_client_id": "service-whoami"}
SERVICES["quiet"] = {"api_token": "quiet-service-token-" + "0123456789" * 3, "oauth_redirect_uri": "/services/quiet/oauth_callback",
                     "oauth_no_confirm": True, "oauth_client_id": "service-quiet"}

# Tokens that `boss` makes for users at the start: name of the asker in the tables -> (owner, body of the request).
TOKENS = {name: (name, {"note": f"all of {name}"}) for name in USERS if not name.startswith("paged")}
TOKENS |= {
    "alice-none": ("alice", {"scopes": ["read:users:name!user=alice"], "note": "little"}),
    "alice-self": ("alice", {"scopes": ["self"]}),
    "alice-start": ("alice", {"scopes": ["start:servers!user=alice", "read:servers!user=alice"]}),
    "alice-bare": ("alice", {"scopes": ["read:users:activity!user", "servers!server=alice/"]}),
    "alice-custom": ("alice", {"scopes": ["custom:reports:write"]}),
    "admin-names": (ADMIN, {"scopes": ["list:users", "read:users:name"]}),
    "admin-staff": (ADMIN, {"scopes": ["list:users!group=staff", "read:users!group=staff"]}),
    "admin-bob": (ADMIN, {"scopes": ["read:users!user=bob", "servers!user=bob", "tokens!user=bob"]}),
    "admin-server": (ADMIN, {"scopes": ["servers!server=bob/", "read:users:name"]}),
    "admin-activity": (ADMIN, {"scopes": ["list:users", "read:users:activity", "read:servers"]}),
    "admin-state": (ADMIN, {"scopes": ["list:users", "read:users", "admin:server_state", "read:servers"]}),
    "admin-roles": (ADMIN, {"scopes": ["read:roles", "list:users", "list:groups", "list:services"]}),
    "admin-users": (ADMIN, {"scopes": ["admin:users"]}),
    "admin-groups": (ADMIN, {"scopes": ["admin:groups!group=staff", "list:groups!group=staff"]}),
    "admin-auth": (ADMIN, {"scopes": ["admin:auth_state", "read:users:name", "list:users"]}),
    "admin-delete": (ADMIN, {"scopes": ["delete:users!user=paged12", "delete:servers!user=alice", "delete:groups!group=vacant"]}),
    "admin-short": (ADMIN, {"expires_in": 86400, "note": "ends"}),
}
