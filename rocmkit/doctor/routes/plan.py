"""All routes of a machine, ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from rocmkit.doctor.result import Result
from rocmkit.doctor.routes import ct2, migraphx, ort, recipe, torch
from rocmkit.doctor.routes.ground import NO_KERNELS, OF_THE_BUILD, VRAM_LOW, Ground, vram
from rocmkit.doctor.routes.ground import ground as stands
from rocmkit.doctor.routes.ideas import ideas
from rocmkit.doctor.routes.values import WAYS, Idea, Offer, Route, Vram
from rocmkit.doctor.routes.ways import on_cpu
from rocmkit.doctor.unknown import some_python
from rocmkit.facts import Facts, Gap
from rocmkit.kb.systems import Engine, SpeechSystem, systems
from rocmkit.model import Model

_KNOWN = ("measured", "documented", "reported", "inferred")
_WAYS: dict[Engine, Callable[[SpeechSystem, Ground, Vram | None], tuple[Route, ...]]] = {
    "torch": torch.routes,
    "ctranslate2": ct2.routes,
    "onnxruntime": ort.routes,
}


class Plan(Model, kw_only=True):
    """Where a machine can go."""

    routes: tuple[Route, ...]  # by system, best first
    ideas: tuple[Idea, ...]  # ways that people try


def plan(facts: Facts, results: Iterable[Result], offers: tuple[Offer, ...] = (), *, limit_bytes: int | None = None) -> Plan:
    """The routes of a machine. `offers` are what recipes can build, `limit_bytes` what the user allows of the video memory.

    Empty where there is no AMD GPU. Where its architecture is not known, only the ways to the processor are there.
    """
    if facts.gpus == ():
        return Plan(routes=(), ideas=())
    results = tuple(results)
    # Nothing is installed into a Python that nobody looked at: it makes an environment.
    made = msgspec.structs.replace(some_python(), kind="system", externally_managed=True)
    python = made if isinstance(facts.python, Gap) else facts.python
    machine = stands(facts, results, python)
    builds = frozenset(result.code for result in results if result.id in OF_THE_BUILD)
    found: list[Route] = []
    for system in systems():
        ways = [cpu] if (cpu := on_cpu(system, python, {result.id: result for result in results})) else []
        second: tuple[Route, ...] = ()
        if machine:
            size, gpu = vram(system, machine, limit_bytes), system.on_gpu()
            ways += [*_WAYS[system.engine](gpu, machine, size), *recipe.routes(gpu, machine, offers, size)]
            if system.engine == "onnxruntime":
                second = migraphx.routes(gpu, machine, offers, size)
        ranked = sorted((*ways, *second), key=lambda one: _cost(one, builds, second=one in second))
        found += [msgspec.structs.replace(one, rank=number) for number, one in enumerate(ranked, 1)]
    return Plan(routes=tuple(found), ideas=ideas(machine, offers) if machine else ())


def _cost(one: Route, builds: frozenset[str], *, second: bool) -> tuple[int, bool, int, int, bool, bool, int]:
    """What a route costs: first those that end on the GPU, then the processor, then the uncertain, then what cannot be gone.

    `second`: it is of a kind that comes after all others.

    What a finding's own commands mend is no more than a step of the way; what no command here takes away is its end. `builds`: codes
    that another build of the engine takes away, so that the way as it is has none. What is there and of which too little could be
    seen is tried first: that costs nothing.
    """
    dead = one.status == "blocked" and (
        not one.blocked_by or bool({VRAM_LOW, NO_KERNELS} & {*one.blocked_by}) or (one.way == "as-is" and bool(builds & {*one.blocked_by}))
    )
    group = 3 if dead else 1 if not one.gpu else 2 if one.status == "unknown" and one.way != "as-is" else 0
    in_the_way = len(one.blocked_by) if dead else 0
    return group, second, in_the_way, WAYS.index(one.way), bool(one.blocked_by), not one.commands, _KNOWN.index(one.known)
