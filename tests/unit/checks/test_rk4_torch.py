from __future__ import annotations

import pytest

from rocmkit.facts import Facts, TorchBuild, gap
from tests.support.facts import HEALTHY, PYTHON, SITE, changed, library, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    CT2_CUDA,
    CT2_HIP,
    ORT_CPU,
    UNREAD,
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
    packages = {"pip": "24.0", "torch": version, "torchaudio": version, "torchvision": "0.24.1", "triton": "3.5.0"}
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
    python = changed(PYTHON, packages={"torch": version}, torch=gap("denied", "version.py"), libraries=())
    result = run("RK401", machine(python=python))
    assert result.outcome == outcome
    assert all(one.confidence == "likely" for one in result.findings)


def test_nvidia_packages_beside_an_unreadable_torch() -> None:
    packages = {"torch": "2.9.1", "nvidia-cublas-cu12": "12.8"}
    python = changed(PYTHON, packages=packages, torch=gap("denied", "version.py"), libraries=())
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
    assert run("RK402", machine(python=changed(PYTHON, version="3.15.0"))).outcome == "ok"
    assert run("RK402", machine(python=without_torch({}, version="3.15.0", torch=UNREAD))).outcome == "skipped"
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


def test_torchvision_of_another_index() -> None:
    assert finding("RK407", machine(python=with_packages({"torchvision": "0.24.1+cpu"}))).subject == "torchvision"
    vision = library("torchvision", f"{SITE}/torchvision/_C.so", gpu_api="cuda", gfx=(), needs=("libtorch_cuda.so", "libc10_cuda.so"))
    one = finding("RK407", machine(python=with_packages({"torchvision": "0.24.1"}, vision)))
    assert (one.subject, one.confidence) == ("torchvision", "sure")
    assert one.fix and " torchvision --index-url" in one.fix.commands[-1]
    assert run("RK407", machine(python=with_packages({"torchvision": "0.24.1+rocm6.3"}))).outcome == "ok"


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


def test_an_environment_of_uv_has_no_pip() -> None:
    facts = cpu_torch()
    packages = {name: version for name, version in facts.python.packages.items() if name != "pip"}  # type: ignore[union-attr]
    one = finding("RK401", changed(facts, python=changed(facts.python, packages=packages)))
    assert one.fix and one.fix.commands == (
        "uv pip uninstall --python ~/venv/bin/python torch torchvision torchaudio triton",
        INSTALL.replace("~/venv/bin/python -m pip install", "uv pip install --python ~/venv/bin/python").replace(
            " --index-url", " torchvision --index-url"
        ),
    )
