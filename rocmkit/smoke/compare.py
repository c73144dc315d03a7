"""Whether the GPU computes what the processor does, and the same each time. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from rocmkit.smoke import cer
from rocmkit.smoke.control import shows_gpu
from rocmkit.smoke.observed import Clip, Encoded, Heard, Observed, Ran
from rocmkit.smoke.result import Comparison, Repeat
from rocmkit.trial.words import ending


class Apart(NamedTuple):
    """How far two results of one model may be apart by rounding alone."""

    cer: float
    cosine: float


_FLOAT32, _COARSER = Apart(0.02, 0.999), Apart(0.10, 0.99)


def heard_of(told: Sequence[Heard]) -> dict[str, Heard]:
    """By the clip's name; of two with one name the first."""
    return {heard.clip: heard for heard in reversed(told)}


def against_cpu(seen: Observed) -> Comparison:
    """The GPU's results against those of the same model on the processor."""
    main, cpu = seen.main, seen.cpu
    if main is None or seen.device == "cpu":
        return Comparison(agrees=None, because="there is nothing from a GPU to compare")
    if main.encoded and not _finite(main.encoded):
        return Comparison(agrees=False, because="the encoder's output holds numbers that are none (NaN or infinity)")
    if cpu is None:
        return Comparison(agrees=None, because="the model was not run on the processor")
    if cpu.loaded is None:
        because = ending(cpu.trial) if cpu.trial.outcome != "pass" else "it told nothing of itself"
        return Comparison(agrees=None, because=f"the model did not run on the processor: {because}")
    used = "the library said so" if cpu.loaded.device != "cpu" else shows_gpu(seen, cpu)
    if used:
        return Comparison(agrees=None, because=f"what was to run on the processor ran on a GPU too: {used}")
    return _compared(seen, main, cpu)


def _compared(seen: Observed, main: Ran, cpu: Ran) -> Comparison:
    apart = _FLOAT32 if all(ran.loaded and ran.loaded.dtype == "float32" for ran in (main, cpu)) else _COARSER
    ours, theirs = heard_of(main.heard), heard_of(cpu.heard)
    names = [name for name, heard in ours.items() if heard.error is None and name in theirs and theirs[name].error is None]
    rate, by_readings = _texts([(ours[name].text, theirs[name].text) for name in names], seen.readings)
    cosine, reached = _encoders(main.encoded, cpu.encoded, apart)
    found = Comparison(agrees=None, because="", cer=rate.value, cosine=cosine, cpu_cer=_own(seen.clips, theirs, seen.readings))
    wrong = [reached] if reached else []
    right: list[str] = []
    if rate.length or rate.edits:
        there = rate.value if rate.value is not None else math.inf
        # Of a short text 2 % is nothing. Where the encoder's numbers are those of the processor, one near tie may have gone the other way.
        allowed = max(apart.cer, 1 / rate.length) if rate.length and cosine is not None and not reached else apart.cer
        of = "kana of their readings" if by_readings else "characters"
        words = f"the text differs from the processor's in {rate.edits} of {rate.length} {of}; rounding makes at most {allowed:.0%}"
        (right if there <= allowed else wrong).append(words)
    if cosine is not None and not reached:
        right.append(f"the cosine of the encoder's outputs is {cosine:.5f}")
    if wrong:
        return replace(found, agrees=False, because="; ".join(wrong))
    if not right or not (rate.length or rate.edits):
        return replace(found, because="; ".join([*right, "no text was written both there and on the processor"]))
    return replace(found, agrees=True, because="; ".join(right))


def _texts(pairs: Sequence[tuple[str, str]], readings: Mapping[str, str]) -> tuple[cer.Rate, bool]:
    """How far texts are apart; in their readings, which is told, where all are known and nearer. Rounding may make いい of 良い."""
    stands = cer.together(cer.plain(*pair) for pair in pairs)
    known = [rate for pair in pairs if (rate := cer.sounds(*pair, readings))]
    if len(known) == len(pairs):
        read = cer.together(known)
        if read.edits * stands.length < stands.edits * read.length:
            return read, True
    return stands, False


def _own(clips: Sequence[Clip], heard: Mapping[str, Heard], readings: Mapping[str, str]) -> float | None:
    """The processor's own rate against what is said."""
    rated = [cer.read(heard[clip.name].text, clip, readings) for clip in clips if clip.name in heard and heard[clip.name].error is None]
    return cer.together(one.rate for one in rated if one).value


def _encoders(ours: Encoded | None, theirs: Encoded | None, apart: Apart) -> tuple[float | None, str | None]:
    """The cosine, and what is wrong with it. Of another shape they are cut or filled up in another way, and cannot be compared."""
    if ours is None or theirs is None or ours.shape != theirs.shape or len(ours.sample) != len(theirs.sample) or not _finite(theirs):
        return None, None
    lengths = [math.hypot(*one.sample) for one in (ours, theirs)]
    if not lengths[1] or not all(map(math.isfinite, lengths)):
        return None, None
    scaled = [[value / length for value in one.sample] if length else [0.0] for one, length in zip((ours, theirs), lengths, strict=True)]
    cosine = max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(*scaled, strict=False))))
    if cosine < apart.cosine:
        return cosine, f"the cosine of the encoder's outputs is {cosine:.5f}; rounding leaves at least {apart.cosine:g}"
    # A cosine does not see that all is too large or too small: the norms may be as far apart as the cosine lets the values be.
    room = math.sqrt(1 - apart.cosine**2)
    if abs(ours.norm - theirs.norm) > room * abs(theirs.norm):
        return cosine, f"the norms of the encoder's outputs are {ours.norm:.6g} and {theirs.norm:.6g}; rounding makes at most {room:.0%}"
    return cosine, None


def _finite(made: Encoded) -> bool:
    return made.finite and math.isfinite(made.norm) and all(map(math.isfinite, made.sample))


def again(ran: Ran) -> Repeat:
    """Whether the second time gave the same."""
    first, second = heard_of(ran.heard), heard_of(ran.again)
    names = [name for name, heard in first.items() if heard.error is None and name in second]
    if not names:
        return Repeat(agrees=None, because="nothing was transcribed a second time")
    left = sum(heard.error is None for heard in first.values()) - len(names)
    if left:
        return Repeat(agrees=None, because=f"{left} of {left + len(names)} clips were not transcribed a second time")
    differ = [name for name in names if second[name].error or second[name].text != first[name].text]
    if differ:
        return Repeat(agrees=False, because=f"{len(differ)} of {len(names)} clips differ the second time: {differ[0]}")
    return Repeat(agrees=True, because=f"{len(names)} clip{'s' * (len(names) != 1)} came out the same twice")
