"""What was seen of a process, GPU by GPU. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rocmkit.smoke.observed import Card, Packets, Ran

#: So much of a model's weights lies in a GPU's memory where it computes there, in tenths: some layers may be kept in fewer bits.
_TENTHS = 8
#: What has to lie there where nobody knows how large the weights are. HIP itself takes some memory for any process that uses it.
_UNKNOWN_WEIGHTS = 64 << 20


class Sight(NamedTuple):
    """All that was seen of a process on one GPU."""

    card: Card | None  # None: which of the machine's it is cannot be said
    name: str  # in words
    stray: bool = False  # it has a number that none of the machine's GPUs has
    packets: int = 0  # that the GPU took while it transcribed
    queues: int = 0
    kfd_vram: int = 0
    drm_vram: int = 0
    looked: int = 0
    busy: int = 0  # of these looks, how often its waves were in flight

    @property
    def vram(self) -> int:
        """At its highest, by whoever saw more of it."""
        return max(self.kfd_vram, self.drm_vram)


def sights(ran: Ran, cards: Sequence[Card]) -> tuple[Sight, ...]:
    """Every GPU that something was seen on.

    KFD names processes by the numbers of the initial namespace: elsewhere what stands there may be another process.
    """
    found: dict[object, Sight] = {}

    def at(field: str, value: int | str | None) -> object:
        card = _card(cards, field, value) if value is not None else None
        if card is None and field == "node" and (value is None or any(one.node is None for one in cards)):
            # The runtime numbers the GPUs that it may open; the kernel, all (topology.c in ROCm/ROCR-Runtime libhsakmt).
            card = _chosen(ran, cards)
        key: object = cards.index(card) if card else (field, value)
        if key not in found:
            known = value is None or not cards or any(getattr(one, field) is None for one in cards)
            found[key] = Sight(card, _named(card, field, value), stray=card is None and not known)
        return key

    for node, packets in _consumed(ran).items():
        key = at("node", node)
        found[key] = found[key]._replace(packets=found[key].packets + packets)
    for kfd in ran.watched.kfd if ran.watched.namespace == "initial" else ():
        key, busy = at("gpu_id", kfd.gpu_id), max(kfd.busy, int((kfd.occupied or 0) > 0))
        found[key] = found[key]._replace(
            queues=max(found[key].queues, kfd.compute_queues),
            kfd_vram=max(found[key].kfd_vram, kfd.vram_bytes),
            looked=max(found[key].looked, kfd.looked, busy),
            busy=max(found[key].busy, busy),
        )
    for drm in ran.watched.drm:
        key = at("pci", drm.pci.lower())
        card = found[key].card
        # On an APU the machine's memory is the GPU's; elsewhere it only waits there for its way to the GPU.
        size = drm.vram_bytes + (drm.gtt_bytes if card and card.integrated else 0)
        found[key] = found[key]._replace(drm_vram=max(found[key].drm_vram, size))
    return tuple(found.values())


def transcribed(ran: Ran) -> int:
    """How many clips it transcribed."""
    return sum(heard.error is None for heard in ran.heard)


def needed(ran: Ran, model_bytes: int | None) -> tuple[int, str]:
    """How much of a GPU's memory a model there takes at least, and in words what that rests on."""
    weights = (ran.loaded.weights_bytes if ran.loaded else None) or 0
    if weights > 0:
        return -(-weights * _TENTHS // 10), f"its weights are {mib(weights)}"
    if model_bytes and model_bytes > 0:
        return -(-model_bytes * _TENTHS // 10), f"its files are {mib(model_bytes)}"
    return _UNKNOWN_WEIGHTS, f"how large its weights are is not known: {mib(_UNKNOWN_WEIGHTS)} at least were expected"


def mib(size: int) -> str:
    """1234 MiB."""
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


def _consumed(ran: Ran) -> dict[int | None, int]:
    """By KFD's node, the packets that the GPU took after the model was loaded; never more than were put there."""
    if ran.loaded is None or ran.hook.state != "counted":
        return {}
    before, after = _sums(ran.hook.at_load), _sums(ran.hook.at_end)
    gained = {node: (now[0] - before.get(node, (0, 0))[0], now[1] - before.get(node, (0, 0))[1]) for node, now in after.items()}
    return {node: max(0, min(both)) for node, both in gained.items()}


def _sums(packets: Sequence[Packets]) -> dict[int | None, tuple[int, int]]:
    found: dict[int | None, tuple[int, int]] = {}
    for one in packets:
        written, consumed = found.get(one.node, (0, 0))
        found[one.node] = written + one.written, consumed + one.consumed
    return found


def _card(cards: Sequence[Card], field: str, value: int | str) -> Card | None:
    return next((card for card in cards if _lower(getattr(card, field)) == value), None)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _chosen(ran: Ran, cards: Sequence[Card]) -> Card | None:
    """The GPU that HIP gives this process, or the only one."""
    pci = ran.loaded.gpu_pci if ran.loaded else None
    return (_card(cards, "pci", pci.lower()) if pci else None) or (cards[0] if len(cards) == 1 else None)


def _named(card: Card | None, field: str, value: int | str | None) -> str:
    if card:
        return " at ".join(filter(None, (card.gfx or card.name or "the GPU", card.pci)))
    words = {"node": "the GPU of KFD's node", "gpu_id": "the GPU that KFD calls", "pci": "the GPU at"}
    return "a GPU" if value is None else f"{words[field]} {value}"
