"""The checks on Python packages from RK420 to RK427: what triggers them, and what comes near it and does not."""

from __future__ import annotations

from typing import Any

import pytest

from rocmkit.facts import BundledRuntime, Facts, Tool, gap
from tests.support.checks import DISTRIBUTIONS
from tests.support.facts import PYTHON, ROCM, SITE, SYSTEM, changed, machine
from tests.unit.checks.cases.packages import (
    CODEC,
    CODEC_CUDA,
    CT2_HIP6,
    CT2_HIP7,
    DIARIZED,
    GNU,
    HIP6,
    INTEL,
    LLVM,
    NO_FFMPEG,
    NO_TOKEN,
    PYANNOTE,
    ROCM7,
    openmp,
)
from tests.unit.checks.rk4_support import CT2_CUDA, commands, finding, gpu, outcome, run, with_packages, with_torch

PROBES = gap("denied", "not readable")


# RK420


@pytest.mark.parametrize(
    ("version", "expected"), [("4.7.0", "found"), ("4.7.1", "ok"), ("4.6.1", "ok"), ("4.7.0.post1", "ok"), ("?", "ok")]
)
def test_only_ctranslate2_4_7_0(version: str, expected: str) -> None:
    assert outcome("RK420", machine(python=with_packages({"ctranslate2": version}))) == expected


def test_a_rocm_build_of_ctranslate2_is_not_replaced_from_the_index() -> None:
    cuda = machine(python=with_packages({"ctranslate2": "4.7.0"}, CT2_CUDA))
    assert commands("RK420", cuda) == ('~/venv/bin/python -m pip install --upgrade --no-deps "ctranslate2>=4.7.1"',)
    hip = with_packages({"ctranslate2": "4.7.0"}, CT2_HIP7)
    assert commands("RK420", machine(python=hip)) == ()  # nobody publishes one for gfx906
    assert commands("RK420", machine(python=hip, gpus=(gpu("gfx1100"),)))[0].startswith("curl -fLO https://github.com/OpenNMT/")


# RK421


def codec(version: str, *libraries: Any, torch: str = "2.9.1+rocm6.3", **changes: Any) -> Facts:
    return machine(python=with_torch(torch, "6.3.42131", packages={"torchcodec": version}, libraries=libraries), **changes)


def test_torchcodec_of_the_index_is_linked_with_cuda() -> None:
    found = finding("RK421", codec("0.17.0", CODEC_CUDA))
    assert str(found.message) == "torchcodec 0.17.0 is linked with CUDA, torch 2.9.1+rocm6.3 with ROCm"
    assert "libtorch_cuda.so" in found.seen[-1].what and "libavcodec" not in found.seen[-1].what
    (install,) = commands("RK421", codec("0.17.0", CODEC_CUDA))
    assert '"torchcodec==0.9.*" --index-url https://download.pytorch.org/whl/cpu' in install


@pytest.mark.parametrize(
    ("version", "torch", "expected"),
    [
        ("0.9.1", "2.9.1+rocm6.3", "ok"),
        ("0.8.1", "2.9.1+rocm6.3", "ok"),
        ("0.7.0", "2.9.1+rocm6.3", "found"),
        ("0.10.0", "2.9.1+rocm6.3", "found"),
        ("0.12.0", "2.13.0+rocm7.2", "ok"),
        ("0.11.0", "2.13.0+rocm7.2", "found"),
        ("0.99.0", "2.13.0+rocm7.2", "ok"),  # not in the table: its libraries decide
    ],
)
def test_torchcodec_and_torch_go_in_pairs(version: str, torch: str, expected: str) -> None:
    assert outcome("RK421", codec(version, CODEC, torch=torch)) == expected


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (SYSTEM, "ok"),
        (changed(SYSTEM, libavcodec=("libavcodec.so.57", "libavcodec.so.58")), "ok"),
        (changed(SYSTEM, libavcodec=("libavcodec.so.57",)), "found"),
        (changed(SYSTEM, libavcodec=()), "found"),
        (changed(SYSTEM, libavcodec=PROBES), "skipped"),
        (PROBES, "skipped"),
    ],
)
def test_torchcodec_needs_the_libraries_of_ffmpeg(system: Any, expected: str) -> None:
    assert outcome("RK421", codec("0.9.1", CODEC, system=system)) == expected


def test_ffmpeg_s_libraries_are_installed_only_where_there_are_none() -> None:
    assert commands("RK421", codec("0.9.1", CODEC, system=changed(SYSTEM, libavcodec=()))) == ("sudo apt-get install -y ffmpeg",)
    assert commands("RK421", codec("0.9.1", CODEC, system=changed(SYSTEM, libavcodec=("libavcodec.so.57",)))) == ()


def test_conda_may_hold_ffmpeg_s_libraries() -> None:
    facts = codec("0.9.1", CODEC, system=changed(SYSTEM, libavcodec=()))
    assert outcome("RK421", changed(facts, python=changed(facts.python, kind="conda"))) == "skipped"


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({}, "skipped"),  # nobody asks torchaudio to read a file
        ({"pyannote-audio": "3.3.2"}, "found"),
        ({"torchaudio": "2.8.0", "pyannote-audio": "3.3.2"}, "ok"),
        ({"torchaudio": "?", "pyannote-audio": "3.3.2"}, "skipped"),
    ],
)
def test_without_torchcodec(packages: dict[str, str], expected: str) -> None:
    assert outcome("RK421", machine(python=with_packages(packages))) == expected


