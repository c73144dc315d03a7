"""What a machine has for a build: processor cores and memory, as far as this process may use them."""

from __future__ import annotations

import re

from rocmkit.facts import Facts, Gap
from rocmkit.host.base import Host, NotAsked, lines_with
from rocmkit.model import Model
from rocmkit.probe.gaps import field, text
from rocmkit.probe.memory import limit_files, memory
from rocmkit.probe.system import cgroups

#: More processors than any machine has.
_MOST = 1 << 16


class Resources(Model, kw_only=True):
    """What there is. None: not known."""

    cores: int | None  # that this process may use
    memory_bytes: int | None  # free, and below the limit of the container


def resources(host: Host, facts: Facts | None) -> Resources:
    """Cores and memory of this machine. Raises nothing."""
    known = memory(host) if facts is None or isinstance(facts.memory, Gap) else facts.memory
    sizes = (known.available_bytes, known.cgroup_limit_bytes)
    memory_bytes = None if isinstance(known.available_bytes, Gap) else min(size for size in sizes if isinstance(size, int))
    return Resources(cores=_cores(host), memory_bytes=memory_bytes)


def _cores(host: Host) -> int | None:
    """The cores of this process's affinity, fewer where its control group has a quota."""
    allowed = text(host, "/proc/self/status", lines_with(r"^Cpus_allowed_list:")).partition(":")[2].strip()
    count = cores_of(allowed) or len(re.findall(r"^processor\b", text(host, "/proc/cpuinfo", lines_with(r"^processor\b")), re.MULTILINE))
    if not count:
        return None
    groups = field(cgroups, host)
    files = () if isinstance(groups, (Gap, NotAsked)) else limit_files(groups)
    quotas = [quota for path in files if (quota := quota_of(text(host, path.replace("/memory.max", "/cpu.max"))))]
    return min([count, *quotas])


def cores_of(listed: str) -> int | None:
    """How many processors `0-3,8` names; None for what is no such list."""
    if not re.fullmatch(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:,[0-9]{1,5}(?:-[0-9]{1,5})?){0,4096}", listed):
        return None
    count = 0
    for part in listed.split(","):
        first, _, last = part.partition("-")
        count += max(0, int(last or first) - int(first) + 1)
    return min(count, _MOST) or None


def quota_of(line: str) -> int | None:
    """The whole cores of cpu.max (`150000 100000` is one); None: no limit."""
    found = re.fullmatch(r"([0-9]{1,12}) ([1-9][0-9]{0,11})", line)
    return max(1, int(found[1]) // int(found[2])) if found else None
