"""schemathesis with JupyterHub's OpenAPI description: no server error, no status and no shape that the description does not know."""

import explore
import world
from ask import Visitor

OPERATIONS = 50


def test_requests_made_from_jupyterhubs_description_find_no_error(product, capsys):
    hub = product("schemathesis")
    boss = world.SERVICES["boss"]["api_token"]
    answer = Visitor(hub, boss).send("PUT", f"{hub.base}/hub/api/users/alice/servers/lent")
    assert answer.status == 201, answer.body
    found, asked = explore.explore(hub, boss)
    with capsys.disabled():
        print(f"\n{asked} requests made by schemathesis, {len(found)} complaints")
    assert not found, "\n\n".join("\n".join(one) for one in found)
    assert asked >= OPERATIONS * 10
