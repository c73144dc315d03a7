"""Whether what was fetched is what the plan names: commits, the commits that they name for submodules, checksums."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from rocmkit.build.values import Plan, PlanStep
from rocmkit.gpucode.source import sha256
from rocmkit.host.process import run_process

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SUMS = re.compile(r"([0-9a-f]{64})  (.+)\n?")
_TIME_S = 120.0
_OTHER = re.compile(
    r"(?P<kind>MD5|SHA[0-9_]{1,7}) hash of\s{1,20}(?P<path1>\S.{0,1000})\s{1,20}does not match expected value"
    r"\s{1,20}expected: '(?P<wanted1>[0-9a-f]{1,128})'\s{1,20}actual: '(?P<got1>[0-9a-f]{1,128})'"
    r"|DOWNLOAD HASH mismatch\s{1,20}for file: \[(?P<path2>.{1,1000})\]"
    r"\s{1,20}expected hash: \[(?P<wanted2>[0-9a-f]{1,128})\]\s{1,20}actual hash: \[(?P<got2>[0-9a-f]{1,128})\]"
)


def is_checkout(step: PlanStep) -> bool:
    """Whether a step puts the files of a pinned commit in their place."""
    return step.argv[0] == "git" and "checkout" in step.argv and _COMMIT.fullmatch(step.pinned) is not None


def mismatch(plan: Plan, step: PlanStep, env: Mapping[str, str]) -> str | None:
    """What is not as the plan pins it, after a step has ended well; None: all is, or the step pins nothing."""
    if not is_checkout(step):
        return None
    folder = repository(step)
    head = _git(folder, env, "rev-parse", "--verify", "HEAD^{commit}")
    if head != step.pinned:
        return f"{folder}: expected commit {step.pinned}, got {head or 'none'}"
    around = _around(plan, folder)
    if around is None:
        return None
    path = posixpath.relpath(folder, around)
    named = _git(around, env, "ls-tree", "HEAD", "--", path)
    if named.split()[:3] != ["160000", "commit", step.pinned]:
        return f"{folder}: expected commit {step.pinned}, and the sources around it name {(named.split() or ['', '', 'none'])[2:3][0]}"
    return None


def repository(step: PlanStep) -> str:
    """The repository that a git step works in."""
    return posixpath.join(step.cwd, step.argv[step.argv.index("-C") + 1]) if "-C" in step.argv[:-1] else step.cwd


def wrong_file(step: PlanStep) -> str | None:
    """Which file a step that compares checksums has found wrong: what was expected, and what is there. None: it is another step."""
    if step.argv[0] != "sha256sum":
        return None
    for sums in step.argv[1:]:
        if sums.startswith("-"):
            continue
        try:
            lines = Path(step.cwd, sums).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            if listed := _SUMS.fullmatch(line):
                path = Path(step.cwd, listed[2])
                found = digest(path)
                if found != listed[1]:
                    return f"{path}: expected SHA-256 {listed[1]}, got {found or 'no file that can be read'}"
    return None


def other_checksum(lines: Iterable[str]) -> str | None:
    """What CMake says of a file that it fetched with another checksum, in words: ExternalProject's way, or that of file(DOWNLOAD)."""
    found = _OTHER.search("\n".join(lines))
    if found is None:
        return None
    kind, path, wanted, got = (found["kind"] or "checksum", *(found[f"{one}1"] or found[f"{one}2"] for one in ("path", "wanted", "got")))
    return f"{path}: expected {kind} {wanted}, got {got}"


def digest(path: Path) -> str | None:
    """The SHA-256 of a file; None where it cannot be read."""
    try:
        return sha256(path)
    except (OSError, ValueError):
        return None


def _around(plan: Plan, folder: str) -> str | None:
    """The repository around a submodule."""
    top = f"{plan.work}/src"
    place = posixpath.dirname(folder)
    while place.startswith(f"{top}/"):
        if os.path.lexists(f"{place}/.git"):
            return place
        place = posixpath.dirname(place)
    return None


def _git(folder: str, env: Mapping[str, str], *words: str) -> str:
    try:
        ran = run_process(("git", "-C", folder, *words), timeout_s=_TIME_S, env=dict(env))
    except OSError:
        return ""
    return ran.stdout.decode("utf-8", "replace").strip() if ran.exit == 0 else ""
