"""The GPUs that a case can run on, of the facts. Pure."""

from __future__ import annotations

from rocmkit.facts import Facts, Gap
from rocmkit.facts.gpus import Gpu
from rocmkit.smoke.observed import Card


def cards_of(facts: Facts) -> tuple[Card, ...]:
    """The AMD GPUs, in the order of KFD's nodes; those that KFD does not have come last."""
    if isinstance(facts.gpus, Gap):
        return ()
    return tuple(map(_card, sorted(facts.gpus, key=lambda gpu: (gpu.kfd_node is None, gpu.kfd_node or 0))))


def _card(gpu: Gpu) -> Card:
    return Card(
        gfx=gpu.gfx,
        name=gpu.name,
        pci=gpu.pci,
        node=gpu.kfd_node,
        gpu_id=gpu.kfd_gpu_id,
        render_node=gpu.render_node,
        vram_bytes=gpu.vram_bytes,
        integrated=gpu.integrated,
    )
