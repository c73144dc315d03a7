"""What holds for the rows of the knowledge base, beside what tools/kb_lint.py proves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from rocmkit import kb
from rocmkit.kb import _load, releases
from rocmkit.model import load_yaml

FILES = sorted(_load.ROOT.rglob("*.yaml"))
KB_FILES = [path for path in FILES if path.relative_to(_load.ROOT).parts[0] != "issues"]


#: What is a number and no version.
MEASURES = {"bytes", "cer_expected", "cer_pass", "install_mb", "options", "stack_bytes", "vram_gib", "wavefront", "within"}


def scalars(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in MEASURES:
                yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield value


@pytest.mark.parametrize("path", KB_FILES, ids=lambda path: path.stem)
def test_versions_and_ids_are_quoted(path: Path) -> None:
    for value in scalars(load_yaml(path.read_text(encoding="utf-8"), source=path.name)):
        assert isinstance(value, (str, bool)), value


@pytest.mark.parametrize("name", kb.archs())
def test_arch(name: str) -> None:
    found = kb.arch(name)
    assert found is not None
    assert found.gfx == name
    major, minor, stepping = map(int, found.version.split("."))
    assert kb.gfx_of_version(major * 10000 + minor * 100 + stepping) == name
    assert found.generic is None or found.generic.startswith(f"gfx{major}-")
    assert found.wavefront == (64 if major < 10 else 32)
    assert found.rocblas is not None
    values = [row.value for row in found.overrides]
    assert len(set(values)) == len(values)
    for value in values:
        assert value == "any" or re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}", value)


def test_integrated() -> None:
    found = [arch for name in kb.archs() if (arch := kb.arch(name))]
    assert {arch.gfx for arch in found if arch.integrated} >= {
        *("gfx801", "gfx810", "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1103"),
        *("gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    }
    assert not any(
        arch.integrated for arch in found if arch.gfx in {"gfx900", "gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201"}
    )


def test_pci() -> None:
    rows = kb.pci_names()
    assert len(rows) >= 198
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{4}", row.device_id)
        assert row.gfx is None or row.gfx in kb.archs()
        assert (row.gfx is None) is (row.gfx_guess is not None)


def test_torch_wheels() -> None:
    rows = kb.torch_wheels()
    assert len({(row.torch, row.rocm) for row in rows}) == len(rows) >= 31
    for older, newer in pairwise(rows):
        assert (Version(older.torch), Version(older.rocm)) < (Version(newer.torch), Version(newer.rocm))
        assert older.since <= newer.since
    for row in rows:
        assert set(row.rocblas_missing) <= set(row.archs)
        assert bool(row.rocblas_missing) is (row.rocblas_known is not None)
        assert row.index_url.endswith(f"/rocm{row.rocm}")
        assert set(row.archs) - set(kb.archs()) <= {"gfx1250"}


def test_torch_wheels_miss_what_amds_packages_lack() -> None:
    for row in kb.torch_wheels():
        lacking = tuple(name for name in row.archs if kb.rocblas_kernels(name, row.rocm) is False)
        assert row.rocblas_missing == lacking, (row.torch, row.rocm)


def test_numba_is_monotonic() -> None:
    for older, newer in pairwise(kb.numba_rows()):
        assert Version(older.numba) < Version(newer.numba)
        assert Version(older.llvmlite) <= Version(newer.llvmlite)
        assert int(older.llvm) <= int(newer.llvm)
        assert ceiling(older.numpy) <= ceiling(newer.numpy)
        assert ceiling(older.python) <= ceiling(newer.python)
    for row in kb.numba_rows():
        accepted = row.error_text.removeprefix("Numba needs NumPy ").removesuffix(" or less")
        assert accepted in SpecifierSet(row.numpy)
        assert row.error_text.startswith("Numba needs NumPy ")


def ceiling(specifier: str) -> Version:
    return max(Version(part.version) for part in SpecifierSet(specifier) if part.operator == "<")


@pytest.mark.parametrize("rocm", ["6.0", "6.1.5", "6.2.4", "6.4.0", "7.2.4"])
def test_rocblas_lists_agree(rocm: str) -> None:
    listed = kb.library_archs("rocblas", rocm)
    assert listed is not None
    for name in kb.archs():
        assert (kb.rocblas_kernels(name, rocm) is True) is (name in listed.archs), name


@pytest.mark.parametrize("rocm", ["6.0", "6.1.5", "6.2.4", "6.3.4", "6.4.1"])
def test_hipblaslt_lists_agree(rocm: str) -> None:
    listed = kb.hipblaslt_archs(rocm)
    assert listed is not None
    for name in kb.archs():
        found = kb.arch(name)
        assert found is not None
        assert found.hipblaslt is not None
        assert (bool(found.hipblaslt.holds) and rocm in SpecifierSet(found.hipblaslt.holds)) is (name in listed)
        assert (bool(found.hipblaslt.lacks) and rocm in SpecifierSet(found.hipblaslt.lacks)) is (name not in listed)


def test_aotriton_lists_agree() -> None:
    flagged = [name for name in kb.archs() if (found := kb.arch(name)) and found.aotriton]
    assert flagged == [name for name in kb.archs() if name in (kb.aotriton_archs() or ())]


def test_drivers_and_windows_are_ordered() -> None:
    rocm = releases._rocm_file()
    for older, newer in pairwise(rocm.drivers):
        assert Version(older.dkms) < Version(newer.dkms)
        assert Version(older.rocm) < Version(newer.rocm)
    for row in rocm.kmd_windows:
        assert Version(row.lowest) <= Version(row.rocm) <= Version(row.highest)
