"""What builds need: ids, packages, compilers' architectures, images."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit import kb
from rocmkit.kb._load import ROOT
from tools import kb_build, kb_ranges
from tools.kb_files import load


def test_needs_are_found_by_id_and_by_lowest_version() -> None:
    found = kb.build_need("cmake>=3.21")
    assert found is not None and found[1] == "3.21" and "cmake" in found[0].shown_by.programs
    assert kb.build_need("hipblas") == (kb.build_needs()["hipblas"], None)


@pytest.mark.parametrize("wanted", ["", "nothing", "cmake>=", "cmake>=x", "hipblas>=2", "cmake==3", ">=3"])
def test_what_is_no_need_is_none(wanted: str) -> None:
    assert kb.build_need(wanted) is None


@pytest.mark.parametrize(
    ("target", "rocm", "knows"),
    [
        ("gfx906", "5.7.1", True),
        ("gfx906:xnack-", "7.14", True),
        ("gfx1201", "6.3.4", True),
        ("gfx1201", "5.7", False),
        ("gfx1201", "6.1.5", None),
        ("gfx950", "6.1", False),
        ("gfx950", "7.2.0", True),
        ("gfx9-generic", "6.1.2", False),
        ("gfx9-generic", "7.2", True),
        ("gfx9999", "7.2", None),
    ],
)
def test_compilers(target: str, rocm: str, knows: bool | None) -> None:
    assert kb.compiler_knows(target, rocm) is knows


@pytest.mark.parametrize(
    ("target", "rocm", "compiles", "rocblas"),
    [
        ("gfx906:xnack-", "6.4.4", True, True),
        ("gfx942", "6.4", True, False),
        ("gfx942", "7.2", True, True),
        ("gfx950", "6.4", True, False),
        ("gfx950", "5.7", None, None),
        ("gfx906", "6.3", True, None),
    ],
)
def test_debians_own_rocm(target: str, rocm: str, compiles: bool | None, rocblas: bool | None) -> None:
    assert (kb.distribution_compiles(target, rocm), kb.distribution_rocblas(target, rocm)) == (compiles, rocblas)


def test_every_architecture_has_a_compiler_that_knows_it() -> None:
    assert [gfx for gfx in kb.archs() if not kb.compiler_knows(gfx, "7.2.3") and gfx != "gfx909"] == []


def test_images_are_those_of_the_release_or_of_its_series() -> None:
    exact, near = kb.build_image("6.4.4"), kb.build_image("6.1.5")
    assert exact is not None and exact.name.endswith(":6.4.4-complete") and exact.digest
    assert near is not None and near.rocm == "6.1.2" and near.digest is None
    assert kb.build_image("8.0") is None and kb.build_image("nonsense") is None


def test_each_series_since_5_7_has_an_image() -> None:
    assert {f"{image.rocm.split('.')[0]}.{image.rocm.split('.')[1]}" for image in kb.build_images()} >= {
        "5.7", "6.0", "6.1", "6.2", "6.3", "6.4", "7.0", "7.1", "7.2"
    }  # fmt: skip


def test_the_file_is_sound() -> None:
    files, faults = load(ROOT)
    assert faults == []
    assert list(kb_build.faults(files)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("apt: [git]", "apt: ['git; reboot']", "no package name"),
        ("shown_by: {programs: [git]}", "shown_by: {}", "nothing says how one sees it"),
        ("{rocm}/include/hipblas/hipblas.h", "include/hipblas/hipblas.h", "no place"),
        ("archs: [gfx950]", "archs: [gfx950, gfx906]", "gfx906 is there 2 times"),
        ("archs: [gfx950]", "archs: [gfx95x]", "no architecture is called gfx95x"),
        ('digest: "sha256:bdaa057f', 'digest: "sha256:bdaa057e', "its source tells another digest"),
        ('digest: "sha256:bdaa057f', 'digest: "sha256:baa057f', "no digest"),
        ('rocm: "6.4.4"', 'rocm: "6.4.3"', "the tag is not of ROCm 6.4.3"),
        ('knows: ">=7.0"\n    lacks: "<6.2"', 'knows: ">=6.0"\n    lacks: "<6.2"', "share"),
    ],
)
def test_faults_are_told(old: str, new: str, fault: str, tmp_path: Path) -> None:
    text = (ROOT / "build.yaml").read_text()
    assert old in text
    (tmp_path / "build.yaml").write_text(text.replace(old, new, 1))
    files, unread = load(tmp_path)
    assert unread == []
    found = [*kb_build.faults(files), *kb_ranges.faults(files)]
    assert any(fault in one for one in found), found
