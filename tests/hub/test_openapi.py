"""hubgate's own OpenAPI document, held against JupyterHub's: operations, parameters, scopes, statuses."""

import json
import subprocess

import allowed
import description
import yaml

COLUMNS = ["operation", "part", "JupyterHub's document", "hubgate's document", "reason"]


def document(programs, folder):
    """The document that the command prints."""
    config = folder / "hubgate.toml"
    config.write_text('base_url = "/jupyterhub"\n')
    config.chmod(0o600)
    return json.loads(subprocess.run([programs / "hubgate", "openapi", "--config", config], check=True, capture_output=True).stdout)


def resolved(whole, parameter):
    """A parameter, followed where it is a reference."""
    found = whole
    for part in parameter.get("$ref", "#")[2:].split("/"):
        found = found[part] if part else parameter
    return found


def described(whole):
    """`METHOD path` -> what is said of it, as sets of text."""
    found = {}
    for path, method, operation in description.operations(whole):
        parameters = [resolved(whole, one) for one in [*whole["paths"][path].get("parameters", []), *operation.get("parameters", [])]]
        ways = operation.get("security", [])
        found[f"{method.upper()} {path}"] = {
            "parameters": {f"{one['in']} {one['name']}" for one in parameters},
            "scopes": {scope for way in ways for scope in way.get("oauth2", []) if scope != "(no_scope)"},
            "statuses": {str(status) for status in operation["responses"]},
        }
    return found


def differences(theirs, ours):
    """(operation, part, theirs, ours), the part where they differ alone."""
    for name in sorted({*theirs, *ours}):
        if name not in theirs or name not in ours:
            yield name, "operation", "described" if name in theirs else "(absent)", "described" if name in ours else "(absent)"
            continue
        for part in ("parameters", "scopes", "statuses"):
            gone, new = theirs[name][part] - ours[name][part], ours[name][part] - theirs[name][part]
            if part == "statuses": # JupyterHub's document names refusals at a few operations only
                new = {status for status in new if status < "400"}
            if gone or new:
                yield name, part, " ".join(sorted(gone)) or "(none)", " ".join(sorted(new)) or "(none)"


def test_the_document_is_jupyterhubs_but_for_the_differences_that_are_documented(programs, tmp_path):
    theirs = described(yaml.safe_load(description.FILE.read_text()))
    ours = described(document(programs, tmp_path))
    assert len(theirs) == 54
    rows = allowed.rows(columns=COLUMNS)
    left = []
    for found in differences(theirs, ours):
        row = next((row for row in rows if row.covers(found)), None)
        if row:
            row.used += 1
        else:
            left.append(" | ".join(found))
    assert not left, "differences that docs/DIFFERENCES.md does not name:\n" + "\n".join(left)
    stale = [row.line for row in rows if not row.used]
    assert not stale, f"rows of docs/DIFFERENCES.md that name nothing any more: {stale}"
