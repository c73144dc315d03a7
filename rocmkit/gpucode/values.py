"""What files hold GPU code for, as frozen values."""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model

GpuApi = Literal["hip", "cuda", "none", "unknown"]
KernelLibrary = Literal["rocblas", "hipblaslt", "miopen", "rocfft"]
ContentsKind = Literal["library", "program", "object", "code-object", "bundle", "cuda-binary", "archive"]


class FileCode(Model, kw_only=True):
    """What one file says of itself, mostly an ELF file. Nothing of it was loaded or run."""

    size_bytes: int  # of the file
    gpu_api: GpuApi
    """The GPU programming interface it is linked with. "unknown": it names both, or could not be read whole and names neither."""
    gfx: tuple[str, ...] | None
    """Sorted distinct targets of the AMD GPU code inside, spelled as there ("gfx906:xnack-", "gfx9-generic", "amdgcnspirv").
    Empty: all was read and there is none. None: not all of it could be read, `unreadable` says why."""
    sm: tuple[str, ...]
    """Sorted distinct targets of the NVIDIA code inside: "sm_80" for machine code, "compute_80" for PTX, "lto_80" for code that the
    linker compiles. Those that could be read. A cubin by itself says "sm_90" where it is for "sm_90a"."""
    soname: str | None  # DT_SONAME
    needs: tuple[str, ...]
    """DT_NEEDED, in the order of the file."""
    rpath: tuple[str, ...]
    """Folders of DT_RUNPATH, or of DT_RPATH where there is no DT_RUNPATH, with $ORIGIN as written (ld.so(8))."""
    rpath_kind: Literal["rpath", "runpath"] | None  # which of the two it is
    bundles: int
    """Uncompressed offload bundles walked."""
    compressed: int
    """Compressed offload bundles (magic CCOB) met."""
    unreadable: tuple[str, ...]
    """One short reason for each kind of thing that could not be read."""
    glibc: str | None
    """Highest GLIBC_ version asked for, such as "2.34"."""
    glibcxx: str | None
    """Highest GLIBCXX_ version asked for, such as "3.4.30"."""
    glibcxx_provided: str | None
    """Highest GLIBCXX_ version defined here, which only libstdc++ itself does."""
    executable_stack: bool | None
    """PT_GNU_STACK asks for an executable stack. None: no such header, so the kernel's default holds."""


class KernelFiles(Model, kw_only=True):
    """Kernel files of one library in one folder, told by their names."""

    library: KernelLibrary  # whose kernels
    path: str  # the folder
    files: int
    """Number of files looked at by name."""
    targets: dict[str, int]
    """Target ("gfx906", "gfx906:xnack-") to number of files for it."""
    unreadable: tuple[str, ...]
    """One short reason for each kind of thing that could not be read."""
    compiled: tuple[str, ...] | None = None
    """Of MIOpen: names of the files with compiled kernels ("gfx906_60.kdb"), sorted. None: not looked for."""


class CodeObjects(Model, kw_only=True):
    """The AMD GPU code that one file holds for one target."""

    target: str  # "gfx906:xnack-", as the file spells it
    objects: int  # code objects, and pieces of LLVM bitcode or SPIR-V, which are compiled when they are linked or loaded
    size_bytes: int  # of all of them, unpacked
    versions: tuple[int, ...]  # code object versions, sorted: 2 to 6
    wavefronts: tuple[int, ...]  # lanes of their kernels, sorted: 32, 64
    generic_version: int | None  # lowest, of a generic target's code; None: no generic target
    kernels: int | None  # kernels in all objects together; None: not all could be counted, as those of bitcode


class Contents(Model, kw_only=True):
    """One file of any kind that may hold GPU code, read in depth."""

    kind: ContentsKind
    """What the file is: an ELF shared object, executable or relocatable; a bare AMD GPU code object; a bare offload bundle
    (compressed or not); a bare CUDA fat binary or cubin; an `ar` archive, whose members are taken together."""
    code: FileCode  # what it says of itself; of an archive, its members together
    objects: tuple[CodeObjects, ...]  # by target, sorted; empty where there is no AMD GPU code
    kernel_names: tuple[str, ...] = ()  # sorted and distinct, where they were asked for


class KernelFile(Model, kw_only=True):
    """One kernel file, by its content."""

    name: str  # of the file
    kind: Literal["tensile-index", "tensile-code", "miopen-kernels", "miopen-tuning", "rocfft-cache"]
    """Tensile's list of solutions (rocBLAS, hipBLASLt) or their code, MIOpen's or rocFFT's compiled kernels, MIOpen's tuning."""
    named: str | None  # the target that the name says
    targets: tuple[str, ...] | None  # those that the content says, sorted; None: it does not say, or could not be read
    entries: int | None  # kernels, records or solutions in it; None: not counted
    problem: str | None  # why it cannot be used: empty, cut off, damaged, a placeholder of Git LFS; None: nothing wrong was seen
