"""A zipformer transducer of k2, as three models in ONNX: loaded, and asked for the tokens of a sound."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from .features import BINS, NOTHING, features
from .greedy import WrongNumbers, search
from .k2_files import PARTS
from .sessions import CPU, choose, open_on, typed
from .sound import RATE
from .windows import bucket, cuts

#: Silence before and behind, as reazonspeech.k2.asr adds it: the model was trained with it.
PAD_S = 0.9
#: From one frame of the encoder's to the next.
FRAME_MS = 40
#: What the encoder is padded to, in frames of a hundredth of a second: from 4 to 64 seconds, each about half as long again. All are
#: 32 n + 7: the first convolutions lose 7 frames and halve the rest, and 16 n divides by all that a zipformer downsamples by.
BUCKETS = (423, 807, 1415, 2215, 3815, 6407)
#: What lasts longer than `WHOLE_S` is cut about every `PIECE_S`: attention takes memory with the square of the length.
WHOLE_S, PIECE_S = 60.0, 30.0
#: The last frames lie in the silence that was added, and are the only ones that see how far it was padded behind that: a convolution looks
#: three frames ahead of them, and where a length does not divide, the last frame is repeated. Where it was padded they are not searched.
EDGE = 3
_KINDS = ("zipformer2", "zipformer", "conformer")  # what sherpa-onnx takes for a transducer


class BadModel(ValueError):
    """Files that are not the model that they should be."""


class Int8OnGpu(ValueError):
    """A quantized encoder, which ONNX Runtime computes on the processor whatever provider is asked for."""


class Piece(NamedTuple):
    """What was made of a part of a sound."""

    begin: int  # its first sample
    end: int
    frames: int
    length: int  # to which they were padded
    tokens: list[tuple[int, int]]  # with the frame of each


class Transducer:
    """Encoder, decoder and joiner."""

    def __init__(
        self,
        modules: Mapping[str, Any],
        parts: Mapping[str, Mapping[str, str]],
        *,
        asked: str,
        forced: bool = False,
        on_provider: bool = False,
        make: Callable[..., Any] = open_on,
    ) -> None:
        """`asked`: of `sessions.choose`. `forced`: the encoder's precision was. `on_provider`: the search's models go there too.

        `make` makes the sessions, as `open_on` does. Raises NoProvider, Int8OnGpu, BadModel and what ONNX Runtime raises.
        """
        self.numpy, self._knf, ort = (modules[name] for name in ("numpy", "kaldi_native_fbank", "onnxruntime"))
        paths = {part: parts[part]["path"] for part in PARTS}
        self.provider, self.left_out = choose(ort, asked, paths["joiner"])
        if self.provider != CPU and parts["encoder"]["precision"] == "int8" and not forced:
            raise Int8OnGpu(
                f"{Path(paths['encoder']).name} is quantized: {self.provider} has no kernel for its MatMulInteger with unsigned numbers, "
                "so that the processor would compute most of it"
            )
        searching = self.provider if on_provider else CPU
        self.sessions = {"encoder": opened(make, ort, paths["encoder"], self.provider)}
        self.sessions.update({part: opened(make, ort, paths[part], searching, threads=1) for part in ("decoder", "joiner")})
        metadata = {part: session.get_modelmeta().custom_metadata_map for part, session in self.sessions.items()}
        self.vocabulary, self._context = (_number(metadata["decoder"], name) for name in ("vocab_size", "context_size"))
        self.notes = _shaped(self.sessions, metadata["encoder"])
        length = self.sessions["encoder"].get_inputs()[0].shape[1]
        self._length = length if isinstance(length, int) else None  # it may have been fixed, as MIGraphX likes it

    def pieces(
        self,
        samples: Any,
        took: dict[str, float],
        *,
        unknown: int | None,
        table: Sequence[int] = BUCKETS,
        whole_s: float = WHOLE_S,
        piece_s: float = PIECE_S,
    ) -> Iterator[Piece]:
        """What the sound is cut into, transcribed. The seconds of features, encoder and search are added to `took`."""
        if self._length:
            table, whole_s = [self._length], min(whole_s, _sound_s(self._length))
        for begin, end in cuts(self.numpy, samples, RATE, whole_s=whole_s, piece_s=min(piece_s, whole_s * 6 / 7)):
            yield self._piece(samples, begin, end, unknown, table, took)

    def encode(self, samples: Any, table: Sequence[int] = BUCKETS) -> Any:
        """The encoder's output for a sound that is not cut."""
        return self._encoded(self._rows(samples), [self._length] if self._length else table)[0]

    def _piece(self, samples: Any, begin: int, end: int, unknown: int | None, table: Sequence[int], took: dict[str, float]) -> Piece:
        times = [time.perf_counter()]
        rows = self._rows(samples[begin:end])
        times.append(time.perf_counter())
        encoded, length = self._encoded(rows, table)
        if not self.numpy.isfinite(encoded).all():
            raise WrongNumbers("the encoder gave NaN or infinity")
        times.append(time.perf_counter())
        tokens = search(self.numpy, encoded, self._decode, self._join, context=self._context, unknown=unknown)
        times.append(time.perf_counter())
        for name, one, other in zip(("features", "encoder", "search"), times, times[1:]):
            took[name] = took.get(name, 0.0) + other - one
        return Piece(begin, end, len(rows), length, tokens)

    def _rows(self, samples: Any) -> Any:
        pad = self.numpy.zeros(round(PAD_S * RATE), self.numpy.float32)
        return features(self._knf, self.numpy, self.numpy.concatenate([pad, samples, pad]))

    def _encoded(self, rows: Any, table: Sequence[int]) -> tuple[Any, int]:
        """The frames that are searched, and to how many the rows were padded."""
        length = bucket(len(rows), table)
        padded = self.numpy.full((1, length, BINS), NOTHING, self.numpy.float32)
        padded[0, : len(rows)] = rows
        encoder = self.sessions["encoder"]
        encoded, lengths = encoder.run(None, typed(self.numpy, encoder, {0: padded, 1: [len(rows)]}))
        many = int(lengths[0])
        if not 0 < many <= encoded.shape[1]:
            raise WrongNumbers(f"the encoder says that it made {many} frames out of {len(rows)}, and gave {encoded.shape[1]}")
        return encoded[0, : max(many - EDGE, 0) if length > len(rows) else many].astype(self.numpy.float32), length

    def _decode(self, before: Any) -> Any:
        decoder = self.sessions["decoder"]
        (given,) = decoder.run(None, typed(self.numpy, decoder, {0: [before]}))
        return given.reshape(1, -1)

    def _join(self, encoded: Any, predicted: Any) -> Any:
        joiner = self.sessions["joiner"]
        (given,) = joiner.run(None, typed(self.numpy, joiner, {0: encoded, 1: predicted}))
        return given.reshape(len(encoded), -1)


