"""What this machine has to build with: a ROCm, its compiler, and a Python. Files are read; programs are asked where that is possible."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from rocmkit.build.layouts import MACHINE, Places, build_python, distribution, of_image, places, supposed
from rocmkit.build.toolchain import BuildPython, Toolchain
from rocmkit.doctor.routes.ground import layout_of
from rocmkit.errors import UsageError
from rocmkit.facts import Facts, Gap, Os, Rocm
from rocmkit.host.base import Host, NotAsked, lines_with
from rocmkit.kb.versions import series
from rocmkit.kb.when import Layout
from rocmkit.probe.rocm import at

__all__ = ["of_image", "of_machine", "supposed"]

_TIMEOUT_S = 10.0
_ELSEWHERE = "for another machine, `--rocm-version V` with --dry-run, --script, --dockerfile or --container needs no ROCm here"
_ANOTHER = "--rocm DIR names another ROCm"
_INSTALL = "install AMD's ROCm, or the distribution's own: on Debian and Ubuntu `sudo apt-get install -y hipcc libamdhip64-dev`"


def of_machine(facts: Facts, host: Host, *, rocm: str | None, python: str | None) -> Toolchain:
    """The toolchain of the machine that `facts` are of. `rocm` is the folder of one ROCm, `python` what was asked for, for messages.

    Of several ROCms the first that has a compiler is taken, the machine's default before others. Raises UsageError.
    """
    found = _chosen(facts, host, rocm)
    layout = layout_of(found)
    parts = _places(layout, found, host)
    root = host.private.reveal(parts.root)
    llvm = _first(host, parts.llvm, "/clang++")
    version = found.version or _header(host, root)
    if version is None or series(version) is None:
        raise UsageError(f"the release of the ROCm at {root} is not known", f"it has no .info/version; {_ELSEWHERE}")
    machine = facts.system.machine if not isinstance(facts.system, Gap) else MACHINE
    machine = MACHINE if isinstance(machine, Gap) else machine
    os = None if isinstance(facts.system, Gap) or isinstance(facts.system.os, Gap) else facts.system.os
    return Toolchain(
        layout=layout,
        version=version,
        root=root,
        lib=host.private.reveal(parts.lib),
        llvm=host.private.reveal(llvm),
        openmp=host.private.reveal(_first(host, parts.openmp)),
        device_lib=_device_lib(host, parts),
        compiler=_compiler(host, f"{host.private.reveal(llvm)}/clang"),
        machine=machine,
        python=_python(facts, host, machine, python),
        distribution=distribution(os.id, os.version, os.like) if isinstance(os, Os) else distribution(None, None),
        supposed=False,
        kernels=_kernels(facts, found, layout),
    )


def _chosen(facts: Facts, host: Host, rocm: str | None) -> Rocm:
    """The ROCm to build with. Raises UsageError."""
    rows = () if isinstance(facts.rocm, Gap) else facts.rocm
    if rocm is not None:
        try:
            real = host.realpath(rocm)
            row = next((row for row in rows if row.path in {rocm, real}), None) or at(host, real)
        except (OSError, NotAsked) as error:
            raise UsageError(f"--rocm {rocm}: {error}", "name the folder of a ROCm, such as /opt/rocm") from None
        if row is None:
            raise UsageError(f"--rocm {rocm} is no ROCm: it has neither .info/version nor a library of ROCm", "such as --rocm /opt/rocm")
        return row
    if isinstance(facts.rocm, Gap):
        raise UsageError(f"this machine's ROCm could not be read: {facts.rocm.detail}", _ELSEWHERE)
    if not rows:
        raise UsageError("there is no ROCm on this machine to build with", f"{_INSTALL}; {_ELSEWHERE}")
    return next((row for row in rows if _has_compiler(row, host)), rows[0])


def _has_compiler(row: Rocm, host: Host) -> bool:
    try:
        return any(_exists(host, f"{place}/clang++") for place in _places(layout_of(row), row, host).llvm)
    except UsageError:
        return False


def _places(layout: Layout, row: Rocm, host: Host) -> Places:
    """The parts of that ROCm. Raises UsageError where a distribution's compiler is not there to be asked which it is."""
    lib = next((posixpath.dirname(one.file) for one in row.libraries if one.name == "libamdhip64"), None)
    if layout != "debian":
        root = row.path
        devel = posixpath.join(posixpath.dirname(root), "_rocm_sdk_devel")
        if layout == "wheel" and _exists(host, devel):  # the same files and the headers, from rocm[devel]
            root = devel
        return places(layout, root, lib=None if layout == "wheel" else lib)
    llvm = _distribution_llvm(host, row.path)
    if llvm is None:
        raise UsageError(f"the ROCm at {row.path} has no HIP compiler", f"{_INSTALL}; {_ANOTHER}; {_ELSEWHERE}")
    if version := re.fullmatch(r"(.*)/lib/llvm-([0-9]+)/bin", llvm):
        return places(layout, row.path, lib=lib, clang=version[2])
    home = posixpath.dirname(llvm)  # Fedora: /usr/lib64/rocm/llvm
    return Places(root=row.path, lib=lib or f"{row.path}/lib64", llvm=(llvm,), openmp=(f"{home}/lib/libomp.so",), device_lib=())