# RK422


@pytest.mark.parametrize(
    ("torch", "pyannote", "lightning", "expected"),
    [
        ("2.6.0+rocm6.1", "3.3.2", "2.6.1", "found"),
        ("2.9.1+rocm6.3", "3.4.0", "2.6.0", "found"),
        ("2.9.1+rocm6.3", "4.0.2", "2.6.0", "found"),
        ("2.9.1+rocm6.3", "3.3.2", "2.3.3", "found"),  # had no such argument yet
        ("2.9.1+rocm6.3", "3.4.0", "2.5.6", "ok"),
        ("2.9.1+rocm6.3", "3.3.2", "2.4.0", "ok"),
        ("2.9.1+rocm6.3", "4.0.3", "2.6.0", "ok"),
        ("2.5.1+rocm6.1", "3.3.2", "2.6.1", "ok"),
        ("2.9.1+rocm6.3", "3.3.2", "odd", "skipped"),
        ("main", "3.3.2", "2.6.1", "skipped"),
        ("2.9.1+rocm6.3", "odd", "2.6.1", "skipped"),
    ],
)
def test_whose_models_torch_refuses(torch: str, pyannote: str, lightning: str, expected: str) -> None:
    packages = {"pyannote-audio": pyannote, "lightning": lightning}
    assert outcome("RK422", machine(python=with_torch(torch, "6.1.40091", packages=packages))) == expected


def test_the_loader_is_not_known() -> None:
    assert outcome("RK422", machine(python=with_packages({"pyannote-audio": "3.3.2"}))) == "skipped"


