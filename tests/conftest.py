"""What all tests share: a Postgres server, a Chromium, with a loud word when that one is not there, and patience."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.shared import FOLDER
from tests.storage.postgres import Postgres

# How long an example takes says more about what else runs on the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

NO_CHROMIUM = "there is no Chromium on this machine"

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_HOW = "Debian: apt-get install chromium; elsewhere set CHROMIUM=/path/to/chrome, then run the tests again"


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where several workers run the tests: a folder of this run for what one of them need not do again."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            folder = tmp_path_factory.getbasetemp().parent / "shared"
            folder.mkdir(exist_ok=True)
            patch.setenv(FOLDER, str(folder))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres server, started by the first test that needs it. One that does not start fails the tests."""
    home = Path(tempfile.mkdtemp(prefix="booking-"))  # short: the path of a Unix socket has a narrow limit
    server = Postgres(home / "data")
    yield server
    server.close()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """The path of a Chromium. Without one a test is left out and the summary says so; in CI it fails."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else _NAMES:
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail(f"there is no Chromium, and in CI the pages must be opened in one. {_HOW}")
    pytest.skip(f"{NO_CHROMIUM}. {_HOW}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that the browser tests were left out, and how to have them run."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(NO_CHROMIUM in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.section("BROWSER TESTS LEFT OUT", yellow=True, bold=True)
        terminalreporter.write_line(f"{left_out} tests of the pages did not run: {NO_CHROMIUM}.")
        terminalreporter.write_line(_HOW)
