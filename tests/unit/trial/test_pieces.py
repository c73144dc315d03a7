"""Lists that are too long for one event come in several, and are whole again where they are heard."""

from __future__ import annotations

import importlib
import json
import os
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.trial.heard import MAX_ITEMS, Answers

worker: Any = importlib.import_module("rocmkit.trial.inside.worker")


def written(number: int, measured: dict[str, Any]) -> list[bytes]:
    """The lines of one answer, through a pipe."""
    reading, writing = os.pipe()
    got: list[bytes] = []
    with os.fdopen(reading, "rb") as answer:
        thread = threading.Thread(target=lambda: got.extend(answer))
        thread.start()
        try:
            worker.Answer(json.dumps({"fd": writing, "inode": os.fstat(writing).st_ino})).tell_done(number, measured)
        finally:
            os.close(writing)
            thread.join()
    return got


def heard(lines: list[bytes]) -> Answers:
    answers = Answers()
    for line in lines:
        answers.add(line)
    return answers


ROWS = [{"provider": "ROCMExecutionProvider", "op": f"Operator{at}", "nodes": at} for at in range(500)]


def test_a_long_list_arrives_whole() -> None:
    measured = {"first_s": 1.5, "rows": ROWS, "seconds": 0.5, "inputs": [{"name": "x"}]}
    lines = written(4, measured)
    assert len(lines) > 5
    assert all(len(line) <= 4096 for line in lines)
    assert heard(lines).done == {4: measured}


def test_a_short_one_is_one_event() -> None:
    assert written(0, {"rows": ROWS[:3]}) == [json.dumps({"done": 0, "measured": {"rows": ROWS[:3]}}).encode() + b"\n"]


@settings(max_examples=20)
@given(
    st.dictionaries(st.text(max_size=5), st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), max_size=60), max_size=3)
)
def test_any_lists_arrive_whole(measured: dict[str, list[str]]) -> None:
    lines = written(1, measured)
    assert all(len(line) <= 4096 for line in lines)
    assert heard(lines).done == {1: measured}


def test_the_lists_of_one_step_are_not_those_of_another() -> None:
    lines = [b'{"of": 1, "name": "rows", "items": [1]}\n', b'{"done": 0, "measured": {"seconds": 1}}\n', b'{"done": 1, "measured": {}}\n']
    assert heard(lines).done == {0: {"seconds": 1}, 1: {"rows": [1]}}


@pytest.mark.parametrize("items", [b"[1]", b"[]"])
def test_no_more_is_kept_than_there_may_be(items: bytes) -> None:
    answers = Answers()
    for at in range(MAX_ITEMS + 100):
        answers.add(b'{"of": %d, "name": "n", "items": %s}\n' % (at, items))
    answers.add(b'{"done": %d, "measured": {}}\n' % (MAX_ITEMS + 50))
    assert answers.done == {MAX_ITEMS + 50: {}}
