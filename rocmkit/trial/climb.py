"""Climb the ladder: make the experiments one by one, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from rocmkit.trial.device import PAUSE_S, answers, guarded
from rocmkit.trial.ladder import BUDGET_S, Stage, fitted, ground
from rocmkit.trial.values import Run, Trial
from rocmkit.trial.words import BROKEN_OFF
from rocmkit.trial.work import worker

#: What is told before each stage: its number from 1, how many there are, and the stage.
Tell = Callable[[int, int, Stage], None]

#: Stages that show that the GPU answers, the plainest first, and the worker's name for what they do.
_QUESTIONS = {"copy": "copy", "ctranslate2-copy": "ct2_copy"}


def climb(
    stages: Iterable[Stage],
    run: Run,
    python: str,
    *,
    tell: Tell | None = None,
    budget_s: float = BUDGET_S,
    pause_s: float = PAUSE_S,
) -> tuple[Trial, ...]:
    """A trial for each stage, in their order; what has no ground is skipped and says why. Ctrl-C skips all that is left.

    Raises OSError where `python` cannot be started.
    """
    stages = tuple(stages)
    question = next((do for id, do in _QUESTIONS.items() for stage in stages if (stage.id, stage.device) == (id, "gpu")), None)
    if question:
        run = guarded(run, answers(python, question), pause_s=pause_s)
    trials: list[Trial] = []
    try:
        for number, stage in enumerate(stages, 1):
            if tell:
                tell(number, len(stages), stage)
            why = ground(stage, trials, budget_s=budget_s)
            trials.append(_skipped(stage, why) if why else _made(fitted(stage, trials), run, python))
    except KeyboardInterrupt:
        trials += (_skipped(stage, BROKEN_OFF) for stage in stages[len(trials) :])
    return tuple(trials)


def _skipped(stage: Stage, why: str) -> Trial:
    return Trial(name=stage.id, what=stage.what, outcome="skipped", device=stage.device, because=why)


def _made(stage: Stage, run: Run, python: str) -> Trial:
    trial = run(worker(python, stage.id, stage.steps, device=stage.device, limits=stage.limits))
    return replace(trial, what=stage.what, device=stage.device)
