"""The page on GPU architectures: what each card is, which releases hold code for it, and what stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rocmkit import kb
from rocmkit.kb.gpus import Arch, Prebuilt
from rocmkit.report.markdown import inline
from tools.sources import Footnotes
from tools.tables import names, range_of, table

_PUBLISHERS = {"amd": "AMD's packages", "pytorch": "wheels of pytorch.org", "therock": "TheRock"}


def page() -> str:
    """The page; its rows are those of `rocmkit/kb/arch` and `rocmkit/kb/pci.yaml`."""
    notes = Footnotes()
    found = [one for name in kb.archs() if (one := kb.arch(name))]
    lines = [
        "# GPU architectures",
        "",
        f"What rocmkit knows of AMD's GPUs, as of {kb.date()}. `rocmkit doctor` names the architecture of your card; what the words in the",
        "column *known* mean stands in [what rocmkit knows](knowledge.md).",
        "",
        *table(("architecture", "cards, among others", "lanes", "known"), (_short(one, notes) for one in found)),
        "A wavefront has as many lanes as given, by default. Where nothing is said of a library below, nothing is known of it.",
        "",
    ]
    for one in found:
        lines += _architecture(one, notes)
    return "\n".join([*lines, *notes.lines()]) + "\n"


def _short(one: Arch, notes: Footnotes) -> tuple[str, ...]:
    cards = ", ".join(one.products) + (" (part of a processor)" if one.integrated else "")
    return (f"`{one.gfx}`", cards, str(one.wavefront), notes.known(one.known, one.sources))


def _architecture(one: Arch, notes: Footnotes) -> Iterator[str]:
    yield from (f"## {one.gfx}", "")
    features = [name for name, has in (("sramecc", one.sramecc), ("xnack", one.xnack)) if has]
    yield f"- Version {one.version}; " + (f"its target ids can name {names(features)}." if features else "its target ids name no features.")
    if one.generic:
        yield f"- Code for `{one.generic}` runs on it too."
    for name, held in (("rocBLAS", one.rocblas), ("hipBLASLt", one.hipblaslt)):
        if held:
            yield f"- {name} of AMD's packages: {_held(held)} ({notes.known(held.known, held.sources)})."
    if one.aotriton:
        yield "- AOTriton, which serves torch's fused attention, builds for it."
    if listed := _on_the_bus(one.gfx, notes):
        yield f"- On the PCI bus: {listed}."
    yield ""
    steps = (
        (_PUBLISHERS[step.publisher], range_of(step.rocm), step.status, step.note, notes.known(step.known, step.sources))
        for step in one.support
    )
    yield from table(("whose releases", "ROCm", "support", "note", "known"), steps)
    overrides = ((f"`{over.value}`", over.verdict, over.why, notes.known(over.known, over.sources)) for over in one.overrides)
    yield from table(("HSA_OVERRIDE_GFX_VERSION", "verdict", "why", "known"), overrides)


def _held(one: Prebuilt) -> str:
    """Which releases hold a library's kernels, in words."""
    parts = [f"kernels for it in {range_of(one.holds)}"] if one.holds else []
    return ", ".join([*parts, *([f"none in {range_of(one.lacks)}"] if one.lacks else [])])


def _on_the_bus(gfx: str, notes: Footnotes) -> str:
    """The device ids of an architecture, with those that only resemble it left out."""
    found = sorted((one for one in kb.pci_names() if one.gfx == gfx), key=lambda one: (one.known, one.sources, one.device_id))
    return "; ".join(
        ", ".join(f"`{one.device_id}`" + (f" {inline(one.name)}" if one.name else "") for one in ids) + f" ({notes.known(*key)})"
        for key, ids in groupby(found, key=lambda one: (one.known, one.sources))
    )
