"""What is said of a bisection: in one line, as JSON, as text, as Markdown, and as a program to run."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rocmkit.facts import Facts
from rocmkit.kb.toggles import Toggle, toggles
from rocmkit.report import bisectmarkdown, bisectscript, bisecttext
from rocmkit.report import json as as_json
from rocmkit.report.bisect import Ground, of_command, of_matrix
from rocmkit.report.bisecttext import twice
from rocmkit.report.bisectvalues import Bisect
from rocmkit.trial.attempts import Attempts, drive
from rocmkit.trial.matrix import Step, bisect, programs
from rocmkit.trial.search import LeftOut, search
from rocmkit.trial.steps import OPERATIONS, import_step
from rocmkit.trial.values import Experiment, Trial
from tests.support.facts import HEALTHY
from tests.support.models import Dies, Machine, crash, failure, lived, toggle, with_steps, with_toggles
from tests.unit.checks.cases.tried import STACK
from tests.unit.trial.test_matrix import after, alone, both
from tools.schema import schema

SCHEMA = schema(Bisect, title="bisect")
MIOPEN = {
    "library": "~/venv/torch/lib/libMIOpen.so",
    "frame": "libMIOpen.so+0x1234",
    "native": ("libMIOpen.so+0x1234", "libtorch_hip.so+0x9"),
    "python": ("torch/nn/functional.py:306 in conv1d", "transcribe.py:3 in <module>"),
    "mapped": ("/opt/rocm/lib/libamdhip64.so.6", "~/venv/torch/lib/libamdhip64.so"),
    "log": "Fatal Python error: Segmentation fault\n",
}
ROWS = (
    toggle("off", does="MIOpen off", means="It is MIOpen.", fix="Keep it off.", code="import torch", page="RK413"),
    toggle(
        "variable", does="a variable", env={"A_VALUE": "x y", "A_FOLDER": "{fresh}/db"}, unset=("LD_PRELOAD",), commands=("export A=1",)
    ),
    toggle("numba", does="Numba hidden"),
    toggle("hidden", does="the GPU hidden", means="It lies on the GPU's side.", control=True),
)
LEFT = (LeftOut(toggle=toggle("gone", does="Triton hidden"), because="triton is not installed"),)


def of(
    model: Callable[[set[str], Experiment], Trial],
    *,
    command: Sequence[str] = ("python", "transcribe.py"),
    facts: Facts = HEALTHY,
    rows: Sequence[Toggle] = ROWS,
    budget_s: float = math.inf,
    interrupted_at: int | None = None,
) -> Bisect:
    attempts, machine = Attempts(budget_s), Machine(with_toggles(model), interrupted_at=interrupted_at)
    found = drive(search(Experiment(name="p", argv=("/p",)), rows, {"LD_PRELOAD": "/x"}, attempts), machine)
    return checked(of_command(found, attempts, Ground(facts=facts, left_out=LEFT, command=tuple(command))))


def of_libraries(dies: Dies, *, facts: Facts = STACK, budget_s: float = math.inf) -> Bisect:
    attempts = Attempts(budget_s)
    found = drive(bisect(programs(facts), "/python", ROWS, {}, attempts, runs=5), Machine(with_steps(dies)))
    return checked(of_matrix(found, attempts, Ground(facts=facts, left_out=LEFT)))


def checked(report: Bisect) -> Bisect:
    jsonschema.validate(json.loads(as_json.render(report)), SCHEMA)
    return report


def text(report: Bisect) -> str:
    """The text report as one line, so that wrapping breaks no sentence."""
    return " ".join(bisecttext.render(report, color=False, unicode=True).split())


def found() -> Bisect:
    return of(
        lambda on, it: (
            lived(it) if "off" in on or "A_VALUE" in it.env else failure(it, "ImportError: numba") if "numba" in on else crash(it, **MIOPEN)
        )
    )


def test_a_cause_that_is_found() -> None:
    report = found()
    assert (report.outcome, report.exit) == ("found", 0)
    assert report.verdict == (
        "it dies with SIGSEGV in libMIOpen.so+0x1234, at torch/nn/functional.py:306 in conv1d, 4 times of 4;"
        " with MIOpen off it lives, 8 times of 8"
    )
    said = text(report)
    assert "✓ It dies with SIGSEGV in libMIOpen.so+0x1234" in said
    assert "means It is MIOpen. fix Keep it off. Python import torch page `rocmkit explain RK413`" in said
    assert "Also with a variable it lives, 8 times of 8" in said
    assert "run export A=1" in said
    assert "twice libamdhip64 is in the process 2 times: /opt/rocm/lib/libamdhip64.so.6 and ~/venv/torch/lib/libamdhip64.so" in said
    assert "- Numba hidden: it ends in another way instead: ImportError: numba" in said
    assert "- the GPU hidden: it dies all the same" in said
    assert "- not tried: Triton hidden (triton is not installed)" in said
    assert [where.project for where in report.report_to] == ["MIOpen"]
    assert "It points to MIOpen, which takes reports at https://github.com/ROCm/rocm-libraries/issues" in said
    assert "was computed on the processor" not in said


def test_the_json_has_what_scripts_rely_on() -> None:
    data = json.loads(as_json.render(found()))
    assert data["schema"] == "rocmkit.bisect/1"
    assert data["baseline"]["signal"] == "SIGSEGV"
    assert [(cure["toggles"], cure["runs"], cure["passes"], cure["means"]) for cure in data["cures"]] == [
        (["off"], 8, 8, "It is MIOpen."),
        (["variable"], 8, 8, "It lies with variable."),
    ]
    assert data["cures"][0]["fix"]["text"] == "Keep it off."
    assert data["cures"][1]["env"] == {"LD_PRELOAD": None, "A_VALUE": "x y", "A_FOLDER": "{fresh}/db"}
    assert data["smallest"] is None
    assert len(data["trials"]) == 4 + 1 + 2 * 8 + 1 + 1  # as it is, all together, two cures, numba, hidden
    assert {trial["what"] for trial in data["trials"]} >= {"as it is", "with MIOpen off", "as it is, once more"}


@pytest.mark.parametrize(
    ("model", "outcome", "code", "verdict"),
    [
        (lambda on, it: lived(it), "not-reproduced", 3, "it did not die in 5 runs"),
        (
            lambda on, it: crash(it),
            "not-found",
            3,
            "it dies with SIGSEGV in libbad.so.1, 3 times of 3; none of the 3 changes that were tried makes it live",
        ),
        (
            lambda on, it: lived(it) if "hidden" in on else failure(it, "OSError: no", known=("RK409",)),
            "not-found",
            3,
            "it fails (OSError: no), 3 times of 3; its output is that of RK409, NumPy outside what numba accepts",
        ),
        (
            lambda on, it: lived(it) if "numba" in on else Trial(name="", outcome="hang", limit="time", seconds=30.0),
            "found",
            0,
            "it does not end (no end within 30 s), 4 times of 4; with Numba hidden it lives, 4 times of 4",
        ),
        (
            lambda on, it: crash(it, gpu_fault="Memory access fault by GPU node-1", signal="SIGABRT"),
            "not-found",
            3,
            "it makes the GPU fault (Memory access fault by GPU node-1), 3 times of 3; none of the 3 changes that were tried makes it live",
        ),
    ],
)
def test_how_it_ends(model: Callable[[set[str], Experiment], Trial], outcome: str, code: int, verdict: str) -> None:
    report = of(model)
    assert (report.outcome, report.exit, report.verdict) == (outcome, code, verdict)
    assert verdict[1:] in text(report)
    assert f"## {verdict[0].upper()}{verdict[1:]}." in bisectmarkdown.render(report)
    assert bool(report.script) is (outcome != "not-reproduced")


def test_a_control_that_lives_tells_where_it_lies() -> None:
    report = of(lambda on, it: lived(it) if "hidden" in on else crash(it))
    assert report.outcome == "not-found"
    assert "- the GPU hidden: it lives, 1 time of 1. It lies on the GPU's side." in text(report)


def test_flaky_with_a_cure_and_without() -> None:
    turn = iter(range(10_000))
    with_one = of(lambda on, it: lived(it) if "off" in on or next(turn) % 2 else crash(it))
    assert (with_one.outcome, with_one.exit) == ("flaky", 0)
    assert (with_one.deaths, with_one.runs) == (3, 5) and with_one.cures[0].passes == 14
    turn = iter(range(10_000))
    without = of(lambda on, it: lived(it) if next(turn) % 2 else crash(it))
    assert (without.outcome, without.exit, without.cures) == ("flaky", 3, ())
    assert without.verdict.endswith("3 times of 5; with none of the 3 changes that were tried it lives each time")
    assert "it lives sometimes with each of these, as it does without: " in text(without)
    assert "`--runs 20`" in text(without) and "`--runs 20`" not in text(with_one)


def test_what_ends_by_itself_is_told_from_a_crash_by_what_it_printed() -> None:
    said = text(of(lambda on, it: failure(it, "exit code 2", log="can't open file", last_library="_struct.so", last_import="site")))
    assert "printed can't open file What was tried" in said
    assert "It ends by itself, which is no crash" in said
    assert "was loaded last" not in said and "was imported last" not in said and "doctor --try" not in said


def test_broken_off() -> None:
    early = of(lambda on, it: crash(it), interrupted_at=1)
    assert (early.outcome, early.exit, early.baseline) == ("not-reproduced", 130, None)
    assert early.verdict == "broken off: it was not run once to its end"
    soon = of(lambda on, it: crash(it), interrupted_at=4)
    assert soon.verdict == "broken off: it dies with SIGSEGV in libbad.so.1, 3 times of 3"
    late = of(lambda on, it: lived(it) if "off" in on else crash(it), interrupted_at=8)
    assert late.exit == 130 and late.ended == "interrupted"
    assert "which may be luck" in text(late) or late.cures[0].confirmed
    assert "not tried: a variable; Numba hidden; the GPU hidden (broken off)" in text(late)


def test_out_of_time() -> None:
    report = of(lambda on, it: crash(it), budget_s=4)
    assert report.ended == "budget" and report.verdict.startswith("out of time: it dies")
    assert "`--budget` gives more" in text(report)
    assert "(there was no time left)" in text(report)


def test_what_a_time_limit_ended_may_have_lived() -> None:
    report = of(lambda on, it: Trial(name="", outcome="hang", limit="time", seconds=9.0) if "off" in on else crash(it))
    assert report.outcome == "not-found"
    assert "- MIOpen off: it ends in another way instead: no end within 9 s" in text(report)
    assert "`--timeout` gives more" in text(report)


def test_the_smallest_program() -> None:
    report = of_libraries(
        both(
            alone("conv1d", MIOPEN, cure="off"),
            after("import scipy.signal", "import torch", {}),
            alone("import librosa", {"outcome": "fail", "because": "ImportError: Numba needs NumPy 2.2 or less", "known": ("RK409",)}),
        )
    )
    assert (report.outcome, report.exit) == ("found", 0)
    assert report.smallest and report.smallest.steps == ("conv1d-k3-float32",)
    assert report.cures == report.smallest.cures and report.script == report.smallest.code
    assert report.verdict.startswith("conv1d, kernel 3 (Whisper's first), float32, MIOpen on dies with SIGSEGV in libMIOpen.so+0x1234")
    order, numba = report.others
    assert order.by_order and order.cures[0].code == ("import torch", "import scipy.signal")
    assert order.cures[0].fix.text == "In the program, put import torch before import scipy.signal."
    assert [one.code for one in numba.known] == ["RK409"] and not numba.cures
    said = text(report)
    assert "What dies independently of it ✗ import scipy.signal (scipy 1.15.3), then import torch" in said
    assert "The other way round (import torch, then import scipy.signal) it lives, 3 times of 3. In the program, put import torch" in said
    assert "known RK409 NumPy outside what numba accepts" in said
    assert "(nothing can be left out)" in said
    page = bisectmarkdown.render(report)
    assert "```python\n# conv1d" in page and "\nimport torch\n" in page


def test_where_only_the_processor_computed_that_is_said() -> None:
    report = of_libraries(lambda names, on: None, facts=programs_without_gpu())
    assert (report.outcome, report.exit, report.smallest, report.cures) == ("not-reproduced", 3, None, ())
    assert "was computed on the processor" in text(report)
    assert "was computed on the processor" in bisectmarkdown.render(report)
    assert "was computed on the processor" not in text(of_libraries(lambda names, on: None))


def programs_without_gpu() -> Facts:
    from tests.support.facts import changed

    return changed(STACK, gpus=())  # type: ignore[no-any-return]


def test_nothing_that_a_program_prints_gets_out_of_its_place() -> None:
    evil = "\x1b[31m```\n# heading\n<img src=x>\n````"
    hostile = {
        "log": evil,
        "because": f"Error: {evil}",
        "python": (evil,),
        "native": (evil,),
        "library": f"/lib/{evil}.so",
        "last_import": evil,
    }
    report = of(lambda on, it: crash(it, **{name: value for name, value in hostile.items() if name != "library"}), command=("p", evil))
    for shown in (bisecttext.render(report, color=True, unicode=True), bisectmarkdown.render(report), as_json.render(report)):
        assert "\x1b[31m" not in shown
    page = bisectmarkdown.render(report)
    fences = re.findall(r"^(`{3,})\w*$", page, re.MULTILINE)
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert fences and "# heading" not in re.findall(r"^# heading", outside, re.MULTILINE) and "<img" not in outside
    assert bisecttext.render(report, color=False, unicode=False).isascii()


@pytest.mark.parametrize(
    ("model", "last"),
    [
        (lambda on, it: lived(it) if "off" in on else crash(it), "FOUND: With "),
        (lambda on, it: crash(it), "NOT FOUND: it died 3 times of 3"),
        (lambda on, it: lived(it), "NOT REPRODUCED: it did not die"),
    ],
)
def test_the_last_line_says_once_more_what_it_comes_to(model: Any, last: str) -> None:
    assert bisecttext.render(of(model), color=False, unicode=True).splitlines()[-1].startswith(last)


def test_the_shell_script_runs_the_command_as_it_is_and_with_each_cure(tmp_path: Path) -> None:
    show = "import os, sys; print(sys.argv[1:], os.environ.get('A_VALUE'), os.environ.get('A_FOLDER', ''), os.environ.get('LD_PRELOAD'))"
    report = of(
        lambda on, it: lived(it) if "off" in on or "A_VALUE" in it.env else crash(it),
        command=("python3", "-c", show, "a'b", "$HOME `c` $(d)", ""),
    )
    script = tmp_path / "crash.sh"
    script.write_text(report.script)

    def ran(*arguments: str) -> str:
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LD_PRELOAD": ""}
        return subprocess.run(["sh", script, *arguments], capture_output=True, text=True, check=True, env=env).stdout

    inside = subprocess.run(["sh", script, "1"], capture_output=True, text=True, check=False)
    words = "[\"a'b\", '$HOME `c` $(d)', '']"
    assert ran() == ran("0") == f"{words} None  \n"
    # What is changed inside Python cannot be done by a shell: it says so, and does not run what would die.
    assert (inside.returncode, inside.stdout) == (2, "") and inside.stderr.strip()
    assert re.fullmatch(re.escape(words) + r" x y /\S+/db None\n", ran("2"))
    assert ran("3") == ""


@pytest.mark.parametrize("device", ["gpu", "cpu"])
def test_every_step_is_plain_python(device: Any) -> None:
    asked = [(one.id, one.step(device)) for one in OPERATIONS if one.do != "ort_placement"]
    for id, ask in (*asked, ("import-torch", import_step("torch"))):
        lines = bisectscript.of_steps([Step(id=id, what=f"{id}\nimport os", ask=ask, modules=())], "it dies\nimport os")
        tree = ast.parse(lines)
        imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert "faulthandler" in imported and "os" not in imported
        assert not [name for name in imported if name.startswith("rocmkit")]
        assert ("cuda" in lines) is (device == "gpu" and ask["do"] not in {"import", "jit", "resample", "resampy", "ort_providers"}) or ask[
            "do"
        ].startswith("ct2")
        assert lines.endswith('print("it lived")\n')


def test_every_step_that_a_program_can_have_has_its_lines() -> None:
    for one in programs(STACK):
        for step in one.steps:
            assert bisectscript.code(step)


def test_copies_of_a_library_are_known_by_their_name() -> None:
    mapped = (
        "/a/libgomp.so.1",
        "/b/libgomp-a34b3233.so.1.0.0",
        "/b/libamdhip64.so.6",
        "/c/libhsa-runtime64.so.1",
        "/c/libhsa-runtime64-99.so",
    )
    assert list(twice(mapped)) == [("libgomp", ["/a/libgomp.so.1", "/b/libgomp-a34b3233.so.1.0.0"])]


def test_each_toggle_of_the_knowledge_base_can_be_told() -> None:
    for one in toggles():
        report = of(lambda on, it: lived(it) if it.actions or it.env or it.stack_bytes else crash(it), rows=(one,))
        assert one.does in text(report)
        assert subprocess.run(["sh", "-n"], input=report.script, text=True, check=False).returncode == 0
