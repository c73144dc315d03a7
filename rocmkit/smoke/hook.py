"""The hook that counts AQL packets: compiled on the machine itself, kept in the cache, and put into the HSA runtime of one process."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import platform
import pwd
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rocmkit.host.process import run_process
from rocmkit.smoke.inside import packets
from rocmkit.smoke.observed import Packets

SOURCE = Path(__file__).with_name("aql")
_FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread", "-Wl,-z,nodelete", "-Wl,-z,now")
_LIBRARIES = ("-ldl",)  # where the C library is older than 2.34
_COMPILE_S = 60.0
_TRY_S = 20.0
_LIMIT = 1 << 22
_LOADS = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).OnLoad"


class Hooked(NamedTuple):
    """The hook as a shared library."""

    library: str | None  # None: there is none
    because: str | None  # why


def hooked(cache: Path) -> Hooked:
    """The hook, compiled if the cache does not hold it yet.

    What is in the cache is loaded into programs: it is used only where nobody else can have put it there.
    """
    try:
        folder = _folder(cache)
        if isinstance(folder, Hooked):
            return folder
        source = {path.name: path.read_bytes() for path in sorted(SOURCE.glob("*.[ch]"))}
        refused = ["there is no C compiler here: cc, gcc or clang"]
        for compiler in _compilers():
            key = _key(compiler, source)
            for kept in sorted(folder.glob(f"packets-{key}-*.so")):
                if _whole(kept):
                    return Hooked(str(kept), None)
            made = _made(compiler, key, folder)
            if made.library:
                return made
            refused.append(f"{Path(compiler).name} cannot compile it: {made.because}")
        return Hooked(None, refused[-1])
    except OSError as error:
        return Hooked(None, f"the hook could not be built: {error.strerror or error}")


def _compilers() -> list[str]:
    rocm = os.environ.get("ROCM_PATH") or "/opt/rocm"
    found: dict[str, str] = {}
    for name in ("cc", "gcc", "clang", "amdclang", f"{rocm}/llvm/bin/clang"):
        path = shutil.which(name)
        if path:
            found.setdefault(os.path.realpath(path), str(Path(path).absolute()))
    return list(found.values())


def _key(compiler: str, source: Mapping[str, bytes]) -> str:
    """What the library depends on. A home on the network is seen by machines that differ."""
    version = run_process((compiler, "--version"), timeout_s=_TRY_S).stdout
    digest = hashlib.sha256(version)
    for text in (compiler, *_FLAGS, *_LIBRARIES, platform.machine(), *platform.libc_ver(sys.executable)):
        digest.update(b"\0" + os.fsencode(text))
    for name, data in source.items():
        digest.update(b"\0" + name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:32]


def _made(compiler: str, key: str, folder: Path) -> Hooked:
    """Compile it, see that it loads, and put it in its place in one step; its name says what is in it."""
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as work:
        fresh = Path(work) / "packets.so"
        files = [str(path) for path in sorted(SOURCE.glob("*.c"))]
        env = {**os.environ, "TMPDIR": work}  # a compiler that is ended leaves its own files behind
        run = run_process((compiler, *_FLAGS, *files, "-o", str(fresh), *_LIBRARIES), timeout_s=_COMPILE_S, env=env)
        if run.outcome != "exited" or run.exit != 0 or not fresh.is_file():
            return Hooked(None, _first_error(run.stderr) if run.outcome == "exited" else f"it ended with {run.outcome}")
        run = run_process((sys.executable, "-I", "-S", "-c", _LOADS, str(fresh)), timeout_s=_TRY_S)
        if run.outcome != "exited" or run.exit != 0:
            return Hooked(None, f"what it made does not load: {_last_line(run.stderr)}")
        fresh.chmod(0o700)
        there = folder / f"packets-{key}-{hashlib.sha256(fresh.read_bytes()).hexdigest()}.so"
        fresh.replace(there)
        return Hooked(str(there), None)


def _first_error(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").splitlines()
    return next((line for line in lines if "error" in line), lines[-1] if lines else "it says nothing").strip()[:300]


def _last_line(stderr: bytes) -> str:
    return (stderr.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"])[-1][:300]


def _folder(cache: Path) -> Path | Hooked:
    """Where libraries are kept: below folders in which nobody else can put anything in its place."""
    folder = cache / "hook"
    there = next(path for path in folder.parents if path.exists()).resolve(strict=True)
    because = _open_to_others(there, *there.parents)  # first: what root makes in the home of another, that one could not use
    if because is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        folder = folder.resolve(strict=True)
        because = _open_to_others(*folder.parents, last=folder)
    return Hooked(None, because) if because else folder


def _open_to_others(*above: Path, last: Path | None = None) -> str | None:
    """Why somebody else can put something into these folders; the `last` has to be the user's own. None: nobody can."""
    for path in (*filter(None, (last,)), *above):
        about = path.stat()
        if about.st_uid not in ({os.geteuid()} if path == last else {os.geteuid(), 0}):
            return f"{path} belongs to somebody else"
        if _others_write(about) and (path == last or not about.st_mode & stat.S_ISVTX):
            return f"others can write into {path}"
    return None


