"""Facts as plain data, flattened to places and values, so that two machines, or two versions of rocmkit, can be compared.

Lists of things that have names are compared by those names, and what differs on every run of one machine is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Place = tuple[str, ...]

#: What names the rows of a list, by the list's place; the fields are joined where it takes several.
NAMES = {
    "access.nodes": ("path",),
    "caches": ("purpose",),
    "driver.blacklists": ("where", "line"),
    "driver.dkms": ("version",),
    "env_files": ("file", "name"),
    "gpus": ("pci",),
    "kfd.gpu_nodes": ("node",),
    "memory.disks": ("purpose",),
    "python.kernels": ("package", "kernels.library"),
    "python.libraries": ("file",),
    "python.overlaps": ("folder",),
    "python.runtimes": ("file",),
    "rocm": ("path",),
    "rocm.*.kernels": ("library",),
    "rocm.*.libraries": ("file",),
    "runtime.agents": ("name",),
    "tools": ("name",),
}
#: Different on every look, or another way to say what stands elsewhere.
LEFT_OUT = (
    *("caches.*.databases", "gpus.*.link.speed_gts", "gpus.*.link.width", "gpus.*.vram_used_bytes", "kernel_log.source"),
    *("memory.available_bytes", "memory.disks.*.free_bytes", "memory.disks.*.path"),
    *("python.libraries.*.code.gpu_api", "python.libraries.*.code.gfx", "python.libraries.*.code.needs", "python.torch.version"),
)
#: Rows of these lists are lines: the list is a set of them, without the time that stands before each.
_LINES = ("kernel_log", "lines")
_TIME = re.compile(r"^(?:\[\s*[0-9.]+\]|[A-Z][a-z]{2}\s+[0-9]+ [0-9:]{8}|[0-9]{4}-[0-9-]{5}T[0-9:.,+-]+)\s*")
#: One value each, although they have parts: the numbers of files in a folder.
_WHOLE = (("python", "kernels", "*", "kernels", "targets"), ("rocm", "*", "kernels", "*", "targets"))
_NAMES = tuple((tuple(pattern.split(".")), fields) for pattern, fields in NAMES.items())
_LEFT_OUT = tuple(tuple(pattern.split(".")) for pattern in LEFT_OUT)
#: Facts lie nowhere deeper; what does is one value.
_DEEPEST = 8


def flat(facts: dict[str, Any]) -> dict[Place, Any]:
    """Place to value. Raises nothing, whatever stands in `facts`."""
    return {place: value for place, value in _walk(facts, ()) if not _left_out(place)}


def _left_out(place: Place) -> bool:
    return any(_fits(place, pattern) for pattern in _LEFT_OUT)


def _fits(place: Place, pattern: Place) -> bool:
    """Whether a place is that of a pattern, in which a star stands for one name."""
    return len(pattern) == len(place) and all(part in ("*", name) for part, name in zip(pattern, place, strict=True))


def _walk(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict) and value and len(place) < _DEEPEST and "gap" not in value and not _whole(place):
        for key, one in value.items():
            yield from _walk(one, (*place, str(key)))
    elif isinstance(value, list | tuple) and place == _LINES:
        texts = sorted({_TIME.sub("", str(one.get("text"))) if isinstance(one, dict) else str(one) for one in value})
        yield from (((*place, text), True) for text in texts)
    elif isinstance(value, list | tuple) and (fields := _fields(place)) and all(isinstance(one, dict) for one in value):
        seen: dict[str, int] = {}
        for one in value:
            if place == ("tools",) and one.get("path") is None and one.get("version") is None:  # looked for, and not there
                continue
            name = " ".join(str(_field(one, field)) for field in fields)
            seen[name] = seen.get(name, 0) + 1
            yield from _walk(one, (*place, name if seen[name] == 1 else f"{name} #{seen[name]}"))
    else:
        yield place, list(value) if isinstance(value, tuple) else value


def _whole(place: Place) -> bool:
    return any(_fits(place, pattern) for pattern in _WHOLE)


def _fields(place: Place) -> tuple[str, ...]:
    return next((fields for pattern, fields in _NAMES if _fits(place, pattern)), ())


def _field(row: Any, field: str) -> Any:
    for part in field.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def row_of(place: Place) -> Place | None:
    """The place of the named row that a value belongs to: of the outermost list, where they lie in one another."""
    for length in range(1, len(place)):
        if _fields(place[:length]):
            return place[: length + 1]
    return None
