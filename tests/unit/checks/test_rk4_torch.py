from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import Facts, KernelLog, LogLine, TorchBuild, gap
from tests.support.facts import GPU, HEALTHY, PYTHON, SITE, SYSTEM, changed, library, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    CT2_CUDA,
    CT2_HIP,
    LLVMLITE,
    NEW_ARCHS,
    ORT_CPU,
    UNREAD,
    USER,
    codes,
    finding,
    found,
    gpu,
    run,
    with_packages,
    with_torch,
    without_torch,
)

INSTALL = '~/venv/bin/python -m pip install "torch==2.9.1" "torchaudio==2.9.1" --index-url https://download.pytorch.org/whl/rocm6.3'


def cpu_torch(version: str = "2.9.1+cpu", cuda: str | None = None, **changes: object) -> Facts:
    packages = {"torch": version, "torchaudio": version, "torchvision": "0.24.1", "triton": "3.5.0"}
    return machine(python=changed(PYTHON, packages=packages, torch=TorchBuild(version=version, hip=None, cuda=cuda), **changes))


# RK401


def test_torch_for_the_processor() -> None:
    one = finding("RK401", cpu_torch())
    assert (one.subject, one.confidence) == ("torch", "sure")
    assert "processor" in str(one.message)
    assert one.fix and one.fix.commands == (
        "~/venv/bin/python -m pip uninstall -y torch torchvision torchaudio triton",
        INSTALL.replace(" --index-url", " torchvision --index-url"),
    )
    assert one.fix.verify[0].startswith("~/venv/bin/python -X faulthandler -c 'import torch; ")


def test_torch_for_cuda_and_what_follows_from_it() -> None:
    facts = cpu_torch("2.9.1+cu128", "12.8")
    assert "CUDA" in str(finding("RK401", facts).message)
    assert found(facts) == {"RK401"}
    assert codes(facts)["RK306"] == codes(facts)["RK407"] == codes(facts)["RK416"] == "skipped"


def test_a_system_python_gets_an_environment_first() -> None:
    facts = cpu_torch(executable="/usr/bin/python3", kind="system", externally_managed=True)
    one = finding("RK401", facts)
    assert one.fix and one.fix.commands[0] == "/usr/bin/python3 -m venv ~/rocm-venv"
    assert one.fix.commands[1].startswith('~/rocm-venv/bin/python -m pip install "torch==2.9.1"')
    assert one.fix.verify[0].startswith("~/rocm-venv/bin/python ")


def test_a_python_that_no_wheel_is_made_for() -> None:
    one = finding("RK401", cpu_torch(version="2.12.0", cuda=None, executable="~/venv/bin/python"))
    assert one.confidence == "sure"
    facts = changed(cpu_torch(), python=changed(cpu_torch().python, version="3.15.0"))
    one = finding("RK401", facts)
    assert one.fix and one.fix.commands[0] == "python3.12 -m venv ~/rocm-venv"
    assert "Python 3.15" in str(one.cause)


@pytest.mark.parametrize(
    ("version", "outcome"), [("2.9.1+cpu", "found"), ("2.9.1+cu128", "found"), ("2.9.1+rocm6.3", "ok"), ("2.9.1", "skipped")]
)
def test_metadata_alone_is_never_sure(version: str, outcome: str) -> None:
    python = changed(PYTHON, packages={"torch": version}, torch=gap("denied", "version.py"))
    result = run("RK401", machine(python=python))
    assert result.outcome == outcome
    assert all(one.confidence == "likely" for one in result.findings)


def test_nvidia_packages_beside_an_unreadable_torch() -> None:
    python = changed(PYTHON, packages={"torch": "2.9.1", "nvidia-cublas-cu12": "12.8"}, torch=gap("denied", "version.py"))
    assert finding("RK401", machine(python=python)).confidence == "likely"


# RK402


def test_no_wheel_for_this_python() -> None:
    one = finding("RK402", machine(python=without_torch({}, version="3.15.1")))
    assert (one.subject, one.confidence) == ("Python 3.15", "sure")
    assert one.fix and one.fix.commands[0] == "python3.12 -m venv ~/rocm-venv"
    assert one.fix.commands[1].endswith("/whl/rocm6.3")
    assert one.fix.verify[0].startswith("~/rocm-venv/bin/python ")


def test_a_wheel_for_this_python() -> None:
    assert run("RK402", machine(python=without_torch({}))).outcome == "ok"
    assert run("RK402", machine(python=with_torch("2.9.1+rocm6.3", "6.3", version="3.15.0"))).outcome == "ok"
    assert run("RK402", machine(python=without_torch({}), gpus=(gpu("gfx1010"),))).outcome == "skipped"


# RK407


@pytest.mark.parametrize(
    ("audio", "confidence"),
    [("2.8.0+rocm6.3", "sure"), ("2.9.1+cu128", "likely"), ("2.9.1+cpu", "likely"), ("2.9.1", "likely"), ("2.9.1+rocm6.4", "likely")],
)
def test_torchaudio_of_another_kind(audio: str, confidence: str) -> None:
    one = finding("RK407", machine(python=with_packages({"torchaudio": audio})))
    assert (one.subject, one.confidence) == ("torchaudio", confidence)
    assert one.fix and one.fix.commands[-1] == INSTALL
    assert "import torch, torchaudio" in one.fix.verify[0]


