"""The toggles, and the gate over them: it finds each fault that is planted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.kb.issues import issues
from rocmkit.kb.toggles import Toggle, _File, toggles
from tools.kb_toggles import actions, faults

CODES = {check.code for check in all_checks()} | {issue.code for issue in issues()}
GOOD = Toggle(
    id="smoke-off",
    does="smoke off",
    means="It was the smoke.",
    env={"SMOKE_OFF": "1", "SMOKE_CACHE": "{fresh}/smoke.db"},
    unset=("SMOKE_PATH", "SMOKE_COLOUR*"),
    actions=("hide:smoke.fire",),
    stack_bytes=8 << 20,
    packages=("py-smoke",),
    fix="Keep it off.",
    commands=("export SMOKE_OFF=1 SMOKE_CACHE=$HOME/smoke.db", "unset SMOKE_PATH SMOKE_COLOUR", "ulimit -s 8192"),
    code="import smoke; smoke.off = True",
    page="RK413",
    known="documented",
    sources=("ROCm/MIOpen#1",),
)


def judged(*given: Toggle) -> list[str]:
    return list(faults({"toggles": _File(toggles=given)}, CODES))


def test_a_good_one_has_no_fault() -> None:
    assert judged(GOOD) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"env": {}, "unset": (), "actions": (), "stack_bytes": None, "commands": ()}, "it changes nothing"),
        ({"env": {"smoke off": "1"}, "commands": ()}, "no name of a variable: 'smoke off'"),
        ({"env": {"PATH": "1"}, "commands": ()}, "no name of a variable: 'PATH'"),
        ({"unset": ("*",), "commands": ()}, "no name of a variable: ''"),
        ({"unset": ("SMOKE*_PATH",), "commands": ()}, "no name of a variable: 'SMOKE*_PATH'"),
        ({"unset": ("SMOKE_OFF",), "commands": ()}, "it sets SMOKE_OFF and takes it away"),
        ({"env": {"SMOKE_OFF": "a {fresh}"}, "commands": ()}, "SMOKE_OFF: no value"),
        ({"env": {"SMOKE_OFF": "{other}"}, "commands": ()}, "SMOKE_OFF: no value"),
        ({"env": {"SMOKE_OFF": "{fresh}/../x"}, "commands": ()}, "SMOKE_OFF: no value"),
        ({"env": {"SMOKE_OFF": "$(reboot)"}, "commands": ()}, "SMOKE_OFF: no value"),
        ({"actions": ("smoke-off",)}, "the hooks know no action 'smoke-off'"),
        ({"actions": ("hide",)}, "the hooks know no action 'hide'"),
        ({"actions": ("miopen-off:torch",)}, "the hooks know no action"),
        ({"actions": ("hide:",)}, "no name of a module: ''"),
        ({"actions": ("first:a b",)}, "no name of a module: 'a b'"),
        ({"stack_bytes": 4096, "commands": ()}, "a stack of 4096 bytes"),
        ({"id": "Smoke off"}, "its id is no word"),
        ({"page": "RK999"}, "no failure has the code RK999"),
        ({"packages": ("Py_Smoke",)}, "Py_Smoke is not spelt"),
        ({"does": "smoke off."}, "does: a full stop too many"),
        ({"means": "It was the smoke"}, "means: a full stop is missing"),
        ({"fix": ""}, "fix: no plain text"),
        ({"fix": "Keep {it} off."}, "fix: no plain text"),
        ({"code": "import"}, "code: "),
        ({"code": "a = 1\nb = 2"}, "code: more than one line"),
        ({"commands": ("rm -rf ~/.cache/miopen",)}, "a command that may do more"),
        ({"commands": ("export",)}, "a command that may do more"),
        ({"commands": ("export SMOKE_OFF=2",)}, "a command sets what the toggle does not"),
        ({"commands": ("export SMOKE_OFF=1;reboot",)}, "a command sets what the toggle does not"),
        ({"commands": ("export SMOKE_CACHE=$HOME/$(reboot)",)}, "a command sets what the toggle does not"),
        ({"commands": ("reboot",)}, "a command that may do more"),
        ({"commands": ("export LD_PRELOAD=1",)}, "a command sets what the toggle does not"),
        ({"commands": ("unset HOME",)}, "a command clears what the toggle does not"),
        ({"commands": ("ulimit -s 4096",)}, "a command that may do more"),
        ({"commands": ("ulimit -v 8192",)}, "a command that may do more"),
    ],
)
def test_a_fault_is_found(change: dict[str, Any], words: str) -> None:
    found = judged(msgspec.structs.replace(GOOD, **change))
    assert len(found) == 1, found
    assert found[0].startswith("toggles: ")
    assert words in found[0]


def test_two_that_are_alike_are_found() -> None:
    found = judged(GOOD, GOOD)
    assert [line.split(":")[1].strip()[:12] for line in found] == ["the id 'smok", "the does 'sm", "2 of them do"]


def test_the_hooks_know_these_actions() -> None:
    assert actions() == {"miopen-off", "float32", "sdpa-math", "hide:", "first:", "thread-stack"}


def test_the_likeliest_cure_stands_first_and_the_comparison_last() -> None:
    ids = [one.id for one in toggles()]
    assert ids[:2] == ["miopen-off", "float32"]
    assert [one.id for one in toggles() if one.control] == ids[-1:] == ["gpu-hidden"]


def test_what_lasts_is_told_or_there_is_something_to_do() -> None:
    """A cure that no variable makes is a line of Python, or a sentence that says what to do."""
    for one in toggles():
        assert one.commands or one.code or one.actions, one.id
        if one.env or one.unset:
            assert one.commands, one.id


def test_what_costs_time_or_trust_says_so() -> None:
    by_id = {one.id: one for one in toggles()}
    for name in ("miopen-off", "float32", "one-thread", "sdma-off", "numba-jit-off", "gpu-hidden", "miopen-find-fast"):
        assert "slow" in by_id[name].fix or "times as long" in by_id[name].fix, name
    for name in ("serialized", "allocator-caching-off"):
        assert "wrong numbers" in by_id[name].fix, name


def test_hipblaslt_is_off_for_linear_layers_with_a_bias_too() -> None:
    # torch has a switch of its own for these, which the preferred library does not touch.
    (one,) = [each for each in toggles() if each.id == "hipblaslt-off"]
    assert one.env["DISABLE_ADDMM_CUDA_LT"] == "1" and "DISABLE_ADDMM_CUDA_LT=1" in one.commands[0]
