"""What stands where a fact could not be read."""

from __future__ import annotations

from typing import Literal

from rocmkit.model import Model

GapReason = Literal["absent", "denied", "unparsable", "timeout", "crashed", "not-executed"]


class GapBody(Model):
    """Why something is not known."""

    reason: GapReason  # in one word
    detail: str  # in words, with the path or command


class Gap(Model):
    """Stands where a fact could not be read. Unknown is never ok."""

    gap: GapBody  # why it is not known

    @property
    def reason(self) -> GapReason:
        """Why the fact is missing, as a word."""
        return self.gap.reason

    @property
    def detail(self) -> str:
        """Why the fact is missing, in words, with the path or command."""
        return self.gap.detail


def gap(reason: GapReason, detail: str) -> Gap:
    """A Gap, in one line."""
    return Gap(GapBody(reason, detail))


NOT_ASKED = gap("not-executed", "not asked")
