"""How the hook is compiled, kept, and taken out of the cache again."""

from __future__ import annotations

import concurrent.futures
import ctypes
import os
import shutil
from pathlib import Path

import pytest

from rocmkit.smoke import hook
from rocmkit.smoke.hook import Counting, Hooked, hooked
from rocmkit.smoke.inside import packets


def compiler(folder: Path, name: str, body: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with no compiler in it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("ROCM_PATH", str(tmp_path))
    return folder


def test_it_is_compiled_once(tmp_path: Path) -> None:
    first = hooked(tmp_path / "cache with a blank")
    assert first.library and first.because is None
    made = Path(first.library)
    about = made.stat()
    assert about.st_mode & 0o077 == 0
    assert made.parent.stat().st_mode & 0o777 == 0o700
    assert ctypes.CDLL(str(made)).OnLoad
    assert hooked(tmp_path / "cache with a blank") == first
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == (about.st_ino, about.st_mtime_ns)
    assert list(made.parent.iterdir()) == [made]


def test_several_at_once_make_one(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(hooked, [tmp_path] * 4))
    assert all(one.library and Path(one.library).is_file() for one in made)
    assert hooked(tmp_path) in made
    assert not list((tmp_path / "hook").glob("building-*"))


@pytest.mark.parametrize("harm", ["content", "torn", "writable", "link", "folder"])
def test_what_was_changed_in_the_cache_is_not_loaded(tmp_path: Path, harm: str) -> None:
    first = hooked(tmp_path / "cache").library
    assert first
    path = Path(first)
    whole = path.read_bytes()
    if harm == "content":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "torn":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "writable":
        path.chmod(0o722)
    elif harm == "link":
        path.rename(tmp_path / "elsewhere.so")
        path.symlink_to(tmp_path / "elsewhere.so")
    else:
        path.unlink()
        path.mkdir()
    again = hooked(tmp_path / "cache")
    if harm == "folder":  # nothing can be put in its place
        assert again.library is None and again.because
        return
    assert again.library, again.because
    made = Path(again.library)
    assert made.is_file() and not made.is_symlink() and made.stat().st_mode & 0o022 == 0
    assert made.read_bytes() == whole


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o702])
def test_a_folder_that_others_write_into_is_not_used(tmp_path: Path, mode: int) -> None:
    assert hooked(tmp_path / "cache").library
    (tmp_path / "cache" / "hook").chmod(mode)
    assert hooked(tmp_path / "cache") == Hooked(None, f"others can write into {tmp_path / 'cache' / 'hook'}")


def test_a_folder_above_it_that_others_write_into(tmp_path: Path) -> None:
    """Nobody else may put another folder there; where that is shared by all, the sticky bit keeps them from it."""
    cache = tmp_path / "shared" / "cache"
    cache.mkdir(parents=True)
    cache.parent.chmod(0o777)
    assert hooked(cache) == Hooked(None, f"others can write into {cache.parent}")
    cache.parent.chmod(0o1777)
    assert hooked(cache).library


