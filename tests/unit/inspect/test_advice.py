"""Where an answer leads on to, and what is said of a TARGET that cannot be looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.check import all_checks
from rocmkit.inspect import mistyped
from rocmkit.inspect.advice import KERNEL_PAGES, PAGES, apart, pages
from rocmkit.inspect.values import InspectedFile, Runs


def file(name: str, **changes: Any) -> InspectedFile:
    values: dict[str, Any] = {"target": "t", "kind": "library", "size_bytes": 1, "gpu_api": "none", "gfx": (), **changes}
    return InspectedFile(file=name, **values)


def answered(answer: Any) -> tuple[Runs, ...]:
    return (Runs(gpu="gfx906", answer=answer, because=""),)


def test_every_check_that_is_named_is_there() -> None:
    named = {code for _, row in PAGES for codes in row.values() for code in codes} | set(KERNEL_PAGES.values())
    assert named <= {check.code for check in all_checks()}
    assert all(set(row) == {"none", "nvidia", "amd"} for _, row in PAGES)


@pytest.mark.parametrize(
    ("package", "name", "api", "codes"),
    [
        ("ctranslate2 4.8.5", "ctranslate2.libs/x.so", "cuda", ("RK403",)),
        ("ctranslate2 4.8.5", "ctranslate2.libs/x.so", "hip", ("RK404",)),
        ("torch 2.9", "torch/lib/x.so", "hip", ("RK306",)),
        ("torch 2.9", "torch/lib/x.so", "none", ("RK401",)),
        ("onnxruntime_rocm", "onnxruntime/capi/x.so", "hip", ("RK406",)),
        ("onnxruntime 1.23", "onnxruntime/capi/x.so", "none", ("RK419",)),
        (None, "lib/libctranslate2-a7a60d30.so.4.8.5", "cuda", ("RK403",)),
        (None, "lib/libtorch_hip.so", "hip", ("RK306",)),
        (None, "lib/libmine.so", "hip", ()),
        ("torchaudio 2.9", "torchaudio/lib/x.so", "hip", ()),
        ("torch-scatter 2.1", "torch_scatter/x.so", "cuda", ()),
    ],
)
def test_pages(package: str | None, name: str, api: str, codes: tuple[str, ...]) -> None:
    assert pages(package, [file(name, gpu_api=api)], answered("no")) == codes
    assert pages(package, [file(name, gpu_api=api)], answered("yes")) == ()
    assert pages(package, [file(name, gpu_api=api)], ()) == ()


def test_pages_of_kernel_folders() -> None:
    folders = [file(name, kind="kernel-folder", kernel_libraries={name: {}}, runs=answered("no")) for name in KERNEL_PAGES]
    assert pages(None, folders, answered("no")) == tuple(sorted(KERNEL_PAGES.values()))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("librocblas.so", "rocblas/library"),
        ("librocblas.so.4.4", "rocblas/library"),
        ("libhipblaslt.so.0", "hipblaslt/library"),
        ("libMIOpen.so.1", "share/miopen/db"),
        ("libtorch_hip.so", None),
    ],
)
def test_kernels_that_lie_apart(name: str, folder: str | None) -> None:
    notes = list(apart(file(name)))
    assert [folder in note for note in notes] == [True] if folder else notes == []


@given(st.text(max_size=60))
def test_any_name_is_a_package_or_told(text: str) -> None:
    found = mistyped.not_there(text)
    assert found is None or text in found.message or repr(text) in found.message


def test_names_that_are_no_packages() -> None:
    def said(text: str) -> str:
        found = mistyped.not_there(text)
        return f"{found}: {found.hint}" if found else ""

    assert "pip download --no-deps NAME" in said("nofile.whl")
    assert "pip download --no-deps demo==1.0" in said("demo-1.0-cp310-cp310-linux_x86_64.whl")
    assert "pip download --no-deps https://example.org/a.whl" in said("https://example.org/a.whl")
    assert "none that matches" in said("*.whl")
    assert "no such file or folder" in said("libx.so.1")
    for name in ("torch", "ctranslate2", "Demo[extra]", "faster-whisper", "zope.interface"):
        assert said(name) == ""
