"""Bisection without a program of the user's: the speech stack's libraries and operations in one process, cut down to what dies.

Each ordered pair of imports is in one of two programs, since what dies may be the order (NixOS/nixpkgs#278106); Numba compiles before
and after PyTorch computes, since both bring an LLVM (numba/numba#9914).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rocmkit.facts import Facts
from rocmkit.kb.toggles import Toggle
from rocmkit.model import Model
from rocmkit.trial.attempts import Attempts, Plan, Repeats, Stopped, died, kind, passes_needed
from rocmkit.trial.ladder import Stage, plan
from rocmkit.trial.search import Search, search
from rocmkit.trial.shrink import smallest
from rocmkit.trial.values import TIME_S, Device, Experiment, Limits, Trial
from rocmkit.trial.work import worker

#: A program gets so much longer with each step that it has, up to a limit.
STEP_S, MOST_S = 20.0, 900.0


class Step(Model, kw_only=True):
    """One step of a program."""

    id: str  # conv1d-k3-float16, import-torch
    what: str  # the same in words
    ask: dict[str, Any]  # what the worker is asked
    modules: tuple[str, ...]  # what it imports
    device: Device | None = None


class Program(Model, kw_only=True):
    """Steps that are done in one process."""

    name: str
    what: str
    steps: tuple[Step, ...]


class Failure(Model, kw_only=True):
    """The fewest steps that still die, and what is known of them."""

    steps: tuple[Step, ...]  # the last is the one that it dies in
    runs: int
    deaths: int
    death: Trial
    shrunk: bool  # nothing can be left out; else there was no time to see that
    reverse: tuple[int, int] | None  # of two steps: how often they were run the other way round, and how often that lived
    also: tuple[str, ...]  # steps that die in the same way
    search: Search | None  # None: changes were not tried on it

    @property
    def by_order(self) -> bool:
        """Whether the same steps live in the other order."""
        return self.reverse is not None and self.reverse[0] == self.reverse[1] >= passes_needed(self.deaths, self.runs)


class Matrix(Model, kw_only=True):
    """What came of all programs."""

    programs: int  # that were run, some of them several times
    failures: tuple[Failure, ...]  # crashes first, then in the order in which they were found


def programs(facts: Facts) -> tuple[Program, ...]:
    """What to run with the libraries of this environment; nothing where there are none."""
    stages = [stage for stage in plan(facts) if stage.rung != "together"]
    imports = [_step(stage) for stage in stages if stage.rung == "import"]
    work = [stage for stage in stages if stage.rung != "import" and _tells(stage)]
    everything = [_step(stage) for stage in work]
    jit = [_step(stage) for stage in work if stage.rung == "jit"]
    found = [Program(name="forwards", what="import everything, then compute", steps=(*imports, *everything))]
    if len(imports) > 1:
        found.append(
            Program(name="backwards", what="import everything the other way round, then compute", steps=(*imports[::-1], *everything))
        )
    if jit and len(jit) < len(everything):
        rest = [step for step in everything if step not in jit]
        found.append(Program(name="jit-around", what="Numba before and after everything else", steps=(*jit, *rest, *jit)))
    return tuple(program for program in found if program.steps)


def _tells(stage: Stage) -> bool:
    """Whether a crash of it would say anything more: without MIOpen is a change that the search makes, and a provider may decline."""
    return stage.steps[0].get("miopen") is not False and stage.steps[0]["do"] != "ort_placement"


def _step(stage: Stage) -> Step:
    ask = stage.steps[0]
    modules = (ask["module"],) if ask["do"] == "import" else tuple(_imported(stage))
    return Step(id=stage.id, what=stage.what, ask=ask, modules=modules, device=stage.device)


def _imported(stage: Stage) -> list[str]:
    return [name.removeprefix("import-") for name in stage.after if name.startswith("import-")]


def program(python: str, name: str, steps: Sequence[Step], *, timeout_s: float = TIME_S) -> Experiment:
    """The experiment that does `steps`."""
    devices = {step.device for step in steps}
    device: Device | None = "gpu" if "gpu" in devices else "cpu" if "cpu" in devices else None
    limits = Limits(time_s=max(timeout_s, min(timeout_s + STEP_S * (len(steps) - 1), MOST_S)))
    return worker(python, name, [step.ask for step in steps], device=device, limits=limits)


def bisect(
    wanted: Sequence[Program],
    python: str,
    toggles: Sequence[Toggle],
    environ: Mapping[str, str],
    attempts: Attempts,
    *,
    runs: int,
    timeout_s: float = TIME_S,
) -> Plan[Matrix]:
    """Run the programs; cut each that dies down, look for cures of what is left, take its last step out and go on."""
    looking = _Looking(python, toggles, environ, attempts, runs, timeout_s)
    with contextlib.suppress(Stopped):
        yield from looking.all(wanted)
    return looking.result()


class _Found:
    """A failure while more and more gets known of it."""

    def __init__(self, steps: tuple[Step, ...], death: Trial) -> None:
        self.steps, self.repeats, self.shrunk = steps, Repeats(), False
        self.repeats.trials.append(death)
        self.reverse: Repeats | None = None
        self.also: list[str] = []
        self.search: Search | None = None

    @property
    def death(self) -> Trial:
        return self.repeats.trials[0]

    def published(self) -> Failure:
        # The search ran it as it is some more times.
        runs, deaths = (self.search.runs, self.search.deaths) if self.search else (self.repeats.runs, self.repeats.deaths)
        return Failure(
            steps=self.steps,
            runs=runs,
            deaths=deaths,
            death=self.death,
            shrunk=self.shrunk,
            reverse=(self.reverse.runs, self.reverse.passes) if self.reverse else None,
            also=tuple(self.also),
            search=self.search,
        )


class _Looking:
    def __init__(
        self, python: str, toggles: Sequence[Toggle], environ: Mapping[str, str], attempts: Attempts, runs: int, timeout_s: float
    ) -> None:
        self._python, self._toggles, self._environ, self._attempts = python, toggles, environ, attempts
        self._runs, self._timeout_s = runs, timeout_s
        self._found: list[_Found] = []
        self._alike: list[tuple[Step, ...]] = []  # what dies as something that was found before
        self._names: set[str] = set()  # of the programs that were run

    def all(self, wanted: Sequence[Program]) -> Plan[None]:
        for _ in range(-(-self._runs // len(wanted)) if wanted else 0):
            for one in wanted:
                yield from self._through(one)
            if self._found:
                break  # what dies seldom is looked for only where nothing else does
        for found in self._found:
            if found.search is None and not found.death.known:  # of what is known the fix is known too
                yield from self._cures(found)

    def _through(self, one: Program) -> Plan[None]:
        """Run a program, without what is known to die, until it lives."""
        while steps := self._left(one.steps):
            trial = yield from self._attempts.run(self._experiment(steps, one.name), one.what)
            self._names.add(one.name)
            if not died(trial):
                return
            yield from self._shrink(steps[: trial.step + 1] if trial.step is not None and trial.step < len(steps) else steps, trial)

    def _left(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Steps without what is known to die, and without what needs a library whose import does."""
        for sequence in (*(found.steps for found in self._found), *self._alike):
            while (at := _end(steps, sequence)) is not None:
                steps = (*steps[:at], *steps[at + 1 :])
            begun = _end(steps, sequence[:-1])
            if sequence[-1].ask["do"] == "import" and begun is not None:
                module = sequence[-1].modules[0]
                if not any(module in step.modules for step in steps[: begun + 1]):
                    steps = (*steps[: begun + 1], *(step for step in steps[begun + 1 :] if module not in step.modules))
        return steps

    def _shrink(self, steps: tuple[Step, ...], death: Trial) -> Plan[None]:
        """Cut down what died."""
        found = _Found(steps, death)
        for before in self._shorter(steps):
            trial = yield from self._attempts.run(self._experiment((*before, steps[-1])), _words((*before, steps[-1])))
            if not died(trial):
                continue
            found = _Found((*before, steps[-1]), trial)
            same = next((one for one in self._found if one.steps[:-1] == before and _same(one.death, trial)), None)
            if same:
                same.also.append(steps[-1].id)
                self._alike.append(found.steps)
                return
            break
        self._found.append(found)
        yield from self._again(found)
        if len(found.steps) > 1:
            yield from self._cut(found)
        found.shrunk = True
        self._attempts.tell(f"it dies of {_words(found.steps)}")
        if len(found.steps) == 2:
            found.reverse = Repeats()
            needed = passes_needed(found.repeats.deaths, found.repeats.runs)
            back = found.steps[::-1]
            yield from found.reverse.until_death(self._attempts, self._experiment(back), _words(back), passes=needed)
        if found.death.outcome != "fail":
            yield from self._cures(found)

    def _shorter(self, steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
        """What to try before the last step: nothing, then what came before those that died until now."""
        known = {tuple(step.id for step in found.steps[:-1]): found.steps[:-1] for found in self._found}
        for before in ((), *(part for ids, part in known.items() if ids)):
            if len(before) + 1 < len(steps) and _end(steps[:-1], before) is not None:
                yield before

    def _cut(self, found: _Found) -> Plan[None]:
        whole = found.repeats
        enough = 1 if whole.deaths == whole.runs else passes_needed(whole.deaths, whole.runs)
        plan = smallest(found.steps)
        try:
            part = next(plan)
            while True:
                repeats = Repeats()
                lives = yield from repeats.until_death(self._attempts, self._experiment(part), _words(part), passes=enough)
                if not lives:
                    found.steps, found.repeats = part, repeats
                part = plan.send(not lives)
        except StopIteration:
            yield from self._again(found)

    def _again(self, found: _Found) -> Plan[None]:
        """See whether it dies each time."""
        yield from found.repeats.until_clear(self._attempts, self._experiment(found.steps), _words(found.steps), runs=self._runs)

    def _cures(self, found: _Found) -> Plan[None]:
        base = self._experiment(found.steps)
        found.search = yield from search(base, self._toggles, self._environ, self._attempts, runs=self._runs, known=found.repeats)

    def _experiment(self, steps: tuple[Step, ...], name: str = "") -> Experiment:
        return program(self._python, name or _name(steps), steps, timeout_s=self._timeout_s)

    def result(self) -> Matrix:
        failures = [found.published() for found in self._found]
        return Matrix(programs=len(self._names), failures=tuple(sorted(failures, key=lambda one: one.death.outcome == "fail")))


def _end(steps: Sequence[Step], sequence: Sequence[Step]) -> int | None:
    """Where a sequence, between whose parts others may lie, ends in `steps`; -1: before them, since it is empty. None: it is not there."""
    if not sequence:
        return -1
    wanted = 0
    for at, step in enumerate(steps):
        wanted += wanted < len(sequence) and step.id == sequence[wanted].id
        if wanted == len(sequence):
            return at
    return None


def _same(one: Trial, other: Trial) -> bool:
    """Whether two steps died of the same: the same error, or a signal in the same library."""
    if kind(one) != kind(other):
        return False
    return one.because == other.because if one.outcome == "fail" else one.library is not None and one.library == other.library


def _name(steps: Sequence[Step]) -> str:
    return "+".join(step.id for step in steps) if len(steps) < 5 else f"{steps[0].id}+{len(steps) - 2}+{steps[-1].id}"


def _words(steps: Sequence[Step]) -> str:
    return ", then ".join(step.what for step in steps) if len(steps) < 5 else f"{len(steps)} steps, the last of them {steps[-1].what}"
