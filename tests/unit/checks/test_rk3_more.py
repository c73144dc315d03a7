"""RK308 to RK314: ROCm's user space and MIOpen."""

from __future__ import annotations

from typing import Any

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import Facts, Rocm, Tool, gap
from tests.support.checks import fix, found, ok, run, skipped
from tests.support.facts import DRIVER, GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, cache, changed, kernels, library, machine
from tests.unit.checks.cases.miopen import (
    AOTRITON,
    DAMAGED,
    FILE,
    QWEN,
    ROCBLAS,
    ROOTS,
    TUNING,
    WITHOUT_XNACK,
    XNACK_ON,
    rocminfo,
    with_miopen,
)
from tests.unit.checks.odd_machines import card, with_gpus
from tests.unit.checks.rk4_support import with_packages, with_torch, without_torch


def likely(code: str, facts: Facts) -> None:
    assert found(code, facts).confidence == "likely"


def sure(code: str, facts: Facts) -> None:
    assert found(code, facts).confidence == "sure"


# RK308


def test_rocminfo_off_path() -> None:
    one = found("RK308", machine(tools=(rocminfo(on_path=False),)))
    assert one.subject == "/opt/rocm/bin"
    assert fix(one).commands == (
        'export PATH="$PATH:/opt/rocm/bin"',
        """echo 'export PATH="$PATH:/opt/rocm/bin"' >> ~/.bashrc""",
    )


def test_rocminfo_where_path_is_not_known_or_it_is_missing() -> None:
    assert skipped("RK308", HEALTHY) == "PATH is not known"
    assert "not installed" in skipped("RK308", machine(tools=(Tool(name="rocminfo", path=None, version=None),)))
    assert "not installed" in skipped("RK308", machine(tools=()))


# RK309


def test_rocblas_without_xnack_on_a_gpu_with_it() -> None:
    one = found("RK309", machine(python=WITHOUT_XNACK, runtime=XNACK_ON, env={"HSA_XNACK": "1"}))
    assert (one.subject, one.confidence) == ("rocBLAS of torch on gfx906", "sure")
    assert "gfx906:xnack-" in str(one.message) and "gfx906:sramecc+:xnack+" in str(one.message)
    assert fix(one).commands == ("unset HSA_XNACK",)


def test_the_driver_makes_the_variable_work_on_gfx906() -> None:
    blind = machine(python=WITHOUT_XNACK, runtime=gap("absent", "no rocminfo"), env={"HSA_XNACK": "1"})
    ok("RK309", blind)  # the driver was not started for it
    likely("RK309", changed(blind, driver=changed(DRIVER, parameters={"noretry": "0"})))
    ok("RK309", changed(blind, env={"HSA_XNACK": "0"}, driver=changed(DRIVER, parameters={"noretry": "0"})))


def test_on_gfx90a_the_variable_works_by_itself() -> None:
    files = changed(ROCBLAS, kernels=kernels("rocblas", "/k", **{"gfx90a:xnack-": 9}))
    facts = with_gpus(card("gfx90a"), python=changed(WITHOUT_XNACK, kernels=(files,)), runtime=gap("absent", "no rocminfo"))
    facts = changed(facts, gpus=(changed(facts.gpus[0], target_id="gfx90a:sramecc+:xnack-"),))  # type: ignore[index]
    ok("RK309", facts)
    likely("RK309", changed(facts, env={"HSA_XNACK": "1"}))


def test_with_no_variable_set_the_boot_parameter_goes() -> None:
    booted = changed(SYSTEM, kernel_parameters=("amdgpu.noretry=0",))
    one = fix(found("RK309", machine(python=WITHOUT_XNACK, runtime=XNACK_ON, system=booted)))
    assert one.reboot and any("noretry" in command for command in one.commands)
    assert fix(found("RK309", machine(python=WITHOUT_XNACK, runtime=XNACK_ON))).commands == ()


def test_a_package_that_nobody_else_judges() -> None:
    python = with_packages({}, library("torchvision", f"{SITE}/torchvision/_C.so", gfx=("gfx906:xnack+", "gfx90a")))
    one = found("RK309", machine(python=python))
    assert one.subject == "torchvision on gfx906"
    assert "names no state" in str(fix(one).text)


