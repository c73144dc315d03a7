"""A release that is like another one: what it takes over, what it keeps, and where what is wrong with it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.build import shape
from rocmkit.build.like import alone, filled, like
from rocmkit.model import DataError

RECIPE = """\
name: toy
title: A toy
summary: A toy
licence: MIT
releases:
  - version: "2"
    rocm: ">=6,<7"
    known: inferred
    why: The usual one.
    links: [https://example.org/2]
    fetch:
      toy: {git: "https://example.org/toy.git", commit: "1111111111111111111111111111111111111111", why: what is built}
      part: {git: "https://example.org/part.git", commit: "2222222222222222222222222222222222222222", why: a part of it}
    values: {speed: ["-O2"], name: [toy]}
    needs: [git]
    cost: {core_minutes: 1, memory_per_job_gib: 1, disk_gib: 1, measured: here}
    steps:
      - {name: build, stage: build, run: [make, "{value.speed}"], why: builds it}
    expect: {imports: [toy], requires: [numpy]}
  - version: "1"
    like: "2"
    rocm: ">=5,<6"
    why: The old one.
    fetch:
      toy: {git: "https://example.org/toy.git", commit: "3333333333333333333333333333333333333333", why: what is built}
      more: {git: "https://example.org/more.git", commit: "4444444444444444444444444444444444444444", why: it needs more}
    values: {speed: ["-O1"]}
    expect: {requires: ["numpy<2"]}
"""


def test_what_it_does_not_name_is_as_above() -> None:
    new, old = shape.read(RECIPE, source="toy").releases
    assert (old.version, old.rocm, old.why, old.known, old.links) == ("1", ">=5,<6", "The old one.", new.known, new.links)
    assert old.steps == new.steps
    assert {name: one.commit[0] for name, one in old.fetch.items()} == {"toy": "3", "part": "2", "more": "4"}
    assert next(iter(old.fetch)) == "toy", "the first is still the one that --source replaces"
    assert old.values == {"speed": ("-O1",), "name": ("toy",)}
    assert (old.expect.imports, old.expect.requires) == (("toy",), ("numpy<2",))
    assert {name: one.commit[0] for name, one in new.fetch.items()} == {"toy": "1", "part": "2"}, "the one above stays as it was"


def test_like_one_that_is_like_another() -> None:
    third = RECIPE + '  - {version: "0", like: "1", rocm: "<5", why: The oldest.}\n'
    assert {name: one.commit[0] for name, one in shape.read(third, source="toy").releases[2].fetch.items()} == {
        "toy": "3",
        "part": "2",
        "more": "4",
    }


@pytest.mark.parametrize("wanted", ["3", "1"])
def test_like_none_above(wanted: str) -> None:
    with pytest.raises(DataError, match=r"toy:21:11: no release above this one has that version; there are: 2"):
        shape.read(RECIPE.replace('like: "2"', f'like: "{wanted}"'), source="toy")


def test_what_is_wrong_is_told_where_it_is_written() -> None:
    """A fault that both releases have is the first one's; a fault of its own is told at its own line."""
    with pytest.raises(DataError, match=r"toy:18:42: a list is wanted here"):
        shape.read(RECIPE.replace('[make, "{value.speed}"]', "make"), source="toy")
    with pytest.raises(DataError, match=r"toy:27:21: a list is wanted here"):
        shape.read(RECIPE.replace('["-O1"]', '"-O1"'), source="toy")
    where = shape.where(RECIPE, [("releases", 1, "steps", 0, "why"), ("releases", 1, "fetch", "more"), ("releases", 1, "fetch", "part")])
    assert [line for line, _ in where] == [18, 26, 13]


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.sampled_from(["1", "2"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["like", "version", "fetch", "releases", "a"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.lists(JSON, max_size=4))
def test_any_data_is_taken(data: object, releases: list[object]) -> None:
    for one in (data, {"releases": data}, {"releases": releases}):
        whole = filled(one)
        assert type(whole) is type(one)
        alone(one)
    for number in range(len(releases)):
        model = like(releases, number)
        assert model is None or model < number


def test_what_it_calls_null_is_taken_away() -> None:
    without = RECIPE.replace("      more: {git", "      part: null\n      more: {git")
    assert list(shape.read(without, source="toy").releases[1].fetch) == ["toy", "more"]
