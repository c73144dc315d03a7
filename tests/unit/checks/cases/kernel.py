"""The checks of kernel and hardware: a machine that triggers each, and one that passes it."""

from __future__ import annotations

from rocmkit.facts import Facts, KernelPackage, Ras, Runtime
from tests.support.checks import log, system
from tests.support.facts import DRIVER, GPU, HEALTHY, KFD, changed, machine
from tests.unit.checks.odd_machines import card, with_gpus

DOWN = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
BUILT = KernelPackage(version="6.8.5-2009582.22.04", kernels=("6.8.0-87-generic",))
BROKEN = KernelPackage(
    version="6.8.5-2009582.22.04", kernels=(), failed="6.8.0-87-generic", errors=("amdgpu_drv.c:12:10: error: too few arguments",)
)
ABSENT = changed(DRIVER, loaded=False, kind=None, dkms=(BUILT,))
REJECTED = "Loading of module with unavailable key is rejected"
WAITS = "amdgpu 0000:03:00.0: amdgpu: trn=2 ACK should not assert! wait again !"
FAULT = "amdgpu 0000:03:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 7)"
HUNG = (
    "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout, signaled seq=1, emitted seq=3",
    "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!",
    "amdgpu 0000:03:00.0: amdgpu: GPU reset(1) failed",
    "amdgpu 0000:03:00.0: amdgpu: GPU reset end with ret = -110",
)
TWO = with_gpus(card("gfx906", 1), card("gfx906", 2))
WSL = system(wsl=True, kernel="6.6.87.2-microsoft-standard-WSL2")
FAILS = Runtime(
    agents=(), error="hsa api call failure at: rocminfo.cc:1304\nCall returned HSA_STATUS_ERROR_OUT_OF_RESOURCES: The runtime failed"
)

CASES: dict[str, tuple[Facts, Facts]] = {
    "RK107": (machine(driver=ABSENT, gpus=(DOWN,), system=system(secure_boot=True), kernel_log=log(REJECTED)), HEALTHY),
    "RK108": (machine(driver=changed(DRIVER, dkms=(BROKEN,))), machine(driver=changed(DRIVER, dkms=(BUILT,), dkms_state="installed"))),
    "RK109": (machine(gpus=(changed(GPU, kfd_node=None),), kernel_log=log(WAITS), kfd=changed(KFD, gpu_nodes=())), HEALTHY),
    "RK110": (changed(TWO, system=system(iommu=True)), changed(TWO, system=system(iommu=True, kernel_parameters=("iommu=pt",)))),
    "RK111": (machine(kernel_log=log(*HUNG)), HEALTHY),
    "RK112": (machine(gpus=(changed(GPU, ras=Ras(uncorrectable={"umc": 2}, correctable={"umc": 0}, bad_pages=0)),)), HEALTHY),
    "RK113": (machine(kernel_log=log(FAULT)), HEALTHY),
    "RK114": (machine(gpus=(changed(DOWN, pci_driver="vfio-pci"),)), HEALTHY),
    "RK115": (machine(system=WSL, gpus=(), runtime=Runtime(agents=(), error="ROCk module is NOT loaded")), machine(system=WSL)),
    "RK116": (machine(runtime=FAILS), HEALTHY),
}
