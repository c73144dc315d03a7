"""Kernel files one by one: what each holds, and whether it is whole. `kernels` tells their targets by name alone.

Tensile: see `tensile`. MIOpen: compiled kernels in SQLite, table kern_db, with the target among the options they were compiled with
(KernelConfig in src/include/miopen/kern_db.hpp, LoadProgram in src/hip/handlehip.cpp); tuning in lines KEY=VALUES (ReadonlyRamDb::Prefetch
in src/readonlyramdb.cpp), once also in SQLite, table perf_db (src/sqlite_db.cpp). rocFFT: SQLite, table cache_v1
(library/src/rtc_cache.cpp). Of https://github.com/ROCm/MIOpen and https://github.com/ROCm/rocFFT.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Literal

from rocmkit.gpucode import kernels, tables, targets, tensile
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.source import PLACEHOLDER, Source
from rocmkit.gpucode.tensile import Held
from rocmkit.gpucode.values import KernelFile

_Kind = Literal["tensile-index", "tensile-code", "miopen-kernels", "miopen-tuning", "rocfft-cache"]

# .co and .hsaco are any library's code objects; these are Tensile's and hipBLASLt's own.
_TENSILE = re.compile(
    r"(?:.*Tensile(?:Lite)?Library.*|Kernels\.so.*|extop_.*|hipblasltTransform.*|hipblasltExtOpLibrary.*)"
    r"\.(?:(?P<index>dat|yaml)|co|hsaco)(?P<packed>\.zlib)?",
    re.ASCII | re.DOTALL,
)
_MCPU = "CASE WHEN instr(kernel_args, '-mcpu=') THEN substr(kernel_args, instr(kernel_args, '-mcpu=') + 6, 64) END"
_RECORD = re.compile(rb"^[^=\n]+=[^\n]", re.MULTILINE)
_PIECE = 1 << 20
MAX_LINE = 16 << 20
MAX_TEXT = 1 << 30

_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|\?xml)", re.IGNORECASE)
_DAMAGE = ("cut off", "beyond the end", "damaged")  # of the reasons `contents_of` gives, those that are the file's fault and not ours


def read_kernel_file(source: Source, name: str, path: str | None = None) -> KernelFile | None:
    """What a kernel file holds; None where `name` (without folders) is not that of a kernel file.

    `path` is where `source` is a file of its own on this machine: only then are the rows of a database counted, within half a second.
    Raises OSError as `source` does.
    """
    what = _by_name(name, path)
    if what is None:
        return None
    kind, named, read = what
    problem = _not_in_place(source)
    held = Held(None, None, problem) if problem else read(source)
    problem = held.problem
    if problem is None and named and held.targets and _processor(named) not in map(_processor, held.targets):
        problem = f"its name says {named}, its content {', '.join(held.targets[:5])}"
    return KernelFile(name=name, kind=kind, named=named, targets=held.targets, entries=held.entries, problem=problem)


def _by_name(name: str, path: str | None) -> tuple[_Kind, str | None, Callable[[Source], Held]] | None:
    """Kind, target and reader that belong to a file's name."""
    if match := kernels.ROCFFT.fullmatch(name):
        return ("rocfft-cache", match["target"], lambda source: _database(source, path, "cache_v1", "arch")) if match["cache"] else None
    if match := kernels.MIOPEN.fullmatch(name.replace(".OpenCL.", ".HIP.", 1)):
        named = kernels.miopen_target(match)
        if name.endswith(".kdb"):
            return "miopen-kernels", named, lambda source: _database(source, path, "kern_db", _MCPU)
        return "miopen-tuning", named, lambda source: _tuning(source, path)
    match = _TENSILE.fullmatch(name)
    if match is None:
        return None
    named = targets.of_file_name(name)
    if match["index"] == "dat":
        packed = match["packed"] is not None
        return "tensile-index", named, lambda source: tensile.read_dat(source, packed=packed)
    return ("tensile-index", named, tensile.read_yaml) if match["index"] else ("tensile-code", named, _code)


def _not_in_place(source: Source) -> str | None:
    """What often lies where a file should: nothing, or what was to be followed to get it."""
    if source.size == 0:
        return "it is empty"
    head = source.read(0, 512)
    if head.startswith(PLACEHOLDER):
        return "it is a placeholder of Git LFS"
    if _PAGE.match(head):
        return "it is a web page"
    return None if head.strip(b"\0") else "it begins with zeros"


def _processor(target: str) -> str:
    return target.partition(":")[0]


def _code(source: Source) -> Held:
    """Code objects, bare or in a bundle."""
    try:
        found = contents_of(source)
    except ValueError as error:
        return Held(None, None, f"it is no code object: {error}")
    damage = next((reason for reason in found.code.unreadable if any(word in reason for word in _DAMAGE)), None)
    if damage is None and found.code.gfx == ():
        damage = "there is no code for AMD GPUs in it"
    counts = [code.kernels for code in found.objects]
    counted = sum(count for count in counts if count is not None) if counts and None not in counts else None
    return Held(found.code.gfx or None, counted, f"{damage}" if damage else None)


def _database(source: Source, path: str | None, table: str, target: str) -> Held:
    """A database with a table of kernels; `target` is the expression that tells a row's."""
    problem = tables.damage(source)
    if problem or path is None:
        return Held(None, None, problem)
    try:
        rows = tables.count(path, table)
        said = tables.distinct(path, table, target)
    except LookupError:
        return Held(None, None, f"it has no table {table}")
    except sqlite3.OperationalError:  # not to its end in time, or reading failed: says nothing of the file
        return Held(None, None, None)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return Held(None, None, f"its database is damaged: {' '.join(str(error).split())[:200]}")
    found = {name for text in said if (name := text.split(None, 1)[0] if text.strip() else "") and targets.of_file_name(name)}
    return Held(tuple(sorted(found)) or None, rows, None if rows else f"its table {table} is empty")


def _tuning(source: Source, path: str | None) -> Held:
    if source.read(0, len(tables.MAGIC)) == tables.MAGIC:
        return _database(source, path, "perf_db", "arch")
    if source.size > MAX_TEXT:
        return Held(None, None, None)
    records = at = 0
    rest = b""
    while at < source.size:
        piece = source.read(at, _PIECE)
        if not piece:
            return Held(None, None, "it became shorter while it was read")
        at += len(piece)
        if b"\0" in piece or len(rest) > MAX_LINE:
            return Held(None, None, "it is no text")
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        records += len(_RECORD.findall(whole + newline))
    records += len(_RECORD.findall(rest))
    return Held(None, records or None, None if records else "there is no record in it")
