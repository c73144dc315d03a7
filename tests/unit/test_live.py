"""This machine, asked as an odd user."""

from __future__ import annotations

import os
import pwd

import pytest

from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names


def test_a_user_without_an_entry_has_no_home_and_no_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container started with --user 12345."""

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "SUDO_USER", "DOAS_USER"):
        monkeypatch.delenv(name, raising=False)
    host = LiveHost()
    assert host.private.home is None
    assert host.identity().promised == ()
    assert host.identity().uid == os.getuid()
    with pytest.raises(FileNotFoundError):
        host.list("~/.cache")


@pytest.mark.parametrize("home", ["", "relative", "/"])
def test_a_home_that_is_none_shortens_nothing(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("HOME", home)
    assert LiveHost().private.home != home


def test_programs_are_not_looked_for_in_relative_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", ":.:bin")
    monkeypatch.chdir("/usr/bin")
    assert LiveHost().which("env") is None
    monkeypatch.setenv("PATH", ":/usr/bin")
    assert LiveHost().which("env") == "/usr/bin/env"


def test_a_path_that_only_begins_like_the_home_is_left_alone() -> None:
    assert Names("/home/ann").hide("/home/ann/x") == "~/x"
    assert Names("/home/ann").hide("/home/anna/x") == "/home/anna/x"
