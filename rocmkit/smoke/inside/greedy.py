"""Greedy search in a transducer: at most one token a frame, as sherpa-onnx's greedy_search does it."""

from __future__ import annotations

from typing import Any, Callable, Sequence

BLANK = 0
#: Frames that are joined at once: until a token comes, nothing but the frame changes. The number is always the same, so that a provider
#: which compiles for each shape compiles once.
BLOCK = 16


class WrongNumbers(ValueError):
    """What a model gave cannot be right: NaN, infinity, or a length that is none."""


def search(
    numpy: Any,
    encoded: Any,
    decode: Callable[[Sequence[int]], Any],
    join: Callable[[Any, Any], Any],
    *,
    context: int,
    unknown: int | None,
    block: int = BLOCK,
) -> list[tuple[int, int]]:
    """Tokens, each with the frame that it was found in. The token `unknown` counts as none, like the blank."""
    before = [-1] * (context - 1) + [BLANK]
    predicted = decode(before)
    found: list[tuple[int, int]] = []
    frame = 0
    while frame < len(encoded):
        taken = encoded[frame : frame + block]
        joined = numpy.zeros((block, encoded.shape[1]), encoded.dtype)
        joined[: len(taken)] = taken
        scores = join(joined, numpy.repeat(predicted, block, axis=0))[: len(taken)]
        if not numpy.isfinite(scores).all():
            raise WrongNumbers("the joiner gave NaN or infinity")
        best = scores.argmax(axis=1)
        hits = numpy.flatnonzero((best != BLANK) & (best != (BLANK if unknown is None else unknown)))
        if not len(hits):
            frame += len(taken)
            continue
        token, frame = int(best[hits[0]]), frame + int(hits[0])
        found.append((token, frame))
        before = [*before, token][-context:]
        predicted = decode(before)
        frame += 1
    return found
