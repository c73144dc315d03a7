from __future__ import annotations

import shlex

import pytest

from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import KernelLog, LogLine, gap
from tests.support.facts import HEALTHY, changed, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    CT2_HIP,
    NEW_ARCHS,
    USER,
    codes,
    finding,
    found,
    gpu,
    run,
    with_packages,
    with_torch,
)

INSTALL = '~/venv/bin/python -m pip install "torch==2.9.1" "torchaudio==2.9.1" --index-url https://download.pytorch.org/whl/rocm6.3'


# RK412 to RK415


def log(*lines: str) -> KernelLog:
    return KernelLog(source="dmesg", lines=tuple(LogLine(kind="segfault", text=line) for line in lines))


def died(where: str) -> str:
    address = "segfault at 34 ip 00007f3d56e45970 sp 00007ffd error 4"
    return f"python3[4711]: {address} in {where}[45970,7f3d56e1d000+117000] likely on CPU 0 (core 0, socket 0)"


def test_the_users_segfault() -> None:
    one = finding("RK413", USER)
    assert (one.subject, one.confidence) == ("torch on gfx906", "likely")
    for word in ("Conv1d in MIOpen", "half precision in rocBLAS", "2.6.0+rocm6.1"):
        assert word in str(one.message)
    assert one.fix and "torch.backends.cudnn.enabled = False" in str(one.fix.text)
    assert "2.9.1" in str(one.fix.text)
    assert one.fix.commands == ("~/venv/bin/python -m pip uninstall -y torch torchaudio", INSTALL)
    conv, without, half, single = one.fix.verify
    assert "F.conv1d" in conv and "cudnn.enabled = True" in conv and "-X faulthandler" in conv
    assert "F.conv1d" in without and "cudnn.enabled = False" in without
    assert "float16" in half and "conv1d" not in half
    assert "float32" in single
    assert codes(USER)["RK414"] == "skipped"


def test_the_users_torch_never_looks_ready() -> None:
    alone = machine(python=with_torch("2.6.0+rocm6.1", "6.1.40091"))
    results = examine(alone, CHECKS.values())
    assert {result.code for result in results if result.outcome == "found"} == {"RK310", "RK413"}
    assert verdict(alone, results) == "degraded"


@pytest.mark.parametrize(
    ("gfx", "torch", "rocm", "outcome"),
    [
        ("gfx1030", "2.6.0", "6.1", "found"),
        ("gfx906", "2.5.1", "6.1", "found"),
        ("gfx90a", "2.6.0", "6.1", "ok"),
        ("gfx906", "2.6.0", "6.2.4", "ok"),
        ("gfx1100", "2.8.0", "6.3", "found"),
        ("gfx906", "2.8.0", "6.3", "ok"),
        ("gfx1100", "2.9.1", "6.3", "ok"),
    ],
)
def test_reported_wheels(gfx: str, torch: str, rocm: str, outcome: str) -> None:
    facts = machine(python=with_torch(f"{torch}+rocm{rocm}", f"{rocm}.1"), gpus=(gpu(gfx),))
    result = run("RK413", facts)
    assert result.outcome == outcome
    assert all(one.confidence == "likely" for one in result.findings)


def test_without_the_kernels_log_there_is_no_pass() -> None:
    facts = machine(kernel_log=gap("denied", "dmesg"))
    assert run("RK412", facts).outcome == run("RK413", facts).outcome == "skipped"
    assert run("RK413", changed(USER, kernel_log=gap("denied", "dmesg"))).outcome == "found"


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("libhsa-runtime64.so", "RK412"),
        ("libamdhip64.so.6.3", "RK412"),
        ("libMIOpen.so.1.0", "RK413"),
        ("librocblas.so.4.3", "RK413"),
        ("libamd_comgr.so.2.8", "RK413"),
        ("libtorch_hip.so", "RK414"),
        ("libctranslate2-bc15bf3f.so.4.6.1", "RK414"),
        ("python3.10", "RK414"),
    ],
)
def test_the_kernel_names_the_library(where: str, code: str) -> None:
    facts = machine(kernel_log=log(died(where)), python=with_packages({"openai-whisper": "20250625"}))
    assert found(facts) == {code}
    one = finding(code, facts)
    assert one.confidence == "likely"
    assert where in one.seen[0].what
    assert one.fix and "-X faulthandler" in one.fix.verify[0]
    if code == "RK413":
        assert one.fix.commands == ()  # there is no newer wheel than the one that is here


def test_the_hsa_runtime_in_the_71_wheels() -> None:
    facts = machine(python=with_torch("2.10.0+rocm7.1", "7.1.1", archs=NEW_ARCHS, rocblas={"gfx1151": 9}), gpus=(gpu("gfx1151"),))
    one = finding("RK412", facts)
    assert one.subject == "torch on gfx1151"
    assert "TheRock#3081" in one.seen[-1].where
    assert one.fix and one.fix.commands[-1].endswith("/whl/rocm7.2")
    assert "env -u LD_LIBRARY_PATH" in one.fix.verify[1]


def test_a_quiet_log_and_speech_packages() -> None:
    assert run("RK414", machine(python=with_packages({"openai-whisper": "20250625"}))).outcome == "ok"
    assert run("RK414", HEALTHY).outcome == "skipped"


def test_wrong_numbers_of_old_wheels() -> None:
    one = finding("RK415", machine(python=with_torch("2.0.1+rocm5.4.2", "5.4.22804")))
    assert (one.subject, one.confidence) == ("torch on gfx906", "likely")
    assert one.fix and "must be below" in one.fix.verify[0]
    assert run("RK415", HEALTHY).outcome == "skipped"


def test_the_allocator_of_ctranslate2() -> None:
    facts = machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP), gpus=(gpu("gfx1100"),))
    one = finding("RK415", facts)
    assert one.subject == "ctranslate2"
    assert one.fix and one.fix.commands == ("export CT2_CUDA_ALLOCATOR=cub_caching",)
    assert run("RK415", changed(facts, env={"CT2_CUDA_ALLOCATOR": "cub_caching"})).outcome == "ok"
    assert run("RK415", changed(facts, env=gap("not-executed", "sysroot"))).outcome == "skipped"


def test_commands_are_one_line_each_and_their_python_compiles() -> None:
    machines = (USER, machine(python=with_torch("2.0.1+rocm5.4.2", "5.4.22804")), machine(kernel_log=log(died("libhsa-runtime64.so"))))
    seen = 0
    for facts in machines:
        for result in examine(facts, CHECKS.values()):
            for one in result.findings:
                for command in (*one.fix.commands, *one.fix.verify) if one.fix else ():
                    words = shlex.split(command)
                    assert "\n" not in command
                    if "-c" in words:
                        compile(words[words.index("-c") + 1], command, "exec")
                        seen += 1
    assert seen > 8
