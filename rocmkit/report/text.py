"""The report for people: problems first, one verdict line last.

Commands are printed on lines of their own and never wrapped or cut, so that they can be copied.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator

from rocmkit.report import summary
from rocmkit.report.published import Fault, Judgement, Report
from rocmkit.report.terminal import clean

Style = Callable[[str, str], str]

MARKS = {"error": "✗", "warning": "!", "note": "·", "crashed": "?", "gap": "?", "ok": "✓"}
ASCII_MARKS = {"error": "x", "warning": "!", "note": "-", "crashed": "?", "gap": "?", "ok": "+"}
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold", "crashed": "bold magenta", "gap": "magenta", "ok": "green"}
VERDICT_STYLES = {"blocked": "bold red", "degraded": "bold yellow", "ready": "bold green"}

_LABEL = 8
#: More checks than this that were skipped for one reason are counted, not named.
_MANY = 12


def render(report: Report, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text. `width` bounds prose; commands and paths may be longer."""
    lines = list(_lines(report, style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)))
    text = "\n".join(lines) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def _lines(report: Report, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield style("bold", f"rocmkit doctor {report.rocmkit}") + f"  {clean(report.source)}, knowledge of {report.kb}"
    yield ""
    for judgement in summary.findings(report):
        for fault in judgement.findings:
            yield from _fault(judgement, fault, style, marks, width)
            yield ""
    for judgement in report.results:
        if judgement.outcome == "crashed":
            yield f"{style(STYLES['crashed'], marks['crashed'])} {judgement.code} crashed: {judgement.because}"
            yield "    This is a bug in rocmkit; the other checks are not affected."
            yield ""
    failures = list(summary.failures(report.facts))
    if failures:
        yield style("bold", "Could not be read")
        for name, reason, detail in failures:
            yield from wrapped(f"  {style(STYLES['gap'], marks['gap'])} ", f"{name} ({reason}): {detail}", width, indent=4)
        yield ""
    yield style("bold", "This is what was looked at")
    for label, text in summary.machine_lines(report.facts):
        yield from wrapped(f"  {label:<{_LABEL}}", text, width, indent=2 + _LABEL)
    yield ""
    yield from _folded(report, style, marks, width)
    yield style(VERDICT_STYLES.get(report.verdict, "bold"), summary.verdict_line(report))


def _fault(judgement: Judgement, fault: Fault, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    mark = style(STYLES[judgement.severity], f"{marks[judgement.severity]} {judgement.code}")
    likely = " (likely)" if fault.confidence == "likely" else ""
    yield f"{mark} {style('bold', judgement.title)}{likely}"
    yield from wrapped("    ", fault.message, width, indent=4)
    for seen in fault.seen:
        yield from wrapped(_label("seen"), f"{seen.where}: {seen.what}", width, indent=4 + _LABEL)
    if fault.cause:
        yield from wrapped(_label("cause"), fault.cause, width, indent=4 + _LABEL)
    fix = fault.fix
    if fix is None:
        return
    needs = [word for word, needed in (("root", fix.root), ("logging in again", fix.relogin), ("a reboot", fix.reboot)) if needed]
    yield from wrapped(_label("fix"), fix.text + (f" (needs {', '.join(needs)})" if needs else ""), width, indent=4 + _LABEL)
    yield from _commands("run", fix.commands, style)
    if fix.caution:
        yield from wrapped(_label("caution"), fix.caution, width, indent=4 + _LABEL)
    yield from _commands("verify", fix.verify, style)


def _commands(word: str, commands: tuple[str, ...], style: Style) -> Iterator[str]:
    for number, command in enumerate(commands):
        yield (_label(word) if number == 0 else " " * (4 + _LABEL)) + style("cyan", clean(command))


def _folded(report: Report, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    passed = [one.code for one in report.results if one.outcome == "ok"]
    skipped = [one for one in report.results if one.outcome == "skipped"]
    if passed:
        line = f"{summary.counted(len(passed), 'check')} passed: {', '.join(passed)}"
        yield from wrapped(f"{style(STYLES['ok'], marks['ok'])} ", line, width, indent=2)
    # A cause that stands above under "Could not be read" is not told again for each check that it keeps from looking.
    above = [detail for _, _, detail in summary.failures(report.facts)]
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        if not (one.unknown or one.cause):
            continue
        reason = one.because or ""
        for detail in above:
            reason = reason.replace(detail, "see above")
        by_reason.setdefault(reason, []).append(one.code)
    if report.left_out:
        by_reason["left out on request"] = list(report.left_out)
    number = sum(map(len, by_reason.values()))
    if len(by_reason) == 1:
        yield from wrapped("- ", f"{summary.counted(number, 'check')} not made: {next(iter(by_reason))}", width, indent=2)
    elif by_reason:
        yield f"- {number} checks not made:"
        for reason, codes in by_reason.items():
            which = ", ".join(codes) if len(codes) <= _MANY else f"{len(codes)} checks"
            yield from wrapped("    ", f"{which}: {reason}", width, indent=6)
    idle = {one.code: one.because or "" for one in skipped if not (one.unknown or one.cause)}
    if idle:
        # A reason that many share, such as that there is no GPU, says more than their codes.
        shared = [reason for reason, count in Counter(idle.values()).items() if count > _MANY]
        named = [code for code, reason in idle.items() if reason not in shared]
        line = f"{summary.counted(len(idle), 'check')} with nothing to judge here: {'; '.join(filter(None, [*shared, ', '.join(named)]))}"
        yield from wrapped("- ", line, width, indent=2)
    if passed or by_reason or idle:
        yield ""


def _label(word: str) -> str:
    return f"    {word:<{_LABEL}}"


def wrapped(first: str, text: str, width: int, *, indent: int) -> Iterator[str]:
    """Prose wrapped at blanks only: paths and version strings stay whole."""
    lines = textwrap.wrap(" ".join(clean(text).split()), max(width - indent, 20), break_long_words=False, break_on_hyphens=False) or [""]
    yield first + lines[0]
    for line in lines[1:]:
        yield " " * indent + line


def style_of(*, color: bool) -> Style:
    """How text is styled: in colour, or not at all."""
    return _rich_style if color else _plain_style


def _plain_style(_: str, text: str) -> str:
    return text


def _rich_style(style: str, text: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    return RichStyle.parse(style).render(text, color_system=ColorSystem.STANDARD)
