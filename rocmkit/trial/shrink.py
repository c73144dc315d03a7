"""Delta debugging: the smallest part of a sequence for which something still holds (Zeller and Hildebrandt, 2002: ddmin)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def smallest(items: Sequence[T]) -> Generator[tuple[T, ...], bool, tuple[T, ...]]:
    """Yields parts of `items`, in their order, and is sent whether it holds for each; returns a part from which nothing can be left out.

    It holds for all of them, which is not asked again, and not for none. No part is asked about twice, and never more than n² + 3n.
    """
    kept, pieces = tuple(range(len(items))), 2
    answers: dict[tuple[int, ...], bool] = {kept: True, (): False}
    while len(kept) > 1:
        pieces = min(pieces, len(kept))
        for part, then in _parts(kept, pieces):
            if part not in answers:
                answers[part] = yield tuple(items[number] for number in part)
            if answers[part]:
                kept, pieces = part, then
                break
        else:
            if pieces == len(kept):
                break
            pieces *= 2
    return tuple(items[number] for number in kept)


def _parts(kept: tuple[int, ...], pieces: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each piece, then all but each piece; and into how many pieces that is cut next, if it holds."""
    edges = [len(kept) * number // pieces for number in range(pieces + 1)]
    spans = list(pairwise(edges))
    yield from ((kept[begin:end], 2) for begin, end in spans)
    yield from ((kept[:begin] + kept[end:], max(pieces - 1, 2)) for begin, end in spans)