def _distribution_llvm(host: Host, root: str) -> str | None:
    """The folder of the clang that hipcc uses: as `hipconfig -l` says, as its file holds it, or the newest with device libraries."""
    try:
        run = host.run((f"{root}/bin/hipconfig", "-l"), lines_with(r"^/[\w./+-]+/bin/?$", count=1), timeout_s=_TIMEOUT_S)
        if run.outcome == "exited" and (said := run.text.strip()) and _exists(host, clang := posixpath.join(said, "clang++")):
            return posixpath.dirname(host.realpath(clang))  # Debian 12 says /usr/bin
    except (OSError, NotAsked):
        pass  # below a folder nothing runs
    for name in ("hipcc", "hipcc.pl", "hipvars.pm"):
        try:
            inside = host.read_text(f"{root}/bin/{name}", _llvm_names).split()
        except (OSError, NotAsked):
            continue
        if inside:
            return f"{root}/lib/llvm-{max(inside, key=int)}/bin"
    try:
        names = host.list(f"{root}/lib", lambda name: re.fullmatch(r"llvm-[0-9]{1,3}", name) is not None)
    except (OSError, NotAsked):
        return None
    numbers = sorted((int(name.removeprefix("llvm-")) for name in names), reverse=True)
    fit = (number for number in numbers if _exists(host, f"{root}/lib/llvm-{number}/lib/clang/{number}/amdgcn/bitcode"))
    return next((f"{root}/lib/llvm-{number}/bin" for number in fit if _exists(host, f"{root}/lib/llvm-{number}/bin/clang++")), None)


def _llvm_names(data: bytes) -> bytes:
    """Of hipcc: the numbers of the LLVM folders that it names."""
    return b" ".join(sorted(set(re.findall(rb"lib/llvm-([0-9]{1,3})\b", data))))


def _first(host: Host, candidates: Iterable[str], below: str = "") -> str:
    """The first of the places that is there, else the usual one: that it is missing is told by the preflight."""
    listed = tuple(candidates)
    return next((place for place in listed if _exists(host, place + below)), listed[0])


def _exists(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except (OSError, NotAsked):
        return False


def _device_lib(host: Host, parts: Places) -> str | None:
    found = next((place for place in parts.device_lib if _exists(host, place)), None)
    return host.private.reveal(found) if found else None


def _header(host: Host, root: str) -> str | None:
    """The release as HIP's own header tells it: its first two numbers are ROCm's."""
    try:
        text = host.read_text(f"{root}/include/hip/hip_version.h", lines_with(r"^#define HIP_VERSION_(MAJOR|MINOR) [0-9]{1,4}$"))
    except (OSError, NotAsked):
        return None
    found = dict(re.findall(r"HIP_VERSION_(MAJOR|MINOR) ([0-9]+)", text))
    return f"{found['MAJOR']}.{found['MINOR']}" if len(found) == 2 else None


def _compiler(host: Host, clang: str) -> str | None:
    """The version that clang says it has; None where it cannot be asked."""
    try:
        run = host.run((clang, "--version"), lines_with(r"clang version", count=1), timeout_s=_TIMEOUT_S)
    except (OSError, NotAsked):
        return None
    found = re.search(r"clang version ([0-9]+(?:\.[0-9]+)+)", run.text)
    return found[1] if found else None


def _python(facts: Facts, host: Host, machine: str, asked: str | None) -> BuildPython:
    """The interpreter that facts are of. Raises UsageError."""
    found = facts.python
    if isinstance(found, Gap):
        raise UsageError(
            f"no Python to build for: {found.detail}", f"name another than {asked} with --python" if asked else "name one with --python"
        )
    if found.implementation != "cpython":
        raise UsageError(
            f"{found.executable} is {found.implementation}, and wheels are built for CPython here", "name another with --python"
        )
    try:
        executable = host.private.reveal(found.executable)
    except FileNotFoundError:
        executable = found.executable
    return build_python(executable, found.version, found.soabi, machine)


def _kernels(facts: Facts, chosen: Rocm, layout: Layout) -> dict[str, tuple[str, ...]]:
    """The targets that the kernel files of its libraries are for. A folder that could not be read in full tells nothing."""
    # pip spreads one ROCm over several packages
    rows = facts.rocm if layout == "wheel" and not isinstance(facts.rocm, Gap) else (chosen,)
    found: dict[str, set[str]] = {}
    unread: set[str] = set()
    for row in rows:
        if row is chosen or row.kind == "wheel":
            for kernels in row.kernels:
                found.setdefault(kernels.library, set()).update(kernels.targets)
                unread |= {kernels.library} if kernels.unreadable else set()
    return {library: tuple(sorted(targets)) for library, targets in sorted(found.items()) if library not in unread}
