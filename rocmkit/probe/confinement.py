"""What holds this process in: user namespaces, SELinux, seccomp; and where the docker command leads.

Every `keep` here gives the same again when applied to its own output, since a replay applies it to what a recording kept.
"""

from __future__ import annotations

import errno
import re
from typing import Literal

import msgspec

from rocmkit.facts import IdRange
from rocmkit.host.base import Host, Keep, absent, lines_with, whole

#: What Docker's settings are reduced to: the engine of this machine, Docker Desktop's, and any other.
_CONTEXTS = (b"default", b"desktop-linux", b"other")
_DOCKER = ("DOCKER_HOST", "DOCKER_CONTEXT")
#: The map of a process that lives in no user namespace but the first.
ALL_IDS = (IdRange(inside=0, outside=0, count=4294967295),)


def id_map(host: Host, kind: Literal["uid", "gid"]) -> tuple[IdRange, ...]:
    """The ranges of /proc/self/uid_map or gid_map; a kernel without user namespaces has no such file, and every id is itself.

    Raises OSError, NotAsked, ValueError.
    """
    listing = _where_executed(host, f"/proc/self/{kind}_map", whole)
    if listing is None:
        return ALL_IDS
    found = []
    for line in listing.splitlines()[:400]:  # user_namespaces(7): at most 340
        if not re.fullmatch(r"\s*[0-9]{1,10}\s+[0-9]{1,10}\s+[0-9]{1,10}\s*", line, re.ASCII):
            raise ValueError(f"/proc/self/{kind}_map: not three numbers in a line")
        first, outside, count = map(int, line.split())
        found.append(IdRange(inside=first, outside=outside, count=count))
    return tuple(found)


def security_type(data: bytes) -> bytes:
    """The type in an SELinux context, USER:ROLE:TYPE:LEVEL, or what was kept of one before. AppArmor's labels give nothing."""
    parts = data.strip(b"\x00 \t\r\n").split(b":")
    word = parts[2] if len(parts) > 2 else parts[0] if len(parts) == 1 else b""
    return word if re.fullmatch(rb"[A-Za-z0-9_.]{1,80}_t", word) else b""


def docker_context(data: bytes) -> bytes:
    """currentContext of Docker's config.json as one of three words. The file holds credentials: nothing else of it is looked at."""
    if data in _CONTEXTS:
        return data
    try:
        settings = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return b""
    name = settings.get("currentContext", "") if isinstance(settings, dict) else None
    return _context(name).encode() if isinstance(name, str) else b""


def _where_executed(host: Host, path: str, keep: Keep) -> str | None:
    """A file that this kernel may not have: None. Below a folder it may be missing from the copy only. Raises OSError, NotAsked."""
    try:
        return host.read_text(path, keep)
    except FileNotFoundError:
        if host.executes:
            return None
        raise


def selinux(host: Host) -> Literal["enforcing", "permissive"] | None:
    """The mode; None: off, or not in this kernel. Raises OSError, NotAsked, ValueError.

    The kernel makes the folder when SELinux is switched on. Containers see it empty, which says nothing of the mode.
    """
    enforce = _where_executed(host, "/sys/fs/selinux/enforce", whole)
    if enforce is None:
        if host.exists("/sys/fs/selinux"):
            raise absent("/sys/fs/selinux/enforce")
        return None
    if enforce not in {"0", "1"}:
        raise ValueError("/sys/fs/selinux/enforce: neither 0 nor 1")
    return "enforcing" if enforce == "1" else "permissive"


def selinux_type(host: Host) -> str | None:
    """The SELinux type of this process; None: no SELinux context. Raises OSError, NotAsked."""
    try:
        return _where_executed(host, "/proc/self/attr/current", security_type) or None
    except OSError as error:
        if error.errno == errno.EINVAL:  # no security module answers
            return None
        raise


def seccomp(host: Host) -> Literal["off", "strict", "filter"]:
    """Whether system calls are filtered. Without seccomp a kernel prints no such line. Raises OSError, NotAsked, ValueError."""
    status = host.read_text("/proc/self/status", lines_with(r"^(State|Seccomp):"))
    if not status.startswith("State:"):
        raise ValueError("/proc/self/status: no line State")
    found = re.search(r"^Seccomp:\s*([0-9]+)$", status, re.MULTILINE | re.ASCII)
    modes: dict[str, Literal["off", "strict", "filter"]] = {"0": "off", "1": "strict", "2": "filter"}
    if found and found[1] not in modes:
        raise ValueError("/proc/self/status: Seccomp is none of 0, 1, 2")
    return modes[found[1]] if found else "off"


def docker(host: Host) -> Literal["default", "desktop-linux", "other"] | None:
    """As the docker command chooses: $DOCKER_HOST, else $DOCKER_CONTEXT, else the user's file. Raises OSError, NotAsked, ValueError."""
    variables = host.environ(lambda name: name in _DOCKER)
    if server := variables.get("DOCKER_HOST"):
        if server.endswith("/.docker/desktop/docker.sock"):
            return "desktop-linux"
        return "default" if server in {"unix:///var/run/docker.sock", "unix:///run/docker.sock"} else "other"
    if named := variables.get("DOCKER_CONTEXT"):
        return _context(named)
    kept = _where_executed(host, "~/.docker/config.json", docker_context)
    if kept == "":
        raise ValueError("~/.docker/config.json: not the settings of Docker")
    return None if kept is None else _context(kept)


def _context(name: str) -> Literal["default", "desktop-linux", "other"]:
    return "desktop-linux" if name == "desktop-linux" else "default" if name in {"", "default"} else "other"
