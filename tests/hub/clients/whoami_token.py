"""A service that tells a program who it is: `HubAuth` asks the hub what the token in the request is worth."""

import json
import os
import urllib.parse

from jupyterhub.services.auth import HubAuthenticated
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, authenticated


class WhoAmI(HubAuthenticated, RequestHandler):
    """The hub's answer about the visitor."""

    @authenticated
    def get(self):
        """As JSON."""
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(self.get_current_user(), sort_keys=True))


if __name__ == "__main__":
    url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    Application([(os.environ["JUPYTERHUB_SERVICE_PREFIX"] + ".*", WhoAmI)]).listen(url.port, url.hostname)
    IOLoop.current().start()
