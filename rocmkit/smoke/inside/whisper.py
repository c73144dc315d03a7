"""What the systems that drive Whisper have in common: how they are asked, and what is told of the windows that they hear a sound in."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Callable, NamedTuple, Sequence

from .backends import Text
from .sound import RATE

#: What each is asked for beside the sound. Silence makes Whisper invent, and what it invented is not to be taken up in the next window.
LANGUAGE, TASK = "ja", "transcribe"
#: What the encoder takes.
WINDOW_S = 30
ENGLISH_ALONE = "the model knows English alone"


class Found(NamedTuple):
    """What the decoder says of a sound before it writes."""

    language: str
    sure: float
    no_speech: float | None = None  # None: it is told of each window


class Window(NamedTuple):
    """What the decoder says of one window."""

    logprob: float  # mean of its tokens
    tokens: int
    no_speech: float | None
    spent: bool


def told(text: str, windows: Sequence[Window], *, timed: bool, found: Found | None) -> Text:
    """The text with what is to be known of it. One window with speech in it is enough for there to be speech."""
    many = sum(window.tokens for window in windows)
    logprob = sum(window.logprob * window.tokens for window in windows) / many if many else None
    silences = [*(window.no_speech for window in windows), *([found.no_speech] if found else [])]
    silent = [one for one in silences if one is not None]
    numbers = [*(window.logprob for window in windows), *silent, *([found.sure] if found else [])]
    return Text(
        text.strip(),
        timestamps="segment" if timed else "none",
        language=found.language if found else None,
        language_p=found.sure if found else None,
        logprob=logprob,
        no_speech=min(silent) if silent else None,
        spent=any(window.spent for window in windows),
        finite=all(map(math.isfinite, numbers)),
    )


class Languages:
    """Which language each sound is in. It is looked for once a sound: the second time, its transcription alone is timed."""

    def __init__(self, detect: Callable[[Any], Found | None]) -> None:
        self._detect = detect
        self._found: dict[bytes, Found | None] = {}

    def of(self, samples: Any) -> Found | None:
        """By its first window; None: the model cannot tell."""
        first = samples[: WINDOW_S * RATE]
        key = hashlib.sha256(first.tobytes()).digest()
        if key not in self._found:
            self._found[key] = self._detect(first)
        return self._found[key]
