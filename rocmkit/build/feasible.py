"""Which release of a recipe is for a toolchain, and what keeps the result from being built or from computing on the card.

What is not known keeps nothing: it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rocmkit import kb
from rocmkit.build import using
from rocmkit.build.case import Case, either, listed
from rocmkit.build.placeholders import rocm_series
from rocmkit.build.recipe import Release
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Ask, Block
from rocmkit.errors import UsageError
from rocmkit.kb.targets import base
from rocmkit.kb.versions import within
from rocmkit.model import Model

#: The pages that explain a block: no rocBLAS kernels, a compiler that does not know the card, wrong numbers, a ROCm without what the
#: recipe asks it for, a Python that nothing is made for, a result that has no code for the card.
NO_KERNELS, UNKNOWN_GPU, WRONG_RESULTS, ROCM_PACKAGE, NO_WHEEL, WRONG_ARCH = "RK307", "RK630", "RK415", "RK614", "RK402", "RK404"
_WORDS = {"rocblas": "rocBLAS", "hipblaslt": "hipBLASLt", "miopen": "MIOpen"}
_LAYOUTS = {
    "amd": "AMD's packages",
    "core": "the ROCm Core SDK",
    "debian": "a distribution's own packages",
    "wheel": "pip's ROCm SDK",
}


class NoRelease(UsageError):
    """No release of the recipe is for that ROCm."""


class Verdict(Model, kw_only=True):
    """Whether a release can be built and used with a toolchain."""

    blocks: tuple[Block, ...]
    prerequisites: tuple[str, ...]  # recipes that take blocks away
    notes: tuple[str, ...]


def choose(case: Case) -> tuple[Release, Verdict]:
    """The release to build: of those for this ROCm the first that nothing of its own speaks against, else the first.

    Raises NoRelease where none is for this ROCm, UsageError for a version that the recipe does not have.
    """
    recipe, rocm, version = case.recipe, case.toolchain.version, case.ask.version
    named = [one for one in recipe.releases if version in (None, one.version)]
    if not named:
        have = ", ".join(dict.fromkeys(one.version for one in recipe.releases))
        raise UsageError(f"{recipe.name} has no release {version}", f"it has {have}")
    fit = [one for one in named if within(one.rocm, rocm)]
    if not fit:
        ranges = "; ".join(f"{one.version} is for ROCm {one.rocm}" for one in recipe.releases)
        raise NoRelease(
            f"{recipe.name}{f' {version}' if version else ''} has no release for ROCm {rocm}: {ranges}",
            "take one of these ROCm releases with --rocm DIR, or plan for it with --rocm-version",
        )
    release = next((one for one in fit if not any(_own(case, one))), fit[0])
    return release, _verdict(case, release)


def _verdict(case: Case, release: Release) -> Verdict:
    blocks = [*_own(case, release), *_compiler(case)]
    prerequisites: list[str] = []
    notes: list[str] = []
    knower = kb.distribution_compiles if _debians(case.toolchain) else kb.compiler_knows
    knows = {arch: knower(arch, case.toolchain.version) for arch in case.archs}
    if unsure := [arch for arch, one in knows.items() if one is None]:
        notes.append(f"Whether the compiler of this ROCm knows {listed(unsure)} is not known.")
    for library in release.kernels:
        word = _WORDS.get(library, library)
        held = {arch: _held(library, arch, case.toolchain) for arch in case.archs}
        missing = [arch for arch, one in held.items() if one is False]
        unknown = [arch for arch, one in held.items() if one is None]
        if library in case.ask.provided:
            if missing or unknown:
                notes.append(f"The recipe {case.ask.provided[library]} makes the kernels of {word} for {listed([*missing, *unknown])}.")
            continue
        if unknown:
            notes.append(f"Whether {word} of this ROCm holds kernels for {listed(unknown)} is not known; without them nothing computes.")
        if missing:
            makers = tuple(_makers(case, library))
            prerequisites += makers
            blocks.append(_no_kernels(case, release, library, missing, makers))
    blocks += using.blocks(case, release)
    prerequisites += using.prerequisites(case, release)
    notes += using.notes(case, release)
    return Verdict(blocks=tuple(blocks), prerequisites=tuple(dict.fromkeys(prerequisites)), notes=tuple(notes))


def _own(case: Case, release: Release) -> Iterator[Block]:
    """What of the release itself does not fit."""
    toolchain, version = case.toolchain, f"{case.recipe.name} {release.version}"
    if toolchain.layout not in release.layouts:
        yield Block(
            code=ROCM_PACKAGE,
            text=f"{version} is not built with {_LAYOUTS[toolchain.layout]}.",
            ways_out=(
                f"Build with the ROCm of {either([_LAYOUTS[one] for one in release.layouts])}: --rocm DIR",
                *_container(case, release),
            ),
        )
    if release.archs and (outside := [arch for arch in case.archs if base(arch) not in release.archs]):
        yield Block(
            code=WRONG_ARCH,
            text=f"{version} is for {listed(release.archs)}, and not for {listed(outside)}.",
            ways_out=(*_sisters(case), *_elsewhere(case), *_without(case, outside)),
        )
    wide = {arch: known.wavefront for arch in case.archs if (known := kb.arch(arch)) is not None}
    if release.wavefront and (other := [arch for arch, lanes in wide.items() if lanes != release.wavefront]):
        yield Block(
            code=WRONG_RESULTS,
            text=f"{version} computes rightly on wavefronts of {release.wavefront} lanes; those of {listed(other)} have {wide[other[0]]}.",
            ways_out=(*_elsewhere(case), *_without(case, other)),
        )
    if toolchain.machine not in release.machines:
        yield Block(
            code=NO_WHEEL,
            text=f"{version} is built for {listed(release.machines)}, and this machine is {toolchain.machine}.",
            ways_out=(f"Build on a machine that is {either(release.machines)}.",),
        )
    python = toolchain.python.version
    if case.recipe.package and release.python and not within(release.python, python):
        yield Block(
            code=NO_WHEEL,
            text=f"{version} is for Python {release.python}, and this one is {python}.",
            ways_out=(f"Give such a Python: {case.command} --python PATH",),
        )


def _compiler(case: Case) -> Iterator[Block]:
    """A distribution's own clang has another release than AMD's; what it knows is not told by the release of ROCm."""
    if case.toolchain.layout == "debian":
        return
    rocm = rocm_series(case.toolchain.version)
    if unknown := [arch for arch in case.archs if kb.compiler_knows(arch, case.toolchain.version) is False]:
        newer = [one for one in kb.rocm_releases() if all(kb.compiler_knows(arch, one) for arch in case.archs)]
        ways = (f"Take ROCm {newer[0]}, or a newer one that knows all of them.",) if newer else ()
        yield Block(
            code=UNKNOWN_GPU,
            text=f"The compiler of ROCm {rocm} does not know {listed(unknown)}.",
            ways_out=(*ways, *_without(case, unknown)),
        )


def _held(library: str, arch: str, toolchain: Toolchain) -> bool | None:
    """Whether that library of this ROCm has kernels for an architecture: by its files, else as such packages do. None: not known."""
    if library in toolchain.kernels:
        return any(kb.compatible(target, arch) for target in toolchain.kernels[library])
    if library == "rocblas" and _debians(toolchain):
        return kb.distribution_rocblas(arch, toolchain.version)
    return _packaged(library, arch, toolchain.version) if toolchain.layout in ("amd", "core") else None


def _debians(toolchain: Toolchain) -> bool:
    """Whether these are Debian's own packages of ROCm, or Ubuntu's of the same make; Fedora's are for other cards."""
    return toolchain.layout == "debian" and toolchain.distribution.manager == "apt"


