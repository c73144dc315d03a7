"""The cards that --for names: target ids that the knowledge base knows, or those of this machine."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rocmkit.errors import NotApplicable, UsageError
from rocmkit.facts import Gap
from rocmkit.host.base import Host
from rocmkit.kb.targets import arch, archs, base, parse_target
from rocmkit.probe.topology import topology

NATIVE = "native"


def cards(asked: Iterable[str], host: Host) -> tuple[str, ...]:
    """The target ids that were asked for, each once. Raises UsageError for what is none, NotApplicable where `native` finds no GPU."""
    found: dict[str, None] = {}
    for text in asked:
        found.update(dict.fromkeys(_native(host) if text.lower() == NATIVE else (_known(text.strip().lower()),)))
    return tuple(found)


def _known(text: str) -> str:
    name, parsed = base(text), parse_target(text)
    if name.endswith("-generic"):
        raise UsageError(f"--for {text}: a generic target is no card", "name the card's own architecture, such as gfx906")
    known = arch(name)
    if known is None:
        near = difflib.get_close_matches(name, archs(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(archs())}"
        raise UsageError(f"--for {text}: no GPU architecture of that name is known", hint)
    if parsed is None:
        raise UsageError(f"--for {text}: not a target id", "features are xnack and sramecc, each once, with + or -: gfx906:sramecc+:xnack-")
    for feature in parsed[1]:
        if not {"xnack": known.xnack, "sramecc": known.sramecc}[feature]:
            raise UsageError(f"--for {text}: target ids of {name} have no {feature}", f"--for {name}")
    return text


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
