"""Whole reports in Japanese: no sentence of rocmkit's is left in English, nothing that is copied is changed, lines fit their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from rocmkit import words
from rocmkit.doctor.told import told
from rocmkit.logs.match import match
from rocmkit.report import explain, fleethtml, fleetmarkdown, fleettext, json, markdown, smoke, smokehtml, smokemarkdown, text
from rocmkit.report import log as logs
from rocmkit.report.fleet import fleet
from rocmkit.report.published import Report
from rocmkit.words import preferred, said, speak
from rocmkit.words.columns import width
from tests.support.pages import Parsed
from tests.unit.smoke.test_smoke_report import FOUND as SMOKE
from tests.unit.smoke.test_smoke_report import HOSTILE
from tests.unit.test_golden_reports import MACHINES
from tests.unit.test_golden_reports import report as made
from tests.unit.test_known_logs import samples

#: Five words of English in a row that no code, path, quote or name is in.
ENGLISH = re.compile(r"(?<![\w./`'\"-])(?:[a-z]{2,}[,;:]? ){4,}[a-z]{2,}(?![\w/`'\"])")
#: What stands in backquotes or quotes is of others, or to be typed.
QUOTED = re.compile(r"``.*?``|`[^`]*`|\"[^\"]*\"|“[^”]*”|'[^']{12,}'")


#: Where the words of other programs begin.
OTHERS = ("dmesg: ", "`dmesg`", "journalctl: ", "journal files were opened")


@pytest.fixture(autouse=True)
def english_after() -> Iterator[None]:
    yield
    speak("en")


def english(written: str, but: Iterable[str] = ()) -> list[str]:
    """Lines that are English, but for those that hold one of these, or a part of one."""
    typed = set(but)
    lines = [line for line in written.splitlines() if not any(one and one in line for one in (*typed, *OTHERS))]
    found = [(line, ENGLISH.search(QUOTED.sub("", line))) for line in lines]
    return [line for line, words in found if words and not any(words[0] in one for one in typed)]


@cache
def report(path: Path) -> Report:
    return made(path)


@cache
def commands(path: Path) -> set[str]:
    found = report(path)
    fixes = [fault.fix for one in found.results for fault in one.findings if fault.fix]
    return {line for fix in fixes for line in (*fix.commands, *fix.verify)} | {line for way in found.routes for line in way.commands}


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_no_english_is_left_in_the_report_on_a_machine(path: Path) -> None:
    speak("ja")
    found = report(path)
    drawn = text.render(found, color=False, unicode=True, width=100)
    assert not english(drawn, commands(path))
    assert not english(markdown.render(found), commands(path))


def test_no_english_is_left_in_the_report_on_many_machines() -> None:
    speak("ja")
    found = fleet((path.stem, path.name, report(path)) for path in MACHINES)
    typed = {line for path in MACHINES for line in commands(path)}
    page = "\n".join(Parsed(fleethtml.render(found)).said)
    for drawn in (fleettext.render(found, color=False, unicode=True), fleetmarkdown.render(found), page):
        assert not english(drawn, typed)


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
@pytest.mark.parametrize("path", MACHINES[::4], ids=lambda path: path.stem)
def test_lines_fit(path: Path, columns: int) -> None:
    speak("ja")
    typed = commands(path)
    for line in text.render(report(path), color=False, unicode=True, width=columns).splitlines():
        longest = max((width(word) for word in line.split()), default=0)
        titled = re.search(r"^\S RK\d{3} ", line)  # a title stays in one line
        assert width(line) <= max(columns, longest + 24) or titled or any(one in line for one in typed), line


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_commands_and_json_stay(path: Path) -> None:
    before = json.render(report(path))
    typed = commands(path)
    english_text = text.render(report(path), color=False, unicode=True)
    speak("ja")
    assert json.render(report(path)) == before
    drawn = text.render(report(path), color=False, unicode=True)
    assert all(one in drawn for one in typed if one in english_text)


def test_no_page_is_left_in_english() -> None:
    speak("ja")
    wrong = {}
    for page in explain.listing().pages:
        prose = markdown.spoken(explain.markdown(page)).partition("\n## 出典")[0]
        if left := english(re.sub(r"```.*?```", "", prose, flags=re.DOTALL)):
            wrong[page.code] = left
    assert not wrong, f"{len(wrong)} pages: {dict(list(wrong.items())[:3])}"


@pytest.mark.parametrize("issue", sorted(samples()))
def test_no_cause_and_no_fix_of_a_log_is_left_in_english(issue: str) -> None:
    speak("ja")
    for sample in samples()[issue].logs:
        found = match([sample.text.encode()])
        drawn = logs.published(found, told(found), source="log")
        typed = [line for one in drawn.matches for line in (*one.fix.commands, *one.fix.verify, *one.excerpt.splitlines())]
        assert not english(logs.render(drawn, color=False, unicode=True), [line.strip() for line in typed])


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ja:en"}, "ja"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:ja:en"}, "ja"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ja"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LANGUAGE": "en"}, "en"),
        ({"LANG": "ja"}, "ja"),
    ],
)
def test_the_language_of_a_locale(environ: dict[str, str], language: str) -> None:
    assert preferred(environ) == language


def test_english_is_left_as_it_is() -> None:
    speak("en")
    assert said("rocBLAS has no kernels for this GPU") == "rocBLAS has no kernels for this GPU"
    assert words.language() == "en"


def test_no_english_is_left_in_what_smoke_found() -> None:
    speak("ja")
    foreign = [command for case in SMOKE.cases for command in case.commands] + [HOSTILE]
    page = "\n".join(Parsed(smokehtml.render(SMOKE)).said)
    for drawn in (smoke.render(SMOKE, color=False, unicode=True), smokemarkdown.render(SMOKE), page):
        assert not english(drawn, foreign)


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_the_table_of_smoke_keeps_its_columns(columns: int) -> None:
    speak("ja")
    drawn = smoke.render(SMOKE, color=False, unicode=True, width=columns)
    rows = drawn.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    assert len(rows) == 1 + len(SMOKE.cases)
    assert all(width(row) <= columns for row in rows)