def test_what_others_tell_is_not_told_again() -> None:
    torch = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=("gfx906:xnack+",))
    ok("RK309", machine(python=torch))
    assert run("RK306", machine(python=torch)).outcome == "found"
    ok("RK309", machine(python=with_torch("2.9.1+rocm6.3", "6.3.42131", rocblas={"gfx906:xnack+": 3})))


@pytest.mark.parametrize(
    "named", [("gfx906",), ("gfx906:xnack-", "gfx906:xnack+"), ("gfx9-generic",), ("gfx906:sramecc+",), ("amdgcnspirv", "gfx906:xnack-")]
)
def test_code_that_fits_either_state(named: tuple[str, ...]) -> None:
    python = with_torch("2.9.1+rocm6.3", "6.3.42131", archs=named)
    ok("RK309", machine(python=python, runtime=XNACK_ON))


def test_an_override_and_a_gpu_without_a_name_are_left_alone() -> None:
    assert "override" in skipped("RK309", machine(python=WITHOUT_XNACK, runtime=XNACK_ON, env={"HSA_OVERRIDE_GFX_VERSION": "9.0.6"}))
    assert "not known" in skipped("RK309", machine(gpus=(changed(GPU, gfx=None, target_id=None),)))


# RK310


@pytest.mark.parametrize("name", ["TORCH_BLAS_PREFER_HIPBLASLT", "ROCBLAS_USE_HIPBLASLT"])
def test_hipblaslt_by_force(name: str) -> None:
    one = found("RK310", machine(env={name: "1"}))
    assert name in str(one.message)
    assert fix(one).commands == (f"unset {name}",)
    ok("RK310", machine(env={name: "0"}))


def test_hipblaslt_without_force_depends_on_torch() -> None:
    ok("RK310", HEALTHY)
    warns = machine(python=with_torch("2.6.0+rocm6.1", "6.1.40091"))
    one = found("RK310", warns)
    assert (one.confidence, fix(one).commands) == ("likely", ("export TORCH_BLAS_PREFER_HIPBLASLT=0",))
    ok("RK310", changed(warns, env={"TORCH_BLAS_PREFER_HIPBLASLT": "0"}))


def test_an_old_torch_does_not_notice() -> None:
    old = machine(python=with_torch("2.4.1+rocm6.1", "6.1.40091"), env={"TORCH_BLAS_PREFER_HIPBLASLT": "1"})
    assert "does not notice" in str(found("RK310", old).message)


def test_hipblaslt_has_kernels() -> None:
    forced = {"TORCH_BLAS_PREFER_HIPBLASLT": "1"}
    ok("RK310", with_gpus(card("gfx90a"), env=forced))
    files = kernels("hipblaslt", f"{SITE}/torch/lib/hipblaslt/library", gfx906=3)
    listed = changed(PYTHON, kernels=(*PYTHON.kernels, changed(PYTHON.kernels[0], kernels=files)))
    ok("RK310", machine(python=listed, env=forced))  # what lies there counts, not the table


def test_hipblaslt_is_not_known() -> None:
    assert "no torch" in skipped("RK310", machine(python=without_torch({})))
    assert "is not known" in skipped("RK310", machine(python=with_torch("1.13.1+rocm5.2", "5.2.21151"), env={}))


# RK311


def test_attention() -> None:
    assert "plain matrix products" in str(found("RK311", machine(python=QWEN)).message)
    assert "nothing is installed" in skipped("RK311", HEALTHY)
    whisper = changed(PYTHON, packages={**PYTHON.packages, "transformers": "4.57.1"})  # 30 seconds at a time
    assert "nothing is installed" in skipped("RK311", machine(python=whisper))
    assert "EXPERIMENTAL" in found("RK311", machine(env={"TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL": "1"})).seen[1].what
    ok("RK311", with_gpus(card("gfx1100"), python=AOTRITON))
    assert "brings it is not known" in skipped("RK311", with_gpus(card("gfx1100")))
    assert "no torch" in skipped("RK311", machine(python=with_torch("2.9.1+cpu", None)))


