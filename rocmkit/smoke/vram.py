"""How much of a GPU's memory a process took at its highest. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rocmkit.smoke.observed import Card, Ran
from rocmkit.smoke.sights import sights


def peak(ran: Ran, cards: Sequence[Card]) -> int | None:
    """On all GPUs together; None: it was not seen. Where nobody told whose memory it was, what the cards had more of than before."""
    own = sum(sight.vram for sight in sights(ran, cards))
    if own > 0:
        return own
    rises = [
        one.vram_used_bytes - one.vram_before_bytes
        for one in ran.watched.cards
        if one.vram_used_bytes and one.vram_before_bytes is not None
    ]
    return max((rise for rise in rises if rise > 0), default=None) if ran.loaded and ran.loaded.device == "gpu" else None
