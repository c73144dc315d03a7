"""The pages of doctor, diff and smoke in a real browser: light, dark, narrow, printed, by keyboard alone, and with hostile text in them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser

from rocmkit.kb.backends import backend
from rocmkit.report import smokehtml
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import Observed, Skip
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.verdict import verdict
from tests.support.browser import NARROW, PAPER, Look, chromium
from tests.support.command import rocmkit
from tests.support.smokecases import GOOD, MI50, ON_CPU, trial, with_main

MACHINES = "tests/machines"
BLOCKED, READY, USER = (f"{MACHINES}/{name}.yaml" for name in ("mi50-torch-rocm72", "mi50-16gb-healthy", "the-user"))
#: Each page, by the command that makes it. What smoke shows needs a GPU: its pages are made of values.
COMMANDS = {
    "blocked": ("doctor", "--from", BLOCKED),
    "ready": ("doctor", "--from", READY),
    "no-gpu": ("doctor", "--from", f"{MACHINES}/no-gpu.yaml"),
    "unknown": ("doctor", "--from", READY, "--only", "RK307", "--only", "RK101"),
    "what-if": ("doctor", "--from", READY, "--what-if", "torch=2.11+rocm7.2"),
    "route": ("doctor", "--from", USER, "--route", "kotoba-whisper", "--max-vram", "8GiB"),
    "log": ("doctor", "--from", USER, "--log", "{log}"),
    "fleet": ("doctor", "--from", BLOCKED, "--from", READY, "--from", f"{MACHINES}/no-driver.yaml", "--from", USER),
    "japanese": ("--lang", "ja", "doctor", "--from", USER),
    "diff": ("diff", READY, BLOCKED),
    "diff-back": ("diff", BLOCKED, READY),
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = (*COMMANDS, "smoke", "hostile", "hostile-smoke")

MARKUP = "</pre></style><script>alert(1)</script><img src='https://example.org/x.png' onerror='alert(2)'>\u202e"
LOG = (
    f"rocBLAS error: Cannot read /opt/rocm/lib/TensileLibrary.dat: No such file or directory for GPU arch : gfx906 {MARKUP}\n"
    "RuntimeError: HIP error: invalid device function\n"
)
SKIPPED = replace(
    GOOD, main=None, control=None, cpu=None, skip=Skip(code="RK710", because="its model is not there", commands=("rocmkit smoke --all",))
)


def crashed(log: str) -> Observed:
    died = trial("crash", signal="SIGSEGV", frame="libMIOpen.so.1+0x1234", library="/opt/rocm/lib/libMIOpen.so.1", log=log)
    return with_main(trial=died, heard=(), again=())


def judged(*seen: Observed) -> Smoke:
    return verdict([judge(one, backend("faster-whisper")) for one in seen], [MI50])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page as a file."""
    folder = tmp_path_factory.mktemp("pages")
    log, hostile = folder / "crash.log", folder / "<img src=x onerror=alert(3)>.yaml"
    log.write_text(LOG)
    shutil.copy(USER, hostile)
    made = {name: folder / f"{name}.html" for name in PAGES}
    for name, words in {**COMMANDS, "hostile": ("doctor", "--from", str(hostile), "--log", str(log))}.items():
        arguments = [word.format(log=log) for word in words]
        ran = rocmkit(*arguments, "--format", "html", "-o", str(made[name]))
        assert (ran.out, ran.err) == ("", ""), name
    made["smoke"].write_text(smokehtml.render(judged(GOOD, replace(GOOD, main=ON_CPU), crashed("what it printed"), SKIPPED)))
    found = judged(GOOD, crashed(MARKUP))
    cases = tuple(replace(case, system=MARKUP, title=MARKUP, model=MARKUP, because=MARKUP, commands=(MARKUP,)) for case in found.cases)
    made["hostile-smoke"].write_text(smokehtml.render(replace(found, because=MARKUP, cases=cases)))
    return made


