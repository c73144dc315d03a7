"""Memory and fabric errors that a card counted (reliability, availability, serviceability), from its PCI folder's `ras`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from rocmkit.facts import Gap, Ras, gap
from rocmkit.host.base import Host, lines_with
from rocmkit.probe.gaps import field, side_by_side, text

#: A read asks the card, and one that has fallen off the bus answers late: no reason to lose all that is known of the GPUs.
LIMIT_S = 1.0

#: Newer cards count through their Accelerator Check Architecture (amdgpu_aca.c).
_FILE = re.compile(r"([a-z0-9_]{1,32})_err_count|aca_([a-z0-9_]{1,32})")
_COUNT = re.compile(r"^(ue|ce): ([0-9]{1,18})$", re.MULTILINE)
_PAGES = lines_with(r"^0x[0-9a-f]+ : 0x[0-9a-f]+ : ")


def ras(host: Host, folders: Mapping[str, str]) -> dict[str, Ras | None | Gap]:
    """The counts of each of these PCI folders, by the same names. None: the card, or its driver, counts nothing. Raises nothing."""
    return side_by_side({name: partial(_ras, host, folder) for name, folder in folders.items()}, timeout_s=LIMIT_S)


def counts(listing: str) -> dict[str, int]:
    """The lines "ue: 0" and "ce: 0" of a block's file. Raises ValueError where one is missing: not now, or no such file."""
    found = {word: int(number) for word, number in _COUNT.findall(listing)}
    if set(found) != {"ue", "ce"}:
        raise ValueError("no counts in it")
    return found


def _ras(host: Host, folder: str) -> Ras | None | Gap:
    """Raises OSError, NotAsked."""
    try:
        files = host.list(f"{folder}/ras", _FILE.fullmatch)
    except FileNotFoundError:
        return None
    if text(host, f"{folder}/power/runtime_status") == "suspended":
        # The driver does not wake it for this, and takes the ones that a sleeping card answers with for counts.
        return gap("not-executed", f"{folder}: the card sleeps, and counts nothing then")
    uncorrectable: dict[str, int] = {}
    correctable: dict[str, int] = {}
    first: Gap | None = None
    for file in files:
        found = field(lambda path: counts(host.read_text(path)), f"{folder}/ras/{file}")
        if isinstance(found, Gap):
            first = first or found
        elif named := _FILE.fullmatch(file):
            block = named[1] or named[2]
            uncorrectable[block], correctable[block] = found["ue"], found["ce"]
    if not uncorrectable and first is not None:
        return first
    pages = field(host.read_text, f"{folder}/ras/gpu_vram_bad_pages", _PAGES)
    return Ras(uncorrectable=uncorrectable, correctable=correctable, bad_pages=None if isinstance(pages, Gap) else len(pages.splitlines()))
