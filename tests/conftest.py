"""Options and fixtures of the whole suite."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from rocmkit.host.names import of_this_machine

ROOT = Path(__file__).resolve().parent.parent
#: Data read off real machines, where this checkout has it beside itself. It is used in place and not part of the project.
SHARED_MACHINES = ROOT.parent / "shared" / "machines"
#: The folder for the temporary files of this run, where nobody gave one with --basetemp.
TEMPORARY = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="write the golden reports anew instead of comparing")


@pytest.fixture
def rewrite_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-goldens"))


def temporary() -> str:
    """A new folder whose path is shown as it is. Pytest's own is called after the user, whose name rocmkit hides; tests compare paths."""
    names = of_this_machine()
    for place in map(os.path.realpath, (tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if names.hide(place) == place and os.access(place, os.W_OK | os.X_OK):
            # With underscores it is one word, which is nobody's name.
            return tempfile.mkdtemp(prefix="rocmkit_tests_", dir=place)
    raise pytest.UsageError(
        "no folder for temporary files without the name of the user or of the machine in its path: give one with --basetemp"
    )


@pytest.hookimpl(tryfirst=True)  # before pytest reads --basetemp
def pytest_configure(config: pytest.Config) -> None:
    # What is expected stands here in English, whatever the language of whoever runs this.
    os.environ["LC_ALL"] = "C.UTF-8"
    # A shell starts what it does not wait for deaf to Ctrl-C, and so would be what the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A worker of pytest-xdist is given a folder inside that of the process that started it.
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = config.stash[TEMPORARY] = temporary()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if TEMPORARY in config.stash and {"failed", "error"} & terminalreporter.stats.keys():
        terminalreporter.write_line(f"The temporary files of the tests that failed are kept in {config.stash[TEMPORARY]}")
        del config.stash[TEMPORARY]


def pytest_unconfigure(config: pytest.Config) -> None:
    if TEMPORARY in config.stash:
        shutil.rmtree(config.stash[TEMPORARY], ignore_errors=True)  # a test that was interrupted may have left a closed folder
