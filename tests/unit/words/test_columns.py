"""Text that fits into columns, of which some letters take two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.words.columns import cut, pad, width, wrap

JAPANESE = (
    "torch 2.11.0+rocm7.2 の rocBLAS に gfx906 用のカーネルファイルがありません: "
    "最初の行列積で異常終了します (SIGABRT)。「これ」はテストです。"
)


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("abc", 3), ("日本語", 6), ("ａ", 2), ("ｱ", 1), ("が", 2), ("か\u3099", 2), ("é", 1), ("…", 1)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_padding_counts_columns() -> None:
    assert pad("根拠", 8) == "根拠    "
    assert pad("evidence", 4) == "evidence"


@given(st.text(alphabet="ab日本語。 ", max_size=40), st.integers(1, 20))
def test_what_is_cut_fits(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns


@pytest.mark.parametrize("columns", range(12, 100))
def test_lines_fit_and_nothing_is_lost(columns: int) -> None:
    lines = wrap(JAPANESE, columns)
    longest = max(len(word) for word in JAPANESE.split() if word.isascii())
    assert all(width(line) <= max(columns, longest + 4) for line in lines)
    assert "".join("".join(lines).split()) == "".join(JAPANESE.split())


@pytest.mark.parametrize("columns", range(12, 100))
def test_no_line_begins_with_a_stop(columns: int) -> None:
    lines = wrap(JAPANESE, columns)
    assert not any(line[0] in "。、」)ー" for line in lines)
    assert not any(line[-1] in "「(" for line in lines)


def test_paths_and_names_stay_whole() -> None:
    path = "~/venv/lib/python3.12/site-packages/torch/lib/rocblas/library"
    assert path in wrap(f"ファイルは {path} にあります", 20)


@given(st.text(alphabet="abc ,.-日本。", max_size=120), st.integers(1, 60))
def test_any_text_is_wrapped(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert lines
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(alphabet="abc ,.-", max_size=120), st.integers(20, 60))
def test_english_is_wrapped_at_blanks_alone(text: str, columns: int) -> None:
    assert " ".join(wrap(text, columns)) == " ".join(text.split())
