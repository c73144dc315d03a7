"""`rocmkit recipes` as a person calls it, and the guide followed to the letter."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from rocmkit.build.load import recipes
from tests.support.command import rocmkit
from tests.support.recipes import GUIDE, changed, guide, write


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "whisper-cpp")


def test_the_guide_to_the_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first commands and its file give a recipe that holds, is explained, and can be planned without a GPU or a ROCm."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert commands.pop(0) == "mkdir -p whisper-cpp"
    write(tmp_path / "whisper-cpp", guide())
    assert commands.pop() == "rocmkit build ./whisper-cpp --arch native"  # it needs a GPU
    assert [line.split()[1] for line in commands] == ["recipes", "recipes", "build"]
    for command in commands:
        done = rocmkit(*shlex.split(command)[1:])
        assert (done.code, done.err) == (0, ""), done.err
    assert "gfx906" in done.out


def test_check_says_where(place: Path) -> None:
    good = rocmkit("recipes", "check", "./whisper-cpp")
    assert (good.code, good.out) == (0, "✓ nothing is wrong with 1 recipe\n")
    (place / "recipe.yaml").write_text(
        changed(
            "    needs: [git,",
            "    needs: [gitt,",
            text=changed('{build}/whisper"\n          - -DCMAKE_B', '{bild}/whisper"\n          - -DCMAKE_B'),
        )
    )
    bad = rocmkit("recipes", "check", "whisper-cpp")
    assert bad.code == 2
    first, second, last = bad.out.splitlines()
    assert re.fullmatch(r"whisper-cpp/recipe\.yaml:22:13: error: the knowledge base knows no need `gitt`; did you mean `git`\?", first)
    assert second == "whisper-cpp/recipe.yaml:41:13: error: no placeholder is called `{bild}`; did you mean `build`?"
    assert last == "✗ 2 problems in 1 recipe"
    told = rocmkit("recipes", "check", "whisper-cpp/recipe.yaml", "--json")
    assert told.code == 2
    assert (told.json["schema"], told.json["ok"], told.json["recipes"]) == ("rocmkit.recipes-check/1", False, ["whisper-cpp/recipe.yaml"])
    assert [(one["line"], one["level"]) for one in told.json["problems"]] == [(22, "error"), (41, "error")]


def test_check_without_a_path_looks_at_all_of_rocmkits_own() -> None:
    done = rocmkit("recipes", "check", "--json")
    assert done.code == 0, done.out
    assert done.json["recipes"] == [str(one) for one in recipes().values()]


def test_what_cannot_be_checked_is_refused(place: Path) -> None:
    (place.parent / "empty").mkdir()
    for argument, words in (("empty", "there is no recipe.yaml in empty"), ("missing", "does not exist")):
        done = rocmkit("recipes", "check", argument)
        assert done.code == 2
        assert words in done.err
        assert "Traceback" not in done.err


def test_show_says_what_everything_is_for(place: Path) -> None:
    text = changed(
        "    steps:",
        """    patches:
      - {to: whisper, file: p.patch, sha256: "%s", why: It needs it., link: OWNER/PROJECT#1, when: {rocm: "<7", arch: [gfx906]}}
    values: {flags: [-O2, {when: {layout: [debian]}, words: [-g]}]}
    steps:"""
        % ("0" * 64),
    )
    write(
        place,
        text.replace("          - -DGGML_HIP=ON", '          - "-DCMAKE_CXX_FLAGS={value.flags}"\n          - -DGGML_HIP=ON'),
        p_patch="",
    )
    done = rocmkit("recipes", "show", "./whisper-cpp")
    assert done.code == 0, done.err
    words = " ".join(done.out.split())
    for part in (
        "whisper-cpp 1.9.3 ROCm >=6.1,<8",
        "limit Models are downloaded apart.",
        "commit 371b5a7561823ab2bb32142d2751e35e7534727b (v1.9.3)",
        "patch p.patch to whisper, for gfx906, ROCm <7 alone It needs it. OWNER/PROJECT#1",
        "{value.flags} -O2 [-g, for the layout debian alone]",
        "1 configure (configure) Looks for ROCm, and makes the files that Ninja builds by. cmake -G Ninja -S {src}/whisper",
        "needs git cmake>=3.21 ninja",
    ):
        assert part in words, done.out
    assert max(map(len, done.out.splitlines())) <= 100
    shown = rocmkit("recipes", "show", "./whisper-cpp", "--json").json
    assert (shown["schema"], shown["recipe"]["name"]) == ("rocmkit.recipe/1", "whisper-cpp")
    assert shown["recipe"]["releases"][0]["steps"][0]["run"][0] == "cmake"
    assert rocmkit("recipes", "show", "./whisper-cpp", "-o", "page.txt").out == ""
    assert (place.parent / "page.txt").read_text() == done.out


def test_a_recipe_that_is_not_there(place: Path) -> None:
    done = rocmkit("recipes", "show", "whisper-cpp")
    assert done.code == 2
    assert "no recipe is called 'whisper-cpp'" in done.err
    assert "did you mean ./whisper-cpp?" in done.err
    (place / "recipe.yaml").write_text("name: [")
    done = rocmkit("recipes", "show", "./whisper-cpp")
    assert done.code == 2
    assert re.search(r"whisper-cpp/recipe.yaml:[0-9]+:[0-9]+: ", done.err)
    assert "recipes check" in done.err


def test_the_list() -> None:
    rows = rocmkit("recipes", "list", "--json").json
    assert rows["schema"] == "rocmkit.recipes/1"
    assert [one["name"] for one in rows["recipes"]] == list(recipes())
    for one in rows["recipes"]:
        text = rocmkit("recipes").out
        assert f"{one['name']}  {one['title']}" in text
        assert all(release["version"] in text for release in one["releases"])
    assert "; from AMD's packages; gfx906\n" in text, "whose ROCm, in words"
    assert rocmkit("recipes").out == rocmkit("recipes", "list").out
    assert rocmkit("recipes", "--json").out == rocmkit("recipes", "list", "--json").out


def test_options_stand_where_they_are_read() -> None:
    done = rocmkit("recipes", "--json", "list")
    assert done.code == 2
    assert "come after list" in done.err


@pytest.mark.parametrize("command", [(), ("list",), ("show",), ("check",)])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    done = rocmkit("recipes", *command, "--help")
    assert done.code == 0
    assert "Examples:" in done.out
    assert "Exit codes" in done.out or command == ("list",)


def test_plain_output_for_terminals_without_unicode(place: Path) -> None:
    done = rocmkit("recipes", "check", str(place), env={"PYTHONIOENCODING": "ascii"})
    assert done.out == "+ nothing is wrong with 1 recipe\n"
