"""What has to hold for the other recipes that one is built against. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rocmkit import kb
from rocmkit.build.case import serves
from rocmkit.build.lintwords import Wrong, everything
from rocmkit.build.placeholders import FROM, named
from rocmkit.build.recipe import Recipe, Release
from rocmkit.build.shape import Path, meant
from rocmkit.kb.versions import within


def uses(recipe: Recipe, others: Mapping[str, Recipe] | None) -> Iterator[Wrong]:
    """What is wrong with the recipes that one uses. `others` are those that there are; None: that is not known."""
    for number, release in enumerate(recipe.releases):
        path: Path = ("releases", number)
        steps = {name for _, text in everything(release, path) for name in named(text)}
        for which, name in enumerate(release.uses):
            here = (*path, "uses", which)
            if name in release.uses[:which]:
                yield here, f"`{name}` is named twice"
            elif f"{FROM}{name}" not in steps:
                yield here, f"no step names `{{from.{name}}}`"
            if name == recipe.name:
                yield here, "a recipe is not built against its own result"
            elif others is not None:
                yield from _one(recipe, release, name, here, others)


def _one(recipe: Recipe, release: Release, name: str, path: Path, others: Mapping[str, Recipe]) -> Iterator[Wrong]:
    other = others.get(name)
    if other is None:
        yield path, f"there is no recipe `{name}`{meant(name, sorted(others))}"
    elif circle := _circle(name, recipe.name, others):
        yield path, f"`{name}` is itself built against the result of {recipe.name}: {' uses '.join((recipe.name, *circle))}"
    else:
        series = [one for one in kb.rocm_releases() if within(release.rocm, one)]
        lacks = [one for one in series if not serves(other, one)]
        if lacks:
            yield path, f"`{name}` has no release for ROCm {', '.join(lacks)}, which this release is for"
        if not any(each.expect.files for each in other.releases):
            yield path, f"`{name}` does not say in `files` what it installs, so nothing can be built against it"


def _circle(start: str, end: str, others: Mapping[str, Recipe]) -> tuple[str, ...] | None:
    """The names from one recipe to another, each of which uses the next; None: no way leads there."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop()
        if way[-1] == end:
            return way
        one = others.get(way[-1])
        for name in dict.fromkeys(each for release in one.releases for each in release.uses) if one else ():
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return None
