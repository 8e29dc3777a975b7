"""hubgate with whole Jupyter servers and two services, as the clients of this ring need it."""

import pathlib
import shutil

import world
from product import Hubgate
from stack import free_port

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
