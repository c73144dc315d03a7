"""What a build is built against, where other recipes make that: whether it is there, and whether it is for the same cards. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit import kb
from rocmkit.build.case import Case, listed, serves
from rocmkit.build.placeholders import rocm_series
from rocmkit.build.recipe import Release
from rocmkit.build.values import Block, Result

#: The pages that explain a block: what is built against is missing, or it is for other cards.
MISSING, WRONG_ARCH = "RK643", "RK404"


def results(case: Case, release: Release) -> tuple[Result, ...]:
    """What it is built against, as far as that is there."""
    return tuple(case.ask.results[name] for name in release.uses if name in case.ask.results)


def places(case: Case, release: Release) -> dict[str, str]:
    """The folder of each; of one that is not there, the folder that it would be laid into by hand."""
    return {name: case.ask.results[name].folder if name in case.ask.results else f"{case.ask.work}/from/{name}" for name in release.uses}


def prerequisites(case: Case, release: Release) -> Iterator[str]:
    """Recipes that have to be built first."""
    yield from (name for name in release.uses if name not in case.ask.results and not _never(case, name))


def blocks(case: Case, release: Release) -> Iterator[Block]:
    """What of it is missing, or is not for these cards."""
    version = f"{case.recipe.name} {release.version}"
    for name in release.uses:
        found = case.ask.results.get(name)
        if found is None:
            yield _missing(case, version, name)
        elif found.arch is not None and (lacks := [arch for arch in case.archs if not any(kb.compatible(one, arch) for one in found.arch)]):
            yield Block(
                code=WRONG_ARCH,
                text=f"{version} is built against {name}, and that in {found.folder} is for {listed(found.arch)}, not for {listed(lacks)}.",
                ways_out=_together(case, name),
            )


def notes(case: Case, release: Release) -> Iterator[str]:
    """What is odd about it, or not known."""
    for one in results(case, release):
        if one.arch is None or one.rocm is None:
            yield f"Nothing says for which cards and ROCm the {one.recipe} in {one.folder} was built: a wrong one fails late, on the card."
        elif rocm_series(one.rocm) != rocm_series(case.toolchain.version):
            yield (
                f"The {one.recipe} in {one.folder} was built with ROCm {one.rocm}, and this is for {case.toolchain.version}: "
                "in one process both would load their own libraries."
            )


def _missing(case: Case, version: str, name: str) -> Block:
    text = f"{version} is built against the result of the recipe {name}, and there is none of that for {case.arch} on this ROCm"
    never, lost = _never(case, name), case.ask.lost.get(name)
    why = f": {never or lost}" if never or lost else ""
    return Block(code=MISSING, text=f"{text}{why}.", ways_out=_elsewhere(case, name) if never else _together(case, name))


def _together(case: Case, name: str) -> tuple[str, ...]:
    again = f"rocmkit build {name} {case.recipe.name} --arch {case.arch}"
    return (f"Build it in the same call, which keeps what is done: {again}", f"Name the folder of one: {case.command} --with {name}=DIR")


def _never(case: Case, name: str) -> str | None:
    """Why that recipe can have no result for this ROCm; None: it can, or it is not known here."""
    one = next((recipe for recipe in case.others if recipe.name == name), None)
    if one is None or serves(one, case.toolchain.version):
        return None
    return f"{name} has no release for ROCm {case.toolchain.version}"


def _elsewhere(case: Case, name: str) -> tuple[str, ...]:
    """The newest ROCm that both have a release for."""
    other = next(recipe for recipe in case.others if recipe.name == name)
    for series in reversed(kb.rocm_releases()):
        if serves(case.recipe, series) and serves(other, series):
            return (f"Take ROCm {series}",)
    return ()
