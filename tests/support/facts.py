"""A healthy MI50 machine as facts, and helpers to change one thing of it."""

from __future__ import annotations

from typing import Any

import msgspec

from rocmkit.facts import (
    Access,
    Agent,
    BundledRuntime,
    Cache,
    DeviceNode,
    Driver,
    Facts,
    Gpu,
    Hub,
    IdRange,
    KernelLog,
    Kfd,
    KfdNode,
    Link,
    Memory,
    Os,
    PackageKernels,
    Python,
    PythonLibrary,
    Ras,
    Rocm,
    Runtime,
    System,
    Tool,
    TorchBuild,
)
from rocmkit.gpucode.values import FileCode, KernelFiles


def code(**changes: Any) -> FileCode:
    """A readable HIP library for gfx906."""
    values: dict[str, Any] = {
        "size_bytes": 1 << 20,
        "gpu_api": "hip",
        "gfx": ("gfx906",),
        "sm": (),
        "soname": None,
        "needs": ("libamdhip64.so.6",),
        "rpath": ("$ORIGIN",),
        "rpath_kind": "rpath",
        "bundles": 1,
        "compressed": 0,
        "unreadable": (),
        "glibc": "2.28",
        "glibcxx": "3.4.22",
        "glibcxx_provided": None,
        "executable_stack": False,
    }
    return FileCode(**{**values, **changes})


def library(package: str, file: str, **changes: Any) -> PythonLibrary:
    """A package's library; changes go to its FileCode."""
    found = code(**changes)
    return PythonLibrary(package=package, file=file, gpu_api=found.gpu_api, gfx=found.gfx, needs=found.needs, code=found)


def kernels(name: str, path: str, **targets: int) -> KernelFiles:
    """Kernel files: kernels("rocblas", "/…", gfx906=120)."""
    return KernelFiles(library=name, path=path, files=sum(targets.values()), targets=targets, unreadable=())  # type: ignore[arg-type]


GPU = Gpu(
    gfx="gfx906",
    gfx_source="kfd",
    target_id="gfx906:sramecc+:xnack-",
    name="Vega 20 [Radeon Pro VII/Radeon Instinct MI50]",
    pci="0000:03:00.0",
    device_id="66a1",
    vram_bytes=17163091968,
    compute_units=60,
    render_node="/dev/dri/renderD128",
    kfd_node=1,
    kfd_gpu_id=51887,
    integrated=False,
    pci_driver="amdgpu",
    link=Link(speed_gts=8.0, width=16, max_speed_gts=16.0, max_width=16),
    bar0_bytes=17179869184,
    ras=Ras(uncorrectable={"umc": 0, "sdma": 0}, correctable={"umc": 0, "sdma": 0}, bad_pages=0),
    vram_used_bytes=20 << 20,
    gtt_bytes=16 << 30,
)

SYSTEM = System(
    kernel="6.8.0-87-generic",
    machine="x86_64",
    os=Os(id="ubuntu", version="22.04", name="Ubuntu 22.04.5 LTS", like=("debian",)),
    glibc="2.35",
    glibcxx="3.4.30",
    cpu="AMD Ryzen 7 5800X 8-Core Processor",
    container=None,
    user_namespace=False,
    wsl=False,
    vm=None,
    kernel_parameters=(),
    iommu=False,
    secure_boot=False,
    selinux=None,
    selinux_type=None,
    seccomp="off",
    docker_context=None,
    libavcodec=("libavcodec.so.58",),
)

DRIVER = Driver(
    loaded=True,
    kind="in-tree",
    version=None,
    modules=("/lib/modules/6.8.0-87-generic/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko",),
    dkms=(),
    blacklists=(),
    parameters={"noretry": "-1"},
    firmware=("vega20_mec.bin", "vega20_mec2.bin", "vega20_sdma.bin"),
    dkms_state=None,
)

KFD = Kfd(
    gpu_nodes=(
        KfdNode(
            node=1,
            gpu_id=51887,
            name="vega20",
            gfx_target_version=90006,
            properties={"simd_count": 240},
            vram_bytes=17163091968,
            apu=False,
        ),
    ),
    cpu_nodes=(0,),
    masked_nodes=(),
    unreadable_nodes=(),
)


def node(path: str, **changes: Any) -> DeviceNode:
    """A device node that opens."""
    values: dict[str, Any] = {"path": path, "kind": "character", "mode": "0660", "uid": 0, "gid": 109, "open": "ok"}
    return DeviceNode(**{**values, **changes})


