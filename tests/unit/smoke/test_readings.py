"""Readings of texts: the step in the worker, and what is made of its answer, with a stand-in for the package that reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.smoke.inside.reading_steps import parts
from rocmkit.smoke.readings import LONGEST, readings, told
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment, Trial
from tests.support.trials import Table

#: The interface of pyopenjtalk: its reader turns hiragana into katakana, and fails where the real one may.
STANDIN = """
import os
OPEN_JTALK_DICT_DIR = os.environ["STANDIN_DICTIONARY"].encode()

def g2p(text, kana=False, join=True):
    if len(text) > 200:
        raise RuntimeError("Input text is too long after normalization")
    if "!" in text:
        raise ValueError("bad")
    if "\\x01" in text:
        os.abort()
    print("noise on standard output")
    return "".join(chr(ord(sign) + 0x60) if "ぁ" <= sign <= "ゖ" else sign for sign in text)
"""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An interpreter that has the package; the one of the tests has none."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/pyopenjtalk.py").write_text(STANDIN, encoding="utf-8")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/site exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("STANDIN_DICTIONARY", str(tmp_path))
    return str(python)


def test_the_first_interpreter_that_can_reads(reader: str) -> None:
    asked: list[Experiment] = []

    def run(experiment: Experiment) -> Trial:
        asked.append(experiment)
        return runner()(experiment)

    text = "これは。てすと\nです！" + "ん" * 500
    found = readings(
        [text, "おわり", "おわり", "", "。", "だめ!", "x" * (LONGEST + 1)], run, [sys.executable, reader, sys.executable, reader]
    )
    assert found == {text: "コレハ。テスト\nデス！" + "ン" * 500, "おわり": "オワリ"}
    assert [one.argv[0] for one in asked] == [sys.executable, reader]
    assert readings(["", "。"], run, [reader]) == {} and len(asked) == 2  # nothing to read: nobody is asked


def test_nobody_can_read(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert readings(["おわり"], runner(), [sys.executable]) == {}
    assert readings(["おわり"], runner(), []) == {}
    assert readings(["おわり", "\x01あ"], runner(), [reader]) == {}  # it dies
    monkeypatch.setenv("STANDIN_DICTIONARY", "/nowhere/dictionary")  # it would be downloaded
    assert readings(["おわり"], runner(), [reader]) == {}


def test_an_interpreter_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        readings(["おわり"], runner(), [str(tmp_path / "python")])


def test_a_long_talk_is_read_whole(reader: str) -> None:
    text = "あ" * LONGEST
    assert readings([text], runner(), [reader]) == {text: "ア" * LONGEST}


@given(st.text("あ。\n！い ", max_size=600))
def test_parts_are_all_of_it(text: str) -> None:
    found = parts(text)
    assert all(0 < len(part) <= 200 for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


JSON = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("01x"), inner)
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["0", "1", "2", "x"]), JSON))
def test_any_answer(measured: dict[str, object]) -> None:
    trial = Trial(name="readings", outcome="pass", measured=(measured,))
    found = told(trial, ["あ", "い"])
    assert set(found) <= {"あ", "い"} and all(isinstance(kana, str) for kana in found.values())
    assert readings(["あ", "い"], Table({"readings": {"outcome": "pass", "measured": (measured,)}}), [os.devnull]) == found


def test_what_a_worker_told_that_died_is_not_believed() -> None:
    assert told(Trial(name="readings", outcome="crash", measured=({"0": ["ア"]},)), ["あ"]) == {}
    assert told(Trial(name="readings", outcome="pass"), ["あ"]) == {}
