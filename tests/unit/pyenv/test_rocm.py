from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.base import Identity
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.rocm import rocm, wheel_rocm


def plant(root: Path, *files: str, **texts: str) -> SysrootHost:
    """A machine with these empty files, and links written as "path -> target"."""
    for file in files:
        path, _, target = file.partition(" -> ")
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if target:
            place.symlink_to(target)
        else:
            place.touch()
    for version, path in texts.items():
        (root / path.lstrip("/")).write_text(version)
    return SysrootHost(root)


def amd(top: str, version: str, *, hip: str = "6") -> list[str]:
    """The files of AMD's packages, as rocm-core, hip-runtime-amd and rocblas have them."""
    major, minor, patch = version.split(".")
    real = f"libamdhip64.so.{hip}.{minor}.{int(major) * 10000 + int(minor) * 100 + int(patch)}"
    return [
        f"{top}/.info/version",
        f"{top}/lib/libamdhip64.so -> libamdhip64.so.{hip}",
        f"{top}/lib/libamdhip64.so.{hip} -> {real}",
        f"{top}/lib/{real}",
        f"{top}/lib/librocblas.so.4 -> librocblas.so.4.1.60105",
        f"{top}/lib/librocblas.so.4.1.60105",
        f"{top}/lib/libunrelated.so.1",
        f"{top}/lib/rocblas/library/TensileLibrary_lazy_gfx906.dat",
        f"{top}/lib/rocblas/library/Kernels.so-000-gfx906.hsaco",
        f"{top}/lib/hipblaslt/library/Kernels.so-000-gfx90a.hsaco",
        f"{top}/share/miopen/db/gfx906_60.kdb",
    ]


def test_a_link_and_its_folder_are_one_row(tmp_path: Path) -> None:
    host = plant(tmp_path, *amd("/opt/rocm-6.1.5", "6.1.5"), "/opt/rocm -> rocm-6.1.5", "/opt/other/x")
    (tmp_path / "opt/rocm-6.1.5/.info/version").write_text("6.1.5-101\n")
    (found,) = rocm(host)
    assert (found.path, found.version, found.kind, found.default) == ("/opt/rocm-6.1.5", "6.1.5", "system", True)
    assert [(lib.name, lib.soname, lib.file.rpartition("/")[2]) for lib in found.libraries] == [
        ("libamdhip64", "libamdhip64.so.6", "libamdhip64.so.6.1.60105"),
        ("librocblas", "librocblas.so.4", "librocblas.so.4.1.60105"),
    ]
    assert [(k.library, k.targets) for k in found.kernels] == [
        ("rocblas", {"gfx906": 2}),
        ("hipblaslt", {"gfx90a": 1}),
        ("miopen", {"gfx906": 1}),
    ]


def test_the_default_one_comes_first_and_an_absolute_link_through_alternatives_is_followed(tmp_path: Path) -> None:
    host = plant(
        tmp_path,
        *amd("/opt/rocm-6.3.4", "6.3.4"),
        *amd("/opt/rocm-6.1.5", "6.1.5"),
        "/opt/rocm -> /etc/alternatives/rocm",
        "/etc/alternatives/rocm -> /opt/rocm-6.3.4",
    )
    assert [(row.path, row.version, row.default) for row in rocm(host)] == [
        ("/opt/rocm-6.3.4", "6.3.4", True),  # by the name of libamdhip64, its .info/version is empty
        ("/opt/rocm-6.1.5", "6.1.5", False),
    ]


def test_the_layout_of_7_13(tmp_path: Path) -> None:
    host = plant(
        tmp_path,
        *amd("/opt/rocm/core-7.13", "7.13.0", hip="7"),
        "/opt/rocm/core -> core-7.13",
        "/opt/rocm/core-7 -> core-7.13",
        "/opt/rocm/extras-7/lib/libmigraphx_c.so.3",
    )
    assert [(row.path, row.version, row.default) for row in rocm(host)] == [("/opt/rocm/core-7.13", "7.13.0", True)]


DEBIAN = "/usr/lib/x86_64-linux-gnu"


def test_debians_packages(tmp_path: Path) -> None:
    """The file names of libamdhip64-5 5.2.3 (bookworm), librocblas4 6.4.4 and libmiopen (sid)."""
    host = plant(
        tmp_path,
        f"{DEBIAN}/libamdhip64.so.5 -> libamdhip64.so.5.2.21153",
        f"{DEBIAN}/libamdhip64.so.5.2.21153",
        f"{DEBIAN}/librocblas.so.4.4",
        f"{DEBIAN}/rocblas/4.4.1/library/Kernels.so-000-gfx1010.hsaco",
        f"{DEBIAN}/rocfft/1.0.32/rocfft_rtc_helper",
        "/usr/share/miopen/db/gfx803_36.HIP.fdb.txt",
        "/usr/lib64 -> lib",
    )
    (found,) = rocm(host)
    assert (found.path, found.version, found.kind, found.default) == ("/usr", "5.2", "distro", False)
    assert [lib.soname for lib in found.libraries] == ["libamdhip64.so.5", "librocblas.so.4"]
    assert [(k.library, k.path, k.targets) for k in found.kernels] == [
        ("rocblas", f"{DEBIAN}/rocblas/4.4.1/library", {"gfx1010": 1}),
        ("rocfft", f"{DEBIAN}/rocfft/1.0.32", {}),
        ("miopen", "/usr/share/miopen/db", {"gfx803": 1}),
    ]


