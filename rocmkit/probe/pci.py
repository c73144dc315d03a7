"""AMD's display and accelerator devices on the PCI bus, bound to a driver or not."""

from __future__ import annotations

import posixpath
import re

from rocmkit.facts import Gap, Link, Ras
from rocmkit.host.base import Host
from rocmkit.model import Model
from rocmkit.probe.gaps import field, names, text
from rocmkit.probe.ras import ras

BUS = "/sys/bus/pci/devices"
DRM = "/sys/class/drm"
AMD = 0x1002
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
#: linux/ioport.h: a window in memory, and one that the kernel found no room for.
_MEMORY, _UNSET = 0x200, 0x20000000


class Device(Model, kw_only=True):
    """One PCI function of vendor 1002, class display (03) or processing accelerator (12)."""

    address: str
    """0000:63:00.0"""
    device_id: str
    """Four lower-case hexadecimal digits."""
    driver: str | None | Gap
    """From the `driver` link; None: no driver is bound."""
    link: Link | None
    """Of the slot, not of the switch on the card."""
    bar0_bytes: int | None
    """Size of window 0, which is the video memory's; 0: none assigned."""
    vram_bytes: int | None
    """DRM's mem_info_vram_total."""
    vram_used_bytes: int | None
    """DRM's mem_info_vram_used."""
    gtt_bytes: int | None
    """DRM's mem_info_gtt_total."""
    ras: Ras | None | Gap
    """Errors that the card counted."""
    render_node: str | None
    """/dev/dri/renderD128"""


def devices(host: Host) -> tuple[Device, ...]:
    """All of them, by address: from /sys/bus/pci, or where that is missing (a partial copy), from the links of /sys/class/drm.

    Raises OSError, NotAsked where neither folder can be listed, ValueError where those links were lost.
    """
    try:
        folders = {name: f"{BUS}/{name}" for name in host.list(BUS) if _ADDRESS.fullmatch(name)}
        render: dict[str, str] = {}
    except FileNotFoundError:
        folders, render = _through_drm(host)
    wanted: dict[str, tuple[str, int]] = {}
    for address, folder in sorted(folders.items()):
        device_id = hexadecimal(text(host, f"{folder}/device"))
        if hexadecimal(text(host, f"{folder}/vendor")) != AMD or device_id is None:
            continue
        kind = text(host, f"{folder}/class")
        if kind.startswith(("0x03", "0x12")) or (not kind and address in render):
            wanted[address] = folder, device_id
    counted = ras(host, {address: folder for address, (folder, _) in wanted.items()})
    return tuple(
        _device(host, address, folder, device_id, render.get(address), counted[address]) for address, (folder, device_id) in wanted.items()
    )


def _through_drm(host: Host) -> tuple[dict[str, str], dict[str, str]]:
    """Folders and render nodes by address. A copy made without links (`cp -rL`) has devices here whose places are lost: ValueError."""
    folders: dict[str, str] = {}
    render: dict[str, str] = {}
    for name in host.list(DRM):
        if re.fullmatch(r"(card|renderD)[0-9]+", name):
            place = field(host.realpath, f"{DRM}/{name}/device")
            if not isinstance(place, Gap) and posixpath.basename(place) == "device" and host.exists(place):
                raise ValueError(f"{place} is no link: where the device sits is not known")
            if not isinstance(place, Gap) and _ADDRESS.fullmatch(address := posixpath.basename(place)):
                folders[address] = place
                if name.startswith("renderD"):
                    render[address] = f"/dev/dri/{name}"
    return folders, render


def _device(host: Host, address: str, folder: str, device_id: int, render_node: str | None, counted: Ras | None | Gap) -> Device:
    drm = names(host, f"{folder}/drm")
    named = next((f"/dev/dri/{name}" for name in drm if re.fullmatch(r"renderD[0-9]+", name)), render_node)
    resource = field(host.read_text, f"{folder}/resource")
    return Device(
        address=address,
        device_id=f"{device_id:04x}",
        driver=field(_driver, host, folder, on_drm=named is not None),
        link=_link(host, folder),
        bar0_bytes=None if isinstance(resource, Gap) else first_window(resource),
        vram_bytes=decimal(text(host, f"{folder}/mem_info_vram_total")) or None,
        vram_used_bytes=decimal(text(host, f"{folder}/mem_info_vram_used")),
        gtt_bytes=decimal(text(host, f"{folder}/mem_info_gtt_total")) or None,
        ras=counted,
        render_node=named,
    )


def _driver(host: Host, folder: str, *, on_drm: bool) -> str | None:
    """The driver's name. Raises FileNotFoundError where the link is missing though DRM has the device: a copy that lost it."""
    try:
        return posixpath.basename(host.readlink(f"{folder}/driver")) or None
    except FileNotFoundError:
        if on_drm:
            raise
        return None


def _link(host: Host, folder: str) -> Link | None:
    """The link between the slot and the card. Vega 20 and later sit behind a switch of their own, to which they are always wide."""
    place = field(host.realpath, folder)
    if not isinstance(place, Gap):
        folder = place
        while _ADDRESS.fullmatch(posixpath.basename(above := posixpath.dirname(folder))):
            if hexadecimal(text(host, f"{above}/vendor")) != AMD:  # AMD's own root ports have another vendor id, 1022
                break
            folder = above
    link = Link(
        speed_gts=gigatransfers(text(host, f"{folder}/current_link_speed")),
        width=_lanes(text(host, f"{folder}/current_link_width")),
        max_speed_gts=gigatransfers(text(host, f"{folder}/max_link_speed")),
        max_width=_lanes(text(host, f"{folder}/max_link_width")),
    )
    return link if link != Link(speed_gts=None, width=None, max_speed_gts=None, max_width=None) else None


def first_window(resource: str) -> int | None:
    """The size in bytes of BAR 0 in a `resource` file ("START END FLAGS" in hexadecimal, a window a line).

    BAR 0 is the window to video memory on every chip that KFD knows (amdgpu_device.c, gmc_v9_0.c); the registers' window is
    another one, which is small enough to be assigned even where the firmware left no room for this. 0: none assigned. None: not readable.
    """
    row = [hexadecimal(word) for word in resource.partition("\n")[0].split()]
    if len(row) != 3 or row[0] is None or row[1] is None or row[2] is None:
        return None
    start, end, flags = row[0], row[1], row[2]
    return end - start + 1 if flags & _MEMORY and not flags & _UNSET and end > start else 0


def gigatransfers(word: str) -> float | None:
    """ "16.0 GT/s PCIe" as 16.0; None for "Unknown"."""
    found = re.match(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) GT/s", word)
    return float(found[1]) if found else None


def decimal(word: str) -> int | None:
    """A number as the kernel prints it, up to 64 bits. `'²'.isdigit()` is true, hence the two tests."""
    if not (word.isascii() and word.isdecimal()) or len(word) > 20:
        return None
    return value if (value := int(word)) < 1 << 64 else None


def hexadecimal(word: str) -> int | None:
    """`0x66a1` as a number, up to 64 bits."""
    return int(word, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", word) else None


def _lanes(word: str) -> int | None:
    """Lanes; the kernel prints 0 or 255 for a link it knows nothing of."""
    return width if (width := decimal(word)) and width <= 32 else None
