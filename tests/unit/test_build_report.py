"""What is printed of plans and builds, as text and as JSON, and what is hidden in it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from rocmkit.build.job import Done, Job, refusal
from rocmkit.build.layouts import supposed
from rocmkit.build.plan import plan
from rocmkit.build.preflight import Preflight
from rocmkit.build.problem import Problem
from rocmkit.build.recipe import Cost, Expect, Loaded, Recipe, Release, Source, Step
from rocmkit.build.resources import Resources
from rocmkit.build.values import Ask, Built, Failure, Outcome, Plan, Progress, Proof, Proven, Result, StepRun
from rocmkit.host.names import Names
from rocmkit.kb.when import Note, When
from rocmkit.report import build as build_text
from rocmkit.report import json as json_report
from rocmkit.report import plan as plan_text
from rocmkit.report.buildvalues import Building, Builds, Planned, Plans, builds, hidden, plans
from rocmkit.report.preflight import duration
from tools.schema import schema

HOME = "/home/someone"
WORK = f"{HOME}/.cache/rocmkit/build/toy"
NAMES = Names(HOME, user=["someone"])
COMMIT = "0123456789abcdef0123456789abcdef01234567"
INSTALL = "sudo apt-get install -y cmake ninja-build"


def made(*, unpinned: str = "", package: str | None = "toy", name: str = "toy", provided: dict[str, str] | None = None) -> Plan:
    """A plan for ROCm 6.4, whose rocBLAS of AMD's packages has no kernels for gfx906."""
    archive = Source(archive="https://example.org/data.tar.gz", sha256=None if unpinned else "ab" * 32, unpinned=unpinned, why="data")
    release = Release(
        version="1.0",
        rocm=">=6,<8",
        known="measured",
        why="the only one",
        gives=("It hums.", Note(when=When(rocm="<6"), text="It sings.")),
        notes=("It is small.",),
        links=("https://example.org",),
        fetch={"toy": Source(git="https://example.org/toy.git", commit=COMMIT, why="the sources"), "data": archive},
        needs=("cmake", "ninja"),
        kernels=() if provided is None else ("rocblas",),
        cost=Cost(core_minutes=60, per_arch_minutes=30, memory_per_job_gib=2, disk_gib=3, measured="on two cores"),
        steps=(
            Step(name="configure", stage="configure", run=("cmake", "-S", "{src}/toy"), why="Looks what is there."),
            Step(name="compile", stage="build", run=("ninja", "-C", "{build}"), why="Compiles.", progress=True),
        ),
        expect=Expect(imports=("toy",)),
    )
    recipe = Recipe(
        name=name,
        title="Toy for AMD cards",
        summary="A toy.",
        package=package,
        licence="MIT",
        use="export TOY={prefix}",
        releases=(release,),
    )
    ask = Ask(archs=("gfx906",), work=WORK, out=f"{HOME}/out", provided=provided or {})
    return plan(Loaded(recipe=recipe, texts={}, sha256="cd" * 32), supposed("6.4"), ask)


def before(*problems: Problem) -> Preflight:
    return Preflight(
        problems=problems,
        install=INSTALL if problems else None,
        hosts=("example.org",),
        resources=Resources(cores=4, memory_bytes=8 << 30),
        jobs=4,
        minutes=15,
        disk_gib=3,
    )


MISSING = Problem(id="missing-cmake", text="cmake is missing (it writes build files): not on PATH", fatal=True, command=INSTALL)
ALSO = Problem(id="missing-ninja", text="ninja is missing (it compiles): not on PATH", fatal=True, command=INSTALL)
SLOW = Problem(id="work-network", text="the work folder lies on another machine", fatal=False)


def done(outcome: Outcome = "built", *, code: int = 0, job: Job | None = None, **more: Any) -> Done:
    job = job or Job(plan=made(), preflight=before())
    fields: dict[str, Any] = {"because": None, "steps": (), "failure": None, "proof": None, "provenance": None, **more}
    built = Built(recipe=job.plan.recipe, version=job.plan.version, outcome=outcome, plan=job.plan, exit=code, **fields)
    return Done(job=job, built=built)


