"""What is wrong with a recipe is told at its place, once, in words that say what to do."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build import lintwords, shape
from rocmkit.build.check import Problem, check
from rocmkit.build.lint import MANY, lint
from rocmkit.build.load import load, recipes
from rocmkit.build.placeholders import NAMES
from rocmkit.build.recipe import Loaded
from tests.support.recipes import GUIDE, changed, guide, write

BAD = sorted((Path(__file__).resolve().parents[1] / "recipes-bad").glob("*.yaml"))


def told(problems: tuple[Problem, ...]) -> list[str]:
    return [f"{one.line}:{one.column}: {one.level}: {one.text}" for one in problems]


def texts(loaded: Loaded) -> list[str]:
    return [one.text for one in lint(loaded)]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_each_fault_is_told_as_the_file_says(path: Path) -> None:
    expected = re.findall(r"^# ([0-9]+:[0-9]+: .*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert expected
    assert told(check(path)) == expected


def test_there_is_a_bad_recipe_for_every_kind_of_fault() -> None:
    assert len(BAD) >= 50
    assert {"note", "error"} == {one.level for path in BAD for one in check(path)}


def test_the_recipe_of_the_guide_is_right() -> None:
    assert lint(Loaded(recipe=shape.read(guide(), source="recipe.yaml"), texts={}, sha256="")) == ()


def test_the_guide_names_every_placeholder_and_no_other() -> None:
    table = re.findall(r"^\| ((?:`\{[\w.]+\}` ?)+) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\{([\w.]+)\}", " ".join(table))) == {*NAMES, "value.NAME", "from.NAME"}


def test_rocmkits_own_recipes_hold() -> None:
    assert [one for place in recipes().values() for one in check(place) if one.level == "error"] == []


PATCH = """    patches:
      - {to: whisper, file: patches/a.patch, sha256: "%s", why: It is needed., link: OWNER/PROJECT#1}
    needs:"""


def test_a_patch_is_the_one_that_was_meant(tmp_path: Path) -> None:
    content = "--- a\n+++ b\n"
    right = hashlib.sha256(content.encode()).hexdigest()
    place = write(tmp_path / "whisper-cpp", changed("    needs:", PATCH % right), patches__a_patch=content)
    assert lint(load(place)) == ()
    write(place, changed("    needs:", PATCH % ("0" * 64)), patches__a_patch=content)
    (one,) = check(place)
    assert one.text == f"`patches/a.patch` has another SHA-256: {right}"
    assert one.level == "error"
    assert "sha256" in (place / "recipe.yaml").read_text().split("\n")[(one.line or 0) - 1]


FILE = """    files:
      - {file: compat/a.h, why: It is needed., link: OWNER/PROJECT#1}
    needs:"""


@pytest.mark.parametrize(
    ("word", "used"),
    [
        ("-DX={files}/compat/a.h", True),
        ("-I{files}/compat", True),
        ("-I{files}/compat/other", False),
        ("-I{files}/compat2", False),
        ("-I{files}", False),
        ("-DX={src}/compat/a.h", False),
    ],
)
def test_a_file_that_no_step_names_is_told(tmp_path: Path, word: str, used: bool) -> None:
    text = changed("    needs:", FILE, text=changed("          - -DGGML_HIP=ON", f'          - "{word}"'))
    found = check(write(tmp_path / "whisper-cpp", text, compat__a_h="//\n"))
    assert [one.text for one in found] == ([] if used else ["no step names `{files}/compat/a.h`, or a folder that it is in"])


def test_files_that_no_release_names_are_told(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", README_md="about", compat__stray_h="//\n")
    assert [(one.level, one.text) for one in check(place)] == [("note", "no release names `compat/stray.h`")]


def test_a_release_that_others_cover_is_told() -> None:
    recipe = shape.read(guide(), source="recipe.yaml")
    first = recipe.releases[0]
    older = replace(first, version="1.0", rocm=">=6.2,<7")
    both = Loaded(recipe=replace(recipe, releases=(first, older)), texts={}, sha256="")
    (one,) = lint(both)
    assert (one.level, one.path) == ("note", ("releases", 1))
    assert "its version is asked for" in one.text
    swapped = Loaded(recipe=replace(recipe, releases=(older, first)), texts={}, sha256="")
    assert lint(swapped) == ()
    narrow = replace(first, python=">=3.12")  # other machines get the older one
    assert lint(Loaded(recipe=replace(recipe, releases=(narrow, older)), texts={}, sha256="")) == ()


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib", True),
        ("-ffile-prefix-map={work}=.", True),
        ("https://example.org/x", True),
        ("${CMAKE_CURRENT_LIST_DIR}", True),
        ("s/a/b/", True),
        ("a..b", True),
        ("-L/usr/lib", False),
        ("-DA=/opt/rocm;/usr", False),
        ("/usr/bin/make", False),
        ("..", False),
        ("-DX={src}/..", False),
        ("{Rocm}", False),
        ("a\x07", False),
    ],
)
def test_words(word: str, right: bool) -> None:
    assert bool(list(lintwords.words([((), word)], ()))) != right


def test_needs_with_a_lowest_version_are_known() -> None:
    assert "cmake" in kb.build_needs()
    text = changed("cmake>=3.21,", "cmake>=new,")
    (one,) = texts(Loaded(recipe=shape.read(text, source="recipe.yaml"), texts={}, sha256=""))
    assert "`cmake>=new`" in one


@settings(max_examples=150, deadline=None)
@given(
    old=st.sampled_from(
        ["cmake>=3.21", ">=6.1,<8", "{src}/whisper", "whisper-cli -m", "371b5a7561823ab2bb32142d2751e35e7534727b", "v1.9.3\n"]
    ),
    new=st.text(max_size=30),
)
def test_any_text_in_a_recipe_is_answered(old: str, new: str) -> None:
    """Whatever is written into a field, lint returns, and tells places that are there."""
    text = guide().replace(old, new, 1)
    try:
        recipe = shape.read(text, source="recipe.yaml")
    except ValueError:
        return
    found = lint(Loaded(recipe=recipe, texts={}, sha256=""))
    assert all(line >= 1 and column >= 1 for line, column in shape.where(text, [one.path for one in found]))


HOSTILE = {
    "shells": ("          - Ninja\n", "          - sh\n" * 14_000),
    "placeholders": ("          - Ninja\n", "".join(f"          - '{{v{number}}}'\n" for number in range(10_000))),
    "sources": ("    fetch:\n", "    fetch:\n" + "".join(f"      s{number}: {{git: g, commit: c, why: w}}\n" for number in range(5_000))),
    "needs": ("needs: [", "needs: [" + "g," * 50_000),
    "paths": ("files: [bin/whisper-cli]", "files: [" + "a/" * 50_000 + "]"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_recipe_cannot_make_it_slow(tmp_path: Path, name: str) -> None:
    (tmp_path / "big.yaml").write_text(changed(*HOSTILE[name]))
    start = time.monotonic()
    assert len(check(tmp_path / "big.yaml")) <= MANY
    assert time.monotonic() - start < 20  # about a second on a machine that does nothing else
