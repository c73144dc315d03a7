"""What runs in the user's Python, by itself: reading, resampling, cutting, padding, searching."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.kb.providers import NAMES
from rocmkit.smoke.inside.greedy import WrongNumbers, search
from rocmkit.smoke.inside.sessions import CPU, ON_GPU, NoProvider, choose, open_on
from rocmkit.smoke.inside.sound import NoSound, read, resampled, wave
from rocmkit.smoke.inside.torch_model import TorchBackend
from rocmkit.smoke.inside.transducer import BUCKETS
from rocmkit.smoke.inside.windows import bucket, cuts
from rocmkit.smoke.transcribe import INSIDE
from rocmkit.trial.inside import onnx_steps
from tests.support.transcribing import raw_wav, wav
from tests.support.worker import ask

KINDS = ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64))


def written(values: Sequence[float], kind: int, bits: int) -> bytes:
    if kind == 3:
        return struct.pack(f"<{len(values)}{'f' if bits == 32 else 'd'}", *values)
    most = (1 << (bits - 1)) - 1
    if bits == 8:
        return bytes(128 + round(value * most) for value in values)
    return b"".join(round(value * most).to_bytes(bits // 8, "little", signed=True) for value in values)


@pytest.mark.parametrize(("kind", "bits"), KINDS)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_every_kind_of_samples(tmp_path: Path, kind: int, bits: int, channels: int) -> None:
    values = [0.0, 0.5, -0.5, 0.99, -0.99]
    data = written([value for value in values for _ in range(channels)], kind, bits)
    samples, rate = read(np, str(raw_wav(tmp_path / "a.wav", data, kind=kind, bits=bits, channels=channels, rate=22050)))
    assert (rate, samples.dtype) == (22050, np.float32)
    assert np.abs(samples - np.array(values)).max() < 2 / (1 << min(bits, 20)) * 2


def test_channels_are_mixed(tmp_path: Path) -> None:
    data = struct.pack("<4h", 16384, -16384, 16384, 0)
    samples, _ = read(np, str(raw_wav(tmp_path / "a.wav", data, kind=1, bits=16, channels=2, rate=16000)))
    assert samples.tolist() == [0.0, 0.25]


@given(st.binary(max_size=120), st.sampled_from([b"", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00"]))
def test_any_header_is_read_or_refused(data: bytes, before: bytes) -> None:
    try:
        found = wave(io.BytesIO(before + data))
    except NoSound:
        return
    if found is not None:
        assert found.begin + found.size <= len(before + data)
        assert found.size % (found.bits // 8 * found.channels) == 0
        assert 1000 <= found.rate <= 768_000


def test_a_header_of_nothing_but_chunks_ends() -> None:
    with pytest.raises(NoSound, match="cut off"):
        wave(io.BytesIO(b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 100_000))


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    data = struct.pack("<2f", 0.5, float("nan"))
    with pytest.raises(NoSound, match="no numbers"):
        read(np, str(raw_wav(tmp_path / "a.wav", data, kind=3, bits=32, channels=1, rate=16000)))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000, 15999])
def test_a_tone_stays_what_it_is(rate: int) -> None:
    """Its pitch, loudness and place, at any rate."""
    seconds = 0.4
    tone = np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate).astype(np.float32)
    found = resampled(np, tone, rate)
    assert abs(len(found) - 16000 * seconds) <= 2
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 16000)
    assert np.abs(found - wanted)[200:-200].max() < 0.01


def test_what_16_khz_cannot_hold_is_gone() -> None:
    tone = np.sin(2 * np.pi * 11000 * np.arange(48000) / 48000).astype(np.float32)
    assert np.abs(resampled(np, tone, 48000)[200:-200]).max() < 0.02


@pytest.mark.parametrize("many", [0, 1, 2, 7])
def test_next_to_nothing_is_resampled(many: int) -> None:
    for rate in (8000, 44100):
        found = resampled(np, np.ones(many, np.float32), rate)
        assert np.isfinite(found).all() and len(found) == -(-many * 16000 // rate)


@settings(max_examples=30)
@given(st.integers(0, 20_000), st.integers(0, 2**32 - 1))
def test_pieces_are_all_of_it_in_order(many: int, seed: int) -> None:
    rate = 100
    samples = np.random.default_rng(seed).standard_normal(many).astype(np.float32)
    found = cuts(np, samples, rate, whole_s=60, piece_s=30)
    assert found[0][0] == 0 and found[-1][1] == many
    assert all(one[1] == other[0] for one, other in pairwise(found))
    if many <= 60 * rate:
        assert len(found) == 1
    else:
        assert all(25 * rate <= end - begin <= 35 * rate for begin, end in found[:-1])
        assert 0 < found[-1][1] - found[-1][0] <= 35 * rate


def test_it_is_cut_where_it_is_quiet() -> None:
    samples = np.ones(100 * 100, np.float32)
    samples[2800:2850] = 0
    ((_, cut), *_) = cuts(np, samples, 100, whole_s=60, piece_s=30)
    assert 2810 <= cut <= 2840


def test_lengths_to_pad_to() -> None:
    assert [bucket(frames, BUCKETS) for frames in (1, 423, 424, 6407, 6408)] == [423, 423, 807, 6407, 6408]
    assert bucket(5, ()) == 5
    assert list(BUCKETS) == sorted(BUCKETS)
    # No downsampling has to make up for a length that does not divide; the longest piece, and the longest sound in one go, find one.
    assert all((length - 7) // 2 % 16 == 0 and (length - 7) % 2 == 0 for length in BUCKETS)
    assert bucket(round((35 + 1.8) * 100), BUCKETS) == 3815 and bucket(round((60 + 1.8) * 100), BUCKETS) == 6407


def plain(encoded: Any, decode: Any, join: Any, context: int, unknown: int | None) -> list[tuple[int, int]]:
    """One frame after the other: what the search has to come to."""
    before, found = [-1] * (context - 1) + [0], []
    for frame, one in enumerate(encoded):
        best = int(join(one[None], decode(before))[0].argmax())
        if best not in {0, unknown}:
            found.append((best, frame))
            before = [*before, best][-context:]
    return found


@settings(max_examples=50)
@given(st.integers(0, 60), st.integers(1, 3), st.integers(1, 20), st.sampled_from([None, 2]), st.integers(0, 2**32 - 1))
def test_blocks_find_what_frames_find(frames: int, context: int, block: int, unknown: int | None, seed: int) -> None:
    random = np.random.default_rng(seed)
    encoded = random.standard_normal((frames, 6)).astype(np.float32)
    embedding, weights = random.standard_normal((context, 6, 6)), random.standard_normal((6, 5)) + np.array([1, 0, 0, 0, 0])
    asked: list[Sequence[int]] = []
    shapes: set[tuple[int, ...]] = set()

    def decode(before: Sequence[int]) -> Any:
        asked.append(list(before))
        return sum(embedding[at, number] * (number >= 0) for at, number in enumerate(before))[None]

    def join(one: Any, predicted: Any) -> Any:
        shapes.add(one.shape)
        return np.tanh(one + predicted) @ weights

    found = search(np, encoded, decode, join, context=context, unknown=unknown, block=block)
    assert len(shapes) <= 1  # a provider compiles once
    assert len(asked) == len(found) + 1 and all(len(before) == context for before in asked)
    assert found == plain(encoded, decode, join, context, unknown)


def test_scores_that_are_no_numbers() -> None:
    with pytest.raises(WrongNumbers):
        search(np, np.ones((3, 2)), lambda _: np.ones((1, 2)), lambda one, _: one * np.nan, context=2, unknown=None)


class Offers:
    """An onnxruntime that offers providers, and makes sessions of those that it does not leave out."""

    def __init__(self, offered: Sequence[str], left_out: Sequence[str] = ()) -> None:
        self.offered, self.left_out = offered, left_out

    class SessionOptions:
        intra_op_num_threads = 0

    def get_available_providers(self) -> list[str]:
        return [*self.offered, CPU]

    def InferenceSession(self, path: str, options: object, *, providers: Sequence[Any]) -> Any:  # noqa: N802 - the library's name
        kept = [name for one in providers if (name := one if isinstance(one, str) else one[0]) not in self.left_out]

        class Session:
            falls_back = True

            def get_providers(self) -> list[str]:
                return kept

            def disable_fallback(self) -> None:
                self.falls_back = False

        return Session()


def test_the_worker_has_the_names_of_providers_that_all_have() -> None:
    assert {**{word: name for word, (name, _) in ON_GPU.items()}, "cpu": CPU} == NAMES
    assert {*onnx_steps.ON_GPU, onnx_steps.CPU} >= {*NAMES.values()}


def test_which_provider_is_taken() -> None:
    rocm, migraphx = "ROCMExecutionProvider", "MIGraphXExecutionProvider"
    assert choose(Offers([rocm, migraphx]), "auto", "joiner.onnx") == (rocm, [])
    found, left_out = choose(Offers([rocm, migraphx], [rocm]), "auto", "joiner.onnx")
    assert found == migraphx and "was left out of the session of joiner.onnx" in left_out[0]
    found, left_out = choose(Offers([]), "auto", "joiner.onnx")
    assert found == CPU and left_out == [f"this onnxruntime was built without {rocm} and {migraphx}; it has {CPU}"]
    assert choose(Offers([rocm]), "cpu", "joiner.onnx") == (CPU, [])
    assert choose(Offers([migraphx]), "gpu", "joiner.onnx") == (migraphx, [])
    for offers in (Offers([]), Offers([rocm], [rocm])):
        for asked in ("rocm", "gpu"):
            with pytest.raises(NoProvider, match=rocm):
                choose(offers, asked, "joiner.onnx")


@pytest.mark.parametrize("provider", [CPU, "ROCMExecutionProvider"])
def test_a_run_that_fails_on_the_gpu_is_not_done_again_on_the_processor(provider: str) -> None:
    """By itself `InferenceSession.run` of onnxruntime does that, and prints a line."""
    assert open_on(Offers([provider]), "joiner.onnx", provider).falls_back is False


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "speech.wav")
    for path in (tmp_path / "speech.wav", Path("/dev/zero"), tmp_path):
        with pytest.raises(NoSound, match="no file"):
            read(np, str(path))


def test_the_worker_knows_the_steps_of_a_folder(tmp_path: Path) -> None:
    """And imports nothing of them before they are asked for."""
    got = ask([{"do": "k2_transcribe", "file": str(wav(tmp_path / "a.wav", [], 16000))}], folders=(INSIDE,))
    assert got.last == {"done": 0, "measured": {"error": "KeyError: 'model'"}}
    assert ask([{"do": "k2_load"}]).last["error"] == "ValueError: there is no step 'k2_load'"


class Tensor(NamedTuple):
    """What is asked of PyTorch's."""

    dtype: str
    many: int
    bytes_each: int
    device: str = "cuda:0"

    def numel(self) -> int:
        return self.many

    def element_size(self) -> int:
        return self.bytes_each

    def is_floating_point(self) -> bool:
        return self.dtype.startswith("torch.float")


