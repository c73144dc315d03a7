from __future__ import annotations

import pytest

from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import Os, PackageKernels, gap
from tests.support.facts import DRIVER, GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, changed, kernels, library, machine
from tests.unit.checks.rk4_support import CHECKS, NEW_ARCHS, USER, codes, finding, gpu, run, with_packages, with_torch

# RK304


def test_a_driver_outside_the_window() -> None:
    driver = changed(DRIVER, kind="dkms", version="6.3.6")
    result = run("RK304", machine(driver=driver))
    assert [(one.subject, one.confidence) for one in result.findings] == [("torch 2.9.1+rocm6.3", "sure"), ("/opt/rocm-6.3.4", "sure")]
    assert result.severity == "warning"


@pytest.mark.parametrize("version", ["6.7.0", "6.8.5", "6.10.5", "6.12.12"])
def test_a_driver_inside_the_window(version: str) -> None:
    assert run("RK304", machine(driver=changed(DRIVER, kind="dkms", version=version))).outcome == "ok"


@pytest.mark.parametrize("version", [None, "9.9.9", "nonsense", gap("denied", "no")])
def test_a_driver_without_a_known_release(version: object) -> None:
    assert run("RK304", machine(driver=changed(DRIVER, version=version))).outcome == "skipped"


# RK305


def test_kernel_68_with_rocm_615_is_a_note() -> None:
    one = finding("RK305", USER)
    assert one.subject == "ROCm 6.1.5"
    assert "preview" in str(one.message)
    assert CHECKS["RK305"].severity == "note"
    alone = [result for result in examine(USER, CHECKS.values()) if result.code in ("RK305", "RK306", "RK307")]
    assert verdict(USER, alone) != "degraded"


def test_kernel_68_with_rocm_634_is_listed() -> None:
    assert run("RK305", HEALTHY).outcome == "ok"


def test_other_kernels_and_systems() -> None:
    assert "not 6.14" in str(finding("RK305", machine(system=changed(SYSTEM, kernel="6.14.0-24-generic"))).message)
    arch = changed(SYSTEM, os=Os(id="arch", version=None, name="Arch Linux"))
    assert "does not name Arch Linux" in str(finding("RK305", machine(system=arch)).message)
    assert run("RK305", machine(system=changed(SYSTEM, container="docker"))).outcome == "skipped"
    assert run("RK305", machine(rocm=(changed(ROCM, version="4.2"),))).outcome == "skipped"


def test_without_rocm_on_the_system_that_of_torch_counts() -> None:
    assert run("RK305", machine(rocm=())).outcome == "ok"


# RK306


def test_arch_not_compiled() -> None:
    one = finding("RK306", machine(gpus=(gpu("gfx1201"),)))
    assert (one.subject, one.confidence) == ("torch on gfx1201", "sure")
    assert one.fix and one.fix.commands == (
        "~/venv/bin/python -m pip uninstall -y torch torchaudio",
        '~/venv/bin/python -m pip install "torch==2.13.*" "torchaudio==2.11.*" --index-url https://download.pytorch.org/whl/rocm7.2',
    )


def test_features_count() -> None:
    python = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=("gfx906:xnack+",))
    assert run("RK306", machine(python=python)).outcome == "found"
    python = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=("gfx906:xnack-",))
    assert run("RK306", machine(python=python)).outcome == "ok"


def test_generic_code_fits() -> None:
    python = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=("gfx9-generic",))
    assert run("RK306", machine(python=python)).outcome == "ok"


def test_code_that_was_not_read_never_passes() -> None:
    python = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=None)
    assert run("RK306", machine(python=python)).outcome == "skipped"
    one = finding("RK306", machine(python=python, gpus=(gpu("gfx1151"),)))
    assert one.confidence == "likely"
    assert "table" in one.seen[0].where
    own = with_torch("2.9.1", "6.3.42131", archs=None)
    assert run("RK306", machine(python=own, gpus=(gpu("gfx1151"),))).outcome == "skipped"