WHEEL = f"{HOME}/out/toy-1.0+rocm6.4.gfx906-cp310-cp310-linux_x86_64.whl"
STEPS = (
    StepRun(name="configure", status="kept", seconds=5, log=f"{WORK}/logs/1.log", script=f"{WORK}/steps/1.sh"),
    StepRun(name="compile", status="done", seconds=7300, log=f"{WORK}/logs/2.log", script=f"{WORK}/steps/2.sh"),
)
BUILT = replace(
    done(
        steps=STEPS,
        proof=Proof(
            wheel=WHEEL,
            sha256="ef" * 32,
            artefacts=(),
            gfx=("gfx906",),
            needs=("libhipblas.so.2",),
            proven=(
                Proven(name="gfx", outcome="ok", text="it holds code for gfx906"),
                Proven(name="import", outcome="unknown", text="not tried, as numpy could not be had"),
            ),
        ),
        provenance=f"{WHEEL}.provenance.json",
    ),
    wheel_bytes=3_100_000,
)
FAILED = done(
    "failed",
    code=7,
    because="compile: no matching function for call to 'hipblasGemmEx'",
    steps=(STEPS[0], replace(STEPS[1], status="failed")),
    failure=Failure(
        step="compile",
        exit=1,
        signal=None,
        error="primitives.cu:1:2: error: no matching function for call to 'hipblasGemmEx'",
        lines=("primitives.cu:1:2: error: no matching function for call to 'hipblasGemmEx'", "  hipblasGemmEx(handle);", "\x1b[31m  ^"),
        code="RK626",
        cause="ROCm 6 has another function of that name.",
        fix="Define HIPBLAS_V2.",
    ),
)
EVERY = {
    "built": BUILT,
    "failed": FAILED,
    "missing": refusal(Job(plan=made(), preflight=before(MISSING, ALSO, SLOW))),
    "blocked": refusal(Job(plan=made(provided={}), preflight=before())),
    "interrupted": done("interrupted", code=130, because="what is done is kept", steps=(STEPS[0], replace(STEPS[1], status="interrupted"))),
    "not-proven": done("not-proven", code=1, because="it holds no code for gfx906"),
}


def text(one: Done, **drawn: Any) -> str:
    shown: Building | Builds = hidden(builds([one]), NAMES)
    how = {"color": False, "unicode": True, **drawn}
    return build_text.render(shown, command=("build", "toy", "--arch", "gfx906"), **how)


def plan_of(job: Job, **drawn: Any) -> str:
    return plan_text.render(hidden(plans([job]), NAMES), **{"color": False, "unicode": True, **drawn})


@pytest.mark.parametrize("outcome", EVERY)
def test_every_outcome_prints_as_the_schema_says_and_names_nobody(outcome: str) -> None:
    one = EVERY[outcome]
    assert one is not None
    assert one.built.outcome == outcome
    printed = json_report.render(hidden(builds([one]), NAMES))
    data = json.loads(printed)
    jsonschema.validate(data, schema(Building, title=""))
    assert data["schema"] == "rocmkit.build/1"
    assert {"recipe", "version", "outcome", "wheel", "sha256", "gfx", "needs", "artefacts", "steps", "provenance"} <= set(data)
    assert all({"name", "seconds", "status", "log"} <= set(step) for step in data["steps"])
    shown = text(one)
    assert "someone" not in printed + shown
    assert shown.splitlines()[-1].startswith("NOT YET" if outcome == "missing" else outcome.upper().replace("-", " "))
    assert max(map(len, text(one, width=60).splitlines())) < 200
    assert text(one, unicode=False).isascii()
    assert "\x1b" not in shown
    assert "\x1b[31m  ^" not in text(one, color=True), "an escape of the log's own"


def test_what_was_built_says_what_was_proved_and_what_was_not() -> None:
    shown = text(BUILT)
    assert "✓ it holds code for gfx906" in shown
    assert "? not tried, as numpy could not be had" in shown
    assert "Nothing of it ran on a GPU" in shown
    assert "~/out/toy-1.0+rocm6.4.gfx906-cp310-cp310-linux_x86_64.whl (3.1 MB)" in shown
    assert "-m pip install --no-deps --force-reinstall ~/out/toy-1.0+rocm6.4.gfx906" in shown
    assert "2 h 2 min; 1 of 2 steps were done by an earlier run" in shown
    assert shown.splitlines()[-1].endswith("for gfx906; 1 thing could not be told")


