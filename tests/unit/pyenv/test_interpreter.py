from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rocmkit.host.base import NotAsked
from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names
from rocmkit.host.recording import Ended, Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe import interpreter
from rocmkit.probe.interpreter import answer_only
from rocmkit.probe.python import python

ANSWER: dict[str, Any] = {
    "version": "3.10.12",
    "implementation": "cpython",
    "executable": "/home/alice/venv/bin/python",
    "prefix": "/home/alice/venv",
    "base_prefix": "/usr",
    "venv": True,
    "conda": False,
    "paths": ["/home/alice/venv/lib/python3.10/site-packages"],
    "externally_managed": False,
    "soabi": "cpython-310-x86_64-linux-gnu",
    "bits": 64,
}


def marked(answer: object) -> bytes:
    return f"<rocmkit-python>{json.dumps(answer)}</rocmkit-python>".encode()


def test_rubbish_around_the_answer_does_not_matter_and_does_not_leave_the_host() -> None:
    kept = answer_only(Names("/home/alice"))(b"Welcome alice\xff\n" + marked(ANSWER) + b"\nalice says bye\n" * 1000)
    assert b"alice" not in kept
    assert json.loads(kept.removeprefix(b"<rocmkit-python>").removesuffix(b"</rocmkit-python>"))["paths"] == [
        "~/venv/lib/python3.10/site-packages"
    ]


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("python: error while loading shared libraries: libpython3.9.so.1.0: cannot open", "libpython3.9.so.1.0"),
        ('Traceback:\n  File "/home/alice/x.py"\nModuleNotFoundError: No module named encodings', "ModuleNotFoundError"),
        ("Unknown option: -I\nusage: /home/alice/python2", "Unknown option: -I"),
        ("Fatal Python error: init_fs_encoding: failed to get the Python codec", "Fatal Python error: init_fs_encoding"),
        ("alice's token is 1234", ""),
    ],
)
def test_of_a_complaint_only_its_kind_is_kept(printed: str, kept: str) -> None:
    found = answer_only(Names("/home/alice"))(printed.encode()).decode()
    assert found.endswith(kept)
    assert "alice" not in found


@given(st.binary() | st.text().map(marked) | st.dictionaries(st.sampled_from(sorted(ANSWER)), st.none() | st.text()).map(marked))
@example(marked(ANSWER))
@example(marked({**ANSWER, "paths": ["\ud800"]}))
@example(b"<rocmkit-python>" + b'{"a":' * 100_000 + b"}</rocmkit-python>")
def test_any_output_can_be_kept_again_and_gives_an_answer_or_an_error(data: bytes) -> None:
    keep = answer_only(Names("/home/alice"))
    assert keep(keep(data)) == keep(data)
    command = Ended(argv=("/x/python", *interpreter.OPTIONS), exit=0, stdout=keep(data).decode())
    host = ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, commands=(command,)))
    try:
        interpreter.ask(host, "/x/python")
    except ValueError as error:
        assert "/x/python" in str(error)


def replayed(**fields: Any) -> ReplayHost:
    return ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, **fields))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"environ": {"VIRTUAL_ENV": "~/v", "CONDA_PREFIX": "/c"}}, "~/v"),
        ({"environ": {"CONDA_PREFIX": "/c"}, "files": {"/c/bin/python": ""}}, "/c"),
        ({"environ": {"CONDA_PREFIX": "/c"}, "which": {"python3": "/usr/bin/python3"}}, "/usr/bin/python3"),
        ({"environ": {}, "which": {"python3": "/usr/bin/python3"}, "python": "~/asked"}, "~/asked"),
    ],
)
def test_which_python_is_meant(fields: dict[str, Any], place: str) -> None:
    assert interpreter.find(replayed(**fields), None) == place
    assert interpreter.find(replayed(**fields), "/chosen") == "/chosen"


def test_a_recording_never_falls_back_to_rocmkits_own_interpreter() -> None:
    with pytest.raises(FileNotFoundError, match="no Python is named"):
        interpreter.find(replayed(environ={}), None)
    with pytest.raises(NotAsked):
        interpreter.find(ReplayHost(Recording(rocmkit_recording=1, about="")), None)
    assert LiveHost().own_python()


