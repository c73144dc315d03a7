"""Where needed libraries are found: compared with ldd on this machine's own libraries, and in trees made for it."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.gpucode import read_file
from rocmkit.inspect.loader import (
    Loader,
    Made,
    expand,
    glibc_of_tags,
    highest,
    made_for,
    made_of,
    newer,
    parse_cache,
    read_cache,
)
from tests.support.elf import build
from tests.support.facts import code

X86_64 = Made(bits=64, little=True, machine=62)


def cache(entries: list[tuple[str, str, int]], *, count: int | None = None) -> bytes:
    """A cache as ldconfig writes it: (name, path, hwcap)."""
    base, strings, rows = 48 + 24 * len(entries), b"", b""
    for name, path, hwcap in entries:
        key = base + len(strings)
        strings += name.encode() + b"\0"
        rows += struct.pack("=iIIIQ", 0x303, key, base + len(strings), 0, hwcap)
        strings += path.encode() + b"\0"
    return b"glibc-ld.so.cache1.1" + struct.pack("=II20x", len(entries) if count is None else count, len(strings)) + rows + strings


def test_the_cache() -> None:
    entries = [("libz.so.1", "/lib/hwcaps/libz.so.1", 1 << 62), ("libz.so.1", "/lib/libz.so.1", 0), ("liba.so", "relative", 0)]
    assert parse_cache(cache(entries)) == {"libz.so.1": ("/lib/libz.so.1", "/lib/hwcaps/libz.so.1")}
    for bad in (b"", b"ld.so-1.7.0", cache(entries, count=1 << 31), cache(entries)[:60]):
        with pytest.raises(ValueError, match=r"ld\.so\.cache"):
            parse_cache(bad)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_cache_is_read_or_refused(tail: bytes, count: int) -> None:
    try:
        parse_cache(b"glibc-ld.so.cache1.1" + struct.pack("=I", count) + tail)
    except ValueError as error:
        assert "ld.so.cache" in str(error)


def test_this_machines_cache_holds_what_ldconfig_prints() -> None:
    printed = subprocess.run(
        [shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin:/bin") or "ldconfig", "-p"], capture_output=True, text=True, check=True
    ).stdout
    wanted = {(found[1], found[2]) for found in re.finditer(r"^\t(\S+) \(.*\) => (\S+)$", printed, re.MULTILINE)}
    assert {(name, path) for name, paths in read_cache().items() for path in paths} == wanted


def system_libraries() -> list[Path]:
    """Real files with needs: this Python, its extension modules, and some of the system's libraries."""
    import _ctypes
    import _ssl

    found = [Path(sys.executable).resolve(), Path(_ctypes.__file__), Path(_ssl.__file__)]
    native = Loader.of_this_machine()
    return found + [Path(path) for paths in list(native.cache.values())[:80] for path in paths if made_of(path) == native.native]


def test_ldd_agrees() -> None:
    """ldd lets the loader itself resolve: what it finds is found here at the same path, what it misses is missed."""
    loader = Loader.of_this_machine()
    assert loader.native is not None
    compared = 0
    for path in system_libraries():
        described = read_file(path)
        done = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False)
        if done.returncode or "statically linked" in done.stdout:
            continue
        lines = dict(re.findall(r"^\t(\S+) => (not found|\S+)", done.stdout, re.MULTILINE))
        found, missing = loader.needed(described, loader.native, str(path.parent))
        for name in described.needs:
            if name in lines:
                compared += 1
                if lines[name] == "not found":
                    assert name in missing
                else:
                    assert Path(found[name]).resolve() == Path(lines[name]).resolve(), (path, name)
    assert compared > 50


