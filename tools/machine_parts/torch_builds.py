"""PyTorch wheels as installed: composed from published lists, since they are not on the package index.

Targets of torch's own kernels: PYTORCH_ROCM_ARCH in pytorch/builder manywheel/build_docker.sh and pytorch/pytorch
.ci/docker/manywheel/build.sh, by release. Libraries that come along: .ci/manywheel/build_rocm.sh, which also copies those files of
rocBLAS's and hipBLASLt's folders whose names match the targets: so a wheel has them where the ROCm image it was built in has them.
Sizes, sonames' endings and glibc versions are made up; whether the code inside is compressed is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

from rocmkit.gpucode.values import FileCode, GpuApi, KernelFiles
from tools.machine_parts.builder import Builder
from tools.machine_parts.rocm import KERNELS, counted, series

_BASE = ("gfx900", "gfx906", "gfx908", "gfx90a", "gfx1030")
_2_3 = (*_BASE, "gfx1100", "gfx942")
_2_7 = (*_2_3, "gfx1101", "gfx1102", "gfx1200", "gfx1201")
_2_10 = (*_2_7, "gfx950", "gfx1150", "gfx1151")


@dataclass(frozen=True)
class Torch:
    """One wheel."""

    version: str
    rocm: str | None
    hip: str | None
    cuda: str | None
    archs: tuple[str, ...]
    libraries: str
    """Bundled libraries, without lib and .so."""

    @property
    def triton(self) -> str:
        """The pytorch-triton-rocm that it asks for."""
        return {"2.0.1": "2.0.2", "2.6.0": "3.2.0", "2.9.1": "3.5.1"}.get(self.version, "3.6.0")

    @property
    def local(self) -> str:
        """Its version as pip shows it."""
        return self.version + (f"+rocm{self.rocm}" if self.rocm else "")


_FIRST = "MIOpen amdhip64 hipblas hipfft hiprand hiprtc hipsparse hsa-runtime64 amd_comgr magma rccl rocblas rocfft rocm_smi64 rocrand"
_FIRST += " rocsolver rocsparse roctracer64 roctx64"
_SECOND = f"{_FIRST} hipsolver hipblaslt rocprofiler-register aotriton_v2"
_THIRD = f"{_SECOND} rocm-core hipsparselt"

TORCH_2_0 = Torch("2.0.1", "5.4.2", "5.4.22803-474e8620", None, _BASE, _FIRST)
TORCH_2_6 = Torch("2.6.0", "6.1", "6.1.40093-bd86f1708", None, (*_2_3, "gfx1101"), _SECOND)
TORCH_2_9 = Torch("2.9.1", "6.3", "6.3.42134-a9a80e791", None, _2_7, _THIRD)
TORCH_2_9_64 = Torch("2.9.1", "6.4", "6.4.43484-123eb5128", None, _2_7, _THIRD)
TORCH_2_11 = Torch("2.11.0", "7.2", "7.2.26015-fc0010cf6", None, _2_10, _THIRD)
TORCH_CUDA = Torch("2.9.1", None, None, "12.8", (), "")


def code(name: str, api: GpuApi, gfx: tuple[str, ...], needs: tuple[str, ...], size: int) -> FileCode:
    """A library of such a wheel."""
    return FileCode(
        size_bytes=size,
        gpu_api=api,
        gfx=tuple(sorted(gfx)),
        sm=(),
        soname=name,
        needs=(*needs, "libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6"),
        rpath=("$ORIGIN",),
        rpath_kind="rpath",
        bundles=1 if gfx else 0,
        compressed=0,
        unreadable=(),
        glibc="2.28",
        glibcxx="3.4.22",
        glibcxx_provided=None,
        executable_stack=False,
    )


#: Bundled libraries that hold GPU code of their own, for the wheel's targets.
_WITH_CODE = {"rocblas", "rocfft", "rocsolver", "MIOpen"}
#: Those that the probe looks into; of the others the name is enough.
_READ = {"MIOpen", "amdhip64", "hipblas", "hsa-runtime64", "amd_comgr", "rocblas", "rocfft", "rocsolver", "hipblaslt", "aotriton_v2"}


def install(b: Builder, site: str, torch: Torch, soabi: str) -> None:
    """torch/ in site-packages."""
    declared = {"cuda": torch.cuda, "hip": torch.hip}
    lines = ["from typing import Optional", "", "__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'xpu']"]
    lines += [f"__version__ = '{torch.local if torch.rocm else torch.version + '+cu128'}'", "debug = False"]
    lines += [f"cuda: Optional[str] = {declared['cuda']!r}", f"git_version = '{'0' * 40}'", f"hip: Optional[str] = {declared['hip']!r}"]
    b.file(f"{site}/torch/version.py", "\n".join([*lines, "xpu: Optional[str] = None"]))
    b.empty(f"{site}/torch/__init__.py")
    b.code(f"{site}/torch/_C.{soabi}.so", code(f"_C.{soabi}.so", "none", (), ("libtorch_python.so",), 37000))
    lib = f"{site}/torch/lib"
    b.code(f"{lib}/libtorch_cpu.so", code("libtorch_cpu.so", "none", (), ("libc10.so", "libgomp.so.1"), 460 << 20))
    b.code(f"{lib}/libc10.so", code("libc10.so", "none", (), (), 1 << 20))
    if torch.cuda:
        linked = ("libc10_cuda.so", "libcudart.so.12", "libcublas.so.12", "libcudnn.so.9")
        b.code(f"{lib}/libtorch_cuda.so", code("libtorch_cuda.so", "cuda", (), linked, 900 << 20))
        b.code(f"{lib}/libc10_cuda.so", code("libc10_cuda.so", "cuda", (), ("libc10.so", "libcudart.so.12"), 1 << 20))
        b.code(f"{lib}/libtorch_python.so", code("libtorch_python.so", "cuda", (), ("libtorch_cuda.so", "libcudart.so.12"), 25 << 20))
        return
    b.code(f"{lib}/libtorch_python.so", code("libtorch_python.so", "hip", (), ("libtorch_hip.so", "libamdhip64.so"), 25 << 20))
    b.code(f"{lib}/libc10_hip.so", code("libc10_hip.so", "hip", (), ("libc10.so", "libamdhip64.so"), 1 << 20))
    needs = ("libc10_hip.so", "libMIOpen.so", "libamdhip64.so", "librocblas.so", "libhipblas.so", "librccl.so", "librocfft.so")
    b.code(f"{lib}/libtorch_hip.so", code("libtorch_hip.so", "hip", torch.archs, needs, 520 << 20))
    for name in torch.libraries.split():
        if name not in _READ:
            b.empty(f"{lib}/lib{name}.so")
            continue
        api: GpuApi = "none" if name in {"amd_comgr", "aotriton_v2"} else "hip"
        held = torch.archs if name in _WITH_CODE else ()
        needed = ("libamdhip64.so",) if api == "hip" and name != "amdhip64" else ()
        b.code(f"{lib}/lib{name}.so", code(f"lib{name}.so", api, held, needed, (48 if held else 2) << 20))
    for found in kernel_files(torch, site):
        b.kernels(found)
        b.folder(found.path)


def kernel_files(torch: Torch, site: str) -> list[KernelFiles]:
    """The kernel libraries' files that such a wheel brings."""
    have = KERNELS[series(torch.rocm or "")]
    places = {"rocblas": "torch/lib/rocblas/library", "hipblaslt": "torch/lib/hipblaslt/library", "miopen": "torch/share/miopen/db"}
    found = []
    for library, targets in have.items():
        wanted = targets if library == "miopen" else tuple(t for t in targets if t in torch.archs)
        found.append(counted(library, f"{site}/{places[library]}", wanted))
    return found