def test_notes_do_not_change_the_verdict() -> None:
    notes = [one for one in all_checks() if one.code in {"RK308", "RK310", "RK311", "RK312"}]
    env = {"TORCH_BLAS_PREFER_HIPBLASLT": "1", "TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL": "1"}
    facts = changed(with_miopen(), env=env, tools=(rocminfo(on_path=False),))
    results = examine(facts, notes)
    assert [one.outcome for one in results] == ["found"] * 4
    assert verdict(facts, results) not in {"degraded", "blocked"}


# RK312


def test_compiled_kernels() -> None:
    one = found("RK312", with_miopen("gfx90a68.kdb", "gfx906_64.kdb"))
    assert "gfx906_60.kdb" in one.seen[0].what
    assert fix(one).commands == ("export MIOPEN_FIND_MODE=FAST",)
    ok("RK312", with_miopen("gfx906.kdb"))
    assert "could not be listed" in skipped("RK312", HEALTHY)


def test_the_number_of_compute_units_is_hexadecimal_beyond_64() -> None:
    facts = with_miopen("gfx90a68.kdb")
    ok("RK312", changed(facts, gpus=(changed(GPU, gfx="gfx90a", target_id="gfx90a", compute_units=104),)))
    found("RK312", changed(facts, gpus=(changed(GPU, gfx="gfx90a", target_id="gfx90a", compute_units=110),)))


def test_compiled_kernels_without_a_number_of_compute_units() -> None:
    ok("RK312", changed(with_miopen("gfx906_64.kdb"), gpus=(changed(GPU, compute_units=None),)))


def test_a_system_rocm_has_a_package_for_it() -> None:
    files = changed(kernels("miopen", "/opt/rocm-6.3.4/share/miopen/db", gfx906=2), compiled=())
    rocm: Rocm = changed(ROCM, kernels=(*ROCM.kernels, files))
    python = changed(with_torch("2.9.1", "6.3.42131"), kernels=())
    one = fix(found("RK312", machine(python=python, rocm=(rocm,))))
    assert one.commands[1:] == ("sudo apt-get install -y miopen-hip-gfx906kdb",)
    assert one.root


# RK313


def test_roots_cache_is_given_back() -> None:
    one = found("RK313", machine(caches=(ROOTS, TUNING)))
    assert (one.subject, one.confidence) == ("~/.cache/miopen", "sure")
    assert "user number 0" in str(one.cause)
    assert fix(one).commands == ('sudo chown -R "$(id -u):$(id -g)" ~/.cache/miopen',)


def test_a_folder_above_is_not_given_back_with_all_that_is_in_it() -> None:
    one = found("RK313", machine(caches=(changed(ROOTS, nearest="~/.cache"),)))
    assert fix(one).commands == ('sudo chown "$(id -u):$(id -g)" ~/.cache',)


def test_what_root_left_inside() -> None:
    one = found("RK313", machine(caches=(cache("kernels", "~/.cache/miopen", refused={"~/.cache/miopen/3.2.0.ab": 0}), TUNING)))
    assert one.seen[0].where == "~/.cache/miopen/3.2.0.ab"
    assert fix(one).commands[0].startswith("sudo chown -R")


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": 1000},  # a read-only file system
        {"path": "/srv/cache", "nearest": "/srv", "variable": "MIOPEN_CUSTOM_CACHE_DIR"},
        {"nearest": "~"},
    ],
)
def test_owners_are_changed_only_where_the_owner_is_wrong_and_the_place_the_users(changes: dict[str, Any]) -> None:
    commands = fix(found("RK313", machine(caches=(changed(ROOTS, **changes),)))).commands
    assert not any("chown" in command or "chmod" in command for command in commands)
    assert commands[1].startswith('export MIOPEN_CUSTOM_CACHE_DIR="/var/tmp/miopen-$(id -u)"')


def test_in_a_user_namespace_no_owner_is_changed() -> None:
    inside = changed(SYSTEM, user_namespace=True)
    commands = fix(found("RK313", machine(caches=(changed(ROOTS, uid=65534),), system=inside))).commands
    assert not any("chown" in command for command in commands)


