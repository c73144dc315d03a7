"""Pages of checks and of what only logs show: the same headings, the texts that logs show them by, one list."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rocmkit.doctor.check import HEADINGS, all_checks
from rocmkit.errors import UsageError
from rocmkit.kb import issues as kb
from rocmkit.kb.issues import Issue
from rocmkit.model import convert
from rocmkit.report import explain
from rocmkit.words import speak

CHECKS = {check.id: check for check in all_checks()}
ALONE = [issue for issue in kb.issues() if issue.id not in CHECKS]
KNOWN = [issue for issue in kb.issues() if issue.id in CHECKS]

MADE_UP = convert(
    {
        "code": "RK999",
        "id": "out-of-smoke",
        "title": "The smoke ran out",
        "severity": "warning",
        "page": {"summary": "It ran out.", "why": "It matters.", "ignore": "Never."},
        "fix": {
            "text": "Fill {tank} of {gfx} up with {python}.",
            "commands": ["{pip} install smoke", "{python} -m smoke {gfx}"],
            "verify": ["{python} -m smoke --level"],
            "root": True,
            "caution": "It smells.",
        },
        "signatures": [
            {
                "id": "ran-out",
                "lines": [r"smoke of (?P<gfx>gfx[0-9a-f]{3,5}) in (?P<tank>\S+)", "it ran `out`"],
                "within": 5,
                "requires": ["rocm"],
                "confidence": "likely",
                "cause": "The smoke of {gfx} ran out of {tank}.",
                "seen": "2025",
                "known": "reported",
                "sources": ["https://example.org/smoke", "https://example.org/smoke"],
            },
            {
                "id": "fire",
                "lines": ["on fire"],
                "confidence": "sure",
                "cause": "It burns.",
                "seen": "2025",
                "known": "reported",
                "sources": ["https://example.org/fire"],
                "fix": {"text": "Call for help.", "torch": True},
            },
        ],
    },
    Issue,
    source="made up",
)


def test_a_page_of_its_own_says_all_that_the_file_holds() -> None:
    page = explain.issue_page(MADE_UP)
    assert tuple(page.sections) == HEADINGS
    assert page.log == ("smoke of gfx… in TANK", "it ran `out`", "on fire")
    looks, why, fix, ignore, sources = page.sections.values()
    assert "`smoke of gfx… in TANK`, then `` it ran `out` `` within 5 lines, in a log about " in looks
    assert "(likely): The smoke of the GPU ran out of TANK." in looks
    assert "- `on fire`: It burns." in looks
    assert (why, ignore, sources) == ("It matters.", "Never.", "- https://example.org/smoke\n- https://example.org/fire")
    assert fix.startswith("Fill TANK of the GPU up with `python3`. (Needs root.)")
    assert "```sh\npython3 -m pip install smoke\npython3 -m smoke GFX\n```\n\nGFX stands for" in fix
    assert "Beware: It smells." in fix and "```sh\npython3 -m smoke --level\n```" in fix
    assert "Where the text is `on fire`:\n\nCall for help." in fix


def test_an_issue_of_a_check_has_no_page_of_its_own() -> None:
    with pytest.raises(ValueError, match="needs a page"):
        explain.issue_page(KNOWN[0])


@pytest.mark.parametrize("issue", ALONE, ids=lambda issue: issue.id)
def test_every_issue_without_a_check_has_a_page(issue: Issue) -> None:
    page = explain.find(issue.id)
    assert page == explain.find(issue.code.lower()) == explain.issue_page(issue)
    assert tuple(page.sections) == HEADINGS and all(page.sections.values())
    assert bool(page.log) is bool(issue.signatures)
    assert not list(placeholders(page))


@pytest.mark.parametrize("issue", KNOWN, ids=lambda issue: issue.id)
def test_the_page_of_a_check_names_the_texts_that_logs_show_it_by(issue: Issue) -> None:
    page = explain.find(issue.id)
    assert tuple(page.sections) == HEADINGS
    assert page.log
    for text in page.log:
        assert explain._code(text) in page.sections["What it looks at"]
    for signature in issue.signatures:
        assert all(source in page.sections["Sources"] for source in signature.sources)
    assert not list(placeholders(page))


def placeholders(page: explain.Page) -> Iterator[str]:
    """Names that were not filled in. A pattern that asks for braces shows some."""
    for text in page.sections.values():
        yield from re.findall(r"\{(?:gfx|pip|python)\}", text)


def test_a_check_without_signatures_is_as_its_docstring() -> None:
    check = next(check for check in all_checks() if kb.issue(check.id) is None)
    page = explain.page(check)
    assert page.log == ()
    assert "rocmkit explain --log" not in page.sections["What it looks at"]


def test_the_list_holds_both_by_code() -> None:
    pages = explain.listing().pages
    assert [page.code for page in pages] == sorted({*(check.code for check in all_checks()), *(issue.code for issue in ALONE)})
    table = explain.table(pages)
    assert table.count("\n") == len(pages)
    for width in (80, 200):
        wrapped = explain.table(pages, width)
        assert wrapped.split() == table.split()
        assert max(map(len, wrapped.splitlines())) <= width


def test_names_that_come_close_are_looked_for_in_both() -> None:
    with pytest.raises(UsageError) as failed:
        explain.find("kfd-permision")
    assert (failed.value.hint or "").startswith("did you mean kfd-permission")
    for issue in ALONE:
        with pytest.raises(UsageError) as failed:
            explain.find(issue.id + "x")
        assert issue.id in (failed.value.hint or "")
    with pytest.raises(UsageError, match="no check is called 'zzz', and no failure that logs show"):
        explain.find("zzz")


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        ("segfault", ["RK412", "RK413", "RK414"]),
        ("Segmentation_fault", ["RK412", "RK413", "RK414"]),
        ("rocblas", ["RK307", "RK950", "RK951"]),  # those that have it in their title come first
        ("convolutions", ["RK413"]),
    ],
)
def test_a_word_leads_to_the_pages_that_are_about_it(word: str, codes: list[str]) -> None:
    with pytest.raises(UsageError) as failed:
        explain.find(word)
    named = re.findall(r"(RK[0-9]{3}) \(", failed.value.hint or "")
    assert named[: len(codes)] == codes
    assert len(named) <= 5


def test_in_another_language_it_is_a_word_of_that_one() -> None:
    speak("ja")
    try:
        with pytest.raises(UsageError) as failed:
            explain.find("行列積")
    finally:
        speak("en")
    assert "RK413 (畳み込みまたは行列積でクラッシュする)" in (failed.value.hint or "")
