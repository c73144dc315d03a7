"""A recipe, a toolchain and a wish as a plan: every command with nothing left to fill in. Nothing is looked at and nothing is done."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from rocmkit.build import digests, using
from rocmkit.build.case import Case
from rocmkit.build.feasible import choose
from rocmkit.build.fetching import bring, of_recipe
from rocmkit.build.placeholders import FROM, VALUE, fill, standing
from rocmkit.build.recipe import Expect, Loaded, Recipe, Step, Words
from rocmkit.build.toolchain import BuildPython, Toolchain
from rocmkit.build.values import Ask, Plan, PlanFile, PlanStep
from rocmkit.errors import UsageError
from rocmkit.kb.targets import base, parse_target
from rocmkit.model import DataError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def plan(loaded: Loaded, toolchain: Toolchain, ask: Ask, others: Iterable[Recipe] = ()) -> Plan:
    """All that is done to build a recipe. `others` are recipes that may make what this one finds missing.

    Raises UsageError for a wish that cannot be met (NoRelease where no release is for that ROCm), DataError for a recipe that does not
    hold together.
    """
    _check(toolchain, ask)
    archs = tuple(sorted({*ask.archs}, key=lambda one: (len(base(one)), one)))
    recipe = loaded.recipe
    case = Case(recipe=recipe, toolchain=toolchain, archs=archs, ask=ask, others=tuple(others))
    release, verdict = choose(case)
    values = standing(toolchain, archs, release.version, ask.work)
    used = using.results(case, release)
    values |= {f"{FROM}{name}": folder for name, folder in using.places(case, release).items()}
    values |= {f"{VALUE}{name}": " ".join(_words(words, case, values)) for name, words in release.values.items()}

    brought = bring(loaded, release, tuple(one for one in release.patches if case.holds(one.when)), ask)
    own_files = tuple(of_recipe(loaded, one.file, ask.work) for one in release.files if case.holds(one.when))
    files = _files((*brought.files, *own_files))
    every, pace = _toolchain_env(toolchain), _pace(ask)
    made = [replace(step, env={**every, **pace, **step.env}) for step in brought.steps]
    own = [_step(step, case, values, {**every, **pace}) for step in release.steps if case.holds(step.when)]
    _check_steps((*made, *own), ask.work)
    steps = digests.chain(made, own, files, toolchain, frozenset(every), [(one.recipe, one.digest) for one in used])
    if not own:
        raise DataError(f"{recipe.name} {release.version} has no step for this build")
    return Plan(
        recipe=recipe.name,
        title=recipe.title,
        version=release.version,
        local_version=values["local_version"],
        arch=archs,
        toolchain=toolchain,
        feasible=not verdict.blocks,
        blocked_by=verdict.blocks,
        prerequisites=verdict.prerequisites,
        work=ask.work,
        out=ask.out,
        files=files,
        steps=steps,
        pins=brought.pins,
        wheel=_wheel(recipe.package, values["local_version"], toolchain) if recipe.package else None,
        prefix=values["prefix"],
        dist=values["dist"],
        expect=_expect(release.expect, archs, values),
        needs=release.needs,
        runs_on=release.runs_on,
        cost=release.cost,
        jobs=ask.jobs,
        launcher=ask.launcher,
        gives=case.said(release.gives),
        notes=(*case.said(release.notes), *verdict.notes),
        uses=used,
        links=release.links,
        use=fill(recipe.use, values),
        package=recipe.package,
        recipe_sha256=loaded.sha256,
        digest=steps[-1].digest,
    )


def _check(toolchain: Toolchain, ask: Ask) -> None:
    if not ask.archs:
        raise UsageError("no GPU architecture is named", "say which with --arch, such as --arch gfx906")
    for target in ask.archs:
        if parse_target(target) is None:
            raise UsageError(f"{target!r} is no GPU architecture", "such as gfx906, or gfx906:xnack-")
    if ask.jobs is not None and ask.jobs < 1:
        raise UsageError(f"{ask.jobs} compilers at a time are none", "give a number from 1 on with --jobs")
    places = {
        "the work folder": ask.work,
        "ROCm": toolchain.root,
        "ROCm's libraries": toolchain.lib,
        "the compiler": toolchain.llvm,
        "the OpenMP runtime": toolchain.openmp,
        "the device libraries": toolchain.device_lib or "/",
        "Python": toolchain.python.executable,
    }
    for result in ask.results.values():
        places[f"the result of {result.recipe}"] = result.folder
    for what, path in places.items():
        if not path.startswith("/") or _CONTROL.search(path):
            raise UsageError(f"the path of {what} is {path!r}", "it has to be absolute and without control characters")
    for one in ask.given:
        if _CONTROL.search(one.place):
            raise UsageError(f"the place of the source {one.name} is {one.place!r}", "it has to be without control characters")


def _check_steps(steps: Iterable[PlanStep], work: str) -> None:
    """That each step can be carried out as it is written, and stays in the work folder."""
    names: set[str] = set()
    for step in steps:
        if _CONTROL.search(step.name):
            raise DataError(f"the name of a step holds a control character: {step.name!r}")
        if step.name in names:
            raise DataError(f"two steps are called {step.name!r}")
        names.add(step.name)
        if not step.argv or not step.argv[0] or step.argv[0].startswith("-") or "=" in step.argv[0]:
            raise DataError(f"{step.name}: its first word is no program")
        if wrong := next((name for name in step.env if not _VARIABLE.fullmatch(name)), None):
            raise DataError(f"{step.name}: {wrong!r} is no name of a variable")
        if any("\0" in word for word in (*step.argv, *step.env.values())):
            raise DataError(f"{step.name}: no command can hold a NUL character")
        cwd = posixpath.normpath(step.cwd)
        if _CONTROL.search(cwd) or not (cwd == posixpath.normpath(work) or cwd.startswith(f"{posixpath.normpath(work)}/")):
            raise DataError(f"{step.name}: {step.cwd!r} is outside the work folder")


def _toolchain_env(toolchain: Toolchain) -> dict[str, str]:
    env = {"ROCM_PATH": toolchain.root, "HIPCXX": f"{toolchain.llvm}/clang++"}
    return {**env, "HIP_DEVICE_LIB_PATH": toolchain.device_lib} if toolchain.device_lib else env


def _pace(ask: Ask) -> dict[str, str]:
    """What changes how long it takes, and nothing of what is made."""
    jobs = {digests.JOBS: str(ask.jobs)} if ask.jobs else {}
    return {**jobs, **(dict.fromkeys(digests.LAUNCHERS, ask.launcher) if ask.launcher else {})}


def _words(words: Iterable[str | Words], case: Case, values: Mapping[str, str]) -> tuple[str, ...]:
    """The words of this build, filled in."""
    kept: list[str] = []
    for word in words:
        if isinstance(word, str):
            kept.append(word)
        elif case.holds(word.when):
            kept += word.words
    return tuple(fill(word, values) for word in kept)


def _step(step: Step, case: Case, values: Mapping[str, str], env: Mapping[str, str]) -> PlanStep:
    return PlanStep(
        name=step.name,
        stage=step.stage,
        argv=_words(step.run, case, values),
        cwd=fill(step.cwd, values),
        env={**env, **{name: fill(value, values) for name, value in step.env.items()}},
        why=step.why,
        progress=step.progress,
        network=step.network,
        group=step.group,
        digest="",
    )


def _files(files: Iterable[PlanFile]) -> tuple[PlanFile, ...]:
    """Each file once. Two releases' worth of one name cannot both be written."""
    found: dict[str, PlanFile] = {}
    for file in files:
        if found.setdefault(file.path, file) != file:
            raise DataError(f"two files are called {posixpath.basename(file.path)!r}")
    return tuple(found.values())


