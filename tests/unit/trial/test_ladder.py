"""The ladder: what is planned on which machine, what has no ground, and what is never tried again."""

from __future__ import annotations

import itertools

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.errors import Exit
from rocmkit.facts import Facts, TorchBuild, gap
from rocmkit.report.published import Terms, publish
from rocmkit.report.summary import verdict_line
from rocmkit.trial.device import answers, guarded
from rocmkit.trial.ladder import STACK, can_take, fitted, ground, plan, rung_of
from rocmkit.trial.values import Experiment, Trial
from rocmkit.trial.words import BROKEN_OFF
from rocmkit.trial.work import worker
from tests.support.facts import ACCESS, GPU, HEALTHY, PYTHON, changed, machine, node
from tests.support.trials import HANG, Table, by_name, climbed, crash, fail, fault
from tests.support.trials import PYTHON as INTERPRETER
from tests.unit.checks.cases.tried import GOOD
from tests.unit.checks.cases.tried import STACK as FULL

CPU_TORCH = changed(PYTHON, torch=TorchBuild(version="2.9.1+cpu", hip=None, cuda=None), libraries=())
CLOSED = changed(ACCESS, nodes=(node("/dev/kfd", open="EACCES"),))


def stages(facts: Facts) -> dict[str, object]:
    return {stage.id: stage.device for stage in plan(facts)}


def test_a_machine_with_everything() -> None:
    planned = stages(FULL)
    assert next(iter(planned)) == "import-torch"
    assert planned["import-torch"] is None
    gpu = ("device", "conv1d-k3-float16-without-miopen", "whisper-encoder-float32", "ctranslate2-copy", "onnxruntime-placement")
    assert {planned[name] for name in gpu} == {"gpu"}
    assert {planned[name] for name in ("jit", "resample", "resampy")} == {"cpu"}
    assert {planned[name] for name in ("order-forwards", "order-backwards", "jit-before-conv1d", "encoder-before-jit")} == {"gpu"}
    assert len(planned) == len(plan(FULL))


@pytest.mark.parametrize(
    "facts",
    [
        machine(gpus=()),
        machine(gpus=gap("denied", "sysfs")),
        machine(gpus=(changed(GPU, kfd_node=None),)),
        machine(access=CLOSED),
        machine(python=CPU_TORCH),
        machine(python=changed(CPU_TORCH, torch=gap("denied", "version.py"))),
    ],
    ids=["no GPU", "not known", "not in KFD", "closed", "torch without ROCm", "torch of unknown kind"],
)
def test_what_cannot_compute_on_the_gpu_is_never_said_to(facts: Facts) -> None:
    planned = stages(facts)
    assert planned["matmul-float32"] == "cpu"
    assert set(planned.values()) <= {"cpu", None}
    assert not [name for name in planned if name.endswith("without-miopen") or name == "device"]


def test_nothing_on_the_processor_speaks_of_miopen() -> None:
    assert not [stage.what for stage in plan(machine(gpus=())) if "MIOpen" in stage.what]
    assert "MIOpen on" in next(stage.what for stage in plan(FULL) if stage.id == "conv1d-k3-float16")


def test_a_door_that_nobody_looked_at_is_tried() -> None:
    assert can_take((GPU,), gap("not-executed", "a folder"))
    assert can_take((GPU,), changed(ACCESS, nodes=()))


def test_only_what_is_installed_is_planned() -> None:
    planned = stages(HEALTHY)
    assert {name for name in planned if name.startswith("import-")} == {
        *("import-torch", "import-numpy", "import-numba", "import-llvmlite.binding", "import-torchaudio")
    }
    assert not {"resampy", "resample", "ctranslate2-copy", "whisper-encoder-float32", "jit-before-encoder"} & set(planned)
    assert plan(machine(python=gap("absent", "no python3"))) == ()


@pytest.mark.parametrize("facts", [FULL, HEALTHY, machine(gpus=())])
def test_every_stage_stands_on_stages_before_it(facts: Facts) -> None:
    before: set[str] = set()
    for stage in plan(facts):
        assert {*stage.after, *stage.each} <= before
        assert stage.id not in before and rung_of(stage.id) == stage.rung and stage.steps
        assert len(stage.each) in (0, len(stage.steps))
        asked = {step.get("device") for step in stage.steps}
        assert (stage.device == "gpu") == ("gpu" in asked)
        before.add(stage.id)


