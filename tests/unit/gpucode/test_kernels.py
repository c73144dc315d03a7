"""Kernel files by name; names as found in Debian's packages of rocBLAS 6.4, hipBLASLt 7.1, MIOpen 7.2, and in ROCm's own."""

from __future__ import annotations

import os
import pathlib
import sqlite3
from collections.abc import Iterable

import pytest

from rocmkit.gpucode import read_kernel_files
from tests.support import elf


def fill(folder: pathlib.Path, names: Iterable[str]) -> pathlib.Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_rocblas(tmp_path: pathlib.Path) -> None:
    names = [
        "TensileLibrary_lazy_gfx906.dat",
        "TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_gfx906.co",
        "TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_fallback_gfx906.hsaco",
        "TensileLibrary_Type_DD_Contraction_l_Ailk_Bljk_Cijk_Dijk_fallback.dat",
        "Kernels.so-000-gfx90a-xnack+.hsaco",
        "Kernels.so-000-gfx90a-xnack-.hsaco",
        "Kernels.so-000-gfx908-sramecc+-xnack-.hsaco",
        "Kernels.so-000-gfx9-4-generic.hsaco",
        "TensileManifest.txt",
        "TensileLibrary_lazy_gfx906.dat.bak",
        "notes-on-gfx803",
    ]
    answer = read_kernel_files("rocblas", fill(tmp_path, names))
    assert answer.targets == {"gfx906": 3, "gfx908:sramecc+:xnack-": 1, "gfx90a:xnack+": 1, "gfx90a:xnack-": 1, "gfx9-4-generic": 1}
    assert list(answer.targets) == sorted(answer.targets)
    assert (answer.library, answer.path, answer.files, answer.unreadable) == ("rocblas", str(tmp_path), 11, ())


def test_hipblaslt_flat_and_in_a_folder_for_each_target(tmp_path: pathlib.Path) -> None:
    names = [
        "extop_gfx90a.co",
        "hipblasltTransform.hsaco",
        "hipblasltExtOpLibrary.dat",
        "TensileLibrary_HH_HH_HA_Bias_SAV_UA_Type_HH_HPA_Contraction_l_Alik_Bljk_Cijk_Dijk_gfx1101.dat",
        "gfx1250/TensileLibrary_lazy_gfx1250.dat.zlib",
        "gfx950/TensileLibrary_Type_fallback.dat",
        "gfx950/readme.txt",
        "other/TensileLibrary_lazy_gfx803.dat",
    ]
    assert read_kernel_files("hipblaslt", fill(tmp_path, names)).targets == {"gfx1101": 1, "gfx1250": 1, "gfx90a": 1, "gfx950": 1}


def test_miopen_compute_units_are_no_part_of_the_target(tmp_path: pathlib.Path) -> None:
    names = [
        "gfx906_60.kdb",
        "gfx906_64.HIP.fdb.txt",
        "gfx906_60.OpenCL.fdb.txt",
        "gfx90878.db.txt",
        "gfx90a68.HIP.fdb.txt",
        "gfx90a6e.HIP.fdb.txt",
        "gfx942e4.db.txt",
        "gfx942130.HIP.fdb.txt",
        "gfx942.kdb",
        "gfx942.tn.model",
        "gfx1030_36.db",
        "gfx9999_40.kdb",
    ]
    answer = read_kernel_files("miopen", fill(tmp_path, names))
    assert answer.targets == {"gfx1030": 1, "gfx906": 2, "gfx908": 1, "gfx90a": 2, "gfx942": 3, "gfx9999": 1}
    assert answer.unreadable == ()
    fill(tmp_path, ["gfxabc.kdb"])
    assert read_kernel_files("miopen", tmp_path).unreadable == ("a database is for an unknown target",)


def rocfft_cache(
    path: pathlib.Path, *archs: object, statement: str = "CREATE TABLE cache_v1 (kernel_name TEXT, arch TEXT, code BLOB)"
) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.executemany("INSERT INTO cache_v1 VALUES (?, ?, x'00')", [(f"k{at}", arch) for at, arch in enumerate(archs)])
    database.commit()
    database.close()


def test_rocfft_cache(tmp_path: pathlib.Path) -> None:
    rocfft_cache(tmp_path / "rocfft_kernel_cache.db", "gfx906", "gfx906", "gfx90a:xnack-", None, 7, "text")
    fill(tmp_path, ["rocfft_kernel_cache_gfx950.db", "librocfft.so.0", "libc.so"])
    before = sorted(os.listdir(tmp_path))
    answer = read_kernel_files("rocfft", tmp_path)
    assert answer.targets == {"gfx906": 1, "gfx90a:xnack-": 1, "gfx950": 1}
    assert answer.unreadable == ()
    assert sorted(os.listdir(tmp_path)) == before


def test_rocfft_cache_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rocfft_kernel_cache.db"
    path.write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    answer = read_kernel_files("rocfft", tmp_path)
    assert (answer.targets, answer.unreadable) == ({}, ("the kernel cache cannot be read",))
    path.unlink()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'gfx' || i AS arch FROM n"
    database = sqlite3.connect(path)
    database.execute(f"CREATE VIEW cache_v1 AS {endless}")
    database.close()
    assert read_kernel_files("rocfft", tmp_path).unreadable == ("the kernel cache has no table cache_v1",)


def test_rocfft_device_libraries(tmp_path: pathlib.Path) -> None:
    data = elf.build(needed=["libamdhip64.so.5"], sections={".hip_fatbin": elf.bundle("gfx906", "gfx908")})
    (tmp_path / "librocfft-device-0.so.0.1").write_bytes(data)
    (tmp_path / "librocfft-device-0.so.0").symlink_to("librocfft-device-0.so.0.1")
    (tmp_path / "librocfft-device-1.so.0.1").write_bytes(b"no library")
    answer = read_kernel_files("rocfft", tmp_path)
    assert answer.targets == {"gfx906": 1, "gfx908": 1}
    assert answer.unreadable == ("a device library cannot be read",)


def test_links_that_lead_nowhere_are_no_kernels(tmp_path: pathlib.Path) -> None:
    (tmp_path / "TensileLibrary_lazy_gfx906.dat").symlink_to("gone")
    (tmp_path / "TensileLibrary_lazy_gfx908.dat").touch()
    (tmp_path / "TensileLibrary_lazy_gfx90a.dat").symlink_to("TensileLibrary_lazy_gfx908.dat")
    answer = read_kernel_files("rocblas", tmp_path)
    assert answer.targets == {"gfx908": 1, "gfx90a": 1}
    assert answer.unreadable == ("a link of a kernel file leads nowhere",)


def test_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_kernel_files("rocblas", tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        read_kernel_files("rocfft", tmp_path / "file")
    with pytest.raises(ValueError, match="cublas"):
        read_kernel_files("cublas", tmp_path)