def _expect(expect: Expect, archs: tuple[str, ...], values: Mapping[str, str]) -> Expect:
    """What the result has to be, filled in; a pattern of files with `{arch}` stands for one of each architecture."""
    bases = tuple(dict.fromkeys(base(one) for one in archs))
    patterns = (fill(one, {**values, "arch": arch}) for one in expect.files for arch in (bases if "{arch}" in one else bases[:1]))
    return Expect(
        imports=tuple(fill(one, values) for one in expect.imports),
        requires=tuple(fill(one, values) for one in expect.requires),
        bundled=tuple(fill(one, values) for one in expect.bundled),
        rocm=tuple(fill(one, values) for one in expect.rocm),
        env={name: fill(value, values) for name, value in expect.env.items()},
        providers=expect.providers,
        gpu_code=expect.gpu_code,
        files=tuple(patterns),
    )


def _wheel(package: str, version: str, toolchain: Toolchain) -> str:
    """The name of the wheel's file, as the specification of binary distributions composes it."""
    return f"{re.sub(r'[-_.]+', '_', package).lower()}-{version}-{_tags(toolchain.python)}-linux_{toolchain.machine}.whl"


def _tags(python: BuildPython) -> str:
    """Python and ABI: cp313-cp313t for a free-threaded one."""
    return f"{python.tag.removesuffix('t')}-{python.tag}"
