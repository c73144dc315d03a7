"""What is published of a bisection, and what it comes to in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from rocmkit import __version__
from rocmkit.errors import Exit
from rocmkit.facts import Facts, Gap
from rocmkit.kb import issues as kb
from rocmkit.logs.match import match
from rocmkit.model import Model
from rocmkit.report import bisectscript, explain, summary
from rocmkit.report.bisectvalues import Bisect, Changed, Cure, Known, NotTried, Outcome, Part, Smallest
from rocmkit.report.fix import WayOut
from rocmkit.report.log import Where
from rocmkit.trial.attempts import Attempts
from rocmkit.trial.matrix import Failure, Matrix
from rocmkit.trial.search import LeftOut, Search, Tested, words
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending


class Ground(Model, kw_only=True):
    """What a report stands on beside the search itself."""

    facts: Facts
    left_out: tuple[LeftOut, ...]
    command: tuple[str, ...] | None = None  # as it may be shown


def of_command(found: Search, attempts: Attempts, ground: Ground) -> Bisect:
    """The report on a program of the user's."""
    cures, script = tuple(map(_cure, found.cures)), ""
    if found.death:
        script = bisectscript.of_command(ground.command or (), f"{dies(found.death)}, {often(found.deaths, found.runs)}", cures)
    return _report(found, attempts, ground, cures=cures, script=script)


def of_matrix(found: Matrix, attempts: Attempts, ground: Ground) -> Bisect:
    """The report on programs made of the libraries that are there."""
    parts = tuple(map(_smallest, found.failures))
    if not parts:
        return _report(Search(runs=len(attempts.trials), deaths=0, death=None, needed=0), attempts, ground)
    first, searched = parts[0], found.failures[0].search
    searched = searched or Search(runs=first.runs, deaths=first.deaths, death=first.death, needed=0)
    return _report(searched, attempts, ground, cures=first.cures, script=first.code, parts=parts)


def _report(
    found: Search, attempts: Attempts, ground: Ground, *, cures: tuple[Cure, ...] = (), script: str = "", parts: tuple[Smallest, ...] = ()
) -> Bisect:
    python = ground.facts.python
    packages = {} if isinstance(python, Gap) else python.packages
    report = Bisect(
        rocmkit=__version__,
        outcome=_outcome(found, cures, parts),
        verdict="",
        exit=0,
        command=ground.command,
        runs=found.runs,
        deaths=found.deaths,
        baseline=found.death or (attempts.trials[0] if attempts.trials else None),
        cures=cures,
        smallest=parts[0] if parts else None,
        others=parts[1:],
        helpless=tuple(map(_changed, found.helpless)),
        controls=tuple(map(_changed, found.controls)),
        not_tried=_not_tried(found, attempts, ground.left_out) if found.needed else (),
        known=_known(found.death.known if found.death else ()),
        ended=attempts.ended,
        seconds=round(attempts.seconds, 1),
        machine=tuple(Part(label=label, text=text) for label, text in summary.machine_lines(ground.facts)),
        packages={name: packages[name] for name in summary.NOTABLE if name in packages},
        report_to=_trackers(found.death),
        trials=tuple(attempts.trials),
        script=script,
    )
    return msgspec.structs.replace(report, verdict=_verdict(report), exit=int(_exit_code(report)))


def _outcome(found: Search, cures: tuple[Cure, ...], parts: tuple[Smallest, ...]) -> Outcome:
    if not found.deaths:
        return "not-reproduced"
    if not found.sure:
        return "flaky"
    return "found" if parts or any(cure.confirmed for cure in cures) else "not-found"


def _exit_code(report: Bisect) -> Exit:
    """0 where a cause is named."""
    if report.ended == "interrupted":
        return Exit.INTERRUPTED
    named = report.outcome == "found" or (report.outcome == "flaky" and any(cure.confirmed for cure in report.cures))
    return Exit.OK if named else Exit.INCONCLUSIVE


def _verdict(report: Bisect) -> str:
    """What came out, in one sentence."""
    early = {"interrupted": "broken off: ", "budget": "out of time: ", "gpu-gone": "the GPU stopped answering: ", None: ""}[report.ended]
    return early + _came_out(report)


def _came_out(report: Bisect) -> str:
    if report.baseline is None:
        return "it was not run once to its end"
    if not report.deaths:
        below = f"; {report.baseline.because}" if report.baseline.because else ""
        return f"it did not die in {summary.counted(report.runs, 'run')}{below}"
    text = f"{dies(report.baseline, report.smallest.what if report.smallest else None)}, {often(report.deaths, report.runs)}"
    if report.cures:
        return f"{text}; {lives(report.cures[0])}"
    if report.known:
        return f"{text}; its output is that of {report.known[0].code}, {report.known[0].title}"
    if not report.helpless:
        return text
    many = summary.counted(len(report.helpless), "change")
    if report.outcome == "flaky":
        return f"{text}; with none of the {many} that were tried it lives each time"
    return f"{text}; none of the {many} that were tried makes it live"


