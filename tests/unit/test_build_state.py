"""What of a plan is kept, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.build import state
from rocmkit.build.state import Done, State, kept, whole_groups
from rocmkit.build.values import PlanStep
from rocmkit.model import to_json
from tests.support.tinyplans import step

GROUPS = st.lists(st.sampled_from(["", "", "a", "b"]), max_size=12)


def steps(groups: list[str]) -> list[PlanStep]:
    return [step(f"s{number}", "true", cwd=Path("/w"), group=group, digest=f"{number}") for number, group in enumerate(groups)]


def done(count: int) -> list[Done]:
    return [Done(name=f"s{number}", digest=f"{number}", seconds=1, log=None) for number in range(count)]


@pytest.mark.parametrize(
    ("groups", "count", "expected"),
    [
        (["", "", ""], 2, 2),
        (["", "a", "a"], 2, 1),
        (["", "a", "a", ""], 3, 3),
        (["a", "b", "a", "b"], 3, 0),
        (["a", "", "a"], 2, 0),
        ([], 0, 0),
    ],
)
def test_groups_are_kept_whole(groups: list[str], count: int, expected: int) -> None:
    assert kept(done(count), steps(groups)) == expected


@given(GROUPS, st.integers(0, 12))
def test_no_group_is_split_and_no_more_is_done_again_than_has_to_be(groups: list[str], count: int) -> None:
    every = steps(groups)
    count = min(count, len(every))
    found = whole_groups(count, every)

    def split(at: int) -> bool:
        return bool({one.group for one in every[:at]} & {one.group for one in every[at:]} - {""})

    assert not split(found)
    assert all(split(at) for at in range(found + 1, count + 1))


@given(st.lists(st.sampled_from("xyz"), max_size=6), st.lists(st.sampled_from("xyz"), max_size=6))
def test_only_a_common_beginning_is_kept(before: list[str], now: list[str]) -> None:
    was = [Done(name=f"s{number}", digest=digest, seconds=1, log=None) for number, digest in enumerate(before)]
    plan = [step(f"s{number}", "true", cwd=Path("/w"), digest=digest) for number, digest in enumerate(now)]
    same = [one == other for one, other in zip(before, now, strict=False)]
    assert kept(was, plan) == (same.index(False) if False in same else len(same))


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = State(outcome="failed", step="b", done=tuple(done(2)))
    state.write(tmp_path, one)
    assert state.read(tmp_path) == (one, "")
    assert os.listdir(tmp_path) == ["state.json"]


def test_no_state_is_no_trouble(tmp_path: Path) -> None:
    assert state.read(tmp_path) == (State(), "")


@given(st.binary(max_size=200))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("state")
    (folder / "state.json").write_bytes(data)
    found, trouble = state.read(folder)
    assert found == State() and "begins again" in trouble


def test_a_state_that_is_far_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(to_json(State()) + " " * (5 << 20))
    assert "longer than 4 MiB" in state.read(tmp_path)[1]


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """Files of more than 100 bytes cannot be written: that of what pytest prints neither, so nothing but the write comes into it."""
    before, soft = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, soft[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft)
        signal.signal(signal.SIGXFSZ, before)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    state.write_whole(path, "before")
    with pytest.raises(OSError, match="File too large"), no_room():
        state.write_whole(path, "x" * 1000)
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["file"]


def test_a_half_that_was_left_and_links_in_the_way_do_no_harm(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / ".file.part").symlink_to(target)
    (tmp_path / "file").symlink_to(target)
    state.write_whole(tmp_path / "file", "new", mode=0o755)
    assert target.read_text() == "mine" and (tmp_path / "file").read_text() == "new"
    assert not (tmp_path / "file").is_symlink() and os.access(tmp_path / "file", os.X_OK)
