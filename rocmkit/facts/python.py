"""The Python environment, and what its packages hold."""

from __future__ import annotations

from typing import Literal

from rocmkit.facts.gaps import Gap
from rocmkit.gpucode.values import FileCode, KernelFiles
from rocmkit.model import Model


class PythonLibrary(Model, kw_only=True):
    """A library file of a Python package, read as bytes."""

    package: str  # the distribution, by its normalised name
    file: str  # its path
    gpu_api: Literal["hip", "cuda", "none", "unknown"]  # what it is linked with; see FileCode
    gfx: tuple[str, ...] | None  # None: not known
    needs: tuple[str, ...]  # sonames it asks for
    code: FileCode | Gap  # all that the file says of itself


class TorchBuild(Model, kw_only=True):
    """torch/version.py, parsed and not run."""

    version: str | None  # __version__
    hip: str | None  # HIP release of a ROCm build
    cuda: str | None  # CUDA release of a CUDA build


class PackageKernels(Model, kw_only=True):
    """GPU kernel files that a Python package brings."""

    package: str  # the distribution, by its normalised name
    kernels: KernelFiles | Gap  # by name of the files


class Overlap(Model, kw_only=True):
    """Distributions whose RECORD files claim the same files below one top-level folder."""

    folder: str  # onnxruntime
    packages: tuple[str, ...]  # normalised names, two or more
    files: int  # claimed by more than one of them
    example: str  # one that lies there and whose claims differ in size, else any
    owner: str | None  # the package whose RECORD gives the size that `example` has on the disk; None: not told apart


class BundledRuntime(Model, kw_only=True):
    """A copy of a runtime library that may be in a process only once."""

    kind: Literal["hip", "hsa", "openmp"]  # libamdhip64, libhsa-runtime64; libgomp, libomp, libiomp5
    package: str  # the distribution that brings it, by its normalised name
    file: str  # its path
    soname: str | None  # as the file says


class Python(Model, kw_only=True):
    """The Python environment that was asked about; nothing of it was imported."""

    executable: str  # the interpreter that was asked
    version: str  # 3.10.12
    implementation: str  # cpython
    prefix: str  # sys.prefix
    kind: Literal["venv", "conda", "system"] | None  # None: not known
    externally_managed: bool | None  # PEP 668: pip refuses to install here
    paths: tuple[str, ...]  # folders that hold packages
    packages: dict[str, str]  # normalised name: version
    duplicates: dict[str, tuple[str, ...]]  # normalised name: versions, where one folder holds several, oldest first
    broken: tuple[str, ...]  # metadata that could not be read, and left-overs of pip
    torch: TorchBuild | None | Gap  # None: torch is not installed
    libraries: tuple[PythonLibrary, ...]  # GPU libraries of the packages that rocmkit knows
    kernels: tuple[PackageKernels, ...]  # folders of kernel files inside packages
    libstdcxx: str | None | Gap  # highest GLIBCXX_ of the environment's own libstdc++ (conda)
    soabi: str | None = None  # cpython-310-x86_64-linux-gnu; 313t: free-threaded
    bits: int | None = None  # 64
    overlaps: tuple[Overlap, ...] | Gap  # distributions that overwrite each other
    tags: dict[str, tuple[str, ...]]  # normalised name: tags in its WHEEL file, of the packages that `libraries` names
    runtimes: tuple[BundledRuntime, ...] | Gap  # copies of HIP, HSA and OpenMP inside packages
