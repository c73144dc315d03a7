"""The step that says how texts are read: katakana by Open JTalk's front end, as pyopenjtalk wraps it."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from pathlib import Path
from typing import Any, Mapping

#: At most so many characters are analysed at once: the analyser's buffers are of a fixed size.
_AT_ONCE = 200
_PIECE = 300  # of an answer
_SENTENCES = re.compile(r"[^。！？!?\n]*[。！？!?\n]*")


class NoDictionary(OSError):
    """The package would download its dictionary first."""


def readings(step: Mapping[str, Any]) -> dict[str, Any]:
    """The reading of each text in katakana, in pieces, under its number; nothing where the analyser refuses the text."""
    pyopenjtalk = importlib.import_module("pyopenjtalk")
    dictionary = os.fsdecode(pyopenjtalk.OPEN_JTALK_DICT_DIR)
    if not Path(dictionary).is_dir():  # pyopenjtalk downloads it on first use, pyopenjtalk-plus brings it
        raise NoDictionary("pyopenjtalk is here without its dictionary")
    told: dict[str, Any] = {}
    for number, text in enumerate(step["texts"]):
        with contextlib.suppress(Exception):  # of whatever kind: one text must not cost the others theirs
            kana = "".join(str(pyopenjtalk.g2p(part, kana=True)) for part in parts(text))
            told[str(number)] = [kana[at : at + _PIECE] for at in range(0, len(kana), _PIECE)]
    return told


def parts(text: str) -> list[str]:
    """A text in sentences, and sentences in pieces."""
    sentences = [sentence for sentence in _SENTENCES.findall(text) if sentence.strip()]
    return [sentence[at : at + _AT_ONCE] for sentence in sentences for at in range(0, len(sentence), _AT_ONCE)]


STEPS = {"readings": readings}