def test_fedora_and_arch_keep_rocblas_kernels_in_the_library_folder(tmp_path: Path) -> None:
    host = plant(tmp_path, "/usr/lib/libhsa-runtime64.so.1", "/usr/lib/rocblas/library/x_gfx1030.dat", "/usr/lib64 -> lib")
    (found,) = rocm(host)
    assert found.version is None
    assert [lib.name for lib in found.libraries] == ["libhsa-runtime64"]
    assert [k.targets for k in found.kernels] == [{"gfx1030": 1}]


def test_what_pip_installed(tmp_path: Path) -> None:
    site = "/env/lib/python3.12/site-packages"
    host = plant(
        tmp_path,
        f"{site}/_rocm_sdk_core/lib/libamdhip64.so.7",
        f"{site}/_rocm_sdk_libraries_gfx90X_dcgpu/lib/librocblas.so.5",
        f"{site}/_rocm_sdk_libraries_gfx90X_dcgpu/lib/rocblas/library/TensileLibrary_lazy_gfx906.dat",
        f"{site}/rocm_sdk_core-7.10.0a20251106.dist-info/METADATA",
        f"{site}/rocm_sdk_libraries_gfx90x_dcgpu-7.10.0.dist-info/METADATA",
        f"{site}/rocm_sdk/__init__.py",
    )
    assert [(row.path.rpartition("/")[2], row.version, row.kind, len(row.kernels)) for row in wheel_rocm(host, (site, "/missing"))] == [
        ("_rocm_sdk_core", "7.10.0a20251106", "wheel", 0),
        ("_rocm_sdk_libraries_gfx90X_dcgpu", "7.10.0", "wheel", 1),
    ]


@pytest.mark.parametrize("file", ["/etc/x", "/opt/rocm-5.7.0/share/left/over", "/opt/rocm -> /opt/rocm-5.7.0", "/opt/rocm -> rocm"])
def test_none(tmp_path: Path, file: str) -> None:
    with pytest.raises(FileNotFoundError, match="/usr/lib"):  # the distribution's ROCm would lie there
        rocm(plant(tmp_path, file))
    assert rocm(plant(tmp_path, "/usr/lib/os-release")) == ()


def test_a_part_of_a_machine_tells_of_the_rocm_that_it_holds(tmp_path: Path) -> None:
    assert [row.path for row in rocm(plant(tmp_path, *amd("/opt/rocm-6.1.5", "6.1.5")))] == ["/opt/rocm-6.1.5"]


def test_a_running_machine_without_library_folders_has_none() -> None:
    running = Identity(uid=1000, groups=(1000,), promised=(), group_names={})
    assert rocm(ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, identity=running))) == ()


def test_rocm_path_is_looked_at_too() -> None:
    held: dict[str, Any] = {
        "files": {"~/therock/.info/version": "7.14.0a20260801"},
        "environ": {"ROCM_PATH": "~/therock/", "HIP_PATH": "rel"},
    }
    host = ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, **held))
    assert [(row.path, row.version) for row in rocm(host)] == [("~/therock", "7.14.0a20260801")]


def test_what_cannot_be_read_is_not_empty() -> None:
    top = "/opt/rocm-6.3.4"
    held: dict[str, Any] = {
        "folders": {"/opt": ["rocm-6.3.4"], top: {"error": "EACCES"}, f"{top}/lib": {"error": "EACCES"}},
        "files": {f"{top}/.info/version": {"error": "EACCES"}},
    }
    (found,) = rocm(ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, **held)))
    assert (found.version, found.libraries) == (None, ())
    assert [(k.library, k.unreadable) for k in found.kernels] == [("rocblas", (os.strerror(errno.EACCES),))]


@given(st.text() | st.from_regex(r"\d{1,2}\.\d{1,2}(\.\d{1,5})?[-.a-z0-9]*", fullmatch=True), st.lists(st.text()))
def test_any_version_file_and_any_names_give_rows(text: str, names: list[str]) -> None:
    folders = {"/opt": ["rocm"], "/opt/rocm/lib": names, "/usr/lib": []}
    held: dict[str, Any] = {"folders": folders, "files": {"/opt/rocm/.info/version": text}}
    for row in rocm(ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, **held))):
        assert row.version is None or row.version[0].isdigit()
