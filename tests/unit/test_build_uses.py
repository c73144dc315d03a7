"""What is built against the result of another recipe: planned, ordered, written as one script and one Dockerfile, and said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.container import here
from rocmkit.build.dockerfile import dockerfile
from rocmkit.build.lint import lint
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Expect, Loaded, Recipe
from rocmkit.build.results import of_plan
from rocmkit.build.script import script
from rocmkit.build.together import connected, needed
from rocmkit.build.values import Plan, Result
from rocmkit.build.wish import ordered
from rocmkit.errors import UsageError
from rocmkit.kb.when import LAYOUTS, Layout, Note, When, holds, said
from tests.support.dockerfiles import parse
from tests.support.plans import ask, image, loaded, recipe, release, step, toolchain
from tests.unit.test_build_script import syntax

LIBRARY = recipe(release("1.22.1", kernels=(), expect=Expect(files=("lib/libx.so",))), name="library", package="library")
USER = recipe(
    release("2.0", kernels=(), uses=("library",), steps=(step("configure", "cmake", "-DX={from.library}/include"),)),
    name="user",
    package="user",
)


def result(**changed: Any) -> Result:
    fields: dict[str, Any] = {
        "recipe": "library",
        "folder": "/built/library/prefix",
        "origin": "cache",
        "digest": "1" * 64,
        "version": "1.22.1+rocm6.3.gfx906",
        "rocm": "6.3.4",
        "arch": ("gfx906",),
    }
    return Result(**{**fields, **changed})


def against(one: Result | None, *archs: str, **changed: Any) -> Plan:
    wish = ask(*archs, results={"library": one} if one else {}, **changed)
    return plan(loaded(USER), toolchain(), wish, (LIBRARY,))


def pair(tools: Any = None, *works: str) -> tuple[Plan, Plan]:
    """Both in one call."""
    first, second = works or ("/build/library", "/build/user")
    library = plan(loaded(LIBRARY), tools or toolchain(), ask(work=first))
    return library, plan(loaded(USER), tools or toolchain(), ask(work=second, results={"library": of_plan(library)}), (LIBRARY,))


# The plan


def test_a_placeholder_is_the_folder_of_the_result() -> None:
    one = against(result())
    assert one.feasible and one.uses == (result(),)
    assert one.steps[-1].argv == ("cmake", "-DX=/built/library/prefix/include")


def test_another_result_does_all_again_but_the_fetching() -> None:
    old, new = against(result()), against(result(digest="2" * 64))
    changed = [one.name for one, other in zip(old.steps, new.steps, strict=True) if one.digest != other.digest]
    assert changed == ["configure"]
    assert against(result()).digest == old.digest
    assert against(result(origin="call")).digest == old.digest, "made just now or before: it is the same"


def test_the_digests_of_what_uses_nothing_do_not_know_of_results() -> None:
    wish = ask(results={"library": result()})
    assert plan(loaded(LIBRARY), toolchain(), wish).digest == plan(loaded(LIBRARY), toolchain(), ask()).digest


def test_without_a_result_it_says_how_to_have_one() -> None:
    one = against(None)
    (block,) = one.blocked_by
    assert (one.feasible, one.prerequisites, block.code) == (False, ("library",), "RK643")
    assert "the result of the recipe library" in block.text
    assert block.ways_out[0].endswith(": rocmkit build library user --arch gfx906")
    assert block.ways_out[1].endswith(": rocmkit build user --arch gfx906 --with library=DIR")
    assert one.steps[-1].argv[1] == "-DX=/build/from/library/include", "a script can be completed by hand"
    lost = against(None, lost={"library": "the build in /w is not finished"}).blocked_by[0].text
    assert lost.endswith(": the build in /w is not finished.")


def test_a_rocm_that_the_other_recipe_has_no_release_for_is_no_matter_of_building_it_first() -> None:
    old = replace(LIBRARY, releases=(replace(LIBRARY.releases[0], rocm="<6"),))
    one = plan(loaded(USER), toolchain(), ask(), (old,))
    assert (one.feasible, one.prerequisites) == (False, ())
    assert "library has no release for ROCm 6.3.4" in one.blocked_by[0].text
    assert all("--with" not in way and "rocmkit build library" not in way for way in one.blocked_by[0].ways_out)


def test_a_result_for_another_card_is_refused_and_one_that_nothing_is_known_of_is_told() -> None:
    (block,) = against(result(arch=("gfx1030",))).blocked_by
    assert block.code == "RK404" and "for gfx1030, not for gfx906" in block.text
    assert against(result(arch=("gfx906", "gfx1030"))).feasible
    assert not against(result(), "gfx906", "gfx1030").feasible
    unknown = against(result(arch=None, rocm=None))
    assert unknown.feasible and any("Nothing says for which cards" in note for note in unknown.notes)
    assert any("was built with ROCm 6.2" in note for note in against(result(rocm="6.2")).notes)
    assert against(result(rocm="6.3")).notes == ()


def test_a_folder_with_control_characters_is_refused() -> None:
    with pytest.raises(UsageError, match="the result of library"):
        against(result(folder="/a\nb"))


def test_what_it_gives_and_its_limits_are_those_of_this_build() -> None:
    texts = ("Always.", Note(when=When(rocm="<6"), text="Old."), Note(when=When(arch=("gfx906",)), text="Here."))
    one = plan(loaded(recipe(release(kernels=(), gives=texts, notes=texts[::-1]))), toolchain(), ask())
    assert (one.gives, one.notes) == (("Always.", "Here."), ("Here.", "Always."))


SERIES = st.sampled_from(kb.rocm_releases())
CARDS = st.lists(st.sampled_from(["gfx906", "gfx906:xnack-", "gfx90a", "gfx1030"]), min_size=1, max_size=3)
CONDITIONS = st.builds(
    When,
    arch=st.lists(st.sampled_from(["gfx906", "gfx90a", "gfx1030"]), max_size=2).map(tuple),
    rocm=st.sampled_from(["", "<6.2", ">=6.2,<7", ">=7"]),
    layout=st.lists(st.sampled_from(LAYOUTS), max_size=2).map(tuple),
)


@given(
    st.lists(st.one_of(st.text(max_size=3), st.builds(Note, when=CONDITIONS, text=st.text(max_size=3)))),
    CARDS,
    SERIES,
    st.sampled_from(LAYOUTS),
)
def test_sentences_that_hold_are_kept_in_their_order(texts: list[str | Note], archs: list[str], rocm: str, layout: Layout) -> None:
    kept = said(texts, archs=archs, rocm=rocm, layouts=(layout,))
    left = iter(one if isinstance(one, str) else one.text for one in texts)
    assert all(text in left for text in kept)
    assert len(kept) == sum(isinstance(one, str) or holds(one.when, archs=archs, rocm=rocm, layouts=[layout]) for one in texts)
    assert said(texts, archs=archs, rocm=rocm, layouts=()) == tuple(
        one if isinstance(one, str) else one.text
        for one in texts
        if isinstance(one, str) or (not one.when.layout and holds(one.when, archs=archs, rocm=rocm, layouts=[layout]))
    )


# Several recipes


def chained(uses: dict[str, list[str]]) -> list[Loaded]:
    return [loaded(recipe(release(kernels=(), uses=tuple(names)), name=name)) for name, names in uses.items()]


#: Some recipes; each may use some of those that come before it in the alphabet.
GRAPHS = st.integers(1, 6).flatmap(
    lambda size: st.tuples(
        st.permutations([chr(ord("a") + number) for number in range(size)]),
        st.fixed_dictionaries({chr(ord("a") + n): st.sets(st.sampled_from("abcdef"[: n or 1]), max_size=n) for n in range(size)}),
    )
)


@given(GRAPHS)
def test_what_is_used_is_built_before(graph: tuple[list[str], dict[str, set[str]]]) -> None:
    names, uses = graph
    order = [one.recipe.name for one in ordered(chained({name: sorted(uses[name] - {name}) for name in names}))]
    assert sorted(order) == sorted(names)
    assert all(order.index(used) < order.index(name) for name in names for used in uses[name] if used != name)


def test_a_circle_is_built_as_given_and_is_blocked() -> None:
    assert [one.recipe.name for one in ordered(chained({"b": ["a"], "a": ["b"]}))] == ["b", "a"]


def planned_in_order(names: list[str], uses: dict[str, set[str]]) -> list[Plan]:
    done: dict[str, Plan] = {}
    for one in ordered(chained({name: sorted(uses[name] - {name}) for name in names})):
        wish = ask(results={name: of_plan(before) for name, before in done.items()})
        done[one.recipe.name] = plan(one, toolchain(), wish)
    return list(done.values())


@given(GRAPHS)
def test_a_plan_goes_with_all_that_it_is_built_against_and_no_more(graph: tuple[list[str], dict[str, set[str]]]) -> None:
    plans = planned_in_order(*graph)
    by_name = {one.recipe: one for one in plans}

    def below(name: str) -> set[str]:
        return {name}.union(*(below(used.recipe) for used in by_name[name].uses))

    for one in plans:
        found = needed(one, plans)
        assert {each.recipe for each in found} == below(one.recipe) and found[-1] is one
        assert connected(found)
    together = {plans[0].recipe}
    for _ in plans:
        together |= {name for one in plans if below(one.recipe) & together for name in below(one.recipe)}
    assert connected(plans) == (together == by_name.keys())


def test_one_script_carries_out_both_each_in_a_shell_of_its_own() -> None:
    both = pair(toolchain(), "/w/library", "/w/user")
    text = script(*both)
    syntax(text)
    assert script(both[0]).splitlines()[1:] == text[text.index("\n(\n") + 3 : text.index("\n)\n")].splitlines()
    assert text.count("\n(\n") == text.count("\n)\n") == 2
    assert text.index("/w/library/src") < text.index("-DX=/w/library/prefix/include")


def test_one_dockerfile_has_a_stage_for_each_and_leaves_the_results() -> None:
    both = pair(image())
    found = parse(dockerfile(*both))
    stages = [(one.name, one.words) for one in found if one.name == "FROM" or "--from=" in one.words]
    of = both[0].toolchain.image
    assert stages == [
        ("FROM", f"{of} AS library"),
        ("FROM", f"{of} AS user"),
        ("COPY", "--from=library /build/library/prefix/ /build/library/prefix/"),
        ("FROM", "scratch AS result"),
        ("COPY", "--from=library /build/library/dist/ /"),
        ("COPY", "--from=library /build/library/prefix/ /library-1.22.1+rocm6.3.gfx906/"),
        ("COPY", "--from=user /build/user/dist/ /"),
    ]
    alone = [one.words for one in parse(dockerfile(*both, results=(both[1],))) if "--from=" in one.words]
    assert alone == ["--from=library /build/library/prefix/ /build/library/prefix/", "--from=user /build/user/dist/ /"]


def test_a_stage_has_a_name_that_engines_take() -> None:
    for name in ("result", "scratch", "7zip"):
        odd = plan(loaded(replace(LIBRARY, name=name)), image(), ask(work="/build/one"))
        user = recipe(release("2.0", kernels=(), uses=(name,), steps=(step("x", "ls", f"{{from.{name}}}"),)), name="user")
        text = dockerfile(odd, plan(loaded(user), image(), ask(work="/build/user", results={name: of_plan(odd)})))
        assert f" AS build-{name}\n" in text and f"COPY --from=build-{name} /build/one/prefix/" in text


def test_what_a_container_made_is_looked_at_where_its_image_has_it(tmp_path: Any) -> None:
    library, user = pair(image())
    mine = here(library, tmp_path, tmp_path / "out")
    assert mine.prefix == f"{mine.dist}/library-1.22.1+rocm6.3.gfx906"
    mine = here(user, tmp_path, tmp_path / "out")
    assert mine.prefix == mine.dist


# What is wrong with a recipe


def complaints(one: Recipe, **others: Recipe) -> list[str]:
    return [each.text for each in lint(loaded(one), others) if each.level == "error"]


def using(*names: str, words: tuple[str, ...] = (), **changed: Any) -> Recipe:
    steps = (step("configure", "cmake", "{src}/engine", "{dist}", *(words or (f"-D={{from.{name}}}" for name in names))),)
    return recipe(release(kernels=(), uses=names, steps=steps, expect=Expect(imports=("x",)), **changed), name="user")


def test_a_recipe_that_is_right_has_no_complaint() -> None:
    assert complaints(using("library"), library=LIBRARY) == []
    assert [one.text for one in lint(loaded(using("library")))] == [], "of recipes that are not known nothing is said"


@pytest.mark.parametrize(
    ("one", "others", "says"),
    [
        (using("librery"), {"library": LIBRARY}, "there is no recipe `librery`; did you mean `library`?"),
        (using("library", "library"), {"library": LIBRARY}, "`library` is named twice"),
        (using("library", words=("-O2",)), {"library": LIBRARY}, "no step names `{from.library}`"),
        (using(words=("{from.library}",)), {"library": LIBRARY}, "no placeholder is called `{from.library}`"),
        (using("user"), {}, "a recipe is not built against its own result"),
        (using("library"), {"library": replace(LIBRARY, releases=(release(uses=("user",)),))}, "user uses library uses user"),
        (
            using("library"),
            {"library": replace(LIBRARY, releases=(replace(LIBRARY.releases[0], rocm=">=6.3,<7"),))},
            "`library` has no release for ROCm 6.2, 7.0, 7.1, 7.2, 7.14",
        ),
        (using("library"), {"library": recipe(release())}, "does not say in `files` what it installs"),
        (using(gives=("It is fast",)), {}, "'It is fast' is no sentence"),
        (using(notes=(Note(when=When(), text="It is."),)), {}, "it names nothing"),
        (using(notes=(Note(when=When(arch=("gfx906",)), text="It is."),), archs=("gfx1030",)), {}, "never holds"),
        (using(notes=(Note(when=When(rocm="new"), text="It is."),)), {}, "`new` is no range of versions"),
    ],
)
def test_what_is_wrong_is_told(one: Recipe, others: dict[str, Recipe], says: str) -> None:
    assert any(says in text for text in complaints(one, **others)), complaints(one, **others)


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcde"), max_size=3), min_size=1))
def test_whatever_recipes_use_the_check_ends_and_finds_circles(uses: dict[str, list[str]]) -> None:
    every = {
        name: recipe(release(kernels=(), uses=tuple(names), expect=Expect(files=("lib/x",))), name=name) for name, names in uses.items()
    }

    def reaches(start: str, end: str, seen: frozenset[str] = frozenset()) -> bool:
        return start == end or any(reaches(name, end, seen | {start}) for name in uses.get(start, ()) if name not in seen | {start})

    for name, one in every.items():
        told = " ".join(complaints(one, **every))
        circles = any(reaches(used, name) for used in uses[name] if used != name and used in uses)
        assert (re.search(r"is itself built against", told) is not None) == circles
