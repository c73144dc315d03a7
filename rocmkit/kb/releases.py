"""What goes with what: PyTorch wheels, numba, operating systems, kernel drivers, and the libraries of a ROCm release."""

from __future__ import annotations

import re
from functools import cache

from rocmkit.kb._load import document
from rocmkit.kb.targets import base
from rocmkit.kb.values import (
    CTranslate2Wheels,
    DriverRelease,
    InstallLayout,
    KmdWindow,
    Known,
    LibraryArchs,
    MigraphxArchs,
    NumbaRow,
    OrtFlavour,
    OsSupport,
    TorchBuild,
    TorchWheel,
)
from rocmkit.kb.versions import numbers, series, version, within
from rocmkit.model import Model


class _Family(Model, kw_only=True):
    rocm: str
    archs: str
    rocblas_missing: tuple[str, ...] = ()
    rocblas_known: Known | None = None
    index_url: str | None = None
    note: str = ""
    sources: tuple[str, ...] = ()


class _TorchRelease(Model, kw_only=True):
    torch: str
    newest: str | None = None
    since: str
    stable: bool = True
    python: tuple[str, ...]
    torchaudio: str
    known: Known
    sources: tuple[str, ...]
    wheels: tuple[_Family, ...]


class _TorchFile(Model, kw_only=True):
    index_url: str
    arch_sets: dict[str, tuple[str, ...]]
    releases: tuple[_TorchRelease, ...]
    builds: tuple[TorchBuild, ...]


class _NumbaFile(Model, kw_only=True):
    releases: tuple[NumbaRow, ...]


class _RocmFile(Model, kw_only=True):
    os_support: tuple[OsSupport, ...]
    kmd_windows: tuple[KmdWindow, ...]
    drivers: tuple[DriverRelease, ...]
    libraries: tuple[LibraryArchs, ...]
    layouts: tuple[InstallLayout, ...]


class _OrtFile(Model, kw_only=True):
    flavours: tuple[OrtFlavour, ...]
    migraphx: tuple[MigraphxArchs, ...]


@cache
def _torch_file() -> _TorchFile:
    return document("torch", _TorchFile)


@cache
def _numba_file() -> _NumbaFile:
    return document("numba", _NumbaFile)


@cache
def _rocm_file() -> _RocmFile:
    return document("rocm", _RocmFile)


@cache
def _ort_file() -> _OrtFile:
    return document("onnxruntime", _OrtFile)


@cache
def torch_wheels() -> tuple[TorchWheel, ...]:
    """The wheel families of pytorch.org, oldest first."""
    file = _torch_file()
    return tuple(
        TorchWheel(
            torch=release.torch,
            newest=release.newest,
            rocm=family.rocm,
            since=release.since,
            stable=release.stable,
            python=release.python,
            archs=file.arch_sets[family.archs],
            rocblas_missing=family.rocblas_missing,
            rocblas_known=family.rocblas_known,
            torchaudio=release.torchaudio,
            index_url=family.index_url or file.index_url.replace("{rocm}", family.rocm),
            note=family.note,
            known=release.known,
            sources=release.sources + family.sources,
        )
        for release in file.releases
        for family in release.wheels
    )


def torch_wheel(torch: str, rocm: str) -> TorchWheel | None:
    """The family of an installed torch: `2.6.0` or `2.6.0+rocm6.1`, with its ROCm release or HIP version (`6.1.40091`).

    None where pytorch.org has no such family, and for builds of another origin that say so in their version.
    """
    found = re.fullmatch(r"([0-9]+\.[0-9]+)(?:\.[0-9]+)?(\.dev[0-9]+)?(?:\+rocm([0-9.]+))?", torch, re.ASCII)
    wanted = numbers(rocm.partition("-")[0])
    if found is None or wanted is None or len(wanted) < 2:
        return None
    if len(wanted) > 2 and wanted[2] > 999:  # HIP counts builds in its third number, ROCm patches
        wanted = wanted[:2]
    for row in torch_wheels():
        family = numbers(row.rocm) or ()
        named = found[3] in (None, row.rocm)
        nightly = found[2] is not None
        if row.torch == found[1] and named and family[: len(wanted)] == wanted and not (nightly and row.stable):
            return row
    return None


def best_torch(gfx: str, python: str, also: tuple[str, ...] = ()) -> TorchWheel | None:
    """The newest released family with kernels and rocBLAS files for `gfx` and for all of `also`, and with wheels for that Python.

    `python` is named as wheels name it: `3.10`, or `3.13t` for a free-threaded one.
    """
    names = {base(name) for name in (gfx, *also)}
    found = re.fullmatch(r"([0-9]+\.[0-9]+)(?:\.[0-9]+)?(t?)", python, re.ASCII)
    if found is None:
        return None
    fit = (
        row for row in torch_wheels() if row.stable and names <= {*row.archs} - {*row.rocblas_missing} and found[1] + found[2] in row.python
    )
    return max(fit, key=lambda row: (numbers(row.torch) or (), numbers(row.rocm) or ()), default=None)


