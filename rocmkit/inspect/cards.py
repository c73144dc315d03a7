"""The cards that --for names: target ids that the knowledge base knows, or those of this machine."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable

from rocmkit.errors import NotApplicable, UsageError
from rocmkit.facts import Gap
from rocmkit.host.base import Host
from rocmkit.kb.targets import arch, archs, base, parse_target, pci_names
from rocmkit.probe.topology import topology

NATIVE = "native"
#: A family's name fits many cards; no more than these are offered.
MAX_NEAR = 4


def cards(asked: Iterable[str], host: Host) -> tuple[str, ...]:
    """The target ids that were asked for, each once. Raises UsageError for what is none, NotApplicable where `native` finds no GPU."""
    found: dict[str, None] = {}
    for text in asked:
        found.update(dict.fromkeys(_native(host) if text.strip().lower() == NATIVE else (_known(text),)))
    return tuple(found)


def _known(typed: str) -> str:
    text = typed.strip().lower()
    if "," in text:
        each = " ".join(f"--for {shlex.quote(part.strip())}" for part in text.split(",") if part.strip())
        raise UsageError(f"--for {typed}: one card each", each or "--for gfx906")
    name, parsed = base(text), parse_target(text)
    if name.endswith("-generic"):
        raise UsageError(f"--for {typed}: a generic target is no card", "name the card's own architecture, such as gfx906")
    known = arch(name)
    if known is None:
        near = by_product(text)[:MAX_NEAR] or difflib.get_close_matches(name, [NATIVE, *archs()], n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(map(_described, near))}?" if near else "name its architecture, such as gfx906; rocminfo prints it"
        )
        raise UsageError(f"--for {typed}: no GPU architecture of that name is known", hint)
    if parsed is None:
        raise UsageError(
            f"--for {typed}: not a target id", "features are xnack and sramecc, each once, with + or -: gfx906:sramecc+:xnack-"
        )
    for feature in parsed[1]:
        if not {"xnack": known.xnack, "sramecc": known.sramecc}[feature]:
            raise UsageError(f"--for {typed}: target ids of {name} have no {feature}", f"--for {name}")
    return text


def by_product(text: str) -> tuple[str, ...]:
    """The architectures of a card or chip whose name has all words of `text`: "mi50", "7900xtx", "vega 20". A chip's whole name wins."""
    words = _words(text)
    found: dict[str, None] = {}
    for gfx, name in _products():
        if words and words <= _words(name):
            found[gfx] = None
    chips = {row.gfx: None for row in pci_names() if row.gfx and _words(row.asic) == words}
    return tuple(gfx for gfx in chips or found if gfx)


def _products() -> Iterable[tuple[str, str]]:
    for gfx in archs():
        for name in getattr(arch(gfx), "products", ()):
            yield gfx, name
    for row in pci_names():
        if row.gfx and arch(row.gfx):
            yield row.gfx, f"{row.asic} {row.name}"


def _words(text: str) -> frozenset[str]:
    """The words of a name, numbers apart: "MI50" and "7900XTX" are two each."""
    return frozenset(re.findall(r"[a-z]+|[0-9]+", text.lower()))


def _described(gfx: str) -> str:
    known = arch(gfx)
    return f"{gfx} ({', '.join(known.products[:3])})" if known and known.products else gfx


def _native(host: Host) -> tuple[str, ...]:
    _, gpus = topology(host)
    found = () if isinstance(gpus, Gap) else gpus
    named = tuple(name for gpu in found if (name := gpu.target_id or gpu.gfx) and arch(name))
    if named:
        return named
    if found:
        raise NotApplicable("--for native: the architecture of this machine's GPU is not known", "name it, such as --for gfx906")
    why = f": {gpus.detail}" if isinstance(gpus, Gap) else ""
    raise NotApplicable(f"--for native: no AMD GPU was found on this machine{why}", "name a card, such as --for gfx906")