def timed(piece: Piece) -> Iterator[tuple[int, int]]:
    """Its tokens with the milliseconds from the sound's beginning."""
    offset = round(piece.begin * 1000 / RATE) - round(PAD_S * 1000)
    return ((token, max(offset + frame * FRAME_MS, 0)) for token, frame in piece.tokens)


def bytes_of(path: Path) -> int:
    """Of a model's file, and of those beside it that hold its weights: their names begin with its own."""
    return sum(one.stat().st_size for one in path.parent.iterdir() if one.name.startswith(path.name))


def opened(make: Callable[..., Any], ort: Any, path: str, provider: str, **more: Any) -> Any:
    """A session by `make`. Raises BadModel where the file is none of ONNX."""
    try:
        return make(ort, path, provider, **more)
    except Exception as error:
        # ONNX Runtime's own kinds of errors have no common base but this.
        if "INVALID_PROTOBUF" in str(error) or "parsing failed" in str(error):
            why = "its download may have been cut off, or it is Git LFS's stand-in for it"
            raise BadModel(f"{Path(path).name} is no whole ONNX file: {why}") from error
        raise


def _number(told: Mapping[str, str], name: str) -> int:
    try:
        number = int(told[name])
    except KeyError:
        raise BadModel(f"the decoder's metadata lacks {name}: a tool that rewrote the file dropped it, or it is no decoder") from None
    except ValueError:
        raise BadModel(f"the decoder's metadata says {name}={told[name]!r}, which is no number") from None
    if not 0 < number < 1 << 20:
        raise BadModel(f"the decoder's metadata says {name}={number}")
    return number


def _shaped(sessions: Mapping[str, Any], told: Mapping[str, str]) -> list[str]:
    """What is odd about the model. Raises BadModel where it takes or gives something else than a transducer's parts do."""
    for part, takes, gives in (("encoder", 2, 2), ("decoder", 1, 1), ("joiner", 2, 1)):
        has = len(sessions[part].get_inputs()), len(sessions[part].get_outputs())
        if has != (takes, gives):
            why = ": a model that streams is another one" if part == "encoder" and has[0] > takes else ""
            raise BadModel(f"the {part} has {has[0]} inputs and {has[1]} outputs, not {takes} and {gives}{why}")
    shape = sessions["encoder"].get_inputs()[0].shape
    if len(shape) != 3 or (isinstance(shape[2], int) and shape[2] != BINS):
        raise BadModel(f"the encoder takes sound of the shape {shape}, not of {BINS} numbers a frame")
    if isinstance(shape[1], int) and _sound_s(shape[1]) < 1:
        raise BadModel(f"the encoder takes {shape[1]} frames and no other number: that is less than a second, with the silence around it")
    kind = told.get("model_type")
    if kind in _KINDS:
        return []
    return [
        f"the encoder's metadata says model_type={kind}" if kind else "the encoder's metadata lacks model_type, and sherpa-onnx wants it"
    ]


def _sound_s(length: int) -> float:
    """How long a sound may be for so many frames, with the silence that is added."""
    return length / 100 - 2 * PAD_S
