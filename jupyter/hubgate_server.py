"""Makes any jupyter_server a hubgate server: pass this file as `--config` to jupyter lab, jupyter server or Notebook 7.

The server takes the listening unix socket it inherits (LISTEN_FDS) and never opens one itself. It believes the
header `X-Hubgate-User` without a second look: nginx sets that header on every request, after the gateway allowed it,
and nobody but nginx can connect to the socket (root:www-data 0660). That is why the socket has to be a unix socket,
why Jupyter's own token is off, and why a request without the header gets no answer. XSRF and Origin checks stay on for
a visitor who comes with a browser; who showed the hub a token (`X-Hubgate-Credential: token`, nginx's word too) needs none.

The hub flavour (JUPYTERHUB_API_TOKEN is set): JupyterHub's own single-user server, `jupyterhub-singleuser` or `jupyter
labhub`, 5.x and 6.x. It asks the hub by itself who its visitor is; what is left here are the socket and the reports.

Environment: HUBGATE_INSTANCE (`alice` or `alice:gpu`), HUBGATE_BASE_URL (`/jupyterhub`), HUBGATE_DEFAULT_URL
(`/lab`), HUBGATE_TERMINALS (`0`: none), HUBGATE_NOTEBOOK_DIR (home), LISTEN_PID, LISTEN_FDS, NOTIFY_SOCKET. Settings of the site and of the user
(`jupyter_server_config.py` and `.json` in Jupyter's config path) are read first; what the hub relies on wins.
Works with jupyter_server 1.24 and later, under Python 3.8 and later. Needs nothing but the standard library and what
jupyter_server brings.
"""

import atexit
import ctypes
import functools
import importlib.util
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import termios
import time
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_runtime_dir
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import DEFAULT_JUPYTER_SERVER_PORT, ServerApp
from tornado.ioloop import PeriodicCallback
from tornado.web import RequestHandler, authenticated
from traitlets import default
from traitlets.config import Application, Config, JSONFileConfigLoader, PyFileConfigLoader

USER_HEADER = "X-Hubgate-User"
CREDENTIAL_HEADER = "X-Hubgate-Credential"
USER_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\Z")
INSTANCE = re.compile(r"([a-z_][a-z0-9_.-]{0,31})(?::([A-Za-z0-9][A-Za-z0-9_-]{0,31}))?\Z")
FIRST_FD = 3
# quotactl(2): what is said of a user's files.
Q_GETQUOTA = 0x800007 << 8
REPORT_EVERY_S = 30
REPORT_AT_MOST_EVERY_S = 1
# sun_path holds 107 bytes; a kernel's socket is RUNTIME_DIR + "/kernel-" + uuid (36) + "-ipc-5".
KERNEL_SOCKET_DIR_MAX = 107 - len("/kernel-") - 36 - len("-ipc-5")
# A block: enough to tell whether there is room.
PROBE_BYTES = 4096
# What a person does with a request; everything else that a page sends by itself (polls, layout, settings) is not work.
HUMAN_WRITES = re.compile(r"/api/(contents|kernels|sessions|terminals)(/|\Z)")
# What pages ask a kernel by themselves: no work. The kernel answers beside its cell.
KERNEL_POLLS = ("kernel_info_request", "comm_info_request", "usage_request")
# What jupyter_server itself does not know as a poll, and would take for use and for the end of the cell that runs.
UNKNOWN_POLLS = ("usage_request",)
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
        self.terminals = environ.get("HUBGATE_TERMINALS") != "0"
        self.shell_failed = environ.pop("HUBGATE_SHELL_TROUBLE", "") == "1"
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


@functools.lru_cache(maxsize=None)
def inherited():
    """What this process was given: read once, because Jupyter may read its configuration twice."""
    return Inherited(os.environ)