@pytest.mark.parametrize("name", PAGES)
def test_it_asks_for_nothing_runs_nothing_and_has_no_fault_that_axe_knows(browser: Browser, pages: dict[str, Path], name: str) -> None:
    with Look(browser, pages[name]) as look:
        look.unfold()
        assert look.asked == [pages[name].as_uri()]
        assert look.said == []  # neither a dialog nor an error, and nothing that the policy had to stop
        assert look.page.locator("script, img, link, iframe, object, form").count() == 0
        assert look.page.locator("header").count() == look.page.locator("main").count() == look.page.locator("h1").count() == 1
        assert look.faults() == []
        look.page.emulate_media(color_scheme="dark")
        assert look.faults() == []


def test_dark_is_dark(browser: Browser, pages: dict[str, Path]) -> None:
    shades = []
    with Look(browser, pages["blocked"]) as look:
        for scheme in SCHEMES:
            look.page.emulate_media(color_scheme=scheme)
            shades.append(look.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, re.findall("[0-9]+", shade)[:3])) for shade in shades)
    assert dark < 100
    assert light > 600


def test_its_policy_stops_what_would_be_in_it_all_the_same(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    planted = tmp_path / "planted.html"
    planted.write_text(pages["ready"].read_text().replace("<main>", f"<main><p>{MARKUP}</p>"))
    with Look(browser, planted) as look:
        assert look.page.locator("script, img").count() == 2
        assert len(look.said) >= 2
        assert all("Content Security Policy" in text for text in look.said)


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_telephone_has_no_page_that_scrolls_sideways(browser: Browser, pages: dict[str, Path], name: str) -> None:
    with Look(browser, pages[name], width=NARROW) as look:
        look.unfold()
        assert look.wider() == []


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_nothing_is_cut_off_or_folded(browser: Browser, pages: dict[str, Path], name: str) -> None:
    with Look(browser, pages[name], width=PAPER) as look:
        look.page.emulate_media(media="print", color_scheme="dark")
        assert look.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert look.wider() == []
        assert (
            look.page.evaluate("[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
        )
        hidden = "[...document.querySelectorAll('details *')].filter(one => !one.checkVisibility({contentVisibilityAuto: true})).length"
        assert look.page.evaluate(hidden) == 0
        assert name != "log" or look.page.pdf(format="A4").startswith(b"%PDF-")


def test_every_part_is_reached_with_the_keyboard_in_its_order(browser: Browser, pages: dict[str, Path]) -> None:
    with Look(browser, pages["log"]) as look:
        reached = look.reached()
        assert [one for one in reached if one.endswith("(not seen)")] == []
        kinds = [one.split()[0] for one in reached]
        assert kinds == sorted(kinds, key=["a", "div", "summary"].index)  # the findings, the table that scrolls, what is folded
        assert len([one for one in reached if one.startswith("a ")]) == look.page.locator("a").count() > 1
        assert "div Ways from here to Japanese speech" in reached
        folded = look.page.locator("details").first
        look.page.locator("summary").first.focus()
        assert not folded.evaluate("one => one.open")
        look.page.keyboard.press("Enter")
        assert folded.evaluate("one => one.open")
        assert look.page.locator("details table").first.is_visible()


@pytest.mark.parametrize(("name", "command"), [("blocked", ("doctor", "--from", BLOCKED)), ("log", ("doctor", "--from", USER))])
def test_a_click_takes_hold_of_a_whole_command(browser: Browser, pages: dict[str, Path], name: str, command: tuple[str, ...]) -> None:
    report = rocmkit(*command, "--json").json
    found = [fault["fix"] for one in report["results"] for fault in one["findings"] if fault["fix"]]
    commands = {line for fix in found for line in (*fix["commands"], *fix["verify"])}
    assert commands
    with Look(browser, pages[name], width=NARROW) as look:
        assert set(look.taken("section[aria-labelledby=findings] pre.commands > code")) == commands


def test_the_page_says_what_the_report_says(browser: Browser, pages: dict[str, Path]) -> None:
    report = rocmkit("doctor", "--from", USER, "--json").json
    with Look(browser, pages["log"]) as look:
        look.unfold()
        shown = " ".join(look.shown().replace("`", "").split())
        verdict = look.page.locator(".verdict").inner_text()
        assert verdict.startswith("BLOCKED")
        for one in report["results"]:
            assert one["code"] in shown and one["title"] in shown
            for fault in one["findings"]:
                for text in (fault["message"], fault["cause"], *(seen["what"] for seen in fault["seen"])):
                    assert text is None or " ".join(text.replace("`", "").split()) in shown
        for route in report["routes"]:
            if route["rank"] == 1:
                assert route["title"] in shown
        first = look.page.locator("main a").first
        first.click()
        assert look.page.locator(":target h3").inner_text().startswith(first.inner_text().split(" ", 2)[0])


def test_it_names_the_language_that_it_speaks(browser: Browser, pages: dict[str, Path]) -> None:
    for name, language in (("ready", "en"), ("japanese", "ja")):
        with Look(browser, pages[name]) as look:
            assert look.page.locator(f"html[lang={language}]").count() == 1


def test_what_would_come_stands_first(browser: Browser, pages: dict[str, Path]) -> None:
    with Look(browser, pages["what-if"]) as look:
        text = look.page.locator("main section").first.inner_text()
        assert "READY → BLOCKED" in text and "new: RK307" in text


def test_a_log_and_ways_and_comparisons_are_there(browser: Browser, pages: dict[str, Path]) -> None:
    for name, words in {
        "log": ("In the log", "line 1", "TensileLibrary.dat", "RK307"),
        "route": ("kotoba-whisper", "What people try", "of 8 GiB"),
        "diff": ("READY → BLOCKED", "RK307", "torch: 2.9.1+rocm6.3 → 2.11.0+rocm7.2"),
        "diff-back": ("BLOCKED → READY", "Gone", "RK307"),
    }.items():
        with Look(browser, pages[name]) as look:
            shown = look.shown()
            assert [word for word in words if word not in shown] == [], name


def test_bars_are_as_long_as_their_numbers(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "smoke.html"
    found = judged(GOOD, GOOD)
    vram, rtf = MI50.vram_bytes or 0, 0.5
    cases = (
        replace(found.cases[0], cer=0.2, rtf=rtf, peak_vram_bytes=vram),
        replace(found.cases[1], cer=0.05, rtf=rtf / 2, peak_vram_bytes=vram // 4),
    )
    file.write_text(smokehtml.render(replace(found, cases=cases)))
    with Look(browser, file) as look:
        shares = look.page.evaluate(
            "[...document.querySelectorAll('.bar')].map(one => one.getBoundingClientRect().width / one.parentElement.clientWidth)"
        )
        assert shares == pytest.approx([1, 1, 1, 0.25, 0.5, 0.25], abs=0.03)
        # The number stands beside its bar, in words that a screen reader reads.
        cells = look.page.locator("td:has(.bar)").all_inner_texts()
        assert [cell.strip() for cell in cells[:3]] == ["20.0 %", "0.50", "16.0 GiB"]


def test_hostile_text_is_shown_and_not_obeyed(browser: Browser, pages: dict[str, Path]) -> None:
    for name in ("hostile", "hostile-smoke"):
        with Look(browser, pages[name]) as look:
            look.unfold()
            assert "<script>alert(1)</script>" in look.shown()
            assert "\u202e" not in look.page.content()
            assert look.said == []


@pytest.mark.parametrize("arguments", [("--preview",), ("--json",)])
def test_what_makes_no_sense_with_a_page_is_refused(arguments: tuple[str, ...]) -> None:
    done = rocmkit("doctor", "--from", READY, *arguments, "--format", "html")
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
