"""What the systems that drive Whisper have in common, and the size of CTranslate2's weights, without any of these systems."""

from __future__ import annotations

import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.smoke.inside.backends.faster_whisper import _weights
from rocmkit.smoke.inside.whisper import Found, Languages, Window, told

#: By the name of a type: CTranslate2's number of it, and the bytes of one.
TYPES = {"float32": (0, 4), "int8": (1, 1), "int16": (2, 2), "float16": (4, 2), "bfloat16": (5, 2)}


def model(kind: str, rows: int = 512) -> bytes:
    """The beginning of a model: a number, then a matrix of `rows` times 64, then nothing more."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    number, size = TYPES[kind]
    scalar = text("decoder/alibi") + struct.pack("<BBI", 0, 1, 1) + b"\0"
    vector = text("decoder/layer_norm/beta") + struct.pack("<BIBI", 1, 2, 0, 8) + bytes(8)
    matrix = text("embeddings/weight") + struct.pack("<BIIBI", 2, rows, 64, number, rows * 64 * size) + bytes(rows * 64 * size)
    return struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 3) + scalar + vector + matrix


@pytest.mark.parametrize("stored", TYPES)
@pytest.mark.parametrize("computed", ["float32", "float16", "int8", "int8_float16", "int8_bfloat16", "int16"])
def test_the_weights_have_the_size_that_they_are_computed_in(tmp_path: Path, stored: str, computed: str) -> None:
    (tmp_path / "model.bin").write_bytes(model(stored))
    found = _weights(tmp_path / "model.bin", computed)
    assert found == pytest.approx(512 * 64 * TYPES[computed.partition("_")[0]][1], rel=0.01)


def test_what_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    assert _weights(file, "float32") is None
    file.write_bytes(model("float32")[:30])
    assert _weights(file, "float32") is None
    file.write_bytes(model("float32"))
    assert _weights(file, "a type of tomorrow") is None


@given(st.binary(max_size=300), st.integers(0, 120))
def test_any_file_is_read_to_an_end(data: bytes, keep: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.bin"
        file.write_bytes(model("float16", 1)[:keep] + data)
        found = _weights(file, "float16")
        assert found is None or 0 <= found <= 4 * file.stat().st_size


def test_the_windows_of_a_sound_are_told_together() -> None:
    windows = [Window(-0.2, 30, 0.01, False), Window(-0.6, 10, 0.9, False)]
    text = told(" これは テスト ", windows, timed=True, found=Found("ja", 0.99))
    assert (text.text, text.timestamps, text.language, text.language_p) == ("これは テスト", "segment", "ja", 0.99)
    assert text.logprob == pytest.approx(-0.3)  # by the tokens
    assert text.no_speech == 0.01  # in one of them there is speech
    assert (text.spent, text.finite) == (False, True)
    assert told("", [*windows, Window(-0.1, 225, 0.02, True)], timed=False, found=None).spent


def test_a_number_that_is_none_is_told() -> None:
    good = Window(-0.2, 30, 0.01, False)
    assert not told("！！！", [good, Window(math.nan, 30, 0.01, False)], timed=False, found=None).finite
    assert not told("！！！", [good], timed=False, found=Found("ja", math.nan)).finite
    assert not told("！！！", [Window(-0.2, 3, math.inf, False)], timed=False, found=None).finite


def test_nothing_was_heard() -> None:
    text = told("", [], timed=False, found=None)
    assert (text.text, text.logprob, text.no_speech, text.language, text.finite) == ("", None, None, None, True)


def test_the_language_of_a_sound_is_looked_for_once() -> None:
    asked: list[int] = []

    def detect(samples: np.ndarray[Any, Any]) -> Found:
        asked.append(len(samples))
        return Found("ja", float(samples.max()))

    languages = Languages(detect)
    first, other = np.full(16_000, 0.5, np.float32), np.full(16_000 * 40, 0.25, np.float32)
    assert [languages.of(sound) for sound in (first, other, first.copy())] == [Found("ja", 0.5), Found("ja", 0.25), Found("ja", 0.5)]
    assert asked == [16_000, 30 * 16_000]  # no more than the encoder takes


def test_a_model_without_languages_is_asked_once_too() -> None:
    asked: list[int] = []
    languages = Languages(lambda samples: asked.append(len(samples)))
    assert [languages.of(np.zeros(10, np.float32)) for _ in range(2)] == [None, None]
    assert asked == [10]
