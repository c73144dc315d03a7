"""Character error rates of Japanese text: of its readings first, of its characters as they stand beside that. Pure.

The same words are written in kanji or in kana as the writer likes, so that a right text may differ from its reference in every fourth
character, and in none of its readings (Karita et al. 2023, "Lenient Evaluation of Japanese Speech Recognition"). Words are not parted by
blanks, so that a rate of words says nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

from rocmkit.model import Model
from rocmkit.smoke.observed import Clip

By = Literal["reading", "lower"]

#: Behind so many characters two texts are compared place by place: an hour of speech has half as many.
FAR = 50_000
_SAME_SOUND = str.maketrans("ヲヅヂ", "オズジ")
_VOWELS = {
    "ア": "アァカガサザタダナハバパマヤャラワヮ",
    "イ": "イィキギシジチニヒビピミリ",
    "ウ": "ウゥクグスズツッヌフブプムユュルヴ",
    "エ": "エェケゲセゼテデネヘベペメレ",
    "オ": "オォコゴソゾトドノホボポモヨョロ",
}
_VOWEL_OF = {kana: vowel for vowel, row in _VOWELS.items() for kana in row}
#: What is written as a vowel, and spoken as a longer one before.
_LONGER = {("オ", "ウ"): "オ", ("エ", "イ"): "エ"}


class Rate(Model, kw_only=True):
    """Of one text against another, or of many."""

    edits: int  # characters too many, missing or different
    length: int  # characters of the reference

    @property
    def value(self) -> float | None:
        """Edits for each character; None: the reference has none. Above 1 where more was written than is there."""
        return self.edits / self.length if self.length else None


class Read(Model, kw_only=True):
    """How a clip's text is rated."""

    rate: Rate
    by: By  # lower: readings are not known; the lower one of the rates against the text, and against its kana


def normal(text: str) -> str:
    """Letters and digits alone, in the one form that Unicode has for all their forms (NFKC), lower case. ー and 々 count as letters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return "".join(sign for sign in folded if unicodedata.category(sign)[0] in "LN")


def reading(kana: str) -> str:
    """Kana as they sound: katakana alone, long vowels as two, no difference that cannot be heard."""
    spoken: list[str] = []
    for sign in katakana(normal(kana)).translate(_SAME_SOUND):
        before = _VOWEL_OF.get(spoken[-1]) if spoken else None
        if sign == "ー":
            spoken.append(before or sign)
        else:
            spoken.append(_LONGER.get((before or "", sign), sign))
    return "".join(spoken)


def katakana(text: str) -> str:
    """The same with katakana for hiragana: Unicode has them in the same order."""
    return "".join(chr(ord(sign) + 0x60) if "ぁ" <= sign <= "ゖ" or sign in "ゝゞ" else sign for sign in text)


def edits(one: str, other: str) -> int:
    """How many characters must be put in, taken out or changed to make one text of the other; more than that behind `FAR` characters.

    A column of the table at a time, as two numbers whose bits say where it rises and falls (Hyyrö 2003, "A Bit-Vector Algorithm for
    Computing Levenshtein and Damerau Edit Distances"): a thousand characters take milliseconds.
    """
    behind, other_behind = one[FAR:], other[FAR:]
    apart = sum(a != b for a, b in zip(behind, other_behind, strict=False)) + abs(len(behind) - len(other_behind))
    one, other = one[:FAR], other[:FAR]
    if not one or not other:
        return len(one) + len(other) + apart
    places: dict[str, int] = {}
    for number, sign in enumerate(one):
        places[sign] = places.get(sign, 0) | 1 << number
    every = (1 << len(one)) - 1
    last = 1 << (len(one) - 1)
    rises, falls, found = every, 0, len(one)
    for sign in other:
        same = places.get(sign, 0)
        upright = same | falls
        across = (((same & rises) + rises) ^ rises) | same
        right = falls | (every & ~(across | rises))
        left = rises & across
        if right & last:
            found += 1
        elif left & last:
            found -= 1
        right = (right << 1 | 1) & every
        left = (left << 1) & every
        rises = left | (every & ~(upright | right))
        falls = right & upright
    return found + apart


def plain(text: str, reference: str) -> Rate:
    """Of characters as they stand."""
    wanted = normal(reference)
    return Rate(edits=edits(wanted, normal(text)), length=len(wanted))


def read(text: str, clip: Clip, readings: Mapping[str, str]) -> Read | None:
    """Of a text against what is said in a clip; None: nobody told what that is. `readings` are katakana of texts."""
    if clip.text is None:
        return None
    heard = readings.get(text) if normal(text) else ""
    said = clip.kana or readings.get(clip.text)
    if heard is not None and said and reading(said):
        return Read(rate=_rate(heard, said), by="reading")
    rates = [plain(text, clip.text), *([_rate(text, clip.kana)] if clip.kana else [])]
    return Read(rate=min(rates, key=lambda rate: rate.value if rate.value is not None else float(rate.edits)), by="lower")


def sounds(text: str, reference: str, readings: Mapping[str, str]) -> Rate | None:
    """Of the readings of two texts; None: one of them is not known."""
    heard, said = (readings.get(one) if normal(one) else "" for one in (text, reference))
    return None if heard is None or said is None else _rate(heard, said)


def together(rates: Iterable[Rate]) -> Rate:
    """Of many texts as if they were one: a short one weighs less."""
    known = tuple(rates)
    return Rate(edits=sum(rate.edits for rate in known), length=sum(rate.length for rate in known))


def _rate(heard: str, said: str) -> Rate:
    wanted = reading(said)
    return Rate(edits=edits(wanted, reading(heard)), length=len(wanted))
