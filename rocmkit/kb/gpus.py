"""Rows of the knowledge base about GPUs: architectures, their support, what stands in for them, and names on the PCI bus."""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.values import Row


class SupportStep(Row, kw_only=True):
    """How one publisher treats an architecture over a range of ROCm releases."""

    publisher: Literal["amd", "pytorch", "therock"]
    """Whose releases: AMD's ROCm packages, the wheels on pytorch.org, or the TheRock builds."""
    rocm: str
    """Specifier on the ROCm release."""
    status: Literal["supported", "deprecated", "unsupported", "builds", "absent"]
    """`builds`: compiled, but nobody promises that it works. `absent`: not compiled."""
    note: str = ""
    """What the status alone does not say."""


class Prebuilt(Row, kw_only=True):
    """Which releases of AMD's binary packages hold one library's kernels for an architecture."""

    holds: str = ""
    """Specifier of the ROCm releases that do; empty: none known."""
    lacks: str = ""
    """Specifier of the ROCm releases that do not; empty: none known."""


class OverrideRow(Row, kw_only=True):
    """What happens when HSA_OVERRIDE_GFX_VERSION is set on a physical architecture."""

    value: str
    """The value of the variable, such as `10.3.0`; `any` stands for every other value."""
    verdict: Literal["works", "sometimes", "dangerous", "never-needed"]
    why: str
    """The reason, and what to do instead."""


class Arch(Row, kw_only=True):
    """One GPU instruction set, as ROCm names it."""

    gfx: str
    """Base name, such as `gfx906`."""
    version: str
    """Major, minor and stepping in decimal, such as `9.0.10` for gfx90a."""
    sramecc: bool
    """Whether target ids of this architecture can name `sramecc`."""
    xnack: bool
    """Whether target ids of this architecture can name `xnack`."""
    wavefront: Literal[32, 64]
    """Lanes in a wavefront by default."""
    generic: str | None = None
    """The generic target that covers it."""
    integrated: bool = False
    """Only ever part of a processor (APU)."""
    products: tuple[str, ...] = ()
    """Names on the box, not exhaustive."""
    firmware: tuple[str, ...] = ()
    """How its files below /lib/firmware/amdgpu begin: code names up to RDNA 2, versions of the graphics core since; empty: not known."""
    support: tuple[SupportStep, ...] = ()
    """How support came and went."""
    rocblas: Prebuilt | None = None
    """rocBLAS kernels in AMD's packages; absent: nothing known."""
    hipblaslt: Prebuilt | None = None
    """hipBLASLt kernels in AMD's packages; absent: nothing known."""
    aotriton: bool = False
    """Whether AOTriton, which serves torch's fused attention, builds for it."""
    overrides: tuple[OverrideRow, ...] = ()
    """What HSA_OVERRIDE_GFX_VERSION does to it."""


class PciName(Row, kw_only=True):
    """An AMD GPU as the PCI bus names it."""

    device_id: str
    """Four hexadecimal digits in lower case, vendor 1002."""
    gfx: str | None
    """Architecture where a public table says so. The kernel's own answer (KFD) is better."""
    asic: str
    """Chip, such as `Vega20`."""
    name: str
    """Name in pci.ids; may be empty."""
    gfx_guess: str | None = None
    """Architecture that the chip's family suggests, unconfirmed. Judge nothing by it."""