def test_an_override_makes_a_relative_of_it() -> None:
    facts = machine(gpus=(gpu("gfx1031"),), python=with_torch("2.9.1+rocm6.3", "6.3.42131"))
    assert run("RK306", facts).outcome == "found"
    assert run("RK306", changed(facts, env={"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})).outcome == "ok"
    assert run("RK306", changed(facts, env={"HSA_OVERRIDE_GFX_VERSION_1": "10.3.0"})).outcome == "ok"
    assert run("RK306", changed(facts, env={"HSA_OVERRIDE_GFX_VERSION": "gfx1030"})).outcome == "found"


def test_an_override_that_spoils_it() -> None:
    one = finding("RK306", machine(env={"HSA_OVERRIDE_GFX_VERSION": "8.0.3"}))
    assert one.subject == "torch on gfx803"
    assert one.fix and one.fix.commands == ("unset HSA_OVERRIDE_GFX_VERSION",)


def test_without_the_environment_it_is_likely() -> None:
    facts = machine(gpus=(gpu("gfx1031"),), env=gap("not-executed", "a sysroot"))
    one = finding("RK306", facts)
    assert one.confidence == "likely"
    assert one.fix and "torch[device-gfx1031]" in one.fix.commands[1]  # the first takes out what is there: pip would keep it


def test_an_igpu_beside_a_dgpu_does_not_alarm() -> None:
    igpu = gpu("gfx1036", pci="0000:0c:00.0", integrated=True)
    assert run("RK306", machine(gpus=(GPU, igpu))).outcome == "ok"
    assert run("RK306", machine(gpus=(igpu,))).outcome == "found"


def test_each_kind_of_gpu_is_judged_once() -> None:
    second = changed(GPU, pci="0000:04:00.0")
    other = gpu("gfx1201", pci="0000:05:00.0")
    one = finding("RK306", machine(gpus=(GPU, second, other, changed(other, pci="0000:06:00.0"))))
    assert one.seen[1].where == "GPU 0000:05:00.0, 0000:06:00.0"
    assert run("RK306", machine(gpus=(gpu(None),))).outcome == "skipped"


# RK307


def test_the_trap_of_gfx906() -> None:
    held = {"gfx908": 150, "gfx90a": 150, "gfx1100": 90}
    facts = machine(python=with_torch("2.10.0+rocm7.0", "7.0.51831", archs=NEW_ARCHS, rocblas=held))
    one = finding("RK307", facts)
    assert (one.subject, one.confidence) == ("torch on gfx906", "sure")
    assert "SIGABRT" in str(one.message)
    assert one.seen[0].where == f"{SITE}/torch/lib/rocblas/library"
    assert one.fix and one.fix.commands == (
        "~/venv/bin/python -m pip uninstall -y torch torchaudio",
        '~/venv/bin/python -m pip install "torch==2.9.1" "torchaudio==2.9.1" --index-url https://download.pytorch.org/whl/rocm6.3',
    )
    assert codes(facts)["RK306"] == "ok"
    assert verdict(facts, examine(facts, CHECKS.values())) == "blocked"


@pytest.mark.parametrize("rocm", ["6.4", "7.0", "7.1", "7.2"])
def test_the_table_tells_what_could_not_be_listed(rocm: str) -> None:
    torch = {"6.4": "2.9.1", "7.0": "2.10.0", "7.1": "2.11.0", "7.2": "2.13.0"}[rocm]
    python = with_torch(f"{torch}+rocm{rocm}", f"{rocm}.51831", archs=NEW_ARCHS, rocblas="unread")
    one = finding("RK307", machine(python=python))
    assert one.confidence == "likely"
    assert "table" in one.seen[0].where
    assert run("RK307", machine(python=python, gpus=(gpu("gfx1100"),))).outcome == "skipped"


def test_kernels_that_were_not_listed_never_pass() -> None:
    assert run("RK307", machine(python=with_torch("2.9.1+rocm6.3", "6.3.42131", rocblas="unread"))).outcome == "skipped"
    assert run("RK307", machine(python=changed(PYTHON, kernels=()))).outcome == "skipped"


def test_an_empty_folder_and_one_that_was_not_read_whole() -> None:
    assert finding("RK307", machine(python=with_torch("2.9.1+rocm6.3", "6.3.42131", rocblas={}))).confidence == "sure"
    part = changed(kernels("rocblas", "/x", gfx908=3), unreadable=("too many files",))
    python = changed(PYTHON, kernels=(PackageKernels(package="torch", kernels=part),))
    assert finding("RK307", machine(python=python)).confidence == "likely"


def test_features_of_kernel_files() -> None:
    assert run("RK307", machine(python=with_torch("2.9.1+rocm6.3", "6.3.42131", rocblas={"gfx906:xnack-": 9}))).outcome == "ok"


def test_the_systems_rocblas_counts_only_where_it_is_used() -> None:
    rocm = changed(
        ROCM, path="/opt/rocm-6.4.1", version="6.4.1", kernels=(kernels("rocblas", "/opt/rocm-6.4.1/lib/rocblas/library", gfx908=9),)
    )
    assert run("RK307", machine(rocm=(rocm,))).outcome == "ok"
    ct2 = library("ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2.so.4", gfx=("gfx906",))
    one = finding("RK307", machine(rocm=(rocm,), python=with_packages({"ctranslate2": "4.8.1"}, ct2)))
    assert one.subject == "/opt/rocm-6.4.1/lib/rocblas/library on gfx906"


def test_a_torch_built_on_the_systems_rocm() -> None:
    python = with_torch("2.4.0a0+git1234", "6.3.42131", kernels=())
    assert run("RK307", machine(python=python)).outcome == "ok"
    assert run("RK307", machine(python=python, gpus=(gpu("gfx1100"),))).outcome == "found"
    assert run("RK307", machine(python=python, rocm=gap("denied", "/opt"))).outcome == "skipped"


def test_no_user_of_rocblas() -> None:
    python = changed(PYTHON, packages={}, torch=None, libraries=(), kernels=())
    assert run("RK307", machine(python=python)).outcome == "skipped"
