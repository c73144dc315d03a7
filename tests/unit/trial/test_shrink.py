"""Delta debugging finds a part that still does it and from which nothing can be left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.trial.shrink import smallest

Holds = Callable[[tuple[int, ...]], bool]


def shrunk(items: Sequence[int], holds: Holds) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The result, and what was asked about."""
    plan, asked = smallest(items), []
    try:
        part = next(plan)
        while True:
            asked.append(part)
            part = plan.send(holds(part))
    except StopIteration as end:
        return end.value, asked


SOME = st.lists(st.integers(), unique=True, min_size=1, max_size=24)


@given(SOME, st.data())
def test_what_needs_a_few_of_them_together_is_shrunk_to_these(items: list[int], data: st.DataObject) -> None:
    needed = set(data.draw(st.lists(st.sampled_from(items), min_size=1, max_size=4)))
    found, asked = shrunk(items, lambda part: needed <= set(part))
    assert found == tuple(item for item in items if item in needed)
    assert len(asked) == len(set(asked)) <= len(items) ** 2 + 3 * len(items)
    assert tuple(items) not in asked and () not in asked


@given(SOME, st.lists(st.sets(st.integers(0, 23), min_size=1, max_size=3), min_size=1, max_size=3))
def test_with_several_causes_one_is_left_and_nothing_else(items: list[int], places: list[set[int]]) -> None:
    causes = [{items[place % len(items)] for place in cause} for cause in places]

    def holds(part: tuple[int, ...]) -> bool:
        return any(cause <= set(part) for cause in causes)

    found, _ = shrunk(items, holds)
    assert holds(found)
    assert not any(holds(found[:number] + found[number + 1 :]) for number in range(len(found)))


@given(SOME, st.randoms(use_true_random=False))
def test_answers_without_sense_end_all_the_same_with_something_that_held(items: list[int], random: object) -> None:
    told: dict[tuple[int, ...], bool] = {tuple(items): True}

    def holds(part: tuple[int, ...]) -> bool:
        return told.setdefault(part, random.random() < 0.5)  # type: ignore[attr-defined]

    found, asked = shrunk(items, holds)
    assert told[found]
    assert len(asked) <= len(items) ** 2 + 3 * len(items)
    assert all(part == tuple(item for item in items if item in part) for part in asked)


def test_what_is_alike_is_told_apart_by_its_place() -> None:
    found, _ = shrunk([1, 2, 1], lambda part: part.count(1) == 2)
    assert found == (1, 1)


@pytest.mark.parametrize("length", [16, 64, 256])
def test_one_of_many_is_found_in_a_few_questions(length: int) -> None:
    found, asked = shrunk(range(length), lambda part: length - 1 in part)
    assert found == (length - 1,)
    assert len(asked) <= 2 * length.bit_length()
