"""What tests of applications share."""

import os
import pathlib

import pytest
from applications.hub import ApplicationsHub


@pytest.fixture(scope="session")
def applications(run_folder, programs):
    """One hubgate whose servers offer applications."""
    jupyter = os.environ.get("HUBGATE_TEST_APPLICATIONS")
    assert jupyter, "HUBGATE_TEST_APPLICATIONS is not set: run scripts/test.sh hub"
    with ApplicationsHub(run_folder / "applications", programs, pathlib.Path(jupyter)) as hub:
        yield hub
