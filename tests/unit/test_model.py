"""Strict YAML, and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.errors import PRECEDENCE, Exit, worst
from rocmkit.model import DataError, Model, convert, load_yaml
from tests.support.command import ROOT


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\na: 2\n", "t.yaml:2:1: repeated key 'a'"),
        ("a: &x [1]\nb: *x\n", "t.yaml:2:4: aliases are not allowed"),
        ("[" * 100, "nested deeper than 64"),
        ("a: [", "t.yaml:2:1"),
        ("? [1]\n: 2\n", "a key that is not a scalar"),
        ("!!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("a: \x00\n", "control characters"),
    ],
)
def test_bad_yaml_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(DataError) as error:
        load_yaml(text, source="t.yaml")
    assert complaint in str(error.value)


@given(st.text())
def test_any_text_is_a_value_or_a_data_error(text: str) -> None:
    try:
        load_yaml(text, source="t")
    except DataError as error:
        assert str(error).startswith("t:")


def test_unknown_fields_are_refused_with_the_source() -> None:
    class Point(Model):
        x: int

    assert convert({"x": 1}, Point, source="p.yaml") == Point(1)
    with pytest.raises(DataError, match=r"p.yaml: .*unknown field"):
        convert({"x": 1, "y": 2}, Point, source="p.yaml")


def test_threads_that_load_the_same_knowledge_at_once_do_not_crash() -> None:
    """Preparing a type in two threads at once kills the interpreter inside msgspec: seen in one doctor run of ten."""
    code = """
import sys, threading
sys.setswitchinterval(1e-6)
from rocmkit import kb
threads = [threading.Thread(target=kb.pci, args=("66a1",)) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
"""
    for _ in range(10):
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_every_exit_code_has_a_place_in_the_order() -> None:
    assert set(PRECEDENCE) == set(Exit)
    assert [int(code) for code in PRECEDENCE] == [70, 130, 2, 6, 7, 8, 9, 1, 3, 4, 0]
    assert worst([Exit.OK, Exit.INCONCLUSIVE, Exit.BLOCKED]) is Exit.BLOCKED
    assert worst([]) is Exit.OK