def test_a_failure_shows_the_first_error_its_cause_and_how_to_go_on() -> None:
    shown = text(FAILED)
    for wanted in (
        "compile failed (exit 1)",
        "RK626: `rocmkit explain RK626` has more",
        "ROCm 6 has another function of that name.",
        "Define HIPBLAS_V2.",
        "~/.cache/rocmkit/build/toy/logs/2.log",
        "bash ~/.cache/rocmkit/build/toy/steps/2.sh",
        "The same command goes on from there:\n    run     rocmkit build toy --arch gfx906\n",
    ):
        assert wanted in shown
    assert shown.count("no matching function for call to 'hipblasGemmEx'") == 2, "the error, and the verdict in the last line"


def test_what_is_missing_is_one_command() -> None:
    missing = EVERY["missing"]
    assert missing is not None
    assert missing.built.exit == 1
    shown = text(missing)
    assert shown.count(INSTALL) == 1
    assert shown.index("ninja is missing") < shown.index(INSTALL) < shown.index("the work folder lies on another machine")
    assert "Once that is mended, the same command builds it:" in shown


def test_what_is_not_proven_says_where_it_lies() -> None:
    unproven = EVERY["not-proven"]
    assert unproven is not None
    assert "It was not brought to its place, and lies in ~/.cache/rocmkit/build/toy, with the logs." in text(unproven)
    assert "lies in" not in text(BUILT)


def test_a_block_stops_before_anything_is_looked_at() -> None:
    blocked = EVERY["blocked"]
    assert blocked is not None
    assert blocked.built.exit == 1
    shown = text(blocked)
    assert "RK307" in shown
    assert "    way out " in shown
    assert any(line.startswith("            rocmkit build ") for line in shown.splitlines()), "a command to copy"
    assert "`rocmkit explain RK307`" in shown


def test_a_result_that_is_no_wheel_is_used_where_it_was_brought_to() -> None:
    job = Job(plan=made(package=None), preflight=before())
    place = f"{HOME}/out/toy-1.0+rocm6.4.gfx906"
    proof = Proof(wheel=None, sha256=None, artefacts=(place,), gfx=("gfx906",), needs=(), proven=())
    shown = text(done(job=job, proof=proof))
    assert "export TOY=~/out/toy-1.0+rocm6.4.gfx906" in shown
    assert "pip install" not in shown


def test_what_it_gives_is_said_before_and_after_and_so_is_what_it_is_built_against() -> None:
    used = Result(recipe="base", folder=f"{HOME}/base", origin="given", digest="1" * 64, version="2.0", rocm="6.4", arch=("gfx906",))
    assert BUILT.built.proof
    proof = replace(BUILT.built.proof, folder=f"{HOME}/out/toy-1.0+rocm6.4.gfx906")
    one = replace(BUILT, built=replace(BUILT.built, plan=replace(BUILT.job.plan, uses=(used,)), proof=proof))
    shown, plan = text(one), plan_of(Job(plan=one.built.plan))
    for page in (shown, plan):
        assert "What it gives\n  - It hums.\n" in page and "It sings." not in page
        assert page.index("It hums.") < page.index("It is small.")
    assert "uses    base 2.0 that --with names" in plan
    assert "--with toy=~/out/toy-1.0+rocm6.4.gfx906" in " ".join(shown.split())
    assert "someone" not in shown + plan
    data = json.loads(json_report.render(hidden(builds([one]), NAMES)))
    jsonschema.validate(data, schema(Building, title=""))
    assert (data["uses"][0]["folder"], data["folder"]) == ("~/base", "~/out/toy-1.0+rocm6.4.gfx906")


