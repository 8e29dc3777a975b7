"""The hostile inputs shared by all rings, as far as they are for the API and for OAuth: every case by its own id."""

import base64
import http.client
import json
import ssl
import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

import world
from ask import Visitor
from stack import PROJECT, until

FILE = PROJECT.parent / "shared/data/bad-inputs.json"
REFUSALS = {"reject_400": {400, 413}, "reject_401_or_403": {401, 403, 404}, "reject_400_or_401": {400, 401, 403, 413, 414, 431}}
# Operations with a body of JSON, for inputs that no operation may fail over.
BODIES = [("POST", "/users"), ("PATCH", "/users/gina"), ("POST", "/users/gina/tokens"), ("POST", "/users/gina/activity"), ("POST", "/groups"),
          ("POST", "/groups/made"), ("POST", "/groups/staff/users"), ("DELETE", "/groups/staff/users"), ("PUT", "/groups/staff/properties"),
          ("POST", "/services/made"), ("POST", "/shares/alice/lent"), ("PATCH", "/shares/alice/lent"), ("POST", "/share-codes/alice/lent"),
          ("PATCH", "/proxy"), ("PATCH", "/users/alice/servers/lent"), ("PUT", "/users/alice/servers/other"), ("DELETE", "/users/alice/servers/lent")]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def cases(target):
    """The cases of one target; the file's absence is one failing case."""
    if not FILE.exists():
        return [pytest.param(None, id=f"{target}-file-is-missing")]
    found = [case for case in json.loads(FILE.read_text())["inputs"] if case["target"] == target]
    assert found, target
    return [pytest.param(case, id=case["id"]) for case in found]


def text_of(case):
    """The input as bytes."""
    assert case is not None, f"{FILE} is missing: it holds the hostile inputs that every ring reads"
    if "input_b64" in case:
        return base64.b64decode(case["input_b64"])
    if "gen" in case:
        gen = case["gen"]
        return (gen.get("prefix", "") + gen["repeat"] * gen["n"] + gen.get("suffix", "")).encode()
    return case["input"].encode()


class Site:
    """A hubgate whose servers are of the hub flavour, with alice's and bob's running."""

    def __init__(self, hub):
        self.hub, self.boss = hub, Visitor(hub, world.SERVICES["boss"]["api_token"])
        self.token = {name: self.ask("POST", f"/users/{name}/tokens", "{}").json()["token"] for name in ("alice", "bob", "gina")}
        self.ask("PUT", "/users/alice/servers/lent")
        for name in ("alice", "bob"):
            self.ask("POST", f"/users/{name}/server")
            until(f"the server of {name}", lambda name=name: self.ask("GET", f"/users/{name}/servers/").json()["ready"], parts=hub.parts)
        self.alice, self.admin = Visitor(hub).log_in("alice"), Visitor(hub).log_in("admin")

    def ask(self, method, path, body=None):
        """A request of the administrators' service that succeeds."""
        answer = self.boss.send(method, f"{self.hub.base}/hub/api{path}", body)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer

    def raw(self, method, path, body=None, headers=()):
        """A request with these headers alone, also twice the same."""
        url = urlsplit(self.hub.address)
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context(), timeout=30)
        try:
            connection.putrequest(method, f"{self.hub.base}{path}")
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def api(self, method, path, body, token):
        """A raw body sent to the API."""
        return self.raw(method, f"/hub/api{path}", body, [("Authorization", f"token {token}"), ("Content-Type", "application/json")])

    def code(self, person, client, uri, more=""):
        """An authorization code for somebody who is logged in."""
        page = f"{self.hub.base}/hub/api/oauth2/authorize?client_id={client}&redirect_uri={quote(uri, safe='')}&response_type=code&state=s{more}"
        answer = person.page("GET", page)
        if answer.status == 200:
            answer = person.page("POST", page, urlencode({"_xsrf": person.xsrf(answer.body)}))
        assert answer.status == 302, (answer.status, answer.body)
        return parse_qs(urlsplit(answer.header("Location")).query)["code"][0]

    def exchange(self, **fields):
        """The token endpoint, as the service whoami."""
        service = world.SERVICES["whoami"]
        form = {"client_id": "service-whoami", "client_secret": service["api_token"], "redirect_uri": service["oauth_redirect_uri"], **fields}
        return Visitor(self.hub).send("POST", f"{self.hub.base}/hub/api/oauth2/token", urlencode(form), FORM)


