"""hubgate with whole Jupyter servers and two services, as the clients of this ring need it."""

import pathlib
import shutil
import ssl

import world
from ask import Visitor
from product import Hubgate
from stack import free_port, until

HERE = pathlib.Path(__file__).resolve().parent
ROLES = [{"name": "whoami-user", "description": "Uses both services", "users": ["alice", "bob"],
          "scopes": ["access:services!service=whoami", "access:services!service=whoami-token"]}]
FILES = {"whoami": "whoami_oauth.py", "whoami-token": "whoami_token.py"}


class ClientHub(Hubgate):
    """`flavour` says whose code the servers are; `jupyter` is the folder with the programs, `python` runs the services."""

    def __init__(self, work, programs, flavour, jupyter, python):
        server = [f"{jupyter}/jupyterhub-singleuser"] if flavour == "hub" else [f"{jupyter}/jupyter", "lab"]
        services = [{"name": name, "url": f"http://127.0.0.1:{free_port()}", "command": [f"{python}", f"{work}/share/{file}"]} for name, file in FILES.items()]
        super().__init__(work, programs, users=[world.ADMIN, "alice", "bob", "carol"], roles=ROLES, services=services,
                         command=[*server, f"--config={work}/share/hubgate_server.py"], settings={"flavour": flavour})

    def write_files(self):
        """With the services' programs, where every uid can read them."""
        super().write_files()
        for file in FILES.values():
            shutil.copy(HERE / file, self.work / "share")

    def url(self, path=""):
        """An address as a browser has it."""
        return f"{self.address}{self.base}/{path}"

    def token(self, name, scopes=(), note=None):
        """A token, made at the command line: the running hub knows it within a second."""
        words = [word for scope in scopes for word in ("--scope", scope)] + (["--note", note] if note else [])
        token = self.hubgate("token", name, *words).strip()
        until("the new token", lambda: Visitor(self, token).send("GET", f"{self.base}/hub/api/user").status == 200, seconds=3)
        return token

    def tls(self):
        """Trust in the hub's own certificate."""
        return ssl.create_default_context(cafile=self.work / "tls/ca.crt")
