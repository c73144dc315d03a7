"""The decorator that makes a function a check, and the scan that finds them all.

A check is a function whose parameters are named after the sections of `Facts` that it reads, typed as they are there; one named
`trials` gets what `doctor --try` tried. A parameter typed without `Gap` makes the check skip where that section is a Gap; typed
`… | Gap` it gets the Gap itself.
Its docstring is its page: a first line, then the headings of HEADINGS.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from typing import Any

from rocmkit.doctor.result import Outcome, Severity
from rocmkit.facts import Facts, Gap
from rocmkit.model import Model
from rocmkit.trial.values import Trial

HEADINGS = ("What it looks at", "Why it matters", "Fix", "Safe to ignore when", "Sources")

#: The parameter that is no section of the facts: what experiments gave.
TRIALS = "trials"

Judge = Callable[..., Outcome]


class Check(Model, kw_only=True):
    """One rule. `after` names checks whose findings explain this one's; `gpu`: it speaks of a GPU, so it needs one to be there."""

    code: str
    id: str
    title: str
    severity: Severity
    after: tuple[str, ...]
    gpu: bool
    judge: Judge
    needs: tuple[str, ...]  # sections of Facts, and TRIALS, in the order of the parameters
    tolerates: frozenset[str]  # those of them that may be a Gap

    @property
    def tries(self) -> bool:
        """Whether it judges experiments alone: without any it has nothing to say."""
        return TRIALS in self.needs and TRIALS not in self.tolerates

    @property
    def page(self) -> str:
        """The docstring, indentation removed."""
        return inspect.getdoc(self.judge) or ""


def check(code: str, id: str, *, title: str, severity: Severity, after: tuple[str, ...] = (), gpu: bool = True) -> Callable[[Judge], Check]:
    """Make a Check of a function. Returns a value; nothing is registered anywhere."""

    def make(function: Judge) -> Check:
        hints = typing.get_type_hints(function)
        needs = tuple(inspect.signature(function).parameters)
        return Check(
            code=code,
            id=id,
            title=title,
            severity=severity,
            after=after,
            gpu=gpu,
            judge=function,
            needs=needs,
            tolerates=frozenset(name for name in needs if Gap in typing.get_args(hints[name])),
        )

    return make


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Every check of the package `rocmkit.doctor.checks`, by code."""
    from rocmkit.doctor import checks

    found: dict[str, Check] = {}
    for module in pkgutil.iter_modules(checks.__path__):
        for value in vars(importlib.import_module(f"{checks.__name__}.{module.name}")).values():
            if isinstance(value, Check):
                found[value.code] = value
    return tuple(found[code] for code in sorted(found))


def sections(facts: Facts, trials: tuple[Trial, ...] | Gap, check: Check) -> dict[str, Any]:
    """The arguments for `check.judge`."""
    return {name: trials if name == TRIALS else getattr(facts, name) for name in check.needs}