def _packaged(library: str, arch: str, rocm: str) -> bool | None:
    if library == "rocblas":
        return kb.rocblas_kernels(arch, rocm)
    if library == "hipblaslt" and (archs := kb.hipblaslt_archs(rocm)) is not None:
        return base(arch) in archs
    return None


def _no_kernels(case: Case, release: Release, library: str, missing: list[str], makers: tuple[str, ...]) -> Block:
    toolchain, word = case.toolchain, _WORDS.get(library, library)
    rocm = rocm_series(toolchain.version)
    whose = "The distribution's" if toolchain.layout == "debian" else "AMD's"
    which = f"The {word} of this ROCm {rocm}" if library in toolchain.kernels else f"{whose} {word} of ROCm {rocm}"
    ways = [f"Build {word} for it first: rocmkit build {maker} {case.recipe.name} --arch {case.arch}" for maker in makers]
    ways += _elsewhere(case, lambda series: all(_packaged(library, arch, series) for arch in case.archs))
    return Block(
        code=NO_KERNELS,
        text=f"{which} holds no kernels for {listed(missing)}: "
        f"{case.recipe.name} {release.version} would build, and end at the first matrix product.",
        ways_out=(*ways, *_without(case, missing)),
    )


def _makers(case: Case, library: str) -> Iterator[str]:
    """Recipes that make that library's kernels for all of these targets, with this toolchain."""
    for recipe in case.others:
        if library in recipe.provides and recipe.name != case.recipe.name:
            mine = Case(recipe=recipe, toolchain=case.toolchain, archs=case.archs, ask=Ask(archs=case.archs, work="/", out="/"), others=())
            fit = (one for one in recipe.releases if within(one.rocm, case.toolchain.version))
            if any(not any(_own(mine, one)) for one in fit) and not any(_compiler(mine)):
                yield recipe.name


def _sisters(case: Case) -> Iterator[str]:
    """Other recipes that build the same engine for this ROCm and these cards."""
    alike = (one for one in case.others if one.engine and one.engine == case.recipe.engine and one.name != case.recipe.name)
    for recipe in alike:
        if any(within(one.rocm, case.toolchain.version) and _suits(one, case.archs) for one in recipe.releases):
            yield f"Build {recipe.title} instead: rocmkit build {recipe.name} --arch {case.arch}"


def _container(case: Case, release: Release) -> Iterator[str]:
    image = kb.build_image(case.toolchain.version)
    if image is not None and "amd" in release.layouts and within(release.rocm, image.rocm):
        yield f"In a container: {case.command} --rocm-version {rocm_series(image.rocm)} --container"


def _elsewhere(case: Case, has: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """The newest other ROCm that has what is missing, and that a release for these cards is for."""
    for series in reversed(kb.rocm_releases()):
        fit = (one for one in case.recipe.releases if within(one.rocm, series) and _suits(one, case.archs))
        if series != rocm_series(case.toolchain.version) and has(series) and any(fit):
            there = f"; in a container: {case.command} --rocm-version {series} --container" if kb.build_image(series) else ""
            yield f"Take ROCm {series}{there}"
            return


def _suits(release: Release, archs: Iterable[str]) -> bool:
    """Whether a release is for all of these architectures."""
    known = {arch: kb.arch(arch) for arch in archs}
    return all(
        (not release.archs or base(arch) in release.archs) and (not release.wavefront or not one or one.wavefront == release.wavefront)
        for arch, one in known.items()
    )


def _without(case: Case, these: Iterable[str]) -> tuple[str, ...]:
    left = [arch for arch in case.archs if arch not in {*these}]
    return (f"Leave {listed(these)} out: rocmkit build {case.recipe.name} --arch {','.join(left)}",) if left else ()
