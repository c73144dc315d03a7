"""The table of `rocmkit smoke` as words: shared by the text, Markdown and HTML reports."""

from __future__ import annotations

import math

from rocmkit.report.summary import counted, size
from rocmkit.smoke.observed import Placed
from rocmkit.smoke.result import Case, Smoke
from rocmkit.words import said

#: What is said of each verdict.
VERDICTS = {
    "proved": "PROVED ON THE GPU",
    "partly": "PARTLY PROVED",
    "cpu": "RAN ON THE CPU",
    "wrong-text": "WRONG TEXT",
    "failed": "FAILED",
    "inconclusive": "NOT PROVED",
}
MARKS = {"pass": "ok", "fail": "error", "inconclusive": "gap", "skipped": "note"}
HEADS = ("system", "model", "GPU", "result", "CER", "load", "time", "RTF", "VRAM", "timestamps", "punctuation", "language", "speakers")
#: What the heads mean.
_LEVELS = (
    "GPU: executed, the GPU was seen to work for this process; resident, it held the process's queue and model; claimed, a library says "
    "so, which proves nothing. VRAM: the most that the kernel saw. "
)
_LEGEND = (
    "CER: share of wrong characters, by readings where they are known. RTF: seconds for each second of sound. language: whether it finds "
    "the language; speakers: whether it tells them apart."
)
_NONE = "-"


def cells(case: Case) -> tuple[str, ...]:
    """A row, as `HEADS` names the columns."""
    ran = case.outcome != "skipped"
    able = case.features
    return (
        case.system,
        case.model or _NONE,
        gpu(case),
        result(case),
        percent(case.cer),
        seconds(case.load_s),
        seconds(case.transcribe_s),
        factor(case.rtf),
        memory(case.peak_vram_bytes) if ran else _NONE,
        able.timestamps,
        _yes(able.punctuation),
        _yes(able.language_detection),
        _yes(able.diarization),
    )


def gpu(case: Case) -> str:
    """Whether it ran on the GPU, and how that is known."""
    if case.outcome == "skipped":
        return _NONE
    if case.proof.enough:
        return said("yes, {level}").format(level=case.proof.level)
    return "no" if case.device == "cpu" or case.proof.level == "none" else f"not proved, {case.proof.level}"


def result(case: Case) -> str:
    """How it ended, in a few words."""
    if case.crash and case.crash.signal and case.outcome == "fail":
        where = (case.crash.library or case.crash.frame or "").rpartition("/")[2]
        return f"{case.crash.signal} in {where}" if where else case.crash.signal
    return outcome(case) if case.code is None else f"{outcome(case)}, {case.code}"


def outcome(case: Case) -> str:
    """How it ended: what nobody expected on the GPU is no failure of its proof."""
    return "on the CPU" if case.outcome == "inconclusive" and case.device == "cpu" else case.outcome


def factor(number: float | None) -> str:
    """Seconds for each second of sound."""
    if number is None:
        return _NONE
    return "<0.01" if 0 < number < 0.01 else f"{number:.2f}"


def cards(found: Smoke) -> tuple[str, ...]:
    """The GPUs, and how much memory each has."""
    named = (f"{' '.join(filter(None, (one.name, one.gfx, one.pci)))}, {memory(one.vram_bytes)}" for one in found.cards)
    return tuple(named) or ("no AMD GPU was found",)


def summary(found: Smoke) -> str:
    """The verdict in a line."""
    return f"{VERDICTS[found.verdict]}: {found.because}"


def ran(found: Smoke) -> str:
    """How many of them ran."""
    skipped = sum(case.outcome == "skipped" for case in found.cases)
    return f"{counted(len(found.cases), 'case')}, {skipped} of them skipped" if skipped else counted(len(found.cases), "case")


def legend(found: Smoke) -> str:
    """What the heads mean, of a GPU where something of one was seen."""
    return (_LEVELS if any(case.proof.level != "none" for case in found.cases) else "") + _LEGEND


def shares(placed: Placed) -> str:
    """What ran on each provider."""
    words = (f"{one.provider} {100 * one.of_nodes:.0f} % of nodes and {100 * one.of_time:.0f} % of time" for one in placed.shares)
    return ", ".join(words)


def percent(rate: float | None) -> str:
    """A rate; the smallest that is not nothing is told as such."""
    if rate is None or not math.isfinite(rate):
        return _NONE
    if rate > 1:
        return ">100 %"
    return "<0.1 %" if 0 < rate < 0.001 else f"{100 * rate:.1f} %"


def seconds(number: float | None) -> str:
    """A time."""
    if number is None:
        return _NONE
    return f"{number:.1f} s" if number < 100 else f"{number / 60:.0f} min"


def memory(bytes_: int | None) -> str:
    """An amount of memory; what was not seen is not nothing."""
    if bytes_ is None:
        return _NONE
    return size(bytes_) if bytes_ >= 1 << 30 else f"{bytes_ / (1 << 20):.0f} MiB"


def _yes(able: bool) -> str:
    return "yes" if able else "no"