def test_a_plan_has_the_keys_of_the_contract() -> None:
    data = json.loads(json_report.render(hidden(plans([Job(plan=made())]), NAMES)))
    jsonschema.validate(data, schema(Planned, title=""))
    assert data["schema"] == "rocmkit.plan/1"
    assert {"recipe", "version", "arch", "toolchain", "steps", "wheel", "expect", "feasible", "blocked_by"} <= set(data)
    assert {"name", "argv", "cwd", "env", "why"} <= set(data["steps"][0])
    assert data["work"] == "~/.cache/rocmkit/build/toy"
    assert data["hosts"] == ["example.org"]
    assert data["preflight"] is None
    assert "cmake" in data["install"], "for another machine all that it needs"


def test_several_plans_and_builds_are_one_object() -> None:
    jobs = [Job(plan=made()), Job(plan=made(name="other"))]
    both = json.loads(json_report.render(plans(jobs)))
    jsonschema.validate(both, schema(Plans, title=""))
    assert (both["schema"], [one["recipe"] for one in both["plans"]]) == ("rocmkit.plans/1", ["toy", "other"])
    two = json.loads(json_report.render(builds([BUILT, FAILED])))
    jsonschema.validate(two, schema(Builds, title=""))
    assert (two["schema"], [one["outcome"] for one in two["builds"]]) == ("rocmkit.builds/1", ["built", "failed"])


def test_a_plan_names_every_step_in_its_order_with_what_it_is_for() -> None:
    job = Job(plan=made(), preflight=before(SLOW))
    shown = plan_of(job)
    fetching = sum(step.stage == "fetch" for step in job.plan.steps)
    assert f"  fetch     1-{fetching} gets the sources above" in shown, "of those that fetch, one line says it all"
    places = [shown.index(f" {number} {step.name} ") for number, step in enumerate(job.plan.steps, 1) if step.stage != "fetch"]
    assert len(places) == 2
    assert places == sorted(places)
    assert not any(step.name in shown for step in job.plan.steps[:fetching])
    later = [step for step in job.plan.steps if step.stage == "fetch"][:2]
    scattered = plan_of(replace(job, plan=replace(job.plan, steps=(*job.plan.steps, *later))))
    count = len(job.plan.steps)
    assert f" {count + 1}-{count + 2} goes on with them\n" in scattered
    assert "  to      ~/out\n" in shown
    assert "  2 GiB for each compiler; 8.0 GiB free\n" in shown.replace("memory", "")
    assert "Looks what is there." in shown
    assert "about 15 min, 4 compilers at a time (60 min of one core, as measured elsewhere)" in shown
    assert "! the work folder lies on another machine" in shown
    assert shown.splitlines()[-1] == "FEASIBLE; without --dry-run it is built"


def test_what_is_not_pinned_is_said_loudly() -> None:
    shown = plan_of(Job(plan=made(unpinned="its host could not be reached")))
    assert "! UNPINNED data from https://example.org/data.tar.gz: its host could not be reached" in shown
    assert shown.splitlines()[-1] == "FEASIBLE, with 1 unpinned source"


@pytest.mark.parametrize(
    ("job", "last"),
    [
        (Job(plan=made(provided={}), preflight=before()), "BLOCKED: 1 reason, see above; rocmkit does not begin such a build"),
        (Job(plan=made(provided={"rocblas": "rocblas"}), preflight=before()), "FEASIBLE; without --dry-run it is built"),
        (Job(plan=made()), "FEASIBLE"),
        (Job(plan=made(), preflight=before(MISSING)), "NOT YET: something is missing on this machine, see above"),
    ],
)
def test_the_last_line_of_a_plan_is_its_verdict(job: Job, last: str) -> None:
    assert plan_of(job).splitlines()[-1] == last


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(step="clone", number=1, of=12, done=None, total=None, seconds=0.4, left_s=None), "1 of 12: clone"),
        (
            Progress(step="compile", number=9, of=12, done=45, total=149, seconds=600, left_s=1860),
            "9 of 12: compile, 45 of 149, 10 min, about 31 min left",
        ),
        (Progress(step="a\nb\x1b[2J", number=1, of=1, done=None, total=None, seconds=0, left_s=None), "1 of 1: a\ufffdb\ufffd[2J"),
    ],
)
def test_progress_is_one_line(progress: Progress, line: str) -> None:
    assert build_text.progress(progress) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (5940, "99 min"), (6000, "1 h 40 min"), (7200, "2 h"), (90000, "25 h")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
