"""What shows where a process computed, and whether that is a proof that a GPU did. Pure.

Only the GPU's own side counts as a proof: packets that it took out of this process's queues, waves of this process in flight, or a queue
and the model's memory there where no more is to be had. What a library says of itself is none, since most fall back without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rocmkit.smoke.observed import Evidence, Hook, Observed, Packets, Ran
from rocmkit.smoke.result import Level, Proof
from rocmkit.smoke.sights import Sight, mib, needed, sights, transcribed
from rocmkit.trial.maps import runtimes

#: Packets that the GPU takes for a clip at the least. On an emulated gfx906 a sum of two vectors took 10 in all, and a Whisper of one layer
#: 691 for one sound.
LEAST_PACKETS = 20
#: Weakest first.
LEVELS: tuple[Level, ...] = ("none", "claimed", "resident", "executed")
#: A process that the kernel looked at so often has a folder at KFD by then, if it uses a GPU.
_LOOKS = 20
#: An emulator of AMD GPUs that is preloaded (ROCm/rocm-systems emulation/rocjitsu), and what gives the runtime a model of a GPU in place of
#: one (ROCm/rocm-systems projects/rocr-runtime/libhsakmt).
_EMULATOR = "rocjitsu"
_PRELOADS = ("LD_PRELOAD", "LD_AUDIT")
_MODELS = ("HSA_MODEL_TOPOLOGY", "HSA_MODEL_LIB")
_OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"
_SHOWN = 3


class Proved(NamedTuple):
    """A proof, and the page on what it lacks."""

    proof: Proof
    code: str | None  # None: it is enough


def unrun(because: str) -> Proof:
    """Where nothing ran."""
    return Proof(level="none", because=because, enough=False)


def prove(seen: Observed, ran: Ran) -> Proved:
    """What shows that this process computed on a GPU."""
    found = sights(ran, seen.cards)
    level, sight = _strongest(seen, ran, found)
    emulated = _emulated(seen, ran, level)
    lacks = emulated or _lacks(ran, level, sight)
    beside = (emulated if level == "none" else lacks) or (f"more was not to be had: {_more(ran)}" if level == "resident" else None)
    proof = Proof(
        level=level,
        because="; ".join(filter(None, (_told(seen, ran, level, sight), beside))),
        enough=not lacks,
        gpu=sight.card if sight else None,
        evidence=(*_counted(ran.hook), *ran.watched.evidence, *(ran.loaded.claims if ran.loaded else ()), *_environment(seen)),
        warnings=tuple(_warnings(seen, ran, sight)),
    )
    return Proved(proof, "RK713" if emulated else "RK705" if lacks else None)


def level_of(ran: Ran, sight: Sight, model_bytes: int | None) -> Level:
    """What a GPU by itself shows."""
    least = needed(ran, model_bytes)[0]
    if sight.busy > 0 or _took(ran, sight):
        return "executed"
    by_kfd = sight.queues > 0 and sight.kfd_vram >= least
    return "resident" if by_kfd or (sight.card and sight.drm_vram >= least) else "none"


def _took(ran: Ran, sight: Sight) -> bool:
    """Whether the GPU took packets enough for a model, and not for copying each sound there and back alone."""
    return sight.packets >= LEAST_PACKETS * max(1, transcribed(ran))


def _strongest(seen: Observed, ran: Ran, found: Sequence[Sight]) -> tuple[Level, Sight | None]:
    pci = ((ran.loaded.gpu_pci if ran.loaded else None) or "").lower()

    def strength(sight: Sight) -> tuple[int, bool, bool, bool, int, int, int]:
        level = LEVELS.index(level_of(ran, sight, seen.model.bytes))
        there = bool(pci and sight.card and (sight.card.pci or "").lower() == pci)
        return level, _took(ran, sight), not sight.stray, there, sight.packets, sight.busy, sight.vram

    best = max(found, key=strength, default=None)
    level = level_of(ran, best, seen.model.bytes) if best else "none"
    if best and level != "none":
        return level, best
    return ("claimed" if ran.loaded and ran.loaded.device == "gpu" else "none"), best


def _told(seen: Observed, ran: Ran, level: Level, sight: Sight | None) -> str:
    if level == "executed" and sight:
        if _took(ran, sight):
            return f"{sight.name} took {sight.packets} packets out of this process's queues while {_clips(ran)}"
        return f"waves of this process were in flight on {sight.name} in {sight.busy} of {sight.looked} looks"
    if level == "resident" and sight:
        queues = f"{sight.queues} compute queue{'s' * (sight.queues != 1)} and " if sight.queues else ""
        return f"it had {queues}{mib(sight.vram)} of memory on {sight.name}, and {needed(ran, seen.model.bytes)[1]}"
    if ran.loaded is None:
        return "the model was not loaded"
    if level == "none":
        shows = _little(sight) if sight and (sight.queues or sight.vram) else "no GPU shows any trace of it"
        return f"the library says that it computes on the processor, and {shows}"
    return f"the library says that it computes on the GPU, and {_unseen(seen, ran, sight)}"


def _unseen(seen: Observed, ran: Ran, sight: Sight | None) -> str:
    least, of = needed(ran, seen.model.bytes)
    if sight is None:
        opened = "it opened /dev/kfd, which any program can, and " if ran.watched.kfd_opened else ""
        return f"{opened}nothing else shows that ({_more(ran)})"
    return f"{_little(sight)}, where {mib(least)} at least were expected: {of}"


def _little(sight: Sight) -> str:
    return f"of it {sight.name} shows {sight.queues} compute queue{'s' * (sight.queues != 1)} and {mib(sight.vram)} of memory"


def _lacks(ran: Ran, level: Level, sight: Sight | None) -> str | None:
    """Why that is no proof; None: it is one."""
    if level in ("claimed", "none") or sight is None:
        return "what a library says of itself is no proof"
    if sight.stray:
        return "this machine has no such GPU"
    if _took(ran, sight):
        watched = ran.watched
        unread = any("kfd" in gap.lower() for gap in watched.gaps)
        looked = watched.namespace == "initial" and watched.samples >= _LOOKS and not unread
        return "KFD knows nothing of that process" if looked and not watched.kfd_opened and not watched.kfd else None
    if ran.hook.state == "counted" and not ran.hook.because:  # all that there are
        return f"but the GPU took {sight.packets} packets out of its queues while {_clips(ran)}"
    if level == "executed":
        return None
    if ran.hook.state == "not-wanted":
        return "packets were not counted"
    if sight.looked > 0:
        return f"but in {sight.looked} looks none of its waves was in flight there"
    if not sight.queues and any(one.gpu_id == (sight.card.gpu_id if sight.card else None) for one in ran.watched.kfd) and _by_kfd(ran):
        return "but KFD saw no compute queue of it there"
    return None


def _more(ran: Ran) -> str:
    """Why nothing stronger than memory and a queue was to be had."""
    return f"{_no_packets(ran.hook)}; {_no_occupancy(ran)}"


def _no_packets(hook: Hook) -> str:
    if hook.state == "counted":
        beside = f", of those that could be counted: {hook.because}" if hook.because else ""
        return f"the GPU took no packets of it while it transcribed{beside}"
    return f"packets were not counted{f': {hook.because}' if hook.because else ''}"


def _by_kfd(ran: Ran) -> bool:
    return ran.watched.namespace == "initial" and bool(ran.watched.kfd)


def _no_occupancy(ran: Ran) -> str:
    if ran.watched.namespace == "other":
        return "in this container KFD's numbers of processes are others"
    if not _by_kfd(ran):
        return "KFD tells nothing of it"
    if any(one.occupied is not None for one in ran.watched.kfd):
        return "none of its waves was seen in flight"
    return "this kernel or GPU does not tell which process its compute units work for"


def _clips(ran: Ran) -> str:
    count = transcribed(ran)
    return f"{count} clip{'s were' if count != 1 else ' was'} transcribed"


def _emulated(seen: Observed, ran: Ran, level: Level) -> str | None:
    """What shows that this is no GPU; None: nothing."""
    mapped = runtimes((*ran.trial.mapped, *(ran.loaded.runtimes if ran.loaded else ()))).get("emulator")
    if mapped:
        return f"but {mapped[0]} is in the process, which emulates a GPU"
    name = next((name for name in _PRELOADS if _EMULATOR in seen.environment.get(name, "").lower()), None)
    name = name or next((name for name in _MODELS if seen.environment.get(name)), None)
    if name:
        return f"but {name} is {seen.environment[name]}, which brings an emulated GPU"
    if seen.kfd_device == "other":
        return "but /dev/kfd is no device of the kernel's driver"
    if seen.kfd_device == "absent" and LEVELS.index(level) >= LEVELS.index("resident"):
        return "but there is no /dev/kfd: under WSL, as in an emulation, nothing here shows that it was a GPU"
    return None


def _counted(hook: Hook) -> Iterator[Evidence]:
    for when, packets in (("when the model was loaded", hook.at_load), ("when the clips were transcribed", hook.at_end)):
        yield from (Evidence(kind="aql-packets", where=_where(one), value=_numbers(one, when)) for one in packets)


def _where(one: Packets) -> str:
    return "queues of the HSA runtime" + (f", node {one.node}" if one.node is not None else "")


def _numbers(one: Packets, when: str) -> str:
    return f"{one.consumed} of {one.written} packets consumed, in {one.queues} queue{'s' * (one.queues != 1)}, {when}"


def _environment(seen: Observed) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind="environment", where=name, value=value) for name, value in seen.environment.items())


def _warnings(seen: Observed, ran: Ran, sight: Sight | None) -> Iterator[str]:
    if value := seen.environment.get(_OVERRIDE):
        yield f"{_OVERRIDE} is {value}: libraries take the GPU for another one, and run code that was not made for it"
    for name in _PRELOADS:
        preload = seen.environment.get(name, "")
        if preload and _EMULATOR not in preload.lower():
            yield f"{name} is {preload}: what is preloaded can stand in for any library"
    hip = runtimes((ran.loaded.runtimes if ran.loaded else ()) or ran.trial.mapped).get("hip", ())
    if len(hip) > 1:
        named = ", ".join(hip[:_SHOWN]) + (f" and {len(hip) - _SHOWN} more" if len(hip) > _SHOWN else "")
        yield f"{len(hip)} HIP runtimes in one process, each with its own memory and queues: {named}"
    chosen = ((ran.loaded.gpu_pci if ran.loaded else None) or "").lower()
    if chosen and sight and sight.card and sight.card.pci and sight.card.pci.lower() != chosen:
        yield f"HIP's first GPU is at {chosen}, but what was seen is on {sight.name}"
    if seen.kfd_device == "unknown" and ran.device == "gpu":
        yield "whether /dev/kfd is the kernel's own could not be read"
    yield from ran.watched.gaps
