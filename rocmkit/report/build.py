"""What came of a build, for the terminal: the wheel and what was proved of it, or why there is none and how to go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rocmkit.build.job import Job
from rocmkit.build.values import Failure, Progress, Proven
from rocmkit.doctor.advice import quote
from rocmkit.report.buildvalues import Building, Builds
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, Style, headed, label, style_of, wrapped
from rocmkit.report.plan import blocks, told, unpinned
from rocmkit.report.preflight import duration, problems
from rocmkit.report.terminal import clean, line
from rocmkit.words import said

_MARKS = {"ok": "ok", "found": "error", "unknown": "gap"}
#: Verdicts that have other words than their outcome: a plan says the same so.
_WORDS = {"missing": "NOT YET"}
_STYLES = {"built": "bold green", "interrupted": "bold yellow", "missing": "bold yellow"}


def render(found: Building | Builds, *, command: Sequence[str], color: bool, unicode: bool, width: int = 100) -> str:
    """One build or several as text. `command` is what was typed, to go on with."""
    style, marks, width = style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)
    builds = found.builds if isinstance(found, Builds) else (found,)
    text = "\n\n".join("\n".join(_lines(one, command, style, marks, width)) for one in builds) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def _lines(one: Building, command: Sequence[str], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield from headed("rocmkit build", f"{line(one.recipe)} {line(one.local_version)}: {said(line(one.title))}", style, width)
    if one.outcome == "blocked":
        yield from blocks(one.blocked_by, style, marks, width)
    if one.outcome == "missing":
        yield ""
        yield from problems((one.lacking,) if one.lacking else one.preflight.problems if one.preflight else (), style, marks, width)
    if one.failure:
        yield from _failure(one.failure, one, style, marks, width)
    for text in one.remarks:
        yield from wrapped(style(STYLES["note"], marks["note"]) + " ", text, width, indent=2)
    if one.proven:
        yield from _proven(one.proven, style, marks, width)
    yield from unpinned(one.pins, style, marks, width) if one.outcome == "built" else ()
    if one.outcome == "built":
        yield from _result(one, style, width)
        yield from told(one.gives, one.notes, style, width)
    yield ""
    if one.outcome in {"failed", "interrupted", "missing"}:
        yield said("The same command goes on from there:" if one.steps else "Once that is mended, the same command builds it:")
        yield label("run") + style("cyan", "rocmkit " + " ".join(map(quote, map(line, command))))
        yield ""
    if one.outcome == "not-proven":
        yield from wrapped("", f"It was not brought to its place, and lies in {one.work}, with the logs.", width, indent=0)
        yield ""
    yield style(_STYLES.get(one.outcome, "bold red"), said(_verdict(one)))


def _verdict(one: Building) -> str:
    because = f": {line(one.because)}" if one.because else ""
    if one.outcome == "built":
        open_questions = sum(proven.outcome == "unknown" for proven in one.proven)
        what = line((one.wheel or one.prefix).rpartition("/")[2] if one.wheel else one.local_version)
        unknown = f"; {open_questions} thing{'s' * (open_questions != 1)} could not be told" if open_questions else ""
        return f"BUILT: {what}, for {', '.join(one.gfx) or 'no GPU'}{unknown}"
    return f"{_WORDS.get(one.outcome, one.outcome.replace('-', ' ').upper())}{because}"


def _failure(failure: Failure, one: Building, style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield ""
    ended = f"ended by {failure.signal}" if failure.signal else f"exit {failure.exit}" if failure.exit is not None else "could not run"
    yield from wrapped(style(STYLES["error"], marks["error"]) + " ", f"{failure.step} failed ({ended})", width, indent=2)
    yield from wrapped(label("error"), failure.error, width, indent=INDENT)
    for text in failure.lines:
        if text.strip() != failure.error.strip():
            yield " " * INDENT + clean(text).rstrip()[: 4 * width]
    if failure.code:
        yield from wrapped(label("known"), f"{failure.code}: `rocmkit explain {failure.code}` has more", width, indent=INDENT)
    if failure.cause:
        yield from wrapped(label("cause"), failure.cause, width, indent=INDENT)
    if failure.fix:
        text, *commands = failure.fix.splitlines()
        yield from wrapped(label("fix"), text, width, indent=INDENT)
        yield from _commands(commands, style)
    for step in one.steps:
        if step.name == failure.step:
            if step.log:
                yield from wrapped(label("log"), step.log, width, indent=INDENT)
            if step.script:
                yield label("by hand") + style("cyan", f"bash {quote(line(step.script))}")


def _commands(commands: Iterable[str], style: Style) -> Iterator[str]:
    for number, command in enumerate(commands):
        yield (" " * INDENT if number else label("run")) + style("cyan", clean(command))


def _proven(found: Iterable[Proven], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield ""
    yield style("bold", said("What was looked at"))
    for one in found:
        kind = _MARKS[one.outcome]
        yield from wrapped("  " + style(STYLES[kind], marks[kind]) + " ", one.text, width, indent=4)
    yield from wrapped("  " + style(STYLES["gap"], marks["gap"]) + " ", "Nothing of it ran on a GPU.", width, indent=4)


def _result(one: Building, style: Style, width: int) -> Iterator[str]:
    yield ""
    yield style("bold", said("Result"))
    for word, text in _told(one):
        yield from wrapped(label(word), text, width, indent=INDENT)
    if one.wheel and not one.installed:
        python, wheel = (quote(line(path)) for path in (one.toolchain.python.executable, one.wheel))
        yield label("install") + style("cyan", f"{python} -m pip install --no-deps --force-reinstall {wheel}")


def _told(one: Building) -> Iterator[tuple[str, str]]:
    if one.wheel:
        yield "wheel", one.wheel + (f" ({_size(one.wheel_bytes)})" if one.wheel_bytes is not None else "")
    if one.sha256:
        yield "sha256", one.sha256
    yield "holds", f"code for {', '.join(one.gfx)}" if one.gfx else "no GPU code"
    if one.needs:
        yield "needs", f"of the machine where it runs: {', '.join(one.needs)}"
    if one.provenance:
        yield "record", one.provenance
    if one.folder:
        yield "folder", f"{one.folder}: headers and libraries; another build takes them with --with {one.recipe}={one.folder}"
    for path in one.artefacts:
        yield "made", path
    if one.installed:
        yield "install", one.installed
    if one.use:
        yield "use", one.use
    kept = sum(step.status == "kept" for step in one.steps)
    took = sum(step.seconds for step in one.steps if step.status == "done")
    yield "took", duration(took) + (f"; {kept} of {len(one.steps)} steps were done by an earlier run" if kept else "")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def begins(job: Job) -> str:
    """What is about to be built, in a line."""
    plan = job.plan
    long = f", about {duration(job.preflight.minutes * 60)}" if job.preflight else ""
    what = f"builds {line(plan.recipe)} {line(plan.local_version)} for {', '.join(plan.arch)} in {line(plan.work)}{long}"
    return f"{what}. Ctrl-C stops it; the same command goes on from there."


def progress(now: Progress) -> str:
    """How far a build is, in a line."""
    text = f"{now.number} of {now.of}: {line(now.step)}"
    if now.done is not None and now.total:
        text += f", {now.done} of {now.total}"
    if now.seconds >= 1:
        text += f", {duration(now.seconds)}"
    return text + (f", about {duration(now.left_s)} left" if now.left_s is not None else "")
