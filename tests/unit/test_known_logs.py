"""Every signature against real error texts, and against texts that come close to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rocmkit.kb.issues import issues
from rocmkit.logs.match import match
from rocmkit.model import Model, convert, load_yaml
from tests.unit.checks.test_every_check import FAILURE_MODES

FOLDER = Path(__file__).resolve().parents[1] / "logs"


class Sample(Model, kw_only=True):
    signature: str
    source: str
    line: int
    text: str
    also: tuple[str, ...] = ()


class NearMiss(Model, kw_only=True):
    signature: str
    why: str
    text: str


class Samples(Model, kw_only=True):
    issue: str
    logs: tuple[Sample, ...]
    near: tuple[NearMiss, ...]


#: Failure modes that no text of their own shows.
NO_TEXT = {
    "rocm-wheel-vs-driver": "it is a state, no failure",
    "container-newer-than-host": "such logs say what driver-regression says",
    "xnack-mismatch": "such logs say what arch-not-compiled says",
}


def samples() -> dict[str, Samples]:
    files = sorted((FOLDER / "known").glob("*.yaml"))
    return {path.stem: convert(load_yaml(path.read_text(), source=path.name), Samples, source=path.name) for path in files}


SAMPLES = samples()
ISSUES = {issue.id: issue for issue in issues() if issue.signatures}


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(name, one, id=f"{name}-{number}") for name, group in SAMPLES.items() for number, one in enumerate(getattr(group, kind))
    ]


@pytest.mark.parametrize("name", ISSUES)
def test_every_signature_has_a_real_text_and_a_near_miss(name: str) -> None:
    group = SAMPLES[name]
    assert group.issue == name
    wanted = {signature.id for signature in ISSUES[name].signatures}
    assert {one.signature for one in group.logs} == wanted
    assert {one.signature for one in group.near} == wanted
    for signature in wanted:
        sources = [one.source for one in group.logs if one.signature == signature]
        assert sources[0] != "constructed" and all(sources)


@pytest.mark.parametrize(("name", "one"), cases("logs"))
def test_a_real_text_shows_its_issue(name: str, one: Sample) -> None:
    found = match([one.text.encode()]).hits
    mine = [hit for hit in found if hit.issue.id == name]
    assert one.signature in {hit.signature.id for hit in mine}, f"found {[(hit.issue.id, hit.signature.id, hit.line) for hit in found]}"
    assert one.line in {hit.line for hit in mine if hit.signature.id == one.signature}
    assert {hit.issue.id for hit in found} <= {name, *one.also}


@pytest.mark.parametrize(("name", "one"), cases("near"))
def test_a_near_miss_does_not(name: str, one: NearMiss) -> None:
    assert not [hit for hit in match([one.text.encode()]).hits if hit.issue.id == name]


def test_every_failure_mode_has_its_texts() -> None:
    assert set(FAILURE_MODES) - set(ISSUES) == set(NO_TEXT)


def test_no_sample_is_left_over() -> None:
    assert set(SAMPLES) == set(ISSUES)
