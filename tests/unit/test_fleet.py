"""Many machines in one report: rows, findings told once, names in few words, tables that fit."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.doctor.check import all_checks
from rocmkit.errors import Exit
from rocmkit.facts import gap
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.probe import collect
from rocmkit.report import fleet, fleethtml, fleetmarkdown, fleettext, names
from rocmkit.report.fleet import Fleet
from rocmkit.report.published import Report, Unjudged, publish
from rocmkit.words.columns import width

MACHINES = Path(__file__).resolve().parent.parent / "machines"
BROKEN = Unjudged(source="recording n9.yaml", because="not a recording: n9.yaml: it is empty")


@cache
def report(machine: str) -> Report:
    return publish(collect(ReplayHost(load_file(MACHINES / f"{machine}.yaml"))), all_checks(), source=f"recording {machine}.yaml")


def of(*machines: str | tuple[str, Report | Unjudged]) -> Fleet:
    named = [(one, report(one)) if isinstance(one, str) else one for one in machines]
    return fleet.fleet((name, f"rack/{name}.yaml", one) for name, one in named)


def text(found: Fleet, columns: int = 100, *, unicode: bool = True) -> str:
    return fleettext.render(found, color=False, unicode=unicode, width=columns)


def expanded(folded: str) -> list[str]:
    found = re.fullmatch(r"(.*)\[([0-9]+)-([0-9]+)\](.*)", folded, re.DOTALL)
    if not found:
        return [folded]
    start, first, last, end = found.groups()
    return [f"{start}{number:0{len(first)}d}{end}" for number in range(int(first), int(last) + 1)]


@pytest.mark.parametrize(
    ("given", "folded"),
    [
        (["n1", "n3", "n2"], ("n[1-3]",)),
        (["n2", "n1"], ("n1", "n2")),
        ([f"node{number:03d}" for number in range(1, 129)], ("node[001-128]",)),
        (["n8", "n9", "n10", "n12"], ("n[8-10]", "n12")),
        (["n08", "n09", "n10"], ("n[08-10]",)),
        (["n008", "n009", "n10"], ("n008", "n009", "n10")),
        (["r1-n7.lan", "r1-n8.lan", "r1-n9.lan", "r2-n8.lan"], ("r1-n[7-9].lan", "r2-n8.lan")),
        (["a[1]", "a[2]", "a[3]"], ("a[1]", "a[2]", "a[3]")),
        (["login", "login"], ("login",)),
        ([], ()),
    ],
)
def test_names_that_count_up_are_one_word(given: list[str], folded: tuple[str, ...]) -> None:
    assert names.fold(given) == folded


@given(st.lists(st.from_regex(r"[ab0-9.-]{1,6}", fullmatch=True), max_size=30))
def test_folding_loses_no_name_and_makes_none(given: list[str]) -> None:
    found = [name for folded in names.fold(given) for name in expanded(folded)]
    assert sorted(found) == sorted(set(given))


@pytest.mark.parametrize(
    ("paths", "called"),
    [
        (["rack/a.yaml", "rack/b.yml", "c"], ["a", "b", "c"]),
        (["n1/machine.yaml", "n2/machine.yaml", "other.yaml"], ["n1/machine", "n2/machine", "other"]),
        (["/x/a/m.yaml", "/y/a/m.yaml"], ["x/a/m", "y/a/m"]),
        (["m.yaml", "x/m.yaml"], ["m", "x/m"]),
        (["m.yaml", "m.yaml", "m.yml"], ["m", "m (2)", "m (3)"]),
        (["-"], ["-"]),
    ],
)
def test_recordings_are_told_apart(paths: list[str], called: list[str]) -> None:
    assert names.apart(paths) == called


@given(st.lists(st.from_regex(r"(/|\./)?([ab]/){0,3}[ab](\.yaml|\.yml)?", fullmatch=True), max_size=12))
def test_no_two_recordings_have_one_name(paths: list[str]) -> None:
    called = names.apart(paths)
    assert len(called) == len(paths) == len(set(called))


def test_a_row_has_what_tells_machines_apart() -> None:
    found = of("mi300x-cpx", "igpu-plus-dgpu", "no-gpu", "apu-raven-old")
    assert [one.kit for one in found.machines] == [
        ("8x gfx942 24 GiB", "6.8.0-87-generic", "7.2.0", "2.11.0+rocm7.2"),
        ("gfx1100 24 GiB + gfx1036", "6.14.0-36-generic", "6.4.3", "2.9.1+rocm6.4"),
        ("none", "6.8.0-87-generic", "none", "2.9.1"),
        ("gfx902", "5.4.0-216-generic", "none", "none"),
    ]
    assert [(one.verdict, one.exit) for one in found.machines] == [
        ("ready", 0),
        ("degraded", 0),
        ("not-applicable", 4),
        ("degraded", 0),
    ]


def test_what_could_not_be_read_is_a_question_mark_and_never_none() -> None:
    none = gap("denied", "no")
    facts = replace(report("mi210").facts, gpus=none, system=none, rocm=none, python=none)
    assert fleet.kit(facts) == ("?", "?", "?", "?")


def test_what_all_have_in_common_has_no_column() -> None:
    found = of("mi50-16gb-healthy", "two-mi50", "no-access")
    assert fleet.same(found) == {"kernel": "6.8.0-87-generic", "ROCm": "6.3.4", "torch": "2.9.1+rocm6.3"}
    head = next(line for line in text(found).splitlines() if line.startswith("machine"))
    assert head.split() == ["machine", "GPU", "verdict", "codes"]
    assert "The same on all of them: kernel 6.8.0-87-generic, ROCm 6.3.4, torch 2.9.1+rocm6.3" in text(found)
    assert fleet.same(of("mi210")) == {}  # one machine has nothing in common with itself


def test_a_finding_is_told_once_with_all_who_have_it() -> None:
    found = of(*((f"n{number}", report("no-access" if number != 5 else "mi210")) for number in range(1, 10)))
    (one,) = [one for one in found.findings if one.code == "RK201"]
    assert one.machines == tuple(f"n{number}" for number in range(1, 10) if number != 5)
    assert fleet.where(one, found) == "all but n5 (8 of 9)"
    drawn = text(found)
    assert drawn.count("This user may not open the GPU's device files") == 1
    assert 'sudo usermod -aG render "$USER"' in drawn  # one way out mends it on all of them


def test_who_has_a_finding_in_few_words() -> None:
    assert fleet.where(of("no-access").findings[0], of("no-access")) == "no-access"
    both = of("no-access", ("b", report("no-access")))
    assert fleet.where(both.findings[0], both) == "all 2 machines"
    few = of(*((f"n{number}", report("no-access" if number < 4 else "mi210")) for number in range(9)))
    assert fleet.where(few.findings[0], few) == "n[0-3] (4 of 9)"


def test_where_ways_out_differ_it_says_how_to_see_one() -> None:
    found = of("no-access", "relogin-pending")
    (one,) = [one for one in found.findings if one.code == "RK201"]
    assert (one.fix, one.message, one.alike) == (None, None, False)
    assert "    run     rocmkit doctor --from rack/no-access.yaml" in text(found).splitlines()
    assert "rocmkit doctor --from rack/no-access.yaml" in fleetmarkdown.render(found)
    assert "rocmkit doctor --from rack/no-access.yaml" in fleethtml.render(found)


def test_errors_come_first_then_what_most_have() -> None:
    found = of("radeon-vii", "the-user", "igpu-plus-dgpu", "two-mi50", "no-access")
    kinds = [one.kind for one in found.findings]
    assert kinds == sorted(kinds, key=["error", "warning", "note"].index)
    errors = [len(one.machines) for one in found.findings if one.kind == "error"]
    assert errors == sorted(errors, reverse=True) and errors[0] == 2


@pytest.mark.parametrize(
    ("machines", "code", "last"),
    [
        (("mi210", "mi50-16gb-healthy"), Exit.OK, "READY: 2 of 2 machines"),
        (("mi210", "igpu-plus-dgpu"), Exit.OK, "DEGRADED: 1 of 2 machines"),
        (("mi210", "no-gpu"), Exit.NOT_APPLICABLE, "NOT APPLICABLE: 1 of 2 machines"),
        (("no-access", "no-gpu", "mi210"), Exit.BLOCKED, "BLOCKED: 1 of 3 machines"),
        (("mi210", ("n9", BROKEN)), Exit.USAGE, "READY: 1 of 2 machines; 1 recording could not be judged"),
        ((("n9", BROKEN), ("n10", BROKEN)), Exit.USAGE, "UNKNOWN: none of the recordings could be judged"),
    ],
)
def test_the_worst_of_any_machine_is_the_verdict_and_the_exit_code(
    machines: tuple[str | tuple[str, Report | Unjudged], ...], code: Exit, last: str
) -> None:
    found = of(*machines)
    assert found.exit == code
    assert text(found).splitlines()[-1] == last
    assert last in fleetmarkdown.render(found).splitlines()[0]
    assert f">{last}</p>" in fleethtml.render(found)


def test_a_recording_that_cannot_be_judged_says_why_and_the_others_are_there() -> None:
    found = of("mi210", ("n9", BROKEN), "no-access")
    for drawn in (text(found, 40), text(found), text(found, 120), fleetmarkdown.render(found), fleethtml.render(found)):
        plain = " ".join(drawn.split())
        assert "not a recording: n9.yaml: it is empty" in plain
        assert "1 BLOCKED, 1 READY, 1 NOT JUDGED" in plain


def test_a_check_that_crashed_is_a_bug_and_told_once() -> None:
    broken = report("mi210")
    results = (replace(broken.results[0], outcome="crashed", because="KeyError: 'x'"), *broken.results[1:])
    found = of(("a", replace(broken, results=results)), ("b", replace(broken, results=results)))
    code = broken.results[0].code
    assert [(one.code, one.kind, one.machines) for one in found.findings if one.kind == "crashed"] == [(code, "crashed", ("a", "b"))]
    assert text(found).count("This is a bug in rocmkit") == 1
    assert f"? {code}" in text(found) and "KeyError: &#x27;x&#x27;" in fleethtml.render(found)


def test_what_keeps_a_machine_from_being_judged_stands_for_codes() -> None:
    whole = report("mi210")
    none = gap("denied", "no rights")
    found = of("no-access", ("b", replace(whole, verdict="unknown", facts=replace(whole.facts, gpus=none, driver=none))))
    row = next(line for line in text(found, 120).splitlines() if line.startswith("b "))
    assert row.endswith("? driver gpus")


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_nothing_but_commands_is_wider_than_the_terminal(columns: int, unicode: bool) -> None:
    found = of(*(path.stem for path in sorted(MACHINES.glob("*.yaml"))), ("n9", BROKEN), ("機械" * 12, report("no-access")))
    drawn = text(found, columns, unicode=unicode)
    if not unicode:
        assert drawn.isascii()
    commands = {line for one in found.findings if one.fix for line in (*one.fix.commands, *one.fix.verify)}
    commands |= {fleet.see(one) for one in found.findings}
    for line in drawn.splitlines()[:-1]:  # the verdict stays on one line
        if width(line) > columns and unicode:
            assert any(command in line for command in commands) or " " not in line.strip(), line


def test_rows_line_up_under_their_heads_whatever_the_letters() -> None:
    found = of(("機械一号", report("no-access")), ("b", report("two-mi50")), ("c", report("the-user")))
    lines = text(found, 120).splitlines()
    head = next(line for line in lines if line.startswith("machine"))
    place = head.index("verdict")
    rows = lines[lines.index(head) + 1 :][:3]
    assert [width(row.partition(word)[0]) for row, word in zip(rows, ("BLOCKED", "READY", "BLOCKED"), strict=True)] == [place] * 3


def test_a_name_moves_no_cursor_and_opens_no_markup() -> None:
    found = of(("a\x1b[2J\n<b>|x", report("no-access")), ("b", report("no-access")), ("c", report("mi210")))
    assert "\x1b" not in text(found) + fleetmarkdown.render(found) + fleethtml.render(found)
    assert "<b>" not in fleetmarkdown.render(found) + fleethtml.render(found)
    heads = [line for line in text(found).splitlines() if line.startswith("<b>")]
    assert heads == []


def test_a_cell_that_never_ends_takes_no_time() -> None:
    found = of("mi210", "no-access")
    first, *others = found.machines
    began = time.process_time()
    text(replace(found, machines=(replace(first, name="n" * 300_000), *others)))
    assert time.process_time() - began < 5  # where it was measured again for each line it took minutes
