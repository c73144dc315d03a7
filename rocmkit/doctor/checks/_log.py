"""What several checks ask of the kernel's log: its lines, whose they are, and what became of the last reset."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from rocmkit.doctor.result import Seen
from rocmkit.facts import Gap, Gpu, KernelLog

#: For a fix: the lines that tell more than those kept here.
SHOW = 'sudo dmesg | grep -iE "amdgpu|kfd" | tail -n 40'
_ADDRESS = re.compile(r"\b([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b")
_ADDED = re.compile(r"kfd kfd:.*added device")
_BEGIN = re.compile(r"GPU reset begin", re.IGNORECASE)
#: amdgpu_device.c. "GPU reset succeeded, trying to resume" comes half-way, and says nothing of the end.
_END = re.compile(r"GPU reset\((\d{1,9})\) (failed|succeeded)|GPU reset end with (ret)", re.IGNORECASE)


class Resets(NamedTuple):
    """The resets of one GPU since its driver was loaded."""

    times: int  # at least: the log may have lost some
    last: Literal["succeeded", "failed", "open"]  # open: the log does not say how it ended
    lines: tuple[str, ...]  # how the last one began and ended, as far as the log says


def texts(log: KernelLog | Gap) -> list[str]:
    """The lines; none where the log is not known."""
    return [] if isinstance(log, Gap) else [line.text for line in log.lines]


def source(log: KernelLog | Gap) -> str:
    """dmesg or journalctl, as evidence names it."""
    return "" if isinstance(log, Gap) else log.source


def seen(log: KernelLog | Gap, lines: list[str]) -> tuple[Seen, ...]:
    """Lines as evidence, each once."""
    return tuple(Seen(source(log), line) for line in dict.fromkeys(lines))


def address(line: str) -> str | None:
    """The PCI address that a line names."""
    found = _ADDRESS.search(line)
    return found[1] if found else None


def since_loaded(log: KernelLog | Gap) -> list[str]:
    """The lines since the driver last found its GPUs: what came before a reload of the driver is over."""
    lines = texts(log)
    starts = [index for index, line in enumerate(lines) if _ADDED.search(line)]
    return lines[starts[-1] + 1 :] if starts else lines


def by_gpu(lines: list[str], gpus: tuple[Gpu, ...]) -> dict[str, list[str]]:
    """Lines by the PCI address in them. Those without one are the only GPU's, or stand under "" where there are several."""
    only = gpus[0].pci or "" if len({gpu.pci for gpu in gpus}) == 1 else ""
    grouped: dict[str, list[str]] = {}
    for line in lines:
        grouped.setdefault(address(line) or only, []).append(line)
    return grouped


def resets(lines: list[str]) -> Resets | None:
    """What the log says of the resets of one GPU; None: of none."""
    marks = [(line, _END.search(line)) for line in lines if _BEGIN.search(line) or _END.search(line)]
    if not marks:
        return None
    counters = [int(end[1]) for _, end in marks if end and end[1]]
    count = max([sum(1 for _, end in marks if end is None), *counters, 1])
    begins = [index for index, (_, end) in enumerate(marks) if end is None]
    last = marks[begins[-1] :] if begins else marks[-2:]
    ends = [end for _, end in last if end]
    failed = any(end[3] or end[2].lower() == "failed" for end in ends)
    return Resets(count, "failed" if failed else "succeeded" if ends else "open", tuple(line for line, _ in last[-3:]))
