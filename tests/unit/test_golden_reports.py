"""Every generated machine, and the report on it: what a person with that machine reads."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.probe import collect
from rocmkit.recipes import offers
from rocmkit.report import doctorhtml, markdown, text
from rocmkit.report.published import Report, Terms, publish

MACHINES = sorted((Path(__file__).resolve().parent.parent / "machines").glob("*.yaml"))


def report(path: Path) -> Report:
    return publish(collect(ReplayHost(load_file(path))), all_checks(), source=f"recording {path.name}", terms=Terms(offers=offers()))


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_report_is_the_golden_one(path: Path, rewrite_goldens: bool) -> None:
    golden = path.with_suffix(".txt")
    lines = text.render(report(path), color=False, unicode=True).splitlines(keepends=True)
    # The first line names the version and the date of the knowledge base.
    got = re.sub(r"doctor \S+ ", "doctor VERSION ", re.sub(r"\d{4}-\d\d-\d\d", "DATE", lines[0])) + "".join(lines[1:])
    if rewrite_goldens:
        golden.write_text(got)
    want = golden.read_text() if golden.exists() else ""
    assert got == want, "".join(difflib.unified_diff(want.splitlines(True), got.splitlines(True), str(golden), "this run"))


def test_every_golden_has_its_machine() -> None:
    assert {path.stem for path in MACHINES} == {path.stem for path in MACHINES[0].parent.glob("*.txt")}


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_no_check_crashes(path: Path) -> None:
    assert [one.code for one in report(path).results if one.outcome == "crashed"] == []


def test_the_readme_shows_what_the_program_prints() -> None:
    readme = (MACHINES[0].parents[2] / "README.md").read_text()
    example = readme.partition("```text\n")[2].partition("\n```")[0]
    golden = (MACHINES[0].parent / "mi50-torch-rocm72.txt").read_text()
    assert example.startswith("✗ RK307")
    assert all(part.strip("\n") in golden for part in example.split("…"))


def test_the_verdict_names_what_led_to_it_in_every_format() -> None:
    found = report(MACHINES[0].parent / "the-user.yaml")
    verdict = "BLOCKED: 1 error (RK403), 1 likely error (RK413), 1 warning (RK418), 3 notes"
    assert text.render(found, color=False, unicode=True, width=80).splitlines()[-1] == verdict
    assert markdown.render(found).startswith(f"## rocmkit doctor: {verdict}\n")
    assert f">{verdict}</p>" in doctorhtml.render(found)


@pytest.mark.parametrize(("name", "told"), [("no-gpu", True), ("wsl", False), ("no-driver", False), ("radeon-vii", False)])
def test_without_a_gpu_it_says_what_can_be_asked_all_the_same(name: str, told: bool) -> None:
    found = report(MACHINES[0].parent / f"{name}.yaml")
    pages = (text.render(found, color=False, unicode=True, width=400), markdown.render(found), doctorhtml.render(found))
    for page in pages:
        assert ("rocmkit inspect FILE --for gfx906" in page) == told
