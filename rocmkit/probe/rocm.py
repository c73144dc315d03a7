"""The ROCm user spaces on the machine: AMD's below /opt, the distribution's below /usr, and those that pip installed.

Layouts: /opt/rocm-X.Y.Z with a link /opt/rocm up to 7.2, /opt/rocm/core-X.Y with a link /opt/rocm/core from 7.13 on (TheRock,
docs/rfcs/RFC0009), Debian's librocblas4 and libamdhip64-5 (library folder and ROCBLAS/VERSION/library below it), TheRock's
wheels (docs/packaging/python_packaging.md: _rocm_sdk_core, _rocm_sdk_libraries*, _rocm_sdk_devel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from rocmkit.facts import Library, Rocm
from rocmkit.gpucode.values import KernelFiles, KernelLibrary
from rocmkit.host.base import Host, NotAsked, absent, lines_with

_LIBRARIES = (
    "libamdhip64|libhsa-runtime64|librocblas|libhipblas|libhipblaslt|libMIOpen|librocfft|libhipfft|libamd_comgr|librocsolver|libhiprand"
    "|librccl|libmigraphx_c|libroctracer64|librocm_smi64"
)
_LIBRARY = re.compile(rf"(?P<name>{_LIBRARIES})\.so(?:\.(?P<major>[0-9]+)(?P<rest>(?:\.[0-9]+)*))?", re.ASCII)
_KERNEL_FOLDERS = ("rocblas", "hipblaslt", "rocfft")
#: The distribution's library folders: Debian's for each processor, Fedora's, Arch's.
_DISTRO = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib")
_SDK = re.compile(r"_rocm_sdk_(?:core|devel|libraries[A-Za-z0-9_]*)", re.ASCII)
_VERSION = re.compile(r"[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?", re.ASCII)
#: Debian's folders of kernels are called by the library's version: rocblas/4.4.1 of ROCm 6.4, rocblas/5 of 7.2.
_OF_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def rocm(host: Host) -> tuple[Rocm, ...]:
    """Every ROCm below /opt, where ROCM_PATH leads, and below /usr; the default one first. One row for a real folder.

    Raises OSError where /opt cannot be listed, or where a folder with a part of a machine holds none and no library folder; NotAsked.
    """
    default = _default(host)
    found: dict[str, Rocm] = {}
    for path in _candidates(host):
        try:
            real = host.realpath(path)
        except OSError:  # links in a circle
            continue
        if real not in found and real != "/usr":
            row = _tree(host, real, "system", default=real == default)
            if row:
                found[real] = row
    try:
        distro = _distro(host)
    except FileNotFoundError:
        if not found:
            raise
        distro = None
    rows = sorted(found.values(), key=lambda row: not row.default)
    return (*rows, distro) if distro else tuple(rows)


def at(host: Host, path: str) -> Rocm | None:
    """The ROCm in a folder that was named; None where it is none. Raises OSError, NotAsked."""
    return _distro(host) if path == "/usr" else _tree(host, path, "system", default=False)


def wheel_rocm(host: Host, paths: tuple[str, ...]) -> tuple[Rocm, ...]:
    """The ROCm that pip installed into one of `paths` (`Python.paths`): one row for each of its packages. Raises NotAsked."""
    found: dict[str, Rocm] = {}
    for path in paths:
        try:
            names = host.list(path, lambda name: _SDK.fullmatch(name) is not None or name.startswith("rocm_sdk_"))
        except OSError:  # told of where the packages are told
            continue
        for name in filter(_SDK.fullmatch, names):
            row = _tree(host, f"{path}/{name}", "wheel", default=False)
            if row and name not in found:
                found[name] = row if row.version else _with_version(row, name, names)
    return tuple(found.values())


def _with_version(row: Rocm, name: str, names: tuple[str, ...]) -> Rocm:
    """The row with the version of the wheel that brought it, by its metadata's name: rocm_sdk_core-7.10.0.dist-info."""
    for other in names:
        stem = other.removesuffix(".dist-info")
        project, _, version = stem.rpartition("-")
        if stem != other and re.sub(r"[-_.]+", "_", project).lower() == name.strip("_").lower():
            return Rocm(path=row.path, version=version, kind="wheel", default=False, libraries=row.libraries, kernels=row.kernels)
    return row


def _default(host: Host) -> str | None:
    """The real folder that /opt/rocm, or /opt/rocm/core from 7.13 on, leads to."""
    for path in ("/opt/rocm/core", "/opt/rocm"):
        try:
            if host.exists(path):
                return host.realpath(path)
        except OSError:
            continue
    return None


def _candidates(host: Host) -> Iterator[str]:
    """Folders that may hold a ROCm."""
    try:
        names = host.list("/opt", lambda name: name.startswith("rocm"))
    except FileNotFoundError:
        names = ()
    for name in names:
        yield f"/opt/{name}"
        try:
            below = host.list(f"/opt/{name}", lambda inner: inner.startswith("core"))
        except OSError:  # a link that leads nowhere; a folder that cannot be read is told of by its own row
            continue
        yield from (f"/opt/{name}/{inner}" for inner in below)
    try:
        variables = host.environ(lambda name: name in {"ROCM_PATH", "ROCM_HOME", "HIP_PATH"})
    except NotAsked:
        return
    yield from (value.rstrip("/") for _, value in sorted(variables.items()) if value.startswith(("/", "~/")) and value.strip("/"))


