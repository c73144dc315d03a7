"""Trials as values, and a Run that answers from a table: what the ladder decides can be tested without a process."""

from __future__ import annotations

from typing import Any

from rocmkit.facts import Facts
from rocmkit.trial.climb import climb
from rocmkit.trial.ladder import plan
from rocmkit.trial.values import Experiment, Run, Trial

PYTHON = "/usr/bin/python3"


def crash(frame: str = "librocblas.so.4+0x1234", **more: Any) -> dict[str, Any]:
    """How a program ends that dies in a native library."""
    where = ("torch/nn/functional.py:10 in forward",)
    return {
        "outcome": "crash",
        "signal": "SIGSEGV",
        "frame": frame,
        "library": f"~/venv/{frame.partition('+')[0]}",
        "python": where,
        **more,
    }


def fail(because: str, **more: Any) -> dict[str, Any]:
    """How a worker ends that met an exception."""
    return {"outcome": "fail", "exit": 1, "because": because, **more}


def fault(**more: Any) -> dict[str, Any]:
    """How a program ends whose GPU faults."""
    line = "Memory access fault by GPU node-1 (Agent handle: 0x1) on address 0x2. Reason: Page not present or supervisor privilege."
    return {"outcome": "crash", "signal": "SIGABRT", "gpu_fault": line, **more}


HANG: dict[str, Any] = {"outcome": "hang", "signal": "SIGKILL", "limit": "time", "seconds": 180.0}


class Table:
    """A Run: each experiment ends as the table says by its name, and passes where it says nothing. A name with * at its end is a prefix."""

    def __init__(self, table: dict[str, dict[str, Any]]) -> None:
        self.table = table
        self.asked: list[Experiment] = []

    def __call__(self, experiment: Experiment) -> Trial:
        self.asked.append(experiment)
        told = self.table.get(experiment.name) or next(
            (row for name, row in self.table.items() if name.endswith("*") and experiment.name.startswith(name[:-1])), {}
        )
        return Trial(**{"name": experiment.name, "outcome": "pass", "seconds": 1.0, **told})


def climbed(facts: Facts, table: dict[str, dict[str, Any]] | Run | None = None, **more: Any) -> tuple[Trial, ...]:
    """The trials of the whole ladder on a machine."""
    run = Table(table or {}) if table is None or isinstance(table, dict) else table
    return climb(plan(facts), run, PYTHON, pause_s=0, **more)


def by_name(trials: tuple[Trial, ...]) -> dict[str, Trial]:
    """Trials by their names."""
    return {trial.name: trial for trial in trials}
