"""Run a case: the same model where it is wanted, with the GPU hidden, and on the processor, each in a process of its own.

Nothing is judged here: what was seen goes into `Observed`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from rocmkit.host.names import Names
from rocmkit.kb.systems import Engine
from rocmkit.model import DataError, convert
from rocmkit.smoke.hook import Counting, Hooked
from rocmkit.smoke.observed import (
    Card,
    Clip,
    Encoded,
    Heard,
    Hook,
    KfdDevice,
    Loaded,
    Observed,
    Packets,
    Placed,
    Ran,
    UsedModel,
    Wanted,
    Watched,
)
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.readings import readings
from rocmkit.smoke.watch import Watcher, environment
from rocmkit.trial.device import guarded
from rocmkit.trial.run import runner
from rocmkit.trial.values import Device, Experiment, Limits, Trial
from rocmkit.trial.work import worker

INSIDE = Path(__file__).with_name("inside")
#: HIP takes -1 for none of its devices, and the HSA runtime an empty list. What is left of them is the processor.
HIDDEN: dict[str, str | None] = {"HIP_VISIBLE_DEVICES": "-1", "CUDA_VISIBLE_DEVICES": "-1", "ROCR_VISIBLE_DEVICES": ""}
#: By itself MIOpen compiles and times kernels for each length that it has no record of (ROCm/MIOpen docs/how-to/find-and-immediate.rst).
#: CTranslate2's usual allocator was seen to lose text on HIP (OpenNMT/CTranslate2#2090).
_UNLESS_SET: dict[Engine, dict[str, str]] = {
    "torch": {"MIOPEN_FIND_MODE": "FAST"},
    "onnxruntime": {"MIOPEN_FIND_MODE": "FAST"},
    "ctranslate2": {"CT2_CUDA_ALLOCATOR": "cub_caching"},
}
_OFFLINE: dict[str, str | None] = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}

T = TypeVar("T")
Hear = Callable[[str], None]


class Room(NamedTuple):
    """The machine, and how cases are run on it."""

    names: Names
    cards: tuple[Card, ...]
    wanted: Wanted
    hooked: Hooked
    kfd_device: KfdDevice
    timeout_s: float  # of each process
    memory_bytes: int | None = None  # of each process and its children; None: most of what is free
    max_cer: float | None = None  # in place of what each model is held to
    environ: Mapping[str, str] = os.environ
    watcher: Callable[[Sequence[Card]], Watcher] = Watcher


def observe(planned: Planned, clips: Sequence[Clip], room: Room, tell: Hear | None = None) -> Observed:
    """Run it, and say all that was seen. A process that cannot be started has failed."""
    seen = Observed(
        backend=planned.backend.id,
        engine=planned.backend.engine,
        model=_shown(planned, room.names),
        python=planned.python,
        device=planned.device,
        device_why=planned.device_why,
        compute_type=planned.compute_type,
        clips=tuple(replace(clip, file=room.names.hide(clip.file)) for clip in clips),
        cards=room.cards,
        wanted=held_to(planned, room),
        # With what is set here: a program without it may go another way, and die where this one does not.
        environment={
            name: room.names.hide_text(value) for name, value in environment({**_set_here(planned, room), **room.environ}).items()
        },
        kfd_device=room.kfd_device,
        skip=planned.skip,
    )
    if planned.skip:
        return seen

    def say(what: str) -> None:
        if tell:
            tell(f"{planned.backend.id}: {what}")

    where = "on the processor" if planned.device == "cpu" else "on the GPU; its first time may take minutes"
    say(f"{where}, for {room.timeout_s:.0f} s at most")
    main = _run(planned, clips, room, device=planned.device, twice=True)
    control = cpu = None
    if planned.device == "gpu":
        if room.wanted.control and main.loaded and main.loaded.device == "gpu":
            say("with the GPU hidden")
            control = _run(planned, clips[:1], room, device="gpu", hide=True)
        say("on the processor, to compare")
        cpu = _run(planned, compared(clips), room, device="cpu", hide=True)
    say("reading the texts")
    return replace(seen, main=main, control=control, cpu=cpu, readings=_readings(planned, clips, (main, cpu), room))


def _set_here(planned: Planned, room: Room) -> dict[str, str]:
    """The variables that are set for a case on the GPU, unless the user has."""
    wanted = _UNLESS_SET[planned.backend.engine] if planned.device == "gpu" else {}
    return {name: value for name, value in wanted.items() if name not in room.environ}


def _shown(planned: Planned, names: Names) -> UsedModel:
    """The model, without what is private in the names that its user gave it."""
    model = planned.model
    known = any(model.id == one.id for one in planned.backend.models)
    return replace(model, id=model.id if known else names.hide_text(model.id), path=model.path and names.hide(model.path))


def compared(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """What is transcribed on the processor too: the first, and the longest other, since a GPU has other kernels for other lengths."""

    def size(clip: Clip) -> int:
        try:
            return Path(clip.file).stat().st_size
        except (OSError, ValueError):  # the worker says what became of it
            return 0

    return (*clips[:1], *sorted(clips[1:], key=size)[-1:])


def held_to(planned: Planned, room: Room) -> Wanted:
    """What a case is held to: an error rate that was asked for goes before the model's own."""
    if room.max_cer is None:
        return replace(room.wanted, cer_pass=planned.cer_pass)
    return replace(room.wanted, cer_pass=room.max_cer, cer_clip=max(room.wanted.cer_clip, room.max_cer))


