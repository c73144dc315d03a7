"""What has to hold for a recipe beside its shape. Pure: the recipe and its files go in, complaints come out."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Literal

from rocmkit import kb
from rocmkit.build import lintuses, lintwhen, lintwords
from rocmkit.build.lintwords import Wrong
from rocmkit.build.placeholders import VALUE, named
from rocmkit.build.recipe import STAGES, Brought, Loaded, Patch, Recipe, Release, Source
from rocmkit.build.shape import Path, meant
from rocmkit.kb.versions import version, within
from rocmkit.model import Model

_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?/[^\s]+")
#: A public place: an address, OWNER/REPO#NUMBER, or OWNER/REPO[@REF] with or without a path in it.
_LINK = re.compile(r"https://[A-Za-z0-9.-]+\S*|[\w.-]+/[\w.-]+(#[0-9]+|(@[\w./+-]+)?( [\w./*+-]+)?)")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PLAIN = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[A-Za-z0-9._+@/-]+")
#: Who has so many to mend begins with these; and a hostile file has no thousands of them written out.
MANY = 100


class Complaint(Model, kw_only=True):
    """What is wrong with a recipe, or has to be known of it."""

    level: Literal["error", "note"]  # note: it holds, and is told
    path: Path  # where in the recipe: ("releases", 0, "steps", 2, "run")
    text: str


def lint(loaded: Loaded, others: Mapping[str, Recipe] | None = None) -> tuple[Complaint, ...]:
    """What is wrong with a recipe, MANY things at most; where nothing is, what has to be known of it.

    `others` are the recipes that it may use, by name; None: they are not known, and not looked at.
    """
    found = chain(_wrong(loaded), lintuses.uses(loaded.recipe, others))
    wrong = tuple(Complaint(level="error", path=path, text=text) for path, text in islice(found, MANY))
    return wrong or tuple(Complaint(level="note", path=path, text=text) for path, text in islice(_told(loaded), MANY))


def _wrong(loaded: Loaded) -> Iterator[Wrong]:
    recipe = loaded.recipe
    if not _NAME.fullmatch(recipe.name):
        yield ("name",), f"`{recipe.name}` is no name: small letters, digits, dots and dashes"
    yield from _blank({"title": recipe.title, "summary": recipe.summary, "licence": recipe.licence}, ())
    yield from lintwords.words([(("use",), recipe.use)], ())
    if not recipe.releases:
        yield ("releases",), "there is no release: nothing can be built"
    if not (recipe.package or recipe.use.strip()):
        yield (), "it makes no `package`: say in `use` how what it makes is used"
    for number, release in enumerate(recipe.releases):
        path = ("releases", number)
        yield from _release(release, path)
        yield from lintwhen.notes(release, path)
        yield from lintwords.words(lintwords.everything(release, path), release.values, release.uses)
        yield from _sources(release, path)
        yield from _files(loaded, release, path)
        yield from _used(release, path)
        yield from _steps(release, path)
        yield from _result(recipe.package is not None, release, path)


def _told(loaded: Loaded) -> Iterator[Wrong]:
    """What is not pinned, and releases that no machine gets unasked."""
    before: set[tuple[str, str, str]] = set()
    for number, release in enumerate(loaded.recipe.releases):
        path = ("releases", number)
        for name, source in release.fetch.items():
            if source.archive and source.sha256 is None:
                yield (*path, "fetch", name), f"{name} is not pinned: {source.unpinned}"
        for which, step in enumerate(release.steps):
            yield from lintwords.unpinned(step, (*path, "steps", which))
        cells = _cells(release)
        if not cells:
            yield path, "no ROCm release and GPU that the knowledge base knows are ones that this release is for"
        elif cells <= before:
            yield path, "releases before this one are for all that it is for: it is taken where its version is asked for, and nowhere else"
        if not release.python:
            before |= cells


def _cells(release: Release) -> set[tuple[str, str, str]]:
    """The ROCm releases, layouts and architectures that a release is for, as far as they are known."""
    wide = {gfx: known.wavefront for gfx in kb.archs() if (known := kb.arch(gfx))}
    archs = [gfx for gfx in release.archs or wide if gfx in wide and release.wavefront in {0, wide[gfx]}]
    series = [one for one in kb.rocm_releases() if within(release.rocm, one)]
    return {(one, layout, gfx) for one in series for layout in release.layouts for gfx in archs}


def _blank(texts: dict[str, str], path: Path) -> Iterator[Wrong]:
    yield from (((*path, name), f"`{name}` is empty") for name, text in texts.items() if not text.strip())


def _release(release: Release, path: Path) -> Iterator[Wrong]:
    """A release for itself: its version, what it is for, where that is said, what it costs."""
    yield from _blank({"why": release.why}, path)
    if version(release.version) is None:
        yield (*path, "version"), f"`{release.version}` is no version"
    for name, text in (("rocm", release.rocm), ("python", release.python)):
        if not lintwhen.specifier(text):
            yield (*path, name), f"`{text}` is no range of versions, such as `>=6.2,<7`"
    yield from lintwhen.archs(release.archs, (*path, "archs"))
    if release.wavefront not in {0, 32, 64}:
        yield (*path, "wavefront"), "a wavefront is 32 or 64 wide; 0 stands for any"
    if not release.links:
        yield (*path, "links"), "no public place is named"
    for number, link in enumerate(release.links):
        yield from _link(link, (*path, "links", number))
    cost = release.cost
    numbers = {name: getattr(cost, name) for name in ("core_minutes", "memory_per_job_gib", "disk_gib")}
    yield from (
        ((*path, "cost", name), f"`{name}` is more than nothing") for name, one in numbers.items() if not (math.isfinite(one) and one > 0)
    )
    if not (math.isfinite(cost.per_arch_minutes) and cost.per_arch_minutes >= 0):
        yield (*path, "cost", "per_arch_minutes"), "`per_arch_minutes` is nothing, or more"
    yield from _blank({"measured": cost.measured}, (*path, "cost"))
    for field, given in (("needs", release.needs), ("runs_on", release.runs_on)):
        for number, name in enumerate(given):
            if kb.build_need(name) is None:
                yield (*path, field, number), f"the knowledge base knows no need `{name}`{meant(name, list(kb.build_needs()))}"


def _link(link: str, path: Path) -> Iterator[Wrong]:
    if not _LINK.fullmatch(link):
        yield path, f"`{link}` is no public place: an address, OWNER/REPO#NUMBER, or OWNER/REPO@REF PATH"


def _sources(release: Release, path: Path) -> Iterator[Wrong]:
    if not release.fetch:
        yield (*path, "fetch"), "no source is named"
    for name, source in release.fetch.items():
        here = (*path, "fetch", name)
        if not _NAME.fullmatch(name):
            yield here, f"`{name}` is no name: small letters, digits, dots and dashes"
        yield from _blank({"why": source.why}, here)
        yield from _pinned(source, here)
        for number, below in enumerate(source.submodules):
            yield from _git(below.git, below.commit, (*here, "submodules", number))
            if not _PLAIN.fullmatch(below.path) or below.path.startswith("-"):
                yield (*here, "submodules", number, "path"), f"`{below.path}` is no plain path inside the source"


def _pinned(source: Source, path: Path) -> Iterator[Wrong]:
    if bool(source.git) == bool(source.archive):
        yield path, "it is fetched either by `git` or as an `archive`"
        return
    if source.git:
        yield from _git(source.git, source.commit, path)
        if source.sha256 or source.unpinned:
            yield path, "a repository is pinned by its `commit` alone"
        return
    if not _ADDRESS.fullmatch(source.archive):
        yield (*path, "archive"), f"`{source.archive}` is no address that begins with https://"
    if source.commit or source.submodules:
        yield path, "an archive has neither `commit` nor `submodules`"
    if source.sha256 is not None and not _SHA256.fullmatch(source.sha256):
        yield (*path, "sha256"), f"`{source.sha256}` is no SHA-256: 64 digits, 0 to 9 and a to f"
    if bool(source.sha256) == bool(source.unpinned):
        yield path, "an archive has its `sha256`, or says in `unpinned` why it is not known"


def _git(address: str, commit: str, path: Path) -> Iterator[Wrong]:
    if not _ADDRESS.fullmatch(address):
        yield (*path, "git"), f"`{address}` is no address that begins with https://"
    if not _COMMIT.fullmatch(commit):
        yield (*path, "commit"), "a commit is pinned by all of its 40 digits, 0 to 9 and a to f; a tag or a branch can be moved"


def _files(loaded: Loaded, release: Release, path: Path) -> Iterator[Wrong]:
    """Patches and files: what they are for, and that they are those that were meant."""
    for number, patch in enumerate(release.patches):
        here = (*path, "patches", number)
        for field in ("to", "source_of"):
            if (name := getattr(patch, field)) and name not in release.fetch:
                yield (*here, field), f"no source is called `{name}`{meant(name, list(release.fetch))}"
        yield from _sum(loaded, patch, here)
        if patch.strip not in range(10):
            yield (*here, "strip"), "leading folders to leave out: 0 to 9"
        yield from _brought(patch, release, here)
    for number, file in enumerate(release.files):
        yield from _brought(file, release, (*path, "files", number))


def _brought(one: Patch | Brought, release: Release, path: Path) -> Iterator[Wrong]:
    if not _PLAIN.fullmatch(one.file) or one.file.startswith("-"):
        yield (*path, "file"), f"`{one.file}` is no plain path"
    yield from _blank({"why": one.why}, path)
    yield from _link(one.link, (*path, "link"))
    yield from lintwhen.when(one.when, release, (*path, "when"))


def _sum(loaded: Loaded, patch: Patch, path: Path) -> Iterator[Wrong]:
    text = None if patch.source_of else loaded.texts.get(patch.file)
    if not _SHA256.fullmatch(patch.sha256):
        yield (*path, "sha256"), f"`{patch.sha256}` is no SHA-256: 64 digits, 0 to 9 and a to f"
    elif text is not None and (found := hashlib.sha256(text.encode()).hexdigest()) != patch.sha256:
        yield (*path, "sha256"), f"`{patch.file}` has another SHA-256: {found}"


def _used(release: Release, path: Path) -> Iterator[Wrong]:
    """What is brought, fetched or named, is used."""
    texts = [text for _, text in lintwords.everything(release, path)]
    files = {found.rstrip("/") for text in texts for found in re.findall(r"\{files\}/([\w.+/-]+)", text)}
    sources = {found for text in texts for found in re.findall(r"\{src\}/([\w.-]+)", text)} | {one.source_of for one in release.patches}
    for number, file in enumerate(release.files):
        parts = file.file.split("/")
        if not any("/".join(parts[:count]) in files for count in range(1, len(parts) + 1)):
            yield (*path, "files", number), f"no step names `{{files}}/{file.file}`, or a folder that it is in"
    for name in release.fetch:
        if name not in sources:
            yield (*path, "fetch", name), f"no step names `{{src}}/{name}`"
    steps = {name for step, text in lintwords.everything(release, ()) if step[0] == "steps" for name in named(text)}
    for name, value in release.values.items():
        if f"{VALUE}{name}" not in steps:
            yield (*path, "values", name), f"no step names `{{value.{name}}}`"
        for place, text in lintwords.words_of(value, (*path, "values", name)):
            if any(one.startswith(VALUE) for one in named(text)):
                yield place, "a value holds no other value"


def _steps(release: Release, path: Path) -> Iterator[Wrong]:
    seen: set[str] = set()
    groups: set[str] = set()
    group = ""
    stage = 0
    for number, step in enumerate(release.steps):
        here = (*path, "steps", number)
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", step.name):
            yield (*here, "name"), f"`{step.name}` is no name: small letters, digits and dashes"
        if step.name in seen:
            yield (*here, "name"), f"two steps are called `{step.name}`"
        seen.add(step.name)
        if STAGES.index(step.stage) < stage:
            yield (*here, "stage"), f"{step.stage} comes before {STAGES[stage]}: stages are {', '.join(STAGES)}"
        stage = max(stage, STAGES.index(step.stage))
        yield from _blank({"why": step.why}, here)
        if step.group and step.group != group and step.group in groups:
            yield (*here, "group"), f"the steps of the group `{step.group}` do not follow each other"
        group = step.group
        groups.add(group)
        yield from lintwhen.when(step.when, release, (*here, "when"))
        yield from lintwords.step(step, here)
        yield from lintwhen.conditions(step.run, release, (*here, "run"))
    for name, value in release.values.items():
        yield from lintwhen.conditions(value, release, (*path, "values", name))


def _result(wheel: bool, release: Release, path: Path) -> Iterator[Wrong]:
    """What comes of it can be found, and is asked for."""
    expect = (*path, "expect")
    if not release.steps:
        yield (*path, "steps"), "there is no step"
    if wheel and not any("dist" in named(text) for _, text in lintwords.everything(release, path)):
        yield path, "no step names `{dist}`, where the wheel is looked for"
    if wheel and not release.expect.imports:
        yield expect, "a wheel has modules that import: name them in `imports`"
    if not wheel and not release.expect.files:
        yield expect, "what makes no wheel has to leave `files` below {prefix}"
    for number, pattern in enumerate(release.expect.files):
        if set(named(pattern)) - {"arch"} or not _PLAIN.fullmatch(re.sub(r"\{arch\}|[*?\[\]]", "x", pattern)):
            yield (*expect, "files", number), f"`{pattern}` is no pattern of plain paths below {{prefix}}; {{arch}} is filled in"
