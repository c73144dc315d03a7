"""Looks at files of the kernel that are odd, refused, gone, or far too many."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from rocmkit.smoke import looking
from rocmkit.smoke.looking import Cards, Drm, Gaps, Kfd, Processes, read
from rocmkit.smoke.observed import Card, CardSeen, DrmSeen, KfdSeen
from rocmkit.smoke.sampling import Kept
from tests.conftest import SHARED_MACHINES
from tests.support.kernel_tree import GFX906, MIB, SECOND, Kernel

ME = os.getpid()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    made = Kernel(tmp_path, GFX906, SECOND).boot()
    made.process(ME)
    made.opened(ME)
    return made


@pytest.fixture
def gaps() -> Gaps:
    return Gaps()


def kfd(kernel: Kernel, gaps: Gaps) -> Kfd:
    one = Kfd(str(kernel.sys), Kept(), gaps)
    one.look([ME])
    return one


def drm(kernel: Kernel, gaps: Gaps, *pids: int) -> Drm:
    one = Drm(str(kernel.proc), Kept(), gaps)
    one.look(pids or (ME,))
    return one


class TestKfd:
    @pytest.mark.parametrize("folder", sorted(SHARED_MACHINES.glob("*/sys/class/kfd/kfd/proc/*")), ids=lambda folder: folder.name)
    def test_a_machine_beside_this_checkout(self, folder: Path, gaps: Gaps) -> None:
        """Two queues, of which one is SDMA's; the files of queues have no line feed."""
        kept = Kept()
        one = Kfd(str(folder.parents[4]), kept, gaps)
        assert one.processes() == {int(folder.name)}
        one.look(one.processes())
        assert one.seen == {51887: KfdSeen(gpu_id=51887, compute_queues=1, vram_bytes=177209344, occupied=4, looked=1, busy=1)}
        told = {(item.kind, item.where.removeprefix(f"{folder}/"), item.value) for item in kept.evidence()}
        assert told == {
            ("kfd-queue", "queues/0/gpuid", "51887"),
            ("kfd-queue", "queues/0/type", "0"),
            ("kfd-vram", "vram_51887", "177209344"),
            ("kfd-occupancy", "stats_51887/cu_occupancy", "4"),
        }
        assert not gaps.found

    def test_a_queue_that_is_made_anew_is_another(self, kernel: Kernel, gaps: Gaps) -> None:
        one = kfd(kernel, gaps)
        kernel.queue(ME, 0, GFX906)
        one.look([ME])
        for number in range(1, 40):  # the number of its inode must not be that of the one before
            kernel.queue(ME, number, SECOND, kind=1)
        kernel.no_queue(ME, 0)
        one.look([ME])
        kernel.queue(ME, 0, SECOND)
        one.look([ME])
        assert {gpu: seen.compute_queues for gpu, seen in one.seen.items()} == {GFX906.gpu_id: 1, SECOND.gpu_id: 1}

    def test_a_queue_that_is_just_being_made_is_none_yet(self, kernel: Kernel, gaps: Gaps) -> None:
        (kernel.kfd / f"{ME}/queues/3").mkdir()
        one = kfd(kernel, gaps)
        (kernel.kfd / f"{ME}/queues/3/gpuid").write_text("51887")
        one.look([ME])
        assert one.seen[51887].compute_queues == 0
        (kernel.kfd / f"{ME}/queues/3/type").write_text("0")
        one.look([ME])
        assert one.seen[51887].compute_queues == 1
        assert not gaps.found

    def test_the_oldest_kernels_tell_no_more_than_that_it_was_opened(self, tmp_path: Path, gaps: Gaps) -> None:
        """Up to 5.7 there is `pasid` and nothing else."""
        (tmp_path / f"class/kfd/kfd/proc/{ME}").mkdir(parents=True)
        (tmp_path / f"class/kfd/kfd/proc/{ME}/pasid").write_text("32769\n")
        one = Kfd(str(tmp_path), Kept(), gaps)
        one.look(one.processes())
        assert (one.opened, one.seen, gaps.found) == (True, {}, {})

    def test_a_machine_without_kfd_is_a_gap(self, tmp_path: Path, gaps: Gaps) -> None:
        assert Kfd(str(tmp_path), Kept(), gaps).processes() == set()
        assert list(gaps.found.values()) == [f"{tmp_path}/class/kfd/kfd/proc: No such file or directory"]

    def test_links_are_not_followed(self, kernel: Kernel, gaps: Gaps) -> None:
        folder = kernel.kfd / str(ME)
        kernel.opened(7777)
        kernel.queue(7777, 0, GFX906)
        kernel.vram(7777, GFX906, 5 * MIB)
        (folder / "queues").rmdir()
        (folder / "queues").symlink_to("../7777/queues")
        (folder / "context_0").symlink_to("../7777")
        (folder / "context_1").symlink_to(".")
        (folder / f"vram_{GFX906.gpu_id}").unlink()
        (folder / f"vram_{GFX906.gpu_id}").symlink_to(f"../7777/vram_{GFX906.gpu_id}")
        assert kfd(kernel, gaps).seen == {SECOND.gpu_id: KfdSeen(gpu_id=SECOND.gpu_id)}

    def test_contexts_inside_contexts_are_not_gone_into(self, kernel: Kernel, gaps: Gaps) -> None:
        folder = kernel.kfd / str(ME)
        for depth in range(200):
            folder = folder / "context_1"
            folder.mkdir()
            (folder / f"vram_{GFX906.gpu_id}").write_text(f"{depth + 1}\n")
        assert kfd(kernel, gaps).seen[GFX906.gpu_id].vram_bytes == 1

    def test_what_is_no_plain_file_is_not_opened(self, kernel: Kernel, gaps: Gaps) -> None:
        path = kernel.kfd / f"{ME}/vram_{GFX906.gpu_id}"
        path.unlink()
        os.mkfifo(path)
        start = time.monotonic()
        assert GFX906.gpu_id not in kfd(kernel, gaps).seen
        assert time.monotonic() - start < 1
        assert list(gaps.found.values()) == [f"{path}: not a regular file"]

    def test_a_file_without_end_is_no_number(self, kernel: Kernel, gaps: Gaps) -> None:
        path = kernel.kfd / f"{ME}/vram_{GFX906.gpu_id}"
        path.write_text("7" * (1 << 20))
        assert GFX906.gpu_id not in kfd(kernel, gaps).seen
        (gap,) = gaps.found.values()
        assert len(gap) < 400

    def test_queues_are_counted_to_a_bound(self, kernel: Kernel, gaps: Gaps, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looking, "_ENTRIES", 100)  # in place of 4096: the disk's time, not ours
        for number in range(150):
            folder = kernel.kfd / f"{ME}/queues/{number}"
            folder.mkdir()
            (folder / "gpuid").write_text(str(GFX906.gpu_id))
            (folder / "type").write_text("0")
        one = kfd(kernel, gaps)
        assert one.seen[GFX906.gpu_id].compute_queues == 100
        assert len(one.kept.evidence()) < 20

    def test_a_refused_reading_is_a_gap_told_once(self, kernel: Kernel, gaps: Gaps, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a device cgroup does it: open(2) goes well, read(2) does not."""
        reads = os.read

        def refused(descriptor: int, most: int) -> bytes:
            if "/vram_" in os.readlink(f"/proc/self/fd/{descriptor}"):
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            return reads(descriptor, most)

        monkeypatch.setattr(os, "read", refused)
        kernel.queue(ME, 0, GFX906)
        one = kfd(kernel, gaps)
        one.look([ME])
        assert one.seen == {GFX906.gpu_id: KfdSeen(gpu_id=GFX906.gpu_id, compute_queues=1, occupied=0, looked=2)}
        assert sorted(gaps.found.values()) == [f"{kernel.kfd}/{ME}/vram_{gpu.gpu_id}: Operation not permitted" for gpu in (SECOND, GFX906)]


class TestDrm:
    def test_an_opening_counts_once_however_many_have_it(self, kernel: Kernel, gaps: Gaps) -> None:
        kernel.process(os.getppid())
        for pid in (ME, os.getppid()):
            for descriptor in (5, 6):
                kernel.render(pid, descriptor, GFX906, 1, vram=3 * MIB, gtt=MIB)
        kernel.render(ME, 7, GFX906, 2, vram=MIB)
        kernel.render(ME, 8, SECOND, 1, vram=9 * MIB)  # the same number at another card is another
        assert drm(kernel, gaps, ME, os.getppid()).seen == {
            GFX906.pci: DrmSeen(pci=GFX906.pci, clients=2, vram_bytes=4 * MIB, gtt_bytes=MIB),
            SECOND.pci: DrmSeen(pci=SECOND.pci, clients=1, vram_bytes=9 * MIB),
        }

    def test_only_what_links_to_a_render_node_is_read(self, kernel: Kernel, gaps: Gaps) -> None:
        kernel.render(ME, 5, GFX906, 1, vram=MIB)
        link = kernel.proc / f"{ME}/fd/5"
        link.unlink()
        link.symlink_to("/dev/null")
        assert drm(kernel, gaps).seen == {}

    def test_odd_descriptors(self, kernel: Kernel, gaps: Gaps) -> None:
        """A FIFO, a file of 40 MB and one that is gone, where text of a few lines should be; and what is no link."""
        for descriptor in (5, 6, 7):
            kernel.render(ME, descriptor, GFX906, descriptor, vram=MIB)
        (kernel.proc / f"{ME}/fdinfo/5").unlink()
        os.mkfifo(kernel.proc / f"{ME}/fdinfo/5")
        os.truncate(kernel.proc / f"{ME}/fdinfo/6", 40 << 20)
        (kernel.proc / f"{ME}/fdinfo/7").unlink()
        (kernel.proc / f"{ME}/fd/8").write_text("")
        start = time.monotonic()
        seen = drm(kernel, gaps).seen
        assert time.monotonic() - start < 1
        assert seen == {GFX906.pci: DrmSeen(pci=GFX906.pci, clients=1, vram_bytes=MIB)}
        assert {gap.rpartition(": ")[2] for gap in gaps.found.values()} == {"not a regular file", "Invalid argument"}

    def test_a_process_that_has_ended_is_nothing(self, kernel: Kernel, gaps: Gaps) -> None:
        assert drm(kernel, gaps, 999_999_999).seen == {}
        assert not gaps.found


class TestCards:
    def test_a_sleeping_card_is_not_woken(self, kernel: Kernel, gaps: Gaps) -> None:
        device = kernel.sys / f"devices/pci0000:00/{GFX906.pci}"
        (device / "power").mkdir()
        (device / "power/runtime_status").write_text("suspended\n")
        cards = Cards(kernel.cards, str(kernel.sys), Kept(), gaps)
        cards.look()
        assert cards.seen[GFX906.pci] == CardSeen(pci=GFX906.pci, vram_used_bytes=12103680, vram_before_bytes=12103680)
        (device / "power/runtime_status").write_text("active\n")
        kernel.card(GFX906, busy=50, vram=1 << 30)
        cards.look()
        assert cards.seen[GFX906.pci] == CardSeen(pci=GFX906.pci, busy_percent=50, vram_used_bytes=1 << 30, vram_before_bytes=12103680)

    def test_a_card_without_a_render_node_is_found_by_its_address(self, kernel: Kernel, gaps: Gaps) -> None:
        card = Card(gfx=None, name=None, pci=GFX906.pci, node=None, gpu_id=None, render_node=None, vram_bytes=None, integrated=None)
        cards = Cards([card], str(kernel.sys), Kept(), gaps)
        cards.look()
        assert cards.seen[GFX906.pci].vram_used_bytes == 12103680

    @pytest.mark.parametrize("pci", [None, "", "../../etc", "0000:63:00.0/..", "0000:63:00.0\n"])
    def test_what_is_no_address_leads_nowhere(self, kernel: Kernel, gaps: Gaps, pci: str | None) -> None:
        card = Card(gfx=None, name=None, pci=pci, node=None, gpu_id=None, render_node="/dev/dri/../x", vram_bytes=None, integrated=None)
        assert Cards([card], str(kernel.sys), Kept(), gaps).folders == {}

    def test_a_card_that_says_nothing_is_not_known(self, kernel: Kernel, gaps: Gaps) -> None:
        shutil.rmtree(kernel.sys / f"devices/pci0000:00/{GFX906.pci}")
        cards = Cards(kernel.cards[:1], str(kernel.sys), Kept(), gaps)
        cards.look()
        assert cards.seen == {GFX906.pci: CardSeen(pci=GFX906.pci)}


class TestProcesses:
    def put(self, kernel: Kernel, pid: int, parent: int, began: int) -> None:
        folder = kernel.proc / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{pid} (a) (b) S {parent} " + " ".join(str(began if field == 22 else 0) for field in range(5, 53)))

    def test_children_and_what_they_leave_behind(self, kernel: Kernel, gaps: Gaps) -> None:
        for pid, parent in ((10, 1), (11, 10), (12, 11), (20, 1)):
            self.put(kernel, pid, parent, pid)
        processes = Processes(str(kernel.proc), gaps)
        processes.add(10)
        processes.look()
        assert set(processes.known) == {10, 11, 12}
        shutil.rmtree(kernel.proc / "11")
        self.put(kernel, 12, 1, 12)  # it has another parent now
        self.put(kernel, 13, 12, 13)
        processes.look()
        assert set(processes.known) == {10, 12, 13}

    def test_a_number_that_is_used_again_is_another_process(self, kernel: Kernel, gaps: Gaps) -> None:
        self.put(kernel, 10, 1, 100)
        processes = Processes(str(kernel.proc), gaps)
        processes.add(10)
        self.put(kernel, 10, 1, 200)
        self.put(kernel, 11, 10, 300)
        processes.look()
        assert processes.known == {}

    def test_there_are_never_too_many(self, kernel: Kernel, gaps: Gaps, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looking, "_PROCESSES", 20)
        for pid in range(1000, 1050):
            self.put(kernel, pid, 1000 if pid > 1000 else 1, pid)
        processes = Processes(str(kernel.proc), gaps)
        processes.add(1000)
        processes.look()
        assert len(processes.known) == 20

    @pytest.mark.parametrize("stat", ["", "10", "10 (a) S", "10 (a) S x y", ")" * 5000])
    def test_a_torn_line_is_nobody(self, kernel: Kernel, gaps: Gaps, stat: str) -> None:
        (kernel.proc / "10").mkdir()
        (kernel.proc / "10/stat").write_text(stat)
        self.put(kernel, 11, 1, 11)
        processes = Processes(str(kernel.proc), gaps)
        processes.add(10)
        processes.add(11)
        processes.look()
        assert set(processes.known) == {11}


def test_there_are_never_too_many_gaps(gaps: Gaps) -> None:
    for number in range(100):
        gaps.add(f"/sys/{number}", OSError(errno.EIO, "Input/output error"))
    assert len(gaps.found) == 12


def test_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match="not a regular file"):
        read(str(tmp_path / "link"))