def test_two_orders_hold_every_ordered_pair() -> None:
    orders = [[step["module"] for step in stage.steps if step["do"] == "import"] for stage in plan(FULL) if stage.id.startswith("order-")]
    pairs = {pair for order in orders for pair in itertools.combinations(order, 2)}
    assert pairs == set(itertools.permutations(STACK, 2))


def test_a_sound_machine_passes_everything_once() -> None:
    run = Table({})
    trials = climbed(FULL, run)
    assert {trial.outcome for trial in trials} == {"pass"}
    assert [one.name for one in run.asked] == [stage.id for stage in plan(FULL)]
    assert all(trial.what for trial in trials)
    assert all(one.argv[0] == INTERPRETER and one.request and one.request["steps"] for one in run.asked)


def test_an_import_that_dies_takes_along_what_needs_it_alone() -> None:
    trials = by_name(climbed(FULL, {"import-torch": crash("libtorch_cpu.so+0x1")}))
    assert trials["matmul-float32"].because == trials["device"].because == "import-torch crashed"
    assert trials["whisper-generate-float16"].because == "import-torch crashed"
    assert trials["jit-before-conv1d"].outcome == "skipped"
    assert {trials[name].outcome for name in ("import-numba", "jit", "ctranslate2-copy", "onnxruntime-placement")} == {"pass"}


def test_what_died_alone_takes_no_part_in_the_orders() -> None:
    table = {"import-librosa": fail("ImportError: x"), "matmul-float32": crash()}
    run = Table(table)
    trials = by_name(climbed(FULL, run))
    steps = next(one.request for one in run.asked if one.name == "order-backwards")
    assert steps and "librosa" not in str(steps) and "matmul" not in str(steps) and "jit" in str(steps)
    assert (trials["order-backwards"].outcome, trials["order-backwards"].device) == ("pass", "cpu")
    few = {f"import-{name}": fail("ImportError: x") for name in STACK[1:]}
    assert by_name(climbed(FULL, few))["order-forwards"].because == "fewer than two of its libraries can be imported"


@pytest.mark.parametrize("ending", [crash("libhsa-runtime64.so.1+0x1"), fail("RuntimeError: HIP error: invalid device function")])
def test_a_copy_that_fails_ends_all_on_that_device(ending: dict[str, object]) -> None:
    trials = climbed(FULL, {"copy": ending})
    word = "crashed" if ending["outcome"] == "crash" else "failed"
    torch = [trial for trial in trials if trial.device == "gpu" and trial.name.startswith(("elem", "sum", "matmul", "conv1d", "whisper"))]
    assert {(trial.outcome, trial.because) for trial in torch} == {("skipped", f"copy {word}")}
    assert by_name(trials)["ctranslate2-copy"].outcome == "pass"


def test_a_crash_in_miopen_leaves_the_same_without_it() -> None:
    trials = by_name(climbed(FULL, {f"conv1d-k3-{dtype}": crash("libMIOpen.so.1+0x1") for dtype in ("float32", "float16")}))
    assert trials["conv1d-k3-float16-without-miopen"].outcome == "pass"
    assert trials["conv1d-k10s5-float16"].outcome == "pass"
    assert trials["conv1d-before-jit"].because == "conv1d-k3-float32 crashed"


def test_the_time_for_all_is_bounded_and_what_it_costs_is_told() -> None:
    trials = climbed(FULL, {"*": {"outcome": "pass", "seconds": 100.0}})
    made = [trial for trial in trials if trial.outcome != "skipped"]
    assert len(made) == 9
    assert {trial.because for trial in trials[9:]} == {"the 15 minutes that all experiments may take are over"}
    assert len(trials) == len(plan(FULL))


def test_ground_and_fitted_are_about_values_alone() -> None:
    conv = next(stage for stage in plan(FULL) if stage.id == "conv1d-k3-float16")
    assert ground(conv, ()) is None
    hung = Trial(name="elementwise-float32", outcome="hang")
    assert ground(conv, [hung]) == "elementwise-float32 did not end"
    assert ground(conv, [Trial(name="elementwise-float32", outcome="skipped", because="copy crashed")]) == "copy crashed"
    assert (
        ground(conv, [Trial(name="x", outcome="pass", seconds=120)], budget_s=120) == "the 2 minutes that all experiments may take are over"
    )
    assert fitted(conv, ()) == conv


