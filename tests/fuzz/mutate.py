"""Changes that parsers of binary files trip over."""

from __future__ import annotations

import random
from collections.abc import Sequence

MAX_BYTES = 4 << 20
_NUMBERS = (
    0,
    1,
    2,
    4,
    7,
    8,
    16,
    64,
    127,
    128,
    255,
    256,
    4096,
    65_535,
    65_536,
    1 << 24,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    1 << 63,
    (1 << 64) - 1,
)


def changed(made: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """`data` with one to a few changes; pieces of `others` may get into it."""
    result = bytearray(data)
    for _ in range(made.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        made.choice((_number, _number, _number, _bits, _cut, _remove, _repeat, _insert, _splice))(made, result, others)
    return bytes(result[:MAX_BYTES])


def _place(made: random.Random, data: bytearray) -> int:
    """Headers stand at both ends, so most changes go there."""
    size = len(data)
    if not size:
        return 0
    near = min(size, made.choice((64, 512, 4096)))
    return made.choice((made.randrange(near), size - 1 - made.randrange(near), made.randrange(size)))


def _number(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    width = made.choice((1, 2, 4, 8))
    at = _place(made, data)
    at -= at % made.choice((1, width))
    value = made.choice((made.choice(_NUMBERS), made.getrandbits(64), len(data) + made.randint(-9, 9), at))
    if made.random() < 0.3:
        value = int.from_bytes(data[at : at + width], "little") + made.choice((-1, 1, 8, 256))
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, made.choice(("little", "big")))


def _bits(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[_place(made, data)] ^= 1 << made.randrange(8)


def _cut(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(made, data) :]


def _remove(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(made, data)
    del data[at : at + made.choice((1, 2, 8, 64, 4096))]


def _repeat(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(made, data)
    piece = data[at : at + made.choice((1, 8, 64, 512))]
    data[at:at] = piece * made.choice((1, 2, 100, 1000))


def _insert(made: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(made, data)
    data[at:at] = made.choice((made.randbytes(made.choice((1, 4, 60))), bytes(made.choice((1, 64, 5000)))))


def _splice(made: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = made.choice(others)
    start = _place(made, bytearray(other))
    piece = other[start : start + made.choice((8, 64, 1024, 1 << 16))]
    at = _place(made, data)
    data[at : at + made.choice((0, len(piece)))] = piece
