"""Libraries that a provider's own needs, followed through real files that nothing loads."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.inspect.loader import Loader, made_of
from rocmkit.placement.needs import missing
from tests.support.elf import build

MACHINE = {"x86_64": 62, "aarch64": 183}.get(platform.machine(), 62)


def loader(*folders: Path) -> Loader:
    return Loader(made_of("/proc/self/exe"), {}, tuple(map(str, folders)))


def write(path: Path, *needed: str) -> Path:
    path.write_bytes(build(needed=needed, machine=MACHINE))
    return path


def lacks(library: Path, *folders: Path) -> list[tuple[str, str]]:
    return [(one.library, one.needed_by) for one in missing(str(library), loader(*folders))]


def test_what_is_missing_is_followed_through_what_is_there(tmp_path: Path) -> None:
    provider = write(tmp_path / "libprovider.so", "libfirst.so", "libgone.so")
    write(tmp_path / "libfirst.so", "libsecond.so", "libgone.so")
    write(tmp_path / "libsecond.so", "libfar.so.7", "libfirst.so", "libprovider.so")
    assert lacks(provider, tmp_path) == [("libgone.so", "libprovider.so"), ("libfar.so.7", "libsecond.so")]
    assert lacks(provider) == [("libfirst.so", "libprovider.so"), ("libgone.so", "libprovider.so")]


def test_nothing_is_missing(tmp_path: Path) -> None:
    write(tmp_path / "libnear.so")
    assert lacks(write(tmp_path / "libprovider.so", "libnear.so"), tmp_path) == []


def test_what_this_interpreter_needs_is_there() -> None:
    assert missing("/proc/self/exe", Loader.of_this_machine()) == ()


@pytest.mark.parametrize("data", [b"", b"no library", b"\x7fELF"])
def test_what_is_no_library(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "libprovider.so").write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        lacks(tmp_path / "libprovider.so")
    with pytest.raises(OSError, match=r"."):
        lacks(tmp_path / "nothing.so")


@given(st.binary(max_size=64), st.integers(0, 400))
def test_any_damage_is_a_value_error(noise: bytes, at: int) -> None:
    whole = build(needed=("libnear.so",), machine=MACHINE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "libprovider.so"
        path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
        try:
            found = missing(str(path), loader())
        except ValueError:
            return
        assert all(one.needed_by == "libprovider.so" for one in found)
