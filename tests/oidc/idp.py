"""The provider: a real one, run by the node of this ring."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

PACKAGES = pathlib.Path(os.environ.get("HUBGATE_TEST_OIDC", pathlib.Path(__file__).resolve().parents[2] / "run/oidc-provider"))
SECRET = "the secret of the hub"


class Provider:
    """One oidc-provider; `people` are who can log in there, by what they type, which is their subject."""

    def __init__(self, port, tls, hub):
        self.port, self.issuer = port, f"https://127.0.0.1:{port}"
        self.tls, self.hub, self.process = tls, hub, None

    def start(self):
        # Beside the packages, because that is where node looks for them.
        program = PACKAGES / "provider.mjs"
        shutil.copy(pathlib.Path(__file__).with_name("provider.mjs"), program)
        self.process = subprocess.Popen(
            [PACKAGES / "node", program, str(self.port), self.tls / "server.crt", self.tls / "server.key",
             f"{self.hub}/hub/oauth_callback", f"{self.hub}/hub/logout"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.strip() == "ready":
                return self
        raise AssertionError(f"the provider ended with {self.process.wait()}")

    def tell(self, name, value=None):
        """Gives an order, waits until it is done, returns what it tells."""
        self.process.stdin.write(json.dumps([name, value]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                return json.loads(line)
        raise AssertionError("the provider has ended")

    def people(self, **people):
        self.tell("people", people)

    def mood(self, **mood):
        self.tell("mood", mood)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