def steps(planned: Planned, clips: Sequence[Clip], device: Device, *, twice: bool = False) -> tuple[dict[str, Any], ...]:
    """What the worker is asked for."""
    load = {
        "do": "smoke_load",
        "module": planned.backend.module,
        "model": planned.argument,
        "device": device,
        "compute_type": _type_of(planned, device),
        "options": planned.backend.options,
        "distributions": [name for need in planned.backend.needs for name in need.split("|")],
    }
    each = [{"do": "smoke_transcribe", "clip": clip.name, "file": clip.file} for clip in clips]
    return (load, *each, *(each if twice else ()), {"do": "smoke_encode", "file": clips[0].file}, {"do": "smoke_placed"})


def _type_of(planned: Planned, device: Device) -> str | None:
    """The type to compute in. What a GPU is asked for in 16 bits, libraries refuse on a processor."""
    wanted = planned.compute_type
    if wanted is None or device == planned.device or planned.backend.engine == "onnxruntime":  # whose files are of one type
        return wanted
    return re.sub("b?float16$", "float32", wanted)


def _run(planned: Planned, clips: Sequence[Clip], room: Room, *, device: Device, twice: bool = False, hide: bool = False) -> Ran:
    watched = device == "gpu"
    env = {**_set_here(planned, room), **_OFFLINE, **(HIDDEN if hide else {})}
    watcher = room.watcher(room.cards)
    with Counting(room.hooked if watched else Hooked(None, None)) as counting:
        experiment = replace(
            worker(
                room.names.reveal(planned.python),
                f"{planned.backend.id}-{device}{'-hidden' if hide and watched else ''}",
                steps(planned, clips, device, twice=twice),
                device=device,
                limits=Limits(time_s=room.timeout_s, memory_bytes=room.memory_bytes),
                env={**env, **counting.env()},
                folders=(INSIDE,),
            ),
            fresh_caches=False,  # what MIOpen compiled once is there the next time
        )
        watcher.begin()
        try:
            trial = _tried(experiment, room.names, watcher if watched else None)
        finally:
            seen = watcher.end()
        hook = _hook(room, counting, trial, clips) if watched else Hook(state="not-wanted")
    return _ran(device, trial, clips, seen if watched else Watched(), hook)


def _tried(experiment: Experiment, names: Names, watcher: Watcher | None) -> Trial:
    run = guarded(runner(names, started=watcher.started if watcher else None), None, whole=experiment.device == "gpu")
    try:
        return run(experiment)
    except OSError as error:
        because = f"it cannot be started: {error.strerror or error}"
        return Trial(name=experiment.name, outcome="fail", device=experiment.device, because=because)


def _ran(device: Device, trial: Trial, clips: Sequence[Clip], watched: Watched, hook: Hook) -> Ran:
    """What the worker told, as values. What is no such value is as if it had not been told."""
    told = list(trial.measured)
    many = len(clips)
    heard = [_value({**one, "text": "".join(map(str, one.get("text") or ()))}, Heard) for one in told[1 : 1 + 2 * many] if "clip" in one]
    rest = [one for one in told[1:] if "clip" not in one]
    encoded = next((_value(one, Encoded) for one in rest if "sample" in one), None)
    placed: list[dict[str, Any]] = next((one["placed"] for one in rest if isinstance(one.get("placed"), list)), [])
    return Ran(
        device=device,
        trial=replace(trial, measured=()),
        loaded=_value(told[0], Loaded) if told else None,
        heard=tuple(one for one in heard[:many] if one),
        again=tuple(one for one in heard[many:] if one),
        encoded=encoded,
        placed=tuple(one for one in (_value(one, Placed) for one in placed) if one),
        hook=hook,
        watched=watched,
    )


def _value(told: Mapping[str, Any], kind: type[T]) -> T | None:
    fields = kind.__struct_fields__  # type: ignore[attr-defined]
    try:
        return convert({name: value for name, value in told.items() if name in fields}, kind, source="the worker's answer")
    except DataError:
        return None


def _hook(room: Room, counting: Counting, trial: Trial, clips: Sequence[Clip]) -> Hook:
    """What the hook counted until the model was loaded, and until the last clip was transcribed the first time."""
    if room.hooked.library is None:
        return Hook(state="not-built", because=room.hooked.because and room.names.hide_text(room.hooked.because))
    last = counting.now()
    if last is None:
        nobody = "no HSA runtime loaded it: none was started in this process, or it takes no tools"
        return Hook(state="not-loaded", because=counting.refused() or nobody)
    told = [_packets(one.get("packets")) for one in trial.measured]
    return Hook(
        state="counted",
        because=counting.refused(),
        at_load=told[0] if told and told[0] is not None else (),
        at_end=next((one for one in reversed(told[1 : 1 + len(clips)]) if one is not None), last) if len(told) > len(clips) else last,
    )


def _packets(told: object) -> tuple[Packets, ...] | None:
    try:
        return convert(told, tuple[Packets, ...], source="the worker's answer") if isinstance(told, list) else None
    except DataError:
        return None


def _readings(planned: Planned, clips: Sequence[Clip], rans: Sequence[Ran | None], room: Room) -> dict[str, str]:
    texts = [clip.text for clip in clips if clip.text and not clip.kana]
    texts += [heard.text for ran in rans if ran for heard in ran.heard]
    try:
        return readings(filter(None, texts), runner(room.names), (sys.executable, room.names.reveal(planned.python)))
    except OSError:  # the interpreter cannot be started, which its own process has told
        return {}
