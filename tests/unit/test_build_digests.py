"""A change changes digests from there on and none before; what changes no result changes no digest."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from rocmkit.build.recipe import Brought, Submodule
from rocmkit.build.values import Plan
from tests.support.plans import (
    COMMIT,
    OTHER,
    ask,
    loaded,
    planned,
    recipe,
    release,
    rich,
    step,
    toolchain,
)


def differs_from(one: Plan, other: Plan) -> str | None:
    """The first step whose digest differs; all after it have to as well."""
    pairs = list(zip(one.steps, other.steps, strict=True))
    at = next((number for number, (a, b) in enumerate(pairs) if a.digest != b.digest), None)
    if at is None:
        return None
    assert all(a.digest != b.digest for a, b in pairs[at:])
    return pairs[at][0].name


def changed(**of_release: Any) -> Plan:
    whole = rich()
    only = whole.recipe.releases[0]
    return planned(replace(whole, recipe=replace(whole.recipe, releases=(replace(only, **of_release),))))


def test_a_change_changes_the_digests_from_there_on_and_none_before() -> None:
    base, whole = planned(), rich().recipe.releases[0]
    assert differs_from(base, planned()) is None
    engine, numbers = whole.fetch["engine"], whole.fetch["numbers"]
    assert differs_from(base, changed(fetch={**whole.fetch, "engine": replace(engine, commit=OTHER)})) == "fetch-engine"
    sub = Submodule(path="third_party/log", git="https://example.org/log.git", commit=COMMIT)
    assert (
        differs_from(base, changed(fetch={**whole.fetch, "engine": replace(engine, submodules=(sub,))})) == "fetch-engine-third_party-log"
    )
    assert differs_from(base, changed(fetch={**whole.fetch, "numbers": replace(numbers, sha256="e" * 64)})) == "fetch-numbers"
    # A patch begins again from a clean tree.
    assert differs_from(base, changed(patches=(whole.patches[0], replace(whole.patches[1], sha256="e" * 64)))) == "checkout-engine"
    assert differs_from(base, changed(values={"flags": ("-O3",)})) == "configure"
    steps = whole.steps
    assert differs_from(base, changed(steps=(*steps[:2], replace(steps[2], run=("cmake", "--build", ".")), *steps[3:]))) == "make"
    assert differs_from(base, changed(steps=(*steps[:-1], replace(steps[-1], env={"V": "1"})))) == "wheel"
    # Words for people change nothing.
    assert differs_from(base, changed(steps=(replace(steps[0], why="Else."), *steps[1:]))) is None


def test_a_changed_file_changes_the_steps_that_read_it() -> None:
    whole = rich()
    text = {**whole.texts, "compat/old.h": "other\n"}
    assert differs_from(planned(), planned(replace(whole, texts=text))) == "configure"
    folder = loaded(
        recipe(release(files=(Brought(file="a/b/x.h", why="x", link="x"),), steps=(step("x"), step("y", "cc", "-I{files}/a"), step("z"))))
    )
    one, other = (planned(replace(folder, texts={"a/b/x.h": content})) for content in ("1\n", "2\n"))
    assert differs_from(one, other) == "y"
    near = loaded(
        recipe(
            release(
                files=(Brought(file="a/x.h", why="x", link="x"),), steps=(step("x", "cc", "-I{files}/ab"), step("y", "cc", "{files}/a/x.h"))
            )
        )
    )
    one, other = (planned(replace(near, texts={"a/x.h": content})) for content in ("1\n", "2\n"))
    assert differs_from(one, other) == "y"


def test_another_toolchain_fetches_nothing_anew() -> None:
    base = planned()
    assert differs_from(base, planned(tools=toolchain(compiler="18.0.0"))) == "numbers"
    assert differs_from(base, planned(tools=replace(toolchain(), version="6.3.5"))) == "numbers"
    assert differs_from(base, planned(tools=replace(toolchain(), root="/opt/rocm"))) == "numbers"
    assert differs_from(base, planned(wish=ask("gfx90a"))) == "configure"


def test_how_fast_it_is_built_changes_no_digest() -> None:
    assert differs_from(planned(), planned(wish=ask(jobs=7, launcher="sccache"))) is None
    assert differs_from(planned(), planned(tools=replace(toolchain(), kernels={"rocblas": ("gfx906",)}, supposed=False))) is None
