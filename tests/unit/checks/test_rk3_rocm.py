from __future__ import annotations

import pytest

from rocmkit.facts import EnvLine, Library
from tests.support.facts import PYTHON, ROCM, SITE, changed, library, machine
from tests.unit.checks.rk4_support import USER, codes, finding, run, with_torch

OLD = changed(ROCM, path="/opt/rocm-5.7.1", version="5.7.1", default=False)


def lib(name: str, file: str, soname: str | None = None) -> Library:
    return Library(name=name, soname=soname, file=file)


# RK301


def test_multiple_rocm() -> None:
    one = finding("RK301", machine(rocm=(ROCM, OLD)))
    assert (one.subject, one.confidence) == ("/opt/rocm-6.3.4, /opt/rocm-5.7.1", "sure")
    assert one.fix and one.fix.commands == ("sudo apt-get purge 'rocm-core5.7.1*'",)
    assert one.fix.root and one.fix.caution


def test_one_rocm_and_those_of_wheels_are_fine() -> None:
    wheel = changed(ROCM, path=f"{SITE}/_rocm_sdk_core", version="7.10", kind="wheel", default=False)
    assert run("RK301", machine(rocm=(ROCM, wheel))).outcome == "ok"
    assert run("RK301", machine(rocm=(wheel,))).outcome == "skipped"
    assert run("RK301", machine(rocm=())).outcome == "skipped"


# RK302


def env(**values: str) -> dict[str, str]:
    return values


def test_a_path_to_another_rocm_is_likely_with_rpath() -> None:
    one = finding("RK302", machine(rocm=(OLD,), env=env(LD_LIBRARY_PATH="/usr/lib:/opt/rocm-5.7.1/lib")))
    assert (one.subject, one.confidence) == ("LD_LIBRARY_PATH", "likely")
    assert one.fix and one.fix.commands == ("unset LD_LIBRARY_PATH",)
    assert any("DT_RPATH" in seen.what for seen in one.seen)
    assert one.fix.verify[0].startswith("env -u LD_LIBRARY_PATH -u LD_PRELOAD ")


def test_a_path_to_another_rocm_is_sure_with_runpath() -> None:
    torch = library("torch", f"{SITE}/torch/lib/libtorch_hip.so", rpath_kind="runpath")
    python = changed(PYTHON, libraries=(torch,))
    assert finding("RK302", machine(rocm=(OLD,), python=python, env=env(LD_LIBRARY_PATH="/opt/rocm-5.7.1/lib/"))).confidence == "sure"


def test_opt_rocm_is_the_default_one() -> None:
    old = changed(OLD, default=True)
    one = finding("RK302", machine(rocm=(old,), env=env(LD_LIBRARY_PATH="/opt/rocm/lib")))
    assert one.message.values["version"] == "5.7"


@pytest.mark.parametrize("name", ["LD_PRELOAD", "ROCBLAS_TENSILE_LIBPATH"])
def test_preloads_and_kernel_files_of_another_rocm_are_sure(name: str) -> None:
    one = finding("RK302", machine(rocm=(OLD,), env={name: "/opt/rocm-5.7.1/lib/rocblas/library"}))
    assert (one.subject, one.confidence) == (name, "sure")


@pytest.mark.parametrize("name", ["HIPBLASLT_TENSILE_LIBPATH", "MIOPEN_SYSTEM_DB_PATH"])
def test_files_that_this_gpu_may_never_read_are_likely(name: str) -> None:
    runpath = changed(PYTHON, libraries=(library("torch", f"{SITE}/torch/lib/libtorch_hip.so", rpath_kind="runpath"),))
    assert finding("RK302", machine(rocm=(OLD,), python=runpath, env={name: "/opt/rocm-5.7.1/share"})).confidence == "likely"


def test_a_folder_whose_release_is_not_known() -> None:
    one = finding("RK302", machine(rocm=(), env=env(LD_LIBRARY_PATH="/srv/rocm/lib")))
    assert one.confidence == "likely"


def test_a_start_up_file() -> None:
    line = EnvLine(file="~/.bashrc", name="LD_LIBRARY_PATH", value="/opt/rocm-5.7.1/lib:$LD_LIBRARY_PATH")
    one = finding("RK302", machine(rocm=(OLD,), env_files=(line,)))
    assert one.confidence == "likely"
    assert one.fix and one.fix.relogin and not one.fix.root
    assert "~/.bashrc" in one.fix.commands[0]


@pytest.mark.parametrize(
    "values",
    [{}, {"LD_LIBRARY_PATH": "/usr/local/lib"}, {"LD_LIBRARY_PATH": "/opt/rocm-6.3.4/lib"}, {"LD_LIBRARY_PATH": f"{SITE}/torch/lib"}],
)
def test_paths_that_do_no_harm(values: dict[str, str]) -> None:
    assert run("RK302", machine(env=values)).outcome == "ok"


def test_a_torch_without_a_rocm_of_its_own() -> None:
    python = with_torch("2.4.0a0+git1234", "6.3.42131", kernels=())
    assert run("RK302", machine(rocm=(OLD,), python=python, env=env(LD_LIBRARY_PATH="/opt/rocm-5.7.1/lib"))).outcome == "skipped"


# RK303


HIP = lib("libamdhip64", "/opt/rocm-6.3.4/lib/libamdhip64.so.6", "libamdhip64.so.6")
HSA = lib("libhsa-runtime64", "/opt/rocm-6.3.4/lib/libhsa-runtime64.so.1", "libhsa-runtime64.so.1")
DISTRO = changed(
    ROCM,
    path="/usr",
    version="5.2.3",
    kind="distro",
    default=False,
    libraries=(lib("libhsa-runtime64", "/usr/lib/x86_64-linux-gnu/libhsa-runtime64.so.1", "libhsa-runtime64.so.1"),),
)


def test_an_hsa_runtime_of_the_distribution() -> None:
    one = finding("RK303", machine(rocm=(changed(ROCM, libraries=(HIP,)), DISTRO)))
    assert (one.subject, one.confidence) == ("/opt/rocm-6.3.4", "likely")


def test_an_hsa_runtime_beside_its_hip_runtime() -> None:
    assert run("RK303", machine(rocm=(changed(ROCM, libraries=(HIP, HSA)), DISTRO))).outcome == "ok"


def test_an_older_hsa_runtime_preloaded() -> None:
    facts = machine(rocm=(DISTRO,), env={"LD_PRELOAD": DISTRO.libraries[0].file})
    one = finding("RK303", facts)
    assert (one.subject, one.confidence) == ("torch 2.9.1+rocm6.3", "sure")
    assert one.fix and one.fix.commands == ("unset LD_PRELOAD",)
    assert codes(facts)["RK303"] == "skipped"  # RK302 tells the cause


def test_rpath_keeps_an_older_hsa_runtime_out() -> None:
    assert run("RK303", machine(rocm=(DISTRO,), env={"LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu"})).outcome == "ok"


def test_older_rocm_does_not_call_it() -> None:
    assert run("RK303", USER).outcome == "skipped"
