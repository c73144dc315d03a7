"""How texts are read, in katakana, by a Python that has pyopenjtalk or pyopenjtalk-plus: rocmkit brings no dictionary of Japanese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rocmkit.smoke.cer import normal
from rocmkit.trial.values import Limits, Run, Trial
from rocmkit.trial.work import worker

INSIDE = Path(__file__).with_name("inside")
#: So many texts of so many characters: all that a case says in hours is less.
MOST, LONGEST = 400, 20_000
_LIMITS = Limits(time_s=180.0)


def readings(texts: Iterable[str], run: Run, pythons: Sequence[str]) -> dict[str, str]:
    """The readings of texts, from the first of the interpreters that can read; of none where none can.

    A text that is too long, or that the dictionary's program fails on, is left out. Raises OSError where an interpreter cannot be started.
    """
    wanted = [text for text in dict.fromkeys(texts) if normal(text) and len(text) <= LONGEST][:MOST]
    if not wanted:
        return {}
    for python in dict.fromkeys(pythons):
        trial = run(worker(python, "readings", [{"do": "readings", "texts": wanted}], limits=_LIMITS, folders=(INSIDE,)))
        if found := told(trial, wanted):
            return found
    return {}


def told(trial: Trial, texts: Sequence[str]) -> dict[str, str]:
    """What the worker answered. Pure; whatever else is in an answer is passed over."""
    measured: dict[str, Any] = trial.measured[0] if trial.outcome == "pass" and trial.measured else {}
    found = {}
    for number, text in enumerate(texts):
        pieces = measured.get(str(number))
        if isinstance(pieces, list) and all(isinstance(piece, str) for piece in pieces):
            found[text] = "".join(pieces)
    return found
