"""Two answers to the same request, compared in status and shape after names of machines, times and secrets are made equal."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1)(:\d+)?(?=/jupyterhub)")
# Values that are of one hub alone: what remains is their kind.
SECRET = {"token", "code", "access_token", "session_id"}
HEADERS = ("content-type", "location", "x-jupyterhub-version", "access-control-allow-origin", "allow")
TEMPLATES = [template.split("/") for template in (
    "/users/{name}", "/users/{name}/server", "/users/{name}/server/progress", "/users/{name}/servers/{server}", "/users/{name}/servers/{server}/progress",
    "/users/{name}/tokens", "/users/{name}/tokens/{id}", "/users/{name}/activity", "/users/{name}/admin-access", "/users/{name}/shared",
    "/users/{name}/shared/{owner}/{server}", "/groups/{name}", "/groups/{name}/users", "/groups/{name}/properties", "/groups/{name}/shared",
    "/groups/{name}/shared/{owner}/{server}", "/services/{name}", "/shares/{owner}", "/shares/{owner}/{server}", "/share-codes/{owner}",
    "/share-codes/{owner}/{server}", "/authorizations/token/{token}", "/authorizations/cookie/{name}", "/authorizations/cookie/{name}/{value}")]


def operation(row):
    """The operation of a request, as the OpenAPI document names it."""
    path = row.path.partition("?")[0]
    segments = path.split("/")
    for template in TEMPLATES:
        if len(template) == len(segments) and all(want.startswith("{") or want == is_ for want, is_ in zip(template, segments)):
            return f"{row.method} {'/'.join(template)}"
    return f"{row.method} {path}"


def shape(value, key=""):
    """A value with its own names, times and secrets replaced."""
    if isinstance(value, dict):
        return {name: shape(one, name) for name, one in value.items()}
    if isinstance(value, list):
        if key == "api_tokens": # in the order of their last use, which hubgate writes down in batches
            return sorted((shape(one, key) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
        if all(isinstance(one, str) for one in value):
            return sorted(shape(one) for one in value)
        return [shape(one, key) for one in value]
    if isinstance(value, str):
        if key in SECRET:
            return "(secret)"
        if TIME.match(value):
            return "(time)"
        if key == "url" and "?" in value:
            value = re.sub(r"\?(.*)", lambda query: "?" + "&".join(sorted(query.group(1).split("&"))), value)
        if key == "scope":
            return " ".join(sorted(value.split(" ")))
        # JupyterHub writes its sets as they come.
        value = re.sub(r"(?<=requested scopes )\S+", lambda found: ",".join(sorted(found.group().split(","))), value)
        value = re.sub(r"\ba\d+\b", "a#", re.sub(r"\bsc_\d+", "sc_#", ORIGIN.sub("(site)", value)))
        return re.sub(r"code=[A-Za-z0-9_-]{20,}", "code=(secret)", value)
    if key in ("pid", "expires_in") and isinstance(value, int) and value:
        return "(number)"
    return value


def events(text):
    """The last event of a stream: what comes before is a server's own story."""
    found = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return shape(json.loads(found[-1])) if found else None


def body(answer):
    """The body as it is compared; pages of people by their kind alone."""
    kind = (answer.header("Content-Type") or "").partition(";")[0]
    if kind == "text/event-stream":
        return events(answer.body)
    if kind == "text/html":
        return "(page)" if answer.body.strip() else ""
    if "openmetrics" in kind or answer.body.startswith("# HELP"):
        return "(metrics)"
    try:
        return shape(json.loads(answer.body))
    except ValueError:
        return answer.body.strip()


def location(value):
    """Where a redirect leads: the path and what is in its query, in any order."""
    parts = urlsplit(ORIGIN.sub("", shape(value)))
    return (parts._replace(query="").geturl(), sorted(parse_qsl(parts.query, keep_blank_values=True)))


def header(answer, name):
    """A header as it is compared."""
    value = answer.header(name)
    if value is None:
        return None
    if name == "location":
        return location(value)
    if name == "content-type":
        return value.partition(";")[0].strip().lower()
    return ORIGIN.sub("(site)", value)


def differences(theirs, ours):
    """What differs, as (what, theirs, ours)."""
    if theirs.status != ours.status:
        return [("status", str(theirs.status), str(ours.status))]
    # What a redirect says to people besides is nothing to compare.
    names = [name for name in HEADERS if name != "content-type" or theirs.status not in (301, 302, 303)]
    found = [(f"header {name}", text(header(theirs, name)), text(header(ours, name))) for name in names if header(theirs, name) != header(ours, name)]
    return found + inside("body", body(theirs), body(ours))


def text(value):
    """A value on one line of a table."""
    return "(none)" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def inside(path, theirs, ours):
    """The differences of two values."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for key in sorted({*theirs, *ours}):
            if key not in ours or key not in theirs:
                found.append((f"{path}.{key}", text(theirs[key]) if key in theirs else "(absent)", text(ours[key]) if key in ours else "(absent)"))
            else:
                found += inside(f"{path}.{key}", theirs[key], ours[key])
        return found
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [one for mine, yours in zip(theirs, ours) for one in inside(f"{path}[]", mine, yours)]
    if theirs == ours and type(theirs) is type(ours):
        return []
    return [(path, text(theirs), text(ours))]
