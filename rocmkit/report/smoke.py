"""`rocmkit smoke` for people: the table first, then what is to be said of each system, and the verdict last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rocmkit.report import smokerows
from rocmkit.report.drawing import ASCII_MARKS, INDENT, STYLES, Style, label, style_of, wrapped
from rocmkit.report.drawing import MARKS as SIGNS
from rocmkit.report.summary import counted
from rocmkit.report.terminal import line
from rocmkit.smoke.result import Case, Smoke
from rocmkit.words import said
from rocmkit.words.columns import cut, pad
from rocmkit.words.columns import width as width_of

#: Columns of the first table by their heads; the rest is in the second.
_FIRST = ("GPU", "result", "CER", "load", "time", "RTF", "VRAM")
_SECOND = ("timestamps", "punctuation", "language", "speakers")
#: What a narrow terminal has no room for, first what is missed least.
_LEFT_OUT = ("result", "load", "time", "RTF", "punctuation")
_LOG_LINES = 6
_CLIPS = 3
#: More systems than this that were skipped are told in short, by why.
_TOGETHER = 4
#: Of a right text no more is wrong; of others it is shown what was written.
_ODD = 0.3
_VERDICT_MARKS = {"proved": "ok", "partly": "warning", "inconclusive": "gap"}


def render(found: Smoke, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text."""
    style, marks = style_of(color=color), SIGNS if unicode else ASCII_MARKS
    text = "\n".join(_lines(found, style, marks, max(width, 60))) + "\n"
    return text if unicode else text.encode("ascii", "backslashreplace").decode("ascii")


def _lines(found: Smoke, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield style("bold", f"rocmkit smoke {line(found.rocmkit)}")
    for card in smokerows.cards(found):
        yield from wrapped("    ", card, width, indent=4)
    yield ""
    ran = [case for case in found.cases if case.outcome != "skipped"]
    yield from _table(found.cases, _FIRST if ran else (), style, marks, width)
    for case in ran:
        yield ""
        yield from _case(case, style, marks, width)
    yield from _skipped([case for case in found.cases if case.outcome == "skipped"], style, marks, width)
    if ran:
        yield ""
        yield from wrapped("", smokerows.legend(found), width, indent=0)
    yield ""
    kind = _VERDICT_MARKS.get(found.verdict, "error")
    yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", smokerows.summary(found), width, indent=2)


def _table(cases: Sequence[Case], first_heads: Sequence[str], style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    rows = [dict(zip(smokerows.HEADS, (said(line(cell)) for cell in smokerows.cells(case)), strict=True)) for case in cases]
    named = [line(case.system if case.outcome == "skipped" else f"{case.system} {case.model}") for case in cases]
    for heads in filter(None, (first_heads, _SECOND)):
        widths = {head: max(width_of(said(head)), *(width_of(row[head]) for row in rows)) for head in heads} if rows else {}
        for head in _LEFT_OUT:
            if sum(size + 2 for size in widths.values()) + 24 > width:
                widths.pop(head, None)
        first = max(min(max(map(len, named), default=6), width - 4 - sum(size + 2 for size in widths.values())), 20)
        yield style("bold", "  ".join(["", pad(said("system"), first), *(pad(said(head), size) for head, size in widths.items())]).rstrip())
        for case, row, name in zip(cases, rows, named, strict=True):
            kind = smokerows.MARKS[case.outcome]
            told = "  ".join(pad(row[head], size) for head, size in widths.items()).rstrip()
            yield f"{style(STYLES[kind], marks[kind])} {pad(cut(name, first), first)}  {told}"
        if heads is not _SECOND:
            yield ""


def _case(case: Case, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    kind = smokerows.MARKS[case.outcome]
    yield f"{style(STYLES[kind], marks[kind])} {style('bold', line(' '.join(filter(None, (case.code, case.title)))))}"
    if case.outcome != "pass":  # else the lines below say all of it
        yield from wrapped(label("because"), case.because, width, indent=INDENT)
    for word, text in _told(case):
        yield from wrapped(label(word), text, width, indent=INDENT)
    if case.crash:
        tail = [text for text in case.crash.log.splitlines() if text.strip()][-_LOG_LINES:]
        for number, text in enumerate(tail):
            yield (label("log") if number == 0 else " " * INDENT) + line(text)[: width - INDENT]
    yield from _commands(case, style)


def _told(case: Case) -> Iterator[tuple[str, str]]:
    proof = case.proof
    if proof.because not in case.because or case.outcome == "pass":  # a pass shows no other sentence
        yield "proof", f"{proof.level}: {proof.because}"
    for seen in proof.evidence:
        yield "seen", f"{seen.where}: {seen.value}"
    if case.negative_control.outcome != "not-made":
        yield "hidden", case.negative_control.because
    for word, one in (("again", case.repeat), ("cpu", case.against_cpu)):
        if one.agrees is not None:
            yield word, one.because
    if case.plain_cer is not None:
        by = {"reading": "by readings", "lower": "by the lower of text and kana"}.get(case.cer_by or "", "")
        yield "text", f"{smokerows.percent(case.cer)} wrong {by}, {smokerows.percent(case.plain_cer)} of the characters as they stand"
    alone = len(case.clips) == 1  # a user's own
    odd = [clip for clip in case.clips if clip.guards or (clip.text and (alone or (clip.reading_cer or 0) > _ODD))]
    for clip in odd[:_CLIPS]:
        for guard in clip.guards:
            yield "text", f"{clip.clip}: {guard}"
        if clip.text:
            yield "wrote", f"{clip.clip}: {clip.text}"
        if clip.text and clip.reference:
            yield "said", f"{clip.clip}: {clip.reference}"
    if odd[_CLIPS:]:
        yield "text", f"{counted(len(odd) - _CLIPS, 'more clip')} like these: --json has them"
    if case.crash and case.crash.while_doing:
        known = f"; see {', '.join(case.crash.known)}" if case.crash.known else ""
        yield (
            "died" if case.crash.signal else "failed",
            f"while {case.crash.while_doing}{f', at {case.crash.python}' if case.crash.python else ''}{known}",
        )
    for placed in case.placement:
        if placed.shares:
            yield "placed", f"{placed.model}: {smokerows.shares(placed)}"
    for warning in (*proof.warnings, *case.warnings):
        yield "note", warning


def _commands(case: Case, style: Style) -> Iterator[str]:
    for number, command in enumerate(case.commands):
        yield (label("run") if number == 0 else " " * INDENT) + style("cyan", line(command))


def _skipped(cases: Sequence[Case], style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    if cases:
        yield ""
        yield style("bold", said("Skipped"))
    if len(cases) > _TOGETHER:
        yield from _together(cases, marks, width)
        return
    for case in cases:
        yield f"{marks['note']} {line(case.title)}"
        yield from wrapped(label("because"), case.because, width, indent=INDENT)
        yield from _commands(case, style)


def _together(cases: Sequence[Case], marks: dict[str, str], width: int) -> Iterator[str]:
    """Those that were skipped for one reason in one entry; the commands stand where a system is asked for by name."""
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault(case.because.partition(";")[0], []).append(case.system)
    for because, systems in groups.items():
        yield from wrapped(f"{marks['note']} ", line(", ".join(systems)), width, indent=2)
        yield from wrapped(label("because"), because, width, indent=INDENT)
    named = next((case.system for case in cases if case.commands), None)
    if named:
        yield from wrapped("  ", f"Name one for the commands that bring it, as in `rocmkit smoke {line(named)}`.", width, indent=2)
