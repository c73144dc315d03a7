"""From what was typed to plans: the order of recipes, where each works, and which sources come from elsewhere."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from rocmkit.build import results
from rocmkit.build.detect import of_image, supposed
from rocmkit.build.given import given
from rocmkit.build.load import find, load, opened, recipes
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Loaded, Recipe
from rocmkit.build.results import of_plan
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Ask, Launcher, Plan, Result
from rocmkit.errors import UsageError
from rocmkit.facts import Facts, Gap
from rocmkit.host.base import Host
from rocmkit.host.cache import cache
from rocmkit.kb.when import Layout
from rocmkit.model import DataError, Model

#: Where an image works, and where a plan does of which only the local version is wanted.
IN_IMAGE, OUT_OF_IMAGE = "/build", "/out"


#: That of Ubuntu 22.04, which plans for another machine suppose.
_PYTHON = "3.10"


class Wish(Model, kw_only=True):
    """What was typed."""

    recipes: tuple[str, ...]  # names and folders
    archs: tuple[str, ...]
    rocm: str | None = None  # folder
    rocm_version: str | None = None  # of a ROCm that is not here
    layout: Layout | None = None  # of that ROCm
    versions: tuple[str, ...] = ()  # [RECIPE=]V
    sources: tuple[str, ...] = ()  # [NAME=]PLACE
    results: tuple[str, ...] = ()  # NAME=DIR: results of other recipes, to build against
    python: str | None = None
    jobs: int | None = None
    launcher: Launcher | None = None
    work: str | None = None  # folder; None: one of its own in the user's cache
    out: str = "."
    container: str | None = None  # image; empty: the one that fits; None: no container


def refuse(wish: Wish) -> None:
    """Raise UsageError for what cannot be meant, whatever is done with it."""
    if not wish.recipes:
        raise UsageError("no recipe is named", "`rocmkit recipes` lists them: rocmkit build ctranslate2 --arch gfx906")
    if not wish.archs:
        raise UsageError("--arch is missing", "--arch gfx906, or --arch native for the card of this machine")
    if wish.layout and not wish.rocm_version:
        raise UsageError("--layout is for --rocm-version, which is missing", "--rocm DIR chooses among the ROCm that are here")


def loaded(words: Sequence[str]) -> tuple[Loaded, ...]:
    """The recipes that the words name: a name, or the path of a folder. What another one needs goes before it. Raises UsageError."""
    found = {}
    for word in words:
        one = opened(find(word))
        found[one.recipe.name] = one
    return ordered(tuple(found.values()))


def ordered(asked: Sequence[Loaded]) -> tuple[Loaded, ...]:
    """The same, as given, but that one that makes kernels, or is built against, goes before those that need it."""
    left, order = list(asked), []
    while left:
        ready = (one for one in left if not any(_wants(one, other) for other in left if other is not one))
        order.append(next(ready, left[0]))  # where each waits for another, as given
        left.remove(order[-1])
    return tuple(order)


def _wants(one: Loaded, other: Loaded) -> bool:
    """Whether one recipe needs what another makes."""
    return any({*release.kernels} & {*other.recipe.provides} or other.recipe.name in release.uses for release in one.recipe.releases)


def release_of(python: str | None) -> str | None:
    """The release that --python names, where it names one: 3.12."""
    return python if python and re.fullmatch(r"3\.[0-9]{1,2}", python) else None


def imagined(wish: Wish, facts: Facts | None, python: str | None, *, in_image: bool) -> Toolchain:
    """What another machine, or an image, is supposed to build with. `facts` are those of this one. Raises UsageError."""
    here = () if facts is None or isinstance(facts.rocm, Gap) else facts.rocm
    version = wish.rocm_version or next((row.version for row in here if row.version), None)
    if version is None:
        raise UsageError("which ROCm the container is to hold is not said, and there is none here", "add --rocm-version 6.3")
    if python is None and wish.python and facts and not isinstance(facts.python, Gap):
        python = ".".join(facts.python.version.split(".")[:2])
    if in_image:
        if wish.container:  # what it holds is not known; ROCm's own images are laid out so
            return replace(supposed(version, python=python or _PYTHON), container=True, image=wish.container)
        found = of_image(version)
        if python and not found.python.version.startswith(python):
            raise UsageError(f"{found.image} has Python {found.python.version}, not {python}", "leave --python out, or name another image")
        return found
    return supposed(version, layout=wish.layout, python=python or _PYTHON, root=wish.rocm)


def plans(asked: Sequence[Loaded], toolchain: Toolchain, archs: tuple[str, ...], wish: Wish, host: Host) -> tuple[Plan, ...]:
    """The plan of each, in their order. Raises UsageError, DataError."""
    others = _others(asked)
    ready, lost = _ready(asked, others, toolchain, archs, wish)
    joined = _joined(asked)
    versions = by_recipe(wish.versions, [one.recipe.name for one in asked])
    made: list[tuple[Loaded, Ask]] = []
    provided: dict[str, str] = {}
    for one in asked:
        work = f"{IN_IMAGE}/{one.recipe.name}" if one.recipe.name in joined else IN_IMAGE
        ask = Ask(archs=archs, version=versions.get(one.recipe.name), work=work, out=OUT_OF_IMAGE, provided=dict(provided))
        ask = replace(ask, jobs=wish.jobs, launcher=wish.launcher, results=ready, lost=lost)
        if not toolchain.container:
            place = work_of(plan(one, toolchain, ask, others), wish, several=len(asked) > 1)
            ask = replace(ask, work=str(place), out=str(real(wish.out)))
        made.append((one, ask))
        provided |= dict.fromkeys(one.recipe.provides, one.recipe.name)
    plain = _in_order(made, toolchain, others)
    if not wish.sources:
        return plain
    places = given(wish.sources, plain, host)
    return _in_order([(one, replace(ask, given=own)) for (one, ask), own in zip(made, places, strict=True)], toolchain, others)


def _in_order(made: Sequence[tuple[Loaded, Ask]], toolchain: Toolchain, others: tuple[Recipe, ...]) -> tuple[Plan, ...]:
    """The plans, each built against those before it that it uses."""
    done: dict[str, Plan] = {}
    for one, ask in made:
        results = {**ask.results, **{name: of_plan(before) for name, before in done.items()}}
        done[one.recipe.name] = plan(one, toolchain, replace(ask, results=results), (*others, *(other.recipe for other, _ in made)))
    return tuple(done.values())


def _joined(asked: Sequence[Loaded]) -> set[str]:
    """Those that are built against another one of the call, and those others: in one image, each has a folder of its own."""
    names = {one.recipe.name for one in asked}
    pairs = [(one.recipe.name, used) for one in asked for release in one.recipe.releases for used in release.uses if used in names]
    return {name for pair in pairs for name in pair}


def _ready(
    asked: Sequence[Loaded], others: Sequence[Recipe], toolchain: Toolchain, archs: tuple[str, ...], wish: Wish
) -> tuple[dict[str, Result], dict[str, str]]:
    """The results that are not of this call: those that were named, else the user's own builds of before; and why others do not serve."""
    names = dict.fromkeys(name for one in asked for release in one.recipe.releases for name in release.uses)
    for one in asked:
        names.pop(one.recipe.name, None)
    if wish.results and (toolchain.container or toolchain.supposed):
        raise UsageError(
            "--with names a folder of this machine", "name both recipes in one call, where another machine or a container builds"
        )
    found = results.given(wish.results, names, {one.name: one for one in others})
    lost: dict[str, str] = {}
    for name in names if not toolchain.supposed and not toolchain.container else ():
        before = cached(name, toolchain, archs) if name not in found else None
        if isinstance(before, str):
            lost[name] = before
        elif before is not None:
            found[name] = before
    return found, lost


