"""Kernel files beside a library: which targets they are for, by their names.

* rocBLAS (lib/rocblas/library, Debian: rocblas/VERSION/library) and hipBLASLt (lib/hipblaslt/library): TensileLibrary_lazy_gfx906.dat,
  TensileLibrary_Type_…_gfx906.co, …_fallback_gfx906.hsaco, Kernels.so-000-gfx90a-xnack-.hsaco, extop_gfx90a.co. Seen in Debian's
  librocblas4 6.4.4 and libhipblaslt1 7.1.1. From ROCm 7 on also one folder down, library/gfx950/, and with .zlib appended:
  https://github.com/ROCm/rocm-libraries/tree/develop/projects/hipblaslt.
* MIOpen (share/miopen/db): gfx906_60.kdb, gfx90a68.HIP.fdb.txt. The processor is followed by the number of compute units, after "_" in
  decimal up to 64, beyond that at once in hexadecimal: Handle::GetDbBasename, src/include/miopen/handle.hpp. Databases of kernels (.kdb),
  of found solutions (.fdb.txt) and of tuning (.db, .db.txt) are counted; those of the OpenCL backend and the models (.model) are not.
* rocFFT (lib/rocfft or lib): rocfft_kernel_cache.db, SQLite with one row for each kernel and a column `arch` (library/src/rtc_cache.cpp,
  table cache_v1), split by target since ROCm 7: rocfft_kernel_cache_gfx950.db (CHANGELOG.md); up to ROCm 5 librocfft-device-N.so.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import cast, get_args

from rocmkit.gpucode import targets
from rocmkit.gpucode.values import KernelFiles, KernelLibrary

MAX_FILES = 100_000
MAX_FOLDERS = 200

_TENSILE = re.compile(r".*\.(?:dat|co|hsaco|yaml)(?:\.zlib)?", re.ASCII | re.DOTALL)
MIOPEN = re.compile(r"(?P<target>gfx[0-9a-z]+)(?P<rest>(?:_[0-9a-z]+)*)(?:\.HIP)?\.(?:kdb|db|db\.txt|fdb\.txt)", re.ASCII)
ROCFFT = re.compile(
    r"(?P<cache>rocfft_kernel_cache(?:_(?P<target>gfx[0-9a-f]+))?\.db)|librocfft-device-[^/]*?\.so(?:\.[0-9.]+)?", re.ASCII | re.DOTALL
)


class _Tally:
    def __init__(self) -> None:
        self.files = 0
        self.targets: Counter[str] = Counter()
        self.problems: set[str] = set()
        self.compiled: list[str] = []


def list_kernels(library: str, path: str | os.PathLike[str]) -> KernelFiles:
    """Look at the names in one folder. Raises OSError where it cannot be listed, ValueError where `library` is not known."""
    if library not in get_args(KernelLibrary):
        raise ValueError(f"not a library with kernel files: {library}")
    tally = _Tally()
    _READERS[library](os.fspath(path), tally)
    return KernelFiles(
        library=cast("KernelLibrary", library),
        path=os.fspath(path),
        files=tally.files,
        targets=dict(sorted(tally.targets.items())),
        unreadable=tuple(sorted(tally.problems)),
        compiled=tuple(sorted(tally.compiled)) if library == "miopen" else None,
    )


def _files(
    folder: str, pattern: re.Pattern[str], tally: _Tally, folders: list[os.DirEntry[str]] | None = None
) -> Iterator[tuple[os.DirEntry[str], re.Match[str]]]:
    """The files of a folder whose names match; folders below go to `folders`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=folders is not None):
                    if folders is not None:
                        folders.append(entry)
                    continue
                if tally.files >= MAX_FILES:
                    tally.problems.add("there are too many files")
                    return
                tally.files += 1
                match = pattern.fullmatch(entry.name)
                if match and entry.is_file():
                    yield entry, match
                elif match:
                    tally.problems.add("a link of a kernel file leads nowhere" if entry.is_symlink() else "a kernel file is no file")
            except OSError as error:
                tally.problems.add(f"a name cannot be looked at: {error.strerror}")


def _tensile(folder: str, tally: _Tally) -> None:
    folders: list[os.DirEntry[str]] = []
    _tensile_folder(folder, None, tally, folders)
    below = sorted((entry.path, target) for entry in folders if (target := targets.of_file_name(entry.name)))
    if len(below) > MAX_FOLDERS:
        tally.problems.add("there are too many folders")
    for path, target in below[:MAX_FOLDERS]:
        try:
            _tensile_folder(path, target, tally, None)
        except OSError as error:
            tally.problems.add(f"a folder of one target cannot be listed: {error.strerror}")


def _tensile_folder(folder: str, of_folder: str | None, tally: _Tally, folders: list[os.DirEntry[str]] | None) -> None:
    for entry, _ in _files(folder, _TENSILE, tally, folders):
        target = targets.of_file_name(entry.name) or of_folder
        if target:
            tally.targets[target] += 1


def miopen_target(match: re.Match[str]) -> str | None:
    """The processor in the name of one of MIOpen's files, without the compute units."""
    return match["target"] if match["rest"] else targets.known_prefix(match["target"])


def _miopen(folder: str, tally: _Tally) -> None:
    for entry, match in _files(folder, MIOPEN, tally):
        if entry.name.endswith(".kdb"):
            tally.compiled.append(entry.name)
        target = miopen_target(match)
        if target is None:
            tally.problems.add("a database is for an unknown target")
        else:
            tally.targets[target] += 1


def _rocfft(folder: str, tally: _Tally) -> None:
    for entry, match in _files(folder, ROCFFT, tally):
        if match["target"]:
            tally.targets[match["target"]] += 1
        elif match["cache"]:
            tally.targets.update(_cache_targets(entry.path, tally))
        elif not entry.is_symlink():  # librocfft-device-0.so is a link to librocfft-device-0.so.0.1
            tally.targets.update(_library_targets(entry.path, tally))


def _cache_targets(path: str, tally: _Tally) -> set[str]:
    """The targets in a rocFFT kernel cache."""
    import sqlite3

    from rocmkit.gpucode.tables import distinct

    try:
        found = distinct(path, "cache_v1", "arch")
    except LookupError:
        tally.problems.add("the kernel cache has no table cache_v1")
        return set()
    except (OSError, ValueError, OverflowError, sqlite3.Error):
        tally.problems.add("the kernel cache cannot be read")
        return set()
    return {arch for arch in found if targets.of_file_name(arch) is not None}


def _library_targets(path: str, tally: _Tally) -> tuple[str, ...]:
    from rocmkit.gpucode import read_file

    try:
        code = read_file(path)
    except (OSError, ValueError):
        tally.problems.add("a device library cannot be read")
        return ()
    tally.problems.update(code.unreadable)
    return code.gfx or ()


_READERS: dict[str, Callable[[str, _Tally], None]] = {"rocblas": _tensile, "hipblaslt": _tensile, "miopen": _miopen, "rocfft": _rocfft}
