"""The table of smoke in every form: a row a system, nothing of a log taken for our own words, nothing wider than the terminal."""

from __future__ import annotations

import re

import jsonschema
import pytest
from hypothesis import Phase, given, settings
from msgspec.structs import replace

from rocmkit.kb.backends import backend
from rocmkit.model import from_json, to_json
from rocmkit.report import json, smokehtml, smokemarkdown, smokerows
from rocmkit.report import smoke as text
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import Skip
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.verdict import verdict
from tests.support.pages import Parsed
from tests.support.smokecases import GOOD, MI50, ON_CPU, every, trial, with_main
from tools.schema import schema

FASTER = backend("faster-whisper")
HOSTILE = "\x1b[31m<script>alert(1)</script> | `x`\n# no heading of ours"
MISSING = Skip(
    code="RK710", because="the model base is not in the hub's cache", commands=("rocmkit smoke faster-whisper --all",), bytes=1 << 30
)
SKIPPED = replace(GOOD, main=None, control=None, cpu=None, skip=MISSING)
CRASHED = with_main(
    trial=trial("crash", signal="SIGSEGV", frame="libMIOpen.so.1+0x1234", library="/opt/rocm/lib/libMIOpen.so.1", log=HOSTILE),
    heard=(),
    again=(),
)
ALL = {"passed": GOOD, "processor": replace(GOOD, main=ON_CPU), "crashed": CRASHED, "skipped": SKIPPED}
FOUND = verdict([judge(seen, FASTER) for seen in ALL.values()], [MI50])


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_text_has_a_row_for_each_and_fits(width: int) -> None:
    shown = text.render(FOUND, color=False, unicode=True, width=width)
    head, *_ = re.split(r"\n\n", shown.partition("\n\n")[2])
    assert len(head.splitlines()) == 1 + len(ALL)
    commands = [command for case in FOUND.cases for command in case.commands]
    for line in shown.splitlines():
        assert len(line) <= width or any(command in line for command in commands) or " " not in line.strip(), line
    assert shown.splitlines()[-1].startswith(("✗", " ", "!"))
    for command in commands:
        assert command in shown  # whole, to be copied


def test_text_says_what_it_was_and_how_that_is_known() -> None:
    shown = " ".join(text.render(FOUND, color=False, unicode=True).split())
    for words in ("yes, executed", "SIGSEGV", "libMIOpen.so.1", "PARTLY PROVED", "RK703", "RK701", "rocmkit smoke faster-whisper --all"):
        assert words in shown
    assert "\x1b" not in shown


def test_text_without_unicode_and_with_colour() -> None:
    assert text.render(FOUND, color=False, unicode=False).isascii()
    assert "\x1b[" in text.render(FOUND, color=True, unicode=True)


def test_nothing_ran() -> None:
    found = verdict([judge(SKIPPED, FASTER)], [])
    shown = text.render(found, color=False, unicode=True)
    assert "no AMD GPU was found" in shown
    assert "nothing ran" in shown
    assert "RTF" not in shown


def test_many_that_were_skipped_are_told_by_why_and_fit_a_small_terminal() -> None:
    why = {"torch is not installed in /venv; and more": ("mms", "xls-r", "kotoba-whisper"), "no model": ("faster-whisper", "espnet")}
    cases = [
        judge(replace(SKIPPED, backend=name, skip=replace(MISSING, because=because)), backend(name))
        for because, names in why.items()
        for name in names
    ]
    shown = text.render(verdict(cases, []), color=False, unicode=True, width=80).partition("Skipped\n")[2]
    assert "mms, xls-r, kotoba-whisper\n    because torch is not installed in /venv\n" in shown
    assert "faster-whisper, espnet\n    because no model\n" in shown
    assert "`rocmkit smoke mms`" in shown
    assert len(shown.splitlines()) < 10
    few = text.render(verdict(cases[:4], []), color=False, unicode=True, width=80)
    assert few.count("rocmkit smoke faster-whisper --all") == 4


def test_what_ran_on_the_processor_is_said_so_in_every_form() -> None:
    found = verdict([judge(replace(GOOD, device="cpu", main=ON_CPU), FASTER)], [])
    assert found.cases[0].outcome == "inconclusive"
    forms = text.render(found, color=False, unicode=True), smokemarkdown.render(found), smokehtml.render(found)
    assert all("on the CPU" in shown and "inconclusive" not in shown for shown in forms)


def test_markdown_has_one_table_and_no_html_of_others() -> None:
    shown = smokemarkdown.render(FOUND)
    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(ALL)
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    assert "<script" not in shown
    assert [line for line in shown.splitlines() if line.startswith("# ")] == []


def test_html_is_whole_and_needs_nothing_else() -> None:
    shown = smokehtml.render(FOUND)
    page = Parsed(shown)
    assert page.open == []
    assert not page.all("script") and not page.all("img") and not page.all("link")
    assert "http" not in shown.replace("https://", "http") or not re.search(r'(?:src|href)="http', shown)
    assert page.all("html")[0]["lang"] == "en"
    assert {"header", "main", "section", "table"} <= {name for name, _ in page.tags}
    rows = [attrs for attrs in page.all("th") if attrs.get("scope") == "row"]
    assert len(rows) == len(ALL)
    targets = {attrs["id"] for attrs in page.all("section")}
    assert {str(attrs["href"]).removeprefix("#") for attrs in page.all("a")} == targets
    assert page.all("span")  # bars
    assert "prefers-color-scheme: dark" in shown and "@media print" in shown


def test_json_follows_its_schema() -> None:
    told = from_json(json.render(FOUND).encode(), Smoke, source="smoke")
    assert told == FOUND
    import json as plain

    jsonschema.validate(plain.loads(json.render(FOUND)), schema(Smoke, title="smoke"))


@settings(max_examples=20, deadline=None, phases=[Phase.reuse, Phase.generate])  # to make such values smaller takes minutes
@given(every(Smoke))
def test_every_form_takes_every_value(found: Smoke) -> None:
    page = Parsed(smokehtml.render(found))
    assert page.open == []
    assert len([attrs for attrs in page.all("th") if attrs.get("scope") == "row"]) == len(found.cases)
    rows = [line for line in smokemarkdown.render(found).splitlines() if line.startswith("|")]
    assert len(rows) >= 2 + len(found.cases)
    shown = text.render(found, color=False, unicode=True, width=80)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)
    text.render(found, color=True, unicode=False, width=60)
    assert to_json(found)


@pytest.mark.parametrize(
    ("rate", "words"),
    [(None, "-"), (0.0, "0.0 %"), (0.0005, "<0.1 %"), (0.011, "1.1 %"), (1.0, "100.0 %"), (1.5, ">100 %"), (float("nan"), "-")],
)
def test_rates(rate: float | None, words: str) -> None:
    assert smokerows.percent(rate) == words
