"""Makes any jupyter_server a hubgate server: pass this file as `--config` to jupyter lab, jupyter server or Notebook 7.

The server takes the listening unix socket it inherits (LISTEN_FDS) and never opens one itself. It believes the
header `X-Hubgate-User` without a second look: nginx sets that header on every request, after the gateway allowed it,
and nobody but nginx can connect to the socket (root:www-data 0660). That is why the socket has to be a unix socket,
why Jupyter's own token is off, and why a request without the header gets no answer. XSRF and Origin checks stay on for
a visitor who comes with a browser; who showed the hub a token (`X-Hubgate-Credential: token`, nginx's word too) needs none.

The hub flavour (JUPYTERHUB_API_TOKEN is set): JupyterHub's own single-user server, `jupyterhub-singleuser` or `jupyter
labhub`, 5.x and 6.x. It asks the hub by itself who its visitor is; what is left here are the socket and the reports.

Environment: HUBGATE_INSTANCE (`alice` or `alice:gpu`), HUBGATE_BASE_URL (`/jupyterhub`), HUBGATE_DEFAULT_URL
(`/lab`), HUBGATE_NOTEBOOK_DIR (home), LISTEN_PID, LISTEN_FDS, NOTIFY_SOCKET. Settings of the site and of the user
(`jupyter_server_config.py` and `.json` in Jupyter's config path) are read first; what the hub relies on wins.
Works with jupyter_server 1.24 and later. Needs nothing but the standard library and what jupyter_server brings.
"""

import atexit
import functools
import importlib.util
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_runtime_dir
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import DEFAULT_JUPYTER_SERVER_PORT, ServerApp
from tornado.ioloop import PeriodicCallback
from tornado.web import RequestHandler, authenticated
from traitlets import default
from traitlets.config import Config, JSONFileConfigLoader, PyFileConfigLoader

USER_HEADER = "X-Hubgate-User"
CREDENTIAL_HEADER = "X-Hubgate-Credential"
USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\Z")
INSTANCE = re.compile(r"([a-z_][a-z0-9_.-]{0,31})(?::([A-Za-z0-9][A-Za-z0-9_-]{0,31}))?\Z")
FIRST_FD = 3
REPORT_EVERY_S = 30
REPORT_AT_MOST_EVERY_S = 1
# sun_path holds 107 bytes; a kernel's socket is RUNTIME_DIR + "/kernel-" + uuid (36) + "-ipc-5".
KERNEL_SOCKET_DIR_MAX = 107 - len("/kernel-") - 36 - len("-ipc-5")
# What a person does with a request; everything else that a page sends by itself (polls, layout, settings) is not work.
HUMAN_WRITES = re.compile(r"/api/(contents|kernels|sessions|terminals)(/|\Z)")
PASSED_BY_SYSTEMD = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class Unusable(Exception):
    """What was inherited does not make a server; the text says what and the remedy."""


class Inherited:
    """All that this process was given by systemd or by the spawner, taken out of the environment."""

    def __init__(self, environ):
        given = {name: environ.pop(name, "") for name in PASSED_BY_SYSTEMD}
        found = INSTANCE.match(environ.get("HUBGATE_INSTANCE", ""))
        if not found:
            raise Unusable("HUBGATE_INSTANCE must be USER or USER:SERVER; start the server by its unit jupyter@USER")
        self.owner, self.server = found.group(1), found.group(2) or ""
        self.of_jupyterhub = bool(environ.get("JUPYTERHUB_API_TOKEN"))
        self.hub_url = environ.get("HUBGATE_BASE_URL", "/jupyterhub").rstrip("/")
        # JupyterHub's own server knows its default page from its own environment.
        self.default_url = environ.get("HUBGATE_DEFAULT_URL") or ("" if self.of_jupyterhub else "/lab")
        self.notebook_dir = environ.get("HUBGATE_NOTEBOOK_DIR") or os.path.expanduser("~")
        self.notify_address = given["NOTIFY_SOCKET"]
        self.socket = listening_socket(given["LISTEN_PID"], given["LISTEN_FDS"])

    @property
    def hub_prefix(self):
        """Where the hub's own pages are."""
        return f"{self.hub_url}/hub/"

    @property
    def base_url(self):
        """Where this server is."""
        server = f"{self.server}/" if self.server else ""
        return f"{self.hub_url}/user/{self.owner}/{server}"

    def notify(self, text):
        """Sends one message to the service manager. A manager that is away must not end the server."""
        if not self.notify_address:
            return
        address = "\0" + self.notify_address[1:] if self.notify_address.startswith("@") else self.notify_address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(text.encode(), address)
        except OSError as error:
            print(f"hubgate: no report to {self.notify_address}: {error}", file=sys.stderr)


