"""The watcher, while a real worker runs in the trial room and writes as it goes what the kernel would write of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from rocmkit.smoke.observed import CardSeen, DrmSeen, KfdSeen, Watched
from rocmkit.smoke.watch import Watcher
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment, Limits, Trial
from tests.support.command import ROOT
from tests.support.kernel_tree import APU, CONTAINER, GFX90A, GFX906, GFX1100, GPUS, INITIAL, MIB, SECOND, Gpu, Kernel

SIZE = 300 * MIB


def watched(root: Path, does: str, *gpus: Gpu, release: str = "6.12", namespace: str = INITIAL) -> tuple[Trial, Watched]:
    """What is seen of a worker that does this with the first of these GPUs."""
    kernel = Kernel(root, *gpus, release=release, namespace=namespace).boot()
    names = [next(name for name, gpu in GPUS.items() if gpu == one) for one in gpus]
    argv = (sys.executable, "-m", "tests.support.kernel_worker", str(root), release, does, *names)
    watcher = Watcher(kernel.cards, sys=str(kernel.sys), proc=str(kernel.proc))
    watcher.begin()

    def started(pid: int) -> None:
        kernel.process(pid)
        watcher.started(pid)

    try:
        experiment = Experiment(name="worker", argv=argv, env={"PYTHONPATH": str(ROOT)}, limits=Limits(time_s=30))
        trial = runner(started=started)(experiment)
    finally:
        seen = watcher.end()
    return trial, seen


def values(seen: Watched, kind: str) -> list[str]:
    return [item.value for item in seen.evidence if item.kind == kind]


@pytest.mark.parametrize("release", ["5.15", "6.12", "7.2"])  # of the others the text alone differs: test_sampling.py
def test_a_gfx906_is_seen_with_queues_memory_and_occupied_units(tmp_path: Path, release: str) -> None:
    trial, seen = watched(tmp_path, "transcribes", GFX906, release=release)
    assert trial.outcome == "pass", trial.log
    (kfd,) = seen.kfd
    assert (kfd.gpu_id, kfd.compute_queues, kfd.vram_bytes, kfd.occupied) == (GFX906.gpu_id, 2, SIZE, 60)
    assert kfd.looked > kfd.busy > 0
    assert seen.drm == (DrmSeen(pci=GFX906.pci, clients=1, vram_bytes=SIZE),)
    assert seen.cards == (CardSeen(pci=GFX906.pci, busy_percent=97, vram_used_bytes=12103680 + SIZE, vram_before_bytes=12103680),)
    assert (seen.namespace, seen.kfd_opened, seen.gaps) == ("initial", True, ())
    assert seen.samples >= 20
    assert seen.seconds > 1


def test_evidence_is_what_stood_where(tmp_path: Path) -> None:
    _, seen = watched(tmp_path, "transcribes", GFX906, release="6.1")
    assert values(seen, "kfd-vram") == [str(SIZE // 3), str(SIZE)] or values(seen, "kfd-vram") == ["0", str(SIZE)]
    assert values(seen, "kfd-occupancy") == ["0", "60"]
    assert set(values(seen, "kfd-queue")) == {"51887", "0"}
    assert values(seen, "card-busy") == ["0", "97"]
    last = values(seen, "fdinfo-vram")[-1]
    assert last == f"drm-pdev:\t0000:63:00.0\ndrm-client-id:\t128\ndrm-memory-vram:\t{SIZE >> 10} KiB\ndrm-memory-gtt: \t0 KiB"
    below = str(tmp_path / "sys/class/kfd/kfd/proc")
    assert all(item.where.startswith(below) for item in seen.evidence if item.kind.startswith("kfd-"))
    assert any(item.where.endswith("/queues/0/gpuid") for item in seen.evidence)
    assert len(seen.evidence) < 30


@pytest.mark.parametrize(("gpu", "occupied"), [(GFX90A, 60), (GFX1100, None)])
def test_other_chips_tell_what_they_know(tmp_path: Path, gpu: Gpu, occupied: int | None) -> None:
    _, seen = watched(tmp_path, "transcribes", gpu)
    (kfd,) = seen.kfd
    assert (kfd.compute_queues, kfd.vram_bytes, kfd.occupied) == (2, SIZE, occupied)
    assert (kfd.looked > 0) == (kfd.busy > 0) == (occupied is not None)


def test_of_two_gpus_the_one_that_computes_is_told(tmp_path: Path) -> None:
    _, seen = watched(tmp_path, "transcribes", GFX906, SECOND)
    kfd = {one.gpu_id: one for one in seen.kfd}
    assert (kfd[GFX906.gpu_id].compute_queues, kfd[GFX906.gpu_id].vram_bytes) == (2, SIZE)
    assert kfd[SECOND.gpu_id] == KfdSeen(gpu_id=SECOND.gpu_id)
    assert {one.pci: one.vram_bytes for one in seen.drm} == {GFX906.pci: SIZE, SECOND.pci: 0}
    assert {one.pci: one.busy_percent for one in seen.cards} == {GFX906.pci: 97, SECOND.pci: 0}


def test_to_open_kfd_is_not_to_compute(tmp_path: Path) -> None:
    trial, seen = watched(tmp_path, "only_opens", GFX906)
    assert trial.outcome == "pass", trial.log
    assert seen.kfd_opened
    assert seen.kfd == (KfdSeen(gpu_id=GFX906.gpu_id),)
    assert seen.drm == ()
    assert values(seen, "kfd-queue") == values(seen, "kfd-occupancy") == []
    assert values(seen, "kfd-vram") == ["0"]


def test_in_a_container_the_numbers_of_kfd_are_of_nobody_here(tmp_path: Path) -> None:
    """The worker's number collides with that of a process of the host that computes: nothing of it is the worker's."""
    _, seen = watched(tmp_path, "transcribes", GFX906, namespace=CONTAINER)
    assert (seen.namespace, seen.kfd_opened, seen.kfd) == ("other", False, ())
    assert seen.drm == (DrmSeen(pci=GFX906.pci, clients=1, vram_bytes=SIZE),)
    assert not any(item.kind.startswith("kfd-") for item in seen.evidence)
    assert seen.gaps == ("KFD's numbers of processes are not known to be those used here: nothing it says is taken for the worker's",)


def test_an_apu_has_its_model_in_the_memory_of_the_machine(tmp_path: Path) -> None:
    _, seen = watched(tmp_path, "transcribes", APU, release="7.2")
    assert seen.drm == (DrmSeen(pci=APU.pci, clients=1, vram_bytes=0, gtt_bytes=SIZE),)


def test_a_child_of_a_child_counts_also_when_its_parent_has_ended(tmp_path: Path) -> None:
    trial, seen = watched(tmp_path, "in_a_child", GFX906)
    assert trial.outcome == "pass", trial.log
    (kfd,) = seen.kfd
    assert (kfd.compute_queues, kfd.vram_bytes, kfd.occupied) == (2, SIZE, 60)


def test_what_a_worker_did_before_it_crashed_is_kept(tmp_path: Path) -> None:
    trial, seen = watched(tmp_path, "dies", GFX906)
    assert (trial.outcome, trial.signal) == ("crash", "SIGABRT")
    (kfd,) = seen.kfd
    assert (kfd.compute_queues, kfd.vram_bytes) == (1, 40 * MIB)
    assert seen.gaps == ()


def test_a_worker_that_ends_at_once_was_not_seen(tmp_path: Path) -> None:
    trial, seen = watched(tmp_path, "at_once", GFX906)
    assert trial.outcome == "pass", trial.log
    assert (seen.kfd_opened, seen.kfd, seen.drm, seen.gaps) == (False, (), (), ())


def test_a_counter_that_has_wrapped_around_is_no_memory(tmp_path: Path) -> None:
    _, seen = watched(tmp_path, "wraps", GFX906)
    (kfd,) = seen.kfd
    assert kfd.vram_bytes == 70 * MIB
    (card,) = seen.cards
    assert card.busy_percent == 0
    (gap,) = seen.gaps
    assert gap.endswith(f"vram_{GFX906.gpu_id}: '{2**64 - 4096}' is no number that can be")


def test_what_further_contexts_have_counts_too(tmp_path: Path) -> None:
    _, seen = watched(tmp_path, "contexts", GFX906, release="7.2")
    (kfd,) = seen.kfd
    assert (kfd.compute_queues, kfd.vram_bytes, kfd.occupied) == (3, 200 * MIB, 16)


def test_files_that_go_while_they_are_read_are_no_trouble(tmp_path: Path) -> None:
    trial, seen = watched(tmp_path, "vanishes", GFX906)
    assert trial.outcome == "pass", trial.log
    assert seen.gaps == ()
    (kfd,) = seen.kfd
    assert kfd.compute_queues <= 1
    assert kfd.vram_bytes in {0, 30 * MIB}
    assert seen.samples > 10


def test_the_real_kernel_of_a_machine_without_a_gpu_has_nothing_to_say(tmp_path: Path) -> None:
    """The real /proc, with a worker and its child: both are seen, and neither has a render node open."""
    watcher = Watcher((), sys=str(tmp_path), proc="/proc")
    watcher.begin()
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.8)'])"
    known: set[int] = set()

    def look() -> None:
        for _ in range(30):
            known.update(watcher._processes.known)
            time.sleep(0.05)

    looking = threading.Thread(target=look)
    looking.start()
    trial = runner(started=watcher.started)(Experiment(name="worker", argv=(sys.executable, "-c", code), limits=Limits(time_s=30)))
    seen = watcher.end()
    looking.join()
    assert trial.outcome == "pass"
    assert len(known) == 2
    assert os.getpid() not in known
    assert (seen.kfd, seen.drm, seen.cards, seen.evidence) == ((), (), (), ())
    assert any("class/kfd/kfd/proc: No such file or directory" in gap for gap in seen.gaps) or seen.namespace != "initial"
