"""Counters of ninja and make, and when they will be at their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.build.watching import Pace


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[12/150] Building CXX object a.o\n", (12, 150)),
        (b"[1/3] x\nnoise\n[2/3] y\n", (2, 3)),
        (b"[ 12%] Building CXX object\n", (12, 100)),
        (b"[100%] Built target\n", (100, 100)),
        (b"  [1/2] indented\n", (None, None)),
        (b"text [1/2]\n", (None, None)),
        (b"[1/2", (None, None)),
        (b"[9/3] odd\n", (None, None)),
        (b"[0/0] odd\n", (None, None)),
        (b"[55/150] a\n[1/10] a build inside\n[10/10] the build inside\n", (55, 150)),
        (b"[1/1] Re-running CMake\n[3/200] a\n", (3, 200)),
        (b"[200/200] a\n[1/10] another one\n", (1, 10)),
        (b"\xff\xfe[1/2]\n[2/2] \xff\n", (2, 2)),
    ],
)
def test_counters(text: bytes, expected: tuple[int | None, int | None]) -> None:
    pace = Pace()
    pace.read(text, 1.0)
    assert (pace.done, pace.total) == expected


@given(st.lists(st.integers(1, 40), max_size=40))
def test_a_counter_may_come_in_pieces(cuts: list[int]) -> None:
    text = b"".join(b"[%d/300] Building CXX object %s.o\n" % (number, b"x" * number) for number in range(1, 21))
    pace, at = Pace(), 0
    for cut in cuts:
        pace.read(text[at : at + cut], 1.0)
        at += cut
    pace.read(text[at:], 2.0)
    assert (pace.done, pace.total) == (20, 300)


def test_a_line_without_end_takes_no_memory() -> None:
    pace = Pace()
    for _ in range(100):
        pace.read(b"[1/2]" * 10_000, 1.0)
    assert len(pace._rest) < 300
    pace.read(b"\n[1/2] x\n", 1.0)
    assert pace.done == 1


@given(st.lists(st.binary(max_size=60)))
def test_any_bytes(pieces: list[bytes]) -> None:
    pace = Pace()
    for number, piece in enumerate(pieces):
        pace.read(piece, float(number))
        assert pace.left(float(number)) is None or pace.left(float(number)) >= 0  # type: ignore[operator]


def test_a_steady_pace() -> None:
    pace = Pace()
    assert pace.left(0.0) is None
    for number in range(1, 61):
        pace.count(number, 120, number * 10.0)
    assert pace.left(600.0) == pytest.approx(600, rel=0.05)


def test_units_out_of_a_compiler_cache_say_nothing_of_the_rest() -> None:
    pace = Pace()
    for number in range(1, 101):
        pace.count(number, 200, number * 0.05)  # five seconds
    for number in range(1, 21):
        pace.count(100 + number, 200, 5 + number * 20.0)
    left = pace.left(405.0)
    assert left is not None and left == pytest.approx(80 * 20, rel=0.15)


def test_it_is_not_known_too_early_and_grows_while_nothing_is_made() -> None:
    pace = Pace()
    pace.count(1, 100, 0.5)
    pace.count(2, 100, 1.0)
    assert pace.left(2.0) is None
    for number in range(3, 50):
        pace.count(number, 100, number * 1.0)
    early, late = pace.left(50.0), pace.left(400.0)
    assert early is not None and late is not None and late > 2 * early


def test_the_end_is_now() -> None:
    pace = Pace()
    pace.count(100, 100, 3.0)
    assert pace.left(5.0) == 0.0


def test_hundreds_of_thousands_of_counters_take_no_memory() -> None:
    pace = Pace()
    for number in range(1, 200_001):
        pace.count(number, 200_000, number * 0.01)
    assert len(pace._seen) <= 512 and pace.left(2000.0) == 0.0
