"""What Whisper hears of a sound: logarithms of energies in mel bands, as openai-whisper's audio.py computes them."""

from __future__ import annotations

from typing import Any

from .sound import RATE
from .whisper import WINDOW_S

_WIDTH, _HOP = 400, 160
#: Slaney's scale: straight up to 1000 Hz, and then 27 steps to 6.4 times that.
_STRAIGHT_HZ, _HZ_A_MEL, _STEPS, _TIMES = 1000.0, 200 / 3, 27, 6.4


def log_mel(numpy: Any, samples: Any, bins: int) -> Any:
    """A window's worth of them, [bins, 3000]; what is missing of it is silence."""
    sound = numpy.zeros(WINDOW_S * RATE, numpy.float64)
    sound[: len(samples)] = samples[: len(sound)]
    padded = numpy.pad(sound, _WIDTH // 2, mode="reflect")
    frames = numpy.lib.stride_tricks.as_strided(
        padded, (len(sound) // _HOP, _WIDTH), (padded.strides[0] * _HOP, padded.strides[0]), writeable=False
    )
    window = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(_WIDTH) / _WIDTH)
    power = numpy.abs(numpy.fft.rfft(frames * window, axis=1)) ** 2
    logs = numpy.log10(numpy.maximum(filters(numpy, bins) @ power.T, 1e-10))
    return ((numpy.maximum(logs, logs.max() - 8) + 4) / 4).astype(numpy.float32)


def filters(numpy: Any, bins: int) -> Any:
    """A triangle over the frequencies for each band, all of one area: [bins, 201]."""
    straight = _STRAIGHT_HZ / _HZ_A_MEL
    mels = numpy.linspace(0, straight + _STEPS * numpy.log(RATE / 2 / _STRAIGHT_HZ) / numpy.log(_TIMES), bins + 2)
    edges = numpy.where(mels < straight, mels * _HZ_A_MEL, _STRAIGHT_HZ * _TIMES ** ((mels - straight) / _STEPS))
    hertz = numpy.linspace(0, RATE / 2, _WIDTH // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = numpy.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle))
    return numpy.maximum(triangles, 0) * 2 / (high - low)
