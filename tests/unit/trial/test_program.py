"""What a command runs, and which Python that is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rocmkit.trial.program import gets_rights, program, python_of


@pytest.mark.parametrize("name", ["python", "python3", "python3.11", "python3.13t", "pypy3"])
def test_a_python_is_itself(name: str) -> None:
    assert python_of(f"/venv/bin/{name}") == f"/venv/bin/{name}"


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("#!/venv/bin/python3\n", "/venv/bin/python3"),
        ("#! /venv/bin/python3 -I\n", "/venv/bin/python3"),
        ("#!/bin/sh\n'''exec' \"/a folder/bin/python\" \"$0\" \"$@\"\n' '''\n", "/a folder/bin/python"),
        ("#!/bin/sh\n'''exec' /long/bin/python3.10 \"$0\" \"$@\"\n' '''\n", "/long/bin/python3.10"),
        ("#!/bin/sh\necho python\n", None),
        ("#!/usr/bin/perl\n", None),
        ("#!\n", None),
        ("", None),
        ("\x7fELF", None),
        ("#!/usr/bin/env no-such-python3\n", None),
    ],
)
def test_a_script_names_it_in_its_first_line(tmp_path: Path, head: str, wanted: str | None) -> None:
    script = tmp_path / "whisper"
    script.write_text(head)
    assert python_of(str(script)) == wanted


@pytest.mark.parametrize("head", ["#!/usr/bin/env my-python3", "#!/usr/bin/env -S A=1 python3 -u"])
def test_env_looks_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    script = tmp_path / "whisper"
    script.write_text(f"{head}\n")
    assert python_of(str(script)) == (None if "my-" in head else str(tmp_path / "python3"))


def test_what_is_no_file_is_no_script(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [python_of(str(path)) for path in (tmp_path, tmp_path / "pipe", tmp_path / "gone")] == [None] * 3


def test_programs_are_found_as_a_shell_finds_them(tmp_path: Path) -> None:
    script = tmp_path / "run"
    script.write_text("")
    assert program(str(script)) is None
    script.chmod(0o755)
    assert program(str(script)) == str(script)
    assert program("sh") and program("no-such-program") is None


def test_a_program_of_another_users_rights_has_none_while_it_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sudo").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not gets_rights(str(tmp_path / "sudo"))
    (tmp_path / "sudo").chmod(0o4755)
    assert gets_rights(str(tmp_path / "sudo"))
    assert not gets_rights(str(tmp_path / "gone"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)  # who may watch anything keeps them
    assert not gets_rights(str(tmp_path / "sudo"))
