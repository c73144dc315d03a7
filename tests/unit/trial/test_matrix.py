"""Bisection without a program, on models of workers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.trial.attempts import Attempts, drive
from rocmkit.trial.matrix import Failure, Matrix, Program, Step, bisect, program, programs
from tests.support.facts import PYTHON, changed, machine
from tests.support.models import Dies, Machine, toggle, with_steps
from tests.unit.checks.cases.tried import STACK

TOGGLES = (toggle("miopen-off"), toggle("numba-hidden"), toggle("torch-first"), toggle("gpu-hidden", control=True))
MIOPEN = {"library": "/lib/libMIOpen.so.1"}
FULL = programs(STACK)


def bisected(
    dies: Dies,
    *,
    wanted: Sequence[Program] = FULL,
    runs: int = 5,
    budget_s: float = math.inf,
    interrupted_at: int | None = None,
) -> tuple[Matrix, Machine, Attempts]:
    machine, attempts = Machine(with_steps(dies), interrupted_at=interrupted_at), Attempts(budget_s)
    return drive(bisect(wanted, "/python", TOGGLES, {}, attempts, runs=runs), machine), machine, attempts


def ids(failure: Failure) -> list[str]:
    return [step.id for step in failure.steps]


def cures(failure: Failure) -> list[list[str]]:
    assert failure.search is not None
    return [[one.id for one in cure.toggles] for cure in failure.search.cures]


def first(names: Sequence[str], beginning: str) -> int | None:
    return next((at for at, name in enumerate(names) if f"{name} ".startswith(f"{beginning} ")), None)


def alone(beginning: str, how: dict[str, Any], *, cure: str = "") -> Dies:
    """A step that dies wherever it stands."""

    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        at = first(names, beginning)
        return None if at is None or cure in on else (at, how)

    return dies


def after(before: str, step: str, how: dict[str, Any], *, cure: str = "") -> Dies:
    """A step that dies if another came before it."""

    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        begun = first(names, before)
        if begun is None or cure in on:
            return None
        at = first(names[begun + 1 :], step)
        loaded = step.startswith("import ") and first(names[:begun], step) is not None
        return None if at is None or loaded else (begun + 1 + at, how)

    return dies


def both(*models: Dies) -> Dies:
    """What dies first."""

    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        return min((found for model in models if (found := model(names, on))), key=lambda found: found[0], default=None)

    return dies


def test_the_programs_of_a_machine_with_everything() -> None:
    forwards, backwards, around = FULL
    imports = [step.id for step in forwards.steps if step.id.startswith("import-")]
    assert len(imports) > 8
    assert [step.id for step in backwards.steps[: len(imports)]] == imports[::-1]
    assert forwards.steps[len(imports) :] == backwards.steps[len(imports) :]
    pairs = {(one.id, two.id) for steps in (forwards.steps, backwards.steps) for at, one in enumerate(steps) for two in steps[at + 1 :]}
    assert {(one, two) for one in imports for two in imports if one != two} <= pairs
    names = [step.id for step in around.steps]
    assert names[0] == "jit" and names.count("jit") == 2 and names.index("conv1d-k3-float16") < names.index("jit", 1)
    assert not [name for name in names if "without-miopen" in name]
    assert {step.device for step in forwards.steps if step.id == "conv1d-k3-float16"} == {"gpu"}
    assert {step.device for step in forwards.steps if step.id == "jit"} == {"cpu"}


def test_without_libraries_there_is_nothing_to_run() -> None:
    assert programs(machine(python=changed(PYTHON, packages={}))) == ()
    assert [one.name for one in programs(machine(python=changed(PYTHON, packages={"numba": "0.61.0"})))] == ["forwards"]


def test_a_longer_program_gets_more_time_within_limits() -> None:
    steps = FULL[0].steps
    assert program("/python", "x", steps[:1]).limits.time_s == 180
    assert program("/python", "x", steps[:3]).limits.time_s == 220
    assert program("/python", "x", steps).limits.time_s == 900
    assert program("/python", "x", steps, timeout_s=2000).limits.time_s == 2000


def test_where_nothing_dies_each_program_is_run_as_often_as_that_makes_the_runs() -> None:
    found, machine, attempts = bisected(lambda names, on: None)
    assert (found.failures, found.programs) == ((), 3)
    assert [one.name for one in machine.ran] == ["forwards", "backwards", "jit-around"] * 2
    assert attempts.ended is None


def test_one_operation_that_dies_and_what_cures_it() -> None:
    found, machine, _ = bisected(alone("conv1d", MIOPEN, cure="miopen-off"))
    [failure] = found.failures
    assert ids(failure) == ["conv1d-k3-float32"] and failure.shrunk
    assert cures(failure) == [["miopen-off"]]
    assert failure.deaths == failure.runs == 4
    assert failure.death.device == "gpu"
    assert set(failure.also) == {
        f"conv1d-{kind}-{dtype}" for kind in ("k3", "k3s2", "k10s5", "k128g16") for dtype in ("float32", "float16")
    } - {"conv1d-k3-float32"}
    assert len(machine.ran) < 45


@pytest.mark.parametrize(("one", "two"), [("scipy.signal", "torch"), ("torch", "scipy.signal"), ("numba", "llvmlite.binding")])
def test_the_order_of_two_imports(one: str, two: str) -> None:
    found, machine, _ = bisected(after(f"import {one}", f"import {two}", {"library": f"/lib/{two}.so"}))
    [failure] = found.failures
    assert ids(failure) == [f"import-{one}", f"import-{two}"]
    assert failure.by_order and failure.reverse == (3, 3)
    assert not cures(failure)
    # What computes with it is left in where it was imported before.
    others = [run for run in machine.ran if run.name in {"forwards", "backwards", "jit-around"}]
    assert [len(run.request["steps"]) for run in others if run.request][-1] == len(FULL[2].steps)


def test_a_compiler_that_another_one_kills() -> None:
    dies = after("jit", "conv1d float16", {"library": "/lib/libamd_comgr.so.2"}, cure="numba-hidden")
    found, machine, _ = bisected(dies)
    [failure] = found.failures
    assert ids(failure) == ["jit", "conv1d-k3-float16"]
    assert cures(failure) == [["numba-hidden"]]
    assert failure.by_order
    assert set(failure.also) == {"conv1d-k3s2-float16", "conv1d-k10s5-float16", "conv1d-k128g16-float16"}
    assert len(machine.ran) < 70


def test_two_crashes_that_have_nothing_to_do_with_each_other() -> None:
    found, _, _ = bisected(both(alone("stft", {"library": "/lib/librocfft.so.0"}), after("import scipy.signal", "import torch", {})))
    assert sorted(map(ids, found.failures)) == [["import-scipy.signal", "import-torch"], ["stft"]]
    assert all(failure.search for failure in found.failures)


def test_crashes_come_before_failures_which_are_searched_last() -> None:
    numba = {"outcome": "fail", "because": "ImportError: Numba needs NumPy 2.2 or less. Got NumPy 2.3."}
    found, machine, _ = bisected(both(alone("import numba", numba), alone("import librosa", numba), alone("stft", {})))
    assert [ids(one) for one in found.failures] == [["stft"], ["import-numba"]]
    assert found.failures[1].also == ("import-librosa",)
    searched = [run.name for run in machine.ran if " " in run.name]
    assert searched[0].startswith("stft ") and searched[-1].startswith("import-numba ")


def test_nothing_is_tried_on_a_failure_that_is_known() -> None:
    known = {"outcome": "fail", "because": "ImportError: Numba needs NumPy 2.2 or less. Got NumPy 2.3.", "known": ("RK409",)}
    found, machine, _ = bisected(alone("import numba", known))
    assert [(ids(one), one.search) for one in found.failures] == [(["import-numba"], None)]
    assert not [run for run in machine.ran if run.actions]


def test_what_dies_at_the_end_of_everything_is_cut_down_all_the_same() -> None:
    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        both = first(names, "import ctranslate2") is not None and first(names, "import torch") is not None
        return (len(names) - 1, {"step": None}) if both else None

    found, _, _ = bisected(dies)
    assert sorted(ids(found.failures[0])) == ["import-ctranslate2", "import-torch"]
    assert not found.failures[0].by_order and found.failures[0].reverse == (1, 0)


@pytest.mark.parametrize("seed", range(6))
def test_one_in_three_is_told_as_that(seed: int) -> None:
    chance = random.Random(seed)

    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        at = first(names, "stft")
        return (at, {}) if at is not None and "torch-first" not in on and chance.random() < 1 / 3 else None

    found, _, _ = bisected(dies, runs=12)
    assert found.failures
    for failure in found.failures:
        assert "stft" in ids(failure)
        assert failure.deaths <= failure.runs


def test_no_time_for_all_of_it() -> None:
    found, machine, attempts = bisected(after("import numba", "import librosa", {}), budget_s=4)
    assert attempts.ended == "budget" and len(machine.ran) == 4
    [failure] = found.failures
    assert not failure.shrunk and failure.search is None


@given(st.integers(1, 40))
def test_wherever_it_is_interrupted_it_tells_what_it_has(at: int) -> None:
    found, machine, attempts = bisected(after("import scipy.signal", "import torch", {}), interrupted_at=at)
    if len(machine.ran) < at:
        assert attempts.ended is None
        return
    assert attempts.ended == "interrupted" and len(machine.ran) == at
    for failure in found.failures:
        assert {"import-scipy.signal", "import-torch"} <= set(ids(failure))


STEPS = [
    Step(id=f"import-m{number}", what=f"import m{number}", ask={"do": "import", "module": f"m{number}"}, modules=(f"m{number}",))
    for number in range(7)
]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4), st.booleans())
def test_whatever_clashes_it_ends_and_each_failure_dies_and_is_the_smallest(clashes: list[tuple[int, int]], told: bool) -> None:
    """Any clashes of pairs in their order, whether or not it is known in which step a program died."""

    def dies(names: Sequence[str], on: set[str]) -> tuple[int, dict[str, Any]] | None:
        found = [
            model(names, on)
            for model in (after(f"import m{one}", f"import m{two}", {"library": f"/m{one}{two}"}) for one, two in clashes if one != two)
        ]
        found += [alone(f"import m{one}", {"library": f"/m{one}"})(names, on) for one, two in clashes if one == two]
        at = min((one for one in found if one), key=lambda one: one[0], default=None)
        return at if at is None or told else (at[0], {**at[1], "step": None})

    wanted = (Program(name="forwards", what="", steps=tuple(STEPS)), Program(name="backwards", what="", steps=tuple(STEPS[::-1])))
    found, _, attempts = bisected(dies, wanted=wanted, runs=2)
    assert attempts.ended is None
    assert found.failures
    for failure in found.failures:
        names = [f"import m{step.id.removeprefix('import-m')}" for step in failure.steps]
        assert dies(names, set())
        assert not any(dies(names[:at] + names[at + 1 :], set()) for at in range(len(names)))
