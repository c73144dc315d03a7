"""Folders that a build could not work in: paths that compilers trip over, file systems that are too small or run no programs."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from rocmkit.build.problem import Problem
from rocmkit.build.values import Plan
from rocmkit.host.base import Host, NotAsked, Space

_GIB = 1 << 30
#: What a path may hold so that make, ninja, CMake, shells and flags such as -ffile-prefix-map=OLD=NEW all take it as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%-]+")
#: File systems of other machines: locks and many small files are slow there, and some forget changes of times.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "lustre", "ceph", "glusterfs", "fuse.glusterfs", "beegfs", "afs", "gpfs"}


def work_problems(plan: Plan, host: Host) -> Iterator[Problem]:
    """What is wrong with the folder to work in and with the one that the result goes to."""
    if not _PLAIN.fullmatch(plan.work):
        yield Problem(
            id="work-path",
            text=f"the work folder {plan.work!r} has characters in its path that CMake or ninja trip over; name another with --work",
            fatal=True,
        )
    for id_, what, folder in (("work", "work folder", plan.work), ("out", "folder for the result", plan.out)):
        yield from _writable(id_, what, folder, host)
    yield from _space(plan, host)
    yield from _noexec(plan, host)


def _there(host: Host, folder: str) -> str:
    """The folder, or the nearest one above it that is there. Raises OSError, NotAsked."""
    while folder not in {"/", ""} and not host.exists(folder):
        folder = posixpath.dirname(folder)
    return folder or "/"


def _writable(id_: str, what: str, folder: str, host: Host) -> Iterator[Problem]:
    try:
        place = _there(host, folder)
        if host.stat(place).kind != "folder":
            yield Problem(id=f"{id_}-file", text=f"{place} is no folder, and the {what} would be {folder}", fatal=True)
        elif not host.can_write(place):
            yield Problem(id=f"{id_}-read-only", text=f"{place} cannot be written to, and the {what} is {folder}", fatal=True)
    except (OSError, NotAsked) as error:
        yield Problem(id=f"{id_}-unseen", text=f"whether the {what} can be written to was not seen: {error}", fatal=False)


def _space(plan: Plan, host: Host) -> Iterator[Problem]:
    try:
        there = host.space(_there(host, plan.work))
        begun = host.exists(f"{plan.work}/state.json")
    except (OSError, NotAsked):
        return  # told as a folder that was not seen
    yield from _room(plan, there, begun=begun)
    if there.file_system in _NETWORK:
        text = f"the work folder lies on another machine ({there.file_system}): a build there takes much longer; --work names another"
        yield Problem(id="work-network", text=text, fatal=False)


def _room(plan: Plan, space: Space, *, begun: bool) -> Iterator[Problem]:
    """A build that was begun has taken some of its room already."""
    if space.free_bytes >= plan.cost.disk_gib * _GIB:
        return
    text = f"{space.free_bytes / _GIB:.1f} GiB are free for {plan.work}, and the build takes about {plan.cost.disk_gib:g} GiB"
    yield Problem(id="disk", text=text, fatal=not begun)


def _noexec(plan: Plan, host: Host) -> Iterator[Problem]:
    """Configure steps run what they compile, which a file system mounted with noexec refuses."""
    try:
        real = host.private.reveal(host.realpath(_there(host, plan.work)))
        options = host.read_text("/proc/self/mounts", lambda data: options_of(data, real))
    except (OSError, NotAsked):
        return
    if "noexec" in options.split(","):
        text = f"programs cannot run in {plan.work}: its file system is mounted with noexec; name another folder with --work"
        yield Problem(id="work-noexec", text=text, fatal=True, command=f"findmnt --target {shlex.quote(plan.work)}")


def options_of(mounts: bytes, path: str) -> bytes:
    """The options that the file system of `path` is mounted with, from /proc/self/mounts; empty where it names none."""
    longest, options = -1, b""
    for line in mounts.splitlines():
        fields = line.split(b" ")
        if len(fields) < 4:
            continue
        place = re.sub(rb"\\([0-3][0-7]{2})", lambda code: bytes([int(code[1], 8)]), fields[1]).decode("utf-8", "surrogateescape")
        # Of two that are mounted at one place, the later one hides the other.
        if (path == place or path.startswith(place.rstrip("/") + "/")) and len(place) >= longest:
            longest, options = len(place), fields[3]
    return options
