"""Copies of runtime libraries that may be in a process only once, inside Python packages: HIP, HSA and OpenMP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from rocmkit.facts import BundledRuntime, Gap, PythonLibrary
from rocmkit.gpucode.values import FileCode
from rocmkit.host.base import Host, NotAsked
from rocmkit.model import Model
from rocmkit.probe.distributions import normalise

_KINDS: dict[Literal["hip", "hsa", "openmp"], str] = {"hip": "libamdhip64", "hsa": "libhsa-runtime64", "openmp": "libgomp|libomp|libiomp5"}
_NAME = re.compile(rf"({'|'.join(_KINDS.values())})(-[0-9a-f]+)?\.so[0-9.]*", re.ASCII)
_ROCM = re.compile(rf"({_KINDS['hip']}|{_KINDS['hsa']})\.so[0-9.]*", re.ASCII)

#: auditwheel puts the libraries that it copies into a wheel into such a folder, which bears the wheel's name.
_LIBS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*\.libs", re.ASCII)
#: More of these folders than this are not looked into: an environment of 400 packages has some 30.
MAX_LIBS = 100


class _Place(Model):
    """A folder below site-packages that may hold a copy, the distribution that brings it, and which files count."""

    top: str
    below: str
    package: str
    names: re.Pattern[str] = _NAME


# Seen in wheels of torch, CTranslate2, sherpa-onnx and onnxruntime, and in AMD's rocm-sdk-core, whose LLVM brings an OpenMP
# that only programs built with it use.
_PLACES = (
    _Place("torch", "/lib", "torch"),
    _Place("ctranslate2", "", "ctranslate2"),
    _Place("ctranslate2", "/lib", "ctranslate2"),
    _Place("onnxruntime", "/capi", "onnxruntime"),
    _Place("sherpa_onnx", "/lib", "sherpa-onnx"),
    _Place("bitsandbytes", "", "bitsandbytes"),
    _Place("_rocm_sdk_core", "/lib", "rocm-sdk-core", _ROCM),
)
#: Top-level folders of site-packages that are looked into.
WANTED = re.compile("|".join([*sorted({re.escape(place.top) for place in _PLACES}), _LIBS.pattern]))


def runtimes(
    host: Host, folders: Mapping[str, str], packages: Mapping[str, str], prefix: str, libraries: Iterable[PythonLibrary]
) -> tuple[BundledRuntime, ...]:
    """The copies in `folders` (top-level name to path), one row a package and soname. Raises OSError, NotAsked.

    `libraries` were read already and are not read again. The package intel-openmp installs into the environment's `lib`.
    """
    known = {lib.file: lib.code for lib in libraries}
    places = [(f"{folders[place.top]}{place.below}", place.package, place.names) for place in _PLACES if place.top in folders]
    places += [(folders[top], normalise(top.removesuffix(".libs")), _NAME) for top in sorted(filter(_LIBS.fullmatch, folders))[:MAX_LIBS]]
    if "intel-openmp" in packages:
        places.append((f"{prefix}/lib", "intel-openmp", re.compile(r"libiomp5\.so")))
    found: dict[tuple[str, str | None, str], BundledRuntime] = {}
    for folder, package, names in places:
        try:
            files = host.list(folder, names.fullmatch)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in files:
            row = _runtime(host, package, f"{folder}/{name}", known)
            found.setdefault((package, row.soname, "" if row.soname else name), row)
    return tuple(sorted(found.values(), key=lambda row: (row.kind, row.package, row.file)))


def _runtime(host: Host, package: str, file: str, known: Mapping[str, FileCode | Gap]) -> BundledRuntime:
    name = file.rpartition("/")[2]
    kind = next(kind for kind, names in _KINDS.items() if re.match(rf"({names})(?![a-z])", name))
    try:
        code = known.get(file) or host.gpu_code(file)
    except (OSError, ValueError, NotAsked):
        return BundledRuntime(kind=kind, package=package, file=file, soname=None)
    return BundledRuntime(kind=kind, package=package, file=file, soname=None if isinstance(code, Gap) else code.soname)