def test_the_variable_that_allows_it() -> None:
    for value, expected in (("1", "ok"), ("TRUE", "ok"), ("0", "found"), ("", "found")):
        assert outcome("RK422", machine(python=PYANNOTE, env={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": value})) == expected
    assert outcome("RK422", machine(python=PYANNOTE, env=PROBES)) == "skipped"


def test_the_loader_goes_back_and_torch_stays() -> None:
    (install,) = commands("RK422", machine(python=PYANNOTE))
    assert install.endswith(' -m pip install "pytorch-lightning>=2.4,<2.6" "lightning>=2.4,<2.6"')


# RK423


@pytest.mark.parametrize(
    ("version", "hub", "expected"),
    [
        ("3.3.2", NO_TOKEN, "found"),
        ("3.3.2", changed(NO_TOKEN, token=True), "ok"),
        ("3.3.2", DIARIZED, "ok"),
        ("3.3.2", changed(NO_TOKEN, models=("pyannote/speaker-diarization-3.1",)), "found"),
        ("4.0.7", DIARIZED, "found"),
        ("4.0.7", changed(NO_TOKEN, models=("pyannote/speaker-diarization-community-1",)), "ok"),
        ("2.1.1", NO_TOKEN, "skipped"),
    ],
)
def test_models_behind_a_form(version: str, hub: Any, expected: str) -> None:
    assert outcome("RK423", machine(python=with_packages({"pyannote-audio": version}), hub=hub)) == expected


def test_without_diarization_no_token_is_asked_for() -> None:
    assert outcome("RK423", machine(hub=NO_TOKEN)) == "skipped"


# RK424


@pytest.mark.parametrize(
    ("package", "tools", "expected"),
    [
        ("openai-whisper", NO_FFMPEG, "found"),
        ("whisperx", NO_FFMPEG, "found"),
        ("pydub", NO_FFMPEG, "skipped"),  # reads WAV files itself
        ("faster-whisper", NO_FFMPEG, "skipped"),  # reads with PyAV
        ("transformers", NO_FFMPEG, "skipped"),
        ("openai-whisper", (Tool(name="ffmpeg", path=None, version=PROBES),), "skipped"),
        ("openai-whisper", (), "skipped"),
        ("openai-whisper", (Tool(name="ffmpeg", path="/usr/bin/ffmpeg", version=PROBES),), "ok"),
    ],
)
def test_who_needs_the_program_ffmpeg(package: str, tools: tuple[Tool, ...], expected: str) -> None:
    assert outcome("RK424", machine(python=with_packages({package: "1"}), tools=tools)) == expected


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ubuntu", ("sudo apt-get install -y ffmpeg",)),
        ("fedora", ("sudo dnf install -y ffmpeg-free",)),
        ("arch", ("sudo pacman -S --needed ffmpeg",)),
        ("other", ()),
    ],
)
def test_ffmpeg_is_installed_by_the_distribution(name: str, command: tuple[str, ...]) -> None:
    facts = machine(python=with_packages({"openai-whisper": "1"}), tools=NO_FFMPEG, system=DISTRIBUTIONS[name])
    assert commands("RK424", facts) == command
    assert finding("RK424", facts).confidence == "sure"


def test_where_ffmpeg_is_outside_of_the_distribution() -> None:
    def said(name: str) -> str:
        fix = finding("RK424", machine(python=with_packages({"openai-whisper": "1"}), tools=NO_FFMPEG, system=DISTRIBUTIONS[name])).fix
        return str(fix.text) if fix else ""

    assert ("EPEL" in said("rocky"), "EPEL" in said("fedora")) == (True, False)


def test_conda_installs_its_own_ffmpeg() -> None:
    facts = machine(python=with_packages({"openai-whisper": "1"}, kind="conda", prefix="~/miniconda3/envs/asr"), tools=NO_FFMPEG)
    assert commands("RK424", facts) == ("conda install -p ~/miniconda3/envs/asr -c conda-forge ffmpeg",)
    assert finding("RK424", facts).confidence == "likely"


# RK425


SDK = changed(ROCM, path=f"{SITE}/_rocm_sdk_core", version="7.10.0", kind="wheel", default=False)


@pytest.mark.parametrize(
    ("packages", "rocm", "runtimes", "expected"),
    [
        ({"amdsmi": "7.0.2", "rocm-sdk-core": "7.10.0"}, (), (), "found"),
        ({"amdsmi": "7.0.2"}, (SDK,), (), "found"),
        ({"amdsmi": "7.0.2"}, (ROCM,), (), "skipped"),
        ({"amdsmi": "7.0.2", "rocm-sdk-core": "7.10.0"}, (SDK,), PYTHON.runtimes, "skipped"),  # torch brings a ROCm of its own
        ({"rocm-sdk-core": "7.10.0"}, (SDK,), (), "ok"),
        ({"amdsmi": "7.0.2"}, PROBES, PROBES, "skipped"),
    ],
)
def test_amdsmi_beside_amd_s_own_torch(packages: dict[str, str], rocm: Any, runtimes: Any, expected: str) -> None:
    assert outcome("RK425", machine(python=with_packages(packages, runtimes=runtimes), rocm=rocm)) == expected


# RK426


def hip(package: str, soname: str) -> BundledRuntime:
    return BundledRuntime(kind="hip", package=package, file=f"{SITE}/{package}/lib/libamdhip64.so", soname=soname)


def mixed(*libraries: Any, rocm: Any = (), **changes: Any) -> Facts:
    return machine(python=with_packages({"ctranslate2": "4.8.1"}, *libraries, **changes), rocm=rocm)


def test_rocm_6_and_rocm_7_in_one_environment() -> None:
    found = finding("RK426", mixed(CT2_HIP7, rocm=(ROCM7,)))
    assert (found.subject, found.confidence) == ("torch + ctranslate2", "sure")
    assert "libamdhip64.so.6 (torch), libamdhip64.so.7 (ctranslate2)" in str(found.message)
    assert found.fix is not None and "import torch, ctranslate2; " in found.fix.verify[0]
    assert finding("RK426", mixed(CT2_HIP7, rocm=PROBES)).confidence == "likely"


def test_a_runtime_that_is_nowhere_is_not_a_second_one() -> None:
    assert outcome("RK426", mixed(CT2_HIP7)) == "ok"  # RK404 says that it is missing


@pytest.mark.parametrize(("version", "expected"), [("6.3.4", "ok"), ("6.3.0", "ok"), ("6.4.1", "found"), (None, "ok")])
def test_one_name_for_two_releases(version: str | None, expected: str) -> None:
    found = run("RK426", mixed(CT2_HIP6, rocm=(changed(ROCM, version=version, libraries=(HIP6,)),)))
    assert found.outcome == expected
    if expected == "found":
        assert found.findings[0].confidence == "likely"
        assert found.findings[0].seen[1].what == "looks in /opt/rocm/lib"


def test_amd_s_packages_do_not_count_beside_a_torch_with_its_own_rocm() -> None:
    rows = (hip("torch", "libamdhip64.so.6"), hip("rocm-sdk-core", "libamdhip64.so.7"))
    assert outcome("RK426", machine(python=changed(PYTHON, runtimes=rows))) == "ok"


def test_without_any_hip_nothing_is_said() -> None:
    assert outcome("RK426", machine(python=changed(PYTHON, runtimes=()))) == "skipped"
    assert outcome("RK426", machine(python=changed(PYTHON, runtimes=PROBES))) == "skipped"


# RK427


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((*GNU, INTEL, LLVM), "found"),
        ((*GNU, INTEL), "ok"),
        (GNU, "ok"),
        ((), "skipped"),
        (PROBES, "skipped"),
        ((INTEL, openmp("torch", "torch/lib/libiomp5.so", "libiomp5.so")), "found"),
        # The linker takes the second for the first.
        ((openmp("a", "a/libiomp5.so", "libiomp5.so"), openmp("b", "b/libiomp5.so", "libiomp5.so")), "ok"),
        ((openmp("a", "a/libiomp5.so", "libiomp5.so"), openmp("a", "a/libomp.so", "libomp.so")), "ok"),
    ],
)
def test_which_openmp_runtimes_bear_each_other(rows: Any, expected: str) -> None:
    assert outcome("RK427", machine(python=changed(PYTHON, runtimes=rows))) == expected
