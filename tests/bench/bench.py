"""Measures hubgate beside its limits and peers, in one run, and writes the table of bench/RESULTS.md."""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

import measure_auth
import measure_hub
import measure_login
import measure_start

HEAD = """# What was measured

`make bench` writes this file: figures of one run on one machine, each beside its limit or peer measured in the same run. Times and rates
of a shared machine drift; the ratios are what counts.

Machine: {machine}, {cores} cores, kernel {kernel}, {nginx}. Date: {date}.

| what | hubgate | beside it | ratio | bound | holds |
|---|---|---|---|---|---|
"""


def absolute(path):
    return pathlib.Path(path).resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=absolute, required=True, help="folder of the optimised programs")
    parser.add_argument("--venv", type=absolute, required=True, help="environment with JupyterLab")
    parser.add_argument("--hub-venv", type=absolute, required=True, help="environment with JupyterHub")
    parser.add_argument("--proxy", type=absolute, required=True, help="the program configurable-http-proxy")
    parser.add_argument("--work", type=absolute, required=True, help="folder for everything that is written")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", choices=["auth", "login", "start", "hub"], nargs="*", default=["auth", "login", "start", "hub"])
    options = parser.parse_args()
    os.umask(0o022)
    sockets = pathlib.Path(tempfile.mkdtemp(prefix="hgb"))
    sockets.chmod(0o755)
    rows, notes = [], []
    try:
        for name, module in (("auth", measure_auth), ("login", measure_login), ("start", measure_start), ("hub", measure_hub)):
            if name in options.only:
                print(f"bench: {name}", flush=True)
                more, remarks = module.run(options, sockets)
                rows += more
                notes += remarks
                for row in more:
                    print("  " + " | ".join(row), flush=True)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().removeprefix("nginx version: ")
    head = HEAD.format(machine=platform.machine(), cores=os.cpu_count(), kernel=platform.release(), nginx=nginx, date=datetime.date.today())
    options.out.write_text(head + "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n" + "\n".join(notes) + "\n")
    print(f"bench: wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