@cache
def torchaudio_for(torch: str) -> str | None:
    """The release series of torchaudio (`2.11`) that goes with a release series of torch (`2.13`); None outside the table."""
    found = next((row.torchaudio for row in torch_wheels() if row.torch == torch), None)
    pair = series(found) if found else None
    return ".".join(map(str, pair)) if pair else None


def torch_builds(gfx: str | None = None) -> tuple[TorchBuild, ...]:
    """Other builds than those of pytorch.org: all, or those meant for `gfx`. `{gfx}` in a command stands for the name."""
    return tuple(row for row in _torch_file().builds if gfx is None or base(gfx) in row.archs)


def numba_rows() -> tuple[NumbaRow, ...]:
    """The numba releases of the table, oldest first."""
    return _numba_file().releases


def numba(release: str) -> NumbaRow | None:
    """The row of that numba release, or the newest older one of the same series; None outside the table."""
    asked = version(release)
    if asked is None:
        return None
    best: NumbaRow | None = None
    for row in numba_rows():
        known = version(row.numba)
        if known is not None and known.release[:2] == asked.release[:2] and known <= asked:
            best = row
    return best


def numba_for_numpy(numpy: str, python: str) -> NumbaRow | None:
    """The newest numba of the table that accepts both; None where none does."""
    return next((row for row in reversed(numba_rows()) if within(row.numpy, numpy) and within(row.python, python)), None)


def os_support(rocm: str) -> OsSupport | None:
    """Operating systems that AMD documents for that ROCm release; None where the knowledge base has no list."""
    return next((row for row in _rocm_file().os_support if within(row.releases, rocm)), None)


def kmd_window(rocm: str) -> KmdWindow | None:
    """Kernel drivers for that ROCm user space; None outside the table. Compare with `driver_release`."""
    found = series(rocm)
    return next((row for row in _rocm_file().kmd_windows if found == numbers(row.rocm)), None)


def driver(dkms_version: str) -> DriverRelease | None:
    """The row of that amdgpu-dkms version, or the newest older one of the same series; None outside the table."""
    asked = numbers(dkms_version)
    best: DriverRelease | None = None
    for row in _rocm_file().drivers:
        known = numbers(row.dkms)
        if asked and known and known[:2] == asked[:2] and known <= asked:
            best = row
    return best


def driver_release(dkms_version: str) -> str | None:
    """The ROCm release series an amdgpu-dkms version came with: `6.8.5` came with `6.2`."""
    found = driver(dkms_version)
    return found.rocm if found else None


def dkms_builds(dkms_version: str, kernel: str) -> bool | None:
    """Whether that amdgpu-dkms was seen to build on a kernel (`6.8.0-45-generic`); None: not known."""
    found, release = driver(dkms_version), re.match(r"[0-9]+\.[0-9]+(?:\.[0-9]+(?:-[0-9]+)?)?", kernel)
    if found is None or release is None:
        return None
    if found.fails_on and within(found.fails_on, release[0]):
        return False
    return True if found.builds_on and within(found.builds_on, release[0]) else None


def library_archs(library: str, rocm: str | None = None) -> LibraryArchs | None:
    """What a library holds in that ROCm release; None: not known."""
    for row in _rocm_file().libraries:
        if row.library == library and (not row.releases or (rocm is not None and within(row.releases, rocm))):
            return row
    return None


def hipblaslt_archs(rocm: str) -> tuple[str, ...] | None:
    """Architectures with hipBLASLt kernels in that ROCm release; None: not known."""
    found = library_archs("hipblaslt", rocm)
    return found.archs if found else None


def aotriton_archs() -> tuple[str, ...] | None:
    """Architectures that AOTriton, torch's fused attention, builds for."""
    found = library_archs("aotriton")
    return found.archs if found else None


@cache
def rocm_releases() -> tuple[str, ...]:
    """Release series of ROCm that wheels, kernel drivers or AMD's tables are known of, oldest first."""
    file = _rocm_file()
    rows = (*(row.rocm for row in torch_wheels()), *(row.rocm for row in file.kmd_windows), *(row.rocm for row in file.drivers))
    found = {pair for row in rows if (pair := series(row))}
    return tuple(".".join(map(str, pair)) for pair in sorted(found))


def install_layouts() -> tuple[InstallLayout, ...]:
    """Where the kinds of ROCm installations put themselves."""
    return _rocm_file().layouts


@cache
def ctranslate2_wheels() -> CTranslate2Wheels:
    """The official ROCm wheels of CTranslate2."""
    return document("ctranslate2", CTranslate2Wheels)


def onnxruntime_flavours(distribution: str | None = None) -> tuple[OrtFlavour, ...]:
    """The distributions that install `onnxruntime`, or the rows of one of them."""
    return tuple(row for row in _ort_file().flavours if distribution in (None, row.distribution))


def migraphx(rocm: str) -> MigraphxArchs | None:
    """The cards that AMD makes ONNX Runtime with MIGraphX for, with a ROCm release; None where none is known."""
    return next((row for row in _ort_file().migraphx if within(row.rocm, rocm)), None)
