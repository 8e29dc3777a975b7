"""A service that tells a person who they are: `HubOAuth` sends the browser to the hub and back."""

import json
import os
import secrets
import urllib.parse

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, authenticated


class WhoAmI(HubOAuthenticated, RequestHandler):
    """The hub's answer about the visitor."""

    @authenticated
    def get(self):
        """As JSON."""
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(self.get_current_user(), sort_keys=True))


if __name__ == "__main__":
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    pages = [(prefix + "oauth_callback", HubOAuthCallbackHandler), (prefix + ".*", WhoAmI)]
    Application(pages, cookie_secret=secrets.token_bytes(32)).listen(url.port, url.hostname)
    IOLoop.current().start()
