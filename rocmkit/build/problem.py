"""Something that stands in the way of a build, or that is good to know before it."""

from __future__ import annotations

from rocmkit.model import Model


class Problem(Model, kw_only=True):
    """One thing that was seen before a build."""

    id: str  # missing-hipblas, memory, disk, work-noexec
    text: str  # what it is, in a sentence
    fatal: bool  # the build would fail
    command: str | None = None  # what takes it away
