"""Runs a program with what a login shell sets: `login_environment.py PROGRAM ARGUMENT…`, by the starter of a user's server.

The shell reads /etc/profile, /etc/profile.d and the user's own files, then loads the modules of HUBGATE_MODULES. It has a few seconds:
one that hangs or fails delays nothing, its variables are missing then, the log says so, and HUBGATE_SHELL_TROUBLE is set. What the
service manager, the account and the hub have set stays as it is. The program replaces this one, so that it keeps its process id.
"""

import os
import pwd
import select
import signal
import subprocess
import sys
import time

WITHIN_S = 5
MOST = 1 << 20
END = "the-end-of-the-environment"
SHELLS = ("bash", "zsh", "ksh", "sh", "dash")
# Whose words these are not: the service manager's, the account's, the hub's, and the shell's own bookkeeping.
KEPT_PREFIXES = ("HUBGATE_", "JUPYTERHUB_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "JPY_", "CREDENTIALS_", "SYSTEMD_", "INVOCATION_", "JOURNAL_")
KEPT = {"HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "SHLVL", "_", "MAINPID", "MANAGERPID"}


def is_kept(name):
    """Whether a variable is none of the shell's business."""
    return name in KEPT or name.startswith(KEPT_PREFIXES)


def login_shell():
    """The user's own shell, if it is one that understands what it is asked; else bash."""
    own = os.environ.get("SHELL") or pwd.getpwuid(os.getuid()).pw_shell
    return own if os.path.basename(own) in SHELLS and os.access(own, os.X_OK) else "/bin/bash"


def command(modules):
    """What the shell does when it has read its files. The output goes to a descriptor of its own: the files may print."""
    load = "".join(f"module load {name} || exit 1; " for name in modules)
    return f"{load}env -0 >&3; printf {END} >&3"


def read_whole(descriptor, end):
    """All that comes until the end is marked; None if it is not by then. A program in the background may hold the other end open."""
    output = b""
    while len(output) < MOST:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        piece = os.read(descriptor, 65536)
        output += piece
        if not piece or output.endswith(END.encode()):
            return output
    return None


def of_login(modules):
    """The variables that a login shell ends up with, and what went wrong."""
    reading, writing = os.pipe()
    shell = login_shell()
    own = {name: value for name, value in os.environ.items() if not name.startswith(KEPT_PREFIXES)}
    child = subprocess.Popen([shell, "-l", "-c", command(modules)], stdin=subprocess.DEVNULL, stdout=sys.stderr, env=own, cwd=os.path.expanduser("~"),
                             start_new_session=True, preexec_fn=lambda: os.dup2(writing, 3), pass_fds=(3,))
    os.close(writing)
    try:
        output = read_whole(reading, time.monotonic() + WITHIN_S)
        if output is None:
            end(child)
            return {}, f"{shell} -l was not ready within {WITHIN_S} s"
        status = child.wait(WITHIN_S)
        if not output.endswith(END.encode()):
            return {}, f"{shell} -l ended with status {status}"
        pairs = (pair.partition("=") for pair in os.fsdecode(output[: -len(END)]).split("\0") if pair)
        return {name: value for name, _, value in pairs}, ""
    except subprocess.TimeoutExpired:
        end(child)
        return {}, f"{shell} -l did not end"
    finally:
        os.close(reading)


def end(child):
    """Ends a shell with all that it has started."""
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def main(argv):
    if not argv:
        sys.exit("usage: login_environment.py PROGRAM ARGUMENT...")
    found, trouble = of_login(os.environ.get("HUBGATE_MODULES", "").split())
    environment = {**os.environ, **{name: value for name, value in found.items() if not is_kept(name)}}
    if trouble:
        print(f"hubgate: {trouble}: what it sets is missing. Look at ~/.bash_profile, ~/.profile and ~/.bashrc, and /etc/profile.d.",
              file=sys.stderr, flush=True)
        environment["HUBGATE_SHELL_TROUBLE"] = "1"
    # The environment of the server comes first in PATH, whatever the shell has put there.
    environment["PATH"] = os.pathsep.join([os.path.dirname(argv[0]), environment.get("PATH", "/usr/local/bin:/usr/bin:/bin")])
    os.execve(argv[0], argv, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
