"""Machines that are unusual and sound: nothing may alarm there. And what a second fault must not hide."""

from __future__ import annotations

import subprocess

import pytest

from rocmkit.doctor import advice
from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.facts import (
    EnvLine,
    Facts,
    KernelPackage,
    gap,
)
from tests.support.checks import log
from tests.support.facts import DRIVER, GPU, HEALTHY, ROCM, SYSTEM, changed, kernels, machine
from tests.unit.checks.odd_machines import ALLOCATOR, AUDIO, OWN_CT2, ROOT, SOUND, alarms, card, torch_alone, with_gpus, word
from tests.unit.checks.rk4_support import CT2_CUDA, CT2_HIP, NEW_ARCHS, with_packages, with_torch, without_torch


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_machine_does_not_alarm(name: str) -> None:
    assert alarms(SOUND[name]) == set()


@pytest.mark.parametrize(
    "name", ["MI300A", "MI300X in CPX", "conda", "root in docker", "CTranslate2 of one's own for gfx906", "AMD's own wheels"]
)
def test_and_most_of_them_are_ready(name: str) -> None:
    assert word(SOUND[name]) == "ready"


# Several GPUs


def test_a_second_card_that_torch_does_not_serve_blocks_nothing() -> None:
    facts = with_gpus(card("gfx906", 1), card("gfx803", 2))
    assert (alarms(facts), word(facts)) == ({"RK306"}, "degraded")
    (finding,) = next(r for r in examine(facts, all_checks()) if r.code == "RK306").findings
    assert finding.fix and finding.fix.commands == ("export ROCR_VISIBLE_DEVICES=0",)
    assert word(with_gpus(card("gfx803", 1), card("gfx906", 2))) == "blocked"  # programs take it first


def test_a_torch_for_both_is_offered_where_there_is_one() -> None:
    python = with_torch("2.11.0+rocm7.2", "7.2.1", archs=NEW_ARCHS, rocblas={"gfx1201": 9})
    facts = with_gpus(card("gfx1201", 1), card("gfx906", 2), python=python)
    (finding,) = next(r for r in examine(facts, all_checks()) if r.code == "RK307").findings
    assert (finding.subject, finding.confidence) == ("torch on gfx906", "likely")
    assert finding.fix and '"torch==2.9.1"' in finding.fix.commands[-1]
    assert "gfx906 and gfx1201" in str(finding.fix.text)


def test_a_slot_without_atomics_blocks_nothing_where_another_card_works() -> None:
    line = "kfd kfd: amdgpu: skipped device 1002:67df, PCI rejects atomics 730<0"
    screen = card("gfx803", 2, kfd_node=None, device_id="67df")
    facts = with_gpus(card("gfx906", 1), screen, kernel_log=log(line))
    assert (alarms(facts), word(facts)) == ({"RK106"}, "degraded")
    alone = with_gpus(screen, kernel_log=log(line))
    assert word(alone) == "blocked"


# What must not be hidden


def test_ctranslate2_for_cuda_does_not_hide_that_torch_is_missing() -> None:
    assert alarms(machine(python=without_torch({"ctranslate2": "4.6.1"}, CT2_CUDA))) == {"RK403", "RK416"}


def test_torch_for_cuda_does_not_hide_the_rocblas_of_ctranslate2() -> None:
    python = changed(torch_alone("2.9.1+cu128", None, "12.8"), libraries=(OWN_CT2,), kernels=())
    python = changed(python, packages={"torch": "2.9.1+cu128", "ctranslate2": "4.8.1"})
    new = changed(
        ROCM, version="7.2.0", path="/opt/rocm-7.2.0", kernels=(kernels("rocblas", "/opt/rocm-7.2.0/lib/rocblas/library", gfx90a=9),)
    )
    facts = machine(python=python, rocm=(new,), env=ALLOCATOR)
    assert alarms(facts) == {"RK307", "RK401"}
    assert word(facts) == "blocked"


def test_a_crash_in_the_hip_runtime_does_not_hide_the_reports_of_this_torch() -> None:
    line = "python3[4711]: segfault at 34 ip 00007f sp 00007f error 4 in libamdhip64.so.6.1[45970,7f3d+117000]"
    facts = machine(python=with_torch("2.6.0+rocm6.1", "6.1.40091"), kernel_log=log(line))
    assert alarms(facts) == {"RK412", "RK413"}


def test_torch_for_cuda_does_not_hide_a_crash_of_ctranslate2() -> None:
    line = "python3[4711]: segfault at 34 ip 00007f sp 00007f error 4 in libctranslate2.so.4[45970,7f3d+117000]"
    python = changed(torch_alone("2.9.1+cu128", None, "12.8"), libraries=(), kernels=())
    python = changed(python, packages={"torch": "2.9.1+cu128", "faster-whisper": "1.2.1"})
    assert "RK414" in alarms(machine(python=python, kernel_log=log(line)))


@pytest.mark.parametrize("rocm", ["6.4", "7.0", "7.1", "7.2"])
def test_the_trap_of_gfx906(rocm: str) -> None:
    torch = {"6.4": "2.9.1", "7.0": "2.10.0", "7.1": "2.11.0", "7.2": "2.13.0"}[rocm]
    audio = AUDIO if rocm == "7.2" else {}
    counted = machine(python=with_torch(f"{torch}+rocm{rocm}", f"{rocm}.1", archs=NEW_ARCHS, rocblas={"gfx90a": 9}, packages=audio))
    assert (alarms(counted), word(counted)) == ({"RK307"}, "blocked")
    table = machine(python=with_torch(f"{torch}+rocm{rocm}", f"{rocm}.1", archs=NEW_ARCHS, rocblas="unread", packages=audio))
    assert (alarms(table), word(table)) == ({"RK307"}, "degraded")


