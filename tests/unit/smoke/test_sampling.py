"""The kernel's text as values, as the kernels write it and as none does."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.smoke.observed import CardSeen, DrmSeen, KfdSeen
from rocmkit.smoke.sampling import (
    Client,
    Kept,
    Look,
    Reading,
    born,
    card_most,
    drm_client,
    drm_most,
    gpu_of,
    kfd_most,
    majors,
    namespace,
    number,
    percent,
)
from tests.conftest import SHARED_MACHINES
from tests.support.kernel_tree import CONTAINER, INITIAL, MIB, fdinfo

RELEASES = ["5.15", "6.1", "6.6", "6.12", "7.2", "dkms"]
PCI = "0000:63:00.0"
SIZES = st.integers(0, 1 << 44).map(lambda pages: pages << 12 & ((1 << 50) - 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((b"51887", 51887), (b"177209344\n", 177209344), (b" 7\n", 7), (b"0", 0), (b"9223372036854775807\n", (1 << 63) - 1)),
        *((b"", None), (b"\n", None), (b"-1\n", None), (b"18446744073709547520\n", None), (b"9223372036854775808", None)),
        *((b"1 2", None), (b"0x10", None), (b"1e3", None), (b"\xc2\xb2", None), (b"1" * 64, None)),
    ],
)
def test_numbers(text: bytes, value: int | None) -> None:
    assert number(text) == value


@given(st.binary(max_size=80))
def test_no_text_gives_a_number_that_cannot_be(text: bytes) -> None:
    value = number(text)
    assert value is None or (0 <= value < 1 << 63 and text.strip().lstrip(b"0") == (str(value).encode() if value else b""))


@pytest.mark.parametrize(("text", "value"), [(b"0\n", 0), (b"100\n", 100), (b"101\n", None), (b"65535\n", None), (b"", None)])
def test_shares_are_at_most_all(text: bytes, value: int | None) -> None:
    assert percent(text) == value


@pytest.mark.parametrize(
    ("name", "gpu"),
    [
        ("vram_51887", 51887),
        ("vram_", None),
        ("vram_x", None),
        ("sdma_51887", None),
        ("vram_-1", None),
        ("vram_" + "9" * 11, None),
        ("vram_²", None),
    ],
)
def test_the_gpu_of_a_file(name: str, gpu: int | None) -> None:
    assert gpu_of(name, "vram_") == gpu


@pytest.mark.parametrize(("link", "is_it"), [(INITIAL, "initial"), (CONTAINER, "other"), ("", "unknown"), ("pid", "unknown")])
def test_the_namespace_of_numbers(link: str, is_it: str) -> None:
    assert namespace(link) == is_it


def test_when_a_process_began() -> None:
    ticks = born(Path("/proc/self/stat").read_bytes())
    assert ticks is not None
    since = psutil.Process().create_time() - psutil.boot_time()
    assert abs(ticks / os.sysconf("SC_CLK_TCK") - since) < 2
    stat = b"7 (a) S (b) R 1 " + b" ".join(b"%d" % field for field in range(5, 53))
    assert born(stat) == 22
    assert born(b"7 (a) R 1 2") is None
    assert born(b"") is None


DEVICES = b"Character devices:\n  1 mem\n226 drm\n238 kfd\n507 kfd\n\nBlock devices:\n259 kfd\n  7 loop\n"


def test_the_numbers_of_a_driver_s_devices() -> None:
    assert majors(DEVICES, "kfd") == {238, 507}
    assert majors(DEVICES, "fd") == majors(b"", "kfd") == majors(b"Character devices:\nx kfd\n1 2 kfd\n", "kfd") == frozenset()


class TestFdinfo:
    @pytest.mark.parametrize("release", RELEASES)
    @given(vram=SIZES, gtt=SIZES, client=st.integers(0, 1 << 40))
    def test_all_kernels_say_the_same(self, release: str, vram: int, gtt: int, client: int) -> None:
        found = drm_client(fdinfo(release, PCI, client, vram, gtt).encode())
        assert found
        which = "pasid" if release in ("5.15", "dkms") else "drm-client-id"
        assert found[:4] == (PCI, f"{which} {client}", vram, gtt)

    @given(sizes=st.tuples(SIZES, SIZES))
    def test_a_size_may_be_in_bytes_or_mib(self, sizes: tuple[int, int]) -> None:
        """Where the other name is not there any more."""
        vram, gtt = sizes
        newest = "".join(line for line in fdinfo("7.2", PCI, 4, vram, gtt).splitlines(True) if not line.startswith("drm-memory-"))
        found = drm_client(newest.encode())
        assert found
        assert found[:4] == (PCI, "drm-client-id 4", vram, gtt)

    def test_what_was_read_is_kept_as_it_stood(self) -> None:
        found = drm_client(fdinfo("6.1", PCI, 217, 3 * MIB, MIB).encode())
        assert found
        assert found.lines == f"drm-pdev:\t{PCI}\ndrm-client-id:\t217\ndrm-memory-vram:\t3072 KiB\ndrm-memory-gtt: \t1024 KiB"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("amdgpu", "i915"),
            (PCI, "0000:63:00"),
            (PCI, "../../63:00.0"),
            ("drm-client-id:\t4", "drm-client-id:\t-4"),
            ("drm-memory-vram:\t3072 KiB", "drm-memory-vram:\t3072 pages"),
            ("drm-memory-vram:\t3072 KiB", "drm-memory-vram:\t18014398509481984 KiB"),
            ("drm-memory-vram:\t3072 KiB\n", ""),
            ("drm-driver", "driver"),
        ],
    )
    def test_what_is_no_opening_of_amdgpu_is_none(self, old: str, new: str) -> None:
        text = fdinfo("6.1", PCI, 4, 3 * MIB, 0)
        assert old in text
        assert drm_client(text.replace(old, new).encode()) is None

    @pytest.mark.parametrize("path", sorted((SHARED_MACHINES / "text").glob("fdinfo-*.txt")), ids=lambda path: path.name)
    def test_a_real_one(self, path: Path) -> None:
        found = drm_client(path.read_bytes())
        assert found
        assert found[:4] == ("0000:08:00.0", "drm-client-id 217", 2068 << 10, 8192 << 10)

    @given(st.binary(max_size=300))
    def test_any_bytes(self, data: bytes) -> None:
        assert drm_client(data) is None

    @given(st.data())
    def test_damaged_ones(self, data: st.DataObject) -> None:
        text = bytearray(fdinfo(data.draw(st.sampled_from(RELEASES)), PCI, 4, 3 * MIB, 5).encode())
        for _ in range(data.draw(st.integers(1, 8))):
            text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
        found = drm_client(bytes(text))
        assert found is None or (0 <= found.vram < 1 << 63 and 0 <= found.gtt < 1 << 63 and len(found.pci) <= 16)


def reading(amount: int, name: str = "vram") -> Reading:
    return Reading(amount, ((f"/sys/{name}", str(amount)),))


LOOKS = st.lists(
    st.builds(
        Look,
        queues=st.lists(st.just(reading(1)), max_size=3),
        vram=st.lists(st.integers(0, 1 << 40).map(reading), max_size=3),
        occupied=st.lists(st.integers(0, 60).map(reading), max_size=3),
    ),
    max_size=8,
)


class TestMost:
    @given(LOOKS)
    def test_of_kfd(self, looks: list[Look]) -> None:
        seen = KfdSeen(gpu_id=1)
        for look in looks:
            seen = kfd_most(seen, look)
        told = [sum(one.amount for one in look.occupied) for look in looks if look.occupied]
        assert seen == KfdSeen(
            gpu_id=1,
            compute_queues=max((len(look.queues) for look in looks), default=0),
            vram_bytes=max((sum(one.amount for one in look.vram) for look in looks), default=0),
            occupied=max(told) if told else None,
            looked=len(told),
            busy=sum(units > 0 for units in told),
        )

    def test_of_a_render_node_all_openings_count_together(self) -> None:
        one, two = Client(PCI, "1", 10, 1, ""), Client(PCI, "2", 5, 2, "")
        seen = drm_most(drm_most(DrmSeen(pci=PCI), (one, two)), (one,))
        assert seen == DrmSeen(pci=PCI, clients=2, vram_bytes=15, gtt_bytes=3)

    def test_of_a_card_what_is_not_known_stays_so(self) -> None:
        seen = card_most(CardSeen(pci=PCI), None, 5)
        assert (seen.busy_percent, seen.vram_used_bytes) == (None, 5)
        assert card_most(card_most(seen, 7, None), 3, 4) == CardSeen(pci=PCI, busy_percent=7, vram_used_bytes=5)


class TestKept:
    @given(st.lists(st.integers(0, 100), min_size=1, max_size=50))
    def test_the_first_and_the_highest(self, amounts: list[int]) -> None:
        kept = Kept()
        for amount in amounts:
            kept.add("kfd-vram", "1", [reading(amount)])
        values = [item.value for item in kept.evidence()]
        assert values == [str(amount) for amount in dict.fromkeys((amounts[0], max(amounts)))]

    def test_it_is_bounded(self) -> None:
        kept = Kept()
        for gpu in range(1000):
            kept.add("kfd-vram", str(gpu), [Reading(n, ((f"/sys/{gpu}/{n}", "9" * 5000),)) for n in range(100)])
        evidence = kept.evidence()
        assert len(evidence) == 3 * 128
        assert max(len(item.value) for item in evidence) == 400
        assert evidence[0].where == "/sys/0/99"
