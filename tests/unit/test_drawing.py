"""Headings, prose and pages that fit a terminal, with commands that stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.report.drawing import flowed, headed, style_of, wrapped
from rocmkit.report.explain import listing, markdown
from rocmkit.words.columns import wrap

PLAIN = style_of(color=False)
BLOCKS = st.lists(
    st.one_of(
        st.text(alphabet="abc -\n", min_size=1, max_size=60),
        st.sampled_from(
            ["# A heading that is longer than any line", "- one\n  and more\n- two `rocmkit smoke --all`", "```sh\na  b\n\nc\n```"]
        ),
    ),
    max_size=5,
).map("\n\n".join)


@pytest.mark.parametrize("columns", range(20, 90))
def test_a_command_is_not_broken_where_a_line_has_room(columns: int) -> None:
    text = "First see with `rocmkit doctor` what is wrong, then `rocmkit smoke faster-whisper --all` brings what is missing."
    lines = wrap(text, columns)
    assert " ".join(lines) == text
    for command in ("`rocmkit doctor`", "`rocmkit smoke faster-whisper --all`"):
        if len(command) + 4 < columns:
            assert any(command in line for line in lines)
            assert all(len(line) <= columns for line in lines)


def test_what_a_heading_is_of_goes_below_it_where_there_is_no_room() -> None:
    assert list(headed("rocmkit build", "ctranslate2 4.8.1", PLAIN, 40)) == ["rocmkit build  ctranslate2 4.8.1"]
    assert list(headed("rocmkit build", "ctranslate2 4.8.1: with GPU code for cards", PLAIN, 40)) == [
        "rocmkit build",
        "    ctranslate2 4.8.1: with GPU code for",
        "    cards",
    ]


@given(BLOCKS, st.integers(20, 120))
def test_no_word_of_a_page_is_lost_and_code_stays(page: str, width: int) -> None:
    shown = flowed(page, width)
    assert shown.split() == page.split()
    assert shown.count("\na  b\n\nc\n") == page.count("\na  b\n\nc\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_page_fits(width: int) -> None:
    for page in listing().pages:
        code = False
        for line in flowed(markdown(page), width).splitlines():
            code ^= line.startswith("```")
            if not code and not line.startswith(("#", "```")):
                assert len(line) <= width or max(map(len, line.split())) > width // 2 or "`" in line, (page.code, line)


def test_prose_of_others_moves_nothing() -> None:
    assert list(wrapped("", "a\x1b[2J b", 40, indent=0)) == ["a\N{REPLACEMENT CHARACTER}[2J b"]
