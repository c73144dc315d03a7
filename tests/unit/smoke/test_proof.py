"""What counts as a proof that a GPU computed: each way in which a run on the processor could look like one is a row here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.smoke.control import hold
from rocmkit.smoke.observed import Card, CardSeen, DrmSeen, Hook, KfdSeen, Observed, Packets, Ran, Watched
from rocmkit.smoke.proof import LEVELS, prove
from rocmkit.smoke.sights import sights
from tests.support.smokecases import (
    APU,
    CONTROL,
    COUNTED,
    GOOD,
    HEARD,
    LOADED,
    MAIN,
    MI50,
    NOT_BUILT,
    ON_CPU,
    OTHER,
    OTHER_PCI,
    PCI,
    SEEN,
    UNSEEN,
    WEIGHTS,
    consumed,
    every,
    trial,
    with_loaded,
    with_main,
)

CONTAINER = Watched(samples=200, namespace="other", drm=(DrmSeen(pci=PCI, clients=1, vram_bytes=WEIGHTS),))
NAMELESS = replace(LOADED, weights_bytes=None)
#: A process with two HSA runtimes, of which the hook knows one.
PARTLY = replace(consumed(0), because="the HSA runtime's tables of functions have the versions 4 and 3, which the hook does not know")


def kfd(**fields: Any) -> Watched:
    return replace(SEEN, kfd=(KfdSeen(gpu_id=51887, **fields),))


def proved(seen: Observed) -> tuple[str, bool, str | None]:
    assert seen.main
    found = prove(seen, seen.main)
    return found.proof.level, found.proof.enough, found.code


@pytest.mark.parametrize(
    ("seen", "level", "enough"),
    [
        pytest.param(GOOD, "executed", True, id="packets"),
        pytest.param(with_main(watched=Watched()), "executed", True, id="packets alone"),
        pytest.param(with_main(hook=consumed(40)), "executed", True, id="few packets"),
        pytest.param(with_main(hook=consumed(39), watched=UNSEEN), "claimed", False, id="fewer packets than a model takes"),
        pytest.param(with_main(hook=consumed(0), watched=UNSEEN), "claimed", False, id="packets while the model was loaded alone"),
        pytest.param(with_main(hook=consumed(0)), "resident", False, id="weights there, and no packet while it transcribed"),
        pytest.param(with_main(hook=NOT_BUILT), "resident", True, id="queue and weights"),
        pytest.param(with_main(hook=Hook(state="not-wanted")), "resident", False, id="nobody counted"),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=WEIGHTS * 8 // 10 + 1)), "resident", True, id="0.8"
        ),
        pytest.param(with_main(hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=WEIGHTS * 79 // 100)), "claimed", False, id="0.79"),
        pytest.param(with_main(hook=NOT_BUILT, watched=kfd(compute_queues=0, vram_bytes=WEIGHTS)), "claimed", False, id="no queue"),
        pytest.param(with_main(hook=NOT_BUILT, watched=kfd(compute_queues=4, vram_bytes=0)), "claimed", False, id="queues, no weights"),
        pytest.param(with_main(hook=NOT_BUILT, watched=replace(UNSEEN, kfd_opened=True)), "claimed", False, id="/dev/kfd opened alone"),
        pytest.param(with_main(hook=NOT_BUILT, watched=CONTAINER), "resident", True, id="container, by fdinfo"),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=replace(CONTAINER, drm=(DrmSeen(pci="0000:01:00.0", vram_bytes=WEIGHTS),))),
            "claimed",
            False,
            id="memory of a card that is none of the machine's",
        ),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=replace(kfd(compute_queues=0), drm=CONTAINER.drm)),
            "resident",
            False,
            id="memory by fdinfo, and KFD saw no queue",
        ),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=replace(SEEN, namespace="other")), "claimed", False, id="numbers of another namespace"
        ),
        pytest.param(with_main(hook=NOT_BUILT, watched=replace(SEEN, namespace="unknown")), "claimed", False, id="namespace not known"),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=0, occupied=60, looked=90, busy=30)),
            "executed",
            True,
            id="waves",
        ),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=WEIGHTS, occupied=0, looked=90)),
            "resident",
            False,
            id="the chip tells waves, and there were none",
        ),
        pytest.param(
            with_main(hook=consumed(0), watched=kfd(compute_queues=1, vram_bytes=WEIGHTS, occupied=60, looked=90, busy=3)),
            "executed",
            False,
            id="waves, but no packet while it transcribed",
        ),
        pytest.param(
            with_main(hook=PARTLY, watched=kfd(compute_queues=1, vram_bytes=WEIGHTS, occupied=60, looked=90, busy=30)),
            "executed",
            True,
            id="waves, and no packet of the one runtime that was counted",
        ),
        pytest.param(with_main(hook=PARTLY), "resident", True, id="queue and weights, and no packet of the one runtime that was counted"),
        pytest.param(
            with_main(hook=PARTLY, watched=kfd(compute_queues=1, vram_bytes=WEIGHTS, occupied=0, looked=90)),
            "resident",
            False,
            id="no waves, and no packet of the one runtime that was counted",
        ),
        pytest.param(with_main(loaded=NAMELESS, hook=NOT_BUILT), "resident", True, id="weights by the files"),
        pytest.param(
            replace(
                with_main(loaded=NAMELESS, hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=65 << 20)),
                model=replace(GOOD.model, bytes=None),
            ),
            "resident",
            True,
            id="weights not known",
        ),
        pytest.param(
            replace(
                with_main(loaded=NAMELESS, hook=NOT_BUILT, watched=kfd(compute_queues=1, vram_bytes=63 << 20)),
                model=replace(GOOD.model, bytes=None),
            ),
            "claimed",
            False,
            id="weights not known, little memory",
        ),
        pytest.param(
            with_main(loaded=replace(LOADED, weights_bytes=0), hook=NOT_BUILT, watched=kfd(compute_queues=1)),
            "claimed",
            False,
            id="weights of 0 bytes",
        ),
        pytest.param(
            with_main(hook=Hook(state="counted", at_end=(Packets(node=1, written=300, consumed=900),)), watched=UNSEEN),
            "executed",
            False,
            id="KFD no folder",
        ),
        pytest.param(
            with_main(hook=Hook(state="counted", at_end=(Packets(node=1, written=0, consumed=900),)), watched=Watched()),
            "claimed",
            False,
            id="more packets consumed than written",
        ),
        pytest.param(
            with_main(hook=replace(COUNTED, at_end=(Packets(node=1, written=940, consumed=40),)), watched=UNSEEN),
            "claimed",
            False,
            id="packets written that the GPU never took",
        ),
        pytest.param(with_main(hook=consumed(900, node=7)), "executed", False, id="a node that no GPU of the machine has"),
        pytest.param(with_main(hook=consumed(900, node=None)), "executed", True, id="node not told"),
        pytest.param(
            with_main(replace(GOOD, cards=()), hook=consumed(900, node=7)), "executed", True, id="the machine's GPUs are not known"
        ),
        pytest.param(replace(GOOD, kfd_device="other"), "executed", False, id="/dev/kfd is something else"),
        pytest.param(replace(GOOD, kfd_device="absent"), "executed", False, id="no /dev/kfd"),
        pytest.param(replace(GOOD, environment={"LD_PRELOAD": "/opt/x/librocjitsu.so"}), "executed", False, id="emulator preloaded"),
        pytest.param(replace(GOOD, environment={"LD_AUDIT": "/opt/x/librocjitsu.so"}), "executed", False, id="emulator as an auditor"),
        pytest.param(replace(GOOD, environment={"HSA_MODEL_TOPOLOGY": "/opt/x/topology"}), "executed", False, id="a model of a GPU"),
        pytest.param(
            with_main(watched=replace(UNSEEN, gaps=("/sys/class/kfd/kfd/proc: No such file",))), "executed", True, id="an old kernel"
        ),
        pytest.param(
            with_main(watched=replace(UNSEEN, gaps=("gpu_busy_percent: busy",))), "executed", False, id="KFD read, and no process there"
        ),
        pytest.param(with_main(watched=replace(UNSEEN, samples=19)), "executed", True, id="too short to be seen"),
        pytest.param(with_main(trial=trial(mapped=("/opt/x/librocjitsu.so.1",))), "executed", False, id="emulator mapped"),
        pytest.param(with_main(loaded=replace(LOADED, device="cpu"), hook=NOT_BUILT, watched=UNSEEN), "none", False, id="nothing at all"),
        pytest.param(with_main(loaded=None), "resident", False, id="died while it loaded"),
        pytest.param(
            replace(with_main(hook=NOT_BUILT, watched=replace(CONTAINER, drm=(DrmSeen(pci=PCI, gtt_bytes=WEIGHTS),))), cards=(APU,)),
            "resident",
            True,
            id="APU: the machine's memory is the GPU's",
        ),
        pytest.param(
            with_main(hook=NOT_BUILT, watched=replace(CONTAINER, drm=(DrmSeen(pci=PCI, gtt_bytes=WEIGHTS),))),
            "claimed",
            False,
            id="pinned memory is no VRAM",
        ),
        pytest.param(
            with_main(
                hook=NOT_BUILT,
                watched=replace(UNSEEN, cards=(CardSeen(pci=PCI, busy_percent=100, vram_used_bytes=WEIGHTS, vram_before_bytes=0),)),
            ),
            "claimed",
            False,
            id="a busy card may be another's doing",
        ),
    ],
)
def test_levels(seen: Observed, level: str, enough: bool) -> None:
    found = proved(seen)
    assert found[:2] == (level, enough)
    assert (found[2] is None) == enough


def test_what_is_said_has_numbers() -> None:
    assert (
        prove(GOOD, MAIN).proof.because
        == "gfx906 at 0000:63:00.0 took 1342 packets out of this process's queues while 2 clips were transcribed"
    )
    resident = prove(GOOD, replace(MAIN, hook=NOT_BUILT)).proof.because
    assert resident == (
        "it had 2 compute queues and 1324 MiB of memory on gfx906 at 0000:63:00.0, and its weights are 1024 MiB; more was not to be had: "
        "packets were not counted: there is no C compiler; this kernel or GPU does not tell which process its compute units work for"
    )
    opened = prove(GOOD, replace(MAIN, hook=NOT_BUILT, watched=replace(UNSEEN, kfd_opened=True))).proof.because
    assert "it opened /dev/kfd, which any program can" in opened


def test_the_gpu_is_the_one_with_the_evidence() -> None:
    other = prove(GOOD, replace(MAIN, hook=consumed(900, node=2))).proof
    assert other.gpu == OTHER and other.enough
    assert any(PCI in warning and OTHER_PCI in warning for warning in other.warnings)
    # In a container with the second GPU alone the kernel tells nothing of the first, and the runtime counts from 1 all the same.
    masked = replace(with_loaded(gpu_pci=OTHER_PCI), cards=(replace(MI50, node=None, gpu_id=None), OTHER))
    contained = prove(masked, replace(MAIN, loaded=replace(LOADED, gpu_pci=OTHER_PCI), watched=CONTAINER)).proof
    assert contained.gpu == OTHER and contained.enough and not contained.warnings
    here = prove(GOOD, MAIN).proof
    assert here.gpu == MI50 and not here.warnings


def test_what_is_odd_is_told() -> None:
    seen = with_loaded(
        replace(GOOD, environment={"HSA_OVERRIDE_GFX_VERSION": "9.0.6", "LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, kfd_device="unknown"),
        runtimes=("/opt/rocm/lib/libamdhip64.so.6", "/venv/torch/lib/libamdhip64.so"),
    )
    assert seen.main
    proof = prove(seen, seen.main).proof
    assert proof.enough
    assert [
        next((words for words in ("OVERRIDE", "PRELOAD", "2 HIP runtimes", "could not be read") if words in one), one)
        for one in proof.warnings
    ] == ["OVERRIDE", "PRELOAD", "2 HIP runtimes", "could not be read"]
    assert {"HSA_OVERRIDE_GFX_VERSION", "LD_PRELOAD"} <= {one.where for one in proof.evidence}


@pytest.mark.parametrize(
    ("ran", "outcome", "stands"),
    [
        pytest.param(CONTROL, "failed", True, id="failed"),
        pytest.param(replace(CONTROL, trial=trial("crash", signal="SIGABRT")), "failed", True, id="aborted"),
        pytest.param(replace(CONTROL, trial=trial("crash", signal="SIGKILL")), "not-made", False, id="somebody killed it"),
        pytest.param(replace(CONTROL, trial=trial("crash", limit="memory")), "not-made", False, id="no memory"),
        pytest.param(replace(CONTROL, trial=trial("hang", limit="time")), "not-made", False, id="hung"),
        pytest.param(replace(CONTROL, trial=trial("skipped")), "not-made", False, id="not run"),
        pytest.param(ON_CPU, "cpu", True, id="told as the processor's"),
        pytest.param(replace(ON_CPU, loaded=LOADED), "void", False, id="the library says GPU"),
        pytest.param(
            replace(ON_CPU, loaded=LOADED, trial=trial("crash", signal="SIGSEGV")),
            "void",
            False,
            id="the library says GPU, and died at its end",
        ),
        pytest.param(replace(MAIN, hook=NOT_BUILT), "void", False, id="it has a queue"),
        pytest.param(replace(ON_CPU, hook=COUNTED), "void", False, id="says processor, and packets were consumed"),
        pytest.param(replace(ON_CPU, watched=CONTAINER), "void", False, id="says processor, and has the weights on the GPU"),
        pytest.param(replace(MAIN, trial=trial("fail", because="RuntimeError: x")), "void", False, id="failed after it used the GPU"),
        pytest.param(replace(ON_CPU, loaded=None), "not-made", False, id="told nothing"),
        pytest.param(replace(ON_CPU, heard=()), "not-made", False, id="told of no clip"),
        pytest.param(
            replace(ON_CPU, heard=tuple(replace(one, error="RuntimeError: no GPU") for one in HEARD)), "failed", True, id="no clip"
        ),
        pytest.param(None, "not-made", False, id="missing"),
    ],
)
def test_control(ran: Ran | None, outcome: str, stands: bool) -> None:
    found = hold(replace(GOOD, control=ran))
    assert (found.control.outcome, found.stands) == (outcome, stands)


def test_a_control_that_nobody_wants_is_not_missed() -> None:
    found = hold(replace(GOOD, control=None, wanted=replace(GOOD.wanted, control=False)))
    assert (found.control.outcome, found.stands) == ("not-made", True)


MORE = st.tuples(
    st.lists(every(KfdSeen), max_size=2).map(tuple),
    st.lists(every(DrmSeen), max_size=2).map(tuple),
    st.lists(
        st.builds(Packets, node=st.sampled_from((None, 1, 2, 7)), written=st.integers(0, 999), consumed=st.integers(0, 999)), max_size=2
    ).map(tuple),
)


@given(every(Watched), st.sampled_from((COUNTED, NOT_BUILT, consumed(0))), st.sampled_from(((), (MI50,), (MI50, OTHER), (APU,))), MORE)
def test_more_evidence_never_lowers_a_level(watched: Watched, hook: Hook, cards: tuple[Card, ...], more: Any) -> None:
    ran = replace(MAIN, watched=watched, hook=hook)
    seen = replace(GOOD, cards=cards)
    fuller = replace(
        ran,
        watched=replace(watched, kfd=(*watched.kfd, *more[0]), drm=(*watched.drm, *more[1])),
        hook=replace(hook, at_end=(*hook.at_end, *more[2])),
    )
    assert LEVELS.index(prove(seen, fuller).proof.level) >= LEVELS.index(prove(seen, ran).proof.level)


@given(every(Watched), every(Hook), st.lists(every(Card), max_size=2).map(tuple))
def test_each_gpu_is_seen_once(watched: Watched, hook: Hook, cards: tuple[Card, ...]) -> None:
    ran = replace(MAIN, watched=watched, hook=hook)
    found = [sight.card for sight in sights(ran, cards) if sight.card]
    assert len(found) == len(set(found))
    assert all(sight.packets >= 0 for sight in sights(ran, cards))
