"""Memory and disk room, and the limits that a container or a session puts on them."""

from __future__ import annotations

import posixpath
import re

from rocmkit.facts import Disk, Gap, Memory
from rocmkit.host.base import Host, lines_with
from rocmkit.probe.gaps import field, text
from rocmkit.probe.pci import decimal
from rocmkit.probe.system import cgroups

#: cgroup v1 prints a number near 2**63, rounded to pages, for "no limit".
_NO_LIMIT = 1 << 62


def memory(host: Host) -> Memory:
    """/proc/meminfo, the cgroup's limit, /dev/shm, memlock and free room. Raises nothing: each is a Gap of its own."""
    return Memory(
        total_bytes=field(_meminfo, host, "MemTotal"),
        available_bytes=field(_meminfo, host, "MemAvailable"),
        cgroup_limit_bytes=field(_cgroup_limit, host),
        shm_bytes=field(lambda: host.space("/dev/shm").total_bytes),  # noqa: S108 - asked about, not written to
        memlock_bytes=field(lambda: host.limits().memlock_bytes),
        disks=_disks(host),
    )


def _meminfo(host: Host, name: str) -> int:
    listing = host.read_text("/proc/meminfo", lines_with(r"^(MemTotal|MemAvailable):"))
    found = re.search(rf"^{name}:\s+([0-9]{{1,15}}) kB$", listing, re.MULTILINE)
    if found is None:
        raise ValueError(f"/proc/meminfo: no line {name}")
    return int(found[1]) * 1024


def limit_files(cgroup: str) -> tuple[str, ...]:
    """The files that may hold a limit, from the text of /proc/self/cgroup: of the process's group and of each one above it.

    The paths are as the group's namespace shows them: in a container often just "/", or one that is not mounted there.
    """
    found: list[str] = []
    for line in cgroup.splitlines()[:20]:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root, name = "/sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        path = posixpath.normpath("/" + path[:4096].strip().lstrip("/"))
        while True:
            found.append(posixpath.normpath(f"{root}/{path}") + f"/{name}")
            if path == "/":
                break
            path = posixpath.dirname(path)
    return tuple(found)


def _cgroup_limit(host: Host) -> int | None:
    """The lowest limit in bytes; None: no limit. Raises OSError, NotAsked where the groups of this process cannot be read."""
    values = (decimal(text(host, path)) for path in limit_files(cgroups(host)))
    limits = [value for value in values if value is not None and value < _NO_LIMIT]
    return min(limits, default=None)


def _disks(host: Host) -> tuple[Disk, ...]:
    places = {"cache": "~/.cache", "tmp": "/tmp"}  # noqa: S108 - asked about, not written to
    variables = field(host.environ, lambda name: name == "TMPDIR")
    temporary = "" if isinstance(variables, Gap) else variables.get("TMPDIR", "")
    if temporary.startswith(("/", "~/")) and temporary.rstrip("/") != places["tmp"]:
        places["tmpdir"] = temporary
    found = (field(_disk, host, purpose, path) for purpose, path in places.items())
    return tuple(disk for disk in found if not isinstance(disk, Gap))


def _disk(host: Host, purpose: str, path: str) -> Disk:
    """Room at `path`, or at the nearest folder above it that exists."""
    while True:
        try:
            space = host.space(path)
            return Disk(purpose=purpose, path=path, free_bytes=space.free_bytes, total_bytes=space.total_bytes)
        except FileNotFoundError:
            if path in {"/", "~"}:
                raise
            path = posixpath.dirname(path.rstrip("/")) or "/"