def listening_socket(pid, count):
    """The one socket of LISTEN_FDS, made unreachable for child processes."""
    if pid != str(os.getpid()) or count != "1":
        raise Unusable("no listening socket was passed (LISTEN_PID, LISTEN_FDS); start the server by its unit jupyter@USER")
    try:
        inherited = socket.socket(fileno=FIRST_FD)
        listening = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise Unusable(f"file descriptor {FIRST_FD} is not a socket: {error}") from error
    if inherited.family != socket.AF_UNIX or inherited.type != socket.SOCK_STREAM or not listening:
        raise Unusable("the socket passed is not a listening unix socket; a TCP port would let anybody name any user")
    inherited.setblocking(False)
    inherited.set_inheritable(False)
    return inherited


@functools.cache
def inherited():
    """What this process was given: read once, because Jupyter may read its configuration twice."""
    return Inherited(os.environ)


class Reporter:
    """Tells the service manager that the server is ready, and what people do with it."""

    def __init__(self, app, given):
        self.app, self.given = app, given
        self.last_write = time.time()
        self.reported_at = 0.0
        self.waiting = False

    def text(self):
        """The STATUS= text: `hubgate kernels=2 busy=1 terminals=0 connections=3 last=1763800000`."""
        manager = self.app.kernel_manager
        kernels = [manager.get_kernel(kernel_id) for kernel_id in manager.list_kernel_ids()]
        busy = sum(getattr(kernel, "execution_state", "") == "busy" for kernel in kernels)
        terminals = getattr(self.app.web_app.settings.get("terminal_manager"), "terminals", {}).values()
        connections = sum(getattr(manager, "_kernel_connections", {}).values())
        connections += sum(len(getattr(terminal, "clients", ())) for terminal in terminals)
        return (f"hubgate kernels={len(kernels)} busy={busy} terminals={len(terminals)}"
                f" connections={connections} last={self.last()}")

    def last(self):
        """Unix seconds of the last human input or output. Jupyter's own marks leave out polls."""
        marks = [self.app.kernel_manager.last_kernel_activity, self.app.web_app.settings.get("terminal_last_activity")]
        return int(max([self.last_write] + [mark.timestamp() for mark in marks if mark]))

    def wrote(self, request):
        """Notes a request by which a person changes something (saves, uploads, starts a kernel)."""
        if request.method not in ("GET", "HEAD", "OPTIONS") and HUMAN_WRITES.search(request.path):
            self.last_write = time.time()

    def start(self):
        """Called when the server accepts connections."""
        self.given.notify(f"READY=1\nSTATUS={self.text()}")
        PeriodicCallback(self.report, REPORT_EVERY_S * 1000).start()

    def report(self):
        """Sends the present text."""
        self.waiting, self.reported_at = False, time.monotonic()
        self.given.notify(f"STATUS={self.text()}")

    def changed(self, *_):
        """A kernel came, went, or became busy or idle: reported at once, but a loop of cells does not flood systemd."""
        if not self.waiting:
            self.waiting = True
            due = self.reported_at + REPORT_AT_MOST_EVERY_S - time.monotonic()
            self.app.io_loop.call_later(max(0.0, due), self.report)

    def watch_kernels(self, manager):
        """Has `changed` called by Jupyter's own bookkeeping of kernels."""
        begin, remove = manager.start_watching_activity, manager.remove_kernel

        def start_watching_activity(kernel_id):
            begin(kernel_id)
            kernel = manager.get_kernel(kernel_id)
            if kernel.has_trait("execution_state"):
                kernel.observe(self.changed, "execution_state")
            self.changed()

        def remove_kernel(kernel_id):
            kernel = remove(kernel_id)
            self.changed()
            return kernel

        manager.start_watching_activity = start_watching_activity
        manager.remove_kernel = remove_kernel


