"""A bisection for the terminal: what it comes to, the evidence, what cures it, what does not, how to go on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from rocmkit.doctor import advice
from rocmkit.report.bisect import lives, often
from rocmkit.report.bisectvalues import Bisect, Changed, Cure, Smallest
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, Style, fix_lines, headed, label, style_of, wrapped
from rocmkit.report.terminal import clean, line
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending, place
from rocmkit.words import said

#: More changes than this that were not tried for one reason are counted, not named; the JSON has them all.
_MANY = 12
_VERDICT_STYLES = {"found": "bold green", "flaky": "bold yellow", "not-found": "bold red"}
#: So many frames of a stack tell where it was; the JSON has them all.
_FRAMES = 6
#: So many last lines of the output, where nothing better is known.
_LINES = 5


def render(report: Bisect, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text."""
    style, marks, width = style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)
    lines = "\n".join(_lines(report, style, marks, width)) + "\n"
    return lines if unicode else lines.encode("ascii", "replace").decode("ascii")


def _lines(report: Bisect, style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield from headed("rocmkit bisect", subject(report), style, width)
    yield ""
    kind = "gap" if not report.deaths else "ok" if any(cure.confirmed for cure in report.cures) else "error"
    yield from wrapped(f"{marks[kind]} ", sentence(report.verdict), width, indent=2)
    if on_processor(report):
        yield from wrapped("  ", "All of it was computed on the processor: it has no GPU here that it could use.", width, indent=2)
    if report.baseline and report.deaths:
        yield from _labelled(evidence(report.baseline), width)
        yield from _known(report, width)
    if report.smallest:
        yield from _steps(report.smallest, width)
    for number, cure in enumerate(report.cures):
        yield ""
        yield style("bold", said(heading(cure, number)))
        yield from _cure(cure, style, width)
    yield from _others(report.others, style, marks, width)
    yield from _changes(report, style, width)
    yield ""
    for text in onwards(report):
        yield from wrapped("", text, width, indent=0)
    yield ""
    yield style(_VERDICT_STYLES.get(report.outcome, "bold"), f"{report.outcome.replace('-', ' ').upper()}: {said(_short(report))}")


def _short(report: Bisect) -> str:
    """What it comes to once more, in a line: the beginning may have left the screen."""
    if report.cures:
        return heading(report.cures[0], 0)
    if report.smallest:
        return line(report.smallest.what)
    return "it did not die" if not report.deaths else f"it died {often(report.deaths, report.runs)}"


def subject(report: Bisect) -> str:
    """What was looked at."""
    return line(" ".join(map(advice.quote, report.command))) if report.command else "the libraries of this environment"


def sentence(text: str) -> str:
    """It as a sentence of its own."""
    return _capital(text) + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def heading(cure: Cure, number: int) -> str:
    """A cure in a line."""
    sure = "" if cure.confirmed else ", which may be luck"
    return line(_capital(f"also {lives(cure)}{sure}" if number else f"{lives(cure)}{sure}"))


def evidence(trial: Trial) -> Iterator[tuple[str, str]]:
    """(label, text) of all that shows where it died."""
    where = place(trial)
    yield "died", f"{ending(trial)}{f', {where}' if where else ''}, after {trial.seconds:.1f} s"
    if trial.gpu_fault:
        yield "GPU", trial.gpu_fault
    if trial.library:
        yield "in", trial.library
    yield from (("native", frame) for frame in trial.native[:_FRAMES])
    yield from (("Python", frame) for frame in trial.python[:_FRAMES])
    if trial.outcome != "fail":  # what ends by itself says why; what was loaded last has no part in it
        if trial.last_import and not trial.python:
            yield "import", f"{trial.last_import} was imported last"
        if trial.last_library:
            yield "loaded", f"{trial.last_library} was loaded last"
    for name, paths in twice(trial.mapped):
        yield "twice", f"{name} is in the process {len(paths)} times: {' and '.join(paths)}"
    if not trial.native and not trial.python:
        yield from (("printed", text) for text in trial.log.splitlines()[-_LINES:] if text.strip())


def twice(mapped: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Libraries of which a process holds several copies, and these. A wheel's own copy has eight or more digits behind its name."""
    found: dict[str, list[str]] = {}
    for path in mapped:
        stem = re.sub(r"-[0-9a-f]{8,}$", "", path.rpartition("/")[2].partition(".so")[0])
        found.setdefault(stem, []).append(path)
    yield from ((name, paths) for name, paths in found.items() if len(paths) > 1)


def _labelled(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    before = ""
    for word, text in rows:
        yield from wrapped(label("" if word == before else word), text, width, indent=INDENT)
        before = word


def _known(report: Bisect, width: int) -> Iterator[str]:
    for one in report.known:
        yield from wrapped(label("known"), f"{one.code} {one.title}: `rocmkit explain {one.code}` has the fix", width, indent=INDENT)


def _steps(one: Smallest, width: int) -> Iterator[str]:
    left = "nothing can be left out" if one.shrunk else "there was no time to leave more out"
    yield from wrapped(label("steps"), f"{one.what} ({left})", width, indent=INDENT)
    if one.also:
        yield from wrapped(label("also"), f"{', '.join(one.also)} die in the same way", width, indent=INDENT)


def _cure(cure: Cure, style: Style, width: int) -> Iterator[str]:
    yield from wrapped(label("means"), cure.means, width, indent=INDENT)
    yield from fix_lines(cure.fix, style, width)
    for number, text in enumerate(cure.code):
        yield (label("Python") if number == 0 else " " * INDENT) + style("cyan", clean(text))
    for code in cure.pages:
        yield from wrapped(label("page"), f"`rocmkit explain {code}`", width, indent=INDENT)


def _others(others: tuple[Smallest, ...], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    if others:
        yield ""
        yield style("bold", said("What dies independently of it"))
    for one in others:
        yield from wrapped(f"{marks['error']} ", f"{one.what}: {ending(one.death)}, {often(one.deaths, one.runs)}", width, indent=2)
        if one.also:
            yield from wrapped(label("also"), f"{', '.join(one.also)} die in the same way", width, indent=INDENT)
        for cure in one.cures:
            yield from wrapped(label("lives"), f"{heading(cure, 0)}. {cure.fix.text}", width, indent=INDENT)
        for known in one.known:
            yield from wrapped(label("known"), f"{known.code} {known.title}", width, indent=INDENT)


def _changes(report: Bisect, style: Style, width: int) -> Iterator[str]:
    rows = list(changes(report))
    if rows:
        yield ""
        yield style(
            "bold", said(f"What {'else was' if report.cures else 'was' if report.helpless or report.controls else 'was not'} tried")
        )
    for text in rows:
        yield from wrapped("- ", text, width, indent=2)


def changes(report: Bisect) -> Iterator[str]:
    """What does not cure it, and what was not tried, a sentence each; what changes nothing is folded into one, and what may be luck."""
    yield from (f"{one.does}: {told(one)}" for one in report.controls)
    yield from (f"{one.does}: {told(one)}" for one in report.helpless if one.otherwise)
    some = [f"{one.does} ({one.passes} of {one.runs})" for one in report.helpless if not one.otherwise and one.passes]
    if some:
        yield f"it lives sometimes with each of these{', as it does without' * (report.outcome == 'flaky')}: {'; '.join(some)}"
    nothing = [one.does for one in report.helpless if not one.otherwise and not one.passes]
    if nothing:
        yield f"it dies all the same with each of these: {'; '.join(nothing)}"
    for why in dict.fromkeys(one.because for one in report.not_tried):
        rows = [one.does for one in report.not_tried if one.because == why]
        yield f"not tried: {'; '.join(rows) if len(rows) <= _MANY else f'{len(rows)} changes'} ({why})"


def told(one: Changed) -> str:
    """What a change did that is no cure."""
    if one.ended is None:
        return f"it lives, {often(one.passes, one.runs)}. {one.means}"
    if one.otherwise:
        return f"it ends in another way instead: {one.ended}"
    return f"it lives {often(one.passes, one.runs)}" if one.passes else "it dies all the same"


def pointing(report: Bisect) -> str:
    """Where the crash can be reported."""
    start = "Where the known fix does not help, it" if report.known else "It"
    return f"{start} points to {' and '.join(f'{one.project}, which takes reports at {one.url}' for one in report.report_to[:2])}"


def on_processor(report: Bisect) -> bool:
    """Whether all that was computed was computed on the processor, as far as that is known."""
    devices = {trial.device for trial in report.trials}
    return "cpu" in devices and "gpu" not in devices


def onwards(report: Bisect) -> Iterator[str]:
    """How to go on."""
    if not report.deaths:
        if report.command is None:
            yield "If a program of yours dies, bisect that: `rocmkit bisect -- python your_program.py`."
        if report.ended is None:
            yield f"What dies seldom shows with more runs: `--runs {max(report.runs * 4, 20)}`."
        return
    if report.ended == "budget":
        yield "There was no time for all of it: `--budget` gives more, a shorter input needs less."
    if report.ended == "gpu-gone":
        yield "The GPU stopped answering. The kernel log tells why, and often a reboot alone brings it back: `rocmkit doctor`."
    if not report.cures and report.command is not None and report.baseline and report.baseline.outcome == "fail":
        yield "It ends by itself, which is no crash: what it printed says why, and `rocmkit explain --log FILE` knows many such texts."
    elif not report.cures and report.command is not None:
        yield "`rocmkit doctor --try` tries the operations that speech models are made of one by one."
    if any(trial.limit == "time" for trial in report.trials):
        yield "Some runs were ended for their time, and may have lived: `--timeout` gives more, a shorter input needs less."
    if report.outcome == "flaky" and not any(cure.confirmed for cure in report.cures):
        yield f"What dies now and then needs more runs before luck can be ruled out: `--runs {max(report.runs * 4, 20)}`."
    if report.report_to:
        yield pointing(report)
    yield "`--format markdown -o report.md` writes it to be attached to a report, `--script FILE` a program that shows it."
