"""Target ids (`gfx906:sramecc+:xnack-`) and GPU architectures: names, arithmetic, and what may run on what."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Literal

from rocmkit.kb._load import ROOT, document
from rocmkit.kb.gpus import Arch, OverrideRow, PciName
from rocmkit.kb.values import Known
from rocmkit.kb.versions import within
from rocmkit.model import Model

_BASE = re.compile(r"gfx[0-9a-f]{3,5}")
_TARGET = re.compile(r"(gfx[0-9a-f]{3,5}|gfx[0-9]{1,2}(?:-[0-9]{1,2})?-generic)((?::(?:sramecc|xnack)[+-])*)")


class _Origin(Model, kw_only=True):
    known: Known
    sources: tuple[str, ...]


class _PciGroup(Model, kw_only=True):
    gfx: str
    asic: str
    origin: Literal["table", "family", "library", "guess"]
    names: dict[str, str]


class _PciFile(Model, kw_only=True):
    origins: dict[str, _Origin]
    groups: tuple[_PciGroup, ...]


def parse_target(text: str) -> tuple[str, dict[str, str]] | None:
    """A target id as base and features (`{"xnack": "-"}`); None where it is none, or names a feature twice."""
    if (found := _TARGET.fullmatch(text)) is None:
        return None
    named = found[2].split(":")[1:]
    features = {item[:-1]: item[-1] for item in named}
    return (found[1], features) if len(features) == len(named) else None


def base(target: str) -> str:
    """`gfx906:xnack-` without its features: `gfx906`."""
    return target.partition(":")[0]


@lru_cache(maxsize=256)
def arch(gfx: str) -> Arch | None:
    """The architecture of a base name or target id; None where the knowledge base has none of that name."""
    name = base(gfx)
    if not _BASE.fullmatch(name) or not (ROOT / "arch" / f"{name}.yaml").is_file():
        return None
    return document(f"arch/{name}", Arch)


@cache
def archs() -> tuple[str, ...]:
    """The names of all known architectures, oldest first."""
    names = (path.stem for path in (ROOT / "arch").glob("gfx*.yaml"))
    return tuple(sorted(names, key=lambda name: (len(name), name)))


def gfx_of_version(gfx_target_version: int) -> str | None:
    """KFD's `gfx_target_version` as a name: 90010 is gfx90a. None for 0, a processor. Raises ValueError below 0."""
    if gfx_target_version < 0:
        raise ValueError(f"a gfx_target_version is not negative: {gfx_target_version}")
    if gfx_target_version == 0:
        return None
    major, rest = divmod(gfx_target_version, 10000)
    return f"gfx{major}{rest // 100:x}{rest % 100:x}"


@cache
def _pci_table() -> dict[str, PciName]:
    table: dict[str, PciName] = {}
    file = document("pci", _PciFile)
    for group in file.groups:
        guess = group.origin == "guess"
        origin = file.origins[group.origin]
        for device_id, name in group.names.items():
            table[device_id] = PciName(
                device_id=device_id,
                gfx=None if guess else group.gfx,
                gfx_guess=group.gfx if guess else None,
                asic=group.asic,
                name=name,
                known=origin.known,
                sources=origin.sources,
            )
    return table


def pci(device_id: str) -> PciName | None:
    """The AMD GPU with that PCI device id: four hexadecimal digits, with or without `0x`."""
    return _pci_table().get(device_id.lower().removeprefix("0x"))


def pci_names() -> tuple[PciName, ...]:
    """All AMD GPUs of the PCI table."""
    return tuple(_pci_table().values())


@lru_cache(maxsize=4096)
def compatible(code: str, agent: str) -> bool:
    """Whether a code object with target id `code` may run on a GPU with target id `agent`.

    As the ROCm runtime decides it (ROCm/rocm-systems, isa.cpp, Isa::IsCompatible): the base is the same or a generic target
    that covers it, and a feature that the code names is in the same state on the GPU. A feature that the code leaves out fits
    either state. Where `agent` leaves out a feature, its state is not known and nothing speaks against the code. What is no
    target id runs nowhere.
    """
    wanted, present = parse_target(code), parse_target(agent)
    if wanted is None or present is None or present[0].endswith("-generic"):
        return False
    if wanted[0] != present[0]:
        known = arch(present[0])
        if known is None or known.generic != wanted[0]:
            return False
    return all(present[1].get(feature, state) == state for feature, state in wanted[1].items())


def overrides(gfx: str) -> tuple[OverrideRow, ...]:
    """What HSA_OVERRIDE_GFX_VERSION does on the physical architecture `gfx`, value by value; empty: nothing known."""
    found = arch(gfx)
    return found.overrides if found else ()


def rocblas_kernels(gfx: str, rocm: str) -> bool | None:
    """Whether AMD's binary packages of that ROCm release hold rocBLAS kernels for `gfx`; None: not known."""
    found = arch(gfx)
    if found is None or found.rocblas is None:
        return None
    if found.rocblas.holds and within(found.rocblas.holds, rocm):
        return True
    return False if found.rocblas.lacks and within(found.rocblas.lacks, rocm) else None