def test_a_link_is_followed_before_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "cache").symlink_to(tmp_path / "open")
    assert hooked(tmp_path / "cache") == Hooked(None, f"others can write into {tmp_path / 'open'}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "cache" / "hook").mkdir(parents=True)
    os.chown(tmp_path / "cache" / "hook", 12345, 12345)
    assert hooked(tmp_path / "cache") == Hooked(None, f"{tmp_path / 'cache' / 'hook'} belongs to somebody else")


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    made = hooked(tmp_path / "cache")
    assert made.library is None
    assert made.because == "the hook could not be built: File exists"


def test_without_a_compiler(tmp_path: Path, programs: Path) -> None:
    assert hooked(tmp_path / "cache") == Hooked(None, "there is no C compiler here: cc, gcc or clang")


def test_a_compiler_that_fails(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "cc", 'echo "packets.c:14:10: fatal error: dlfcn.h: No such file or directory" >&2; exit 1')
    made = hooked(tmp_path / "cache")
    assert made == Hooked(None, "cc cannot compile it: packets.c:14:10: fatal error: dlfcn.h: No such file or directory")
    assert not list((tmp_path / "cache" / "hook").iterdir())


def test_another_compiler_is_tried(tmp_path: Path, programs: Path) -> None:
    real = shutil.which("gcc", path=os.defpath)
    assert real
    compiler(programs, "cc", "exit 1")
    compiler(programs, "gcc", f'PATH={os.defpath} exec {real} "$@"')
    assert hooked(tmp_path / "cache").library


def test_a_compiler_that_makes_something_else(tmp_path: Path, programs: Path) -> None:
    compiler(programs, "clang", 'while [ "$1" != -o ] && [ $# -gt 0 ]; do shift; done; [ $# = 0 ] || echo nothing >"$2"')
    made = hooked(tmp_path / "cache")
    assert made.library is None
    assert str(made.because).startswith("clang cannot compile it: what it made does not load: OSError: ")


def test_a_compiler_that_never_ends(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "_COMPILE_S", 0.3)
    compiler(programs, "cc", '[ "$1" = --version ] || while :; do :; done')
    assert hooked(tmp_path / "cache") == Hooked(None, "cc cannot compile it: it ended with timeout")


def test_each_compiler_has_its_own(tmp_path: Path, programs: Path) -> None:
    real = shutil.which("gcc", path=os.defpath)
    compiler(programs, "cc", f'[ "$1" = --version ] && echo 1 && exit; PATH={os.defpath} exec {real} "$@"')
    first = hooked(tmp_path / "cache").library
    compiler(programs, "cc", f'[ "$1" = --version ] && echo 2 && exit; PATH={os.defpath} exec {real} "$@"')
    second = hooked(tmp_path / "cache").library
    assert first and second and first != second


@pytest.mark.parametrize(
    ("before", "library", "value"),
    [
        (None, "/c/packets.so", "/c/packets.so"),
        ("", "/c/packets.so", "/c/packets.so"),
        ("librocprofiler64.so ", "/c/packets.so", "librocprofiler64.so /c/packets.so"),
        (None, '/a cache/"q"\\x.so', '/a\\ cache/\\"q\\"\\\\x.so'),
    ],
)
def test_the_variables(before: str | None, library: str, value: str) -> None:
    with Counting(Hooked(library, None), {} if before is None else {"HSA_TOOLS_LIB": before}) as counting:
        env = counting.env()
        path = Path(env.pop(packets.VARIABLE))
        assert env == {"HSA_TOOLS_LIB": value, "HSA_TOOLS_ROCPROFILER_V1_TOOLS": "1"}
        assert path.read_bytes() == packets.empty()
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_blocks * 512 >= packets.SIZE  # no holes
    assert not path.parent.exists()


def test_without_a_hook_nothing_is_counted() -> None:
    with Counting(Hooked(None, "no compiler")) as counting:
        assert counting.env() == {}
        assert counting.now() is None
        assert counting.refused() is None


def test_without_a_place_to_count_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with Counting(Hooked("/c/packets.so", None)) as counting:
        assert counting.env() == {}
        assert counting.now() is None
        assert counting.refused() == "there is no place to count in: No such file or directory"


def test_a_process_that_spoils_its_file(tmp_path: Path) -> None:
    """It belongs to the same user; what it does to it can only cost its own counts."""
    for spoil in ("short", "noise", "gone"):
        with Counting(Hooked("/c/packets.so", None), {}) as counting:
            path = Path(counting.env()[packets.VARIABLE])
            if spoil == "short":
                os.truncate(path, 100)
            elif spoil == "noise":
                path.write_bytes(b"\xff" * packets.SIZE)
            else:
                shutil.rmtree(path.parent)
            assert counting.now() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_leaves_nothing_in_the_home_of_another(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 12345, 12345)
    made = hooked(tmp_path / "home" / ".cache" / "rocmkit")
    assert made == Hooked(None, f"{tmp_path / 'home'} belongs to somebody else")
    assert not list((tmp_path / "home").iterdir())
