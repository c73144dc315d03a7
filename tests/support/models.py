"""Models of machines: what becomes of an experiment, as a function, so that plans are tested without a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rocmkit.kb.toggles import Toggle
from rocmkit.trial.values import Experiment, Trial


def toggle(id: str, **more: Any) -> Toggle:
    """A toggle that is known by an action of its own name, unless `more` says what it does."""
    does: dict[str, Any] = {"actions": (id,)} if not {"env", "unset", "actions", "stack_bytes"} & set(more) else {}
    row = {"does": id, "means": f"It lies with {id}.", "fix": f"Keep {id}.", "known": "inferred", "sources": ("nobody/nothing#1",)}
    return Toggle(id=id, **{**row, **does, **more})


def crash(experiment: Experiment, library: Any = "/lib/libbad.so.1", **more: Any) -> Trial:
    """A segmentation fault."""
    fields: dict[str, Any] = {"outcome": "crash", "signal": "SIGSEGV", "library": library, "seconds": 1.0}
    return Trial(name=experiment.name, **{**fields, **more})


def failure(experiment: Experiment, because: str, **more: Any) -> Trial:
    """An exception."""
    return Trial(name=experiment.name, **{"outcome": "fail", "exit": 1, "because": because, "seconds": 1.0, **more})


def lived(experiment: Experiment, **more: Any) -> Trial:
    """It came to its end."""
    return Trial(name=experiment.name, **{"outcome": "pass", "exit": 0, "seconds": 1.0, **more})


class Machine:
    """Runs experiments by a function, and keeps what it ran."""

    def __init__(self, model: Callable[[Experiment], Trial], *, interrupted_at: int | None = None) -> None:
        self.model, self.interrupted_at = model, interrupted_at
        self.ran: list[Experiment] = []

    def __call__(self, experiment: Experiment) -> Trial:
        self.ran.append(experiment)
        if len(self.ran) == self.interrupted_at:
            raise KeyboardInterrupt
        return self.model(experiment)


def with_toggles(model: Callable[[set[str], Experiment], Trial]) -> Callable[[Experiment], Trial]:
    """A model that is told the actions of an experiment."""
    return lambda experiment: model(set(experiment.actions), experiment)


#: What the steps of a worker come to, by their names, with these actions: the step that it dies in and how; None: it lives.
Dies = Callable[[Sequence[str], set[str]], "tuple[int, dict[str, Any]] | None"]


def with_steps(dies: Dies) -> Callable[[Experiment], Trial]:
    """A model of a worker. A step's name is `import MODULE`, or what the worker is asked to do with its type: `conv1d float16`."""

    def run(experiment: Experiment) -> Trial:
        assert experiment.request is not None
        steps = experiment.request["steps"]
        names = [f"import {one['module']}" if one["do"] == "import" else f"{one['do']} {one.get('dtype', '')}".strip() for one in steps]
        death = dies(names, set(experiment.actions))
        if death is None:
            return lived(experiment, device=experiment.device)
        more = {"device": experiment.device, "step": death[0], **death[1]}
        return failure(experiment, **more) if more.get("outcome") == "fail" else crash(experiment, **more)

    return run
