"""What the knowledge base hands out: frozen rows, each with its sources and how it is known.

A *specifier* is a version specifier of Python packaging (`>=6.0,<6.4`). A source is `OWNER/REPO#NUMBER`, `OWNER/REPO[@REF] PATH`
on GitHub, or a URL.
"""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model

#: documented: its makers publish so. reported: somebody saw it on a machine. measured: read out of the artefact itself.
#: inferred: follows from the sources, none of which says so in as many words.
Known = Literal["documented", "reported", "measured", "inferred"]


class Row(Model, kw_only=True):
    """What every row of the knowledge base carries."""

    known: Known
    sources: tuple[str, ...]
    """Public places that say so; never empty."""


class TorchWheel(Row, kw_only=True):
    """One family of PyTorch wheels on pytorch.org."""

    torch: str
    """Release, `2.9`."""
    newest: str | None = None
    """Its newest patch, `2.9.1`, where that is known."""
    rocm: str
    """ROCm release in the family's name, `6.3`."""
    since: str
    """Day (or month) of the release, or of the candidate when not `stable`."""
    stable: bool
    """A release; otherwise a candidate or a nightly as of the knowledge base's date."""
    python: tuple[str, ...]
    """Python releases with wheels; a `t` marks free-threaded ones. Empty: not known."""
    archs: tuple[str, ...]
    """What torch's own kernels are compiled for, as torch.cuda.get_arch_list() says."""
    rocblas_missing: tuple[str, ...]
    """Those of `archs` without files in torch/lib/rocblas/library: the first matrix product aborts."""
    rocblas_known: Known | None
    """How `rocblas_missing` is known; None when it is empty."""
    torchaudio: str
    """The torchaudio release that goes with it."""
    index_url: str
    """For `pip install --index-url`."""
    note: str = ""
    """What was seen with this family."""


class TorchBuild(Row, kw_only=True):
    """Another way to a PyTorch (or a piece of it) than the wheels on pytorch.org."""

    id: str
    """Stable name in words."""
    archs: tuple[str, ...]
    """Architectures it is meant for."""
    what: str
    """What one gets."""
    index_url: str | None = None
    """For `pip install --index-url`, where there is one."""
    install: str | None = None
    """The command, where there is one."""
    note: str = ""
    """What to beware of."""


class NumbaRow(Row, kw_only=True):
    """What one numba release accepts."""

    numba: str
    """Release."""
    released: str = ""
    """Day of the release; empty: not looked up."""
    python: str
    """Specifier on Python."""
    numpy: str
    """Specifier on NumPy."""
    llvmlite: str
    """Release series of llvmlite, `0.45`."""
    llvm: str
    """Major version of the LLVM inside that llvmlite."""
    error_text: str
    """How numba's refusal of a newer NumPy begins."""


class System(Model):
    """An operating system that AMD documents for a ROCm release."""

    os: str
    """ID in /etc/os-release."""
    version: str
    """Release with its point, `22.04.5`."""
    kernels: tuple[str, ...] = ()
    """Kernel series, `6.8`; empty: not said."""
    preview: bool = False
    """Documented as a preview only."""


class OsSupport(Row, kw_only=True):
    """Operating systems that AMD documents for a range of ROCm releases."""

    releases: str
    """Specifier on the ROCm release."""
    systems: tuple[System, ...]
    note: str = ""
    """What the table alone does not say."""


class KmdWindow(Row, kw_only=True):
    """Kernel drivers that AMD tested a ROCm user space with, each named by the ROCm release that it came with."""

    rocm: str
    """Release series of the user space, `6.3`."""
    lowest: str
    """Oldest driver, `6.1`."""
    highest: str
    """Newest driver, as far as published."""
    note: str = ""
    """What the two ends alone do not say."""


class DriverRelease(Row, kw_only=True):
    """An amdgpu-dkms package, the ROCm release it came with, and the kernels it met."""

    dkms: str
    """Version in /sys/module/amdgpu/version, `6.8.5`."""
    rocm: str
    """ROCm release series, `6.2`."""
    fails_on: str = ""
    """Specifier of kernels (`6.8.0-44`, without the flavour) that it does not build on; empty: none known."""
    builds_on: str = ""
    """Specifier of kernels that it was seen to build on; empty: none known."""


class LibraryArchs(Row, kw_only=True):
    """What a library is compiled for over a range of ROCm releases."""

    library: str
    """Name in lower case, `hipblaslt`."""
    releases: str
    """Specifier on the ROCm release; empty: all known ones."""
    archs: tuple[str, ...]
    """Base names of the architectures."""
    note: str = ""
    """Whose build it is, what is left out."""


class InstallLayout(Row, kw_only=True):
    """Where a kind of ROCm installation puts itself."""

    id: str
    """Stable name in words."""
    releases: str
    """Specifier on the ROCm release."""
    prefix: str
    """Where it lies."""
    version_file: str | None = None
    """The file that holds its version."""
    packages: str = ""
    """Names of the packages that bring it."""


class CTranslate2Wheels(Row, kw_only=True):
    """The ROCm wheels of CTranslate2: assets of its GitHub releases, not on PyPI."""

    since: str
    """First release with them."""
    asset: str
    """Name of the release asset."""
    url: str
    """Where the releases are."""
    rocm: str
    """ROCm release they were built on; they bring none of it with them."""
    soname: str
    """The HIP runtime they load."""
    archs: tuple[str, ...]
    """What they are compiled for."""
    python: tuple[str, ...]
    """Python releases with wheels."""
    note: str = ""
    """What to beware of."""


class OrtFlavour(Row, kw_only=True):
    """One of the distributions that install the Python package `onnxruntime`, each over the others."""

    distribution: str
    """Name on the package index."""
    releases: str
    """Specifier on its version; empty: all."""
    gpu_providers: tuple[str, ...]
    """Execution providers that can use a GPU, compiled into it."""
    sonames: tuple[str, ...]
    """ROCm libraries it loads."""
    archs: tuple[str, ...]
    """What its GPU code is compiled for; empty: it holds none."""
    rocm: str | None = None
    """ROCm release it was built on, where it takes one from the machine."""
    python: tuple[str, ...] = ()
    """Python releases with wheels; empty: not looked up."""
    note: str = ""
    """What to beware of."""


class MigraphxArchs(Row, kw_only=True):
    """The cards that AMD makes ONNX Runtime with MIGraphX for."""

    rocm: str
    """Specifier on the ROCm release."""
    archs: tuple[str, ...]
    """Base names."""
