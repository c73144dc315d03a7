"""The report for people: problems first, one verdict line last.

Commands are printed on lines of their own and never wrapped or cut, so that they can be copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rocmkit.report import log, routes, summary, supposed, terminal, trials
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, Style, fix_lines, headed, label, style_of, wrapped
from rocmkit.report.published import Fault, Judgement, Report
from rocmkit.words import said
from rocmkit.words.columns import pad

VERDICT_STYLES = {"blocked": "bold red", "degraded": "bold yellow", "ready": "bold green"}

#: More checks than this that were skipped for one reason are counted, not named.
_MANY = 12
#: So few others are named with their reasons beside one that many share.
_FEW = 3


def render(report: Report, *, color: bool, unicode: bool, width: int = 100, named: frozenset[str] = frozenset()) -> str:
    """The report as text. `width` bounds prose; commands and paths may be longer. `named`: speech systems whose ways are shown
    in full, in place of the findings."""
    lines = list(_lines(report, named, style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)))
    text = "\n".join(lines) + "\n"
    return text if unicode else text.replace("→", "->").encode("ascii", "replace").decode("ascii")


def _lines(report: Report, named: frozenset[str], style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield from headed(f"rocmkit doctor {report.rocmkit}", f"{supposed.source(report)}, knowledge of {report.kb}", style, width)
    yield ""
    for number, line in enumerate(supposed.lines(report)):
        yield from (one if number else style("bold", one) for one in wrapped("    " if number else "", line, width, indent=4))
    if report.compared:
        yield ""
    if report.log:
        yield from _log(report, report.log, style, marks, width)
    if named:
        yield from routes.full(report.routes, report.ideas, named, style, width)
        yield ""
    else:
        yield from _findings(report, style, marks, width)
    if report.trials:
        yield from headed(said("Experiments"), trials.counted(report.trials), style, width)
        yield from trials.lines(report.trials, style, marks, width)
        yield ""
    yield style("bold", said("This is what was looked at" + (", with that changed" if report.what_if else "")))
    for part, text in summary.machine_lines(report.facts, said(summary.AT)):
        yield from wrapped("  " + pad(said(part), 8), text, width, indent=10)
    yield ""
    yield from _folded(report, style, marks, width)
    if further := summary.onwards(report):
        yield from wrapped("", further, width, indent=0)
        yield ""
    kind = VERDICT_STYLES.get(report.verdict, "bold")
    yield from (style(kind, line) for line in wrapped("", summary.verdict_line(report), width, indent=2))


def _findings(report: Report, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    """What is wrong, what could not be seen, and where to go from here."""
    for judgement in summary.findings(report):
        for fault in judgement.findings:
            yield from _fault(judgement, fault, style, marks, width)
            yield ""
    for judgement in report.results:
        if judgement.outcome == "crashed":
            yield f"{style(STYLES['crashed'], marks['crashed'])} " + said(f"{judgement.code} crashed: {judgement.because}")
            yield "    " + said("This is a bug in rocmkit; the other checks are not affected.")
            yield ""
    failures = list(summary.failures(report.facts))
    if failures:
        yield style("bold", said("Could not be read"))
        for name, reason, detail in failures:
            yield from wrapped(f"  {style(STYLES['gap'], marks['gap'])} ", f"{name} ({reason}): {detail}", width, indent=4)
        yield ""
    if ways := list(routes.brief(report.routes, style, width)):
        yield from ways
        yield ""


def _log(report: Report, told: log.LogReport, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    """What the log tells. A way out that a finding on the machine prints too stands there."""
    below = {fault.fix: one.code for one in summary.findings(report) for fault in one.findings if fault.fix}
    yield from headed(said("In the log"), f"{terminal.line(told.source)}, {summary.counted(told.lines, 'line')}", style, width)
    yield ""
    yield from log.body(told, style, marks, width, below)
    yield ""
    if below:
        yield style("bold", said("On the machine"))
        yield ""


def _fault(judgement: Judgement, fault: Fault, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    mark = style(STYLES[judgement.severity], f"{marks[judgement.severity]} {judgement.code}")
    likely = f" ({said('likely')})" if fault.confidence == "likely" else ""
    yield f"{mark} {style('bold', said(judgement.title))}{likely}"
    yield from wrapped("    ", fault.message, width, indent=4)
    for seen in fault.seen:
        yield from wrapped(label("seen"), f"{seen.where}: {seen.what}", width, indent=INDENT)
    if fault.cause:
        yield from wrapped(label("cause"), fault.cause, width, indent=INDENT)
    if fault.fix:
        yield from fix_lines(fault.fix, style, width)


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
        yield "- " + said(f"{number} checks not made:")
        for reason, codes in by_reason.items():
            which = ", ".join(codes) if len(codes) <= _MANY else f"{len(codes)} checks"
            yield from wrapped("    ", f"{which}: {reason}", width, indent=6)
    idle = {one.code: one.because or "" for one in skipped if not (one.unknown or one.cause)}
    if idle:
        # A reason that many share, such as that there is no GPU, says more than their codes.
        shared = [reason for reason, count in Counter(idle.values()).items() if count > _MANY]
        named = [code for code, reason in idle.items() if reason not in shared]
        told = [f"{code}: {idle[code]}" for code in named] if shared and len(named) <= _FEW else [", ".join(named)]
        why = "; ".join(filter(None, [*shared, *told]))
        line = f"{summary.counted(len(idle), 'check')} with nothing to judge here: {why}"
        yield from wrapped("- ", line, width, indent=2)
    if passed or by_reason or idle:
        yield ""
