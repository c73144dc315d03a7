"""The knowledge as data: frozen rows, and pure queries over them.

Each YAML file is read when a query first needs it, and once. A query answers None where the knowledge base does not know.
"""

from __future__ import annotations

from rocmkit.kb.build import (
    build_image,
    build_images,
    build_need,
    build_needs,
    compiler_knows,
    distribution_clang,
    distribution_compiles,
    distribution_rocblas,
)
from rocmkit.kb.packages import gated, torchcodec, torchcodec_fits, torchcodec_for, wrong_tag
from rocmkit.kb.releases import (
    aotriton_archs,
    best_torch,
    ctranslate2_wheels,
    dkms_builds,
    driver,
    driver_release,
    hipblaslt_archs,
    install_layouts,
    kmd_window,
    library_archs,
    migraphx,
    numba,
    numba_for_numpy,
    numba_rows,
    onnxruntime_flavours,
    os_support,
    rocm_releases,
    torch_builds,
    torch_wheel,
    torch_wheels,
    torchaudio_for,
)
from rocmkit.kb.reports import all_torch_reports, torch_reports
from rocmkit.kb.targets import arch, archs, compatible, gfx_of_version, overrides, pci, pci_names, rocblas_kernels

__all__ = [
    "all_torch_reports",
    "aotriton_archs",
    "arch",
    "archs",
    "best_torch",
    "build_image",
    "build_images",
    "build_need",
    "build_needs",
    "compatible",
    "compiler_knows",
    "ctranslate2_wheels",
    "date",
    "distribution_clang",
    "distribution_compiles",
    "distribution_rocblas",
    "dkms_builds",
    "driver",
    "driver_release",
    "gated",
    "gfx_of_version",
    "hipblaslt_archs",
    "install_layouts",
    "kmd_window",
    "library_archs",
    "migraphx",
    "numba",
    "numba_for_numpy",
    "numba_rows",
    "onnxruntime_flavours",
    "os_support",
    "overrides",
    "pci",
    "pci_names",
    "rocblas_kernels",
    "rocm_releases",
    "torch_builds",
    "torch_reports",
    "torch_wheel",
    "torch_wheels",
    "torchaudio_for",
    "torchcodec",
    "torchcodec_fits",
    "torchcodec_for",
    "wrong_tag",
]


def date() -> str:
    """The day the knowledge base stands for."""
    return "2026-11-22"
