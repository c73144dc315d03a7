"""Machines that are unusual and sound, and how to make more of them."""

from __future__ import annotations

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import (
    Agent,
    Facts,
    Gpu,
    KernelPackage,
    Kfd,
    KfdNode,
    Library,
    Os,
    PackageKernels,
    Python,
    Ras,
    Rocm,
    Runtime,
    Tool,
    TorchBuild,
    gap,
)
from tests.support.facts import ACCESS, DRIVER, GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, changed, kernels, library, machine, node
from tests.unit.checks.rk4_support import NEW_ARCHS, ORT_CPU, with_packages, with_torch, without_torch

ALLOCATOR = {"CT2_CUDA_ALLOCATOR": "cub_caching"}


def alarms(facts: Facts) -> set[str]:
    """Codes of errors and warnings; none of the checks may crash."""
    results = examine(facts, all_checks())
    assert [(r.code, str(r.because)) for r in results if r.outcome == "crashed"] == []
    return {r.code for r in results if r.outcome == "found" and r.severity != "note"}


def word(facts: Facts) -> str:
    return verdict(facts, examine(facts, all_checks()))


def card(gfx: str, number: int = 1, **changes: object) -> Gpu:
    """A GPU of its own, KFD node and PCI address by its number."""
    values: dict[str, object] = {
        "gfx": gfx,
        "target_id": gfx,
        "pci": f"0000:{number:02x}:00.0",
        "kfd_node": number,
        "render_node": f"/dev/dri/renderD{127 + number}",
        **changes,
    }
    return changed(GPU, **values)  # type: ignore[no-any-return]


def with_gpus(*gpus: Gpu, **sections: object) -> Facts:
    """A machine with these GPUs, as kernel, runtime and device files show them."""
    known = sorted((gpu for gpu in gpus if gpu.kfd_node is not None), key=lambda gpu: gpu.kfd_node or 0)
    nodes = tuple(
        KfdNode(
            node=gpu.kfd_node or 0,
            gpu_id=1000 + (gpu.kfd_node or 0),
            name="",
            gfx_target_version=None,
            properties={},
            vram_bytes=None,
            apu=bool(gpu.integrated),
        )
        for gpu in known
    )
    values: dict[str, object] = {
        "gpus": gpus,
        "kfd": Kfd(gpu_nodes=nodes, cpu_nodes=(0,), masked_nodes=(), unreadable_nodes=()),
        "runtime": Runtime(agents=tuple(Agent(name=gpu.gfx or "?", marketing_name=None, isa=gpu.target_id) for gpu in known), error=None),
        "access": changed(ACCESS, nodes=(node("/dev/kfd"), *(node(gpu.render_node) for gpu in gpus if gpu.render_node))),
        **sections,
    }
    return machine(**values)


def on(id: str, **changes: object) -> Facts:
    values = {"os": Os(id=id, version=None, name=id), "glibc": "2.42", "glibcxx": "3.4.34", **changes}
    return machine(system=changed(SYSTEM, **values))


def therock() -> Python:
    """TheRock's wheels: torch without libraries of ROCm, which are in packages of their own."""
    python: Python = changed(
        PYTHON,
        packages={"torch": "2.12.0+rocm7.13.0a20260801", "torchaudio": "2.11.0+rocm7.13.0a20260801", "rocm-sdk-core": "7.13.0a20260801"},
        torch=TorchBuild(version="2.12.0+rocm7.13.0a20260801", hip="7.13.26301", cuda=None),
        libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", needs=("libamdhip64.so.7",)),),
        kernels=(
            PackageKernels(
                package="rocm-sdk-libraries-gfx906",
                kernels=kernels("rocblas", f"{SITE}/_rocm_sdk_libraries_gfx906/lib/rocblas/library", gfx906=90),
            ),
        ),
    )
    return python