def _tree(host: Host, path: str, kind: Literal["system", "wheel"], *, default: bool) -> Rocm | None:
    """One ROCm in a folder of its own; None where the folder holds neither a version nor a library."""
    version = _version_file(host, path)
    libraries: list[Library] = []
    kernels: list[KernelFiles] = []
    denied = False
    for folder in _folders(host, path):
        try:
            names = host.list(folder, _matters)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            # What the folder holds is not known, which is not the same as nothing.
            denied = True
            kernels.append(_unreadable("rocblas", f"{folder}/rocblas/library", error))
            continue
        libraries += _libraries(folder, names)
        kernels += _kernels(host, folder, names)
    if not (libraries or version or denied):
        return None
    kernels += _miopen(host, path)
    return Rocm(
        path=path,
        version=version or _hip_version(libraries),
        kind=kind,
        default=default,
        libraries=tuple(libraries),
        kernels=tuple(kernels),
    )


def _distro(host: Host) -> Rocm | None:
    """ROCm's libraries among the distribution's own; None where there are none.

    Raises FileNotFoundError where there is no library folder: a folder with a part of a machine tells nothing of the rest.
    """
    libraries: list[Library] = []
    kernels: list[KernelFiles] = []
    seen: set[str] = set()
    looked = False
    for folder in _DISTRO:
        try:
            real = host.realpath(folder)
            if real in seen:  # Arch: /usr/lib64 is /usr/lib
                continue
            seen.add(real)
            names = host.list(folder, _matters)
        except OSError:
            continue
        libraries += _libraries(folder, names)
        kernels += _kernels(host, folder, names)
        looked = True
    if not libraries:
        if not looked and not host.executes:
            raise absent("/usr/lib")
        return None
    return Rocm(
        path="/usr",
        version=_version_file(host, "/usr") or _hip_version(libraries),
        kind="distro",
        default=False,
        libraries=tuple(libraries),
        kernels=(*kernels, *_miopen(host, "/usr")),
    )


def _folders(host: Host, path: str) -> Iterator[str]:
    """The library folders, each once: lib64 is a link to lib, or the other way round."""
    seen: set[str] = set()
    for name in ("lib", "lib64"):
        try:
            real = host.realpath(f"{path}/{name}")
        except OSError:
            continue
        if real not in seen:
            seen.add(real)
            yield f"{path}/{name}"


def _matters(name: str) -> bool:
    return name in _KERNEL_FOLDERS or _LIBRARY.fullmatch(name) is not None


def _libraries(folder: str, names: tuple[str, ...]) -> list[Library]:
    """One row for each library and major version: librocblas.so.4 and librocblas.so.4.1.60101 are one."""
    found: dict[tuple[str, str | None], str] = {}
    for name in names:
        match = _LIBRARY.fullmatch(name)
        if match and len(name) > len(found.get((match["name"], match["major"]), "")):
            found[match["name"], match["major"]] = name
    versioned = {name for name, major in found if major}
    return [
        Library(name=name, soname=f"{name}.so.{major}" if major else None, file=f"{folder}/{file}")
        for (name, major), file in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        if major or name not in versioned  # the unversioned link is for the linker
    ]


def _kernels(host: Host, folder: str, names: tuple[str, ...]) -> Iterator[KernelFiles]:
    """Kernel files beside libraries: ROCBLAS/library, Debian's ROCBLAS/VERSION/library; rocFFT's lie in ROCFFT or ROCFFT/VERSION."""
    kinds: tuple[tuple[KernelLibrary, str], ...] = (("rocblas", "library"), ("hipblaslt", "library"), ("rocfft", ""))
    for library, below in kinds:
        if library not in names:
            continue
        place = f"{folder}/{library}"
        try:
            inner = host.list(place, lambda name: name == "library" or _OF_VERSION.fullmatch(name) is not None)
        except OSError as error:
            yield _unreadable(library, place, error)
            continue
        versions = [name for name in inner if name != "library"]
        for base in [f"{place}/{version}" for version in versions] or [place]:
            yield from _kernel_files(host, library, f"{base}/{below}".rstrip("/"))
        if versions and "library" in inner:
            yield from _kernel_files(host, library, f"{place}/library")


def _miopen(host: Host, path: str) -> Iterator[KernelFiles]:
    return _kernel_files(host, "miopen", f"{path}/share/miopen/db")


def _kernel_files(host: Host, library: KernelLibrary, path: str) -> Iterator[KernelFiles]:
    """What the folder holds; nothing where it is not there, a row that says why where it cannot be read."""
    try:
        yield host.kernel_files(library, path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, NotAsked) as error:
        yield _unreadable(library, path, error)


def _unreadable(library: KernelLibrary, path: str, error: Exception) -> KernelFiles:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return KernelFiles(library=library, path=path, files=0, targets={}, unreadable=(why,))


def _version_file(host: Host, path: str) -> str | None:
    """6.1.5 of .info/version ("6.1.5-101"), else of .info/version-dev."""
    for name in ("version", "version-dev"):
        try:
            text = host.read_text(f"{path}/.info/{name}", lines_with(r"^[ -~]{1,80}$", count=3))
        except (OSError, NotAsked):
            continue
        found = _VERSION.match(text)
        if found:
            return found[0]
    return None


def _hip_version(libraries: list[Library]) -> str | None:
    """The release that libamdhip64's file name tells: 6.3.4 of libamdhip64.so.6.3.60304 (AMD), 5.2 of .so.5.2.21153 (Debian).

    HIP's first two numbers are ROCm's; the third is ROCm's only where it repeats them. A bare soname tells too little.
    """
    for library in libraries:
        match = re.fullmatch(r".*/libamdhip64\.so\.([0-9]+)\.([0-9]+)(?:\.([0-9]+))?", library.file, re.ASCII)
        if match:
            major, minor, patch = int(match[1]), int(match[2]), int(match[3] or 0)
            if patch // 10000 == major and patch // 100 % 100 == minor:
                return f"{major}.{minor}.{patch % 100}"
            return f"{major}.{minor}"
    return None