def test_an_own_folder_without_the_right_to_write() -> None:
    one = found("RK313", machine(caches=(changed(ROOTS, uid=1000, mode="0555"),)))
    assert fix(one).commands == ("chmod u+rwx ~/.cache/miopen",)


def test_how_sure_it_is() -> None:
    likely("RK313", machine(caches=(changed(ROOTS, purpose="tuning"),)))
    likely("RK313", machine(caches=(ROOTS,), python=without_torch({})))
    likely("RK313", machine(caches=(ROOTS,), python=gap("absent", "no python")))
    likely("RK313", machine(caches=(ROOTS,), python=with_torch("2.9.1+cpu", None)))


def test_a_disabled_cache_need_not_be_written() -> None:
    ok("RK313", machine(caches=(ROOTS, TUNING), env={"MIOPEN_DISABLE_CACHE": "1"}))
    found("RK313", machine(caches=(ROOTS, TUNING), env={"MIOPEN_DISABLE_CACHE": "0"}))


@pytest.mark.parametrize(("kind", "moved"), [("nfs4", True), ("lustre", True), ("fuse.sshfs", False), ("beegfs", False)])
def test_network_file_systems(kind: str, moved: bool) -> None:
    shared = cache("kernels", "~/.cache/miopen", file_system=kind)
    named = changed(shared, path="/net/cache", nearest="/net/cache", variable="MIOPEN_CUSTOM_CACHE_DIR")
    likely("RK313", machine(caches=(named, TUNING)))
    if moved:  # MIOpen takes another folder by itself, so that the owner does not matter either
        ok("RK313", machine(caches=(shared, TUNING)))
        ok("RK313", machine(caches=(changed(shared, writable=False), TUNING)))
    else:
        likely("RK313", machine(caches=(shared, TUNING)))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs", "fuseblk", None, gap("denied", "no")])
def test_local_file_systems(kind: Any) -> None:
    ok("RK313", machine(caches=(cache("kernels", "~/.cache/miopen", file_system=kind), TUNING)))


def test_what_could_not_be_asked_is_not_ok() -> None:
    unknown = cache("kernels", "~/.cache/miopen", writable=gap("not-executed", "a recording"))
    assert "a recording" in skipped("RK313", machine(caches=(unknown, TUNING)))
    assert run("RK313", machine(caches=(unknown, changed(ROOTS, purpose="tuning")))).outcome == "found"
    assert "caches is not known" in skipped("RK313", machine(caches=gap("timeout", "slow")))


# RK314


def test_a_damaged_database() -> None:
    one = found("RK314", machine(caches=(DAMAGED, TUNING)))
    assert (one.subject, one.confidence) == (FILE, "sure")
    assert one.seen[0].what == "database disk image is malformed"
    assert fix(one).commands == (f"rm -f {FILE}",)
    assert "End programs" in str(fix(one).caution)


def test_a_file_name_is_quoted_and_told_from_the_words() -> None:
    facts = machine(caches=(changed(DAMAGED, damaged=("/srv/a: b/gfx906_60.ukdb: *** in database main *** x.ukdb: y",)),))
    one = found("RK314", facts)
    assert fix(one).commands == ("rm -f '/srv/a: b/gfx906_60.ukdb'",)
    assert one.seen[0].what == "*** in database main *** x.ukdb: y"


def test_a_database_of_another_gpu_or_one_of_several() -> None:
    likely("RK314", machine(caches=(changed(DAMAGED, damaged=("~/.cache/miopen/3.2.0/gfx1030_36.ukdb: bad",)),)))
    likely("RK314", machine(caches=(changed(DAMAGED, databases=3),)))
    likely("RK314", machine(caches=(DAMAGED,), python=without_torch({})))


def test_no_database_is_nothing_to_pass_on() -> None:
    empty = (cache("kernels", "~/.cache/miopen", databases=0), cache("tuning", "~/.config/miopen", databases=0))
    assert "no database" in skipped("RK314", machine(caches=empty))
    assert skipped("RK314", machine(caches=()))
