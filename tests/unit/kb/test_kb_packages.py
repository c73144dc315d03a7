from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.kb.versions import series


@pytest.mark.parametrize(
    ("torch", "codec"),
    [("2.9.1+rocm6.3", "0.9"), ("2.6.0", "0.2"), ("2.10.0+rocm7.1", "0.10"), ("2.13.0", "0.16"), ("2.4.1", None), ("nightly", None)],
)
def test_the_newest_torchcodec_for_a_torch(torch: str, codec: str | None) -> None:
    assert kb.torchcodec_for(torch) == codec
    assert codec is None or kb.torchcodec_fits(codec + ".0", torch)


def test_the_table_of_torchcodec_is_in_order() -> None:
    rows = [series(row.torchcodec) or () for row in kb.torchcodec().releases]
    assert rows == sorted(set(rows))


@pytest.mark.parametrize(
    ("version", "known"), [("1.24.2", False), ("1.24.4", True), ("1.25.0", True), ("1.25.1", False), ("1.27.0", False), ("?", False)]
)
def test_wheels_with_a_wrong_tag(version: str, known: bool) -> None:
    assert (kb.wrong_tag("onnxruntime-migraphx", version) is not None) is known
    assert kb.wrong_tag("onnxruntime", version) is None


def test_models_behind_a_form() -> None:
    old, new = kb.gated("pyannote-audio", "3.3.2"), kb.gated("pyannote-audio", "4.0.7")
    assert old is not None and "pyannote/segmentation-3.0" in old.models
    assert new is not None and new.models == ("pyannote/speaker-diarization-community-1",)
    assert kb.gated("pyannote-audio", "2.1") is None


@given(st.text(), st.text())
def test_any_text_is_a_question(name: str, version: str) -> None:
    assert kb.wrong_tag(name, version) is None
    assert kb.gated(name, version) is None
    assert kb.torchcodec_fits(name, version) in (None, False)
