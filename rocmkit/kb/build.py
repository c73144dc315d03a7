"""What builds need: programs, headers and libraries with the packages that bring them, compilers' architectures, and base images."""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocmkit.kb._load import document
from rocmkit.kb.targets import base
from rocmkit.kb.values import Row
from rocmkit.kb.versions import numbers, series, version, within
from rocmkit.model import Model

#: Whose packages: `any` where every layout of ROCm takes the same, else as a recipe names layouts.
PackagesOf = Literal["any", "amd", "core", "debian", "wheel"]
#: With what packages are installed. pip: into the environment that holds a ROCm of pip.
Manager = Literal["apt", "dnf", "zypper", "pacman", "pip"]


class Shown(Model, kw_only=True):
    """How one sees that a need is there: all that is named has to hold; with nothing named, it cannot be seen.

    `{rocm}`, `{lib}` and `{llvm}` are the toolchain's folders, `{openmp}` is its OpenMP library; `*` stands for one name.
    """

    programs: tuple[str, ...] = ()
    """One of these is on PATH, in `{llvm}` or in `{rocm}/bin`."""
    files: tuple[str, ...] = ()
    """All of these are there."""
    one_of: tuple[str, ...] = ()
    """One of these is there."""
    python: tuple[str, ...] = ()
    """Modules that the interpreter has; `Python.h`: its header."""


class Need(Row, kw_only=True):
    """Something that has to be installed to build, or to use what was built."""

    what: str
    """What it is for."""
    rocm: str = ""
    """Specifier of the ROCm releases that have it; empty: all, or it is none of ROCm's."""
    shown_by: Shown
    packages: dict[PackagesOf, dict[Manager, tuple[str, ...]]]
    """By layout and package manager. `{clang}` is the major version of clang, `{python}` that of Python: 3.10."""
    named: dict[str, tuple[str, ...]] = {}
    """By distribution (`ubuntu 22.04`), where that has other names than its package manager elsewhere."""


class Compiler(Row, kw_only=True):
    """Architectures that AMD's clang knows from some release of ROCm on."""

    archs: tuple[str, ...]
    """Base names and generic targets."""
    knows: str
    """Specifier of the ROCm releases whose compiler does."""
    lacks: str = ""
    """Specifier of the ROCm releases whose compiler does not; what neither names is not known."""


class Image(Row, kw_only=True):
    """A container image that holds all of a ROCm release's development packages."""

    rocm: str
    """Release of ROCm inside, `6.4.4`."""
    name: str
    """With its tag: `rocm/dev-ubuntu-22.04:6.4.4-complete`."""
    digest: str | None = None
    """`sha256:…` as a public source tells it; None: no source does, and the image is not pinned."""
    os: str
    """`ubuntu 22.04`."""
    python: str
    """Release of the distribution's Python, `3.10`."""


class DistributionClang(Row, kw_only=True):
    """The clang that Debian's own ROCm of some release goes with."""

    rocm: str
    """Specifier of the ROCm releases."""
    clang: str
    """Major version, `21`."""
    compiles: tuple[str, ...] = ()
    """Base names and generic targets that it compiles for, beyond those that AMD's clang of that ROCm is known to."""
    rocblas: tuple[str, ...] = ()
    """Base names that its rocBLAS has kernels for; empty: not known."""


class _File(Model, kw_only=True):
    needs: dict[str, Need]
    compilers: tuple[Compiler, ...]
    images: tuple[Image, ...]
    distributions: tuple[DistributionClang, ...]


@cache
def _file() -> _File:
    return document("build", _File)


def build_needs() -> dict[str, Need]:
    """All needs that recipes can name, by id."""
    return _file().needs


def build_need(wanted: str) -> tuple[Need, str | None] | None:
    """A need as recipes write it, `cmake` or `cmake>=3.21`, with the lowest version that does; None for what is none."""
    name, at_least, lowest = wanted.partition(">=")
    found = build_needs().get(name.strip())
    if found is None or (at_least and (version(lowest) is None or not found.shown_by.programs)):
        return None
    return found, lowest.strip() or None


def compiler_knows(target: str, rocm: str) -> bool | None:
    """Whether the clang of AMD's packages of that ROCm release compiles for a target id or a generic target; None: not known."""
    for row in _file().compilers:
        if base(target) in row.archs:
            if within(row.knows, rocm):
                return True
            return False if row.lacks and within(row.lacks, rocm) else None
    return None


def build_images() -> tuple[Image, ...]:
    """The base images, oldest ROCm first."""
    return _file().images


def build_image(rocm: str) -> Image | None:
    """The image for a ROCm release: that of the release itself, else the newest of its series; None where there is none."""
    rows = [row for row in build_images() if series(row.rocm) == series(rocm)]
    exact = [row for row in rows if row.rocm == rocm]
    return max(exact or rows, key=lambda row: numbers(row.rocm) or (), default=None)


def distribution_clang(rocm: str) -> str | None:
    """The major version of the clang that Debian's own ROCm of that release goes with; None: no such packages are known."""
    return row.clang if (row := _distribution(rocm)) else None


def distribution_compiles(target: str, rocm: str) -> bool | None:
    """Whether the clang of Debian's own ROCm of that release compiles for a target id or a generic target; None: not known."""
    row = _distribution(rocm)
    return True if row and base(target) in row.compiles else compiler_knows(target, rocm) or None


def distribution_rocblas(target: str, rocm: str) -> bool | None:
    """Whether Debian's own rocBLAS of that ROCm release has kernels for a target id; None: not known."""
    row = _distribution(rocm)
    return base(target) in row.rocblas if row and row.rocblas else None


def _distribution(rocm: str) -> DistributionClang | None:
    return next((row for row in _file().distributions if within(row.rocm, rocm)), None)
