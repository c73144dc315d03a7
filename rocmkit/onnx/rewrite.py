"""Rewrite a model in an interpreter that has `onnx` and `onnxruntime`, and put it in its place only if it was proved to be the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import Exit, UsageError
from rocmkit.gpucode.source import sha256
from rocmkit.model import DataError, convert
from rocmkit.onnx.read import opened
from rocmkit.onnx.values import Done, Graph, Proof, Rewritten
from rocmkit.trial.values import Limits, Run
from rocmkit.trial.words import ending
from rocmkit.trial.work import worker

INSIDE = Path(__file__).with_name("inside")
#: The encoder of ReazonSpeech k2, with 100 runs of 5 seconds at most each, on a slow processor, twice.
TIME_S = 1800.0
_EXITS = {"written": Exit.OK, "nothing": Exit.BLOCKED, "unproved": Exit.BLOCKED, "differs": Exit.BLOCKED, "unknown": Exit.INCONCLUSIVE}


def rewrite(
    model: Path,
    out: Path,
    python: str,
    run: Run,
    *,
    fold: bool,
    fix: Mapping[str, tuple[int, ...]],
    force: bool = False,
    time_s: float = TIME_S,
) -> Rewritten:
    """Write `out`, or say why not. Raises UsageError where the call cannot be done, OSError where the interpreter does not start."""
    graph = checked(model, out, fix, force=force)
    answer = Rewritten(
        rocmkit=__version__,
        model=graph.file,
        out=os.fsencode(out).decode("utf-8", "backslashreplace"),
        outcome="nothing",
        because="there is no If node in it",
        fixed=dict(fix),
        folded=(),
        left=(),
        proof=None,
        versions={},
        lacking=(),
        sha256=None,
        out_sha256=None,
        exit=int(Exit.BLOCKED),
    )
    if not graph.ifs and not fix:
        return answer
    # Beside `out`, so that weights in other files are found, and that it gets to its place in one move.
    part, shown = (out.parent / f".{out.name}.{os.getpid()}.{word}.onnx" for word in ("part", "shown"))
    step = {"do": "onnx_rewrite", "model": str(model.absolute()), "out": str(part.absolute()), "shown": str(shown.absolute())}
    request = {**step, "fold": fold, "fix": {name: list(sizes) for name, sizes in fix.items()}}
    try:
        trial = run(worker(python, "rewrite", (request,), device="cpu", limits=Limits(time_s=time_s), folders=(INSIDE,)))
        if trial.outcome != "pass" or not trial.measured:
            return _ended(answer, "unknown", because=ending(trial))
        try:
            done = convert(trial.measured[0], Done, source="the answer of the worker")
        except DataError as error:
            return _ended(answer, "unknown", because=str(error))
        return _taken(answer, done, model, part, out, force=force)
    finally:
        for file in (part, shown):
            with contextlib.suppress(FileNotFoundError):
                file.unlink()


def checked(model: Path, out: Path, fix: Mapping[str, tuple[int, ...]], *, force: bool) -> Graph:
    """The model as files tell of it. Raises UsageError where it cannot be rewritten into `out`, whatever is asked."""
    graph = opened(model)
    try:
        beside = (model.parent / name for name in graph.external if name not in graph.missing)
        _can_be_written(out, (model, *beside), force=force)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None
    if graph.missing:
        name, why = next(iter(graph.missing.items()))
        raise UsageError(f"{model} has weights in {name or 'another file'}, and {why}", "download that file too")
    if graph.external and out.parent.resolve() != model.parent.resolve():
        raise UsageError(
            f"{model} has weights in {graph.external[0]} beside it", f"write into the same folder: -o {model.parent / out.name}"
        )
    shapes = {one.name: one.shape for one in graph.inputs}
    named: dict[str, int] = {}
    for name, sizes in fix.items():
        if name not in shapes:
            raise UsageError(f"--fix {name}: no input is called so", f"inputs are {', '.join(shapes)}")
        shape = shapes[name] or ()
        if len(shape) != len(sizes) or any(isinstance(own, int) and own not in (-1, size) for own, size in zip(shape, sizes, strict=True)):
            told = ", ".join("any" if own in (None, -1) else str(own) for own in shape)
            raise UsageError(f"--fix {name}={','.join(map(str, sizes))} does not fit: {name} is [{told}]")
        for own, size in zip(shape, sizes, strict=True):
            if isinstance(own, str) and named.setdefault(own, size) != size:
                raise UsageError(f"--fix: {own} cannot be {named[own]} and {size}")
    return graph


def _can_be_written(out: Path, own: Iterable[Path], *, force: bool) -> None:
    """Raises UsageError where nothing may be put there, since it is the model's `own` file for one, OSError where that cannot be seen."""
    if out.exists() and any(map(out.samefile, own)):
        raise UsageError(f"{out} is the model itself: it would be lost", "name another file")
    if out.is_dir():
        raise UsageError(f"{out} is a folder", "name a file in it")
    if os.path.lexists(out) and not force:
        raise UsageError(f"{out} is there already", "--force overwrites it")
    if out.exists() and not out.is_file():  # the file would take the place of a device
        raise UsageError(f"{out} is no file", "name another one")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}")


def _taken(answer: Rewritten, done: Done, model: Path, part: Path, out: Path, *, force: bool) -> Rewritten:
    """What the step did, and the file in its place if it was proved."""
    if done.outcome == "lacking":
        said = "; ".join(f"{one.package}: {one.why}" for one in done.lacking)
        return replace(_ended(answer, "unknown", because=said), lacking=tuple(one.package for one in done.lacking))
    proof = Proof(runs=done.runs, left_out=done.left_out, lengths=done.lengths, difference=done.difference)
    answer = replace(
        answer, folded=done.folded, left=done.left, versions=done.versions, proof=proof if done.runs else None, because=done.because
    )
    if done.outcome != "proved":
        return _ended(answer, done.outcome, because=done.because)
    digests = {"sha256": sha256(model), "out_sha256": sha256(part)}
    _move(part, out, force=force)
    return replace(_ended(answer, "written", because=None), **digests)


def _move(part: Path, out: Path, *, force: bool) -> None:
    try:
        if not force:
            with contextlib.suppress(PermissionError, NotImplementedError):  # a file system without links
                os.link(part, out)  # unlike a move, never over what came there meanwhile
                return
            if os.path.lexists(out):
                raise FileExistsError
        part.replace(out)
    except FileExistsError:
        raise UsageError(f"{out} is there already", "--force overwrites it") from None
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror or error}") from None


def _ended(answer: Rewritten, outcome: str, *, because: str | None) -> Rewritten:
    return replace(answer, outcome=outcome, because=because, exit=int(_EXITS[outcome]))
