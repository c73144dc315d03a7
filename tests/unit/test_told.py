"""What a log tells: causes first, one line an issue, and fixes that fit the machine that was looked at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.told import Told, elsewhere, held, told
from rocmkit.facts import Facts
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.kb.issues import Issue, IssueFix, Signature, issues
from rocmkit.kb.patterns import shape
from rocmkit.logs.match import match
from rocmkit.logs.values import Hit, Log
from rocmkit.probe import collect
from rocmkit.report import loghtml, markdown
from rocmkit.report.drawing import MARKS, style_of
from rocmkit.report.log import LogReport, body, published, render

MACHINES = Path(__file__).resolve().parent.parent / "machines"
TENSILE = b"rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU arch : gfx906\n"
COMMANDS = ("{pip} install smoke", "{python} -m smoke --for {gfx}", "sudo smoke")


def facts_of(name: str) -> Facts:
    return collect(ReplayHost(load_file(MACHINES / f"{name}.yaml")))


RADEON_VII = facts_of("radeon-vii")


def issue(name: str, *, code: str = "RK900", after: tuple[str, ...] = (), severity: Any = "error", **fix: Any) -> Issue:
    words = {"text": "Mend {part} of {gfx} with {python}.", "commands": COMMANDS, **fix}
    return Issue(code=code, id=name, title=f"About {name}", severity=severity, after=after, fix=IssueFix(**words), signatures=())


def hit(of: Issue, line: int = 1, *, confidence: Any = "sure", **groups: str) -> Hit:
    text = Signature(
        id="it",
        lines=("x",),
        confidence=confidence,
        cause="{part} broke",
        seen="2025",
        known="reported",
        sources=("https://example.org/x",),
    )
    return Hit(issue=of, signature=text, line=line, last=line, excerpt="x", groups=groups, count=1)


def log(*hits: Hit, python: str | None = None) -> Log:
    return Log(lines=9, size_bytes=99, hits=hits, held=(), contexts=(), trackers=(), python=python)


def names(tellings: tuple[Told, ...]) -> list[str]:
    return [one.hit.issue.id for one in tellings]


def test_causes_come_before_what_follows_then_severity_certainty_and_line() -> None:
    found = told(
        log(
            hit(issue("effect", after=("absent", "cause")), 1),
            hit(issue("note", severity="note"), 2),
            hit(issue("unsure"), 3, confidence="likely"),
            hit(issue("cause"), 5),
            hit(issue("earlier"), 4),
            hit(issue("warning", severity="warning"), 1),
        )
    )
    assert names(found) == ["earlier", "cause", "unsure", "warning", "note", "effect"]
    assert [one.explained_by for one in found] == [None] * 5 + ["cause"]


def test_an_issue_is_told_once_by_its_surest_then_earliest_text() -> None:
    one = issue("one")
    found = told(log(hit(one, 1, confidence="likely", part="a"), hit(one, 7, part="c"), hit(one, 3, part="b")))
    assert [(telling.hit.line, str(telling.cause)) for telling in found] == [(3, "b broke")]


def test_what_a_check_says_explains_in_a_log_too() -> None:
    """kfd-missing waits for amdgpu-not-loaded by its check; its issue need not say so again."""
    found = told(log(hit(issue("kfd-missing"), 1), hit(issue("amdgpu-not-loaded"), 2)))
    assert [(one.hit.issue.id, one.explained_by) for one in found] == [("amdgpu-not-loaded", None), ("kfd-missing", "amdgpu-not-loaded")]


def test_title_and_severity_are_the_check_s_where_the_issue_has_none() -> None:
    (one,) = told(match([TENSILE]))
    check = next(check for check in all_checks() if check.id == "rocblas-no-tensile")
    assert (one.title, one.severity) == (check.title, check.severity)


def test_without_a_machine_commands_name_no_card_and_any_python() -> None:
    (one,) = told(log(hit(issue("one"), part="it"), python="3.10"))
    assert one.fix.commands == ("python3 -m pip install smoke", "sudo smoke")
    assert str(one.fix.text) == "Mend it of your GPU with python3."
    assert one.here is None


def test_the_machine_gives_its_python_its_card_and_its_user() -> None:
    (one,) = told(log(hit(issue("one"), part="it")), facts_of("radeon-vii"))
    assert "~/venv/bin/python -m smoke --for gfx906" in one.fix.commands
    assert one.fix.commands[0].endswith("pip install smoke") and one.fix.commands[0].startswith("~/venv/bin/python")
    assert "sudo smoke" in one.fix.commands
    (inside,) = told(log(hit(issue("one"), part="it")), facts_of("docker-no-devices"))
    assert inside.fix.caution is not None and "container" in str(inside.fix.caution)


def test_another_torch_is_the_one_for_the_card_and_the_python() -> None:
    (one,) = told(match([TENSILE]))
    assert '"torch==2.9.1"' in one.fix.commands[0]
    old = b"File /srv/venv/lib/python3.8/site-packages/torch/nn/functional.py\n" + TENSILE
    (older,) = told(match([old]))
    assert "2.4" in older.fix.commands[-1] and older.fix.commands != one.fix.commands


def test_the_fix_of_a_finding_on_the_machine_is_the_one_that_is_told() -> None:
    facts = facts_of("mi50-torch-rocm72")
    results = examine(facts, all_checks())
    (one,) = told(match([TENSILE]), facts, results)
    (finding,) = next(result for result in results if result.id == "rocblas-no-tensile").findings
    assert (one.fix, one.here) == (finding.fix, "found")
    healthy = facts_of("mi50-16gb-healthy")
    (mended,) = told(match([TENSILE]), healthy, examine(healthy, all_checks()))
    assert mended.here == "ok"
    assert all(line.startswith("~/") for line in mended.fix.commands)


def test_a_log_of_another_card_gets_nothing_of_this_machine() -> None:
    facts = facts_of("rx7900xtx")
    found = match([TENSILE])
    (one,) = told(found, facts, examine(facts, all_checks()))
    assert (elsewhere(found, facts), one.here) == (("gfx906",), None)
    assert one.fix == told(found)[0].fix
    assert elsewhere(found, facts_of("radeon-vii")) == ()
    assert elsewhere(found, None) == ()


@pytest.mark.parametrize("gfx", ["gfx906; rm -rf ~", "gfx906\n", "gfx$(id)", "GFX906", "gfx9060606", "../gfx906", "gfx90٦", ""])
@pytest.mark.parametrize("torch", [True, False])
def test_what_a_log_says_never_gets_into_a_command(gfx: str, torch: bool) -> None:
    of = issue("one", torch=torch)
    plain = told(log(hit(of, part="it")))[0].fix
    (one,) = told(log(hit(of, gfx=gfx, part="$(id)", python="; id", pip="; id")))
    assert (one.fix.commands, one.fix.verify) == (plain.commands, plain.verify)


@given(st.dictionaries(st.sampled_from(["gfx", "part", "python", "pip", "path"]), st.text()))
def test_no_value_breaks_a_fix(groups: dict[str, str]) -> None:
    (one,) = told(log(replace(hit(issue("one")), groups=groups)))
    assert all("{" not in line for line in one.fix.commands)
    assert str(one.fix.text) and str(one.cause)
    render(published(log(), (one,), source="x"), color=False, unicode=True).encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("known", "text"), [pytest.param(one, text, id=f"{one.id}-{text.id}") for one in issues() for text in one.signatures]
)
def test_every_fix_of_the_knowledge_base_can_be_filled_in(known: Issue, text: Signature) -> None:
    groups = {name: "gfx906" if name == "gfx" else "IT" for line in text.lines for name in shape(line).groups}
    found = Hit(issue=known, signature=text, line=1, last=1, excerpt="x", groups=groups, count=1)
    for facts in (None, RADEON_VII):
        (one,) = told(log(found), facts)
        words = [str(one.cause), str(one.fix.text), str(one.fix.caution or ""), one.title]
        assert not [word for word in words if re.search(r"\{\w+\}", word)]
        assert not [line for line in (*one.fix.commands, *one.fix.verify) if re.search(r"\{(gfx|pip|python)\}", line)]


def shown(report: LogReport) -> str:
    return "\n".join(body(report, style_of(color=False), MARKS, 100))


def test_a_way_out_that_several_share_is_printed_once_and_what_follows_refers_to_its_cause() -> None:
    found = told(
        log(hit(issue("cause", code="RK901")), hit(issue("like", code="RK902"), 2), hit(issue("effect", code="RK903", after=("cause",)), 3))
    )
    text = shown(published(log(), found, source="x"))
    assert text.count("pip install smoke") == 1
    assert "the same as for RK901 above" in text
    assert text.index("RK902") < text.index("What follows from these") < text.index("RK903 ")
    assert "It follows from RK901 (cause): mend that first." in text
    assert text.endswith("2 known causes, and 1 that follows from them")


def test_nothing_known_points_to_who_takes_reports() -> None:
    text = shown(published(match([b"rocBLAS error: something that nobody has seen before\n"]), (), source="x"))
    assert "Nothing that is known here" in text
    assert "rocBLAS, which takes reports at https://github.com/ROCm/" in text
    assert "speaks neither of ROCm" in shown(published(match([b"a cake recipe\n"]), (), source="x"))


def test_control_characters_of_a_log_do_not_reach_the_terminal() -> None:
    (one,) = told(log(hit(issue("one"), part="\x1b[2J\u202ered")))
    text = render(published(log(), (one,), source="a\x1b[2J.log"), color=False, unicode=True)
    assert "\x1b" not in text and "\u202e" not in text


DIED = b"""Loading kotoba-whisper on cuda:0
Fatal Python error: Segmentation fault