def tree(top: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = top / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_the_order_of_the_folders(tmp_path: Path) -> None:
    plain = build()
    for folder in ("own", "env", "cached", "usr/lib"):
        tree(tmp_path / folder, lib=plain)
        (tmp_path / folder / "lib").rename(tmp_path / folder / "liba.so")
    cached = {"liba.so": ("/cached/liba.so",)}

    def found(kind: str | None, *, env: bool = True, in_cache: bool = True, rpath: tuple[str, ...] = ("/own",)) -> str | None:
        loader = Loader(X86_64, cached if in_cache else {}, ("/env",) if env else (), root=str(tmp_path))
        return loader.find("liba.so", code(rpath=rpath, rpath_kind=kind), X86_64, "/somewhere")

    assert found("rpath") == "/own/liba.so"
    assert found("runpath") == "/env/liba.so"
    assert found("runpath", env=False) == "/own/liba.so"
    assert found("runpath", rpath=(), env=False) == "/cached/liba.so"
    assert found(None, rpath=(), env=False, in_cache=False) == "/usr/lib/liba.so"
    assert found("runpath", rpath=("$ORIGIN/../own",), env=False, in_cache=False) is not None


def test_a_library_for_another_processor_is_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, first__liba=build(machine=183), second__liba=build(bits=32, machine=3), third__liba=build(), fourth__liba=b"text")
    loader = Loader(X86_64, root=str(tmp_path))

    def found(*folders: str) -> str | None:
        return loader.find("liba", code(rpath=folders, rpath_kind="runpath"), X86_64, None)

    assert found("/first", "/second", "/fourth", "/third") == "/third/liba"
    assert found("/first", "/second", "/fourth") is None
    arm = Made(bits=64, little=True, machine=183)
    assert loader.find("liba", code(rpath=("/third", "/first"), rpath_kind="rpath"), arm, None) == "/first/liba"


def test_needed_by_path_and_beside(tmp_path: Path) -> None:
    tree(tmp_path, opt__libb=build())
    loader = Loader(X86_64, root=str(tmp_path))
    found, missing = loader.needed(code(needs=("/opt/libb", "libc.so", "libd.so"), rpath=()), X86_64, None, beside=["libd.so"])
    assert (found, missing) == ({"/opt/libb": "/opt/libb"}, ("libc.so",))


def test_tokens() -> None:
    assert expand("$ORIGIN/../lib", X86_64, "/a/b") == ("/a/b/../lib",)
    assert expand("${ORIGIN}:x", X86_64, "/a") == ("/a:x",)
    assert expand("$ORIGIN", X86_64, None) == ()
    assert expand("/opt/$LIB", X86_64, None) == ("/opt/lib64", "/opt/lib", "/opt/lib/x86_64-linux-gnu")
    assert expand("/opt/$PLATFORM", X86_64, None) == ("/opt/x86_64",)
    assert expand("$ORIGINAL", X86_64, "/a") == ("$ORIGINAL",)
    assert expand("$ORIGIN", X86_64, "/a\\1") == ("/a\\1",)


@given(st.binary(max_size=64))
def test_any_head_is_told(data: bytes) -> None:
    found = made_for(b"\x7fELF" + data)
    assert found is None or found.bits in (32, 64)


def test_what_a_head_says() -> None:
    assert made_for(build()[:20]) == X86_64
    assert (made_for(build(machine=183, order=">")[:20]) or X86_64).little is False
    assert X86_64.name == "x86_64"
    assert Made(bits=64, little=True, machine=224).name is None
    assert Made(bits=64, little=True, machine=9999).name == "ELF machine 9999"
    assert made_for(b"text") is None


@pytest.mark.parametrize(
    ("tags", "glibc"),
    [
        (("cp310-cp310-manylinux_2_34_x86_64",), "2.34"),
        (("cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64",), "2.17"),
        (("cp310-cp310-manylinux_2_27_x86_64", "cp310-cp310-manylinux_2_28_x86_64"), "2.27"),
        (("cp27-cp27mu-manylinux1_i686",), "2.5"),
        (("py3-none-manylinux2010_x86_64",), "2.12"),
        (("cp310-cp310-linux_x86_64", "py3-none-any", "cp310-cp310-musllinux_1_2_x86_64", ""), None),
    ],
)
def test_the_glibc_that_tags_promise(tags: tuple[str, ...], glibc: str | None) -> None:
    assert glibc_of_tags(tags) == glibc


def test_versions_are_compared_as_numbers() -> None:
    assert newer("2.38", "2.36")
    assert newer("2.10", "2.9")
    assert not newer("3.4.9", "3.4.30")
    assert not newer(None, "2.36")
    assert not newer("2.38", None)
    assert highest([("2.9", "a"), (None, "b"), ("2.38", "c")]) == ("2.38", "c")
    assert highest([]) == (None, None)
