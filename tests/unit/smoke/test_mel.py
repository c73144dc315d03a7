"""What Whisper hears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.smoke.inside.mel import filters, log_mel


@pytest.mark.parametrize("bins", [80, 128])
def test_every_band_is_a_triangle_of_one_area(bins: int) -> None:
    found = filters(np, bins)
    assert found.shape == (bins, 201) and (found >= 0).all() and (found.max(axis=1) > 0).all()
    tops = found.argmax(axis=1) * 40.0
    assert (np.diff(tops) >= 0).all() and tops[-1] < 8000
    wide = found[bins - 10 :]  # of many frequencies, so that their sum is nearly the area
    assert wide.sum(axis=1) * 40 == pytest.approx(np.ones(10), abs=0.05)


def test_the_first_band_is_librosas() -> None:
    """From 0 to 74.5 Hz, so that of all frequencies only 40 Hz is in it: librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)[0]."""
    assert filters(np, 80)[0] == pytest.approx(np.array([0, 0.02486259, *[0] * 199]), abs=1e-7)


@settings(max_examples=16)
@given(st.floats(0.01, 0.5), st.sampled_from([440, 1000, 3000, 7000]))
def test_a_tone_is_heard_in_its_band(loud: float, hertz: int) -> None:
    tone = (loud * np.sin(2 * np.pi * hertz * np.arange(16000) / 16000)).astype(np.float32)
    found = log_mel(np, tone, 80)
    assert found.shape == (80, 3000) and found.dtype == np.float32
    tops = filters(np, 80).argmax(axis=1) * 40
    assert abs(tops[found[:, 50].argmax()] - hertz) <= max(40, 0.06 * hertz)
    assert found.max() - found.min() < 2.001  # eight tenfolds, and no more
    assert found[:, 200:].max() == found.min()  # silence behind it


def test_ten_times_as_loud_is_half_more() -> None:
    sound = np.random.default_rng(1).standard_normal(16000 * 30).astype(np.float32) * 0.01
    assert np.abs(log_mel(np, sound * 10, 80) - log_mel(np, sound, 80) - 0.5).max() < 1e-4


def test_silence_and_what_is_too_long() -> None:
    assert (log_mel(np, np.zeros(0, np.float32), 80) == -1.5).all()
    long = np.random.default_rng(2).standard_normal(16000 * 40).astype(np.float32)
    assert (log_mel(np, long, 80) == log_mel(np, long[: 16000 * 30], 80)).all()
