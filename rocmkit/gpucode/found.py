"""What a reader met so far in one file, and the bounds it keeps to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocmkit.gpucode.source import Source

if TYPE_CHECKING:
    from rocmkit.gpucode.objects import Objects

MAX_PADDING = 64 << 20  # zeros between all bundles of a file
MAX_ENTRIES = 500_000  # of all bundles, CUDA binaries and LLVM's offload binaries of a file
SHALLOW_UNPACKED = 64 << 20
DEEP_UNPACKED = 4 << 30


class StopError(Exception):
    """The rest of a range cannot be followed; the message says why."""


@dataclass
class Found:
    """What was met so far. With `objects`, every code object is looked into as well."""

    objects: Objects | None = None
    targets: set[str] = field(default_factory=set)
    sm: set[str] = field(default_factory=set)
    bundles: int = 0
    compressed: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    """An ordered set of short reasons; while it is empty, `targets` is complete."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What else could not be read; `targets` does not suffer from it."""
    entries: int = 0
    padding: int = 0
    unpacked: int = SHALLOW_UNPACKED
    """Bytes that may still be unpacked to the end."""

    def add_entries(self, count: int) -> None:
        """Count entries. Raises StopError where there are too many."""
        self.entries += count
        if self.entries > MAX_ENTRIES:
            raise StopError("there are too many entries of GPU code")

    def add_image(self, target: str, image: Source) -> None:
        """Code for one target: what it says of itself is read where that was asked for."""
        self.targets.add(target)
        if self.objects is not None:
            self.objects.add(target, image, self)


def skip_zeros(source: Source, start: int, end: int, found: Found) -> int:
    """The offset of the first byte that is not zero, or `end`. Raises StopError where that takes too long."""
    step = 4096
    while start < end:
        data = source.read(start, min(step, end - start))
        if not data:
            raise StopError("GPU code lies beyond the end of the file")
        zeros = len(data) - len(data.lstrip(b"\0"))
        start += zeros
        found.padding += zeros
        if zeros < len(data):
            break
        if found.padding > MAX_PADDING:
            raise StopError("a section of GPU code is mostly empty")
        step = 1 << 20
    return start
