"""Whether the text is right: each clip against what is said in it, all of them together, and signs of made-up text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from rocmkit.smoke import cer
from rocmkit.smoke.compare import heard_of
from rocmkit.smoke.guards import guards
from rocmkit.smoke.observed import Clip, Heard, Observed, Ran
from rocmkit.smoke.result import Score

#: From here on it is another text: other sentences had at least .73, right ones at most .36.
WRONG = 0.60


class Text(NamedTuple):
    """What was written of all clips."""

    scores: tuple[Score, ...]
    cer: float | None
    cer_by: cer.By | None
    plain_cer: float | None
    #: known: held to a rate. told: a rate is told at most, and something else has to show that it is right.
    held: Literal["known", "told"]
    missing: str | None = None  # clips that were not transcribed
    wrong: str | None = None  # what is wrong with it


def text_of(seen: Observed, ran: Ran) -> Text:
    """The text of a process."""
    heard = heard_of(ran.heard)
    rated = [cer.read(heard[clip.name].text, clip, seen.readings) if _came(heard, clip) else None for clip in seen.clips]
    scores = tuple(_score(seen, clip, heard.get(clip.name), one) for clip, one in zip(seen.clips, rated, strict=True))
    known = [one for one in rated if one and one.rate.length]
    whole = cer.together(one.rate for one in known).value
    plain = cer.together(cer.plain(heard[clip.name].text, clip.text) for clip in seen.clips if clip.text and _came(heard, clip)).value
    by: cer.By | None = None if not known else "lower" if any(one.by == "lower" for one in known) else "reading"
    return Text(
        scores=scores,
        cer=whole,
        cer_by=by,
        plain_cer=plain,
        held="known" if seen.wanted.enforce_cer and seen.clips and len(known) == len(seen.clips) else "told",
        missing=_missing(seen.clips, heard),
        wrong=_guarded(scores) or (_rate(seen, scores, rated, whole, by) if seen.wanted.enforce_cer else None),
    )


def _came(heard: dict[str, Heard], clip: Clip) -> bool:
    return clip.name in heard and heard[clip.name].error is None


def _score(seen: Observed, clip: Clip, heard: Heard | None, rated: cer.Read | None) -> Score:
    if heard is None or heard.error is not None:
        return Score(clip=clip.name, text=None, reference=clip.text)
    said = clip.kana if seen.model.kana_only and clip.kana else clip.text
    return Score(
        clip=clip.name,
        text=heard.text,
        reference=clip.text,
        cer=None if clip.text is None else cer.plain(heard.text, clip.text).value,
        reading_cer=rated.rate.value if rated and rated.by == "reading" else None,
        audio_s=heard.audio_s,
        seconds=heard.seconds,
        guards=guards(heard.text, said, heard),
    )


def _missing(clips: Sequence[Clip], heard: dict[str, Heard]) -> str | None:
    lost = [clip for clip in clips if not _came(heard, clip)]
    if not clips:
        return "there was nothing to transcribe"
    if not lost:
        return None
    error = heard[lost[0].name].error if lost[0].name in heard else "nothing was told of it"
    return f"{len(lost)} of {len(clips)} clips could not be transcribed; {lost[0].name}: {error}"


def _guarded(scores: Sequence[Score]) -> str | None:
    hit = [score for score in scores if score.guards]
    if not hit:
        return None
    more = len(hit) - 1
    return f"{hit[0].clip}: {hit[0].guards[0]}" + (f"; {more} more clip{'s' * (more != 1)} of {len(scores)} like it" if more else "")


def _rate(seen: Observed, scores: Sequence[Score], rated: Sequence[cer.Read | None], whole: float | None, by: cer.By | None) -> str | None:
    if whole is None:
        return None
    wanted = seen.wanted
    words = "reading error rate" if by == "reading" else "error rate without readings"
    if not whole <= wanted.cer_pass:
        degraded = "degraded, not yet another text: " if whole < WRONG else ""
        return f"{degraded}{words} {whole:.2f}, where at most {wanted.cer_pass:.2f} passes"
    each = [(one.rate.value, score.clip) for one, score in zip(rated, scores, strict=True) if one and one.rate.value is not None]
    worst, clip = max(each)
    if not worst <= wanted.cer_clip:
        return f"{clip}: {words} {worst:.2f}, where at most {wanted.cer_clip:.2f} passes for one clip"
    return None
