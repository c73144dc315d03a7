"""Recipes from their folders: strict, bounded, and nothing outside the folder is read."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rocmkit.build import shape
from rocmkit.build.load import MAX_BYTES, MAX_FILES, find, load, recipes
from rocmkit.build.recipe import Recipe
from rocmkit.errors import UsageError
from rocmkit.model import DataError, to_builtins
from tests.support.recipes import changed, guide, write


def files(*names: str) -> str:
    rows = "".join(f'      - {{file: "{name}", why: It is needed., link: OWNER/PROJECT#1}}\n' for name in names)
    return changed("    needs:", f"    files:\n{rows}    needs:")


def test_a_recipe_with_its_files(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", files("compat/a.h", "b.h"), compat__a_h="// ä\r\n", b_h="")
    loaded = load(place)
    assert loaded.texts == {"compat/a.h": "// ä\r\n", "b.h": ""}
    assert loaded.recipe.releases[0].steps[0].run[0] == "cmake"
    assert load(place / "recipe.yaml") == loaded


def test_the_digest_is_that_of_all_files(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", files("a.h"), a_h="1\n")
    first = load(place).sha256
    assert load(place).sha256 == first
    assert load(write(tmp_path / "other" / "whisper-cpp", files("a.h"), a_h="1\n")).sha256 == first
    assert load(write(place, a_h="2\n", text=files("a.h"))).sha256 != first
    assert load(write(place, a_h="1\n", text=files("a.h") + "# changed\n")).sha256 != first


def refusal(place: Path) -> str:
    with pytest.raises(DataError) as refused:
        load(place)
    return str(refused.value).removeprefix(str(place))


@pytest.mark.parametrize("name", ["../a.h", "/etc/hostname", "compat/../../a.h", "./a.h", "a//b.h", "", "compat/", "..", "a.h/"])
def test_files_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.h").write_text("secret")
    place = write(tmp_path / "whisper-cpp", files(name), a_h="")
    told = refusal(place)
    assert told.startswith(f"/recipe.yaml:{line_of(files(name), '- {file')}:16: ")
    assert "leads out of the recipe's folder" in told


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    place = write(tmp_path / "whisper-cpp", files("a.h"))
    (place / "a.h").symlink_to(tmp_path / "secret")
    assert "`a.h`: is a link, and links are not followed" in refusal(place)
    write(place, files("in/secret"))
    (place / "in").symlink_to(tmp_path)
    assert "links are not followed" in refusal(place)
    (tmp_path / "x" / "whisper-cpp").mkdir(parents=True)
    (tmp_path / "x" / "whisper-cpp" / "recipe.yaml").symlink_to(place / "recipe.yaml")
    assert "links are not followed" in refusal(tmp_path / "x" / "whisper-cpp")


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", files("a.h"))
    assert "`a.h` cannot be read: No such file" in refusal(place)
    os.mkfifo(place / "a.h")  # to open it would wait for ever
    assert "`a.h`: is no regular file" in refusal(place)
    (place / "a.h").unlink()
    here = os.open(place, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{here}/a.h")  # the whole path may be too long for one
        assert "`a.h`: is no regular file" in refusal(place)
    os.close(here)
    (place / "a.h").unlink()
    (place / "a.h").mkdir()
    assert "`a.h`: is no regular file" in refusal(place)


def test_sizes_are_bounded(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", files("a.h"), a_h="x" * MAX_BYTES)
    assert len(load(place).texts["a.h"]) == MAX_BYTES
    write(place, files("a.h"), a_h="x" * (MAX_BYTES + 1))
    assert "`a.h`: is larger than 256 KiB" in refusal(place)
    write(place, guide() + "#" * MAX_BYTES)
    assert "is larger than 256 KiB" in refusal(place)
    names = [f"f{number}.h" for number in range(MAX_FILES + 1)]
    for name in names:
        (place / name).write_text("")
    write(place, files(*names[:-1]))
    assert len(load(place).texts) == MAX_FILES
    write(place, files(*names))
    assert f"a recipe brings {MAX_FILES} files at most" in refusal(place)


def test_text_that_is_none(tmp_path: Path) -> None:
    place = write(tmp_path / "whisper-cpp", files("a.h"))
    (place / "a.h").write_bytes(b"ab\xff")
    assert "`a.h`: no UTF-8 from byte 2 on" in refusal(place)
    (place / "recipe.yaml").write_bytes(b"\xff")
    assert "no UTF-8 from byte 0 on" in refusal(place)


def test_a_recipe_has_the_name_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write(tmp_path / "other")
    assert refusal(place) == (
        "/recipe.yaml:1:7: the recipe is called `whisper-cpp`, and its folder `other`: a recipe has the name of its folder"
    )
    monkeypatch.chdir(write(tmp_path / "whisper-cpp"))
    assert load(Path()).recipe.name == "whisper-cpp"


def test_recipes_are_found_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write(tmp_path / "whisper-cpp")
    (tmp_path / "notes").mkdir()
    assert recipes(tmp_path) == {"whisper-cpp": place}
    monkeypatch.chdir(tmp_path)
    assert find("./whisper-cpp") == Path("whisper-cpp")
    for name, words in (
        ("./notes", "there is no recipe.yaml"),
        ("whisper-cpp", "no recipe is called"),
        ("x" * 5000, "no recipe is called"),
    ):
        with pytest.raises(UsageError, match=words):
            find(name)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


#: A place of the guide's recipe, another text for it, and what is said then.
SAID = [
    ("known: documented", "known: documnted", "12: `documnted` is none of the words for this; did you mean `documented`?"),
    ("        ref: v1.9.3", "        reff: v1.9.3", "9: no field is called `reff` here; did you mean `ref`?"),
    ("        ref: v1.9.3", "        ref: 1.9", "14: text is wanted here, not a number: put it in quotes"),
    ("        ref: v1.9.3", "        2: v1.9.3", "9: a name has to be text, and 2 is none: put it in quotes"),
    ("progress: true", "progress: sure", "19: true or false is wanted here, not text"),
    ("      files: [bin/whisper-cli]", "      files: bin/whisper-cli", "14: a list is wanted here, not text"),
    ("          - Ninja", "          - {when: {rom: <7}, words: [a]}", "21: no field is called `rom` here; did you mean `rocm`?"),
    ("          - Ninja", "          - {words: [a]}", "13: the field `when` is missing"),
    ("          - Ninja", "          - [Ninja]", "13: text or a mapping is wanted here, not a list"),
]


@pytest.mark.parametrize(("old", "new", "said"), SAID)
def test_faults_of_the_shape_are_told_at_their_place(old: str, new: str, said: str) -> None:
    text = changed(old, new)
    with pytest.raises(DataError) as refused:
        shape.read(text, source="recipe.yaml")
    assert str(refused.value) == f"recipe.yaml:{line_of(text, new)}:{said}"


def test_a_fault_in_the_last_of_many_keys_is_found() -> None:
    rows = "".join(f"      v{number}: [a]\n" for number in range(5000))
    text = changed("    steps:", f"    values:\n{rows}      last: [1]\n    steps:")
    with pytest.raises(DataError, match=rf"^r.yaml:{line_of(text, '      last')}:14: text or a mapping is wanted here"):
        shape.read(text, source="r.yaml")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"&a [*a]")
@example(b"!!binary aGk=")
@example(b"a: 2026-13-41")
@example(b"? {a: b}\n: c")
@example(b"\xef\xbb\xbfname: x")
@example(b"<<: {name: 1}")
@example(b"releases: [" * 100)
def test_any_bytes_are_a_recipe_or_data_error(content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    try:
        assert isinstance(shape.read(text, source="r.yaml"), Recipe)
    except DataError as error:
        assert str(error).startswith("r.yaml:")


LEAF = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates(), st.binary(max_size=3))
TREE: st.SearchStrategy[Any] = st.recursive(
    LEAF,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), below, max_size=3)),
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_anything_in_place_of_a_part_is_told_at_a_place(data: st.DataObject) -> None:
    """A part of the guide's recipe is replaced by any value: what is said names a line and a column of the text."""
    import yaml

    whole = to_builtins(shape.read(guide(), source="r.yaml"))
    here = whole
    while True:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], (dict, list)) or not here[key] or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = data.draw(TREE)
    text = yaml.safe_dump(whole, allow_unicode=True)
    try:
        shape.read(text, source="r.yaml")
    except DataError as error:
        line, column = map(int, str(error).split(":")[1:3])
        lines = text.split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
