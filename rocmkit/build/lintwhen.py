"""What has to hold for the conditions of a recipe, and for what it says of some builds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rocmkit import kb
from rocmkit.build.lintwords import Wrong, sentence
from rocmkit.build.recipe import Release, Words
from rocmkit.build.shape import Path, meant
from rocmkit.kb.when import ALWAYS, When


def specifier(text: str) -> bool:
    """Whether a text is a range of versions; the empty one is any."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return bool(SpecifierSet(text)) or not text
    except InvalidSpecifier:
        return False


def archs(given: Iterable[str], path: Path) -> Iterator[Wrong]:
    """Which of these are no architectures."""
    for number, gfx in enumerate(given):
        if gfx not in kb.archs():
            yield (*path, number), f"`{gfx}` is no architecture{meant(gfx, list(kb.archs()))}"


def notes(release: Release, path: Path) -> Iterator[Wrong]:
    """What people read of the result before they build it."""
    for field in ("gives", "notes"):
        for number, one in enumerate(getattr(release, field)):
            here = (*path, field, number)
            if isinstance(one, str):
                yield from sentence(one, here)
                continue
            yield from sentence(one.text, (*here, "text"))
            yield from when(one.when, release, (*here, "when"))
            if one.when == ALWAYS:
                yield (*here, "when"), "it names nothing: a sentence that is true of all builds stands alone"


def when(one: When, release: Release, path: Path) -> Iterator[Wrong]:
    """What is wrong with a condition of a release."""
    yield from archs(one.arch, (*path, "arch"))
    if not specifier(one.rocm):
        yield (*path, "rocm"), f"`{one.rocm}` is no range of versions, such as `<7`"
    for field, given, all_of in (("arch", one.arch, release.archs), ("layout", one.layout, release.layouts)):
        if given and all_of and not set(given) & set(all_of):
            yield (*path, field), "never holds: the release is for none of them"


def conditions(words: Iterable[str | Words], release: Release, path: Path) -> Iterator[Wrong]:
    """What is wrong with the conditions of a command's words."""
    for number, word in enumerate(words):
        if isinstance(word, Words):
            yield from when(word.when, release, (*path, number, "when"))