Current thread 0x00007f0e8218c640 (most recent call first):
  File "/home/you/venv/lib/python3.10/site-packages/torch/nn/modules/conv.py", line 370 in _conv_forward
  File "/home/you/venv/lib/python3.10/site-packages/transformers/models/whisper/modeling_whisper.py", line 700 in forward
"""


def test_a_log_that_names_no_machine_is_one_of_the_machine_that_was_looked_at() -> None:
    found = match([DIED])
    assert told(found) == ()
    assert names(held(found)) == ["segv-wheel-math", "whisper-segv"]
    assert names(told(found, facts_of("the-user"))) == ["segv-wheel-math", "whisper-segv"]
    assert told(found, facts_of("no-gpu")) == ()


def test_what_only_the_machine_speaks_for_is_never_sure() -> None:
    found = match([b"modprobe: ERROR: could not insert 'vboxdrv': Key was rejected by service\nLoading of unsigned module is rejected\n"])
    assert {one.hit.signature.confidence for one in told(found, facts_of("the-user"))} == {"likely"}


def test_on_a_machine_with_an_nvidia_gpu_nothing_is_held() -> None:
    found = match([b"| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4 |\n" + DIED])
    assert (found.hits, found.held) == ((), ())


def test_commands_are_left_out_where_they_do_not_serve_the_card() -> None:
    found = match([b"Specified provider 'ROCMExecutionProvider' is not in available provider names\n"])
    assert any("onnxruntime-migraphx" in line for line in told(found)[0].fix.commands)
    (one,) = told(found, facts_of("the-user"))
    assert one.fix.commands == ()
    assert "gfx906" in str(one.fix.text)


@pytest.mark.parametrize(
    ("text", "told_of"),
    [
        (b"Fatal Python error: Segmentation fault\n", True),
        (b"Segmentation fault (core dumped)\n", True),
        (b"python3[812]: segfault at 0 ip 00007f0e sp 00007ffd error 4 in libc.so.6\n", True),
        (b"the segments are joined\n", False),
        (TENSILE + b"Segmentation fault\n", False),  # there a cause is known
    ],
)
def test_a_segmentation_fault_of_which_nothing_is_known_leads_to_what_finds_the_cause(text: bytes, told_of: bool) -> None:
    found = match([text])
    report = published(found, told(found), source="log")
    pages = (
        render(report, color=False, unicode=True, width=300),
        "\n".join(markdown.log_lines(report)),
        "".join(loghtml.section(report, {})),
    )
    for page in pages:
        assert ("rocmkit bisect -- python program.py" in page) == told_of
        assert ("rocmkit doctor --try" in page) == told_of
