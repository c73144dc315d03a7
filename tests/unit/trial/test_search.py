"""The search for cures, on models of machines."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.kb.toggles import Toggle
from rocmkit.trial.attempts import Attempts, alike, drive, passes_needed
from rocmkit.trial.search import Search, changed, search, sort_out
from rocmkit.trial.values import Experiment, Trial
from tests.support.models import Machine, crash, failure, lived, toggle, with_toggles

BASE = Experiment(name="program", argv=("/bin/program",))
SEVEN = (*map(toggle, "abcdef"), toggle("hidden", control=True))


def searched(
    model: Callable[[set[str], Experiment], Trial],
    *,
    toggles: Sequence[Toggle] = SEVEN,
    runs: int = 5,
    budget_s: float = math.inf,
    interrupted_at: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Search, Machine, Attempts]:
    machine, attempts = Machine(with_toggles(model), interrupted_at=interrupted_at), Attempts(budget_s)
    return drive(search(BASE, toggles, environ or {}, attempts, runs=runs), machine), machine, attempts


def cures(found: Search) -> list[tuple[str, ...]]:
    return [tuple(one.id for one in cure.toggles) for cure in found.cures]


def test_a_single_cure_is_found_and_confirmed_and_the_program_dies_once_more() -> None:
    found, machine, attempts = searched(lambda on, it: lived(it) if "c" in on else crash(it))
    assert cures(found) == [("c",)]
    assert (found.cures[0].passes, found.cures[0].runs, found.cures[0].confirmed) == (4, 4, True)
    assert found.sure and (found.deaths, found.runs) == (4, 4)
    assert [one.toggles[0].id for one in found.helpless] == ["a", "b", "d", "e", "f"]
    assert not any(one.otherwise for one in found.helpless)
    assert [(one.toggles[0].id, one.passes) for one in found.controls] == [("hidden", 0)]
    assert machine.ran[-1].actions == () and attempts.trials[-1].what == "as it is, once more"
    assert len(machine.ran) < 25
    assert not found.untried


def test_while_something_runs_it_is_known_in_words() -> None:
    words: list[str] = []
    attempts = Attempts()

    def run(experiment: Experiment) -> Trial:
        words.append(attempts.doing)
        return crash(experiment)

    drive(search(BASE, (toggle("off", does="MIOpen's direct kernels off"),), {}, attempts), run)
    assert words == [trial.what for trial in attempts.trials]
    assert words[0] == "as it is" and "with MIOpen's direct kernels off" in words


def test_two_cures_that_each_do_are_both_told_the_likelier_first() -> None:
    found, _, _ = searched(lambda on, it: lived(it) if on & {"b", "e"} else crash(it))
    assert cures(found) == [("b",), ("e",)]
    assert all(cure.confirmed for cure in found.cures)


def test_a_pair_that_only_helps_together() -> None:
    found, _, _ = searched(lambda on, it: lived(it) if {"b", "f"} <= on else crash(it))
    assert cures(found) == [("b", "f")]
    assert found.cures[0].confirmed
    assert {one.toggles[0].id for one in found.helpless} == {"a", "b", "c", "d", "e", "f"}


def test_nothing_cures() -> None:
    found, machine, attempts = searched(lambda on, it: crash(it))
    assert found.sure and not found.cures
    assert len(found.helpless) == 6 and len(found.controls) == 1
    assert len(machine.ran) == 3 + 1 + 6 + 1
    assert attempts.ended is None


@pytest.mark.parametrize(
    ("because", "exit", "plain"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'a.wav'", 1, True),
        ("it ended with exit code 2", 2, True),
        ("RuntimeError: HIP error: invalid device function", 1, False),
        ("RuntimeError: it is a matter of the GPU", 2, False),
        ("it ended with exit code 1", 1, False),
    ],
)
def test_no_change_is_made_where_the_program_says_what_is_wrong_with_itself(because: str, exit: int, plain: bool) -> None:
    found, machine, _ = searched(lambda on, it: failure(it, because, exit=exit))
    assert found.plain is plain
    assert (len(machine.ran) == 3) is plain
    assert (len(found.untried) == len(SEVEN)) is plain


def test_what_never_dies_is_run_no_more_often_than_asked() -> None:
    found, machine, _ = searched(lambda on, it: lived(it))
    assert (found.deaths, found.runs) == (0, 5) and len(machine.ran) == 5
    assert not found.cures and not found.untried and found.death is None


def test_a_change_that_does_harm_hides_no_cure() -> None:
    def model(on: set[str], it: Experiment) -> Trial:
        return failure(it, "ModuleNotFoundError: No module named 'numba'") if "d" in on else lived(it) if "b" in on else crash(it)

    found, _, _ = searched(model)
    assert cures(found) == [("b",)]
    [harmful] = [one for one in found.helpless if one.otherwise]
    assert harmful.toggles[0].id == "d" and harmful.death and harmful.death.because == "ModuleNotFoundError: No module named 'numba'"


def test_a_change_that_does_harm_hides_no_pair() -> None:
    def model(on: set[str], it: Experiment) -> Trial:
        return failure(it, "ImportError: no") if "d" in on else lived(it) if {"a", "f"} <= on else crash(it)

    assert cures(searched(model)[0]) == [("a", "f")]


def test_another_library_or_signal_is_another_death() -> None:
    def model(on: set[str], it: Experiment) -> Trial:
        if "a" in on:
            return crash(it, "/lib/libother.so")
        return crash(it, signal="SIGABRT") if "b" in on else crash(it)

    assert [one.toggles[0].id for one in searched(model)[0].helpless if one.otherwise] == ["a", "b"]


def test_a_program_that_goes_on_beyond_the_crash_but_not_to_its_end_is_no_cure() -> None:
    found, _, _ = searched(lambda on, it: Trial(name="", outcome="hang", limit="time", seconds=9) if "a" in on else crash(it))
    assert not found.cures
    assert [one.toggles[0].id for one in found.helpless if one.otherwise] == ["a"]


@pytest.mark.parametrize("seed", range(8))
def test_one_in_five_is_called_flaky_and_its_cure_lives_as_often_as_luck_forbids(seed: int) -> None:
    chance = random.Random(seed)
    found, _, _ = searched(lambda on, it: lived(it) if "e" in on or chance.random() < 0.8 else crash(it), runs=20)
    assert 0 < found.deaths < found.runs == 20
    assert found.needed >= passes_needed(20, 100)  # of about 1 in 5, known from all runs
    assert ("e",) in cures(found)
    assert all(cure.passes >= found.needed and cure.confirmed for cure in found.cures)


def test_a_baseline_that_lives_at_the_end_was_not_sure_after_all() -> None:
    deaths = iter([True, True, True, False, False, False, False, False])
    found, _, _ = searched(lambda on, it: (crash(it) if next(deaths) else lived(it)) if not on else lived(it) if "a" in on else crash(it))
    assert (found.deaths, found.runs) == (3, 8) and not found.sure  # it was looked at more closely
    assert cures(found) == [("a",)] and found.cures[0].confirmed and found.cures[0].passes >= found.needed > 3


def test_a_change_that_only_helps_now_and_then_is_no_cure() -> None:
    turns = {"a": 0}

    def model(on: set[str], it: Experiment) -> Trial:
        if on == {"a"}:
            turns["a"] += 1
            return lived(it) if turns["a"] == 1 else crash(it)
        return crash(it)

    found, _, _ = searched(model)
    assert not found.cures
    [helps] = [one for one in found.helpless if one.passes]
    assert (helps.toggles[0].id, helps.passes, helps.runs) == ("a", 1, 2)


def test_where_the_time_is_over_what_was_not_tried_is_told() -> None:
    found, machine, attempts = searched(lambda on, it: crash(it), budget_s=6)
    assert attempts.ended == "budget" and len(machine.ran) == 6
    assert [one.id for one in found.untried] == ["c", "d", "e", "f", "hidden"]
    assert found.deaths == 3


def test_no_time_at_all() -> None:
    found, machine, attempts = searched(lambda on, it: crash(it), budget_s=0)
    assert (found.runs, found.deaths, machine.ran, attempts.trials) == (0, 0, [], [])


@given(st.integers(1, 30))
def test_wherever_it_is_interrupted_it_tells_what_it_has(at: int) -> None:
    found, machine, attempts = searched(lambda on, it: lived(it) if "c" in on else crash(it), interrupted_at=at)
    if len(machine.ran) < at:
        assert attempts.ended is None and cures(found) == [("c",)]
        return
    assert attempts.ended == "interrupted" and len(machine.ran) == at == len(attempts.trials) + 1
    assert found.runs <= 4
    for cure in found.cures:
        assert "c" in {one.id for one in cure.toggles} and cure.passes


def test_a_gpu_that_is_gone_ends_it() -> None:
    def model(on: set[str], it: Experiment) -> Trial:
        return (
            Trial(name="", outcome="skipped", because="the GPU stopped answering after program")
            if "b" in on and len(on) == 1
            else crash(it)
        )

    found, _, attempts = searched(model)
    assert attempts.ended == "gpu-gone" and not found.cures
    assert [one.toggles[0].id for one in found.helpless] == ["a"]


@given(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3))
def test_any_set_that_only_helps_together_is_found(needed: set[str]) -> None:
    found, _, _ = searched(lambda on, it: lived(it) if needed <= on else crash(it))
    assert cures(found) == [tuple(sorted(needed))]


@given(st.integers(1, 100).flatmap(lambda runs: st.tuples(st.integers(1, runs), st.just(runs))))
def test_the_passes_that_are_needed_leave_luck_below_five_percent(rate: tuple[int, int]) -> None:
    deaths, runs = rate
    needed = passes_needed(deaths, runs)
    assert needed >= 3
    assert (1 - deaths / runs) ** needed <= 0.05  # more runs are needed, since the true rate is not known
    assert needed <= passes_needed(deaths, runs, 40) <= 50 * (runs + 1)


def test_how_many_passes_are_needed() -> None:
    assert [passes_needed(3, 3), passes_needed(5, 5), passes_needed(2, 5), passes_needed(1, 5)] == [3, 3, 9, 20]
    assert passes_needed(1, 1) == 5  # that it dies each time is not known after one run
    assert passes_needed(40, 40, 40) == 3  # and it is after forty


@pytest.mark.parametrize("rate", [0.2, 0.35, 0.5, 0.8])
def test_of_forty_changes_that_do_nothing_none_is_confirmed_but_by_rare_luck(rate: float) -> None:
    forty, false, told = tuple(toggle(f"t{number}") for number in range(40)), 0, 0
    for seed in range(60):
        chance = random.Random(seed)

        def model(on: set[str], it: Experiment, chance: random.Random = chance) -> Trial:
            return crash(it) if chance.random() < rate else lived(it)

        found, _, _ = searched(model, toggles=forty)
        false += any(cure.confirmed for cure in found.cures)
        told += bool(found.deaths)
    assert told > 30 and false / told <= 0.1


def _trial(**fields: Any) -> Trial:
    return Trial(name="", **{"outcome": "crash", "signal": "SIGSEGV", **fields})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_trial(library="/a/libx.so"), _trial(library="/b/libx.so"), True),
        (_trial(library="/a/libx.so"), _trial(library="/a/liby.so"), False),
        (_trial(library="/a/libx.so"), _trial(), True),
        (_trial(), _trial(signal="SIGABRT"), False),
        (_trial(), _trial(outcome="hang", signal=None), False),
        (
            _trial(outcome="fail", signal=None, exit=1, because="OSError: a"),
            _trial(outcome="fail", signal=None, exit=1, because="OSError: b"),
            True,
        ),
        (
            _trial(outcome="fail", signal=None, exit=1, because="OSError: a"),
            _trial(outcome="fail", signal=None, exit=1, because="KeyError: a"),
            False,
        ),
        (_trial(outcome="fail", signal=None, exit=1), _trial(outcome="fail", signal=None, exit=2), False),
    ],
)
def test_two_deaths_are_alike(one: Trial, other: Trial, same: bool) -> None:
    assert alike(one, other) is alike(other, one) is same


SET = {"LD_LIBRARY_PATH": "/x", "OMP_NUM_THREADS": "1", "MIOPEN_A": "1", "MIOPEN_B": "2"}


@pytest.mark.parametrize(
    ("one", "because"),
    [
        (toggle("t", packages=("numba", "numba2")), "none of numba, numba2 is installed"),
        (toggle("t", packages=("torch",)), ""),
        (toggle("t", env={"OMP_NUM_THREADS": "1"}), "OMP_NUM_THREADS is set so already"),
        (toggle("t", env={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}), ""),
        (toggle("t", env={"OMP_NUM_THREADS": "1"}, actions=("x",)), ""),
        (toggle("t", unset=("LD_PRELOAD", "HSA_*")), "what they take away is not set"),
        (toggle("t", unset=("LD_PRELOAD", "MIOPEN_*")), ""),
        (toggle("t", stack_bytes=1), ""),
        (toggle("t", env={"MIOPEN_USER_DB_PATH": "{fresh}"}), "each run has caches of its own already"),
        (toggle("t", env={"MIOPEN_USER_DB_PATH": "{fresh}/x", "MORE": "1"}), ""),
    ],
)
def test_what_changes_nothing_here_is_left_out_and_says_why(one: Toggle, because: str) -> None:
    tried, left = sort_out((one,), {"torch": "2.6.0"}, SET, fresh_caches=True)
    assert [row.because for row in left] == ([because] if because else [])
    assert bool(tried) is not bool(because)


def test_where_the_packages_are_not_known_all_may_matter_and_a_users_caches_do() -> None:
    rows = (toggle("t", packages=("numba",)), toggle("u", env={"MIOPEN_USER_DB_PATH": "{fresh}"}))
    assert sort_out(rows, None, {}, fresh_caches=False) == (rows, ())


def test_changes_of_an_experiment() -> None:
    base = Experiment(name="p", argv=("/p",), env={"KEPT": "1"}, stack_bytes=5, actions=("own",))
    rows = (toggle("t", env={"MIOPEN_A": "9"}, stack_bytes=9), toggle("u", unset=("MIOPEN_*", "GONE")), toggle("v"))
    it = changed(base, rows, SET)
    assert it.env == {"KEPT": "1", "MIOPEN_A": "9", "MIOPEN_B": None}
    assert (it.name, it.actions, it.stack_bytes) == ("p t+u+v", ("own", "v"), 9)
    assert changed(base, (), SET) == base
