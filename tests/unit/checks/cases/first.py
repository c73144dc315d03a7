"""The checks of the first catalogue: a machine that triggers each, and one that passes it."""

from __future__ import annotations

from rocmkit.facts import Blacklist, Facts, KernelPackage, Library
from tests.support.checks import log, system
from tests.support.facts import ACCESS, DRIVER, GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, changed, library, machine, node
from tests.unit.checks.odd_machines import ALLOCATOR, OWN_CT2, card, with_gpus
from tests.unit.checks.rk4_support import (
    CT2_CUDA,
    CT2_HIP,
    LLVMLITE,
    NEW_ARCHS,
    ORT_CPU,
    SHERPA,
    USER,
    with_packages,
    with_torch,
    without_torch,
)

DOWN = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
REFUSED = changed(ACCESS, groups=(1000,), promised=(), nodes=(node("/dev/kfd", open="EACCES"), node("/dev/dri/renderD128", open="EACCES")))
DOCKER = changed(SYSTEM, container="docker")
OLD_ROCM = changed(ROCM, path="/opt/rocm-5.7.1", version="5.7.1", default=False)
OLD_HSA = Library(name="libhsa-runtime64", soname="libhsa-runtime64.so.1", file="/opt/rocm-5.7.1/lib/libhsa-runtime64.so.1")
OLD_HIP = Library(name="libamdhip64", soname="libamdhip64.so.5", file="/opt/rocm-5.7.1/lib/libamdhip64.so.5")
WITH_HSA = changed(OLD_ROCM, libraries=(OLD_HSA, OLD_HIP))
RUNPATH = changed(PYTHON, libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", rpath_kind="runpath"),))
ORT_ROCM = library("onnxruntime-rocm", f"{SITE}/onnxruntime/capi/libonnxruntime_providers_rocm.so", gfx=("gfx1100",), needs=())
SHARED_LLVM = library("llvmlite", LLVMLITE.file, gpu_api="none", gfx=(), needs=("libLLVM.so.20",))
DIED = "python3[4711]: segfault at 34 ip 00007f sp 00007f error 4 in {}[45970,7f3d+117000]"
WHISPER = with_packages({"openai-whisper": "20250625"})
SHERPA_HIP = library("sherpa-onnx", f"{SITE}/sherpa_onnx/lib/libonnxruntime_providers_rocm.so", gfx=("gfx906",))
MIXED = with_gpus(card("gfx906", 1), card("gfx1036", 2, integrated=True))

CASES: dict[str, tuple[Facts, Facts]] = {
    "RK101": (machine(driver=changed(DRIVER, loaded=False, kind=None), gpus=(DOWN,)), HEALTHY),
    "RK102": (
        machine(driver=changed(DRIVER, loaded=False, blacklists=(Blacklist("/etc/modprobe.d/x.conf", "blacklist amdgpu"),))),
        HEALTHY,
    ),
    "RK103": (machine(driver=changed(DRIVER, dkms=(KernelPackage(version="6.8.5-2009582", kernels=()),))), HEALTHY),
    "RK104": (
        machine(gpus=(DOWN,), kernel_log=log("amdgpu 0000:03:00.0: Direct firmware load for amdgpu/vega20_mec.bin failed with error -2")),
        HEALTHY,
    ),
    "RK105": (machine(gpus=(DOWN,), kernel_log=log("amdgpu 0000:03:00.0: probe with driver amdgpu failed with error -12")), HEALTHY),
    "RK106": (
        with_gpus(
            card("gfx1030", kfd_node=None, device_id="73bf"),
            kernel_log=log("kfd kfd: amdgpu: skipped device 1002:73bf, PCI rejects atomics 87<92"),
        ),
        HEALTHY,
    ),
    "RK201": (machine(access=REFUSED), HEALTHY),
    "RK202": (machine(access=changed(ACCESS, nodes=(node("/dev/kfd", kind="missing", open="ENOENT"),))), HEALTHY),
    "RK203": (machine(access=changed(ACCESS, nodes=(node("/dev/kfd", open="EPERM"), node("/dev/dri/renderD128")))), HEALTHY),
    "RK204": (machine(system=DOCKER, access=changed(ACCESS, nodes=())), machine(system=DOCKER)),
    "RK205": (machine(system=DOCKER, access=REFUSED), machine(system=DOCKER)),
    "RK301": (machine(rocm=(ROCM, OLD_ROCM)), HEALTHY),
    "RK302": (machine(python=RUNPATH, rocm=(OLD_ROCM,), env={"LD_LIBRARY_PATH": "/opt/rocm-5.7.1/lib"}), HEALTHY),
    "RK303": (machine(python=RUNPATH, rocm=(WITH_HSA,), env={"LD_LIBRARY_PATH": "/opt/rocm-5.7.1/lib"}), HEALTHY),
    "RK304": (
        machine(driver=changed(DRIVER, kind="dkms", version="6.3.6")),
        machine(driver=changed(DRIVER, kind="dkms", version="6.10.5")),
    ),
    "RK305": (machine(system=system("arch")), HEALTHY),
    "RK306": (with_gpus(card("gfx1201")), HEALTHY),
    "RK307": (machine(python=with_torch("2.11.0+rocm7.2", "7.2.1", archs=NEW_ARCHS, rocblas={"gfx90a": 9})), HEALTHY),
    "RK401": (machine(python=with_torch("2.9.1+cpu", None)), HEALTHY),
    "RK402": (machine(python=without_torch({}, version="3.15.0")), machine(python=without_torch({}))),
    "RK403": (
        machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
    ),
    "RK404": (
        machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
    ),
    "RK405": (
        machine(
            python=with_packages({"ctranslate2": "4.5.0"}, changed(CT2_CUDA, code=changed(CT2_CUDA.code, executable_stack=True))),
            system=changed(SYSTEM, glibc="2.41"),
        ),
        machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA)),
    ),
    "RK406": (
        machine(python=with_packages({"onnxruntime-rocm": "1.22.2.post3"}, ORT_ROCM)),
        machine(python=with_packages({"onnxruntime": "1.23.2", "faster-whisper": "1.2.1"}, ORT_CPU)),
    ),
    "RK407": (machine(python=with_packages({"torchaudio": "2.8.0+rocm6.3"})), HEALTHY),
    "RK408": (machine(python=with_packages({}, library("x", f"{SITE}/x.so", glibc="2.99"))), HEALTHY),
    "RK409": (machine(python=with_packages({"numpy": "2.4.0"})), HEALTHY),
    "RK410": (machine(python=with_packages({"llvmlite": "0.44.0"})), HEALTHY),
    "RK411": (machine(python=with_packages({}, SHARED_LLVM)), machine(python=with_packages({}, LLVMLITE))),
    "RK412": (machine(kernel_log=log(DIED.format("libhsa-runtime64.so.1"))), HEALTHY),
    "RK413": (USER, HEALTHY),
    "RK414": (machine(python=WHISPER, kernel_log=log(DIED.format("libctranslate2.so.4"))), machine(python=WHISPER)),
    "RK415": (
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2)),
        machine(python=with_packages({"ctranslate2": "4.8.1"}, OWN_CT2), env=ALLOCATOR),
    ),
    "RK416": (machine(python=without_torch({})), HEALTHY),
    "RK417": (
        machine(python=with_packages({"triton": "3.5.0", "pytorch-triton-rocm": "3.5.1"})),
        machine(python=with_packages({"pytorch-triton-rocm": "3.5.1"})),
    ),
    "RK418": (
        machine(python=with_packages({"sherpa-onnx": "1.12.40"}, SHERPA)),
        machine(python=with_packages({"sherpa-onnx": "1.12.40"}, SHERPA_HIP)),
    ),
    "RK419": (
        machine(python=with_packages({"onnxruntime": "1.23.2", "faster-whisper": "1.2.1"}, ORT_CPU)),
        machine(python=with_packages({"onnxruntime": "1.22.2"}, changed(ORT_ROCM, package="onnxruntime"))),
    ),
    "RK501": (machine(env={"HSA_OVERRIDE_GFX_VERSION": "9.0.8"}), HEALTHY),
    "RK502": (machine(env={"HIP_VISIBLE_DEVICES": "-1"}), HEALTHY),
    "RK503": (MIXED, HEALTHY),
}
