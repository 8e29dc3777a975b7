"""A whole hubgate with optimised programs: nginx with TLS, gateway, spawner with the process engine, virtual accounts."""

import pathlib
import shutil
import subprocess

from parts import GATEWAY_UID, PROJECT, Browser, Parts, config, connectable, fresh, until

PORT = 28443


class Stack:
    def __init__(self, options, sockets):
        self.options, self.sockets, self.parts = options, sockets, Parts()
        self.work = fresh(options.work / "stack")

    def __enter__(self):
        work, sockets, programs = self.work, self.sockets, self.options.programs
        share = work / "share"
        (share / "nginx").mkdir(parents=True)
        shutil.copytree(PROJECT / "nginx/html", share / "nginx/html")
        shutil.copy(PROJECT / "jupyter/hubgate_server.py", share)
        file = config(work, sockets)
        subprocess.run(["chown", f"{GATEWAY_UID}:www-data", work / "state"], check=True)
        (work / "homes").mkdir()
        (work / "spawner").mkdir(mode=0o700)
        rules = work / "spawner.toml"
        rules.write_text(f'engine = "process"\naccounts = "virtual"\ngateway_user = {GATEWAY_UID}\nnginx_group = "www-data"\nstate_dir = "{work}/spawner"\n'
                         f'socket_dir = "{sockets}/servers"\nlisten = "{sockets}/spawner.sock"\nidle_exit_s = 0\ncut_ports = [{PORT}]\n'
                         f'[process]\ncommand = ["{self.options.venv}/bin/jupyter", "lab", "--config={share}/hubgate_server.py"]\n'
                         f'home_dir = "{work}/homes"\npath = "{self.options.venv}/bin:/usr/local/bin:/usr/bin:/bin"\n')
        rules.chmod(0o644)
        sockets.chmod(0o777)
        self.command("cert", "--out", work / "tls", "--name", "localhost")
        self.parts.start([programs / "hubgate-spawner", "--config", rules], work / "spawner.log")
        until("the spawner", lambda: connectable(sockets / "spawner.sock"))
        self.parts.start(["setpriv", f"--reuid={GATEWAY_UID}", "--regid=www-data", "--clear-groups", programs / "hubgate", "--config", file, "gateway"], work / "gateway.log")
        until("the gateway", lambda: connectable(sockets / "gateway.sock"))
        run = fresh(work / "nginx")
        subprocess.run(["sh", PROJECT / "nginx/render.sh", "--out", run / "conf", "--standalone", run, "--port", str(PORT), "--http-port", "none", "--api-port", "none", "--no-ipv6",
                        "--server-name", "localhost", "--gateway-socket", sockets / "gateway.sock", "--server-sockets", sockets / "servers", "--tls", work / "tls",
                        "--share", share], check=True, stdout=subprocess.DEVNULL)
        self.parts.start(["nginx", "-c", run / "conf/nginx.conf", "-e", run / "error.log"], work / "nginx.log")
        until("nginx", self.answers)
        return self

    def __exit__(self, *_):
        self.parts.end()
        shutil.rmtree(self.sockets / "servers", ignore_errors=True)
        for left in ("gateway.sock", "spawner.sock"):
            (self.sockets / left).unlink(missing_ok=True)

    def answers(self):
        try:
            return self.browser().send("GET", "/jupyterhub/hub/health")[0] == 200
        except OSError:
            return False

    def browser(self):
        return Browser(PORT)

    def command(self, *words, stdin=None):
        subprocess.run([str(word) for word in (self.options.programs / "hubgate", "--config", self.work / "hubgate.toml", *words)], input=stdin, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    def add_user(self, name, password):
        self.command("user", "add", name, "--password-stdin", stdin=password + "\n")

    def stop(self, name):
        browser = self.browser()
        browser.log_in(name, "correct horse")
        _, _, page = browser.send("GET", "/jupyterhub/hub/home")
        token = page.split('name="_xsrf" value="')[1].split('"')[0]
        status, _, page = browser.send("POST", f"/jupyterhub/hub/stop/{name}", body=f"_xsrf={token}")
        assert status == 302, page
