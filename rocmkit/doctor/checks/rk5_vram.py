"""RK507: whether there is room on the GPU for a model that transcribes."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._sizes import said
from rocmkit.doctor.checks._stack import older, targets
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Gpu, Hub, System
from rocmkit.model import Model

#: Words in a model's name and its millions of parameters, as its card says; the first that fits counts.
_PARAMETERS = (
    (r"nue-asr", 3700),
    (r"mms-1b|xls-r-1b", 965),
    (r"xls-?r|xlsr|wav2vec2-large", 317),
    (r"kotoba-whisper|distil(-whisper)?-large", 756),
    (r"whisper.*turbo", 809),
    (r"whisper.*large", 1550),
    (r"whisper.*medium", 769),
    (r"whisper.*small", 244),
    (r"whisper.*base", 74),
    (r"whisper.*tiny", 39),
)
#: What a program needs beside the weights, which take two bytes a parameter in half precision: an estimate, no measurement.
_BESIDE = 3 << 29
#: whisper small in half precision: with less, nothing that transcribes well has room.
_LEAST = 244_000_000 * 2 + _BESIDE


class _Room(Model, kw_only=True):
    gpu: Gpu
    total: int
    free: int  # `total` where it is not known what others use
    used: int | None


@check("RK507", "vram-low", title="Too little video memory for the model", severity="warning")
def vram(gpus: tuple[Gpu, ...], env: dict[str, str] | Gap, hub: Hub | Gap, system: System | Gap) -> Outcome:
    """The GPU that programs take first has no room for a model, be it too small or used by other programs now.

    ## What it looks at

    The size of the video memory (KFD's memory banks, else mem_info_vram_total) and what all processes use of it now
    (mem_info_vram_used), of the GPU that programs take first; and which known models are in the Hugging Face cache. A model's need is
    an estimate: two bytes a parameter for half precision, and 1.5 GiB beside. Without models in the cache, whisper small is the
    measure: about 2 GiB.

    ## Why it matters

    "HIP out of memory" while a model loads or on the first long recording; a processor's GPU may hang instead. openai-whisper keeps
    its weights in single precision and needs about twice as much: its own table says 10 GB for large, 6 GB for turbo, 5 GB for medium,
    2 GB for small. int8 in faster-whisper needs about half. On processors, kernels before 6.10 give ROCm only the part of main memory
    that the firmware set aside for the GPU, often 512 MiB; from 6.10 on they lend it more (mem_info_gtt_total).

    ## Fix

    End other programs on the GPU, take another GPU, a smaller model, or int8. On a processor's GPU, set more memory aside in the firmware
    setup (UMA frame buffer size).

    ## Safe to ignore when

    The model that you use is smaller, quantised, or runs: the figures are estimates.

    ## Sources

    - openai/whisper README.md
    - lamikr/rocm_sdk_builder#257
    - ROCm/legacy-rocm-build#2014
    - ollama/ollama#6282
    """
    kernel = "" if isinstance(system, Gap) or isinstance(system.kernel, Gap) else system.kernel
    lent = not older(kernel, "6.10")
    kinds = targets(gpus, env)
    ours = {place for kind in kinds for place in kind.gpus}
    rooms = [room for gpu in gpus if advice.place(gpu) in ours and (room := _room(gpu, lent=lent)) is not None]
    first = next((kind.gpus[0] for kind in kinds if kind.first), None)
    mine = next((room for room in rooms if advice.place(room.gpu) == first), None)
    if mine is None:
        return skip("the video memory of the GPU that programs take first is not known")
    models = {} if isinstance(hub, Gap) else {name: need for name in hub.models if (need := _need(name)) is not None}
    evidence = [_seen(mine)]
    if models:
        name, need = max(models.items(), key=lambda pair: (pair[1], pair[0]))
        evidence.append(Seen(hub.path if isinstance(hub, Hub) else "cache", f"{name}: about {said(need)} in half precision (estimate)"))
    else:
        name, need = "whisper small", _LEAST
    if mine.free >= need:
        return judge([], *evidence)
    if not models:
        evidence.append(Seen("estimate", f"{name}: about {said(need)} in half precision"))
    others = [room for room in rooms if room is not mine and room.free >= need]
    return judge([_finding(mine, name, need, others, tuple(evidence))])


def _room(gpu: Gpu, *, lent: bool) -> _Room | None:
    """A part of a split card does not know its own share of what is used. `lent`: the kernel lends main memory to a processor's GPU."""
    if not gpu.vram_bytes:
        return None
    if lent and advice.integrated(gpu) and (gpu.gtt_bytes or 0) > gpu.vram_bytes:
        return _Room(gpu=gpu, total=gpu.gtt_bytes or 0, used=None, free=gpu.gtt_bytes or 0)
    used = gpu.vram_used_bytes if gpu.partition is None and gpu.vram_used_bytes is not None else None
    return _Room(gpu=gpu, total=gpu.vram_bytes, used=used, free=max(0, gpu.vram_bytes - (used or 0)))


def _need(name: str) -> int | None:
    found = next((millions for words, millions in _PARAMETERS if re.search(words, name[:200], re.IGNORECASE)), None)
    return None if found is None else found * 1_000_000 * 2 + _BESIDE


def _seen(room: _Room) -> Seen:
    used = "" if room.used is None else f", of which {said(room.used)} are used now by all programs"
    kind = "main memory that the kernel lends" if room.total != room.gpu.vram_bytes else "video memory"
    return Seen(advice.place(room.gpu), f"{said(room.total)} of {kind}{used}")


def _finding(room: _Room, name: str, need: int, others: list[_Room], evidence: tuple[Seen, ...]) -> Finding:
    values = {"gpu": advice.place(room.gpu), "name": name, "need": said(need), "total": said(room.total), "free": said(room.free)}
    commands: tuple[str, ...] = ()
    caution: Text | None = None
    if room.total >= need:
        message = say(
            "{gpu} has {free} of {total} free now: {name} needs about {need} in half precision (estimate), other programs hold the rest",
            **values,
        )
        text = say("see which programs use the GPU and end those that you do not need, or take a smaller model or int8")
        commands = ("rocm-smi --showpids --showmeminfo vram", "sudo fuser -v /dev/kfd")
        caution = say("a desktop session may be among them: do not end what you do not know")
    elif advice.integrated(room.gpu):
        message = say(
            "{gpu} has {total} of main memory: {name} needs about {need} in half precision (estimate)",
            **values,
        )
        text = say(
            "set more memory aside for the GPU in the firmware setup (UMA frame buffer size), start kernel 6.10 or newer,"
            " or take a smaller model"
        )
        caution = say("what is set aside for the GPU is lost to all other programs")
    else:
        message = say("{gpu} has {total}: {name} needs about {need} in half precision (estimate)", **values)
        text = say("take a smaller model, or int8 with faster-whisper; the processor computes the large ones, more slowly")
    if others:
        text = say("take the other GPU, {other}, which has {room} free", other=advice.place(others[0].gpu), room=said(others[0].free))
        commands = ("rocm-smi --showbus --showmeminfo vram", 'export HIP_VISIBLE_DEVICES="$NUMBER"')
    return Finding(
        subject=advice.place(room.gpu),
        message=message,
        confidence="likely",
        seen=(*evidence, *(_seen(other) for other in others)),
        fix=Fix(
            text=text,
            commands=commands,
            verify=("rocm-smi --showmeminfo vram",),
            root=any("sudo" in command for command in commands),
            caution=caution,
        ),
    )
