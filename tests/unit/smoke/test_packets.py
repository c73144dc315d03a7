"""The file of the hook, read from whatever is in it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.model import convert
from rocmkit.smoke.inside.packets import GPUS, PAGE, ROOMS, SIZE, VARIABLE, counted, empty, refused, rooms, summed
from rocmkit.smoke.observed import Packets

NUMBER = st.integers(0, (1 << 64) - 1)
GPU = st.tuples(st.integers(-1, 1 << 20), NUMBER, NUMBER, NUMBER)


def room(state: int, gpus: list[tuple[int, int, int, int]], *, reason: int = 0, what: int = 0, lost: int = 0) -> bytes:
    head = struct.pack("<IIIIQQQQ16x", state, 1 << 30, reason, len(gpus), what, 5, 5, lost)
    return (head + b"".join(struct.pack("<qQQQ", *gpu) for gpu in gpus)).ljust(PAGE, b"\0")


def file(*taken: bytes) -> bytes:
    data = b"".join(taken)
    return empty()[:PAGE] + data + bytes(SIZE - PAGE - len(data))


def test_an_empty_file_holds_nothing() -> None:
    assert len(empty()) == SIZE
    assert rooms(empty()) == []
    assert summed(rooms(empty())) is None


@given(st.binary(max_size=200), st.integers(0, SIZE))
def test_anything_can_be_in_it(noise: bytes, at: int) -> None:
    """Where its head is whole, as many rooms and GPUs as it has place for are read at most."""
    for data in (noise, (empty()[:at] + noise).ljust(SIZE, noise[-1:] or b"\xff")[:SIZE]):
        found = rooms(data)
        assert len(found) <= ROOMS
        assert all(len(one.gpus) <= GPUS for one in found)
        for one in summed(found) or ():
            convert(one, Packets, source="test")
        assert refused(found) is None or isinstance(refused(found), str)


@given(st.lists(st.tuples(st.sampled_from([1, 3]), st.lists(GPU, max_size=5, unique_by=lambda gpu: gpu[0])), max_size=ROOMS))
def test_rooms_are_added_up_by_gpu(taken: list[tuple[int, list[tuple[int, int, int, int]]]]) -> None:
    sums = summed(rooms(file(*(room(state, gpus) for state, gpus in taken))))
    if not taken:
        assert sums is None
        return
    assert sums is not None
    assert [one["node"] for one in sums] == [node if node >= 0 else None for node in sorted({gpu[0] for _, gpus in taken for gpu in gpus})]
    for one in sums:
        mine = [gpu for _, gpus in taken for gpu in gpus if gpu[0] == (-1 if one["node"] is None else one["node"])]
        assert [one["queues"], one["consumed"], one["written"]] == [sum(column) % (1 << 64) for column in list(zip(*mine, strict=True))[1:]]


def test_a_refusal_is_no_count() -> None:
    found = rooms(file(room(2, [(1, 1, 1, 1)], reason=1, what=9 << 32 | 4)))
    assert summed(found) is None
    assert refused(found) == "the HSA runtime's tables of functions have the versions 9 and 4, which the hook does not know"
    assert refused(rooms(file(room(2, [], reason=99)))) == "the hook refused, and did not say why"


def test_one_that_refused_and_one_that_counts() -> None:
    found = rooms(file(room(2, [], reason=3), room(3, [(0, 1, 2, 3)])))
    assert summed(found) == [{"node": 0, "queues": 1, "written": 3, "consumed": 2}]
    assert refused(found) == "the HSA runtime's table of functions lacks one that the hook needs"


@pytest.mark.parametrize("content", [None, b"", b"x" * SIZE, empty()])
def test_nothing_is_told_where_no_hook_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    path = tmp_path / "packets"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(path))
    assert counted() is None
    monkeypatch.delenv(VARIABLE)
    assert counted() is None


def test_a_process_that_is_gone_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "packets"
    path.write_bytes(file(room(1, [(2, 1, 4, 5)])))  # it has begun five rounds, and its number is higher than Linux gives
    monkeypatch.setenv(VARIABLE, str(path))
    assert counted() == [{"node": 2, "queues": 1, "written": 5, "consumed": 4}]
