"""ROCm's user space and MIOpen: a machine that triggers each check, and one that passes it."""

from __future__ import annotations

from rocmkit.facts import Agent, Facts, PackageKernels, Runtime, Tool
from tests.support.facts import HEALTHY, PYTHON, SITE, cache, changed, kernels, library, machine
from tests.unit.checks.odd_machines import card, with_gpus


def rocminfo(*, on_path: bool | None) -> Tool:
    """The tool, in a ROCm folder."""
    return Tool(name="rocminfo", path="/opt/rocm/bin/rocminfo", version=None, on_path=on_path)


def with_miopen(*names: str) -> Facts:
    """The healthy machine, whose torch brings a folder of MIOpen's with these files of compiled kernels."""
    files = changed(kernels("miopen", f"{SITE}/torch/share/miopen/db", gfx906=2), compiled=names)
    return machine(python=changed(PYTHON, kernels=(*PYTHON.kernels, PackageKernels(package="torch", kernels=files))))


XNACK_ON = Runtime(agents=(Agent(name="gfx906", marketing_name=None, isa="gfx906:sramecc+:xnack+"),), error=None)
#: rocBLAS as AMD builds it: for the state without XNACK only.
ROCBLAS = PackageKernels(package="torch", kernels=kernels("rocblas", f"{SITE}/torch/lib/rocblas/library", **{"gfx906:xnack-": 120}))
WITHOUT_XNACK = changed(PYTHON, kernels=(ROCBLAS,))
AOTRITON = changed(PYTHON, libraries=(*PYTHON.libraries, library("torch", f"{SITE}/torch/lib/libaotriton_v2.so", gpu_api="none", gfx=())))
QWEN = changed(PYTHON, packages={**PYTHON.packages, "qwen-asr": "0.1.0"})
ROOTS = cache("kernels", "~/.cache/miopen", uid=0, writable=False)
TUNING = cache("tuning", "~/.config/miopen")
FILE = "~/.cache/miopen/3.2.0.ab12/gfx906_60.ukdb"
DAMAGED = cache("kernels", "~/.cache/miopen", damaged=(f"{FILE}: database disk image is malformed",))

CASES: dict[str, tuple[Facts, Facts]] = {
    "RK308": (machine(tools=(rocminfo(on_path=False),)), machine(tools=(rocminfo(on_path=True),))),
    "RK309": (machine(python=WITHOUT_XNACK, runtime=XNACK_ON, env={"HSA_XNACK": "1"}), machine(python=WITHOUT_XNACK)),
    "RK310": (machine(env={"TORCH_BLAS_PREFER_HIPBLASLT": "1"}), HEALTHY),
    "RK311": (machine(python=QWEN), with_gpus(card("gfx1100"), python=AOTRITON)),
    "RK312": (with_miopen(), with_miopen("gfx906_60.kdb")),
    "RK313": (machine(caches=(ROOTS, TUNING)), HEALTHY),
    "RK314": (machine(caches=(DAMAGED, TUNING)), HEALTHY),
}
