from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.facts import Gap, TorchBuild
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe import python_libraries
from rocmkit.probe.python_libraries import TAG_LINES, VERSION_LINES, parse_version
from tests.support.facts import code, kernels, library

SITE = "/env/site-packages"


@pytest.mark.parametrize(
    ("text", "build"),
    [
        (
            "__version__ = '2.9.1+rocm6.3'\ndebug = False\ncuda: Optional[str] = None\nhip: Optional[str] = '6.3.42134-a9a80e791'\n",
            ("6.3.42134-a9a80e791", None),
        ),
        (
            "from typing import Optional\n__version__ = '2.13.0+cu130'\r\ncuda = \"13.0\"  # x\nhip = None\nrocm: Optional[str] = None",
            (None, "13.0"),
        ),
        ("__version__ = '2.9.1'\n", (None, None)),
    ],
)
def test_torch_version_is_read_and_not_run(text: str, build: tuple[str | None, str | None]) -> None:
    found = parse_version(text.encode(), "version.py")
    assert (found.hip, found.cuda) == build


@pytest.mark.parametrize(
    "text", ["", "__version__ = '2.9", "__version__ = get()", "hip = '6.3'", "__version__ = '2'\nhip = hip()", "\0" * 100]
)
def test_a_broken_version_file_is_unparsable(text: str) -> None:
    with pytest.raises(ValueError, match=r"^version\.py: "):
        parse_version(text.encode(), "version.py")


@given(st.binary() | st.text().map(str.encode) | st.text().map(lambda text: f"__version__ = '2'\nhip = {text}".encode()))
def test_any_version_file_gives_a_value_or_value_error(data: bytes) -> None:
    assert VERSION_LINES(VERSION_LINES(data)) == VERSION_LINES(data)
    try:
        assert parse_version(data, "version.py").version
    except ValueError as error:
        assert str(error).startswith("version.py: ")


