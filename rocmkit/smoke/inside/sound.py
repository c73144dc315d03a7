"""Sound as samples: WAV is read here, everything else by the ffmpeg that is on PATH."""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

#: What the model hears.
RATE = 16_000
#: Longer than this is not taken into memory at once.
MOST_S = 4 * 3600
_RATES = (1_000, 768_000)
_CHUNKS = 1000  # a header has ten
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
#: By format and bits: the type of a sample in numpy's words, and what makes it a number between -1 and 1.
_SAMPLES = {
    (_PCM, 8): ("u1", 1 / 128),
    (_PCM, 16): ("<i2", 1 / 32768),
    (_PCM, 24): ("u1", 1 / 2147483648),
    (_PCM, 32): ("<i4", 1 / 2147483648),
    (_FLOAT, 32): ("<f4", 1.0),
    (_FLOAT, 64): ("<f8", 1.0),
}
#: Half the width of the filter that resamples, in zero crossings, and where it ends: as sherpa-onnx has them (csrc/offline-stream.cc).
_CROSSINGS, _CUTOFF = 6, 0.99
#: What ffmpeg may take a file for: none of these names other files, as playlists do (ffmpeg-formats, format_whitelist).
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gsm,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,ogg,oma,rm,shn,tak,tta,"
    "voc,w64,wav,wv"
)


class NoSound(ValueError):
    """A file that no sound can be had from."""


class Wave(NamedTuple):
    """What the header of a WAV file says."""

    kind: int
    bits: int
    channels: int
    rate: int
    begin: int  # of the samples, in bytes
    size: int  # of the samples, in bytes


def read(numpy: Any, path: str) -> tuple[Any, int]:
    """The samples of one channel, and how many there are a second. Raises NoSound, OSError."""
    if not Path(path).is_file():
        raise NoSound("it is no file")  # a pipe may never say anything
    with Path(path).open("rb") as file:
        header = wave(file)
    if header is None:
        return _by_ffmpeg(numpy, path), RATE
    if header.size // (header.bits // 8 * header.channels) > MOST_S * header.rate:
        raise NoSound(f"it is longer than {MOST_S // 3600} hours: cut it")
    samples = _samples(numpy, path, header)
    if not numpy.isfinite(samples).all():
        raise NoSound("there are samples in it that are no numbers")
    return samples, header.rate


def wave(file: BinaryIO) -> Wave | None:
    """The header of a WAV file with plain samples; None: it is something else. Raises NoSound where it is a broken one."""
    begin = file.read(12)
    if begin[:4] != b"RIFF" or begin[8:12] != b"WAVE":
        return None
    end = file.seek(0, 2)
    place, told = 12, None
    for _ in range(_CHUNKS):
        if place + 8 > end:
            break
        file.seek(place)
        name, size = struct.unpack("<4sI", file.read(8))
        place += 8
        if name == b"fmt ":
            told = file.read(min(size, 40))
        elif name == b"data":
            # A program that writes into a pipe does not know the size: then it is all that follows.
            return _header(told, place, min(size, end - place) if size else end - place)
        place += size + size % 2
    raise NoSound("a WAV file without samples: it was cut off")


def _header(told: bytes | None, begin: int, size: int) -> Wave | None:
    if told is None or len(told) < 16:
        raise NoSound("a WAV file that does not say what its samples are")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", told[:16])
    if kind == _EXTENSIBLE and len(told) >= 26:
        (kind,) = struct.unpack("<H", told[24:26])
    if (kind, bits) not in _SAMPLES:
        return None
    if not channels or not _RATES[0] <= rate <= _RATES[1]:
        raise NoSound(f"a WAV file of {channels} channels at {rate} samples a second")
    return Wave(kind, bits, channels, rate, begin, size - size % (bits // 8 * channels))


def _samples(numpy: Any, path: str, header: Wave) -> Any:
    if not header.size:
        return numpy.zeros(0, numpy.float32)
    kind, scale = _SAMPLES[header.kind, header.bits]
    raw = numpy.memmap(path, dtype="u1", mode="r", offset=header.begin, shape=(header.size,))
    if header.bits == 24:  # as the upper bytes of 32
        wide = numpy.zeros((header.size // 3, 4), "u1")
        wide[:, 1:] = raw.reshape(-1, 3)
        found = wide.reshape(-1).view("<i4")
    else:
        found = raw.view(kind)
    found = found.reshape(-1, header.channels)
    mixed = found[:, 0].astype(numpy.float32) if header.channels == 1 else found.mean(axis=1, dtype=numpy.float32)
    return (mixed - numpy.float32(128 if header.bits == 8 else 0)) * numpy.float32(scale)


def _by_ffmpeg(numpy: Any, path: str) -> Any:
    program = shutil.which("ffmpeg")
    if program is None:
        raise NoSound("it is no plain WAV file, and no ffmpeg is on PATH to read it: install ffmpeg")
    told = ("-map", "0:a:0", "-t", str(MOST_S), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "pipe:1")
    # Whatever is in the file, neither the network is asked nor another file read.
    only = ("-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS)
    argv = (program, "-nostdin", "-v", "error", *only, "-i", f"file:{path}", *told)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if b"not on whitelist" in done.stderr:
        raise NoSound("ffmpeg takes it for what names other files, or for a rare kind of sound: make a WAV file of it")
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoSound(f"ffmpeg could not read it: {lines[-1] if lines else f'exit {done.returncode}'}")
    return numpy.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], "<f4").astype(numpy.float32)


def resampled(numpy: Any, samples: Any, rate: int, wanted: int = RATE) -> Any:
    """The same sound at another rate: a sinc filter below a Hann window, one set of weights for each place between two samples."""
    if rate == wanted or not len(samples):
        return samples
    common = math.gcd(rate, wanted)
    step, places = rate // common, wanted // common
    cutoff = _CUTOFF * 0.5 * min(rate, wanted)
    width = _CROSSINGS / (2 * cutoff)
    many = -(-len(samples) * wanted // rate)
    around = math.ceil(width * rate) + 1
    padded = numpy.pad(samples, (around, around + step))
    out = numpy.zeros(many, numpy.float32)
    for place in range(min(places, many)):
        at = place / wanted
        first, last = math.ceil((at - width) * rate), math.floor((at + width) * rate)
        off = numpy.arange(first, last + 1) / rate - at
        window = 0.5 * (1 + numpy.cos(2 * math.pi * cutoff / _CROSSINGS * off))
        weights = (2 * cutoff * numpy.sinc(2 * cutoff * off) * window / rate).astype(numpy.float32)
        rows = len(range(place, many, places))
        starts = padded[first + around :]
        taken = numpy.lib.stride_tricks.as_strided(
            starts, (rows, len(weights)), (starts.strides[0] * step, starts.strides[0]), writeable=False
        )
        out[place::places] = taken @ weights
    return out