class Reporter:
    """Tells the service manager that the server is ready, and what people do with it."""

    def __init__(self, app, given):
        self.app, self.given = app, given
        self.last_use = time.time()
        self.reported_at = 0.0
        self.works = {}
        self.waiting = False

    def text(self):
        """The STATUS= text: `hubgate kernels=2 busy=1 terminals=3 connections=3 last=1763800000 working=1`."""
        manager = self.app.kernel_manager
        kernels = manager.list_kernel_ids()
        busy = sum(self.is_busy(kernel_id) for kernel_id in kernels)
        terminals = getattr(self.app.web_app.settings.get("terminal_manager"), "terminals", {}).values()
        working = sum(runs_something(terminal.ptyproc) for terminal in terminals)
        if busy or working:
            self.last_use = time.time()
        connections = sum(getattr(manager, "_kernel_connections", {}).values())
        connections += sum(len(getattr(terminal, "clients", ())) for terminal in terminals)
        return (f"hubgate kernels={len(kernels)} busy={busy} terminals={len(terminals)}"
                f" connections={connections} last={self.last()} working={working}{disk_of(self.given.notebook_dir)}"
                f"{' shell=failed' if self.given.shell_failed else ''}")

    def is_busy(self, kernel_id):
        """Whether a kernel has something in hand; by Jupyter's own mark where nothing was heard of it."""
        work = self.works.get(kernel_id)
        return work.busy() if work else getattr(self.app.kernel_manager.get_kernel(kernel_id), "execution_state", "") == "busy"

    def last(self):
        """Unix seconds of the last human input or output, or of the last report of work. Jupyter's own marks leave out polls."""
        marks = [self.app.kernel_manager.last_kernel_activity, self.app.web_app.settings.get("terminal_last_activity")]
        return int(max([self.last_use] + [mark.timestamp() for mark in marks if mark]))

    def wrote(self, request):
        """Notes a request by which a person changes something (saves, uploads, starts a kernel)."""
        if request.method not in ("GET", "HEAD", "OPTIONS") and HUMAN_WRITES.search(request.path):
            self.last_use = time.time()

    def start(self):
        """Called when the server accepts connections."""
        self.given.notify(f"READY=1\nSTATUS={self.text()}")
        PeriodicCallback(self.report, REPORT_EVERY_S * 1000).start()

    def report(self):
        """Sends the present text."""
        self.waiting, self.reported_at = False, time.monotonic()
        self.given.notify(f"STATUS={self.text()}")
        for kernel_id, work in self.works.items():
            if not work.known and not work.asked:
                work.ask(self.app.kernel_manager.get_kernel(kernel_id), self.changed)

    def changed(self, *_):
        """A kernel came, went, or became busy or idle: reported at once, but a loop of cells does not flood systemd."""
        if not self.waiting:
            self.waiting = True
            due = self.reported_at + REPORT_AT_MOST_EVERY_S - time.monotonic()
            self.app.io_loop.call_later(max(0.0, due), self.report)

    def hear(self, kernel_id, stream):
        """Reads along what a kernel publishes, before Jupyter's own bookkeeping does."""
        self.forget(kernel_id)
        noted = getattr(stream, "_recv_callback", None)
        if noted is None:
            return
        work = self.works[kernel_id] = Work()

        def heard(parts):
            before = work.busy()
            if not work.hear(parts):
                noted(parts)
            if work.busy() != before:
                self.changed()

        stream.on_recv(heard)
        self.app.kernel_manager.add_restart_callback(kernel_id, lambda: work.begin(None), "restart")

    def forget(self, kernel_id):
        """Reads along no more."""
        work = self.works.pop(kernel_id, None)
        if work:
            work.answered()

    def watch_kernels(self, manager):
        """Follows Jupyter's own bookkeeping of kernels."""
        begin, remove = manager.start_watching_activity, manager.remove_kernel

        def start_watching_activity(kernel_id):
            begin(kernel_id)
            self.hear(kernel_id, getattr(manager.get_kernel(kernel_id), "_activity_stream", None))
            self.changed()

        def remove_kernel(kernel_id):
            kernel = remove(kernel_id)
            self.forget(kernel_id)
            self.changed()
            return kernel

        manager.start_watching_activity = start_watching_activity
        manager.remove_kernel = remove_kernel


class Work:
    """What a kernel has in hand, by what it publishes. One mark for the whole kernel would not do: it answers widgets and panels beside
    the cell that runs, and says that it is idle when it has answered."""

    def __init__(self):
        self.asked, self.question = None, ""
        self.begin(None)

    def begin(self, process):
        """A kernel has been started, or started anew. What it published before anybody listened is lost: it may run a cell already."""
        self.process, self.known, self.in_hand = process, False, {}

    def busy(self):
        """Whether it works. What is not known counts as work."""
        return not self.known or bool(self.in_hand)

    def ask(self, kernel, again):
        """Asks the kernel something that it answers when it is done with the cell that it may run; `again` where nothing was heard of that."""
        def answered(_):
            self.answered()
            if not self.known:
                again()

        self.asked = kernel.connect_shell()
        self.asked.on_recv(answered)
        self.question = kernel.session.send(self.asked, "kernel_info_request")["header"]["msg_id"]

    def answered(self):
        """The kernel may be asked again."""
        if self.asked:
            self.asked.close()
            self.asked = None

    def hear(self, parts):
        """Notes a message; returns whether it belongs to a poll that Jupyter's own bookkeeping would take for use."""
        try:
            header, parent, _, content = parts[parts.index(b"<IDS|MSG>") + 2:][:4]
            header, parent = json.loads(header), json.loads(parent)
            request, message = parent.get("msg_type"), parent.get("msg_id")
            if header["session"] != self.process:
                self.begin(header["session"])
            if header["msg_type"] == "status":
                state, shell = json.loads(content)["execution_state"], parent.get("subshell_id")
                # Before these it has nothing in hand, or nothing any more.
                self.known = self.known or state == "starting" or message == self.question or (request == "execute_request" and not shell)
                if request and request not in KERNEL_POLLS:
                    self.note(state, (shell, request), message)
            return request in UNKNOWN_POLLS or bool(message and message == self.question)
        except (AttributeError, KeyError, TypeError, ValueError):
            return False

    def note(self, state, hand, message):
        """A kernel does one thing of a kind at a time: the next one ends what was never said to have ended."""
        if state == "busy":
            self.in_hand[hand] = message
        elif self.in_hand.get(hand) == message:
            del self.in_hand[hand]