def cached(name: str, toolchain: Toolchain, archs: tuple[str, ...]) -> Result | str | None:
    """The user's own build of one of rocmkit's recipes with this toolchain; why it does not serve; None: there is none."""
    try:
        one = load(recipes()[name])
        planned = plan(one, toolchain, Ask(archs=archs, work=IN_IMAGE, out=OUT_OF_IMAGE))
    except (KeyError, DataError, OSError, UsageError):
        return None
    return results.cached(replace(planned, work=str(cache("build") / folder_name(planned))))


def _others(asked: Sequence[Loaded]) -> tuple[Recipe, ...]:
    """rocmkit's own recipes beside those that are asked for: one of them may make what is missing."""
    found = []
    for name, place in recipes().items():
        with contextlib.suppress(DataError, OSError):  # `rocmkit recipes check` complains of it
            found += [load(place).recipe] if name not in {one.recipe.name for one in asked} else []
    return tuple(found)


def work_of(plan: Plan, wish: Wish, *, several: bool) -> Path:
    """The folder that a plan works in: a part of --work where it is one of several, else one of its own in the user's cache."""
    if wish.work is None:
        return cache("build") / folder_name(plan)
    return real(wish.work) / plan.recipe if several else real(wish.work)


def folder_name(plan: Plan) -> str:
    """What a plan's own work folder is called: two plans that cannot share one have two names."""
    words = (plan.recipe, plan.local_version, *((plan.toolchain.python.tag,) if plan.wheel else ()))
    return re.sub(r"[^\w.-]", "-", "-".join(words))  # a plus sign is a sign of CMake's expressions


def real(typed: str) -> Path:
    """A path that was typed, absolute and without links: compilers write what they are given into what they make. Raises UsageError."""
    try:
        return Path(typed).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{typed!r} is no path here: {error}") from None


def by_recipe(typed: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The words of --recipe-version, `V` or `RECIPE=V`, by recipe. Raises UsageError."""
    found = {}
    for word in typed:
        name, sign, version = word.rpartition("=")
        if not sign and len(names) > 1:
            raise UsageError("--recipe-version does not say which recipe it is for", f"write --recipe-version {names[0]}={version}")
        name = name if sign else names[0]
        if name not in names:
            raise UsageError(f"--recipe-version {word}: {name} is not among the recipes to build", f"these are {', '.join(names)}")
        found[name] = version
    return found