def _others_write(about: os.stat_result) -> bool:
    if about.st_mode & stat.S_IWOTH:
        return True
    return bool(about.st_mode & stat.S_IWGRP) and not _private(about.st_gid)


def _private(gid: int) -> bool:
    """Whether a group is the user's own, as many distributions give everybody one."""
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _whole(library: Path) -> bool:
    """Whether a kept library is ours, and what its name says."""
    try:
        descriptor = os.open(library, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
        data = file.read(_LIMIT)
    return hashlib.sha256(data).hexdigest() == library.stem.rpartition("-")[2]


class Counting:
    """A file that the hook counts in, as long as the `with` block lasts. Without a hook nothing is counted."""

    def __init__(self, hooked: Hooked, environ: Mapping[str, str] = os.environ) -> None:
        self._library = hooked.library
        self._environ = environ
        self._folder: str | None = None
        self._descriptor: int | None = None
        self._because: str | None = None

    def __enter__(self) -> Counting:
        if self._library:
            try:
                self._folder = tempfile.mkdtemp(prefix="rocmkit-packets-")
                path = Path(self._folder) / "packets"
                path.write_bytes(packets.empty())  # all of it: where a mapped file has holes, a full disk ends who writes there
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                self._because = f"there is no place to count in: {error.strerror or error}"
                self._close()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._descriptor = self._folder = None

    def env(self) -> dict[str, str]:
        """The variables that have a process counted."""
        if not self._library or not self._folder:
            return {}
        # The names of tools are separated by blanks (parse_tool_names in ROCm/ROCR-Runtime, core/runtime/runtime.cpp).
        name = "".join(f"\\{sign}" if sign in ' "\\' else sign for sign in self._library)
        before = self._environ.get("HSA_TOOLS_LIB", "").strip()
        return {
            "HSA_TOOLS_LIB": f"{before} {name}" if before else name,
            "HSA_TOOLS_ROCPROFILER_V1_TOOLS": "1",  # else a tool of rocprofiler-sdk in the process keeps this one out
            packets.VARIABLE: str(Path(self._folder) / "packets"),
        }

    def now(self) -> tuple[Packets, ...] | None:
        """The packets so far, at most a hundredth of a second ago; None: no HSA runtime called the hook."""
        summed = packets.summed(self._rooms())
        return None if summed is None else tuple(Packets(**one) for one in summed)

    def refused(self) -> str | None:
        """Why something is not counted although a runtime may have called the hook."""
        return self._because or packets.refused(self._rooms())

    def _rooms(self) -> list[packets.Room]:
        if self._descriptor is None:
            return []
        try:
            return packets.rooms(os.pread(self._descriptor, packets.SIZE, 0))
        except OSError:
            return []