def test_torch_without_its_version_file(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    host, folders = SysrootHost(tmp_path), {"torch": "/torch"}
    missing = python_libraries.torch_build(host, folders, {"torch": "2.9.1"})
    assert isinstance(missing, Gap)
    assert missing.reason == "absent"
    assert python_libraries.torch_build(host, folders, {}) is None  # what pip leaves behind when it removes torch
    assert python_libraries.torch_build(host, {}, {"torch": "2.9.1"}) is None
    (tmp_path / "torch/version.py").write_text("__version__ = '2.9.1'")
    assert python_libraries.torch_build(host, folders, {}) == TorchBuild(version="2.9.1", hip=None, cuda=None)


FILES = {
    "torch/lib/libtorch_hip.so": "torch",
    "torch/lib/libamdhip64.so": "torch",
    "torch/lib/libgomp-a34b3233.so.1": None,
    "torchaudio/lib/libtorchaudio.so": "torchaudio",
    "ctranslate2.libs/libctranslate2-1b0cf510.so.4.6.1": "ctranslate2",
    "ctranslate2/_ext.cpython-310-x86_64-linux-gnu.so": "ctranslate2",
    "onnxruntime/capi/libonnxruntime_providers_rocm.so": "onnxruntime-rocm",
    "sherpa_onnx/lib/libonnxruntime.so": "sherpa-onnx",
    "llvmlite/binding/libllvmlite.so": "llvmlite",
    "triton/_C/libtriton.so": "pytorch-triton-rocm",
    "numpy/_core/_multiarray_umath.cpython-310-x86_64-linux-gnu.so": "numpy",
    "numpy/_core/_simd.cpython-310-x86_64-linux-gnu.so": None,
}
FOLDERS = {name.partition("/")[0]: f"{SITE}/{name.partition('/')[0]}" for name in FILES}


def test_which_files_are_looked_at_and_whose_they_are() -> None:
    recording = Recording(rocmkit_recording=1, about="", whole=True, gpu_code={f"{SITE}/{name}": {**_plain()} for name in FILES})
    packages = {"onnxruntime-rocm": "1.22.2.post3", "pytorch-triton-rocm": "3.5.1", "numpy": "2.2.6"}
    found = python_libraries.libraries(ReplayHost(recording), FOLDERS, packages)
    assert {lib.file.removeprefix(SITE + "/"): lib.package for lib in found} == {
        name: package for name, package in FILES.items() if package
    }
    assert {lib.gpu_api for lib in found} == {"hip"}


def test_where_two_flavours_are_installed_neither_is_named() -> None:
    recording = Recording(rocmkit_recording=1, about="", whole=True, gpu_code={f"{SITE}/onnxruntime/capi/x.so": _plain()})
    packages = {"onnxruntime-rocm": "1.22.2", "onnxruntime": "1.23.2", "onnxruntime-genai": "0.9"}
    assert [lib.package for lib in python_libraries.libraries(ReplayHost(recording), FOLDERS, packages)] == ["onnxruntime"]


def test_a_file_that_is_no_library_is_a_gap_in_its_row(tmp_path: Path) -> None:
    (tmp_path / "torch/lib").mkdir(parents=True)
    (tmp_path / "torch/lib/libtorch_hip.so").write_bytes(b"version https://git-lfs")
    (tmp_path / "torch/lib/libtorch_cpu.so").symlink_to("libnowhere.so")
    found = {lib.file: lib.code for lib in python_libraries.libraries(SysrootHost(tmp_path), {"torch": "/torch"}, {})}
    assert {file: gap.reason for file, gap in found.items() if isinstance(gap, Gap)} == {
        "/torch/lib/libtorch_cpu.so": "absent",
        "/torch/lib/libtorch_hip.so": "unparsable",
    }


def test_the_tags_of_packages_with_libraries() -> None:
    metadata = {name: f"/s/{name}-1.dist-info" for name in ("torch", "onnxruntime", "numpy", "numba")}
    wheel = "Wheel-Version: 1.0\r\nTag: cp310-cp310-manylinux_2_28_x86_64\r\nTag: cp310-cp310-manylinux_2_27_x86_64\r\n"
    files = {"/s/torch-1.dist-info/WHEEL": wheel, "/s/numpy-1.dist-info/WHEEL": "", "/s/numba-1.dist-info/WHEEL": wheel}
    libs = tuple(library(name, f"/s/{name}/x.so") for name in ("torch", "onnxruntime", "numpy", "sherpa-onnx"))
    for whole in (True, False):
        host = ReplayHost(Recording(rocmkit_recording=1, about="", whole=whole, files=files))
        assert python_libraries.tags(host, libs, metadata) == {
            "numpy": (),
            "torch": ("cp310-cp310-manylinux_2_28_x86_64", "cp310-cp310-manylinux_2_27_x86_64"),
        }


@given(st.binary() | st.text().map(lambda text: f"Tag: {text}".encode()))
def test_what_is_kept_of_a_wheel_file_stays_the_same_when_it_is_kept_again(data: bytes) -> None:
    assert TAG_LINES(TAG_LINES(data)) == TAG_LINES(data)


def test_kernel_files_of_packages() -> None:
    rocblas = kernels("rocblas", "/s/torch/lib/rocblas/library", gfx906=3)
    sdk = kernels("rocblas", "/s/_rocm_sdk_libraries_gfx90X_dcgpu/lib/rocblas/library", gfx906=9)
    held = {
        f"rocblas {found.path}": {
            "library": "rocblas",
            "path": found.path,
            "files": found.files,
            "targets": found.targets,
            "unreadable": [],
        }
        for found in (rocblas, sdk)
    }
    held["miopen /s/torch/share/miopen/db"] = {"error": "EACCES"}
    host = ReplayHost(Recording(rocmkit_recording=1, about="", whole=True, kernel_files=held))
    found = python_libraries.kernels(host, {"torch": "/s/torch", "_rocm_sdk_libraries_gfx90X_dcgpu": "/s/_rocm_sdk_libraries_gfx90X_dcgpu"})
    assert [(item.package, item.kernels if isinstance(item.kernels, Gap) else item.kernels.targets) for item in found[:2]] == [
        ("rocm-sdk-libraries-gfx90X-dcgpu", {"gfx906": 9}),
        ("torch", {"gfx906": 3}),
    ]
    assert isinstance(found[2].kernels, Gap)
    assert found[2].kernels.reason == "denied"


def _plain() -> dict[str, object]:
    from rocmkit.model import to_builtins

    plain: dict[str, object] = to_builtins(code())
    return plain
