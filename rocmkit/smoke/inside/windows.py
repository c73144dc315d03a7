"""How a sound is cut, and to which lengths the pieces are padded."""

from __future__ import annotations

from typing import Any, Sequence

#: What is looked for when a sound is cut: so many seconds of little.
_QUIET_S = 0.2
_HOP_S = 0.01


def cuts(numpy: Any, samples: Any, rate: int, *, whole_s: float, piece_s: float) -> list[tuple[int, int]]:
    """The pieces, as places of their first sample and of the one after their last.

    What lasts no longer than `whole_s` stays whole; else it is cut about every `piece_s`, a sixth of that sooner or later, where it is
    quietest.
    """
    many = len(samples)
    if many <= whole_s * rate:
        return [(0, many)]
    hop = max(1, int(_HOP_S * rate))
    blocks = many // hop
    energy = numpy.square(samples[: blocks * hop]).reshape(blocks, hop).sum(axis=1, dtype=numpy.float64)
    wide = max(1, round(_QUIET_S / _HOP_S))
    soft = numpy.convolve(energy, numpy.ones(wide), mode="same")
    earliest, latest = (max(1, int(piece_s * share * rate) // hop) for share in (5 / 6, 7 / 6))
    pieces, begin = [], 0
    while many - begin * hop > latest * hop:
        end = begin + earliest + int(soft[begin + earliest : begin + latest + 1].argmin())
        pieces.append((begin * hop, end * hop))
        begin = end
    return [*pieces, (begin * hop, many)]


def bucket(frames: int, table: Sequence[int]) -> int:
    """The shortest length of the table that holds so many frames; where none does, that many."""
    return min((length for length in table if length >= frames), default=frames)
