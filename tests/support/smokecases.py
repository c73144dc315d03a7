"""A case of `rocmkit smoke` in which all is well, ways to change it, and every case that the types allow."""

from __future__ import annotations

import functools
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.model import Model
from rocmkit.smoke.observed import (
    Card,
    Clip,
    Encoded,
    Evidence,
    Heard,
    Hook,
    KfdSeen,
    Loaded,
    Observed,
    Packets,
    Ran,
    UsedModel,
    Watched,
)
from rocmkit.trial.values import Trial

PCI, OTHER_PCI = "0000:63:00.0", "0000:43:00.0"
WEIGHTS = 1 << 30
MI50 = Card(
    gfx="gfx906",
    name="Instinct MI50",
    pci=PCI,
    node=1,
    gpu_id=51887,
    render_node="/dev/dri/renderD128",
    vram_bytes=16 << 30,
    integrated=False,
)
OTHER = replace(MI50, gfx="gfx1100", name="RX 7900 XTX", pci=OTHER_PCI, node=2, gpu_id=4670, render_node="/dev/dri/renderD129")
APU = replace(MI50, gfx="gfx1103", name="Radeon 780M", integrated=True)
#: Without readings: the texts are kana, which are read as they stand.
TEXTS = {"one.wav": "きょうはいいてんきですね。", "two.wav": "あしたはあめがふるでしょう。"}
CLIPS = tuple(Clip(name=name, file=f"/clips/{name}", sha256="0" * 64, text=text) for name, text in TEXTS.items())
HEARD = tuple(Heard(clip=name, text=text, audio_s=3.0, seconds=0.5, timestamps="segment", language="ja") for name, text in TEXTS.items())
SAMPLE = tuple(round(((7 * at) % 13 - 6) / 6, 4) for at in range(64))
ENCODED = Encoded(shape=(1, 4, 16), finite=True, norm=sum(value * value for value in SAMPLE) ** 0.5, sample=SAMPLE)
LOADED = Loaded(
    seconds=2.0,
    device="gpu",
    dtype="float16",
    weights_bytes=WEIGHTS,
    claims=(Evidence(kind="library", where="model.device", value="cuda"),),
    gpu_pci=PCI,
    runtimes=("/opt/rocm/lib/libamdhip64.so.6",),
)
COUNTED = Hook(
    state="counted",
    at_load=(Packets(node=1, queues=1, written=40, consumed=40),),
    at_end=(Packets(node=1, queues=2, written=1382, consumed=1382),),
)
NOT_BUILT = Hook(state="not-built", because="there is no C compiler")
#: A chip that does not tell whose waves are in flight.
SEEN = Watched(
    samples=200,
    seconds=4.0,
    namespace="initial",
    kfd_opened=True,
    kfd=(KfdSeen(gpu_id=51887, compute_queues=2, vram_bytes=WEIGHTS + (300 << 20)),),
)
UNSEEN = Watched(samples=200, seconds=4.0, namespace="initial")


def trial(outcome: Any = "pass", **fields: Any) -> Trial:
    return Trial(name="faster-whisper-gpu", outcome=outcome, seconds=9.0, peak_bytes=2 << 30, **fields)


MAIN = Ran(device="gpu", trial=trial(), loaded=LOADED, heard=HEARD, again=HEARD, encoded=ENCODED, hook=COUNTED, watched=SEEN)
#: What a process is told of that computes on the processor, whatever it was asked for.
ON_CPU = Ran(
    device="gpu",
    trial=trial(),
    loaded=replace(LOADED, device="cpu", dtype="float32", claims=(), gpu_pci=None, runtimes=()),
    heard=HEARD,
    again=HEARD,
    encoded=ENCODED,
    hook=Hook(state="not-loaded", because="no HSA runtime"),
    watched=UNSEEN,
)
CONTROL = Ran(device="gpu", trial=trial("fail", because="RuntimeError: no ROCm-capable device is detected"), watched=UNSEEN)
CPU = replace(ON_CPU, device="cpu", again=(), hook=Hook(state="not-wanted"), watched=Watched())
GOOD = Observed(
    backend="faster-whisper",
    engine="ctranslate2",
    model=UsedModel(id="base", bytes=WEIGHTS),
    python="/venv/bin/python",
    device="gpu",
    clips=CLIPS,
    cards=(MI50, OTHER),
    kfd_device="driver",
    main=MAIN,
    control=CONTROL,
    cpu=CPU,
)


def with_main(seen: Observed = GOOD, **fields: Any) -> Observed:
    assert seen.main
    return replace(seen, main=replace(seen.main, **fields))


def with_loaded(seen: Observed = GOOD, **fields: Any) -> Observed:
    return with_main(seen, loaded=replace(LOADED, **fields))


def said(texts: dict[str, str], **fields: Any) -> tuple[Heard, ...]:
    return tuple(replace(heard, text=texts.get(heard.clip, heard.text), **fields) for heard in HEARD)


def consumed(count: int, node: int | None = 1) -> Hook:
    """A hook that counted so many packets while it transcribed."""
    return replace(
        COUNTED,
        at_end=(Packets(node=node, queues=2, written=40 + count, consumed=40 + count),),
        at_load=COUNTED.at_load if node == 1 else (),
    )


@functools.cache
def every(kind: Any) -> st.SearchStrategy[Any]:
    """All values of a type that a file can hold."""
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Model):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: every(hint) for name, hint in hints.items() if not name.startswith("_")})
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of(*(every(one) for one in args))
    if origin is tuple:
        return st.lists(every(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(every(args[0]), every(args[1]), max_size=2)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.sampled_from(("", "one.wav", "two.wav", PCI, "librocjitsu.so", "float32", "LD_PRELOAD", "ja", *TEXTS.values()))
        | st.text(max_size=12),
        int: st.sampled_from((-1, 0, 1, 2, 51887, WEIGHTS)) | st.integers(-(1 << 63), 1 << 70),
        float: st.sampled_from((-1.0, 0.0, 0.5, 1e308, float("nan"), float("inf"))) | st.floats(),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain.get(kind, st.none())
