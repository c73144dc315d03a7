"""The KFD topology with its quirks, and its join with the PCI bus."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from rocmkit.facts import Gap, Gpu, Kfd, Partition
from rocmkit.probe.pci import decimal, first_window, gigatransfers, hexadecimal
from rocmkit.probe.topology import address, properties, target_id, topology, without_serials
from tests.unit.probe.hosts import Refusing, whole

NODES = "/sys/class/kfd/kfd/topology/nodes"
BUS = "/sys/bus/pci/devices"
MI50 = {"simd_count": 240, "simd_per_cu": 4, "gfx_target_version": 90006, "device_id": 0x66A1, "location_id": 0x600, "capability": 1 << 26}
MI300X = {"simd_count": 1216, "simd_per_cu": 4, "gfx_target_version": 90402, "device_id": 0x74A1, "capability": 0}


def node(number: int, gpu_id: int = 51887, *, banks: Any = (), name: Any = "", **values: Any) -> dict[str, str]:
    folder = f"{NODES}/{number}"
    files = {
        f"{folder}/gpu_id": f"{gpu_id}\n",
        f"{folder}/name": f"{name}\n",
        f"{folder}/properties": "".join(f"{key} {value}\n" for key, value in values.items()),
    }
    for index, (heap, size) in enumerate(banks):
        files[f"{folder}/mem_banks/{index}/properties"] = f"heap_type {heap}\nsize_in_bytes {size}\n"
    return files


def card(place: str, device_id: str = "66a1", kind: str = "0x030000", vendor: str = "0x1002", **files: str) -> dict[str, str]:
    content = {"vendor": vendor, "device": f"0x{device_id}", "class": kind, **files}
    return {f"{BUS}/{place}/{name}": text + "\n" for name, text in content.items()}


def see(files: dict[str, str], **more: Any) -> tuple[Kfd | Gap, tuple[Gpu, ...]]:
    found, gpus = topology(whole(files, **more))
    assert not isinstance(gpus, Gap)
    return found, gpus


CPU = node(0, 0, cpu_cores_count=24, simd_count=0, gfx_target_version=0)


def test_a_node_and_its_card_are_one_gpu() -> None:
    files = CPU | node(1, banks=((1, 17 << 30),), name="vega20", drm_render_minor=128, **MI50)
    files |= card("0000:06:00.0", current_link_speed="8.0 GT/s PCIe", current_link_width="16", max_link_speed="Unknown")
    kfd, gpus = see(files, links={f"{BUS}/0000:06:00.0/driver": "../../../bus/pci/drivers/amdgpu"})
    assert isinstance(kfd, Kfd)
    assert kfd.cpu_nodes == (0,)
    (gpu,) = gpus
    assert (gpu.gfx, gpu.gfx_source, gpu.target_id) == ("gfx906", "kfd", "gfx906:sramecc+:xnack-")
    assert (gpu.pci, gpu.device_id, gpu.render_node, gpu.kfd_node, gpu.kfd_gpu_id) == (
        *("0000:06:00.0", "66a1", "/dev/dri/renderD128"),
        *(1, 51887),
    )
    assert (gpu.vram_bytes, gpu.compute_units, gpu.integrated, gpu.pci_driver) == (17 << 30, 60, False, "amdgpu")
    assert gpu.link is not None
    assert (gpu.link.speed_gts, gpu.link.width, gpu.link.max_speed_gts) == (8.0, 16, None)


def test_the_link_is_that_of_the_slot_and_not_of_the_switch_on_the_card() -> None:
    root = "/sys/devices/pci0000:00/0000:00:03.1"
    port, gpu = f"{root}/0000:01:00.0", f"{root}/0000:01:00.0/0000:02:00.0/0000:03:00.0"
    files = {f"{root}/vendor": "0x1022", f"{root}/current_link_width": "16"}
    files |= {f"{port}/vendor": "0x1002", f"{port}/current_link_width": "4", f"{port}/0000:02:00.0/vendor": "0x1002"}
    files |= {f"{gpu}/{name}": text for name, text in {"vendor": "0x1002", "device": "0x66a1", "class": "0x038000"}.items()}
    files[f"{gpu}/current_link_width"] = "16"
    _, gpus = see(files, links={f"{BUS}/0000:03:00.0": "../../.." + gpu.removeprefix("/sys")})
    assert gpus[0].link is not None
    assert gpus[0].link.width == 4


def test_an_old_kernel_gives_no_gfx_version_and_the_pci_table_does() -> None:
    values = {key: value for key, value in MI50.items() if key not in {"gfx_target_version", "capability"}}
    _, (gpu,) = see(CPU | node(1, **values, local_mem_size=1 << 34))
    assert (gpu.gfx, gpu.gfx_source, gpu.vram_bytes) == ("gfx906", "pci-table", 1 << 34)
    assert gpu.target_id is None  # whether SRAM ECC is on is part of it


def test_minor_and_stepping_are_hexadecimal() -> None:
    _, (gpu,) = see(node(1, **(MI50 | {"gfx_target_version": 90010, "device_id": 0x740F})))
    assert gpu.gfx == "gfx90a"


@pytest.mark.parametrize(
    ("banks", "local", "drm", "expected"),
    [
        (((1, 100), (2, 50)), 7, "9", 150),
        (((0, 100),), 7, "9", 7),
        (((0, 100),), 0, "9", 9),
        ((), 0, "x", None),
        (((1, 0),), 0, "0", None),
    ],
)
def test_vram_is_the_banks_else_the_property_else_what_drm_says(
    banks: tuple[tuple[int, int], ...], local: int, drm: str, expected: int | None
) -> None:
    files = node(1, banks=banks, local_mem_size=local, **MI50) | card("0000:06:00.0", mem_info_vram_total=drm)
    assert see(files)[1][0].vram_bytes == expected


def test_a_processor_with_graphics_is_integrated() -> None:
    (old,) = see(node(0, 4098, cpu_cores_count=8, simd_count=44, simd_per_cu=4, device_id=0x15DD, location_id=0x700))[1]
    assert (old.gfx, old.integrated, old.compute_units) == ("gfx902", True, 11)
    (new,) = see(node(1, **(MI50 | {"gfx_target_version": 100306, "device_id": 0x164E})))[1]
    assert (new.gfx, new.integrated, new.target_id) == ("gfx1036", True, "gfx1036")


def test_partitions_carry_their_number_in_the_upper_bits() -> None:
    files: dict[str, str] = {}
    for part in range(4):
        files |= node(part + 1, 100 + part, **MI300X, location_id=part << 28 | 0x2600, drm_render_minor=128 + part)
    _, gpus = see(files | card("0000:26:00.0", "74a1", "0x120000"))
    assert [gpu.pci for gpu in gpus] == ["0000:26:00.0"] * 4
    assert [gpu.partition for gpu in gpus] == [Partition(index=index, count=4) for index in range(4)]
    assert [gpu.render_node for gpu in gpus] == [f"/dev/dri/renderD{128 + index}" for index in range(4)]


def test_partitions_of_the_first_kernels_carry_it_in_the_function() -> None:
    files: dict[str, str] = {}
    for part in range(8):
        files |= node(part + 1, 100 + part, **MI300X, location_id=part | 0x2600)
    _, gpus = see(files | card("0000:26:00.0", "74a1", "0x120000"))
    assert [gpu.pci for gpu in gpus] == ["0000:26:00.0"] * 8
    assert [gpu.partition for gpu in gpus] == [Partition(index=index, count=8) for index in range(8)]


def test_one_partition_among_hidden_ones_is_known_for_one() -> None:
    (gpu,) = see(node(4, **MI300X, location_id=3 << 28 | 0x2600))[1]
    assert gpu.partition == Partition(index=3, count=4)


def test_an_unsplit_card_has_no_partition_and_a_virtual_function_keeps_its_address() -> None:
    (gpu,) = see(node(1, **MI300X, location_id=0x2602) | card("0000:26:00.2", "74a1", "0x120000"))[1]
    assert (gpu.pci, gpu.partition) == ("0000:26:00.2", None)


def test_a_card_without_kfd_is_listed_with_its_driver() -> None:
    files = (
        card("0000:06:00.0", resource="0x0 0x0 0x0\n" * 7) | card("0000:07:00.0", "1636") | card("0000:08:00.0", "2204", vendor="0x10de")
    )
    files |= card("0000:09:00.1", "ab28", kind="0x040300")  # the sound function of a card
    kfd, gpus = see(files, links={f"{BUS}/0000:07:00.0/driver": "../../../../bus/pci/drivers/vfio-pci"})
    assert isinstance(kfd, Gap)
    assert kfd.reason == "absent"
    assert [(gpu.pci, gpu.pci_driver, gpu.bar0_bytes) for gpu in gpus] == [("0000:06:00.0", None, 0), ("0000:07:00.0", "vfio-pci", None)]


def test_no_amd_card_is_an_empty_list_and_no_bus_is_a_gap() -> None:
    assert see(CPU | card("0000:08:00.0", "2204", vendor="0x10de"))[1] == ()
    _, gpus = topology(whole(CPU))
    assert isinstance(gpus, Gap)
    assert gpus.reason == "absent"


def test_a_device_cgroup_masks_a_node_and_the_card_stays_on_the_bus(shared_machines: Path) -> None:
    host = Refusing(shared_machines / "gfx906-mi50-single", {f"{NODES}/1/": errno.EPERM})
    kfd, gpus = topology(host)
    assert isinstance(kfd, Kfd)
    assert (kfd.masked_nodes, kfd.gpu_nodes, kfd.cpu_nodes, kfd.unreadable_nodes) == ((1,), (), (0,), ())
    assert not isinstance(gpus, Gap)
    assert [(gpu.pci, gpu.kfd_node, gpu.gfx_source) for gpu in gpus] == [("0000:06:00.0", None, "pci-table")]


def test_another_refusal_is_not_a_mask(shared_machines: Path) -> None:
    kfd, _ = topology(Refusing(shared_machines / "gfx906-mi50-single", {f"{NODES}/1/properties": errno.EACCES}))
    assert isinstance(kfd, Kfd)
    assert kfd.masked_nodes == ()
    assert kfd.unreadable_nodes == (f"1: {NODES}/1/properties: Permission denied",)


def test_one_broken_node_spoils_no_other() -> None:
    files = node(1, **MI50) | node(2, **MI50) | {f"{NODES}/1/properties": "???", f"{NODES}/x/properties": "simd_count 1"}
    kfd, gpus = see(files)
    assert isinstance(kfd, Kfd)
    assert len(kfd.unreadable_nodes) == 1
    assert [gpu.kfd_node for gpu in gpus] == [2]


def test_compute_units_without_an_id_belong_to_somebody_else() -> None:
    kfd, _ = topology(whole(node(1, 0, **MI50)))
    assert isinstance(kfd, Kfd)
    assert kfd.masked_nodes == (1,)


def test_serial_numbers_stay_on_the_machine() -> None:
    assert without_serials(b"simd_count 4\nunique_id 985321441578344217\nhive_id 77\nnum_xcc 1") == b"simd_count 4\nnum_xcc 1"


def test_properties_take_any_key_and_no_odd_number() -> None:
    assert properties("a 1\nnew_key 18446744073709551615\nb ²\nc -1\nd 0x10\ne 18446744073709551616\nf 1 2\n") == {
        "a": 1,
        "new_key": (1 << 64) - 1,
    }
    with pytest.raises(ValueError, match="key value"):
        properties("")


def test_numbers() -> None:
    assert [decimal(text) for text in ("0", "42", "²", "٣", "", "-1", "9" * 5000)] == [0, 42, None, None, None, None, None]
    assert [hexadecimal(text) for text in ("0x66a1", "66a1", "0x", "0x" + "f" * 17)] == [0x66A1, None, None, None]
    assert [gigatransfers(text) for text in ("16.0 GT/s PCIe", "8 GT/s", "2.5 GT/s", "Unknown", "")] == [16.0, 8.0, 2.5, None, None]


def test_windows() -> None:
    large = "0x0000030000000000 0x00000303ffffffff 0x000000000014220c"
    small = "0x00000000f0300000 0x00000000f037ffff 0x0000000000040200"
    ports = "0x000000000000e000 0x000000000000e0ff 0x0000000000040101"
    unset = "0x0000000000000000 0x00000003ffffffff 0x000000002014220c"
    zeros = "0x0000000000000000 0x0000000000000000 0x0000000000000000"
    assert first_window(f"{large}\n{zeros}\n{small}\n") == 16 << 30
    assert first_window(f"{ports}\n{large}\n") == 0
    assert first_window(f"{unset}\n{zeros}\n{ports}\n") == 0
    # The firmware found room for the small window of registers, and none for the video memory.
    assert first_window("\n".join([zeros] * 5 + [small])) == 0
    assert first_window("") is None
    assert first_window("what") is None


def test_target_ids() -> None:
    assert target_id("gfx906", 0) == "gfx906:sramecc-:xnack-"
    assert target_id("gfx900", None) == "gfx900:xnack-"
    assert target_id("gfx1100", None) == "gfx1100"
    assert target_id("gfx9999", None) == "gfx9999"
    assert target_id(None, 1) is None


def test_addresses() -> None:
    assert address({"location_id": 0x6300}, frozenset()) == "0000:63:00.0"
    assert address({"location_id": 0x0301, "domain": 0x10000}, frozenset()) == "10000:03:00.1"
    assert address({}, frozenset()) is None


def test_a_copy_without_links_hides_where_a_card_sits() -> None:
    """`cp -rL` makes /sys/class/drm/card0/device a folder: that no card was found would be wrong."""
    drm = {
        f"/sys/class/drm/card0/device/{name}": text for name, text in (("vendor", "0x1002"), ("device", "0x66a1"), ("class", "0x030000"))
    }
    kfd, gpus = topology(whole(CPU | drm))
    assert isinstance(kfd, Kfd)
    assert isinstance(gpus, Gap)
    assert (gpus.reason, gpus.detail) == ("unparsable", "/sys/class/drm/card0/device is no link: where the device sits is not known")
    _, (known,) = see(CPU | drm | node(1, **MI50))
    assert (known.gfx, known.pci) == ("gfx906", "0000:06:00.0")
    assert see({"/sys/class/drm/card0-DP-1/status": "connected", "/sys/class/drm/card0/power/control": "auto"})[1] == ()