def test_a_torchaudio_linked_with_cuda() -> None:
    audio = library("torchaudio", f"{SITE}/torchaudio/lib/libtorchaudio.so", gpu_api="cuda", gfx=(), needs=("libtorch_cuda.so",))
    assert finding("RK407", machine(python=with_packages({"torchaudio": "2.9.1"}, audio))).confidence == "sure"


@pytest.mark.parametrize(
    ("torch", "rocm", "audio", "outcome"),
    [
        ("2.13.0", "7.2", "2.11.0", "ok"),
        ("2.13.0", "7.2", "2.13.0", "found"),
        ("2.6.0", "6.1", "2.6.0", "ok"),
        ("2.0.1", "5.4.2", "2.0.2", "ok"),
    ],
)
def test_pairs(torch: str, rocm: str, audio: str, outcome: str) -> None:
    python = with_torch(f"{torch}+rocm{rocm}", f"{rocm}.1", packages={"torchaudio": f"{audio}+rocm{rocm}"})
    assert run("RK407", machine(python=python)).outcome == outcome


# RK416


def test_nothing_for_the_gpu() -> None:
    one = finding("RK416", machine(python=without_torch({"onnxruntime": "1.23.2"}, ORT_CPU)))
    assert (one.subject, one.confidence) == ("~/venv/bin/python", "sure")
    assert one.fix and one.fix.commands == (INSTALL,)
    assert CHECKS["RK416"].severity == "warning"


def test_cuda_alone_is_nothing_for_the_gpu() -> None:
    assert found(machine(python=without_torch({"ctranslate2": "4.6.1"}, CT2_CUDA))) == {"RK403", "RK416"}


def test_something_for_the_gpu() -> None:
    assert run("RK416", HEALTHY).outcome == "ok"
    assert run("RK416", machine(python=without_torch({"ctranslate2": "4.8.1"}, CT2_HIP))).outcome == "ok"


def test_what_could_not_be_read_may_be_for_the_gpu() -> None:
    unread = library("ctranslate2", f"{SITE}/ctranslate2/x.so", gpu_api="unknown", gfx=None)
    assert run("RK416", machine(python=without_torch({"ctranslate2": "4.8.1"}, unread))).outcome == "skipped"
    assert run("RK416", machine(python=without_torch({}, torch=UNREAD))).outcome == "skipped"
    assert run("RK416", machine(python=without_torch({"tensorflow-rocm": "2.14"}))).outcome == "skipped"


# RK412 to RK415


def log(*lines: str) -> KernelLog:
    return KernelLog(source="dmesg", lines=tuple(LogLine(kind="segfault", text=line) for line in lines))


def died(where: str) -> str:
    return f"python3[4711]: segfault at 34 ip 00007f3d56e45970 sp 00007ffd error 4 in {where}[45970,7f3d56e1d000+117000] likely on CPU 0 (core 0, socket 0)"


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
    assert {result.code for result in results if result.outcome == "found"} == {"RK413"}
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


# any versions


WORDS = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\A[0-9]{1,30}(\.[0-9]{1,5}){0,4}((a|b|rc|\.post|\.dev)[0-9]{1,3})?(\+(rocm|cu|cpu)[0-9.]{0,8})?\Z"),
    st.sampled_from(["", "2.9.1+rocm6.3", "²", "1e9", "9" * 5000, "2.6.0+rocm6.1.40091", "4.6.1", "0.62.1", "2.4.0"]),
)
NAMES = (
    *(
        "torch",
        "torchaudio",
        "torchvision",
        "numba",
        "numpy",
        "llvmlite",
        "ctranslate2",
        "faster-whisper",
        "onnxruntime",
        "onnxruntime-gpu",
    ),
    *("onnxruntime-rocm", "onnxruntime-migraphx", "sherpa-onnx", "openai-whisper", "triton"),
)
MAYBE = st.one_of(st.none(), WORDS)


@given(
    packages=st.dictionaries(st.sampled_from(NAMES), WORDS),
    build=st.one_of(st.none(), st.just(UNREAD), st.builds(TorchBuild, version=MAYBE, hip=MAYBE, cuda=MAYBE)),
    python=WORDS,
    words=st.lists(WORDS, min_size=8, max_size=8),
    gfx=st.one_of(MAYBE, st.sampled_from(["gfx906", "gfx1100", "gfx1010"])),
    libraries=st.lists(st.sampled_from([CT2_CUDA, CT2_HIP, ORT_CPU, LLVMLITE, *PYTHON.libraries]), max_size=3),
)
def test_any_version_gives_an_outcome(
    packages: dict[str, str], build: object, python: str, words: list[str], gfx: str | None, libraries: list[object]
) -> None:
    odd = library("torch", f"{SITE}/torch/lib/libtorch_hip.so", gfx=(words[0],), glibc=words[1], glibcxx=words[2])
    driver = changed(HEALTHY.driver, version=words[3])
    rocm = changed(HEALTHY.rocm, version=words[4]) if False else tuple(changed(one, version=words[4]) for one in HEALTHY.rocm)  # type: ignore[union-attr]
    facts = machine(
        python=changed(PYTHON, packages=packages, torch=build, version=python, libraries=(odd, *libraries)),
        gpus=(GPU, gpu(gfx)),
        system=changed(SYSTEM, glibc=words[5], glibcxx=words[6], kernel=words[7]),
        driver=driver,
        rocm=rocm,
        env={"HSA_OVERRIDE_GFX_VERSION": words[0], "LD_LIBRARY_PATH": words[1]},
    )
    for result in examine(facts, CHECKS.values()):
        assert result.outcome != "crashed", f"{result.code} {result.because}"
