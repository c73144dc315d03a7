"""Readings by the real pyopenjtalk-plus, with its dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit.smoke.cer import reading
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.readings import readings
from rocmkit.trial.run import runner
from tests.support.heard import KINDS
from tests.support.registry import Environment

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    env = Environment(tmp_path_factory.mktemp("reader") / "env")
    env.install_all("pyopenjtalk-plus")
    return env.python


def test_what_the_clips_say_and_what_models_wrote(python: Path) -> None:
    """The manifest's kana, and those beside the texts that the tests of the error rate rest on, are what it reads."""
    clips = shipped()
    said = [one for kind in KINDS.values() for one in kind]
    found = readings([*(clip.text or "" for clip in clips), *(one.text for one in said)], runner(), [str(python)])
    assert [reading(found[clip.text or ""]) for clip in clips] == [reading(clip.kana or "") for clip in clips]
    assert {one.text: reading(found[one.text]) for one in said} == {one.text: reading(one.kana) for one in said}


def test_an_hour_of_speech(python: Path) -> None:
    text = "".join(clip.text or "" for clip in shipped()) * 100
    (found,) = readings([text], runner(), [str(python)]).values()
    assert reading(found) == "".join(reading(clip.kana or "") for clip in shipped()) * 100
