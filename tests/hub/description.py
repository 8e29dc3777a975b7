"""JupyterHub's OpenAPI description, with what it leaves unsaid or says wrongly about JupyterHub itself put right.

Each amendment was found by asking the running JupyterHub 6.1.1 the same way; none of them is about hubgate.
"""

import json
import pathlib

import yaml

FILE = pathlib.Path(__file__).resolve().parent / "jupyterhub-rest-api.yml"
# Null where the description says text, number or object alone.
NULLABLE = {
    "User": ["server", "pending", "last_activity", "user_info", "auth_state"],
    "Server": ["pending", "started", "last_activity", "display_name", "state", "user_options"],
    "Token": ["expires_at", "last_activity", "session_id", "created", "note"],
    "Service": ["url", "prefix", "command", "info", "pid"],
    "Share": ["user", "group"],
    "ShareCode": ["expires_at", "last_exchanged_at"],
    "Pagination": ["next"],
}
ERROR = {"type": "object", "required": ["status", "message"], "additionalProperties": False,
         "properties": {"status": {"type": "integer"}, "message": {"type": ["string", "null"]}}}
OAUTH_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}}}


def operations(document):
    """(path, method, operation) of a description."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield path, method, operation


def load(base):
    """The description as data, for a hub below `base`."""
    document = json.loads(json.dumps(yaml.safe_load(FILE.read_text()), default=str)) # its examples have times
    document["servers"] = [{"url": f"{base}/hub/api"}]
    for name, keys in NULLABLE.items():
        properties = document["components"]["schemas"].get(name, {}).get("properties", {})
        for key in keys:
            if key in properties:
                properties[key] = {"anyOf": [properties[key], {"type": "null"}]}
    # An object of services by their names, not a list.
    listed = document["paths"]["/services"]["get"]["responses"]["200"]["content"]["application/json"]
    listed["schema"] = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Service"}}
    for path, _, operation in operations(document):
        responses = {str(status): answer for status, answer in operation["responses"].items()}
        # The description names refusals at a few operations only; their form is the same everywhere.
        refusal = OAUTH_ERROR if path == "/oauth2/token" else ERROR
        responses["4XX"] = {"description": "refused", "content": {"application/json": {"schema": refusal}}}
        operation["responses"] = responses
    return document
