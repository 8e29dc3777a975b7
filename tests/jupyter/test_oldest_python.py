"""Python 3.8 is in no Debian that could be started: what it does not know is looked for in the sources."""

import subprocess
import sys
from pathlib import Path

from server import ROOT


def test_nothing_that_runs_in_a_users_environment_needs_more_than_python_3_8():
    vermin = Path(sys.executable).with_name("vermin")
    command = [vermin, "--target=3.8-", "--violations", "--no-tips", ROOT / "jupyter"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