def distro(version: str | None, *libraries: Library, **targets: int) -> Rocm:
    found = (kernels("rocblas", "/usr/lib/x86_64-linux-gnu/rocblas/4.2.4/library", **targets),) if targets else ()
    return Rocm(path="/usr", version=version, kind="distro", default=False, libraries=libraries, kernels=found)


HSA_57 = Library(name="libhsa-runtime64", soname="libhsa-runtime64.so.1", file="/usr/lib/x86_64-linux-gnu/libhsa-runtime64.so.1")
HIP_57 = Library(name="libamdhip64", soname="libamdhip64.so.5", file="/usr/lib/x86_64-linux-gnu/libamdhip64.so.5")
SDK = Rocm(
    path=f"{SITE}/_rocm_sdk_core",
    version="7.13.0a20260801",
    kind="wheel",
    default=False,
    libraries=(
        Library(name="libhsa-runtime64", soname="libhsa-runtime64.so.1", file=f"{SITE}/_rocm_sdk_core/lib/libhsa-runtime64.so.1"),
        Library(name="libamdhip64", soname="libamdhip64.so.7", file=f"{SITE}/_rocm_sdk_core/lib/libamdhip64.so.7"),
    ),
    kernels=(),
)
OWN_CT2 = library(
    "ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2.so.4", gfx=("gfx906",), needs=("libamdhip64.so.6", "libhipblas.so.2")
)
DEBIAN_TORCH = changed(
    PYTHON,
    executable="/usr/bin/python3",
    kind="system",
    externally_managed=True,
    packages={"torch": "2.6.0+debian", "numpy": "2.2.4"},
    torch=TorchBuild(version="2.6.0+debian", hip="5.7.31921-0", cuda=None),
    libraries=(),
    kernels=(),
)
ROOT = changed(ACCESS, uid=0, groups=(0,), promised=())
KEPT = changed(ACCESS, uid=0, groups=(0, 65534), nodes=(node("/dev/kfd", gid=65534), node("/dev/dri/renderD128", gid=65534)))
INTEGRATED = {"integrated": True, "vram_bytes": 2 << 30}
ALL = ("gfx803", *NEW_ARCHS, "gfx1103")
AUDIO = {"torchaudio": "2.11.0+rocm7.2"}
NEW_TORCH = with_torch("2.13.0+rocm7.2", "7.2.1", archs=ALL, rocblas=dict.fromkeys((*NEW_ARCHS[2:], "gfx1103"), 9), packages=AUDIO)


def torch_alone(version: str, hip: str | None, cuda: str | None = None, **changes: object) -> Python:
    python: Python = changed(
        PYTHON, packages={"pip": "24.0", "torch": version}, torch=TorchBuild(version=version, hip=hip, cuda=cuda), **changes
    )
    return python