class Module(NamedTuple):
    tensors: tuple[Tensor, ...]
    masks: tuple[Tensor, ...] = ()
    trained: bool = True  # what a fresh module of PyTorch's is ready for

    def train(self, mode: bool) -> Module:
        return self._replace(trained=mode)

    def parameters(self) -> tuple[Tensor, ...]:
        return self.tensors

    def buffers(self) -> tuple[Tensor, ...]:
        return self.masks


class Held(TorchBackend):
    def __init__(self, module: Module) -> None:
        self.hold(None, module)


def test_a_model_computes_in_what_its_numbers_are_and_not_in_its_masks() -> None:
    """GPT-NeoX kept a mask of 2048 x 2048 for each layer (transformers 4.45)."""
    half, mask = Tensor("torch.float16", 1000, 2), Tensor("torch.bool", 2048 * 2048, 1)
    held = Held(Module((half,), (mask,)))
    assert (held.device, held.dtype, held.weights_bytes) == ("gpu", "float16", 2000 + 2048 * 2048)
    assert Held(Module((half, Tensor("torch.float32", 900, 4)))).dtype == "float32"
    assert Held(Module((half,), (mask._replace(device="cpu"),))).device == "cpu"
    assert held.module.trained is False


@pytest.mark.parametrize("module", [Module(()), Module((), (Tensor("torch.bool", 4, 1),))])
def test_a_model_without_weights_is_none(module: Module) -> None:
    with pytest.raises(ValueError, match="no weights"):
        Held(module)
