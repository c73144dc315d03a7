"""What has to hold for what builds need: names that a command line may hold, architectures that are some, images pinned rightly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rocmkit import kb
from rocmkit.kb.build import Image, Need, Shown
from tools.kb_files import Files

#: A package's name, as it is given to a package manager; pip's may name extras.
_PACKAGE = re.compile(r"[a-z0-9](?:[A-Za-z0-9+._-]|\{clang\}|\{python\})*(?:\[[a-z]+(?:,[a-z]+)*\])?")
_PLACES = {"{rocm}", "{lib}", "{llvm}", "{openmp}"}


def faults(files: Files) -> Iterator[str]:
    """What is wrong with build.yaml."""
    if (made := files.get("build")) is None:
        return
    for name, need in made.needs.items():
        yield from (f"build: {name}: {fault}" for fault in _need(need))
    known = {*kb.archs(), *(found.generic for name in kb.archs() if (found := kb.arch(name)))}
    named = [arch for row in made.compilers for arch in row.archs]
    yield from (f"build: compilers: no architecture is called {arch}" for arch in named if arch not in known)
    yield from (f"build: compilers: {arch} is there {count} times" for arch, count in Counter(named).items() if count > 1)
    for image in made.images:
        yield from (f"build: {image.name}: {fault}" for fault in _image(image))


def _need(need: Need) -> Iterator[str]:
    if need.shown_by == Shown():
        yield "nothing says how one sees it"
    for place in (*need.shown_by.files, *need.shown_by.one_of):
        first = re.match(r"\{\w+\}|/", place)
        if first is None or (first[0] != "/" and first[0] not in _PLACES):
            yield f"no place: {place}"
    if not need.packages:
        yield "no package brings it"
    packages = [name for by in need.packages.values() for names in by.values() for name in names]
    yield from (
        f"no package name: {name!r}"
        for name in packages + [name for names in need.named.values() for name in names]
        if not _PACKAGE.fullmatch(name)
    )


def _image(image: Image) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9./-]+:[A-Za-z0-9.-]+", image.name):
        yield "no name with a tag"
    if image.digest is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", image.digest):
        yield f"no digest: {image.digest}"
    told = [source for source in image.sources if "/images/sha256-" in source]
    yield from (
        f"its source tells another digest: {source}" for source in told if image.digest and image.digest.replace(":", "-") not in source
    )
    if not image.rocm.startswith(image.name.rpartition(":")[2].split("-")[0]):
        yield f"the tag is not of ROCm {image.rocm}"
