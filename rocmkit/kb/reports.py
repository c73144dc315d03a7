"""Wheels that people reported, and the query whether one of those reports speaks of a torch on a GPU."""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocmkit.kb._load import document
from rocmkit.kb.targets import base
from rocmkit.kb.values import Row
from rocmkit.kb.versions import within
from rocmkit.model import Model

Shows = Literal["first-operation", "math", "numbers"]


class TorchReport(Row, kw_only=True):
    """Wheels of pytorch.org that were seen to crash, or to compute wrong numbers."""

    shows: Shows
    """What goes wrong: the very first operation, convolutions and matrix products, or the result without any error."""
    torch: str
    """Specifier on torch."""
    rocm: str
    """Specifier on the ROCm in the wheel."""
    reported: tuple[str, ...]
    """GPUs of which it was reported."""
    suspected: tuple[str, ...]
    """GPUs that run the same libraries, without a report of their own."""
    what: str
    """What was seen."""


class _File(Model, kw_only=True):
    reports: tuple[TorchReport, ...]


@cache
def all_torch_reports() -> tuple[TorchReport, ...]:
    """Every report."""
    return document("reports", _File).reports


def torch_reports(shows: Shows, torch: str, rocm: str, gfx: str) -> tuple[TorchReport, ...]:
    """The reports of that kind on a torch (`2.6.0`, without its ending) for a ROCm (`6.1`) on a GPU, or on its like."""
    return tuple(
        one
        for one in all_torch_reports()
        if one.shows == shows and within(one.rocm, rocm) and within(one.torch, torch) and base(gfx) in one.reported + one.suspected
    )
