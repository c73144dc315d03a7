"""RK112: errors of the card's own memory and fabric."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _log
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, KernelLog, Ras

_FATAL = re.compile(r"uncorrectable hardware error ?\(ERREVENT_ATHUB_INTERRUPT\)|ERREVENT_ATHUB_INTERRUPT\) detected")
_COUNTED = re.compile(r"\b([1-9]\d{0,17}) (?:new )?uncorrectable (?:hardware )?errors?")
#: A channel that answers nothing but ones, because the card sleeps or fell off the bus, counts so many (umc_v6_1.h).
_ALL_ONES = 0xFFFF
#: The driver takes a page set aside in so much memory for usual (amdgpu_ras.c, RAS_BAD_PAGE_COVER).
_USUAL = 100 << 20


def _real(count: int) -> bool:
    """Whether a count is one, and not the ones of channels that did not answer."""
    return count > 0 and count % _ALL_ONES != 0


@check("RK112", "ras-ecc", title="The GPU reports errors of its memory", severity="warning")
def ras(gpus: tuple[Gpu, ...], kernel_log: KernelLog | Gap) -> Outcome:
    """The card counted errors of its memory or its fabric that could not be corrected.

    ## What it looks at

    The counts in `/sys/bus/pci/devices/…/ras` since the driver was loaded, the pages of video memory that the card has set aside for good,
    and lines of the kernel's log on uncorrectable errors, with a count of 1 or more. Corrected errors are mentioned and are no fault, nor
    is one page set aside for every 100 MiB, which the driver takes for usual. A card that sleeps is not asked, since it answers with
    ones; counts that look like such answers are left out.

    ## Why it matters

    Error correction hides single flipped bits. What it cannot correct ends the program that used the memory, and in the worst case
    ("ERREVENT_ATHUB_INTERRUPT") resets the whole card. Few such errors in a year are ordinary; many in a day mean a card, a slot or a
    power supply that is about to fail. Pages set aside are no longer used, and the card goes on working.

    ## Fix

    Restart the machine, and see whether the counts rise again. If they do: take the card out and put it back, try another slot and another
    power cable, see that it is cooled, and have it exchanged.

    ## Safe to ignore when

    The errors were a few, long ago, and the counts stay as they are.

    ## Sources

    - ROCm/legacy-rocm-build#1886
    - ROCm/legacy-rocm-build#1552
    - ROCm/legacy-rocm-build#4021
    - torvalds/linux drivers/gpu/drm/amd/amdgpu/amdgpu_ras.c
    """
    grouped = _log.by_gpu([line for line in _log.texts(kernel_log) if _uncorrected(line)], gpus)
    findings: list[Finding] = []
    seen: list[Seen] = []
    for place in dict.fromkeys([*(gpu.pci or "" for gpu in gpus), *grouped]):
        gpu = next((gpu for gpu in gpus if (gpu.pci or "") == place), None)
        counted = gpu.ras if gpu else None
        lines = grouped.get(place, [])
        usual = (gpu.vram_bytes or 0) // _USUAL if gpu else 0
        if (found := _finding(place, counted if isinstance(counted, Ras) else None, lines, kernel_log, usual)) is not None:
            findings.append(found)
        elif isinstance(counted, Ras) and counted.uncorrectable:
            seen.append(Seen(_folder(place), _words(counted)))
    if not findings and not isinstance(kernel_log, Gap):
        seen.append(Seen(kernel_log.source, "tells of no uncorrectable error"))
    unknown = [gpu.ras for gpu in gpus if isinstance(gpu.ras, Gap)]
    if not findings and not seen and unknown:
        return skip("the errors that the card counted are not known: {detail}", detail=unknown[0].detail)
    return judge(findings, *seen)


def _uncorrected(line: str) -> bool:
    return bool(_FATAL.search(line) or ((found := _COUNTED.search(line)) and _real(int(found[1]))))


def _folder(place: str) -> str:
    return f"/sys/bus/pci/devices/{place or '*'}/ras"


def _words(counted: Ras) -> str:
    mended = {block: count for block, count in counted.correctable.items() if _real(count)}
    aside = f"; {counted.bad_pages} page(s) set aside" if counted.bad_pages else ""
    more = f"; corrected: {', '.join(f'{block} {count}' for block, count in mended.items())}" if mended else ""
    return "nothing uncorrectable" + aside + more


def _finding(place: str, counted: Ras | None, lines: list[str], log: KernelLog | Gap, usual: int) -> Finding | None:
    blocks = {block: count for block, count in counted.uncorrectable.items() if _real(count)} if counted else {}
    pages = counted.bad_pages if counted else None
    if not blocks and not lines and (pages or 0) <= usual:
        return None
    gpu = place or "(unnamed)"
    if any(_FATAL.search(line) for line in lines):
        message = say("the GPU {gpu} reported an error of its hardware that forced a reset", gpu=gpu)
    elif blocks or lines:
        where = ", ".join(f"{block} {count}" for block, count in blocks.items()) or "see the kernel's log"
        message = say("the GPU {gpu} counted errors that could not be corrected ({where})", gpu=gpu, where=where)
    else:
        message = say("the GPU {gpu} has set aside {pages} page(s) of its memory after errors", gpu=gpu, pages=pages or 0)
    seen = [Seen(f"{_folder(place)}/{block}_err_count", f"ue: {count}") for block, count in blocks.items()]
    if pages:
        seen.append(Seen(f"{_folder(place)}/gpu_vram_bad_pages", f"{pages} page(s)"))
    return Finding(
        subject=place or "amdgpu",
        message=message,
        confidence="sure" if blocks or lines else "likely",
        seen=(*seen, *_log.seen(log, [*lines[:2], *lines[-2:]])),
        cause=say("memory that wears out, heat, a slot or a riser with bad contact, or a power supply that is too weak"),
        fix=Fix(
            text=say(
                "restart, and see whether the counts rise again; then put the card into another slot, on another power cable, see that it "
                "is cooled, and have it exchanged if nothing helps"
            ),
            commands=(f"grep -H . {_folder(advice.quote(place)) if place else '/sys/bus/pci/devices/*/ras'}/*_err_count",),
            verify=('sudo dmesg | grep -i "uncorrectable"',),
        ),
    )