@pytest.fixture(scope="module")
def site(run_folder, programs):
    """One site for all cases of this file."""
    from product import Hubgate

    with Hubgate(run_folder / "bad-inputs", programs, settings={"flavour": "hub"}) as hub:
        yield Site(hub)


def boss_token():
    """The token with all rights."""
    return world.SERVICES["boss"]["api_token"]


@pytest.mark.parametrize("case", cases("json_body"))
def test_a_bad_body_is_refused_where_it_is_meant(site, case):
    body = text_of(case)
    if b'"expires_in"' in body or b'"scopes"' in body or b'"roles"' in body:
        status, _, said = site.api("POST", "/users/gina/tokens", body, site.token["gina"])
    elif body == b'{"admin":true}':
        status, _, said = site.api("PATCH", "/users/gina", body, site.token["gina"])
        assert status in (400, 403), said
        return
    else:
        status, _, said = site.api("POST", "/users", body, boss_token())
    assert status in REFUSALS[case["expect"]], said


@pytest.mark.parametrize("case", cases("json_body"))
def test_no_operation_fails_over_a_bad_body(site, case):
    body = text_of(case)
    for method, path in BODIES:
        status, _, said = site.api(method, path, body, boss_token())
        assert status < 500, (method, path, status, said)
    assert site.ask("GET", "/users/gina").json()["admin"] in (False, True)


@pytest.mark.parametrize("case", cases("authorization_header"))
def test_an_authorization_header_is_taken_as_it_is_meant(site, case):
    if case and case.get("scenario"):
        status, _, said = site.raw("GET", "/hub/api/user", None, [("Authorization", f"token {site.token[name]}") for name in ("alice", "bob")])
        assert status in REFUSALS[case["expect"]], said
        return
    value, path = text_of(case).decode(), "/hub/api/user"
    if "OTHER_USERS_TOKEN" in value:
        value, path = value.replace("OTHER_USERS_TOKEN", site.token["bob"]), "/hub/api/users/alice/tokens"
    if "EXPIRED" in value:
        value = value.replace("EXPIRED", expired(site))
    value = value.replace("TOKEN", site.token["alice"]).replace("TOKE", site.token["alice"][:-1])
    status, _, said = site.raw("GET", path, None, [("Authorization", value)])
    assert status == 200 if case["expect"] == "accept" else status in REFUSALS[case["expect"]], (status, said)


def expired(site):
    """A token whose end has come."""
    token = site.ask("POST", "/users/alice/tokens", '{"expires_in": 1}').json()["token"]
    end = time.monotonic() + 10
    while Visitor(site.hub, token).send("GET", f"{site.hub.base}/hub/api/user").status == 200:
        assert time.monotonic() < end, "a token of one second still holds after ten"
        time.sleep(0.1)
    return token


@pytest.mark.parametrize("case", cases("oauth_authorize"))
def test_a_bad_authorization_request_gets_no_code(site, case):
    query = text_of(case).decode().replace("redirect_uri=/user/", f"redirect_uri={site.hub.base}/user/")
    answer = site.alice.page("GET", f"{site.hub.base}/hub/api/oauth2/authorize?{query}")
    location = answer.header("Location") or ""
    assert "code=" not in location
    if case["expect"] == "reject_400_no_redirect":
        assert (answer.status, location) == (400, ""), answer.body
    else:
        assert answer.status == 403 or answer.status == 302 and "error=" in location, (answer.status, location)


def used(site):
    """A code that was exchanged already."""
    code = site.code(site.alice, "service-whoami", world.SERVICES["whoami"]["oauth_redirect_uri"])
    assert site.exchange(grant_type="authorization_code", code=code).status == 200
    return code


@pytest.mark.parametrize("case", cases("oauth_token"))
def test_a_bad_token_request_gets_no_token(site, case):
    fields = {key: values[0] for key, values in parse_qs(text_of(case).decode()).items()}
    uri, challenge = world.SERVICES["whoami"]["oauth_redirect_uri"], "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    made = {"USED": lambda: used(site), "VALID_OF_OTHER_CLIENT": lambda: site.code(site.admin, "service-quiet", f"{site.hub.base}/services/quiet/oauth_callback"),
            "VALID": lambda: site.code(site.alice, "service-whoami", uri, challenge), "VALID_WITH_CHALLENGE": lambda: site.code(site.alice, "service-whoami", uri, challenge)}
    if "code" in fields:
        fields["code"] = made[fields["code"]]()
    answer = site.exchange(**fields)
    assert answer.status in (400, 401), answer.body
    assert "access_token" not in answer.body