def visitor(request):
    """The visitor whom nginx names, or None."""
    name = request.headers.get(USER_HEADER, "")
    return name if USER_NAME.match(name) else None


def showed_token(request):
    """Whether the hub let the visitor in for a token, which no foreign page can send in somebody's name."""
    return request.headers.get(CREDENTIAL_HEADER, "") == "token"


class NoVisitor(RequestHandler):
    """The one answer to a request that did not come through nginx."""

    def prepare(self):
        """Answers every method alike."""
        self.set_status(403)
        self.finish(f"hubgate: no {USER_HEADER} header: this server answers requests that come through the hub.\n")

    def check_xsrf_cookie(self):
        """Nothing is changed here, so there is nothing to protect."""


class LogOut(JupyterHandler):
    """Log Out in the menus of JupyterLab and Notebook opens `BASE_URL/logout`; the hub is the one who logs out."""

    @authenticated
    def get(self):
        """Sends the visitor to the hub's own logout page."""
        self.redirect(inherited().hub_prefix + "logout")


def guard(web_app, reporter, given):
    """Answers no request that does not name a visitor, whatever handler or extension it is for."""
    find_handler = web_app.find_handler

    def find_handler_of_visitor(request, **kwargs):
        if visitor(request) is None and not given.of_jupyterhub:
            return web_app.get_handler_delegate(request, NoVisitor)
        reporter.wrote(request)
        return find_handler(request, **kwargs)

    web_app.find_handler = find_handler_of_visitor


def identity_of_visitor():
    """The settings by which jupyter_server 2 takes its user from nginx's header."""
    from jupyter_server.auth import IdentityProvider, User

    class HubgateIdentity(IdentityProvider):
        """Names the visitor."""

        login_available = False
        need_token = False
        logout_handler_class = LogOut

        @default("token")
        def _token_default(self):
            """None, whatever JUPYTER_TOKEN says."""
            return ""

        def get_user(self, handler):
            """The visitor, or None."""
            name = visitor(handler.request)
            return User(username=name) if name else None

        def is_token_authenticated(self, handler):
            """Switches XSRF and Origin checks off: by nginx's word alone."""
            return showed_token(handler.request)

    return {"identity_provider_class": HubgateIdentity}


def login_of_visitor():
    """The settings by which jupyter_server 1 takes its user from nginx's header."""
    from jupyter_server.auth.login import LoginHandler

    class HubgateLogin(LoginHandler):
        """Names the visitor; there is nothing to log in to."""

        @classmethod
        def get_user(cls, handler):
            """The visitor, or None."""
            handler._user_id = visitor(handler.request)
            return handler._user_id

        @classmethod
        def get_login_available(cls, settings):
            """No login page."""
            return False

        @classmethod
        def is_token_authenticated(cls, handler):
            """Switches XSRF and Origin checks off: by nginx's word alone."""
            return showed_token(handler.request)

        @classmethod
        def should_check_origin(cls, handler):
            """For browsers."""
            return not showed_token(handler.request)

        @classmethod
        def validate_security(cls, app, ssl_options=None):
            """The socket is the access check; Jupyter's warning about a missing token would mislead."""

    return {"login_handler_class": HubgateLogin, "logout_handler_class": LogOut, "token": "", "password": ""}


def adopt(app, given):
    """Sets on the server what the hub relies on, after every configuration file was read."""
    wanted = {
        "sock": given.socket.getsockname(),
        "port": DEFAULT_JUPYTER_SERVER_PORT,  # beside a socket Jupyter admits no other
        "base_url": given.base_url,
        "allow_remote_access": True,  # Host is the site's name; nginx admits no other
        "trust_xheaders": True,  # scheme and address of the browser, as nginx states them
        "disable_check_xsrf": False,
        "open_browser": False,
        "quit_button": False,
    }
    if not given.of_jupyterhub:
        wanted.update(visitors_of_hubgate(app, given))
    for name, value in wanted.items():
        setattr(app, name, value)
    if given.server and not given.of_jupyterhub:
        app.server_name = given.server  # JupyterLab's hubServerName


