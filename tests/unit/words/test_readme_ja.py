"""The Japanese README says what the English one says, and shows what the program prints in Japanese.

`./run tests tests/unit/words/test_readme_ja.py --rewrite-goldens` puts what is printed into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from rocmkit.report import text
from rocmkit.words import speak
from tests.conftest import ROOT
from tests.support.links import links
from tests.unit.test_golden_reports import MACHINES, report

ENGLISH, JAPANESE = ROOT / "README.md", ROOT / "README.ja.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def english_after() -> Iterator[None]:
    yield
    speak("en")


@cache
def both() -> tuple[str, str]:
    return ENGLISH.read_text(encoding="utf-8"), JAPANESE.read_text(encoding="utf-8")


def shape(readme: str) -> list[str]:
    """Headings, blocks, rows and points of a page in their order, without their words."""
    marks = (re.match(r"#+ |```\w*$|- |\|", line) for line in readme.splitlines())
    return [mark[0] + "|" * (mark.string.count("|") - 1) if mark[0] == "|" else mark[0] for mark in marks if mark]


def commands(readme: str) -> list[str]:
    """What is typed, without the comments."""
    blocks = (block for kind, block in _BLOCK.findall(readme) if kind == "sh")
    return [typed for block in blocks for line in block.splitlines() if (typed := re.sub(r"(^|\s+)#.*", "", line))]


def quoted(readme: str) -> list[str]:
    """What stands in backquotes: commands, options, files."""
    return sorted(set(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", readme))))


def test_both_have_the_same_parts_in_the_same_order() -> None:
    english, japanese = map(shape, both())
    assert english.count("## ") >= 7
    # The example is compared with what is printed, below.
    assert japanese == english


def test_both_have_the_same_commands() -> None:
    english, japanese = both()
    assert len(commands(english)) > 9
    assert commands(japanese) == commands(english)
    assert [name for name in quoted(japanese) if name not in {*quoted(english), "--lang ja"}] == []
    assert [name for name in quoted(english) if name not in quoted(japanese)] == []


def test_both_have_the_same_links() -> None:
    there = {"README.md": "README.ja.md"}
    assert "README.ja.md" in links(ENGLISH)
    assert sorted(there.get(link, link) for link in links(JAPANESE)) == sorted(links(ENGLISH))


def test_no_line_ends_in_the_middle_of_a_paragraph() -> None:
    # GitHub draws a line's end as a blank, which Japanese has none of.
    _, japanese = both()
    lines = _BLOCK.sub("```", japanese).splitlines()
    prose = [bool(line) and not line.startswith(("#", "|", "```")) for line in lines]
    assert [line for line, before, this in zip(lines[1:], prose, prose[1:], strict=False) if before and this and line[:2] != "- "] == []


def test_it_shows_what_the_program_prints(rewrite_goldens: bool) -> None:
    speak("ja")
    (machine,) = [path for path in MACHINES if path.stem == "mi50-torch-rocm72"]
    drawn = text.render(report(machine), color=False, unicode=True)
    finding, verdict = drawn[drawn.index("✗ RK307") :].partition("\n\n")[0], drawn.splitlines()[-1]
    example = f"```text\n{finding}\n…\n{verdict}\n```"
    readme = JAPANESE.read_text(encoding="utf-8")
    shown = re.search(r"```text\n.*?```", readme, re.DOTALL)
    assert shown
    if rewrite_goldens:
        JAPANESE.write_text(readme.replace(shown[0], example), encoding="utf-8")
    else:
        assert shown[0] == example
