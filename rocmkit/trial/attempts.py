"""Plans of experiments: generators that yield what to run, are sent how it ended, and return what they make of it.

So a plan is tested with any function from an experiment to a trial, and `drive` is all that knows a process can be behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Literal, TypeVar

import msgspec

from rocmkit.trial.values import Experiment, Run, Trial

T = TypeVar("T")
Plan = Generator[Experiment, Trial, T]
Tell = Callable[[str], None]

#: Changes are called cures when the chance that any of them lived so often by luck is no greater than this.
LUCK = 0.05
#: And a program has to live so often at least.
PASSES = 3


class Stopped(Exception):
    """Nothing more is to be run; no error, it ends a plan early."""


class Attempts:
    """What was run so far, and how much time is left. One for a whole bisection, shared by the plans it is made of."""

    def __init__(self, budget_s: float = math.inf, tell: Tell | None = None) -> None:
        self.trials: list[Trial] = []
        self.seconds = 0.0
        self.ended: Literal["interrupted", "budget", "gpu-gone"] | None = None
        self.doing = ""  # what is run now, in words
        self.tell: Tell = tell or (lambda _: None)  # news that are worth a line at once
        self.budget_s = budget_s

    def run(self, experiment: Experiment, what: str) -> Plan[Trial]:
        """Have it run once. Raises Stopped where there is no time for it, or the user breaks off."""
        if self.seconds >= self.budget_s:
            self.ended = self.ended or "budget"
        if self.ended:
            raise Stopped
        self.doing = what
        try:
            trial = yield experiment
        except KeyboardInterrupt:
            self.ended = "interrupted"
            raise Stopped from None
        trial = msgspec.structs.replace(trial, name=experiment.name, what=what)
        self.seconds += trial.seconds
        self.trials.append(trial)
        if trial.outcome == "skipped":  # the GPU answers to nobody any more
            self.ended = "gpu-gone"
            raise Stopped
        return trial


class Repeats:
    """How the same experiment ended, time after time."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self.trials)

    @property
    def deaths(self) -> int:
        """How often it did not end well."""
        return sum(died(trial) for trial in self.trials)

    @property
    def death(self) -> Trial | None:
        """The first time that it did not."""
        return next((trial for trial in self.trials if died(trial)), None)

    @property
    def passes(self) -> int:
        """How often it did."""
        return self.runs - self.deaths

    def until_clear(self, attempts: Attempts, experiment: Experiment, what: str, *, runs: int) -> Plan[None]:
        """Run it until it has died each of the first times, or as often as `runs` says."""
        while self.runs < runs and not (self.runs >= min(PASSES, runs) and self.deaths == self.runs):
            self.trials.append((yield from attempts.run(experiment, what)))

    def until_death(self, attempts: Attempts, experiment: Experiment, what: str, *, passes: int) -> Plan[bool]:
        """Run it until it has lived so often; False as soon as it dies."""
        while self.passes < passes and not self.deaths:
            self.trials.append((yield from attempts.run(experiment, what)))
        return not self.deaths


def died(trial: Trial) -> bool:
    """Whether it did not end well: a crash, a hang, or a plain failure."""
    return trial.outcome != "pass"


def passes_needed(deaths: int, runs: int, changes: int = 1) -> int:
    """How often something has to live that died `deaths` times of `runs`, before that is no luck for one of so many changes.

    How often it dies in truth is not known, and after a few runs it may be much less often: the chance that it lives once more is
    taken by the rule of succession, (lived + 1) / (runs + 2), and that of any change's luck is at most the sum of all.
    """
    luck, passes = float(changes), 0
    while passes < PASSES or luck > LUCK:
        luck *= (runs - deaths + 1 + passes) / (runs + 2 + passes)
        passes += 1
    return passes


def kind(trial: Trial) -> tuple[str | None, ...]:
    """What two deaths have in common that are the same: the signal, or the exit code and the exception."""
    if trial.signal or trial.outcome != "fail":
        return (trial.outcome, trial.signal)
    error = (trial.because or "").partition(":")[0]
    return (trial.outcome, str(trial.exit), error if error.isidentifier() else None)


#: Exceptions that no change of libraries or of the GPU brings about: the program is not right, or a file is not there.
_PLAIN = (
    "FileNotFoundError",
    "IsADirectoryError",
    "NotADirectoryError",
    "SyntaxError",
    "IndentationError",
    "NameError",
    "UnboundLocalError",
)
#: How Python and most programs end where their command line is wrong, and a shell where it finds no program.
_USAGE = (2, 126, 127)


def plain(trial: Trial) -> bool:
    """Whether a program says by itself what is wrong with it, and what `bisect` changes has no part in that."""
    if trial.outcome != "fail":
        return False
    error = (trial.because or "").partition(":")[0].rpartition(".")[2]
    return error in _PLAIN or (trial.exit in _USAGE and not error.endswith(("Error", "Exception")))


def alike(one: Trial, other: Trial) -> bool:
    """Whether both died in the same way, and in the same library as far as that is known."""
    libraries = {trial.library.rpartition("/")[2] for trial in (one, other) if trial.library}
    return kind(one) == kind(other) and len(libraries) < 2


def drive(plan: Plan[T], run: Run) -> T:
    """Carry a plan out. A KeyboardInterrupt while something runs is handed to the plan, which returns what it has."""
    try:
        experiment = next(plan)
        while True:
            try:
                trial = run(experiment)
            except KeyboardInterrupt as stop:
                experiment = plan.throw(stop)
            else:
                experiment = plan.send(trial)
    except StopIteration as end:
        result: T = end.value
        return result