def make(root: Path, *, version: str = "3.11", kind: str = "site-packages", prefix: str = "usr") -> Path:
    site = root / prefix / f"lib/python{version}" / kind
    (site / "torch-2.9.1.dist-info").mkdir(parents=True)
    binary = root / prefix / "bin"
    binary.mkdir(parents=True, exist_ok=True)
    (binary / f"python{version}").touch()
    return site


def test_a_sysroots_system_python(tmp_path: Path) -> None:
    make(tmp_path, version="3.9")
    make(tmp_path)
    (tmp_path / "usr/bin/python3").symlink_to("python3.11")
    (tmp_path / "usr/lib/python3.11/EXTERNALLY-MANAGED").touch()
    (tmp_path / "usr/lib/python3/dist-packages/numpy-1.24.2.egg-info").mkdir(parents=True)
    for choice in ("/usr/bin/python3", str(tmp_path / "usr/bin/python3")):
        found = python(SysrootHost(tmp_path), choice)
        assert (found.version, found.kind, found.prefix, found.externally_managed) == ("3.11", "system", "/usr", True)
        assert found.packages == {"torch": "2.9.1", "numpy": "1.24.2"}


@pytest.mark.parametrize("minors", [("9",), ("9", "14")])
def test_debians_folder_of_packages_for_all_versions(tmp_path: Path, minors: tuple[str, ...]) -> None:
    for minor in minors:
        (tmp_path / f"usr/lib/python3.{minor}").mkdir(parents=True)
    (tmp_path / f"usr/lib/python3.{minors[-1]}/EXTERNALLY-MANAGED").touch()
    (tmp_path / "usr/lib/python3/dist-packages/numpy-1.24.2.egg-info").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/python3").symlink_to(f"python3.{minors[-1]}")
    found = python(SysrootHost(tmp_path), "/usr/lib/python3/dist-packages")
    assert (found.version, found.executable, found.externally_managed) == (f"3.{minors[-1]}", "/usr/bin/python3", True)
    assert found.packages == {"numpy": "1.24.2"}
    (tmp_path / "usr/bin/python3").unlink()
    assert python(SysrootHost(tmp_path), "/usr/lib/python3/dist-packages").executable == "/usr/bin/python"


@pytest.mark.parametrize("choice", ["/env", "/env/bin/python", "/env/bin/python3", "/env/lib/python3.11/site-packages"])
@pytest.mark.parametrize("system", ["true", "false"])
def test_a_sysroots_virtual_environment(tmp_path: Path, choice: str, system: str) -> None:
    make(tmp_path, kind="dist-packages")
    (make(tmp_path, prefix="env") / "torchaudio-2.9.1.dist-info").mkdir()
    (tmp_path / "env/pyvenv.cfg").write_text(
        f"home = /usr/bin\nInclude-System-Site-Packages={system.title()}\nversion = 3.11.4\nprompt = x"
    )
    (tmp_path / "env/bin/python").symlink_to("/usr/bin/python3.11")
    (tmp_path / "env/bin/python3").symlink_to("/nowhere/python3.11")
    found = python(SysrootHost(tmp_path), choice)
    assert (found.version, found.kind, found.prefix, found.externally_managed) == ("3.11.4", "venv", "/env", False)
    sites = ("/env/lib/python3.11/site-packages", "/usr/lib/python3.11/dist-packages")
    assert found.paths == (sites if system == "true" and "packages" not in choice else sites[:1])
    assert found.packages == {"torch": "2.9.1", "torchaudio": "2.9.1"}


def test_a_sysroot_says_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "env/bin").mkdir(parents=True)
    for choice in ("/usr/bin/python3", "/env"):
        with pytest.raises(FileNotFoundError, match=f"{choice} is no interpreter"):
            python(SysrootHost(tmp_path), choice)
    with pytest.raises(NotAsked):
        python(SysrootHost(tmp_path))
    with pytest.raises(FileNotFoundError):
        python(SysrootHost(tmp_path), "/env/lib/python3.11/site-packages")


def test_conda_has_a_libstdcxx_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, prefix="conda")
    (tmp_path / "conda/conda-meta").mkdir()
    found = python(SysrootHost(tmp_path), "/conda/bin/python3.11")
    assert (found.kind, found.libstdcxx) == ("conda", None)
    (tmp_path / "conda/lib/libstdc++.so.6").write_bytes(b"no library")
    broken = python(SysrootHost(tmp_path), "/conda/bin/python3.11").libstdcxx
    assert not isinstance(broken, (str, type(None)))
    assert broken.reason == "unparsable"