@pytest.mark.parametrize(
    "changes", [{}, {"kernel_log": gap("denied", "dmesg")}, {"env": gap("not-executed", "sysroot")}, {"rocm": gap("denied", "/opt")}]
)
def test_torch_2_6_for_rocm_6_1_is_never_ready_on_gfx906(changes: dict[str, object]) -> None:
    assert word(machine(python=with_torch("2.6.0+rocm6.1", "6.1.40091"), **changes)) == "degraded"


# Commands that fit the machine


def commands(code: str, facts: Facts) -> tuple[str, ...]:
    (finding,) = next(r for r in examine(facts, all_checks()) if r.code == code).findings
    assert finding.fix is not None
    return finding.fix.commands


def caution(code: str, facts: Facts) -> str:
    (finding,) = next(r for r in examine(facts, all_checks()) if r.code == code).findings
    assert finding.fix is not None
    return str(finding.fix.caution)


def test_root_needs_no_sudo_and_a_host_s_root_is_somebody_else() -> None:
    line = EnvLine(file="/etc/environment", name="HSA_OVERRIDE_GFX_VERSION", value="9.0.8")
    facts = machine(env={line.name: line.value}, env_files=(line,))
    assert any(command.startswith("sudo sed") for command in commands("RK501", facts))
    root = changed(facts, access=ROOT)
    assert any(command.startswith("sed") for command in commands("RK501", root))
    inside = changed(root, system=changed(SYSTEM, user_namespace=True))
    assert any(command.startswith("sudo sed") for command in commands("RK501", inside))


def test_what_a_container_forgets_and_what_conda_does_not_see() -> None:
    python = torch_alone("2.9.1+cu128", None, "12.8")
    assert caution("RK401", machine(python=python)) == "None"
    assert "gone with it" in caution("RK401", machine(python=python, system=changed(SYSTEM, container="docker")))
    assert "conda remove" in caution("RK401", machine(python=changed(python, kind="conda")))


def test_another_build_is_installed_over_nothing() -> None:
    python = torch_alone("2.9.1+cu128", None, "12.8")
    uninstall, install = commands("RK401", with_gpus(card("gfx1010"), python=python))
    assert uninstall.endswith("-m pip uninstall -y torch")
    assert "torch[device-gfx1010]" in install


def test_an_environment_with_another_python_is_conda_s_where_conda_is_at_hand() -> None:
    python = changed(torch_alone("2.9.1+cu128", None, "12.8"), version="3.15.0", kind="conda")
    make, install = commands("RK401", machine(python=python))
    assert make == "conda create -y -p ~/rocm-venv python=3.12"
    assert install.startswith("~/rocm-venv/bin/python -m pip install")


def test_one_triton_is_left() -> None:
    python = with_packages({"triton": "3.5.0", "pytorch-triton-rocm": "3.5.1", "openai-whisper": "20250625"})
    uninstall, install = commands("RK417", machine(python=python))
    assert uninstall.endswith("-m pip uninstall -y triton pytorch-triton-rocm")
    assert install.endswith('install --no-deps "pytorch-triton-rocm==3.5.1" --index-url https://download.pytorch.org/whl/rocm6.3')
    amd = torch_alone("2.9.1+rocm7.1.1.lw.git351ff442", "7.1.52802")
    assert alarms(machine(python=changed(amd, packages={**amd.packages, "triton": "3.5.1+rocm7.1.1"}))) == set()  # AMD's own has that name


def test_free_threaded_pythons_have_wheels_of_their_own() -> None:
    python = changed(without_torch({}), version="3.13.5", soabi="cpython-313t-x86_64-linux-gnu")
    assert '"torch==2.8.*"' in commands("RK416", machine(python=python))[-1]
    assert (
        '"torch==2.9.1"' in commands("RK416", machine(python=changed(python, version="3.14.0", soabi="cpython-314t-x86_64-linux-gnu")))[-1]
    )


def test_ctranslate2_s_wheels_and_the_pythons_without_one() -> None:
    python = with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA, version="3.15.0")
    (finding,) = next(r for r in examine(with_gpus(card("gfx1100"), python=python), all_checks()) if r.code == "RK403").findings
    assert finding.fix and "none for Python 3.15" in str(finding.fix.text)


def test_secure_boot_gets_the_key_and_not_only_modprobe() -> None:

    down = changed(GPU, pci_driver=None, kfd_node=None, kfd_gpu_id=None, render_node=None)
    absent = changed(DRIVER, loaded=False, kind=None, dkms=(KernelPackage(version="6.8.5", kernels=("6.8.0-87-generic",)),))
    secure = changed(SYSTEM, secure_boot=True)
    facts = machine(driver=absent, gpus=(down,), system=secure, kernel_log=log("Loading of unsigned module is rejected"))
    assert commands("RK107", facts) == ("sudo mokutil --import /var/lib/shim-signed/mok/MOK.der",)


def test_the_healthy_machine_is_ready() -> None:
    assert (alarms(HEALTHY), word(HEALTHY)) == (set(), "ready")
    assert alarms(machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP))) == {"RK404", "RK415"}


def test_a_path_with_names_hidden_in_it_is_still_one_word_that_the_shell_expands() -> None:
    home = {"HOME": "/home/ann", "USER": "ann", "HOSTNAME": "box"}
    for path, real in {
        "~/my venv/bin/python": "/home/ann/my venv/bin/python",
        "/data/$USER/a b/`x`/$HOME": "/data/ann/a b/`x`/$HOME",
        "~/$HOSTNAME": "/home/ann/box",
        "/plain": "/plain",
    }.items():
        printed = subprocess.run(["bash", "-c", f"printf %s {advice.quote(path)}"], capture_output=True, text=True, env=home, check=True)
        assert printed.stdout == real
