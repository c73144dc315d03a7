"""What files hold GPU code for, as frozen values."""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model

GpuApi = Literal["hip", "cuda", "none", "unknown"]
KernelLibrary = Literal["rocblas", "hipblaslt", "miopen", "rocfft"]


class FileCode(Model, kw_only=True):
    """What one ELF file says of itself. Nothing of it was loaded or run."""

    size_bytes: int  # of the file
    gpu_api: GpuApi
    """The GPU programming interface it is linked with. "unknown": it names both, or could not be read whole and names neither."""
    gfx: tuple[str, ...] | None
    """Sorted distinct targets of the AMD GPU code inside, spelled as there ("gfx906:xnack-", "gfx9-generic", "amdgcnspirv").
    Empty: all was read and there is none. None: not all of it could be read, `unreadable` says why."""
    sm: tuple[str, ...]
    """Targets of NVIDIA code inside. Not read yet: always empty."""
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