ACCESS = Access(
    uid=1000,
    groups=(44, 109, 1000),
    promised=(44, 109),
    group_names={"render": 109, "video": 44},
    nodes=(node("/dev/kfd"), node("/dev/dri/renderD128")),
    uid_map=(IdRange(inside=0, outside=0, count=4294967295),),
    gid_map=(IdRange(inside=0, outside=0, count=4294967295),),
    numbers={"/dev/kfd": "235:0", "/dev/dri/renderD128": "226:128"},
)

ROCM = Rocm(
    path="/opt/rocm-6.3.4",
    version="6.3.4",
    kind="system",
    default=True,
    libraries=(),
    kernels=(kernels("rocblas", "/opt/rocm-6.3.4/lib/rocblas/library", gfx906=128, gfx908=150),),
)

SITE = "~/venv/lib/python3.10/site-packages"

PYTHON = Python(
    executable="~/venv/bin/python",
    version="3.10.12",
    implementation="cpython",
    prefix="~/venv",
    kind="venv",
    externally_managed=False,
    paths=(SITE,),
    packages={
        "pip": "24.0",
        "torch": "2.9.1+rocm6.3",
        "torchaudio": "2.9.1+rocm6.3",
        "numpy": "2.2.6",
        "numba": "0.62.1",
        "llvmlite": "0.45.1",
    },
    duplicates={},
    broken=(),
    torch=TorchBuild(version="2.9.1+rocm6.3", hip="6.3.42131", cuda=None),
    libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", gfx=("gfx900", "gfx906", "gfx908", "gfx90a", "gfx942")),),
    kernels=(PackageKernels(package="torch", kernels=kernels("rocblas", f"{SITE}/torch/lib/rocblas/library", gfx906=120, gfx90a=150)),),
    libstdcxx=None,
    overlaps=(),
    tags={"torch": ("cp310-cp310-manylinux_2_28_x86_64",)},
    runtimes=(
        BundledRuntime(kind="hip", package="torch", file=f"{SITE}/torch/lib/libamdhip64.so", soname="libamdhip64.so.6"),
        BundledRuntime(kind="hsa", package="torch", file=f"{SITE}/torch/lib/libhsa-runtime64.so", soname="libhsa-runtime64.so.1"),
        BundledRuntime(kind="openmp", package="torch", file=f"{SITE}/torch/lib/libgomp.so", soname="libgomp.so.1"),
    ),
)


def cache(purpose: str, path: str, **changes: Any) -> Cache:
    """A MIOpen folder of this user's that is there and sound."""
    values: dict[str, Any] = {
        "purpose": purpose,
        "path": path,
        "variable": None,
        "nearest": path,
        "uid": 1000,
        "mode": "0755",
        "writable": True,
        "file_system": "ext4",
        "databases": 1,
        "damaged": (),
    }
    return Cache(**{**values, **changes})


HEALTHY = Facts(
    system=SYSTEM,
    driver=DRIVER,
    kfd=KFD,
    gpus=(GPU,),
    access=ACCESS,
    kernel_log=KernelLog(source="dmesg", lines=()),
    runtime=Runtime(agents=(Agent(name="gfx906", marketing_name="AMD Instinct MI50", isa="gfx906:sramecc+:xnack-"),), error=None),
    rocm=(ROCM,),
    python=PYTHON,
    env={},
    env_files=(),
    memory=Memory(
        total_bytes=32 << 30, available_bytes=28 << 30, cgroup_limit_bytes=None, shm_bytes=16 << 30, memlock_bytes=None, disks=()
    ),
    tools=(
        Tool(name="rocminfo", path="/opt/rocm-6.3.4/bin/rocminfo", version=None),
        Tool(name="ffmpeg", path="/usr/bin/ffmpeg", version="4.4.2"),
    ),
    caches=(cache("kernels", "~/.cache/miopen"), cache("tuning", "~/.config/miopen")),
    hub=Hub(token=True, path="~/.cache/huggingface/hub", models=("openai/whisper-large-v3",)),
)


def changed(value: Any, **changes: Any) -> Any:
    """A frozen value with some fields replaced."""
    return msgspec.structs.replace(value, **changes)


def machine(**sections: Any) -> Facts:
    """The healthy machine with some sections replaced."""
    return changed(HEALTHY, **sections)  # type: ignore[no-any-return]
