"""Environments and one-check runs for the tests of RK3xx and RK4xx."""

from __future__ import annotations

from typing import Any

from rocmkit.doctor.check import Check, all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.result import Finding, Result
from rocmkit.facts import Facts, PackageKernels, Python, TorchBuild, gap
from tests.support.facts import GPU, PYTHON, ROCM, SITE, changed, kernels, library, machine

#: Those that judge experiments alone are looked at in `test_tried`.
CHECKS: dict[str, Check] = {one.code: one for one in all_checks() if one.code.startswith(("RK3", "RK4")) and not one.tries}

OLD_ARCHS = ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1101")
NEW_ARCHS = (*OLD_ARCHS, "gfx950", "gfx1102", "gfx1150", "gfx1151", "gfx1200", "gfx1201")
UNREAD = gap("denied", "not readable")


def run(code: str, facts: Facts) -> Result:
    """One check by itself."""
    (result,) = examine(facts, [CHECKS[code]])
    assert result.outcome != "crashed", str(result.because)
    if result.outcome == "ok":
        assert result.seen
    for finding in result.findings:
        assert finding.seen
        assert "{" not in str(finding.message)
    return result


def finding(code: str, facts: Facts) -> Finding:
    """The only finding of one check."""
    result = run(code, facts)
    assert result.outcome == "found", (result.outcome, str(result.because))
    (one,) = result.findings
    return one


def outcome(code: str, facts: Facts) -> str:
    """How one check ends."""
    return run(code, facts).outcome


def commands(code: str, facts: Facts) -> tuple[str, ...]:
    """The commands of the only finding of one check."""
    fix = finding(code, facts).fix
    assert fix is not None
    return fix.commands


def codes(facts: Facts) -> dict[str, str]:
    """Code to outcome, of all checks of these families together."""
    return {result.code: result.outcome for result in examine(facts, CHECKS.values())}


def found(facts: Facts) -> set[str]:
    """The codes with findings."""
    return {code for code, outcome in codes(facts).items() if outcome == "found"}


def with_torch(version: str, hip: str | None, *, archs: tuple[str, ...] | None = OLD_ARCHS, rocblas: Any = None, **changes: Any) -> Python:
    """The environment with another torch. `rocblas`: targets to file counts, None for gfx906 alone, or "unread"."""
    packages = {**PYTHON.packages, "torch": version, "torchaudio": version, **changes.pop("packages", {})}
    files = {"gfx906": 120} if rocblas is None else rocblas
    held = UNREAD if files == "unread" else kernels("rocblas", f"{SITE}/torch/lib/rocblas/library", **files)
    hip_lib = library("torch", f"{SITE}/torch/lib/libtorch_hip.so", gfx=archs)
    python: Python = changed(
        PYTHON,
        packages=packages,
        torch=TorchBuild(version=version, hip=hip, cuda=None),
        libraries=changes.pop("libraries", (hip_lib,)),
        kernels=changes.pop("kernels", (PackageKernels(package="torch", kernels=held),)),
        **changes,
    )
    return python


def with_packages(packages: dict[str, str], *libraries: Any, **changes: Any) -> Python:
    """The healthy environment with more packages and libraries."""
    python: Python = changed(PYTHON, packages={**PYTHON.packages, **packages}, libraries=(*PYTHON.libraries, *libraries), **changes)
    return python


def without_torch(packages: dict[str, str], *libraries: Any, **changes: Any) -> Python:
    """An environment without torch."""
    values = {"packages": {"pip": "24.0", **packages}, "torch": None, "libraries": libraries, "kernels": (), **changes}
    python: Python = changed(PYTHON, **values)
    return python


CT2_CUDA = library(
    "ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2-bc15bf3f.so.4.6.1", gpu_api="cuda", gfx=(), needs=("libcudart-b9e7a9b4.so.12",)
)
CT2_HIP = library(
    "ctranslate2",
    f"{SITE}/ctranslate2.libs/libctranslate2.so.4",
    gfx=("gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1150", "gfx1151", "gfx1200", "gfx1201"),
    needs=("libamdhip64.so.7", "libhipblas.so.3"),
)
ORT_CPU = library("onnxruntime", f"{SITE}/onnxruntime/capi/libonnxruntime.so.1.23.2", gpu_api="none", gfx=(), needs=("libm.so.6",))
SHERPA = library("sherpa-onnx", f"{SITE}/sherpa_onnx/lib/libonnxruntime.so", gpu_api="none", gfx=(), needs=("libm.so.6",))
LLVMLITE = library("llvmlite", f"{SITE}/llvmlite/binding/libllvmlite.so", gpu_api="none", gfx=(), needs=("libm.so.6",))

#: The machine that rocmkit was begun for.
USER = machine(
    python=with_torch(
        "2.6.0+rocm6.1",
        "6.1.40091-a8dbc0c19",
        packages={
            "ctranslate2": "4.6.1",
            "faster-whisper": "1.2.1",
            "onnxruntime": "1.23.2",
            "sherpa-onnx": "1.12.40",
            "openai-whisper": "20250625",
        },
        libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", gfx=OLD_ARCHS), CT2_CUDA, ORT_CPU, SHERPA, LLVMLITE),
    ),
    rocm=(changed(ROCM, path="/opt/rocm-6.1.5", version="6.1.5"),),
)


def gpu(gfx: str | None, **changes: Any) -> Any:
    """Another GPU."""
    return changed(GPU, gfx=gfx, target_id=gfx, **changes)
