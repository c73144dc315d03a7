"""What a finished build is: read from its files, and tried in an environment of its own. Nothing is taken on a build system's word."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from rocmkit.build import holding, installed, linked
from rocmkit.build.importing import imported
from rocmkit.build.leftover import no_build_paths
from rocmkit.build.values import Plan, Proof, Proven
from rocmkit.build.wheelfiles import unpack, wheels
from rocmkit.gpucode.source import sha256
from rocmkit.gpucode.wheel import About
from rocmkit.host.base import Host
from rocmkit.inspect.look import look
from rocmkit.inspect.values import InspectedFile
from rocmkit.trial.inside.sweep import sweep
from rocmkit.trial.values import Run

_SCRATCH = "proof-"


def prove(plan: Plan, host: Host, run: Run) -> Proof:
    """Look at what a build left in the plan's folders; `run` runs the experiments. Raises OSError where the work folder cannot be used.

    For whoever holds the work folder.
    """
    dist, prefix = Path(plan.dist), Path(plan.prefix)
    found = wheels(dist)
    others = tuple(str(path) for path in sorted(dist.iterdir()) if path not in found) if dist.is_dir() else ()
    if plan.wheel is None:
        proof = _folder(plan, prefix, others, host)
    elif len(found) != 1:
        proof = _nothing(_one_wheel(plan, found), tuple(map(str, found)) + others)
    else:
        for left in Path(plan.work).glob(f"{_SCRATCH}*"):  # of one that was killed
            sweep(str(left))
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=plan.work))
        try:
            proof = _wheel(plan, found[0], others, host, run, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return replace(proof, proven=tuple(replace(one, text=host.private.hide(one.text)) for one in proof.proven))


def holds(proof: Proof) -> bool:
    """Whether nothing was found wrong. What could not be told is no fault of the build."""
    return all(one.outcome != "found" for one in proof.proven)


def _nothing(why: Proven, artefacts: tuple[str, ...]) -> Proof:
    return Proof(wheel=None, sha256=None, artefacts=artefacts, gfx=(), needs=(), proven=(why,))


def _one_wheel(plan: Plan, found: Sequence[Path]) -> Proven:
    if not found:
        return Proven(name="one-wheel", outcome="found", text=f"there is no wheel in {plan.dist}")
    names = ", ".join(path.name for path in found)
    if len(found) > 1:
        return Proven(name="one-wheel", outcome="found", text=f"there are {len(found)} wheels, and there should be one: {names}")
    return Proven(name="one-wheel", outcome="ok", text=names)


def _wheel(plan: Plan, wheel: Path, others: tuple[str, ...], host: Host, run: Run, scratch: Path) -> Proof:
    top = scratch / "files"
    top.mkdir()
    try:
        about = unpack(wheel, top)
    except ValueError as error:
        return _nothing(Proven(name="one-wheel", outcome="found", text=f"{wheel.name}: {error}"), (str(wheel), *others))
    gfx, needs, proven = _files(plan, top, host)
    return Proof(
        wheel=str(wheel),
        sha256=sha256(wheel),
        artefacts=others,
        gfx=gfx,
        needs=needs,
        proven=(
            _one_wheel(plan, [wheel]),
            version(plan, wheel.name, about),
            *proven,
            *imported(plan, wheel, host, run, scratch),
            *_patterns(plan),
            *_beside(plan),
        ),
        folder=plan.prefix if plan.expect.files else None,
    )


def _folder(plan: Plan, prefix: Path, others: tuple[str, ...], host: Host) -> Proof:
    """What a recipe without a wheel installed."""
    if not prefix.is_dir() or not any(prefix.iterdir()):
        return _nothing(Proven(name="files", outcome="found", text=f"nothing was installed into {prefix}"), others)
    gfx, needs, proven = _files(plan, prefix, host)
    return Proof(wheel=None, sha256=None, artefacts=(str(prefix), *others), gfx=gfx, needs=needs, proven=(*proven, *_patterns(plan)))


def _files(plan: Plan, top: Path, host: Host) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Proven, ...]]:
    """(targets that there is code for, libraries that are needed of the machine, what the files prove)."""
    files: tuple[InspectedFile, ...] = look([str(top)], (), host, everything=True).files
    libraries = linked.Libraries(top, files, plan.toolchain, plan.expect, plan.work, *_used(plan))
    return (
        holding.targets(files),
        libraries.needs,
        (
            holding.gfx(plan.arch, files, own=plan.expect.gpu_code),
            holding.cuda(files),
            no_build_paths(top, *_folders(plan)),
            libraries.proven(linked.loader()),
        ),
    )


def _folders(plan: Plan) -> tuple[str, ...]:
    """The folders that it was built in: its own, that which the steps knew where a container had one, and what it was built against."""
    inside = (os.path.commonpath(step.cwd for step in plan.steps),) if plan.toolchain.container and plan.steps else ()
    return (plan.work, *inside, *_used(plan))


def _used(plan: Plan) -> tuple[str, ...]:
    """The folders of what it was built against."""
    return tuple(one.folder if one.origin == "given" else str(Path(one.folder).parent) for one in plan.uses)


def version(plan: Plan, name: str, about: About) -> Proven:
    """Whether the wheel is named as planned, in the name of its file and inside: pip and people go by both."""
    wanted = f"{plan.package} {plan.local_version}"
    try:
        in_name = "{} {}".format(*parse_wheel_filename(name)[:2])
    except InvalidWheelFilename as error:
        return Proven(name="version", outcome="found", text=str(error))
    inside = f"{about.name} {about.version}"
    for place, said in (("the name of the file", in_name), ("the wheel's METADATA", inside)):
        if _canonical(said) != _canonical(wanted):
            return Proven(name="version", outcome="found", text=f"{place} says {said}, and it should be {wanted}")
    return Proven(name="version", outcome="ok", text=wanted)


def _canonical(text: str) -> tuple[str, Version | str]:
    name, _, number = text.partition(" ")
    try:
        return canonicalize_name(name), Version(number)
    except InvalidVersion:
        return canonicalize_name(name), number


def _beside(plan: Plan) -> tuple[Proven, ...]:
    """Whether headers and libraries beside a wheel can be taken elsewhere."""
    prefix = Path(plan.prefix)
    if not plan.expect.files or not prefix.is_dir():
        return ()
    try:
        out = installed.leading_out(prefix)
    except (OSError, ValueError) as error:
        return (Proven(name="folder", outcome="unknown", text=str(error)),)
    if out:
        return (Proven(name="folder", outcome="found", text=f"links lead out of what was installed: {holding.some(out)}"),)
    left = no_build_paths(prefix, *_folders(plan))
    return (replace(left, name="folder", text=f"what was installed, beside the wheel: {left.text}"),)


def _patterns(plan: Plan) -> tuple[Proven, ...]:
    """Whether everything that should be below the prefix is there."""
    patterns = plan.expect.files
    if not patterns:
        return ()
    prefix = Path(plan.prefix)
    if lacking := installed.missing(prefix, patterns):
        return (Proven(name="files", outcome="found", text=f"what was installed has no {holding.some(lacking)}"),)
    return (Proven(name="files", outcome="ok", text=f"installed, as it should be: {holding.some(patterns)}"),)