@pytest.mark.parametrize("ending", [HANG, fault()], ids=["hang", "fault"])
def test_a_gpu_that_stopped_answering_is_left_alone(ending: dict[str, object]) -> None:
    run = Table({"bmm-float16": ending, "still-answers": HANG})
    trials = climbed(FULL, run)
    names = [one.name for one in run.asked]
    assert names[names.index("bmm-float16") + 1] == "still-answers" and names.count("still-answers") == 1
    later = trials[[trial.name for trial in trials].index("bmm-float16") + 1 :]
    on_gpu = [trial for trial in later if trial.device == "gpu"]
    assert {(trial.outcome, trial.because) for trial in on_gpu} == {("skipped", "the GPU stopped answering after bmm-float16")}
    assert {trial.outcome for trial in later if trial.device == "cpu"} == {"pass"}


@pytest.mark.parametrize(("ending", "asked"), [(HANG, 1), (fault(), 1), (crash(), 0), (fail("RuntimeError: x"), 0)])
def test_a_gpu_that_still_answers_is_tried_on(ending: dict[str, object], asked: int) -> None:
    run = Table({"bmm-float16": ending})
    trials = by_name(climbed(FULL, run))
    assert trials["conv1d-k3-float16"].outcome == "pass"
    assert [one.name for one in run.asked].count("still-answers") == asked


def test_the_guard_waits_before_it_asks_and_speaks_of_the_gpu_alone() -> None:
    slept: list[float] = []
    run = Table({"a": HANG, "b": fault(), "still-answers": crash()})
    guard = guarded(run, answers(INTERPRETER), pause_s=7, sleep=slept.append)

    def asked(name: str, device: str | None) -> Experiment:
        return worker(INTERPRETER, name, (), device=device)  # type: ignore[arg-type]

    guard(asked("a", "cpu"))
    assert slept == []
    guard(asked("b", None))  # a program of the user's own: that it uses the GPU is known from the fault
    assert slept == [7]
    assert guard(asked("c", "gpu")).because == "the GPU stopped answering after b"
    assert guard(asked("c", "cpu")).outcome == guard(asked("d", None)).outcome == "pass"


def test_a_program_of_the_users_own_is_not_run_on_a_gpu_that_is_gone() -> None:
    run = Table({"a": HANG, "still-answers": crash()})
    guard = guarded(run, answers(INTERPRETER), whole=True, pause_s=0)
    guard(worker(INTERPRETER, "a", ()))
    gone = guard(worker(INTERPRETER, "b", ()))
    assert (gone.outcome, gone.because) == ("skipped", "the GPU stopped answering after a")


def test_where_nothing_can_ask_the_guard_pauses_after_a_fault_and_goes_on() -> None:
    slept: list[float] = []
    guard = guarded(Table({"a": fault(), "b": HANG}), None, whole=True, pause_s=7, sleep=slept.append)
    assert [guard(worker(INTERPRETER, name, ())).outcome for name in "abc"] == ["crash", "hang", "pass"]
    assert slept == [7]


def test_without_torch_ctranslate2_is_asked() -> None:
    facts = changed(FULL, python=changed(FULL.python, torch=None, libraries=FULL.python.libraries[1:]))  # type: ignore[union-attr]
    run = Table({"onnxruntime-placement": HANG})
    climbed(facts, run)
    question = next(one for one in run.asked if one.name == "still-answers")
    assert question.request == {"steps": [{"do": "ct2_copy", "device": "gpu"}]}


def test_two_hangs_of_a_kind_are_enough() -> None:
    trials = climbed(FULL, {"conv1d-*": HANG})
    hung = [trial.name for trial in trials if trial.outcome == "hang"]
    assert [sum(name.endswith("-without-miopen") == off for name in hung) for off in (False, True)] == [2, 2]
    assert "did not end" in (by_name(trials)["conv1d-k128g16-float16"].because or "")
    assert by_name(trials)["attention-float16"].outcome == "pass"


def test_what_was_made_before_ctrl_c_is_kept_and_the_rest_is_skipped() -> None:
    table = Table({})

    def run(experiment: Experiment) -> Trial:
        if experiment.name == "copy":
            raise KeyboardInterrupt
        return table(experiment)

    trials = climbed(FULL, run)
    assert [trial.name for trial in trials] == [stage.id for stage in plan(FULL)]
    at = [trial.name for trial in trials].index("copy")
    assert {trial.outcome for trial in trials[:at]} == {"pass"}
    assert {(trial.outcome, trial.because) for trial in trials[at:]} == {("skipped", BROKEN_OFF)}
    report = publish(FULL, all_checks(), source="", terms=Terms(trials=trials))
    assert report.exit == Exit.INTERRUPTED
    assert verdict_line(report).endswith("the experiments were broken off")


def test_no_stage_is_left_without_a_trial() -> None:
    assert [trial.name for trial in GOOD] == [stage.id for stage in plan(FULL)]
