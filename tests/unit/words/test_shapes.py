"""Sentences that were filled in are known by their shape."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.words.shapes import Shapes, fit, shape_of

KERNELS = "{library} of {package} has no kernels for {gfx}"
TOLD = {
    KERNELS: "{package} の {library} に {gfx} 用のカーネルがありません",
    "Install it.": "インストールしてください。",
    "Restart.": "再起動してください。",
    "version not known": "バージョン不明",
    "{number} checks": "{number} 件のチェック",
    "{checks} passed: {codes}": "{checks}が合格: {codes}",
    "{gfx} is {gfx} and stays it": "{gfx} は変わりません",
    "the run {ended}{after}": "実行は{ended}{after}",
    "crashed": "クラッシュしました",
    "rocBLAS has no files": "rocBLAS にファイルがない",
    "error": "エラー",
    "also {what}": "{what} も",
    "`rocmkit doctor --log {log}` sees what {name} is": "{name} が何かは `rocmkit doctor --log {log}` でわかります",
}


@pytest.fixture
def shapes() -> Shapes:
    return Shapes(TOLD)


@pytest.mark.parametrize(
    ("english", "japanese"),
    [
        ("rocBLAS of torch 2.11 has no kernels for gfx906", "torch 2.11 の rocBLAS に gfx906 用のカーネルがありません"),
        (
            "MIOpen and rocBLAS of torch has no kernels for gfx900, gfx906 or gfx908",
            "torch の MIOpen、rocBLAS に gfx900、gfx906、または gfx908 用のカーネルがありません",
        ),
        ("Install it. Restart.", "インストールしてください。再起動してください。"),
        ("Install it. Then something that nobody knows here.", "インストールしてください。Then something that nobody knows here."),
        ("numba: version not known", "numba: バージョン不明"),
        ("3 checks passed: RK101, RK102", "3 件のチェックが合格: RK101, RK102"),
        ("RK307 rocBLAS has no files (error)", "RK307 rocBLAS にファイルがない (エラー)"),
        ("  version not known ", "  バージョン不明 "),
        ("the run crashed", "実行はクラッシュしました"),
    ],
)
def test_said(shapes: Shapes, english: str, japanese: str) -> None:
    assert shapes.say(english) == japanese


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "3.12.3",
        "/opt/rocm/lib",
        "rocBLAS of torch has no kernels",
        "gfx900 is gfx906 and stays it",  # the same name, two values
        "also say what all of these words in English mean",  # a shape that fits nearly anything
        "音声認識",
        "also " + "x" * 7000,
    ],
)
def test_what_is_not_known_stays(shapes: Shapes, text: str) -> None:
    assert shapes.say(text) == text


@given(st.lists(st.from_regex(r"[a-z0-9./+-]{0,11}[a-z0-9]", fullmatch=True), min_size=3, max_size=3))
def test_values_are_found_again(values: list[str]) -> None:
    shape = shape_of(KERNELS)
    text = KERNELS.format(**dict(zip(shape.names, values, strict=True)))
    assert fit(shape, text) is not None
    assert Shapes(TOLD).say(text) == TOLD[KERNELS].format(**dict(zip(shape.names, values, strict=True)))


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(Shapes(TOLD).say(text), str)


def test_long_texts_take_no_long_time() -> None:
    shape = shape_of("{a} a {b} a {c} a {d} b")
    assert fit(shape, "a " * 100_000) is None


@given(st.text(alphabet="ab {}x", max_size=30), st.text(alphabet="ab x", max_size=30))
def test_what_fits_gives_the_text_back(template: str, text: str) -> None:
    template = re.sub(r"[{}]", "", template).replace("x", "{x}", 1).replace("x", "{y}", 1)
    shape = shape_of(template)
    if shape.names and (values := fit(shape, text)) is not None:
        pieces = [shape.fixed[0]]
        for value, fixed in zip(values, shape.fixed[1:], strict=True):
            pieces += [value, fixed]
        assert "".join(pieces) == text


def test_a_value_that_is_typed_stays_as_it_is(shapes: Shapes) -> None:
    """A file may be called as a word of ours is."""
    assert shapes.say("`rocmkit doctor --log error` sees what error is") == "エラーが何かは `rocmkit doctor --log error` でわかります"


@pytest.mark.parametrize("name", ["音声 記録", "です。 次", "一、 二"])
def test_blanks_in_names_stay(shapes: Shapes, name: str) -> None:
    told = f"torch の /home/{name}/lib に gfx906 用のカーネルがありません"
    assert shapes.say(f"/home/{name}/lib of torch has no kernels for gfx906") == told
    assert shapes.say(told) == told


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(f"the a{number} thing is not there" for number in range(200)),
        "; ".join(f"The a{number} thing, is: not there." for number in range(160)),
        ": ".join(f"ab{number}" for number in range(900)),
        "(" * 2900 + "ab" + ")" * 2900,
        "`" * 5989 + "ab",
        "``ab, " * 990,
        "ab." * 1900,
        "RK001 " * 900,
        "aa and bb or " * 450,
    ],
    ids=["commas", "sentences", "colons", "parentheses", "backquotes", "code", "stops", "codes", "lists"],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    from rocmkit.words.catalogue import read

    shapes = Shapes(read("ja"))
    shapes.say("the first builds what is known")
    began = time.process_time()
    shapes.say(text[:6000])
    assert time.process_time() - began < 1  # where a search was begun at every letter it took ten


def test_many_hostile_texts_take_little_time() -> None:
    """As in the report of somebody else that is compared with one's own."""
    from rocmkit.words.catalogue import read

    told = read("ja")
    shapes, chance = Shapes(told), random.Random(1)
    words = sorted({max(re.findall("[A-Za-z]{2,}", template), key=len, default="") for template in told})
    texts = ["".join(f"Aa {chance.choice(words)}{chance.choice(('. ', '; ', ': ', ', ', ' ('))}" for _ in range(350)) for _ in range(100)]
    shapes.say("the first builds what is known")
    began = time.process_time()
    for text in texts:
        shapes.say(text)
    assert time.process_time() - began < 8  # each alone takes a second
    assert shapes.say("no end in sight and no such file") == "no end in sight and no such file"
