"""schemathesis: requests made from JupyterHub's OpenAPI description, at random but the same in each run, and what is wrong with the answers."""

import contextlib

import hypothesis
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

import description

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 25
# A hub that was told to end answers nothing more. The authorization page is for browsers, and the comparison asks it.
LEFT_OUT = {("POST", "/shutdown"), ("GET", "/oauth2/authorize")}
# Names that exist stand beside those that are made up, so that requests get past the search for the name.
KNOWN = {"name": {"/users": ["alice", "bob", "gina"], "/groups": ["staff", "students"], "/services": ["reader"]}, "owner": ["alice"],
         "server_name": ["", "lent"], "token_id": ["a1"]}


def known(path, parameter, drawn):
    """A known name for two of three made-up ones, by what was made up, so that a failure comes again."""
    names = KNOWN.get(parameter, [])
    if isinstance(names, dict):
        names = next((found for prefix, found in names.items() if path.startswith(prefix)), [])
    place = sum(map(ord, str(drawn)))
    return names[place % len(names)] if names and place % 3 else drawn


class Explorer:
    """Asks one hub with one token."""

    def __init__(self, hub, token):
        self.address, self.schema = f"{hub.address}{hub.base}/hub/api", schemathesis.openapi.from_dict(description.load(hub.base))
        self.headers = {"Authorization": f"token {token}"}
        self.found, self.asked = {}, 0
        self.session = requests.Session()

    def everything(self):
        """Sorted (operation, failure, one request), and the number of requests."""
        with self.session:
            for result in self.schema.get_all_operations():
                operation = result.ok()
                if (operation.method.upper(), operation.path) not in LEFT_OUT:
                    self.operation(operation)
        return sorted((*key, told) for key, told in self.found.items()), self.asked

    def operation(self, operation):
        """One operation."""
        settings = hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[hypothesis.Phase.generate],
                                       suppress_health_check=list(hypothesis.HealthCheck))
        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            settings(hypothesis.given(case=operation.as_strategy())(lambda case: self.ask(operation, case)))()

    def ask(self, operation, case):
        """One request."""
        for parameter, drawn in list((case.path_parameters or {}).items()):
            case.path_parameters[parameter] = known(operation.path, parameter, drawn)
        answer = case.call(base_url=self.address, session=self.session, headers=self.headers, timeout=40, verify=False)
        self.asked += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except* schemathesis.checks.Failure as failures:
            for failure in failures.exceptions:
                said = failure.message.splitlines()[0] if failure.message else ""
                key = (f"{operation.method.upper()} {operation.path}", f"{answer.status_code} {failure.title}: {said}")
                self.found.setdefault(key, f"{case.as_curl_command(headers=self.headers)} -> {answer.status_code} {answer.text[:300]}")


def explore(hub, token):
    """What is wrong with a hub's answers, and the number of requests."""
    return Explorer(hub, token).everything()
