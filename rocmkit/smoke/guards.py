"""What is wrong with a text whatever its error rate: signs that a model writes what nobody said. Pure.

Each limit lies between what right and wrong texts of Whisper models had; by those of compression and likelihood openai-whisper itself
doubts a text (whisper/transcribe.py).
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from rocmkit.smoke.cer import FAR, edits, normal
from rocmkit.smoke.observed import Heard

#: Of the reference's length. A reading in kana is up to twice as long as a text in kanji.
_SHORTEST, _LONGEST = 0.3, 2.5
#: Few characters more or less are a large share of a short text.
_FEW = 8
#: Right texts come to 1.4, loops to 6 and more. Texts are looked at in pieces: a long one repeats its own words, and hides a loop.
_COMPRESSES, _PIECE = 2.4, 240
#: How often the same few characters stand in a row. People do say "そうそうそうそう": without a reference it takes so many characters.
_REPEATS, _RUN_UNTOLD = 4, 24
_JAPANESE = 0.7
#: No sentence of so many letters is without kana.
_KANJI_ALONE = 12
_LOGPROB = -1.0
_NO_SPEECH = 0.6
_LANGUAGE_P = 0.8
#: What a model doubts of itself does not count where so much of the text, at least, is what was said.
_NEAR = 0.3
#: What Whisper models write for silence: they learned from subtitles.
_STOCK = ("ご視聴ありがとうございました", "おやすみなさい", "チャンネル登録")

#: Digits and ー alone may stand in a row: 1000000, すごーーーい. No phrase of a dozen characters is said four times over either.
_RUN = re.compile(r"(?=([0-9ー]{0,5}?[^0-9ー].{0,11}?)\1{3})")
_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff]")
#: Kana with their small forms, kanji with their extensions, 々 and 〇.
_SCRIPT = re.compile("[\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3005\u3007\U00020000-\U0003ffff]")


class _Run(NamedTuple):
    """The same few characters again and again."""

    piece: str
    times: int


def guards(text: str, reference: str | None, heard: Heard) -> tuple[str, ...]:
    """What is wrong with it, in sentences; nothing: no sign of anything."""
    found = [] if heard.finite else ["the model computed numbers that are none (NaN or infinity)"]
    letters = normal(text)
    if not letters:
        return (*found, "nothing was written")
    said = None if reference is None else normal(reference)
    near = bool(said) and edits(said or "", letters) <= _NEAR * len(said or "")
    for rule in (_length, _repetition, _script, _stock):
        found += rule(letters, said)
    return (*found, *_language(heard), *(() if near else _doubts(heard)))


def _length(letters: str, said: str | None) -> list[str]:
    if not said or abs(len(letters) - len(said)) <= _FEW or _SHORTEST <= len(letters) / len(said) <= _LONGEST:
        return []
    return [f"the text has {len(letters)} characters where {len(said)} were said"]


def _repetition(letters: str, said: str | None) -> list[str]:
    found = []
    ratio = max(compression(letters[at : at + _PIECE]) for at in range(0, len(letters), _PIECE))
    if ratio > _COMPRESSES:
        found.append(f"the text repeats itself: packed it is {ratio:.1f} times smaller, above {_COMPRESSES}")
    run = longest_run(letters[:FAR])
    if run and (len(run.piece) * run.times >= _RUN_UNTOLD if said is None else run.piece * _REPEATS not in said):
        found.append(f"{run.piece!r} stands in the text {run.times} times in a row")
    return found


def compression(text: str) -> float:
    """How much smaller a text's bytes become when they are packed."""
    data = text.encode(errors="replace")
    return len(data) / len(zlib.compress(data))


def longest_run(letters: str) -> _Run | None:
    """The few characters that are repeated most, from four times on; None: none are."""
    best: _Run | None = None
    at = 0
    while match := _RUN.search(letters, at):
        piece, start, times = match[1], match.start(), 4
        while letters.startswith(piece, start + times * len(piece)):
            times += 1
        if best is None or times > best.times:
            best = _Run(piece, times)
        at = start + (times - 3) * len(piece)  # a run that begins there goes beyond this one
    return best


def _script(letters: str, said: str | None) -> list[str]:
    found = []
    share, wanted = japanese(letters), 1.0 if said is None else japanese(said)
    if share < _JAPANESE <= wanted:
        found.append(f"{share:.0%} of the letters are Japanese ones, less than {_JAPANESE:.0%}")
    elif share >= _JAPANESE and len(letters) >= _KANJI_ALONE and not _KANA.search(letters) and (said is None or _KANA.search(said)):
        found.append("there is no kana in it: no Japanese is written so, Chinese is")
    return found


def japanese(letters: str) -> float:
    """The share of kana and kanji among letters, digits left out; 1.0 where there are none."""
    counted = [sign for sign in letters if not sign.isdigit()]
    return sum(map(bool, map(_SCRIPT.match, counted))) / len(counted) if counted else 1.0


def _language(heard: Heard) -> list[str]:
    found = []
    if heard.language is not None and heard.language.lower() not in ("ja", "jpn", "japanese"):
        found.append(f"the model heard the language {heard.language!r}")
    if heard.spent:
        found.append("it wrote until it was stopped at its limit of tokens, and did not end by itself")
    return found


def _doubts(heard: Heard) -> list[str]:
    """What the model itself doubts."""
    found = []
    if heard.logprob is not None and heard.logprob < _LOGPROB:
        found.append(f"the model was not sure of its words: mean logarithm of their probabilities {heard.logprob:.2f}, below {_LOGPROB:g}")
    if heard.no_speech is not None and heard.no_speech > _NO_SPEECH:
        found.append(f"the model heard no speech: probability {heard.no_speech:.2f}, above {_NO_SPEECH:g}")
    if heard.language_p is not None and heard.language_p < _LANGUAGE_P:
        found.append(f"the model was not sure of the language: probability {heard.language_p:.2f}, below {_LANGUAGE_P:g}")
    return found


def _stock(letters: str, said: str | None) -> list[str]:
    """In a text of one's own that nobody told, such a phrase may have been said: it counts where it is half of all."""
    found = [phrase for phrase in map(normal, _STOCK) if phrase in letters and (said is None or phrase not in said)]
    if said is None and sum(letters.count(phrase) * len(phrase) for phrase in found) < len(letters) / 2:
        return []
    return [f"{phrase} is what models write where nobody speaks" for phrase in found]