def often(number: int, runs: int) -> str:
    """ "3 times of 3"."""
    return f"{number} time{'' if number == 1 else 's'} of {runs}"


def lives(cure: Cure) -> str:
    """What a change does, and how often."""
    passes = often(cure.passes, cure.runs)
    return f"with {cure.does} it lives, {passes}" if cure.toggles else f"{cure.does} it lives, {passes}"


def dies(trial: Trial, what: str | None = None) -> str:
    """How something died: `what`, or the program that was looked at."""
    subject = f"{what} " if what else "it "
    if trial.gpu_fault:
        return f"{subject}makes the GPU fault ({trial.gpu_fault})"
    if trial.outcome == "hang":
        return f"{subject}does not end ({ending(trial)})"
    if trial.outcome == "fail":
        return f"{subject}fails ({ending(trial)})"
    return f"{subject}dies with {ending(trial)}"


def _cure(one: Tested) -> Cure:
    return Cure(
        toggles=tuple(toggle.id for toggle in one.toggles),
        does=words(one.toggles),
        runs=one.runs,
        passes=one.passes,
        confirmed=one.confirmed,
        means=" ".join(toggle.means for toggle in one.toggles),
        fix=_way_out(" ".join(toggle.fix for toggle in one.toggles), [line for toggle in one.toggles for line in toggle.commands]),
        code=tuple(toggle.code for toggle in one.toggles if toggle.code),
        env=one.env,
        pages=tuple(toggle.page for toggle in one.toggles if toggle.page),
    )


def _way_out(text: str, commands: Sequence[str] = ()) -> WayOut:
    return WayOut(text=text, commands=tuple(commands), verify=(), root=False, relogin=False, reboot=False, caution=None)


def _changed(one: Tested) -> Changed:
    toggle = one.toggles[0]
    ended = ending(one.death) if one.death else None
    return Changed(
        toggle=toggle.id, does=toggle.does, runs=one.runs, passes=one.passes, otherwise=one.otherwise, ended=ended, means=toggle.means
    )


def _not_tried(found: Search, attempts: Attempts, left_out: Iterable[LeftOut]) -> tuple[NotTried, ...]:
    why = {"interrupted": "broken off", "gpu-gone": "the GPU stopped answering"}.get(attempts.ended or "", "there was no time left")
    if found.plain:
        why = "it says by itself what is wrong, which none of them has a part in"
    late = tuple(NotTried(toggle=one.id, does=one.does, because=why) for one in found.untried)
    return (*late, *(NotTried(toggle=one.toggle.id, does=one.toggle.does, because=one.because) for one in left_out))


def _known(codes: Iterable[str]) -> tuple[Known, ...]:
    return tuple(Known(code=code, title=explain.find(code).title) for code in codes)


def _smallest(one: Failure) -> Smallest:
    cures = tuple(map(_cure, one.search.cures)) if one.search else ()
    if one.by_order and one.reverse:
        cures = (_order(one, *one.reverse), *cures)
    what = ", then ".join(step.what for step in one.steps)
    return Smallest(
        steps=tuple(step.id for step in one.steps),
        what=what,
        runs=one.runs,
        deaths=one.deaths,
        shrunk=one.shrunk,
        death=one.death,
        by_order=one.by_order,
        also=one.also,
        known=_known(one.death.known),
        cures=cures,
        code=bisectscript.of_steps(one.steps, f"{what}: {dies(one.death)}, {often(one.deaths, one.runs)}"),
    )


def _order(one: Failure, runs: int, passes: int) -> Cure:
    before, after = (f"import {step.modules[0]}" if step.ask["do"] == "import" else step.what for step in one.steps)
    imports = all(step.ask["do"] == "import" for step in one.steps)
    return Cure(
        toggles=(),
        does=f"the other way round ({after}, then {before})",
        runs=runs,
        passes=passes,
        confirmed=True,
        means="Each lives alone: what is loaded first decides which copy of a library, or of a symbol, the other one gets.",
        fix=_way_out(f"In the program, put {after} before {before}."),
        code=(after, before) if imports else (),
        env={},
        pages=(),
    )


def _trackers(trial: Trial | None) -> tuple[Where, ...]:
    """Projects that the crash points to: what it printed, and where it died, as a log."""
    if trial is None:
        return ()
    frames = "".join(f"#{number} {frame}\n" for number, frame in enumerate(trial.native or ((trial.frame,) if trial.frame else ())))
    fault = f"Python[1]: segfault at 0 ip 0 sp 0 error 4 in {trial.library.rpartition('/')[2]}[0+1]\n" if trial.library else ""
    log = match([f"{trial.log}\n{frames}{fault}{trial.gpu_fault or ''}\n".encode(errors="replace")])
    where = {tracker.project: tracker.url for tracker in kb.trackers()}
    return tuple(Where(project=name, url=where[name]) for name in log.trackers)
