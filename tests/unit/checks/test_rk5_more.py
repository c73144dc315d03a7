"""RK504 to RK507."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.checks._sizes import said
from rocmkit.facts import EnvLine, Facts, Hub, gap
from tests.support.checks import fix, found, ok, run, skipped, system
from tests.support.facts import DRIVER, GPU, HEALTHY, changed, machine
from tests.unit.checks.cases.containers import DOCKER, EXPANDABLE, MEMORY, ROCM_7
from tests.unit.checks.odd_machines import card, with_gpus
from tests.unit.checks.rk4_support import with_torch

# --- RK504


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_expandable_segments(name: str) -> None:
    one = found("RK504", machine(env={name: "garbage_collection_threshold:0.8,expandable_segments:True"}, python=ROCM_7))
    assert (one.subject, one.confidence) == (name, "sure")
    assert fix(one).commands == (f"unset {name}",)
    assert "hangs" in str(one.message)


def test_old_torch_ignores_it_and_new_kernels_answer() -> None:
    assert "does not have the feature" in ok("RK504", machine(env=EXPANDABLE)).seen[-1].what
    new = system(kernel="6.17.0-5-generic")
    ok("RK504", machine(env=EXPANDABLE, python=ROCM_7, system=new))
    ok("RK504", machine(env={"PYTORCH_HIP_ALLOC_CONF": "expandable_segments:False"}, python=ROCM_7))
    both = {"PYTORCH_HIP_ALLOC_CONF": "expandable_segments:True,max_split_size_mb:512"}
    one = found("RK504", machine(env=both, python=ROCM_7, system=new))
    assert ("zeros" in str(one.message), one.confidence) == (True, "likely")


def test_a_driver_of_its_own_or_an_unknown_one_leaves_a_doubt() -> None:
    dkms = changed(DRIVER, kind="dkms", version="6.16.6")
    assert found("RK504", machine(env=EXPANDABLE, python=ROCM_7, driver=dkms)).confidence == "likely"
    blind = machine(env=EXPANDABLE, python=gap("absent", "no"), driver=gap("denied", "no"), system=gap("denied", "no"))
    assert found("RK504", blind).confidence == "likely"
    assert "not built for ROCm" in skipped("RK504", machine(env=EXPANDABLE, python=with_torch("2.9.1+cpu", None)))


def test_a_line_in_a_start_up_file() -> None:
    line = EnvLine(file="~/.bashrc", name="PYTORCH_HIP_ALLOC_CONF", value="expandable_segments:True")
    one = found("RK504", machine(env_files=(line,), python=ROCM_7))
    assert (one.confidence, fix(one).relogin, fix(one).root) == ("likely", True, False)
    assert fix(one).commands[1].startswith("sed -i.bak ")
    ok("RK504", machine(env={line.name: "max_split_size_mb:64"}, env_files=(line,), python=ROCM_7))


# --- RK505


def shared(size: int, **changes: Any) -> Facts:
    return machine(system=system(**changes), memory=changed(MEMORY, shm_bytes=size))


@pytest.mark.parametrize(
    ("container", "part"),
    [
        ("docker", "docker run -it --device=/dev/kfd"),
        ("container", "--shm-size=8g"),
        ("podman", "--group-add keep-groups --shm-size=8g"),
        ("lxc", "sudo mount -o remount,size=8G /dev/shm"),
        (None, "sudo mount -o remount,size=8G /dev/shm"),
    ],
)
def test_small_shm(container: str | None, part: str) -> None:
    one = found("RK505", shared(64 << 20, container=container))
    assert part in fix(one).commands[0]
    assert fix(one).root == (container in {"lxc", None})
    assert "64 MiB" in str(one.message)


def test_kubernetes_is_told_of_a_volume() -> None:
    one = fix(found("RK505", shared(64 << 20, container="kubernetes")))
    assert (one.commands, "emptyDir" in str(one.text)) == ((), True)


def test_enough_shm() -> None:
    ok("RK505", shared(1 << 30, container="docker"))
    ok("RK505", shared(512 << 20))  # a small machine's half
    assert run("RK505", shared(512 << 20, container="docker")).outcome == "found"
    assert "why" in skipped("RK505", machine(memory=changed(MEMORY, shm_bytes=gap("absent", "why"))))
    assert "why" in skipped("RK505", shared(1, container=gap("denied", "why")))


# --- RK506


def pinned(limit: object, **changes: Any) -> Facts:
    return machine(system=system(**changes), memory=changed(MEMORY, memlock_bytes=limit))


def test_memlock() -> None:
    one = found("RK506", pinned(65536))
    assert ("64 KiB" in str(one.message), fix(one).root, fix(one).relogin) == (True, True, True)
    assert fix(one).caution is not None
    assert "--ulimit memlock=-1" in fix(found("RK506", pinned(64 << 10, container="docker"))).commands[0]
    assert fix(found("RK506", pinned(64 << 10, container="kubernetes"))).commands == ()
    ok("RK506", pinned(None))
    ok("RK506", pinned(8 << 20))
    assert "why" in skipped("RK506", pinned(gap("not-executed", "why")))


def test_the_notes_do_not_change_the_verdict() -> None:
    for code in ("RK110", "RK206", "RK208", "RK505", "RK506"):
        facts = machine(system=changed(DOCKER, seccomp="filter"), memory=changed(MEMORY, memlock_bytes=64 << 10))
        assert run(code, facts).severity == "note"


# --- RK507


def cached(*models: str) -> Hub:
    return Hub(token=False, path="~/.cache/huggingface/hub", models=models)


def test_other_programs_hold_the_memory() -> None:
    one = found("RK507", machine(gpus=(changed(GPU, vram_used_bytes=13 << 30),)))
    assert "3.0 GiB of 16.0 GiB free" in str(one.message)
    assert ("whisper-large-v3" in str(one.message), one.confidence) == (True, "likely")
    assert fix(one).commands == ("rocm-smi --showpids --showmeminfo vram", "sudo fuser -v /dev/kfd")
    ok("RK507", machine(gpus=(changed(GPU, vram_used_bytes=11 << 30),)))


@pytest.mark.parametrize(
    ("model", "gib", "fits"),
    [
        ("openai/whisper-large-v3", 4, False),
        ("openai/whisper-large-v3", 5, True),
        ("openai/whisper-large-v3-turbo", 4, True),
        ("Systran/faster-whisper-large-v3", 4, False),
        ("kotoba-tech/kotoba-whisper-v2.0", 3, True),
        ("openai/whisper-small", 2, True),
        ("rinna/nue-asr", 8, False),
        ("rinna/nue-asr", 12, True),
        ("pyannote/segmentation-3.0", 2, True),
    ],
)
def test_models_in_the_cache(model: str, gib: int, fits: bool) -> None:
    facts = machine(gpus=(changed(GPU, vram_bytes=gib << 30),), hub=cached(model))
    assert run("RK507", facts).outcome == ("ok" if fits else "found")


def test_small_cards_and_processors() -> None:
    card_of_one = machine(gpus=(changed(GPU, vram_bytes=1 << 30),), hub=gap("denied", "no"))
    one = found("RK507", card_of_one)
    assert ("whisper small" in str(one.message), fix(one).commands) == (True, ())
    assert one.seen[-1].where == "estimate"
    apu = card("gfx1103", integrated=True, vram_bytes=512 << 20, vram_used_bytes=100 << 20, gtt_bytes=16 << 30)
    small = found("RK507", with_gpus(apu, hub=cached()))
    assert "UMA" in str(fix(small).text)
    lending = with_gpus(apu, system=system(kernel="6.11.0-26-generic"))
    assert "16.0 GiB of main memory that the kernel lends" in ok("RK507", lending).seen[0].what
    assert run("RK507", with_gpus(changed(apu, gtt_bytes=None), system=system(kernel="6.11.0-26-generic"))).outcome == "found"
    ok("RK507", changed(with_gpus(apu), system=gap("denied", "no")))


def test_another_gpu_has_room() -> None:
    full = card("gfx906", 1, vram_used_bytes=15 << 30)
    one = found("RK507", with_gpus(full, card("gfx906", 2)))
    assert one.subject == "0000:01:00.0"
    assert "0000:02:00.0" in str(fix(one).text)
    ok("RK507", with_gpus(card("gfx906", 1), card("gfx906", 2, vram_used_bytes=15 << 30)))


def test_what_is_used_may_not_be_known() -> None:
    ok("RK507", machine(gpus=(changed(GPU, vram_used_bytes=None),)))
    assert "not known" in skipped("RK507", machine(gpus=(changed(GPU, vram_bytes=None),)))
    companion = with_gpus(card("gfx1036", 2, integrated=True, vram_bytes=512 << 20), card("gfx906", 1), hub=cached())
    ok("RK507", companion)


@given(size=st.integers(0, 1 << 50))
def test_sizes_in_words(size: int) -> None:
    assert said(size).rpartition(" ")[2] in {"KiB", "MiB", "GiB"}


def test_every_command_is_shell() -> None:
    machines = [
        machine(env=EXPANDABLE, python=ROCM_7),
        *(shared(64 << 20, container=kind) for kind in ("docker", "podman", "lxc", None)),
        *(pinned(65536, container=kind) for kind in ("docker", "podman", "lxc", None)),
        machine(gpus=(changed(GPU, vram_used_bytes=15 << 30),)),
        with_gpus(card("gfx906", 1, vram_used_bytes=15 << 30), card("gfx906", 2)),
    ]
    assert HEALTHY not in machines
    for facts in machines:
        for code in ("RK504", "RK505", "RK506", "RK507"):
            for one in run(code, facts).findings:
                for command in (*fix(one).commands, *fix(one).verify):
                    assert "\n" not in command
                    subprocess.run(["bash", "-n", "-c", command], check=True)
