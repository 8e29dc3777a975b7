"""Logging in with the file authenticator: how much of it is argon2."""

import statistics
import subprocess
import time

from measured_stack import Stack

LOGINS = 12


def run(options, sockets):
    cost = float(subprocess.run([options.programs / "examples/argon2_cost"], capture_output=True, text=True, check=True).stdout)
    with Stack(options, sockets) as stack:
        stack.add_user("alice", "correct horse")
        times = []
        for _ in range(LOGINS):
            start = time.monotonic()
            target = stack.browser().log_in("alice", "correct horse")
            times.append((time.monotonic() - start) * 1000)
            assert target == "/jupyterhub/hub/", target
    whole = statistics.median(times)
    row = ("login page, POST and redirect through TLS", f"{whole:.1f} ms", f"{cost:.1f} ms (argon2id alone)", f"{cost / whole:.2f}", "argon2 is the larger part",
           "yes" if cost / whole > 0.5 else "NO")
    return [row], [f"Login: median of {LOGINS}, two new TLS connections each; the rest of the time is TLS handshakes, a write that is on the disk when it is acknowledged, "
                   "and this script."]
