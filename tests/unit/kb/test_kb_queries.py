"""What the queries answer, near misses included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit import kb


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (90010, "gfx90a"),
        (90012, "gfx90c"),
        (90006, "gfx906"),
        (90402, "gfx942"),
        (100300, "gfx1030"),
        (110501, "gfx1151"),
        (120001, "gfx1201"),
        (0, None),
    ],
)
def test_gfx_of_version(number: int, name: str | None) -> None:
    assert kb.gfx_of_version(number) == name


def test_gfx_of_version_refuses_negative_numbers() -> None:
    with pytest.raises(ValueError, match="-1"):
        kb.gfx_of_version(-1)


def test_arch_strips_features() -> None:
    found = kb.arch("gfx906:sramecc+:xnack-")
    assert found is not None
    assert found is not kb.arch("gfx908")
    assert (found.gfx, found.sramecc, found.xnack, found.generic) == ("gfx906", True, True, "gfx9-generic")


@pytest.mark.parametrize("name", ["", "gfx", "gfx907", "GFX906", "gfx906\n", "../kb", "gfx9-generic", "gfx906/../gfx906"])
def test_arch_unknown(name: str) -> None:
    assert kb.arch(name) is None
    assert kb.overrides(name) == ()
    assert kb.rocblas_kernels(name, "6.3") is None


def test_pci() -> None:
    found = kb.pci("66A1")
    assert found is not None
    assert (found.device_id, found.gfx, found.asic) == ("66a1", "gfx906", "Vega 20")
    assert "MI50" in found.name
    assert kb.pci("0x66af") is not None
    assert kb.pci("ffff") is None
    guessed = kb.pci("1506")
    assert guessed is not None
    assert (guessed.gfx, guessed.gfx_guess) == (None, "gfx1037")
    named = kb.pci("1902")
    assert named is not None
    assert named.gfx == "gfx1153"


@pytest.mark.parametrize(
    ("code", "agent", "answer"),
    [
        ("gfx906", "gfx906:sramecc+:xnack-", True),
        ("gfx906:xnack-", "gfx906:sramecc+:xnack-", True),
        ("gfx906:xnack+", "gfx906:sramecc+:xnack-", False),
        ("gfx906:sramecc-", "gfx906:sramecc+:xnack-", False),
        ("gfx906:sramecc+:xnack-", "gfx906:sramecc+:xnack-", True),
        ("gfx906:xnack-:sramecc+", "gfx906:sramecc+:xnack-", True),
        ("gfx906:xnack-", "gfx906", True),  # state not known: nothing speaks against it
        ("gfx900", "gfx906:sramecc+:xnack-", False),
        ("gfx9-generic", "gfx906:sramecc+:xnack-", True),
        ("gfx9-generic:xnack-", "gfx906:sramecc+:xnack-", True),
        ("gfx9-generic:xnack+", "gfx906:sramecc+:xnack-", False),
        ("gfx9-generic", "gfx908:sramecc+:xnack-", False),
        ("gfx9-generic", "gfx90a", False),
        ("gfx9-4-generic", "gfx942:sramecc+:xnack-", True),
        ("gfx9-4-generic", "gfx906", False),
        ("gfx10-3-generic", "gfx1036", True),
        ("gfx10-1-generic", "gfx1036", False),
        ("gfx11-generic", "gfx1151", True),
        ("gfx1100", "gfx1103", False),
        ("gfx906", "gfx9-generic", False),
        ("gfx9-generic", "gfx9-generic", False),
        ("gfx1250", "gfx1250", True),
        ("gfx906:xnack-:xnack-", "gfx906", False),
        ("gfx906:", "gfx906", False),
        ("amdgcnspirv", "gfx906", False),
        ("", "", False),
    ],
)
def test_compatible(code: str, agent: str, answer: bool) -> None:
    assert kb.compatible(code, agent) is answer


@pytest.mark.parametrize(
    ("torch", "rocm", "found"),
    [
        ("2.6.0", "6.1", ("2.6", "6.1")),
        ("2.6", "6.1", ("2.6", "6.1")),
        ("2.6.0+rocm6.1", "6.1", ("2.6", "6.1")),
        ("2.6.0+rocm6.1", "6.1.40091-a8dbc0c19", ("2.6", "6.1")),
        ("2.6.0+rocm6.2.4", "6.2.4", ("2.6", "6.2.4")),
        ("2.6.0+rocm6.2.4", "6.2.41134-65d174c3e", ("2.6", "6.2.4")),
        ("2.10.0", "7.0", ("2.10", "7.0")),
        ("2.14.0+rocm7.2", "7.2.53211", ("2.14", "7.2")),
        ("2.15.0.dev20261101+rocm10.0", "10.0", ("2.15", "10.0")),
        ("2.9.0.dev20250901+rocm6.3", "6.3", None),
        ("2.6.0+rocm6.1", "6.2.4", None),
        ("2.6.0", "6.3", None),
        ("2.6.0", "6.1.2", None),
        ("2.6.0+rocm6.4.1.git1ded221d", "6.4", None),
        ("2.6.0+cu124", "6.1", None),
        ("2.6.0a0+git123", "6.1", None),
        ("2.6.0", "6", None),
        ("2.6.0", "", None),
    ],
)
def test_torch_wheel(torch: str, rocm: str, found: tuple[str, str] | None) -> None:
    row = kb.torch_wheel(torch, rocm)
    assert (row and (row.torch, row.rocm)) == found


@pytest.mark.parametrize(
    ("gfx", "python", "found"),
    [
        ("gfx906", "3.10", ("2.9", "6.3")),
        ("gfx906:sramecc+:xnack-", "3.14.1", ("2.9", "6.3")),
        ("gfx906", "3.9", ("2.8", "6.3")),
        ("gfx906", "3.8", ("2.4", "6.1")),
        ("gfx906", "3.15", None),
        ("gfx906", "3.14t", ("2.9", "6.3")),
        ("gfx1100", "3.12", ("2.13", "7.2")),
        ("gfx1200", "3.12", ("2.13", "7.2")),
        ("gfx1031", "3.12", None),
        ("gfx906", "three", None),
    ],
)
def test_best_torch(gfx: str, python: str, found: tuple[str, str] | None) -> None:
    row = kb.best_torch(gfx, python)
    assert (row and (row.torch, row.rocm)) == found


def test_torch_builds() -> None:
    assert {row.id for row in kb.torch_builds("gfx906")} >= {"therock-nightly", "mixa3607-gfx906", "arch-rocblas-files"}
    assert {row.id for row in kb.torch_builds("gfx1100")} == {"therock-nightly"}
    assert len(kb.torch_builds()) > len(kb.torch_builds("gfx906"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("0.60.0", "0.60.0"),
        ("0.61.1", "0.61.0"),
        ("0.62.0", "0.62.0"),
        ("0.67.3", "0.67.0"),
        ("0.61.0rc1", None),
        ("0.55.2", None),
        ("0.99", None),
        ("new", None),
    ],
)
def test_numba(asked: str, found: str | None) -> None:
    row = kb.numba(asked)
    assert (row and row.numba) == found


@pytest.mark.parametrize(
    ("numpy", "python", "found"),
    [
        ("1.26.4", "3.10", "0.68.0"),
        ("1.26.4", "3.9", "0.60.0"),
        ("2.5.0", "3.10.12", "0.68.0"),
        ("2.6", "3.12", None),
        ("1.22.4", "3.8", "0.58.1"),
        ("1.26", "3.15", None),
        ("?", "3.10", None),
    ],
)
def test_numba_for_numpy(numpy: str, python: str, found: str | None) -> None:
    row = kb.numba_for_numpy(numpy, python)
    assert (row and row.numba) == found


@pytest.mark.parametrize(
    ("rocm", "has_noble"), [("6.1.3", False), ("6.1.5", False), ("6.2.4", True), ("6.3", True), ("6.4.3", None), ("7.1", None), ("x", None)]
)
def test_os_support(rocm: str, has_noble: bool | None) -> None:
    found = kb.os_support(rocm)
    assert (found and any(item.version.startswith("24.04") for item in found.systems)) == has_noble


def test_kernel_driver() -> None:
    assert kb.driver_release("6.8.5") == "6.2"
    assert kb.driver_release("6.16.6") == "7.1"
    assert kb.driver_release("6.16.20") == "7.2"
    assert kb.driver_release("6.16.2") is None
    assert kb.driver_release("6.9.1") is None
    assert kb.driver_release("unknown") is None
    window = kb.kmd_window("6.3.4-76")
    assert window is not None
    assert (window.lowest, window.highest) == ("6.1", "7.2")
    assert kb.kmd_window("5.2") is None


@pytest.mark.parametrize(
    ("dkms", "kernel", "builds"),
    [
        ("6.8.5", "6.8.0-45-generic", False),
        ("6.8.5", "6.8.0-41-generic", True),
        ("6.8.5", "6.8.0-42-generic", None),
        ("6.8.5", "6.11.0-17-generic", None),
        ("6.10.5", "6.8.0-49-generic", False),
        ("6.16.6", "6.17.0-8-generic", True),
        ("6.16.6", "linux", None),
        ("9.9.9", "6.8.0-45-generic", None),
    ],
)
def test_dkms_builds(dkms: str, kernel: str, builds: bool | None) -> None:
    assert kb.dkms_builds(dkms, kernel) is builds


@pytest.mark.parametrize(
    ("gfx", "rocm", "holds"),
    [
        ("gfx906", "6.1.5", True),
        ("gfx906", "6.3.4", True),
        ("gfx906:xnack-", "6.4.0", False),
        ("gfx906", "7.2.4", False),
        ("gfx906", "7.14", None),
        ("gfx906", "x", None),
        ("gfx1031", "6.2", False),
        ("gfx1100", "7.2", True),
        ("gfx1151", "6.3", None),
        ("gfx1151", "6.4.1", False),
        ("gfx907", "6.3", None),
    ],
)
def test_rocblas_kernels(gfx: str, rocm: str, holds: bool | None) -> None:
    assert kb.rocblas_kernels(gfx, rocm) is holds


def test_overrides() -> None:
    verdicts = {row.value: row.verdict for row in kb.overrides("gfx906")}
    assert verdicts["9.0.8"] == "dangerous"
    assert verdicts["any"] == "never-needed"
    assert [row.verdict for row in kb.overrides("gfx1031")] == ["works"]


def test_speech_runtimes() -> None:
    assert "gfx906" not in kb.ctranslate2_wheels().archs
    assert kb.ctranslate2_wheels().soname == "libamdhip64.so.7"
    assert len(kb.onnxruntime_flavours("onnxruntime-rocm")) == 3
    assert {row.distribution for row in kb.onnxruntime_flavours()} == {
        *("onnxruntime", "onnxruntime-gpu", "onnxruntime-rocm", "onnxruntime-migraphx")
    }
    assert kb.install_layouts()[0].version_file == "/opt/rocm/.info/version"
    assert kb.hipblaslt_archs("7.2") is None


def test_date() -> None:
    assert kb.date() == "2026-11-22"


TEXT = st.one_of(st.text(), st.text("gfx0123456789ab:+-.rocmdevsramecxnackgeneric", max_size=30), st.from_regex(r"[0-9]{1,5000}"))


@given(TEXT, TEXT)
def test_any_text_has_an_answer(one: str, other: str) -> None:
    kb.arch(one)
    kb.pci(one)
    kb.compatible(one, other)
    kb.torch_wheel(one, other)
    kb.torch_wheel("2.6.0", other)
    kb.best_torch(one, other)
    kb.numba(one)
    kb.numba_for_numpy(one, other)
    kb.os_support(one)
    kb.kmd_window(one)
    kb.driver_release(one)
    kb.dkms_builds("6.8.5", one)
    kb.rocblas_kernels("gfx906", one)
    kb.library_archs("rocblas", one)


@given(st.integers())
def test_any_number_has_an_answer(number: int) -> None:
    try:
        name = kb.gfx_of_version(number)
    except ValueError:
        assert number < 0
    else:
        assert (name is None) is (number == 0)
