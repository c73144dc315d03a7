"""What the model hears of a sound: 80 logarithms of energies each hundredth of a second, set as in sherpa-onnx (csrc/features.h)."""

from __future__ import annotations

from typing import Any

from .sound import RATE

BINS = 80
#: What stands where there is no sound: the logarithm of 1e-10, with which sherpa-onnx pads (csrc/offline-recognizer-transducer-impl.h).
NOTHING = -23.025850929940457


def features(knf: Any, numpy: Any, samples: Any) -> Any:
    """A row for each hundredth of a second. Samples lie between -1 and 1, and are not scaled."""
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.frame_opts.window_type = "povey"
    options.mel_opts.num_bins = BINS
    options.mel_opts.low_freq = 20.0
    options.mel_opts.high_freq = -400.0  # below half the rate
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(RATE, samples.tolist())
    computer.input_finished()
    rows = [computer.get_frame(number) for number in range(computer.num_frames_ready)]
    return numpy.stack(rows).astype(numpy.float32) if rows else numpy.zeros((0, BINS), numpy.float32)
