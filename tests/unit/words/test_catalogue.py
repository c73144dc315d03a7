"""The catalogues that ship: read as gettext reads them, whole, and without faults."""

from __future__ import annotations

import gettext
import io
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.words.catalogue import Catalogue
from rocmkit.words.shapes import Shapes, known_by, shape_of
from tools.words.catalogue import KEPT, load, path_of, sources, told
from tools.words.faults import faults

ROOT = Path(__file__).resolve().parents[3]
NAMES = sorted(path.stem for path in (ROOT / "rocmkit/locale/ja/LC_MESSAGES").glob("*.po"))
PLACEHOLDER = re.compile(r"\{([a-z_0-9]*)\}")


#: To look for all that is said takes seconds.
found = cache(sources)


@cache
def known() -> dict[str, str]:
    """Message to translation."""
    return {message: string for name in NAMES for message, string in told(load("ja", name)).items()}


def compiled(messages: dict[str, str]) -> bytes:
    catalog = Catalog(locale="ja")
    for message, string in messages.items():
        catalog.add(message, string)
    written = io.BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


@given(
    st.dictionaries(st.text(alphabet="ab {}日", min_size=1, max_size=20), st.text(alphabet="ab {}日", min_size=1, max_size=20), max_size=8)
)
def test_read_as_gettext_reads_it(messages: dict[str, str]) -> None:
    data = compiled(messages)
    oracle = gettext.GNUTranslations(io.BytesIO(data))
    assert all(oracle.gettext(message) == string for message, string in Catalogue([data]).items())
    alone = Catalogue([data])
    assert all(alone[message] == oracle.gettext(message) for message in messages)
    assert set(alone) == set(messages)
    assert "b" * 21 not in alone


def test_several_files_are_one_catalogue() -> None:
    both = Catalogue([compiled({"a": "あ"}), compiled({"b": "い"})])
    assert dict(both) == {"a": "あ", "b": "い"}
    assert (both["a"], both.get("b"), both.get("c"), len(both)) == ("あ", "い", None, 2)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_catalogue(data: bytes) -> None:
    try:
        dict(Catalogue([data]).items())
    except ValueError:
        return


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_catalogue_that_is_cut_off(cut: int) -> None:
    data = compiled({"one thing": "一つ", "two things": "二つ"})
    try:
        assert Catalogue([data[:-cut] if cut else data])
    except ValueError:
        return


def test_every_message_has_a_translation_without_faults() -> None:
    wrong = [
        f"{fault}: {message}"
        for messages in found().values()
        for message in messages
        for fault in faults(message, known().get(message, ""))
    ]
    assert not wrong, f"{len(wrong)}; python -m tools.words lists them: {wrong[:5]}"


def test_the_catalogues_hold_what_is_said_and_nothing_else() -> None:
    for name, messages in found().items():
        assert {str(one.id) for one in load("ja", name) if one.id} == set(messages)


@pytest.mark.parametrize("name", NAMES)
def test_what_stays_as_it_is_says_so(name: str) -> None:
    for one in load("ja", name):
        if one.id:
            assert (one.id == one.string) == (KEPT in one.user_comments), one.id


def test_no_two_templates_of_one_shape_are_told_in_two_ways() -> None:
    """A sentence that was filled in could be either."""
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    wrong = []
    for message, string in known().items():
        shape = shape_of(message)
        if len(shape.names) != len(set(shape.names)) or not known_by(shape):
            continue
        order = {name: f"{{{number}}}" for number, name in enumerate(shape.names)}
        plain = PLACEHOLDER.sub(lambda found, order=order: order[found[1]], string)  # type: ignore[misc]
        if shape.names and seen.setdefault(shape.fixed, (plain, message))[0] != plain:
            wrong.append((message, string, seen[shape.fixed][1]))
    assert not wrong


def test_a_filled_in_sentence_is_told_by_its_own_template() -> None:
    shapes, wrong = Shapes(known()), []
    for message, string in known().items():
        shape = shape_of(message)
        glued = "" in shape.fixed[1:-1] or re.search(r"\}[A-Za-z]", message)  # what stands before a word without a blank ends with one
        if not known_by(shape) or glued or message == string:
            continue
        values = {name: f"q{number}z7" for number, name in enumerate(dict.fromkeys(shape.names))} | {"number": "7"}
        expected = PLACEHOLDER.sub(lambda found, values=values: values[found[1]], string)  # type: ignore[misc]
        got = shapes.say(PLACEHOLDER.sub(lambda found, values=values: values[found[1]], message))  # type: ignore[misc]
        if "".join(got.split()) != "".join(expected.split()):
            wrong.append((message, got))
    assert not wrong


def test_up_to_date() -> None:
    """The command that contributors are told to run finds nothing to do."""
    done = subprocess.run([sys.executable, "-m", "tools.words", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("message", "string", "fault"),
    [
        ("{a} is gone.", "", "no translation"),
        ("{a} is gone.", "{b} がありません。", "other placeholders"),
        ("run `rocmkit`", "`rocm` を実行してください", "other code in backquotes"),
        ("it is gone", "is gone", "no Japanese in it"),
        ("It is gone.", "ありません", "ends without 。"),
        ("it is gone", "ありません。", "ends with 。, the message without a full stop"),
        ("it is gone", "あり\nません", "a line feed"),
    ],
)
def test_faults(message: str, string: str, fault: str) -> None:
    assert fault in faults(message, string)


def test_a_good_translation_has_no_fault() -> None:
    assert not list(faults("{a} of `b` is gone.", "`b` の {a} がありません。"))
    assert not list(faults("rocmkit doctor --json", "rocmkit doctor --json"))


def test_path() -> None:
    assert path_of("ja", "code").is_file()