def visitors_of_hubgate(app, given):
    """The settings by which the server takes its visitors from nginx, and JupyterLab knows the hub."""
    modern = app.has_trait("identity_provider_class")
    settings = {**app.tornado_settings, "hub_prefix": given.hub_prefix, "hub_host": "", "user": given.owner}
    return {"tornado_settings": settings, **(identity_of_visitor() if modern else login_of_visitor())}


def must_be_of_jupyterhub():
    """With the hub's token in its environment another program would serve without anybody's check but its own."""
    if "jupyterhub.services.auth" not in sys.modules:
        sys.exit("hubgate: JUPYTERHUB_API_TOKEN is set, but this program is not JupyterHub's: start jupyterhub-singleuser or jupyter labhub.")


@functools.cache
def take_over(given):
    """Puts our steps into ServerApp's own sequence: before its parts are made, and where it would open a socket."""
    init_configurables, init_webapp = ServerApp.init_configurables, ServerApp.init_webapp

    def init_configurables_adopted(self):
        if given.of_jupyterhub:
            must_be_of_jupyterhub()
        adopt(self, given)
        init_configurables(self)

    def init_webapp_guarded(self):
        init_webapp(self)
        self.hubgate = Reporter(self, given)
        guard(self.web_app, self.hubgate, given)
        self.hubgate.watch_kernels(self.kernel_manager)

    def bind_inherited_socket(self):
        self.http_server.add_socket(given.socket)
        self.hubgate.start()
        return True

    ServerApp.init_configurables = init_configurables_adopted
    ServerApp.init_webapp = init_webapp_guarded
    ServerApp._bind_http_server = bind_inherited_socket


def settings_of_site_and_user():
    """Jupyter reads `jupyter_server_config` by itself only where no --config is given, so we read it."""
    merged = Config()
    folders = jupyter_config_path()
    if os.environ.get("JUPYTERHUB_DISABLE_USER_CONFIG", "").lower() not in ("", "0", "false"):
        folders = [folder for folder in folders if not folder.startswith(os.path.expanduser("~/"))]
    for folder in reversed(folders):
        for loader, name in ((PyFileConfigLoader, "jupyter_server_config.py"), (JSONFileConfigLoader, "jupyter_server_config.json")):
            if not Path(folder, name).is_file():
                continue
            try:
                merged.merge(loader(name, path=folder).load_config())
            except Exception as error:  # a user's own mistake must not keep them out of their server
                print(f"hubgate: {folder}/{name} is left out: {error!r}", file=sys.stderr)
    return merged


def keep_kernel_sockets_short():
    """Where a home is too deep for the path of a unix socket, Jupyter's runtime folder becomes a temporary one."""
    if len(os.fsencode(jupyter_runtime_dir())) > KERNEL_SOCKET_DIR_MAX:
        os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jupyter-", dir="/tmp")
        atexit.register(shutil.rmtree, os.environ["JUPYTER_RUNTIME_DIR"], ignore_errors=True)


def configure(config):
    """Fills Jupyter's configuration: our defaults, then what the site and the user wrote."""
    given = inherited()
    config.ServerApp.root_dir = given.notebook_dir
    if given.default_url:
        config.ServerApp.default_url = given.default_url
    # Every account of the host can connect to ports of the loopback interface and read what a kernel publishes there.
    config.KernelManager.transport = "ipc"
    keep_kernel_sockets_short()
    config.merge(settings_of_site_and_user())
    take_over(given)


def main(config):
    """The way in from Jupyter's configuration loader."""
    try:
        configure(config)
    except Unusable as error:
        sys.exit(f"hubgate: {error}.")


if "get_config" in globals():
    # Jupyter executes this file as text. Loading it as a module gives its classes a home and keeps one state.
    # Jupyter would go on with its defaults, on a TCP port, where a configuration file fails: so a failure ends the process.
    try:
        if "hubgate_server" not in sys.modules:
            _spec = importlib.util.spec_from_file_location("hubgate_server", __file__)
            sys.modules["hubgate_server"] = importlib.util.module_from_spec(_spec)
            _spec.loader.exec_module(sys.modules["hubgate_server"])
        sys.modules["hubgate_server"].main(get_config())  # noqa: F821
    except Exception as _error:
        sys.exit(f"hubgate: this Jupyter cannot be a hubgate server: {_error!r}. Install jupyter_server 1.24 or later.")
