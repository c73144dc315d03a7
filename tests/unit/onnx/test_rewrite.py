"""Which calls are refused, and what gets to its place: what is asked of the other interpreter is answered here."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import onnx
import pytest

from rocmkit.errors import UsageError
from rocmkit.onnx.rewrite import rewrite
from rocmkit.onnx.values import Rewritten
from rocmkit.report.rewrite import render
from rocmkit.trial.values import Experiment, Trial
from tests.support.downsampling import encoder

DONE = {
    "outcome": "proved",
    "versions": {"onnx": "1.23.2"},
    "runs": 90,
    "left_out": 4,
    "lengths": [9, 10, 333],
    "difference": 0.0,
    "folded": [{"name": "/down/If", "branch": "then", "why": "serves-both"}],
    "left": [],
}


class Other:
    """Stands for the other interpreter: writes what it is told to, and answers."""

    def __init__(self, answer: dict[str, Any] | None, *, writes: bytes | None = b"new", **trial: Any) -> None:
        self.answer, self.writes, self.trial = answer, writes, {"outcome": "pass", **trial}
        self.asked: list[dict[str, Any]] = []

    def __call__(self, experiment: Experiment) -> Trial:
        assert experiment.request is not None
        (step,) = experiment.request["steps"]
        self.asked.append(step)
        Path(step["shown"]).write_bytes(b"scratch")
        if self.writes is not None:
            Path(step["out"]).write_bytes(self.writes)
        return Trial(name="rewrite", measured=(self.answer,) if self.answer is not None else (), **self.trial)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(encoder(), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def files(model: Path) -> set[str]:
    return {one.name for one in model.parent.iterdir()}


def done(model: Path, other: Other, **options: Any) -> Rewritten:
    found = rewrite(model, options.pop("out", model.with_name("new.onnx")), "/python", other, **{"fold": True, "fix": {}, **options})
    text = render(found, "/python", color=False, unicode=True)
    assert ("is written" in text) == (found.outcome == "written")
    assert ("nothing was written" in text) == (found.outcome != "written")
    return found


def test_what_was_proved_gets_to_its_place(model: Path) -> None:
    other = Other(DONE)
    found = done(model, other, fix={"x": (1, 100, 4)})
    assert (found.outcome, found.exit) == ("written", 0)
    assert model.with_name("new.onnx").read_bytes() == b"new"
    assert found.out_sha256 == hashlib.sha256(b"new").hexdigest()
    assert found.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert files(model) == {"m.onnx", "new.onnx"}
    (step,) = other.asked
    assert step["fix"] == {"x": [1, 100, 4]}
    assert Path(step["out"]).parent == model.parent
    assert found.proof is not None
    assert (found.proof.runs, found.proof.lengths, found.proof.difference) == (90, (9, 10, 333), 0.0)


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ({**DONE, "outcome": "differs", "because": "its outputs differ", "difference": None}, "differs", 1),
        ({**DONE, "outcome": "nothing", "because": "no If node could be taken out"}, "nothing", 1),
        ({"outcome": "unproved", "because": "the model takes none"}, "unproved", 1),
        ({"outcome": "lacking", "lacking": [{"package": "onnx", "why": "No module named 'onnx'"}]}, "unknown", 3),
        ({"outcome": "something else"}, "unknown", 3),
        ({**DONE, "more": 1}, "unknown", 3),
    ],
)
def test_whatever_else_is_answered_leaves_nothing(answer: dict[str, Any], outcome: str, code: int, model: Path) -> None:
    found = done(model, Other(answer))
    assert (found.outcome, found.exit) == (outcome, code)
    assert found.because
    assert files(model) == {"m.onnx"}


@pytest.mark.parametrize("trial", [{"outcome": "crash", "signal": "SIGSEGV"}, {"outcome": "hang", "seconds": 1.0}, {"outcome": "fail"}])
def test_a_process_that_died_leaves_nothing(trial: dict[str, Any], model: Path) -> None:
    found = done(model, Other(DONE, **trial))
    assert (found.outcome, found.exit) == ("unknown", 3)
    assert files(model) == {"m.onnx"}


def test_what_is_missing_is_named_with_the_command(model: Path) -> None:
    answer = {"outcome": "lacking", "lacking": [{"package": "onnx", "why": "no"}, {"package": "numpy", "why": "no"}]}
    found = done(model, Other(answer, writes=None))
    assert found.lacking == ("onnx", "numpy")
    assert "    '/my env/python' -m pip install onnx numpy\n" in render(found, "/my env/python", color=False, unicode=True)


def test_one_more_onnxruntime_goes_into_an_environment_of_its_own(model: Path) -> None:
    """Where it is broken there may be another build of it, which pip would overwrite."""
    found = done(model, Other({"outcome": "lacking", "lacking": [{"package": "onnxruntime", "why": "libamdhip64.so.7: not found"}]}))
    text = render(found, "/python", color=False, unicode=True)
    assert "/python -m pip" not in text
    assert "    ~/rewriting/bin/pip install onnx onnxruntime\n" in text


def test_a_model_without_ifs_needs_no_other_interpreter(tmp_path: Path) -> None:
    onnx.save(encoder(()), tmp_path / "plain.onnx")
    other = Other(DONE)
    found = done(tmp_path / "plain.onnx", other)
    assert (found.outcome, found.because, other.asked) == ("nothing", "there is no If node in it", [])
    assert done(tmp_path / "plain.onnx", other, fix={"x": (1, 9, 4)}).outcome == "written"


def test_a_link_to_a_model_stays_one(model: Path) -> None:
    """Weights in other files lie beside the link, as where Hugging Face's cache keeps models."""
    link, other = model.with_name("link.onnx"), Other(DONE)
    link.symlink_to(model)
    assert done(link, other).outcome == "written"
    assert other.asked[0]["model"] == str(link)