SOUND: dict[str, Facts] = {
    "Arch": on("arch", kernel="6.17.8-arch1-1"),
    "Fedora": on("fedora", kernel="6.17.8-300.fc43.x86_64"),
    "openSUSE": on("opensuse-tumbleweed", kernel="6.17.8-1-default"),
    "NixOS": on("nixos", glibc=gap("absent", "no /usr/lib"), glibcxx=gap("absent", "no /usr/lib")),
    "musl": on("alpine", glibc=None, glibcxx=None),
    "conda": machine(python=changed(PYTHON, kind="conda", libstdcxx="3.4.30")),
    "PEP 668": machine(python=changed(PYTHON, kind="system", externally_managed=True, executable="/usr/bin/python3")),
    "root in docker": machine(system=changed(SYSTEM, container="docker"), access=ROOT),
    "root in docker whose image has amdgpu-dkms": machine(
        system=changed(SYSTEM, container="docker"),
        access=ROOT,
        driver=changed(DRIVER, modules=(), dkms=(KernelPackage(version="6.8.5", kernels=()),)),
    ),
    "LXC": machine(system=changed(SYSTEM, container="lxc", user_namespace=True)),
    "podman with keep-groups": machine(system=changed(SYSTEM, container="podman", user_namespace=True), access=KEPT),
    "a VM with the card passed through": machine(system=changed(SYSTEM, vm="kvm")),
    "MI300A": with_gpus(card("gfx942", integrated=True), python=NEW_TORCH),
    "MI300X in CPX": with_gpus(*(card("gfx942", n, pci="0000:05:00.0") for n in range(1, 9)), python=NEW_TORCH),
    "MI50 and RX 9070 with the torch for both": with_gpus(
        card("gfx906", 1),
        card("gfx1201", 2),
        python=with_torch("2.9.1+rocm6.3", "6.3.42131", archs=NEW_ARCHS, rocblas={"gfx906": 9, "gfx1201": 9}),
    ),
    "an old card for the screen, hidden": with_gpus(card("gfx803", 1), card("gfx906", 2), env={"ROCR_VISIBLE_DEVICES": "1"}),
    "an old card for the screen, not in KFD": with_gpus(
        card("gfx906", 1), changed(card("gfx803", 2), kfd_node=None, gfx=None, target_id=None)
    ),
    "an APU alone": with_gpus(card("gfx1103", **INTEGRATED), python=NEW_TORCH, system=changed(SYSTEM, kernel="6.11.0-26-generic")),
    "an APU beside the card, hidden": with_gpus(
        card("gfx1036", 2, **INTEGRATED), card("gfx906", 1), env={"HIP_VISIBLE_DEVICES": "0"}, env_files=()
    ),
    "an NVIDIA card too": machine(access=changed(ACCESS, nodes=(*ACCESS.nodes, node("/dev/dri/renderD129", open="EACCES", gid=999)))),
    "no Python": machine(python=gap("absent", "no python3 on PATH")),
    "torch for the processor beside CTranslate2 for HIP": machine(
        python=changed(
            torch_alone("2.9.1+cpu", None), packages={"torch": "2.9.1+cpu", "ctranslate2": "4.8.1"}, libraries=(OWN_CT2,), kernels=()
        ),
        env=ALLOCATOR,
    ),
    "CTranslate2 of one's own for gfx906": machine(python=without_torch({"ctranslate2": "4.8.1"}, OWN_CT2), env=ALLOCATOR),
    "ROCm 7.13": machine(
        rocm=(changed(ROCM, path="/opt/rocm/core-7.13", version="7.13.0", kernels=(kernels("rocblas", "/x", gfx906=1),)),)
    ),
    "TheRock": machine(python=therock(), rocm=(SDK,)),
    "TheRock beside the distribution's HSA runtime": machine(python=therock(), rocm=(SDK, distro("5.7", HSA_57, HIP_57))),
    "the distribution's HSA runtime beside AMD's ROCm": machine(rocm=(ROCM, distro(None, HSA_57))),
    "AMD's own wheels": with_gpus(
        card("gfx1100"),
        python=with_torch(
            "2.9.1+rocm7.1.1.lw.git351ff442",
            "7.1.52802",
            archs=NEW_ARCHS,
            rocblas={"gfx1100": 9},
            packages={"torchaudio": "2.9.0+rocm7.1.1.gite3c6ee2b"},
        ),
    ),
    "AMD's torch 2.12, whose torchaudio is 2.11": with_gpus(
        card("gfx1100"),
        python=with_torch(
            "2.12.1+rocm7.13.0", "7.13.1", archs=NEW_ARCHS, rocblas={"gfx1100": 9}, packages={"torchaudio": "2.11.0+rocm7.13.0"}
        ),
    ),
    "a nightly": with_gpus(
        card("gfx1100"),
        python=with_torch(
            "2.11.0.dev20260101+rocm7.1",
            "7.1.5",
            archs=NEW_ARCHS,
            rocblas={"gfx1100": 9},
            packages={"torchaudio": "2.10.0.dev20260101+rocm7.1"},
        ),
    ),
    "torch from source": machine(python=torch_alone("2.9.0a0+git0fabc3b", "6.3.42131")),
    "torch for HIP, version.py not readable": machine(python=changed(PYTHON, torch=gap("denied", "version.py"))),
    "torch from source, version.py not readable": machine(
        python=changed(PYTHON, packages={"torch": "2.9.0a0+git0fabc3b"}, torch=gap("unparsable", "version.py"))
    ),
    "Debian's torch": machine(python=DEBIAN_TORCH, rocm=(distro("5.7", HSA_57, HIP_57, gfx906=9),)),
    "onnxruntime for the processor, as something needs it": machine(
        python=with_packages({"onnxruntime": "1.23.2", "magika": "1.0"}, ORT_CPU)
    ),
    "onnxruntime-migraphx": with_gpus(
        card("gfx1100"),
        python=without_torch(
            {"onnxruntime-migraphx": "1.27.1"},
            library(
                "onnxruntime-migraphx",
                f"{SITE}/onnxruntime/capi/libonnxruntime_providers_migraphx.so",
                gfx=(),
                needs=("libmigraphx_c.so.3", "libamdhip64.so.7"),
            ),
        ),
        rocm=(changed(ROCM, kernels=(kernels("rocblas", "/opt/rocm/lib/rocblas/library", gfx1100=9),)),),
    ),
    "bitsandbytes for ROCm, whose libraries the system need not serve": machine(
        python=with_packages(
            {"bitsandbytes": "0.48.0"}, library("bitsandbytes", f"{SITE}/bitsandbytes/libbitsandbytes_rocm72.so", gfx=("gfx90a",))
        ),
        rocm=(changed(ROCM, version="7.2.0", path="/opt/rocm-7.2.0", kernels=(kernels("rocblas", "/opt/rocm-7.2.0/lib", gfx90a=9),)),),
    ),
    "no numba": machine(python=changed(PYTHON, packages={"torch": "2.9.1+rocm6.3", "numpy": "1.26.4"})),
    "a numba that is newer than the table": machine(python=with_packages({"numba": "0.99.0", "llvmlite": "0.99.0", "numpy": "3.1.0"})),
    "Python 3.13t": machine(
        python=changed(PYTHON, version="3.13.5", soabi="cpython-313t-x86_64-linux-gnu", packages={"torch": "2.8.0+rocm6.3"})
    ),
    "Python 3.15": machine(python=changed(PYTHON, version="3.15.0", packages={"torch": "2.9.1+rocm6.3"})),
    "Python 3.8": machine(python=changed(PYTHON, version="3.8.20", packages={"torch": "2.3.1+rocm6.0"})),
    "a stale variable that leads nowhere": machine(env={"LD_LIBRARY_PATH": "/opt/rocm-5.4.0/lib"}),
    "LD_LIBRARY_PATH to the same release": machine(env={"LD_LIBRARY_PATH": "/opt/rocm-6.3.4/lib"}),
    "the GPU chosen by its number": machine(env={"HIP_VISIBLE_DEVICES": "0"}),
    "a container as docker makes it": machine(
        system=changed(SYSTEM, container="docker", seccomp="filter"),
        memory=changed(HEALTHY.memory, shm_bytes=64 << 20, memlock_bytes=64 << 10),
        kernel_log=gap("denied", "dmesg"),
    ),
    "two cards behind an IOMMU": with_gpus(card("gfx906", 1), card("gfx906", 2), system=changed(SYSTEM, iommu=True)),
    "a used card that set pages aside": machine(
        gpus=(changed(GPU, ras=Ras(uncorrectable={"umc": 0}, correctable={"umc": 9}, bad_pages=7)),)
    ),
    "Docker Desktop, for other things": machine(system=changed(SYSTEM, docker_context="desktop-linux")),
    "pydub without ffmpeg": machine(
        python=with_packages({"gradio": "5.0", "pydub": "0.25.1"}), tools=(Tool(name="ffmpeg", path=None, version=None),)
    ),
    "pyannote.audio 3 with a Lightning that loads its models": machine(
        python=with_packages({"pyannote-audio": "3.4.0", "pytorch-lightning": "2.5.6", "torchcodec": "0.9.1"})
    ),
}
