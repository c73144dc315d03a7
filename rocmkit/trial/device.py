"""A GPU that faulted may be gone for every program: ask it before the next one. Nothing here resets anything."""

from __future__ import annotations

import time
from collections.abc import Callable

from rocmkit.trial.values import Experiment, Limits, Run, Trial
from rocmkit.trial.words import GONE
from rocmkit.trial.work import worker

#: A GPU that is being reset by its driver needs so long to be back.
PAUSE_S = 5.0


def answers(python: str, do: str = "copy") -> Experiment:
    """The question whether the GPU answers: numbers go there and come back. `do`: the worker's name for it, ct2_copy without torch."""
    return worker(python, "still-answers", ({"do": do, "device": "gpu"},), device="gpu", limits=Limits(time_s=60))


def guarded(
    run: Run, question: Experiment | None, *, whole: bool = False, pause_s: float = PAUSE_S, sleep: Callable[[float], None] = time.sleep
) -> Run:
    """`run`, which after a fault of the GPU, or a hang on it, pauses and asks if it still answers; if not, nothing runs there any more.

    `question` None: nothing here can ask, so it only pauses. `whole`: every experiment may use the GPU, whatever it says of itself.
    Raises what `run` raises.
    """
    gone: str | None = None

    def run_guarded(experiment: Experiment) -> Trial:
        nonlocal gone
        there = whole or experiment.device == "gpu"
        if gone and there:
            return Trial(name=experiment.name, outcome="skipped", device=experiment.device, because=gone)
        trial = run(experiment)
        if gone is None and (trial.gpu_fault or (trial.outcome == "hang" and there and question)):
            sleep(pause_s)
            if question and run(question).outcome != "pass":
                gone = f"{GONE} {experiment.name}"
        return trial

    return run_guarded
