"""The page on recipes: what each builds, for which ROCm and cards, out of which sources, and what is changed in those and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rocmkit.build.load import load, recipes
from rocmkit.build.recipe import Brought, Patch, Recipe, Release, Source
from rocmkit.kb.when import Note, When
from rocmkit.report.markdown import inline
from rocmkit.report.recipes import makes, meant_for, only_for, origin
from tools.sources import link
from tools.tables import names

_INTRODUCTION = """\
# Recipes

What `rocmkit build` can build, from sources that are pinned to a commit or a checksum; nothing of them lies in this project.
`rocmkit recipes show NAME` prints the steps too, each with what it is for. Of a recipe's releases the first that fits the ROCm, the card
and the Python is taken. How it is known that a release works (*inferred*, *reported*, …) is in the words of
[what rocmkit knows](knowledge.md).

How to use them: [CTranslate2](../guide/build-ctranslate2.md), [ONNX Runtime and sherpa-onnx](../guide/build-onnxruntime.md). To make one
of your own: [Write a recipe](../guide/write-a-recipe.md).
"""


def page() -> str:
    """The page."""
    lines = [_INTRODUCTION]
    for folder in recipes().values():
        lines += _recipe(load(folder).recipe)
    return "\n".join(lines)


def _recipe(one: Recipe) -> Iterator[str]:
    yield from (f"## {one.name}", "", f"{inline(one.title)}. {inline(one.summary)}", "")
    yield f"- Makes {makes(one)}."
    if one.use:
        yield f"- To use it: {inline(one.use)}"
    yield from (
        f"- Licence of what is built: {one.licence}.",
        f"- The recipe: [recipes/{one.name}](../../recipes/{one.name}/recipe.yaml).",
        "",
    )
    for release in one.releases:
        yield from _release(one.name, release)


def _release(recipe: str, one: Release) -> Iterator[str]:
    yield from (f"### {recipe} {one.version}", "")
    yield from (
        f"For {inline(meant_for(one.rocm, one.layouts, one.archs, one.wavefront, one.python))}. {inline(one.why)} ({one.known})",
        "",
    )
    yield from _listed("What it does on the card:", map(_sentence, one.gives))
    yield from _listed("Limits:", map(_sentence, one.notes))
    yield from _listed("Fetched:", (_source(name, source) for name, source in one.fetch.items()))
    yield from _listed(
        "Changed, and why:", (*(_patch(recipe, patch) for patch in one.patches), *(_file(recipe, file) for file in one.files))
    )
    cost = one.cost
    takes = f"{cost.core_minutes:g} minutes of a processor core, {cost.disk_gib:g} GiB of disk, {cost.memory_per_job_gib:g} GiB a compiler"
    parts = [f"{word} {names(of)}" for word, of in (("Built against", one.uses), ("To build:", one.needs), ("To run:", one.runs_on)) if of]
    yield from _listed("What it takes:", (f"{takes} ({inline(cost.measured)})", *parts))
    yield from _listed("Sources:", map(link, one.links))


def _listed(head: str, texts: Iterable[str]) -> list[str]:
    lines = [f"- {text}" for text in texts]
    return [head, "", *lines, ""] if lines else []


def _sentence(one: str | Note) -> str:
    return inline(one) if isinstance(one, str) else f"{inline(one.text)}{_only(one.when)}"


def _only(when: When) -> str:
    """For which builds alone, as what follows a sentence or a name."""
    return f" ({inline(where)})" if (where := only_for(when)) else ""


def _source(name: str, one: Source) -> str:
    if one.git:
        ref = f" (`{one.ref}`)" if one.ref else ""
        below = "".join(f"; with `{part.path}` from {part.git} at `{part.commit}`" for part in one.submodules)
        return f"`{name}`, {inline(one.why)}: {one.git} at `{one.commit}`{ref}{below}"
    pinned = f"sha256 `{one.sha256}`" if one.sha256 else f"not pinned: {inline(one.unpinned)}"
    return f"`{name}`, {inline(one.why)}: {one.archive}, {pinned}"


def _patch(recipe: str, one: Patch) -> str:
    what = f"`{origin(one)}`" if one.source_of else _ours(recipe, one.file)
    return f"{what}, a patch of `{one.to}`: {inline(one.why)}{_only(one.when)}. {link(one.link)}"


def _file(recipe: str, one: Brought) -> str:
    return f"{_ours(recipe, one.file)}: {inline(one.why)}{_only(one.when)}. {link(one.link)}"


def _ours(recipe: str, file: str) -> str:
    return f"[{file}](../../recipes/{recipe}/{file})"