def runs_something(pty):
    """Whether a terminal's shell runs a program, which may use no processor and print nothing: it waits for a device, say. One in the
    foreground that takes each key by itself is an editor, a pager or a prompt, and waits for a person."""
    try:
        foreground, waits = os.tcgetpgrp(pty.fd), not termios.tcgetattr(pty.fd)[3] & termios.ICANON
        children = Path(f"/proc/{pty.pid}/task/{pty.pid}/children").read_text().split()
        return any(is_at_work(child, foreground if waits else 0) for child in children)
    except (OSError, termios.error):
        # What cannot be seen counts as work.
        return True


def is_at_work(pid, waiting_group):
    """Whether a process goes on: it has not ended, was not stopped, and is not of the group that waits for a person."""
    try:
        state, _, group = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return state not in "TtZX" and int(group) != waiting_group


class Dqblk(ctypes.Structure):
    """`struct if_dqblk` of quotactl(2)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("hard", "soft", "used", "files_hard", "files_soft", "files", "grace", "files_grace")]
    _fields_ += [("valid", ctypes.c_uint32)]


def quota_of(folder):
    """What the files of this user take and may take on the file system of a folder, in bytes; None without a quota."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    quota = Dqblk()
    try:
        # quotactl_fd, Linux 5.14: the same number everywhere.
        failed = ctypes.CDLL(None).syscall(443, place, ctypes.c_uint(Q_GETQUOTA), os.getuid(), ctypes.byref(quota))
    finally:
        os.close(place)
    limit = min((blocks for blocks in (quota.hard, quota.soft) if blocks), default=0)
    return None if failed or not limit else (quota.used, limit * 1024)


def disk_of(folder):
    """What is used and what there is where the notebooks are, in bytes: ` disk_used=… disk_total=…`; empty when unknown."""
    if quota := quota_of(folder):
        used, total = quota
        return f" disk_used={used} disk_total={total}"
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    # As df(1) has it: what is kept for root is nobody's to use.
    used, free = disk.f_blocks - disk.f_bfree, disk.f_bavail
    return f" disk_used={used * disk.f_frsize} disk_total={(used + free) * disk.f_frsize}"


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
    if not given.terminals:
        wanted["terminals_enabled"] = False
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


@functools.lru_cache(maxsize=None)
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


def temporary(variable):
    """Has a folder that an environment variable names be a temporary one until the server ends."""
    os.environ[variable] = tempfile.mkdtemp(prefix="jupyter-", dir="/tmp")
    atexit.register(shutil.rmtree, os.environ[variable], ignore_errors=True)


def can_write(folder):
    """Whether a small file fits there: no file system, quota or permission is in its way."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
        return True
    except OSError as error:
        print(f"hubgate: nothing can be written to {folder}: {error.strerror}. Kernels keep their own files in /tmp for now.", file=sys.stderr)
        return False


def place_own_files():
    """Jupyter's runtime folder becomes a temporary one where a home is too deep for the path of a unix socket. Where nothing can be
    written to the home, IPython's folder does too, so that kernels start all the same and their owner can make room."""
    writable = can_write(Path.home())
    if not writable:
        temporary("IPYTHONDIR")
    if not writable or len(os.fsencode(jupyter_runtime_dir())) > KERNEL_SOCKET_DIR_MAX:
        temporary("JUPYTER_RUNTIME_DIR")


def must_be_jupyter_server():
    """Notebook 6 has a server of its own, which would read nothing of this and open a port."""
    program = Application.instance() if Application.initialized() else None
    if type(program).__name__ == "NotebookApp" and not isinstance(program, ServerApp) and type(program).__module__.startswith("notebook."):
        raise Unusable("this is Notebook 6 on a server of its own; HUBGATE_APP=nbclassic in /etc/hubgate/server.env runs its pages on Jupyter Server "
                       "(pip install nbclassic)")


def configure(config):
    """Fills Jupyter's configuration: our defaults, then what the site and the user wrote."""
    given = inherited()
    config.ServerApp.root_dir = given.notebook_dir
    if given.default_url:
        config.ServerApp.default_url = given.default_url
    # Every account of the host can connect to ports of the loopback interface and read what a kernel publishes there.
    config.KernelManager.transport = "ipc"
    # JupyterLab and Notebook 7 show there what the hub has to say.
    config.LabServerApp.extra_labextensions_path = [str(Path(__file__).resolve().parent / "labextensions")]
    place_own_files()
    config.merge(settings_of_site_and_user())
    take_over(given)


def main(config):
    """The way in from Jupyter's configuration loader."""
    try:
        must_be_jupyter_server()
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