def refused(model: Path, **options: Any) -> str:
    other = Other(DONE)
    before = files(model)
    with pytest.raises(UsageError) as caught:
        done(model, other, **options)
    assert files(model) == before
    return str(caught.value)


def test_no_file_is_lost(model: Path) -> None:
    there = model.with_name("there.onnx")
    there.write_bytes(b"mine")
    assert "is there already" in refused(model, out=there)
    assert there.read_bytes() == b"mine"
    assert done(model, Other(DONE), out=there, force=True).outcome == "written"
    assert there.read_bytes() == b"new"
    link, hard = model.with_name("link.onnx"), model.with_name("hard.onnx")
    link.symlink_to(model)
    os.link(model, hard)
    for itself in (model, link, hard, model.parent / "." / "m.onnx"):
        assert "is the model itself" in refused(model, out=itself, force=True)
    assert "is a folder" in refused(model, out=model.parent, force=True)
    assert "there is no folder" in refused(model, out=model.parent / "none" / "new.onnx")
    os.mkfifo(model.with_name("pipe"))
    for device in (model.with_name("pipe"), Path("/dev/full")):  # a file would take its place
        assert "is no file" in refused(model, out=device, force=True)
    assert "File name too long" in refused(model, out=model.with_name("x" * 300))


def test_a_file_that_came_meanwhile_is_not_overwritten(model: Path) -> None:
    out = model.with_name("new.onnx")

    class Slow(Other):
        def __call__(self, experiment: Experiment) -> Trial:
            out.write_bytes(b"somebody's")
            return super().__call__(experiment)

    with pytest.raises(UsageError, match="is there already"):
        done(model, Slow(DONE))
    assert out.read_bytes() == b"somebody's"
    assert files(model) == {"m.onnx", "new.onnx"}


def test_weights_in_other_files_stay_beside_it(tmp_path: Path) -> None:
    onnx.save(encoder(), tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    model = tmp_path / "m.onnx"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "has weights in m.data beside it" in refused(model, out=elsewhere / "new.onnx")
    assert "is the model itself" in refused(model, out=tmp_path / "m.data", force=True)
    assert done(model, Other(DONE)).outcome == "written"
    (tmp_path / "m.data").unlink()
    assert "it is not there" in refused(model, out=tmp_path / "other.onnx")


def test_what_is_no_model_or_no_input(model: Path) -> None:
    assert "no input is called so" in refused(model, fix={"z": (1,)})
    assert refused(model, fix={"x": (1, 9)}) == "--fix x=1,9 does not fit: x is [N, T, 4]"
    assert refused(model, fix={"x": (1, 9, 5)}) == "--fix x=1,9,5 does not fit: x is [N, T, 4]"
    assert refused(model, fix={"x": (1, 9, 4), "x_lens": (2,)}) == "--fix: N cannot be 1 and 2"
    broken = model.with_name("broken.onnx")
    broken.write_bytes(b"nothing")
    assert "no ONNX model" in refused(broken)
    assert "cannot read" in refused(model.with_name("none.onnx"))
