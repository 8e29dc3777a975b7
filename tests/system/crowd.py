"""Many accounts and many logins at once."""

import concurrent.futures
import time

COUNT = 50


def password(number):
    return f"course {number} pass"


def enrol(machine, count=COUNT):
    """Makes student00 and so on, those that are not there."""
    missing = [n for n in range(count) if not machine.path("/etc/passwd").read_text().count(f"\nstudent{n:02}:")]
    if missing:
        names = " ".join(f"student{n:02}" for n in missing)
        machine.run("sh", "-euc", f"for name in {names}; do useradd -M -s /bin/bash $name; done", timeout=300)
        machine.run("chpasswd", stdin="".join(f"student{n:02}:{password(n)}\n" for n in missing), timeout=300)


def at_once(count, deed, within=0.0, hands=200):
    """Calls `deed(n)` for each n, begun evenly within so many seconds; what came of each and when it was done."""
    begin = time.monotonic()

    def one(number):
        time.sleep(max(0.0, begin + within * number / count - time.monotonic()))
        result = deed(number)
        return result, time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(hands) as pool:
        return list(pool.map(one, range(count)))


def logind_sessions(machine):
    return machine.out("loginctl", "list-sessions", "--no-legend").splitlines()


def workers(machine):
    """PAM workers of the spawner that are there now."""
    return [line for line in machine.out("ps", "-eo", "args").splitlines() if "pam-worker" in line]
