"""The pages of doctor and diff say what the reports hold, whatever stands in them, and are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.doctor.check import all_checks
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.probe import collect
from rocmkit.recipes import offers
from rocmkit.report import diffhtml, doctorhtml, htmlpage, loghtml, routeshtml
from rocmkit.report.diff import Diff
from rocmkit.report.fix import WayOut
from rocmkit.report.log import LogReport
from rocmkit.report.published import Report, Terms, publish
from rocmkit.trial.values import Trial
from tests.support.pages import Parsed
from tests.support.smokecases import every

MACHINES = sorted((Path(__file__).resolve().parent.parent / "machines").glob("*.yaml"))
#: To make values of these types smaller takes minutes.
FEW = settings(max_examples=20, deadline=None, phases=[Phase.reuse, Phase.generate])


def report(path: Path) -> Report:
    return publish(collect(ReplayHost(load_file(path))), all_checks(), source=f"recording {path.name}", terms=Terms(offers=offers()))


USER = report(next(path for path in MACHINES if path.stem == "the-user"))


def plain(text: str) -> str:
    """What a page makes of a sentence: what stood in backquotes is code."""
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_all_that_a_report_says_is_on_its_page(path: Path) -> None:
    found = report(path)
    page = Parsed(doctorhtml.render(found))
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {str(attrs["href"]).removeprefix("#") for attrs in page.all("a")} <= set(ids)
    assert {attrs["aria-labelledby"] for attrs in page.all("section") if "aria-labelledby" in attrs} <= set(ids)
    shown = plain(page.text)
    for one in found.results:
        assert one.code in shown
        assert plain(one.title) in shown
        assert plain(one.because or "") in shown
        for fault in one.findings:
            told = [fault.message, fault.cause or "", *(seen.where for seen in fault.seen), *(seen.what for seen in fault.seen)]
            told += [fault.fix.text, fault.fix.caution or "", *fault.fix.commands, *fault.fix.verify] if fault.fix else []
            assert [text for text in told if plain(text) not in shown] == []
    for route in found.routes:
        assert route.rank > 1 or plain(route.how) in shown


def test_commands_are_whole_lines_that_a_click_takes() -> None:
    lines = ("pip install 'a<b' && echo \"$HOME\"", "second --with `backquotes`")
    markup = htmlpage.commands(lines)
    assert "".join(Parsed(markup).said) == "\n".join(lines)
    assert markup.count('<code translate="no">') == 2


def test_what_stands_in_backquotes_is_code_and_stays_what_it_is() -> None:
    assert htmlpage.text("run `a <b>`") == 'run <code translate="no">a &lt;b&gt;</code>'
    assert htmlpage.text("one ` alone") == "one ` alone"
    assert htmlpage.text("no\nbreak") == "no break"
    assert htmlpage.plain("`as it is`\u202e") == "`as it is`\N{REPLACEMENT CHARACTER}"


def test_a_page_names_its_language_and_lets_nothing_in() -> None:
    page = Parsed(htmlpage.page("a </title><script>", ["<main></main>"]))
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert not page.all("script")
    policy = next(str(attrs["content"]) for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


@FEW
@given(every(tuple[Trial, ...]), st.text(max_size=20))
def test_experiments_and_a_check_that_crashed(trials: tuple[Trial, ...], because: str) -> None:
    first, *rest = USER.results
    crashed = replace(first, outcome="crashed", because=because, findings=())
    page = Parsed(doctorhtml.render(replace(USER, trials=trials, results=(crashed, *rest))))
    assert page.open == []
    assert "This is a bug in rocmkit" in page.text
    assert ("Experiments" in page.text) == bool(trials)
    assert len([attrs for attrs in page.all("div") if attrs.get("aria-label") == "Experiments"]) == bool(trials)


@FEW
@given(every(Diff))
def test_every_comparison_makes_a_page(found: Diff) -> None:
    page = Parsed(diffhtml.render(found))
    assert page.open == []
    assert {"html", "body", "header", "main", "h1"} <= {tag for tag, _ in page.tags}
    assert len(page.all("article")) == len(found.came) + len(found.went) + len(found.unclear) + len(found.changed)


@FEW
@given(every(LogReport))
def test_every_log_makes_a_section(found: LogReport) -> None:
    below: dict[WayOut, str] = {one.fix: "RK307" for one in found.matches[:1]}
    page = Parsed("\n".join(loghtml.section(found, below)))
    assert page.open == []
    assert len(page.all("article")) == len(found.matches)


def test_all_ways_in_full() -> None:
    names = frozenset(one.system for one in USER.routes)
    page = Parsed("\n".join(routeshtml.full(USER.routes, USER.ideas, names)))
    assert page.open == []
    shown = plain(page.text)
    for route in USER.routes:
        assert plain(route.how) in shown
        assert [line for line in route.commands if plain(line) not in shown] == []
    assert [idea.name for idea in USER.ideas if idea.name not in shown] == []
