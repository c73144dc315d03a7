"""What comes of every recipe with every ROCm, layout and card, and some plans to the letter: what a person gets who asks for them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.build.detect import of_image, supposed
from rocmkit.build.dockerfile import dockerfile
from rocmkit.build.feasible import NoRelease
from rocmkit.build.load import load, recipes
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Loaded, Recipe
from rocmkit.build.results import of_plan
from rocmkit.build.script import script
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Ask, Plan
from rocmkit.errors import UsageError
from rocmkit.kb.targets import archs
from rocmkit.kb.when import LAYOUTS, Layout
from rocmkit.model import Model
from tests.unit.test_build_dockerfile import same
from tests.unit.test_build_script import syntax

PLANS = Path(__file__).resolve().parent.parent / "plans"
ROCM = ("5.7", "6.0", "6.1", "6.2", "6.3", "6.4", "7.0", "7.1", "7.2", "7.14")
GFX = archs()[archs().index("gfx900") :]
#: Recipes, ROCm, cards, and what another recipe of the same call makes: the whole script and Dockerfile of each are kept.
WHOLE: dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]] = {
    "ctranslate2-rocm5.7-gfx906": ("ctranslate2", "5.7", ("gfx906",), {}),
    "ctranslate2-rocm6.1-gfx906": ("ctranslate2", "6.1", ("gfx906",), {}),
    "ctranslate2-rocm6.3-gfx906": ("ctranslate2", "6.3", ("gfx906",), {}),
    "ctranslate2-rocm6.4-gfx906-blocked": ("ctranslate2", "6.4", ("gfx906",), {}),
    "ctranslate2-rocm6.4-gfx906": ("ctranslate2", "6.4", ("gfx906",), {"rocblas": "rocblas"}),
    "ctranslate2-rocm7.2-gfx906-blocked": ("ctranslate2", "7.2", ("gfx906",), {}),
    "ctranslate2-rocm7.14-three": ("ctranslate2", "7.14", ("gfx90a:xnack-", "gfx1100", "gfx1201"), {}),
    "onnxruntime-rocm6.1-gfx906": ("onnxruntime", "6.1", ("gfx906",), {}),
    "onnxruntime-migraphx-rocm7.2-gfx1100": ("onnxruntime-migraphx", "7.2", ("gfx1100",), {}),
    "sherpa-onnx-rocm6.3-gfx906": ("sherpa-onnx", "6.3", ("gfx906",), {}),
    "rocblas-rocm6.4-gfx906": ("rocblas", "6.4", ("gfx906",), {}),
}


class Answer(Model, kw_only=True):
    """What comes of a recipe with one ROCm for one card. `GFX` in `why` stands for the card."""

    version: str  # "-": no plan
    feasible: bool
    why: str


#: By ROCm, layout and card.
Table = dict[tuple[str, str, str], Answer]


@cache
def loaded() -> dict[str, Loaded]:
    return {name: load(place) for name, place in recipes().items()}


def others(name: str) -> tuple[Recipe, ...]:
    return tuple(one.recipe for key, one in loaded().items() if key != name)


def called(name: str, tools: Toolchain, archs: tuple[str, ...], provided: dict[str, str] | None = None, work: str = "") -> tuple[Plan, ...]:
    """The plan of a recipe, after those of one call that it is built against, as far as they have a release."""
    before: dict[str, Plan] = {}
    for used in dict.fromkeys(used for release in loaded()[name].recipe.releases for used in release.uses):
        with contextlib.suppress(NoRelease, KeyError):
            before |= {one.recipe: one for one in called(used, tools, archs, provided, f"/build/{used}")}
    results = {one: of_plan(found) for one, found in before.items()}
    own = work or (f"/build/{name}" if before else "/build")
    ask = Ask(archs=archs, work=own, out="/out", provided=provided or {}, results=results)
    return (*before.values(), plan(loaded()[name], tools, ask, others(name)))


def answer(name: str, rocm: str, layout: Layout, gfx: str) -> Answer:
    try:
        tools = supposed(rocm, layout=layout)
    except UsageError:
        return Answer(version="-", feasible=False, why="that ROCm is not in that layout")
    try:
        one = called(name, tools, (gfx,))[-1]
    except NoRelease:
        return Answer(version="-", feasible=False, why="no release is for that ROCm")
    told = [f"{block.code} {block.text}" for block in one.blocked_by] or [note for note in one.notes if note.startswith("Whether ")]
    first = [f"First: {', '.join(one.prerequisites)}."] if one.prerequisites else []
    return Answer(version=one.version, feasible=one.feasible, why=" ".join([*told, *first]).replace(gfx, "GFX"))


def table(name: str) -> Table:
    return {(rocm, layout, gfx): answer(name, rocm, layout, gfx) for rocm in ROCM for layout in LAYOUTS for gfx in GFX}


def lines(of: Table) -> list[str]:
    """The table with equal answers told once: ROCm, layouts, release, whether it is feasible, cards, why."""
    found = []
    for rocm in ROCM:
        whole = {layout: tuple(of[rocm, layout, gfx] for gfx in GFX) for layout in LAYOUTS}
        for row in dict.fromkeys(whole.values()):
            layouts = ",".join(layout for layout, each in whole.items() if each == row)
            for one in dict.fromkeys(row):
                cards = ranges([gfx for gfx, each in zip(GFX, row, strict=True) if each == one])
                found.append(f"{rocm:<4} {layouts} | {one.version} {'yes' if one.feasible else 'no'} | {cards} | {one.why}".rstrip())
    return found


def ranges(cards: list[str]) -> str:
    """gfx900 gfx904..gfx90a: two dots stand for all cards between."""
    runs: list[list[str]] = []
    for gfx in cards:
        if runs and GFX.index(gfx) == GFX.index(runs[-1][-1]) + 1:
            runs[-1].append(gfx)
        else:
            runs.append([gfx])
    return " ".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def read(text: list[str]) -> Table:
    """The table that lines stand for."""
    found: Table = {}
    for line in text:
        where, what, cards, why = (part.strip() for part in f"{line} ".split("|", 3))
        rocm, layouts = where.split()
        version, feasible = what.split()
        for run in cards.split():
            first, _, last = run.partition("..")
            for gfx in GFX[GFX.index(first) : GFX.index(last or first) + 1]:
                for layout in layouts.split(","):
                    assert (rocm, layout, gfx) not in found
                    found[rocm, layout, gfx] = Answer(version=version, feasible=feasible == "yes", why=why)
    return found


def compare(golden: Path, got: str, rewrite: bool) -> None:
    if rewrite:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(got)
    want = golden.read_text() if golden.exists() else ""
    assert got == want, "".join(difflib.unified_diff(want.splitlines(True), got.splitlines(True), str(golden), "this run"))


@pytest.mark.parametrize("name", recipes())
def test_every_combination_is_the_reviewed_one(name: str, rewrite_goldens: bool) -> None:
    whole = table(name)
    text = lines(whole)
    assert len(whole) == len(ROCM) * len(LAYOUTS) * len(GFX)
    assert read(text) == whole
    compare(PLANS / f"{name}.txt", "".join(f"{line}\n" for line in text), rewrite_goldens)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_plans_are_the_golden_ones(name: str, rewrite_goldens: bool) -> None:
    recipe, rocm, cards, provided = WHOLE[name]
    plans = called(recipe, of_image(rocm), cards, provided)
    assert plans[-1].feasible is not name.endswith("blocked")
    text = script(*plans)
    syntax(text)
    if len(plans) == 1:
        same(plans[0])
    compare(PLANS / f"{name}.sh", text, rewrite_goldens)
    compare(PLANS / f"{name}.Dockerfile", dockerfile(*plans), rewrite_goldens)


def test_nothing_is_golden_without_a_plan() -> None:
    assert {path.name for path in PLANS.iterdir()} == {
        *(f"{name}.txt" for name in recipes()),
        *(f"{name}.{kind}" for name in WHOLE for kind in ("sh", "Dockerfile")),
    }


def built() -> Iterator[tuple[str, Plan]]:
    """Every recipe and release with a ROCm and a card that it is for, in each layout."""
    for name, one in loaded().items():
        for rocm in ROCM:
            for layout in LAYOUTS:
                for cards in (("gfx906",), ("gfx906:sramecc+:xnack-", "gfx1100")):
                    try:
                        tools = supposed(rocm, layout=layout)
                        yield f"{name} {rocm} {layout}", plan(one, tools, Ask(archs=cards, work="/build", out="/out", jobs=2), others(name))
                    except UsageError:
                        continue


def test_no_plan_of_a_recipe_leaves_a_placeholder() -> None:
    seen = 0
    for name, one in built():
        for step in one.steps:
            left = [word for word in (*step.argv, step.cwd, *step.env.values()) if "{" in word.replace("${", "")]
            assert left == [], f"{name}: {step.name}"
        syntax(script(one))
        seen += 1
    assert seen >= len(recipes()) * 4


def test_recipes_say_of_mi50s_what_is_known_of_them() -> None:
    """Up to ROCm 6.3 AMD's rocBLAS has what they need; from 6.4 on it has not, and for 6.4 a recipe brings it."""
    for rocm in ("6.1", "6.2", "6.3"):
        assert answer("ctranslate2", rocm, "amd", "gfx906").feasible, rocm
    for rocm in ("6.4", "7.0", "7.1", "7.2"):
        found = answer("ctranslate2", rocm, "amd", "gfx906")
        assert (found.feasible, found.why[:5]) == (False, "RK307"), rocm
        assert found.why.endswith("First: rocblas.") == (rocm == "6.4"), rocm
    assert "RK307" not in answer("ctranslate2", "7.2", "amd", "gfx90a").why


@given(st.dictionaries(st.sampled_from([(gfx, layout) for gfx in GFX for layout in LAYOUTS]), st.sampled_from("abc")))
def test_a_table_is_read_as_it_was_written(odd: dict[tuple[str, str], str]) -> None:
    whole: Table = {
        (rocm, layout, gfx): Answer(version=odd.get((gfx, layout), "-"), feasible=(gfx, layout) in odd, why=f"{rocm} | GFX")
        for rocm in ROCM
        for layout in LAYOUTS
        for gfx in GFX
    }
    assert read(lines(whole)) == whole


def test_the_cards_are_those_of_the_knowledge_base() -> None:
    assert {"gfx900", "gfx906", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201"} <= {*GFX} <= {*kb.archs()}
