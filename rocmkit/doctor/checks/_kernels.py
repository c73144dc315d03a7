"""Which folders of kernel files a program uses: those inside torch, those of ROCm's Python packages, or those of the system's ROCm."""

from __future__ import annotations

from rocmkit.doctor.checks._stack import Torch, canonical, on_hip, release
from rocmkit.facts import Gap, Python, Rocm
from rocmkit.gpucode.values import KernelFiles, KernelLibrary


def of_torch(python: Python, rocm: tuple[Rocm, ...] | Gap, torch: Torch, library: KernelLibrary) -> tuple[tuple[KernelFiles, ...], bool]:
    """Folders of kernels that torch uses: its own, those of ROCm's Python packages, or the system's; and whether that is certain.

    No folder: none could be listed.
    """
    own = [item.kernels for item in python.kernels if canonical(item.package) == "torch"]
    if own or torch.wheel:
        return tuple(files for files in own if not isinstance(files, Gap) and files.library == library), True
    sdk = [item.kernels for item in python.kernels if canonical(item.package).startswith("rocm-sdk-libraries")]
    parts = tuple(files for files in sdk if not isinstance(files, Gap) and files.library == library)
    if parts or (wheels := _of_rocm(rocm, library, wheel=True)):
        return parts or wheels, True
    # It was linked with one release of the system's ROCm; without one of that number, the folder is a guess.
    matching = _of_rocm(rocm, library, wheel=False, version=torch.rocm)
    return (matching, len(matching) == 1) if matching else (_of_rocm(rocm, library, wheel=False), False)


def of_system(python: Python, rocm: tuple[Rocm, ...] | Gap, library: KernelLibrary) -> tuple[KernelFiles, ...]:
    """Folders of kernels of the system's ROCm, where a package other than torch takes the library from there."""
    return _of_rocm(rocm, library, wheel=False) if on_hip(python) else ()


def _of_rocm(rocm: tuple[Rocm, ...] | Gap, library: KernelLibrary, *, wheel: bool, version: str | None = None) -> tuple[KernelFiles, ...]:
    """The library's folders in the default ROCm, or in all where none is; with `version`, in those of that release."""
    if isinstance(rocm, Gap):
        return ()
    fit = [one for one in rocm if (one.kind == "wheel") == wheel]
    fit = [one for one in fit if release(one.version) == version] if version else [one for one in fit if one.default] or fit
    return tuple(files for one in fit for files in one.kernels if files.library == library)
