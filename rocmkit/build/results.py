"""Results of other recipes that something is built against: found, held to what they were, and held while they are used."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rocmkit.build import installed, lock, state, workplace
from rocmkit.build.digests import of_text
from rocmkit.build.provenance import Provenance
from rocmkit.build.recipe import Recipe
from rocmkit.build.values import Origin, Plan, Result
from rocmkit.errors import UsageError
from rocmkit.gpucode.source import sha256
from rocmkit.model import DataError

#: Of a plan, and of what lies beside a result: a folder may have thousands of files.
_MIB = 32


class _LostError(Exception):
    """It is not there, or not what it was."""


def of_plan(plan: Plan) -> Result:
    """What a plan of the same call will have made."""
    return _result(plan, "call")


def cached(plan: Plan) -> Result | str | None:
    """The result that an earlier build has left where `plan` works; why that does not serve; None: there is no such build."""
    work = Path(plan.work)
    if not (work / workplace.MARK).is_file():
        return None
    try:
        past = _of_work(work)
        if (past.recipe, past.arch, past.toolchain.root) != (plan.recipe, plan.arch, plan.toolchain.root):
            return f"that in {work} was built with the ROCm in {past.toolchain.root}, for {', '.join(past.arch)}"
    except _LostError as lost:
        return str(lost)
    return _result(past, "cache")


def given(typed: Iterable[str], names: Collection[str], recipes: Mapping[str, Recipe]) -> dict[str, Result]:
    """What the words `NAME=DIR` of `--with` name. `names` are those that something is built against. Raises UsageError."""
    found: dict[str, Result] = {}
    for word in typed:
        name, sign, place = word.partition("=")
        if not sign or not place:
            raise UsageError(f"--with {word}: no folder is named", "write --with NAME=DIR")
        if name not in names:
            what = f"these are: {', '.join(names)}" if names else "nothing of this call is"
            raise UsageError(f"--with {name}: nothing is built against a recipe of that name", what)
        if name in found:
            raise UsageError(f"--with {name} is given twice", "one folder for each recipe")
        try:
            found[name] = _of_folder(name, Path(place).expanduser().resolve(), recipes.get(name))
        except (_LostError, OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"--with {name}={place}: {error}", "name a folder that `rocmkit build` has brought to its place") from None
    return found


def lost(uses: Sequence[Result]) -> str | None:
    """Which of these is not what it was when it was planned with, in words; None: all are."""
    for one in uses:
        try:
            place = Path(one.folder)
            now = _of_folder(one.recipe, place) if one.origin == "given" else _result(_of_work(place.parent), one.origin)
        except (_LostError, OSError, ValueError) as error:
            return f"the {one.recipe} that this is built against: {error}"
        if now.digest != one.digest:
            return f"the {one.recipe} in {one.folder} is not the one that was planned with: give the same command again"
    return None


@contextlib.contextmanager
def held(uses: Sequence[Result]) -> Iterator[None]:
    """Keep other builds from changing these meanwhile. Raises UsageError where one does, OSError."""
    with contextlib.ExitStack() as stack:
        for one in uses:
            if one.origin != "given":
                stack.enter_context(lock.locked(Path(one.folder).parent))
        yield


def _result(plan: Plan, origin: Origin) -> Result:
    return Result(
        recipe=plan.recipe,
        folder=plan.prefix,
        origin=origin,
        digest=plan.digest,
        version=plan.local_version,
        rocm=plan.toolchain.version,
        arch=plan.arch,
    )


def _of_work(work: Path) -> Plan:
    """The plan that a work folder was filled by, where all of it is done, was found right, and is as it was then."""
    try:
        there = work.stat()
    except OSError as error:
        raise _LostError(f"{work}: {error.strerror or error}") from None
    if there.st_uid != os.geteuid() or there.st_mode & stat.S_IWOTH:
        raise _LostError(f"{work} is not yours alone")
    past, done, before = _plan(work), state.read(work)[0], installed.kept(work)
    if past is None or done.outcome != "done" or [one.digest for one in done.done] != [step.digest for step in past.steps]:
        raise _LostError(f"the build in {work} is not finished")
    if past.work != str(work) or past.prefix != str(work / "prefix"):
        raise _LostError(f"the build in {work} was made in another folder, {past.work}")
    if before is None or before.plan != past.digest:
        raise _LostError(f"what was built in {work} was not found to be what it should be")
    prefix = Path(past.prefix)
    try:
        workplace.inside(work, [prefix])
    except UsageError as error:
        raise _LostError(error.message) from None
    if not prefix.is_dir():
        raise _LostError(f"{prefix} is gone")
    _plain(prefix)
    if wrong := installed.wrong(past):
        raise _LostError(wrong)
    return past


def _plan(work: Path) -> Plan | None:
    try:
        return state.stored(work / "plan.json", Plan, mib=_MIB)
    except (OSError, DataError):
        return None


def _plain(folder: Path) -> None:
    """That nothing in a folder leads out of it. Raises _LostError."""
    try:
        out = installed.leading_out(folder)
    except (OSError, ValueError) as error:
        raise _LostError(str(error)) from None
    if out:
        raise _LostError(f"{folder / out[0]} is a link that leads out of it")


def _of_folder(name: str, folder: Path, recipe: Recipe | None = None) -> Result:
    """A folder that was delivered, held to what is written down beside it. Raises _LostError, OSError, ValueError."""
    for part in ("include", "lib"):
        if not (folder / part).is_dir():
            raise _LostError(f"{folder} has no folder {part}" if folder.is_dir() else f"{folder} is no folder")
    _plain(folder)
    bases = [release.expect.files for release in recipe.releases] if recipe else []
    lacking = [installed.missing(folder, (one for one in files if "{arch}" not in one)) for files in bases]
    if lacking and all(lacking):
        raise _LostError(f"{folder} has no {lacking[0][0]}")
    contents = {
        path: str((folder / path).readlink()) if stat.S_ISLNK(what.st_mode) else sha256(folder / path) for path, what in _files(folder)
    }
    about = _provenance(folder)
    if about is not None:
        if about.recipe.name != name:
            raise _LostError(f"{folder} is the result of the recipe {about.recipe.name}")
        now = {path: digest for path, digest in contents.items() if not (folder / path).is_symlink()}
        if now != about.files:
            other = sorted(path for path in {*now, *about.files} if now.get(path) != about.files.get(path))
            raise _LostError(f"{folder / other[0]} is not what was delivered")
    return Result(
        recipe=name,
        folder=str(folder),
        origin="given",
        digest=of_text(json.dumps(sorted(contents.items()))),
        version=about.version if about else None,
        rocm=about.toolchain.rocm if about else None,
        arch=about.arch if about else None,
    )


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    yield from ((path, what) for path, what in installed.below(folder) if not stat.S_ISDIR(what.st_mode))


def _provenance(folder: Path) -> Provenance | None:
    """What is written down beside a folder; None: nothing. Raises _LostError where it cannot be read."""
    file = folder.with_name(f"{folder.name}.provenance.json")
    try:
        return state.stored(file, Provenance, mib=_MIB)
    except FileNotFoundError:
        return None
    except (OSError, DataError) as error:
        raise _LostError(f"{file} cannot be read: {error}") from None
