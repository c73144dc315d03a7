"""What experiments prove, what they clear, and that each bad one is told once."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from rocmkit.doctor.check import TRIALS, all_checks
from rocmkit.doctor.checks._tried import code_of
from rocmkit.doctor.examine import examine, verdict
from rocmkit.doctor.result import Finding, Result
from rocmkit.facts import NOT_ASKED, Facts, gap
from rocmkit.report import markdown, text
from rocmkit.report.published import Terms, publish
from rocmkit.trial.ladder import plan
from rocmkit.trial.values import Trial
from tests.support.facts import GPU, HEALTHY, changed
from tests.support.trials import HANG, climbed, crash, fail, fault
from tests.unit.checks.cases.tried import GOOD, STACK
from tests.unit.checks.rk4_support import USER, without_torch

TRIES = {check.code for check in all_checks() if check.tries}
_TORCH = changed(USER.python, packages={**USER.python.packages, "scipy": "1.15.3", "transformers": "4.57.1"})  # type: ignore[union-attr]
THEIRS = changed(USER, python=_TORCH)
BOTH = ("float32", "float16")


def results(facts: Facts, trials: tuple[Trial, ...] | Any) -> dict[str, Result]:
    found = {result.code: result for result in examine(facts, all_checks(), trials)}
    assert [(code, str(result.because)) for code, result in found.items() if result.outcome == "crashed"] == []
    return found


def finding(code: str, table: dict[str, dict[str, Any]], facts: Facts = THEIRS) -> Finding:
    result = results(facts, climbed(facts, table))[code]
    assert result.outcome == "found", (result.outcome, str(result.because))
    (one,) = result.findings
    assert one.confidence == "sure" and one.seen and one.fix
    for line in (*one.fix.commands, *one.fix.verify):
        assert shlex.split(line)
    return one


def texts(one: Finding) -> str:
    """All that a finding says."""
    assert one.fix
    return " ".join([str(one.message), str(one.cause or ""), str(one.fix.text), *(f"{seen.where}: {seen.what}" for seen in one.seen)])


def died(*names: str, frame: str = "libc.so.6+0x1") -> dict[str, dict[str, Any]]:
    return {name: crash(frame) for name in names}


# Without --try


def test_nothing_changes_where_nothing_was_tried() -> None:
    before = results(USER, NOT_ASKED)
    assert not TRIES & set(before)
    assert before["RK413"].findings[0].confidence == "likely"
    assert publish(USER, all_checks(), source="x").trials == ()


def test_without_an_interpreter_it_is_not_known() -> None:
    judged = results(THEIRS, gap("absent", "there is no python3"))
    assert {(judged[code].outcome, judged[code].gap) for code in TRIES} == {("skipped", "absent")}
    assert judged["RK413"].findings[0].confidence == "likely"


# What passed clears what reports made likely


def test_experiments_that_pass_clear_the_suspicion() -> None:
    judged = results(THEIRS, climbed(THEIRS))
    assert {judged[code].outcome for code in ("RK412", "RK413")} == {"ok"}
    assert any(seen.where == "experiments conv" and "16 passed on the GPU" in seen.what for seen in judged["RK413"].seen)
    assert {judged[code].outcome for code in ("RK431", "RK432", "RK433", "RK434", "RK436")} == {"ok"}


@pytest.mark.parametrize(
    "table",
    [
        {"conv1d-k3-float16": {"measured": ({"unsupported": "not in this build"},)}},
        {"matmul-float16": fail("RuntimeError: HIP error: out of memory")},
        {"*": {"seconds": 100.0}},
    ],
    ids=["not computed", "failed", "not made"],
)
def test_what_did_not_compute_clears_nothing(table: dict[str, dict[str, Any]]) -> None:
    (one,) = results(THEIRS, climbed(THEIRS, table))["RK413"].findings
    assert one.confidence == "likely"


def test_what_passed_on_the_processor_clears_nothing() -> None:
    hidden = changed(THEIRS, access=changed(THEIRS.access, nodes=()), gpus=(changed(THEIRS.gpus[0], kfd_node=None),))
    trials = climbed(hidden)
    assert {trial.device for trial in trials} <= {"cpu", None}
    assert {results(hidden, trials)[code].outcome for code in ("RK412", "RK413")} != {"ok"}


def test_an_operation_that_this_build_lacks_is_no_obstacle() -> None:
    trials = climbed(THEIRS, {"matmul-int8": {"measured": ({"unsupported": "\"addmm_cuda\" not implemented for 'Char'"},)}})
    judged = results(THEIRS, trials)["RK413"]
    assert judged.outcome == "ok"
    assert any(seen.where == "experiments matmul" and seen.what.startswith("6 passed") for seen in judged.seen)


# RK412, RK413: which library


def test_miopen_is_told_by_what_lives_without_it() -> None:
    one = finding("RK413", {f"conv1d-k3-{dtype}": crash("libMIOpen.so.1+0xabc") for dtype in BOTH})
    assert "kernel 3" in str(one.message) and "in MIOpen: SIGSEGV in libMIOpen.so.1+0xabc" in str(one.message)
    assert str(one.cause) == "The same passes with MIOpen off."
    assert one.fix and "torch.backends.cudnn.enabled = False" in str(one.fix.text) and "torch 2.9.1 for ROCm 6.3" in str(one.fix.text)
    assert any("torch==2.9.1" in line for line in one.fix.commands)
    assert one.fix.verify == ("rocmkit doctor --try --python ~/venv/bin/python",)
    assert "experiment conv1d-k3-float32-without-miopen: passed on the GPU" in texts(one)


def test_the_compiler_is_miopens_only_where_miopen_is_on() -> None:
    names = [f"conv1d-k3-{dtype}{off}" for dtype in BOTH for off in ("", "-without-miopen")]
    judged = results(THEIRS, climbed(THEIRS, died(*names, frame="libamd_comgr.so.2+0x1")))
    messages = [str(one.message) for one in judged["RK413"].findings]
    assert ["in MIOpen" in message for message in messages] == [True, False]


def test_rocblas_in_half_precision() -> None:
    table = died("matmul-float16", "bmm-float16", "linear-float16", frame="librocblas.so.4+0x77")
    one = finding("RK413", table)
    assert "in rocBLAS: SIGSEGV in librocblas.so.4+0x77" in str(one.message)
    assert "passes in float32" in str(one.cause) and one.fix and "fp16=False" in str(one.fix.text)


@pytest.mark.parametrize(
    ("names", "library"),
    [
        (("attention-float16",), "fused attention"),
        (("attention-float16", "attention-math-float16"), "rocBLAS"),
        (("rfft", "stft"), "rocFFT"),
        (("whisper-encoder-float16",), "MIOpen"),
        (("matmul-float32", "matmul-float16"), "rocBLAS"),
    ],
)
def test_the_library_by_what_dies_and_what_lives(names: tuple[str, ...], library: str) -> None:
    assert f" in {library}: SIGSEGV" in str(finding("RK413", died(*names)).message)


def test_several_libraries_are_told_apart() -> None:
    table = died("conv1d-k3-float16", frame="libMIOpen.so.1+0x1") | died("matmul-float16", frame="librocblas.so.4+0x1")
    judged = results(THEIRS, climbed(THEIRS, table))["RK413"]
    assert [" in MIOpen: " in str(one.message) for one in judged.findings] == [False, True]


@pytest.mark.parametrize("name", ["device", "copy", "elementwise-float32"])
def test_the_first_operation(name: str) -> None:
    one = finding("RK412", died(name, frame="libhsa-runtime64.so.1+0x5"))
    assert "SIGSEGV in libhsa-runtime64.so.1+0x5, at torch/nn/functional.py:10 in forward" in str(one.message)
    assert results(THEIRS, climbed(THEIRS, died(name)))["RK413"].findings[0].confidence == "likely"  # nothing was seen of it


def test_a_wheel_that_has_no_code_for_the_gpu_explains_the_crash() -> None:
    packages = {**USER.python.packages, "torch": "2.11.0+rocm7.2"}  # type: ignore[union-attr]
    facts = changed(USER, python=changed(USER.python, packages=packages, torch=gap("denied", "x"), kernels=()))
    trials = climbed(facts, died("matmul-float16"))
    judged = results(facts, trials)
    assert judged["RK307"].outcome == "found"
    assert (judged["RK413"].outcome, judged["RK413"].cause) == ("skipped", "rocblas-no-tensile")


# RK415, RK113


def test_wrong_numbers() -> None:
    one = finding("RK415", {"matmul-float16": fail("WrongNumbers: largest error 0.5 of the largest value, at most 0.02 is rounding")})
    assert "gives wrong numbers on gfx906: WrongNumbers: largest error 0.5" in str(one.message)


def test_a_fault_of_the_gpu_needs_no_kernel_log() -> None:
    facts = changed(THEIRS, kernel_log=gap("denied", "dmesg: Operation not permitted"))
    one = finding("RK113", {"conv1d-k3-float16": fault()}, facts)
    assert "makes the GPU fault: Memory access fault by GPU node-1" in str(one.message)
    forced = changed(facts, env={"HSA_OVERRIDE_GFX_VERSION": "9.0.0"})
    fix = finding("RK113", {"conv1d-k3-float16": fault()}, forced).fix
    assert fix and fix.commands == ("unset HSA_OVERRIDE_GFX_VERSION",)
    judged = results(facts, climbed(facts))["RK113"]
    assert (judged.outcome, judged.gap, str(judged.because)) == (
        "skipped",
        "denied",
        "kernel_log is not known: dmesg: Operation not permitted",
    )


# RK426, RK427, RK411: what really met


@pytest.mark.parametrize(
    ("code", "paths", "subject"),
    [
        ("RK426", ("~/venv/torch/lib/libamdhip64.so", "/opt/rocm/lib/libamdhip64.so.7"), "libamdhip64.so + libamdhip64.so.7"),
        (
            "RK427",
            ("~/venv/torch/lib/libomp.so", "~/venv/x.libs/libiomp5-9d2f0a1b.so", "/usr/lib/libgomp.so.1"),
            "libomp.so + libiomp5-9d2f0a1b.so",
        ),
        ("RK411", ("/usr/lib/libLLVM-15.so.1", "/opt/rocm/lib/libLLVM.so.19.0"), "libLLVM-15.so.1 + libLLVM.so.19.0"),
    ],
)
def test_two_runtimes_in_one_process(code: str, paths: tuple[str, ...], subject: str) -> None:
    one = finding(code, {"order-forwards": {"outcome": "pass", "mapped": paths}})
    assert one.subject == subject
    assert "were in one process in the experiment order-forwards" in str(one.message)


@pytest.mark.parametrize(
    "paths",
    [
        ("~/venv/torch/lib/libgomp.so.1", "~/venv/ctranslate2.libs/libgomp-a34b3233.so.1", "~/venv/torch/lib/libomp.so"),
        ("~/venv/llvmlite/binding/libllvmlite.so", "/usr/lib/libLLVM-15.so.1", "~/venv/torch/lib/libamdhip64.so"),
    ],
)
def test_libraries_that_bear_each_other(paths: tuple[str, ...]) -> None:
    judged = results(THEIRS, climbed(THEIRS, {"order-forwards": {"outcome": "pass", "mapped": paths}}))
    assert not [
        code for code in ("RK411", "RK426", "RK427") if judged[code].outcome == "found" and judged[code].findings[0].confidence == "sure"
    ]


# RK431 to RK436


def test_an_import_with_a_known_cause_points_to_it() -> None:
    refused = fail("ImportError: Numba needs NumPy 2.2 or less. Got NumPy 2.3.", known=("RK409",))
    one = finding("RK431", {"import-numba": refused, "import-librosa": refused}, STACK)
    assert str(one.message).startswith("import numba fails: ImportError: Numba needs NumPy") and "(and so librosa)" in str(one.message)
    assert str(one.cause) == "what it printed is that of RK409: NumPy outside what numba accepts"
    assert one.fix and one.fix.commands == ("rocmkit explain RK409",)
    assert "import numba" in one.fix.verify[0]


def test_an_import_that_dies_is_to_be_shrunk() -> None:
    one = finding("RK431", {"import-torch": crash("libstdc++.so.6+0x1", last_import="torch._C")}, STACK)
    assert "import torch dies: SIGSEGV in libstdc++.so.6+0x1" in str(one.message)
    python = "~/venv/bin/python"
    assert one.fix and one.fix.commands == (f"rocmkit bisect --python {python} -- {python} -c 'import torch'",)


def test_different_deaths_are_different_findings() -> None:
    table = {"import-numba": fail("ImportError: x"), "import-torch": crash(), "import-scipy.signal": HANG}
    assert [one.subject for one in results(STACK, climbed(STACK, table))["RK431"].findings] == ["torch", "scipy.signal", "numba"]


def test_one_order_lives() -> None:
    one = finding("RK432", {"order-backwards": crash("libstdc++.so.6+0x1")}, STACK)
    assert "In the other order it works" in str(one.message)
    assert one.fix and "Import torch before the others" in str(one.fix.text)
    assert one.fix.commands[0].startswith("rocmkit bisect --python ") and " -- " not in one.fix.commands[0]  # which cuts the steps down


def test_no_order_lives() -> None:
    one = finding("RK432", {"order-*": crash("libstdc++.so.6+0x1")}, STACK)
    assert "Each of them works alone" in str(one.message)


def test_the_jit_gets_in_the_way() -> None:
    one = finding("RK432", {"jit-before-conv1d": crash("libamd_comgr.so.2+0x1", known=("RK411",))}, STACK)
    assert one.fix and "conv1d, then Numba compiles" in str(one.fix.text)
    assert "RK411" in str(one.cause)


def test_an_operation_that_fails_names_its_page_or_a_newer_torch() -> None:
    one = finding("RK433", {"rfft": fail("RuntimeError: cuFFT error: CUFFT_INTERNAL_ERROR", known=("RK399",))})
    assert one.fix and one.fix.commands == ("rocmkit explain RK399",)
    other = finding("RK433", {"sum-float16": HANG})
    assert "does not end on gfx906: no end within 180 s" in str(other.message)
    assert other.fix and any("torch==2.9.1" in line for line in other.fix.commands)


def test_too_much_memory_is_no_crash_of_a_library() -> None:
    one = finding("RK433", {"linear-float32": {"outcome": "crash", "signal": "SIGKILL", "limit": "memory"}})
    assert "took more memory than it may" in str(one.message)


def test_a_gpu_that_is_gone() -> None:
    one = finding("RK434", {"conv1d-k3-float16": HANG, "still-answers": HANG})
    assert str(one.message).startswith("the GPU stopped answering after conv1d-k3-float16; ")
    assert "RK433" in {result.code for result in results(THEIRS, climbed(THEIRS, {"conv1d-k3-float16": HANG})).values()}


@pytest.mark.parametrize("name", ["onnxruntime-placement", "onnxruntime-providers", "ctranslate2-copy", "copy"])
def test_a_gpu_build_that_computes_elsewhere(name: str) -> None:
    kind = "NoProvider: none for an AMD GPU among CPUExecutionProvider" if name.endswith("providers") else "RanElsewhere: it is on cpu"
    one = finding("RK435", {name: fail(kind)}, STACK)
    assert kind.partition(": ")[2] in str(one.message) and "asked for the GPU" in str(one.message)


def test_without_a_gpu_what_dies_on_the_processor_is_told_and_nothing_of_a_gpu() -> None:
    nowhere = changed(STACK, gpus=())
    lacking = {"measured": ({"unsupported": "\"addmm\" not implemented for 'Half'"},)}
    trials = climbed(nowhere, {"jit": crash("libllvmlite.so+0x1"), "matmul-float16": lacking, "rfft": fail("WrongNumbers: x")})
    judged = results(nowhere, trials)
    told = {code for code, result in judged.items() if result.outcome == "found"} & (TRIES | {"RK412", "RK413", "RK415"})
    assert told == {"RK436"}
    assert [one.subject for one in judged["RK436"].findings] == ["rfft", "jit"]
    assert verdict(nowhere, judged.values()) == "not-applicable"
    line = "NOT APPLICABLE: no AMD GPU was found; the experiments were made on the processor alone"
    assert rendered(nowhere, trials).splitlines()[-1] == line


# Each bad experiment is told once


ENDINGS: dict[str, dict[str, Any]] = {
    "crash": crash(),
    "fault": fault(),
    "hang": HANG,
    "fail": fail("RuntimeError: HIP error: invalid device function"),
    "wrong": fail("WrongNumbers: largest error 1"),
    "elsewhere": fail("RanElsewhere: it is on cpu"),
    "memory": {"outcome": "crash", "signal": "SIGKILL", "limit": "memory"},
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_bad_experiment_on_the_gpu_is_told_by_one_check(ending: str) -> None:
    for stage in plan(STACK):
        trials = climbed(STACK, {stage.id: ENDINGS[ending]})
        code = code_of(next(trial for trial in trials if trial.name == stage.id))
        judged = {result.code: result for result in examine(STACK, [check for check in all_checks() if TRIALS in check.needs], trials)}
        assert code and judged[code].outcome == "found", (stage.id, code)
        naming = {
            one.code for one in judged.values() for found in one.findings if f"experiment {stage.id}" in {seen.where for seen in found.seen}
        }
        assert naming == {code}
        assert verdict(STACK, judged.values()) == ("degraded" if code == "RK435" else "blocked")


def test_good_experiments_show_nothing() -> None:
    assert {code_of(trial) for trial in GOOD} == {None}
    judged = results(STACK, GOOD)
    assert {judged[code].outcome for code in TRIES} == {"ok"}


def test_an_environment_with_nothing_to_try() -> None:
    facts = changed(STACK, python=without_torch({}))
    assert climbed(facts) == ()
    assert {results(facts, ())[code].outcome for code in TRIES} == {"skipped"}


# The report


def rendered(facts: Facts, trials: tuple[Trial, ...]) -> str:
    report = publish(facts, all_checks(), source="this machine", terms=Terms(trials=trials))
    return text.render(report, color=False, unicode=True)


def test_every_experiment_has_its_line_with_its_time() -> None:
    trials = climbed(STACK, {"matmul-float16": crash("librocblas.so.4+0x77", known=("RK413",)), "rfft": HANG, "copy": {"seconds": 2.25}})
    page = rendered(STACK, trials)
    section = page.partition("\nExperiments  ")[2].partition("\n\n")[0].splitlines()
    assert section[0].startswith("passed: ") and section[0].endswith("1 crashed, 1 hung")
    heads = [line for line in section[1:] if line.startswith(("  ✓", "  ✗"))]
    assert len(heads) == len(trials) and all(re.match(r"  [✓✗] +[0-9.]+ s  (GPU|CPU|   )  \w", line) for line in heads)
    copy = next(line for line in heads if "allocate, copy" in line)
    assert copy.split() == ["✓", "2.2", "s", "GPU", "allocate,", "copy", "there", "and", "back"]
    place = next(index for index, line in enumerate(section) if "matrix product 1500x512x2048, float16" in line)
    assert section[place + 1].strip().startswith("crashed: SIGSEGV in librocblas.so.4+0x77, at torch/nn/functional.py:10 in forward")
    assert "see RK413" in " ".join(section[place + 1 : place + 3])
    assert "experiment" in markdown.render(publish(STACK, all_checks(), source="x", terms=Terms(trials=trials)))


def test_ready_says_how_many_passed_on_the_gpu() -> None:
    trials = climbed(HEALTHY)
    number = sum(trial.device == "gpu" for trial in trials)
    last = rendered(HEALTHY, trials).splitlines()[-1]
    assert last == f"READY: the GPU is usable by this Python environment, and {number} experiments passed on it"
    on_cpu = changed(HEALTHY, gpus=(changed(GPU, kfd_node=None),))
    assert "passed on it" not in rendered(on_cpu, climbed(on_cpu))


def test_markdown_has_a_row_for_each() -> None:
    trials = climbed(STACK, {"copy": crash("a|b+0x1")})
    page = markdown.render(publish(STACK, all_checks(), source="x", terms=Terms(trials=trials)))
    rows = list(page.partition("| experiment |")[2].partition("\n\n")[0].splitlines()[2:])
    assert len(rows) == len(trials)
    assert any("SIGSEGV in a\\|b+0x1" in row for row in rows)


# Beside it


@pytest.mark.parametrize(
    ("code", "how"),
    [("RK113", fault()), ("RK415", fail("WrongNumbers: 3 of 9 differ")), ("RK433", HANG), ("RK433", fail("RuntimeError: x"))],
)
def test_what_ends_badly_with_miopen_alone_is_gone_around_without_it(code: str, how: dict[str, Any]) -> None:
    one = finding(code, {"conv1d-k3-float16": how})
    assert "passes with MIOpen off" in texts(one) and "torch.backends.cudnn.enabled = False" in texts(one)
    assert "conv1d-k3-float16-without-miopen: passed" in texts(one)
    assert not results(THEIRS, climbed(THEIRS, {"conv1d-k3-float16": how}))["RK413"].findings  # no crash is likely where none came
    both = finding(code, {"conv1d-k3-float16": how, "conv1d-k3-float16-without-miopen": how})
    assert "MIOpen off." not in texts(both) and "cudnn" not in texts(both)


def test_what_dies_with_miopen_off_too_is_not_said_to_pass_without_it() -> None:
    convs = [f"conv1d-{kind}-float16{end}" for kind in ("k3", "k3s2", "k10s5", "k128g16") for end in ("", "-without-miopen")]
    one = finding("RK413", died("matmul-float16", *convs, frame="librocblas.so.4+0x1"))
    assert " in rocBLAS: " in str(one.message) and "passes in float32" in str(one.cause)
    assert "cudnn" not in texts(one)
    both = {
        **died("conv1d-k3-float16", frame="libMIOpen.so.1+0x1"),
        **died("conv1d-k3-float16-without-miopen", frame="librocblas.so.4+0x1"),
    }
    for each in results(THEIRS, climbed(THEIRS, both))["RK413"].findings:
        assert "fp16=False" in texts(each) and "cudnn" not in texts(each)


@pytest.mark.parametrize(
    ("name", "how", "who"),
    [
        ("stft", crash("libamd_comgr.so.2+0x1"), "rocFFT"),
        ("matmul-float16", crash("libamd_comgr.so.2+0x1"), "rocBLAS"),
        ("matmul-int8", crash("libhipblaslt.so.0+0x1"), "hipBLASLt"),
        ("conv1d-*", crash("libamd_comgr.so.2+0x1"), "MIOpen"),
        ("bmm-float32", crash("libc.so.6+0x1", native=("libc.so.6+0x1", "libhipblas.so.2+0x4", "libMIOpen.so.1+0x2")), "rocBLAS"),
    ],
)
def test_the_compiler_and_the_c_library_are_told_by_who_called_them(name: str, how: dict[str, Any], who: str) -> None:
    messages = [str(one.message) for one in results(THEIRS, climbed(THEIRS, {name: how}))["RK413"].findings]
    assert any(f" in {who}: " in message for message in messages)
    assert who == "MIOpen" or not any(" in MIOpen: " in message for message in messages)


def test_attention_that_lives_by_plain_products_is_said_so() -> None:
    one = finding("RK413", died("attention-float16", frame="libaotriton_v2.so+0x1"))
    assert str(one.cause) == "The same passes by plain matrix products."


def test_an_addition_that_dies_in_half_precision_alone_is_no_fault_of_the_driver() -> None:
    one = finding("RK412", died("elementwise-float16", frame="libamdhip64.so.6+0x1"))
    assert "half precision" in str(one.cause) and "LD_LIBRARY_PATH" not in texts(one)
    assert "LD_LIBRARY_PATH" in texts(finding("RK412", died("elementwise-float32")))
