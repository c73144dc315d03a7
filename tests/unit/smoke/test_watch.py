"""What the watcher costs, how it ends, and what else is asked beside the worker."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rocmkit.smoke import watch as watching
from rocmkit.smoke.observed import Watched
from rocmkit.smoke.watch import Watcher, environment, kfd_device
from tests.support.kernel_tree import CONTAINER, GFX906, MIB, Kernel, crowd


def test_it_takes_its_share_and_no_more(tmp_path: Path) -> None:
    kernel, first = crowd(tmp_path, 20)
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()
    watcher.started(first)
    time.sleep(0.5)
    wall, cpu = time.monotonic(), time.process_time()
    time.sleep(1.5)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    seen = watcher.end()
    assert cpu / wall < 0.10, (cpu, wall)
    assert {(one.compute_queues, one.vram_bytes, one.occupied) for one in seen.kfd} == {(20, 20 * MIB, 20)}
    assert {(one.clients, one.vram_bytes) for one in seen.drm} == {(20, 20 * MIB)}
    assert len(seen.kfd) == len(seen.drm) == len(seen.cards) == 8
    assert len(seen.evidence) < 200


def test_one_that_never_began_saw_nothing(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, GFX906).boot()
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()
    seen = watcher.end()
    assert (seen.samples, seen.seconds, seen.kfd, seen.drm) == (0, 0.0, (), ())
    assert [card.busy_percent for card in seen.cards] == [0]


def test_a_worker_that_is_started_in_place_of_the_first_is_watched_too(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, GFX906).boot()
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()
    for pid in (os.getpid(), os.getppid()):
        kernel.process(pid)
        kernel.opened(pid)
        kernel.vram(pid, GFX906, pid * MIB)
        watcher.started(pid)
        time.sleep(0.3)
        kernel.ended(pid)
    (seen,) = watcher.end().kfd
    assert seen.vram_bytes == max(os.getpid(), os.getppid()) * MIB


def test_in_another_namespace_the_looks_at_render_nodes_count(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, GFX906, namespace=CONTAINER).boot()
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()
    kernel.process(os.getpid())
    watcher.started(os.getpid())
    time.sleep(0.9)
    seen = watcher.end()
    assert 2 <= seen.samples <= 6


def test_without_a_proc_the_namespace_is_not_known(tmp_path: Path) -> None:
    watcher = Watcher((), sys=str(tmp_path), proc=str(tmp_path))
    watcher.begin()
    watcher.started(os.getpid())
    seen = watcher.end()
    assert seen.namespace == "unknown"
    assert seen.kfd == ()
    assert any("self/ns/pid: No such file or directory" in gap for gap in seen.gaps)


def test_a_kernel_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(tmp_path, GFX906).boot()
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()

    def late() -> set[int]:
        time.sleep(1.5)
        return set()

    monkeypatch.setattr(watcher._kfd, "processes", late)
    monkeypatch.setattr(watching, "_ANSWER_S", 0.2)
    kernel.process(os.getpid())
    watcher.started(os.getpid())
    time.sleep(0.2)
    start = time.monotonic()
    seen = watcher.end()
    assert time.monotonic() - start < 1
    assert isinstance(seen, Watched)
    assert seen.gaps == ("the kernel does not answer a reading any more",)


@pytest.mark.parametrize(
    ("dev", "devices", "is_it"),
    [
        ("/dev/null", "Character devices:\n  1 kfd\n\nBlock devices:\n", "driver"),
        ("/dev/null", "Character devices:\n  1 mem\n507 kfd\n", "other"),
        ("/dev/null", "Character devices:\n  1 mem\n\nBlock devices:\n  1 kfd\n", "other"),
        ("/dev/null", None, "unknown"),
        ("/nowhere/kfd", "507 kfd\n", "absent"),
        ("/dev/null/kfd", "507 kfd\n", "absent"),
        ("/proc/self/stat", "1 kfd\n", "other"),
    ],
)
def test_whether_kfd_is_the_driver_s(tmp_path: Path, dev: str, devices: str | None, is_it: str) -> None:
    if devices is not None:
        (tmp_path / "devices").write_text(devices)
    assert kfd_device(dev=dev, proc=str(tmp_path)) == is_it


def test_variables_that_change_what_is_computed_where() -> None:
    kept = {
        "CUDA_VISIBLE_DEVICES": "0",
        "HIP_VISIBLE_DEVICES": "-1",
        "HSA_OVERRIDE_GFX_VERSION": "10.3.0",
        "HSA_XNACK": "1",
        "LD_PRELOAD": "/x/librocjitsu.so",
        "MIOPEN_FIND_MODE": "FAST",
        "ROCR_VISIBLE_DEVICES": "",
    }
    others = {"HOME": "/home/x", "PATH": "/bin", "HF_TOKEN": "hf_secretsecret", "AMD_API_TOKEN": "secretsecret", "SHSA_X": "1"}
    assert environment({**others, **kept}) == kept
    assert len(environment({"HSA_X": "x" * 100_000})["HSA_X"]) == 2000
