"""What becomes of a case: outcome, page and exit code of every way in which it can go, and what no case can ever do."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.errors import Exit
from rocmkit.kb.backends import backend
from rocmkit.model import convert, to_builtins
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import DrmSeen, Encoded, Evidence, Hook, KfdSeen, Observed, Placed, Ran, Share, Skip, Watched
from rocmkit.smoke.result import Case
from rocmkit.smoke.verdict import verdict
from rocmkit.trial.words import BROKEN_OFF, GONE
from tests.support.smokecases import (
    CLIPS,
    CONTROL,
    COUNTED,
    CPU,
    ENCODED,
    GOOD,
    HEARD,
    LOADED,
    MAIN,
    MI50,
    NOT_BUILT,
    ON_CPU,
    PCI,
    SEEN,
    TEXTS,
    UNSEEN,
    WEIGHTS,
    consumed,
    every,
    said,
    trial,
    with_loaded,
    with_main,
)

ROW = backend("faster-whisper")
GPU, PROCESSOR = "ROCMExecutionProvider", "CPUExecutionProvider"
ON_GPU = Placed(
    model="encoder.onnx", shares=(Share(provider=GPU, of_nodes=0.6, of_time=0.99), Share(provider=PROCESSOR, of_nodes=0.4, of_time=0.01))
)
SPLIT = replace(ON_GPU, compute_on_cpu=("MatMulInteger",))
MOSTLY = replace(SPLIT, shares=(Share(provider=GPU, of_nodes=0.1, of_time=0.1), Share(provider=PROCESSOR, of_nodes=0.9, of_time=0.9)))
WHOLLY = replace(ON_GPU, shares=(Share(provider=PROCESSOR, of_nodes=1.0, of_time=1.0),))
ONNX = replace(with_main(placed=(ON_GPU,)), engine="onnxruntime", model=replace(GOOD.model, path="~/models/k2"))
#: Somebody's own sound, of which nobody said what is said in it.
OWN = replace(GOOD, clips=tuple(replace(clip, text=None) for clip in CLIPS), wanted=replace(GOOD.wanted, enforce_cer=False))
TOLD = replace(GOOD, wanted=replace(GOOD.wanted, enforce_cer=False))
LIMITED = replace(GOOD, wanted=replace(GOOD.wanted, max_vram_bytes=8 << 30))
OTHER_WORDS = {"one.wav": "むかしむかしあるところに", "two.wav": "おじいさんがすんでいました"}
SLIPS = {name: text.replace("きょう", "あそ").replace("てんき", "でんわ").replace("あめが", "そらを") for name, text in TEXTS.items()}
LOOP = {"one.wav": "あなたは" * 12}
NAN = replace(ENCODED, finite=False, norm=0.0, sample=())


def encoded(**fields: Any) -> Observed:
    return with_main(encoded=replace(ENCODED, **fields))


def on_processor(**fields: Any) -> Observed:
    return replace(GOOD, device="cpu", main=replace(ON_CPU, device="cpu"), control=None, cpu=None, **fields)


def texts(words: dict[str, str], seen: Observed = GOOD) -> Observed:
    """All processes write these."""
    return replace(with_main(seen, heard=said(words), again=said(words)), cpu=replace(CPU, heard=said(words)))


def failed(outcome: str, **fields: Any) -> Observed:
    return replace(with_main(trial=trial(outcome, **fields), loaded=None, heard=(), again=(), encoded=None), control=None, cpu=None)


CASES = [
    ("it passes", GOOD, "pass", None, 0),
    ("resident, where more was not to be had", with_main(hook=NOT_BUILT), "pass", None, 0),
    ("only one of two clips a second time", with_main(again=HEARD[:1]), "inconclusive", "RK707", 3),
    ("resident, and nothing was consumed", with_main(hook=consumed(0)), "inconclusive", "RK705", 3),
    ("claimed alone", with_main(hook=NOT_BUILT, watched=UNSEEN), "inconclusive", "RK705", 3),
    ("only /dev/kfd opened", with_main(hook=NOT_BUILT, watched=replace(UNSEEN, kfd_opened=True)), "inconclusive", "RK705", 3),
    ("fell back without a word", replace(GOOD, main=ON_CPU), "fail", "RK701", 8),
    ("weights on the processor, though the GPU did something", with_loaded(device="cpu"), "fail", "RK701", 8),
    ("asked for the GPU, run on the processor", with_main(device="cpu"), "fail", "RK701", 8),
    ("said that it ran elsewhere", failed("fail", because="RanElsewhere: on CPUExecutionProvider"), "fail", "RK701", 8),
    ("asked for the processor", on_processor(), "inconclusive", "RK701", 8),
    ("no GPU here", on_processor(device_why="there is no AMD GPU"), "inconclusive", "RK701", 8),
    ("the processor, and packets all the same", replace(GOOD, device="cpu"), "inconclusive", "RK701", 8),
    (
        "the processor, and wrong text",
        replace(on_processor(), main=replace(ON_CPU, heard=said(LOOP), again=said(LOOP))),
        "fail",
        "RK702",
        8,
    ),
    ("emulated", replace(GOOD, environment={"LD_PRELOAD": "librocjitsu.so"}), "inconclusive", "RK713", 3),
    ("the control ran on the GPU", replace(GOOD, control=MAIN), "inconclusive", "RK706", 3),
    ("the control hung", replace(GOOD, control=replace(CONTROL, trial=trial("hang", limit="time"))), "inconclusive", "RK706", 3),
    ("the control is missing", replace(GOOD, control=None), "inconclusive", "RK706", 3),
    ("the control was told as the processor's", replace(GOOD, control=ON_CPU), "pass", None, 0),
    ("without a control", replace(GOOD, control=None, wanted=replace(GOOD.wanted, control=False)), "pass", None, 0),
    ("other words", texts(OTHER_WORDS), "fail", "RK702", 9),
    ("many slips", texts(SLIPS), "fail", "RK702", 9),
    ("slips that are allowed", texts(SLIPS, replace(GOOD, wanted=replace(GOOD.wanted, cer_pass=0.7, cer_clip=0.7))), "pass", None, 0),
    ("one clip wrong", texts({"one.wav": OTHER_WORDS["one.wav"]}), "fail", "RK702", 9),
    (
        "one clip wrong, and all together within the limit",
        texts({"one.wav": OTHER_WORDS["one.wav"]}, replace(GOOD, wanted=replace(GOOD.wanted, cer_pass=0.6))),
        "fail",
        "RK702",
        9,
    ),
    ("a loop", texts(LOOP), "fail", "RK702", 9),
    ("nothing written", texts({"one.wav": "", "two.wav": ""}), "fail", "RK702", 9),
    ("a loop in one's own sound", texts(dict.fromkeys(TEXTS, "あなたは" * 12), OWN), "fail", "RK702", 9),
    ("English", texts(dict.fromkeys(TEXTS, "It is a fine day today, is it not?")), "fail", "RK702", 9),
    ("no numbers on the way", with_main(heard=said({}, finite=False), again=HEARD), "fail", "RK702", 9),
    ("a limit that is no number", replace(GOOD, wanted=replace(GOOD.wanted, cer_pass=math.nan)), "fail", "RK702", 9),
    ("one's own sound, as on the processor", OWN, "pass", None, 0),
    ("one's own sound, not compared", replace(OWN, cpu=None), "inconclusive", "RK708", 3),
    ("one's own sound with a text that is only told", texts(OTHER_WORDS, TOLD), "pass", None, 0),
    ("the same, not compared", replace(TOLD, cpu=None), "inconclusive", "RK708", 3),
    (
        "a reference without a letter",
        replace(replace(GOOD, clips=tuple(replace(clip, text="…") for clip in CLIPS)), cpu=None),
        "inconclusive",
        "RK708",
        3,
    ),
    ("one text not told, and not compared", replace(GOOD, clips=(CLIPS[0], OWN.clips[1]), cpu=None), "inconclusive", "RK708", 3),
    ("not compared, and the text right", replace(GOOD, cpu=None), "pass", None, 0),
    (
        "the reference ran out of memory",
        replace(GOOD, cpu=replace(CPU, trial=trial("crash", limit="memory"), loaded=None, heard=())),
        "pass",
        None,
        0,
    ),
    ("one's own sound, and the reference on the GPU", replace(OWN, cpu=replace(CPU, loaded=LOADED)), "inconclusive", "RK708", 3),
    ("one's own sound, and the reference wrote nothing", replace(OWN, cpu=replace(CPU, heard=())), "inconclusive", "RK708", 3),
    ("one's own sound, other words on the processor", replace(OWN, cpu=replace(CPU, heard=said(OTHER_WORDS))), "fail", "RK708", 9),
    ("other words on the processor", replace(GOOD, cpu=replace(CPU, heard=said(OTHER_WORDS))), "fail", "RK708", 9),
    ("the encoder computes no numbers", with_main(encoded=NAN), "fail", "RK708", 9),
    ("numbers that are none, told as finite", encoded(sample=(math.nan,) * 64), "fail", "RK708", 9),
    ("the encoder computes others", encoded(sample=tuple(-one for one in ENCODED.sample)), "fail", "RK708", 9),
    ("the encoder computes zeros", encoded(sample=(0.0,) * 64, norm=0.0), "fail", "RK708", 9),
    (
        "the encoder computes twice as much",
        encoded(sample=tuple(2 * one for one in ENCODED.sample), norm=2 * ENCODED.norm),
        "fail",
        "RK708",
        9,
    ),
    ("an encoder that pads in another way", encoded(shape=(1, 8, 16), sample=tuple(-one for one in ENCODED.sample)), "pass", None, 0),
    ("no encoder to look at", with_main(encoded=None), "pass", None, 0),
    ("the second time differs", with_main(again=said(SLIPS)), "fail", "RK707", 1),
    ("the second time fails", with_main(again=tuple(replace(one, error="RuntimeError: x") for one in HEARD)), "fail", "RK707", 1),
    ("no second time", with_main(again=()), "inconclusive", "RK707", 3),
    ("it died", failed("crash", signal="SIGSEGV", frame="libMIOpen.so.1+0x12"), "fail", "RK703", 1),
    ("the GPU faulted", failed("crash", gpu_fault="Memory access fault by GPU node-1"), "fail", "RK703", 1),
    ("the GPU is gone", failed("skipped", because=f"{GONE} openai-whisper-gpu"), "inconclusive", "RK703", 3),
    ("broken off", failed("skipped", because=BROKEN_OFF), "skipped", None, 3),
    ("it hung", failed("hang", limit="time"), "fail", "RK704", 1),
    ("it ate all memory", failed("crash", limit="memory"), "fail", "RK704", 1),
    ("it died at the second clip", with_main(trial=trial("crash", signal="SIGSEGV"), heard=HEARD[:1], again=()), "fail", "RK703", 1),
    ("it died at the end of all", with_main(trial=trial("crash", signal="SIGSEGV")), "fail", "RK703", 1),
    ("it raised", failed("fail", because="ValueError: unknown compute type"), "fail", "RK712", 1),
    ("a module is missing", failed("fail", because="ModuleNotFoundError: No module named 'ctranslate2'"), "fail", "RK712", 1),
    ("it told nothing of the model", with_main(loaded=None), "fail", "RK712", 1),
    ("it told of no clip", with_main(heard=(), again=()), "fail", "RK712", 1),
    ("one clip is missing", with_main(heard=HEARD[:1], again=HEARD[:1]), "fail", "RK712", 1),
    ("one clip raised", with_main(heard=(HEARD[0], replace(HEARD[1], error="RuntimeError: out of memory"))), "fail", "RK712", 1),
    ("clips of other names", with_main(heard=tuple(replace(one, clip="x") for one in HEARD)), "fail", "RK712", 1),
    ("no clips", replace(GOOD, clips=()), "fail", "RK712", 1),
    ("operators on the GPU", ONNX, "pass", None, 0),
    ("a few on the processor", replace(ONNX, main=replace(MAIN, placed=(SPLIT,))), "fail", "RK714", 1),
    ("most on the processor", replace(ONNX, main=replace(MAIN, placed=(ON_GPU, MOSTLY))), "fail", "RK714", 8),
    ("all on the processor", replace(ONNX, main=replace(MAIN, placed=(WHOLLY,))), "fail", "RK714", 8),
    ("no profile", replace(ONNX, main=replace(MAIN, placed=())), "inconclusive", "RK714", 3),
    ("an empty profile", replace(ONNX, main=replace(MAIN, placed=(Placed(model="a.onnx"),))), "inconclusive", "RK714", 3),
    ("no more memory than it may", LIMITED, "pass", None, 0),
    ("more memory than it may", replace(LIMITED, wanted=replace(LIMITED.wanted, max_vram_bytes=1 << 30)), "fail", "RK711", 1),
    ("memory that nobody saw", with_main(LIMITED, watched=Watched()), "inconclusive", "RK711", 3),
    (
        "skipped",
        replace(GOOD, main=None, skip=Skip(code="RK709", because="ctranslate2 is missing", commands=("pip",), bytes=7)),
        "skipped",
        "RK709",
        3,
    ),
    ("never run", replace(GOOD, main=None), "skipped", None, 3),
]


@pytest.mark.parametrize(("seen", "outcome", "code", "exit_code"), [pytest.param(*row, id=name) for name, *row in CASES])
def test_cases(seen: Observed, outcome: str, code: str | None, exit_code: int) -> None:
    case = judge(seen, ROW)
    assert (case.outcome, case.code, case.exit) == (outcome, code, exit_code), case.because
    assert case.because and (code is None or outcome == "skipped" or f"rocmkit explain {code}" in case.commands)


def test_a_passing_case_says_what_was_seen() -> None:
    case = judge(GOOD, ROW)
    assert case.device == "gpu" and case.proof.level == "executed" and case.proof.gpu == MI50
    assert (case.cer, case.plain_cer, case.repeat.agrees, case.against_cpu.agrees, case.against_cpu.cosine) == (0.0, 0.0, True, True, 1.0)
    assert (case.load_s, case.first_s, case.transcribe_s, case.audio_s, case.rtf) == (2.0, 1.0, 1.0, 6.0, 0.1667)
    assert case.peak_vram_bytes == WEIGHTS + (300 << 20) and case.peak_rss_bytes == 2 << 30
    assert case.text == "\n".join(TEXTS.values()) == case.reference
    assert case.because == (
        "gfx906 at 0000:63:00.0 took 1342 packets out of this process's queues while 2 clips were transcribed; "
        "the text differs from the processor's in 0 of 25 characters; rounding makes at most 10%; "
        "the cosine of the encoder's outputs is 1.00000"
    )
    assert not case.warnings and not case.commands and case.crash is None


def test_float32_is_held_to_more() -> None:
    """Two characters in 25 are more than rounding of float32 makes, and less than that of float16."""
    slips = {name: text.replace("ね", "よ").replace("あめ", "あね") for name, text in TEXTS.items()}
    half = replace(GOOD, cpu=replace(CPU, heard=said(slips)))
    assert judge(half, ROW).outcome == "pass"
    full = with_loaded(half, dtype="float32")
    assert (judge(full, ROW).code, judge(full, ROW).against_cpu.agrees) == ("RK708", False)
    assert judge(with_loaded(half, dtype="int8_float32"), ROW).outcome == "pass"


def test_one_near_tie_of_a_short_text_is_rounding_where_the_encoders_agree() -> None:
    slip = {"one.wav": TEXTS["one.wav"].replace("ね", "よ")}
    full = with_loaded(replace(GOOD, cpu=replace(CPU, heard=said(slip))), dtype="float32")
    assert judge(full, ROW).outcome == "pass"
    unreached = with_main(full, encoded=None)
    assert judge(unreached, ROW).code == "RK708"


def test_a_text_that_is_only_spelled_in_another_way_does_not_differ() -> None:
    """Rounding of float16 may take the kana of a word in place of its kanji: read, both are the same."""
    spelled = {"one.wav": TEXTS["one.wav"].replace("きょう", "今日").replace("てんき", "天気")}
    both = replace(GOOD, cpu=replace(CPU, heard=said(spelled)))
    assert judge(both, ROW).code == "RK708"
    readings = {**{text: text for text in TEXTS.values()}, spelled["one.wav"]: TEXTS["one.wav"]}
    case = judge(replace(both, readings=readings), ROW)
    assert (case.outcome, case.against_cpu.agrees, case.against_cpu.cer) == ("pass", True, 0.0)
    assert "in 0 of " in case.because and "kana of their readings" in case.because
    half = judge(replace(both, readings={text: text for text in TEXTS.values()}), ROW)  # one that nobody can read
    assert half.code == "RK708" and "characters" in half.because
    other = judge(
        replace(GOOD, cpu=replace(CPU, heard=said(OTHER_WORDS)), readings={**readings, **{one: one for one in OTHER_WORDS.values()}}), ROW
    )
    assert other.code == "RK708"


def test_kana_and_kanji_are_rated_by_readings() -> None:
    clips = (replace(CLIPS[0], text="今日は良い天気ですね。", kana="キョウハイイテンキデスネ"), CLIPS[1])
    spelled = replace(GOOD, clips=clips)
    without = judge(spelled, ROW)
    assert (without.cer_by, without.outcome) == ("lower", "pass")
    known = judge(replace(spelled, readings={text: text for text in TEXTS.values()}), ROW)
    assert (known.cer_by, known.cer, known.outcome) == ("reading", 0.0, "pass")
    assert known.plain_cer and known.plain_cer > 0.2


def test_where_it_died_is_told() -> None:
    seen = with_main(trial=trial("crash", signal="SIGSEGV", frame="libMIOpen.so.1+0x12", known=("RK412",)), heard=HEARD[:1], again=())
    case = judge(seen, ROW)
    assert case.crash and (case.crash.while_doing, case.crash.signal, case.crash.known) == ("transcribing two.wav", "SIGSEGV", ("RK412",))
    assert case.because == "transcribing two.wav: SIGSEGV in libMIOpen.so.1+0x12"
    assert case.commands[0] == "rocmkit explain RK412"
    assert case.text == TEXTS["one.wav"] and case.clips[0].cer == 0.0 and case.clips[1].text is None
    bisect = next(command for command in case.commands if "rocmkit bisect" in command)
    assert bisect.startswith("CT2_CUDA_ALLOCATOR=cub_caching rocmkit bisect --python /venv/bin/python -- /venv/bin/python -c ")
    assert 'WhisperModel("base", device="cuda", compute_type="float16")' in bisect
    again = judge(with_main(trial=trial("hang", limit="time"), again=HEARD[:1]), ROW)
    assert again.crash and again.crash.while_doing == "transcribing two.wav a second time"
    for step, words in ((5, "looking at the encoder and at where the operators ran"), (None, "coming to its end, after all was done")):
        late = judge(with_main(trial=trial("crash", signal="SIGSEGV", step=step)), ROW)
        assert (late.outcome, late.code) == ("fail", "RK703") and late.crash and late.crash.while_doing == words


def test_every_fault_is_told() -> None:
    """The gravest is the case's own; the others are not lost."""
    case = judge(replace(with_main(again=said(SLIPS), hook=NOT_BUILT, watched=UNSEEN), control=None), ROW)
    assert (case.outcome, case.code, case.exit) == ("fail", "RK707", 1)
    assert [warning.partition(":")[0] for warning in case.warnings] == ["RK705", "RK706"]
    assert not case.proof.enough


def test_a_rate_above_what_is_usual_is_told() -> None:
    words = {"one.wav": TEXTS["one.wav"].replace("きょう", "あそ")}
    for name, told in (("large-v3", True), ("base", False)):  # of which 0.03 and 0.09 are expected
        case = judge(texts(words, replace(GOOD, model=replace(GOOD.model, id=name))), ROW)
        assert (case.outcome, case.cer) == ("pass", 0.12)
        assert any("more than is usual" in warning for warning in case.warnings) == told


def test_a_smaller_model_is_named_where_one_fits() -> None:
    model = replace(GOOD.model, id="large-v3")
    case = judge(replace(GOOD, model=model, wanted=replace(GOOD.wanted, max_vram_bytes=1 << 30)), ROW)
    assert case.code == "RK711" and "rocmkit smoke faster-whisper --model small --python /venv/bin/python" in case.commands


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(every(Observed))
def test_no_case_makes_it_raise(seen: Observed) -> None:
    case = judge(seen, ROW)
    assert (case.outcome == "pass") == (case.exit == 0) == (case.outcome != "skipped" and case.code is None)
    assert Exit(case.exit)
    verdict([case], seen.cards)


def shown(seen: Observed) -> bool:
    """Whether anything at all that the GPU's side said can stand for a computation, by the rawest of looks."""
    ran = seen.main
    if ran is None or ran.loaded is None:
        return False
    packets = ran.hook.state == "counted" and any(one.consumed > 0 and one.written > 0 for one in ran.hook.at_end)
    initial = ran.watched.namespace == "initial"
    waves = initial and any(one.busy > 0 or (one.occupied or 0) > 0 for one in ran.watched.kfd)
    queue = initial and any(one.compute_queues > 0 and one.vram_bytes > 0 for one in ran.watched.kfd)
    memory = any(one.vram_bytes > 0 for one in ran.watched.drm)
    return packets or waves or queue or memory


MAINS = {
    "device": st.just("cpu"),
    "loaded": st.builds(lambda one, device: replace(one, device=device), st.just(LOADED), st.sampled_from(("gpu", "cpu"))) | st.none(),
    "heard": st.sampled_from((HEARD, (), HEARD[:1], said(LOOP))),
    "again": st.sampled_from((HEARD, (), said(SLIPS))),
    "hook": st.sampled_from((COUNTED, NOT_BUILT, consumed(0), consumed(1))) | every(Hook),
    "watched": st.sampled_from((SEEN, UNSEEN, Watched())) | every(Watched),
    "trial": st.sampled_from(tuple(map(trial, ("pass", "fail", "crash", "hang", "skipped")))),
    "encoded": st.sampled_from((ENCODED, NAN, None)) | every(Encoded),
    "placed": st.sampled_from(((), (ON_GPU,), (SPLIT,), (WHOLLY,))),
}
SEENS = {
    "device": st.sampled_from(("gpu", "cpu")),
    "engine": st.sampled_from(("torch", "onnxruntime")),
    "cards": st.sampled_from(((MI50,), ())),
    "wanted": every(type(GOOD.wanted)) | st.just(GOOD.wanted),
    "kfd_device": st.sampled_from(("driver", "other", "absent", "unknown")),
    "environment": st.sampled_from(({}, {"LD_PRELOAD": "/x/librocjitsu.so"}, {"HSA_OVERRIDE_GFX_VERSION": "9.0.6"})),
    "control": st.sampled_from((CONTROL, ON_CPU, MAIN, replace(MAIN, hook=NOT_BUILT), replace(ON_CPU, loaded=LOADED), None)),
    "cpu": st.sampled_from((CPU, None, replace(CPU, heard=said(OTHER_WORDS)), replace(CPU, loaded=LOADED))),
    "clips": st.sampled_from((CLIPS, CLIPS[:1], (), OWN.clips)),
}


def changed(value: Any, fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """The value with up to three fields changed."""
    names = st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=3)
    return names.flatmap(lambda some: st.fixed_dictionaries({name: fields[name] for name in some}).map(lambda new: replace(value, **new)))


ALMOST = st.builds(lambda seen, main: replace(seen, main=main), changed(GOOD, SEENS), changed(MAIN, MAINS))


@settings(max_examples=300)
@given(ALMOST)
def test_nothing_passes_that_was_not_seen_on_the_gpu(seen: Observed) -> None:
    case = judge(seen, ROW)
    if case.outcome != "pass":
        assert case.exit != 0
        return
    assert seen.main and seen.main.loaded
    assert shown(seen) and case.proof.enough and case.proof.level in ("executed", "resident")
    assert seen.device == "gpu" == seen.main.device == seen.main.loaded.device == case.device
    assert seen.control in (CONTROL, ON_CPU) or not seen.wanted.control
    assert seen.kfd_device in ("driver", "unknown") and "LD_PRELOAD" not in seen.environment
    assert case.repeat.agrees and case.against_cpu.agrees is not False
    assert not any(score.guards for score in case.clips) and all(score.text for score in case.clips) and case.clips
    assert not any(placed.compute_on_cpu for placed in seen.main.placed)


@given(
    changed(MAIN, MAINS),
    st.sampled_from((MAIN, replace(MAIN, hook=NOT_BUILT), replace(ON_CPU, loaded=LOADED), replace(ON_CPU, hook=COUNTED))),
)
def test_a_control_that_looks_like_the_gpu_never_passes(main: Ran, control: Ran) -> None:
    case = judge(replace(GOOD, main=main, control=control), ROW)
    assert case.outcome != "pass" and not case.proof.enough


@given(changed(GOOD, {name: made for name, made in SEENS.items() if name != "device"}), changed(MAIN, MAINS))
def test_the_processor_never_ends_well(seen: Observed, main: Ran) -> None:
    assert judge(replace(seen, device="cpu", main=main), ROW).exit not in (0, None)


@given(st.integers(0, 10_000), st.sampled_from(("driver", "unknown")), every(Watched))
def test_without_anything_on_the_gpu_s_side_nothing_passes(opened: int, device: Any, watched: Watched) -> None:
    """Whatever libraries claim."""
    blind = replace(
        watched,
        kfd=tuple(replace(one, compute_queues=0, vram_bytes=opened, occupied=None, busy=0) for one in watched.kfd),
        drm=tuple(DrmSeen(pci=PCI, gtt_bytes=WEIGHTS) for _ in watched.drm),
    )
    claims = (Evidence(kind="library", where="torch.cuda.is_available()", value="True"),) * 3
    seen = replace(GOOD, kfd_device=device, main=replace(MAIN, hook=NOT_BUILT, watched=blind, loaded=replace(LOADED, claims=claims)))
    assert judge(seen, ROW).outcome != "pass"


def case(system: str, outcome: str, code: int) -> Case:
    return replace(judge(GOOD, ROW), system=system, outcome=outcome, exit=code)


PASS, SKIPPED = case("a", "pass", 0), case("s", "skipped", 3)
ONLY_CPU, WRONG, DEAD, UNPROVED = case("c", "fail", 8), case("w", "fail", 9), case("d", "fail", 1), case("u", "inconclusive", 3)


@pytest.mark.parametrize(
    ("cases", "interrupted", "found", "exit_code"),
    [
        ((PASS,), False, "proved", 0),
        ((PASS, PASS, SKIPPED), False, "proved", 0),
        ((PASS, DEAD), False, "partly", 1),
        ((PASS, DEAD, WRONG), False, "partly", 9),
        ((PASS, UNPROVED), False, "partly", 3),
        ((PASS, ONLY_CPU, WRONG, DEAD), False, "partly", 8),
        ((PASS,), True, "partly", 130),
        ((ONLY_CPU, WRONG), False, "cpu", 8),
        ((WRONG, DEAD), False, "wrong-text", 9),
        ((DEAD, UNPROVED), False, "failed", 1),
        ((UNPROVED, SKIPPED), False, "inconclusive", 3),
        ((SKIPPED, SKIPPED), False, "inconclusive", 3),
        ((), False, "inconclusive", 3),
        ((), True, "inconclusive", 130),
        ((replace(UNPROVED, exit=0),), False, "inconclusive", 3),
    ],
)
def test_verdicts(cases: tuple[Case, ...], interrupted: bool, found: str, exit_code: int) -> None:
    smoke = verdict(cases, (MI50,), interrupted=interrupted)
    assert (smoke.verdict, smoke.exit, smoke.interrupted) == (found, exit_code, interrupted)
    assert smoke.cases == cases and smoke.because


def test_the_verdict_names_the_systems() -> None:
    assert verdict((PASS, DEAD, SKIPPED), ()).because == "1 of 2 systems transcribed Japanese on the GPU: a; not so d; 1 skipped"
    assert verdict((SKIPPED,), ()).because == "nothing ran: 1 system skipped"
    worst = verdict((DEAD, ONLY_CPU), ()).because
    assert worst.startswith("nothing ran on the GPU (2 systems); c: ")


@given(st.lists(st.sampled_from((PASS, SKIPPED, ONLY_CPU, WRONG, DEAD, UNPROVED)), max_size=6), st.booleans())
def test_only_passes_make_the_exit_code_0(cases: list[Case], interrupted: bool) -> None:
    judged = [one for one in cases if one.outcome != "skipped"]
    well = bool(judged) and all(one is PASS for one in judged) and not interrupted
    smoke = verdict(cases, (), interrupted=interrupted)
    assert (smoke.exit == 0) == well == (smoke.verdict == "proved")


def test_what_is_judged_comes_back_from_a_file() -> None:
    """As `--resume` and a bundle keep it."""
    back = convert(to_builtins(GOOD), Observed, source="a file")
    assert judge(back, ROW) == judge(GOOD, ROW)


def test_two_gpus() -> None:
    """The evidence decides which one it was."""
    seen = with_main(watched=replace(SEEN, kfd=(*SEEN.kfd, KfdSeen(gpu_id=4670))))
    assert judge(seen, ROW).proof.gpu == MI50


def test_what_was_never_loaded_did_not_run_on_the_processor() -> None:
    """The fault is its own: that the processor was meant says nothing of it."""
    failed = Ran(device="cpu", trial=trial("fail", because="RuntimeError: Unable to open file 'model.bin'"))
    case = judge(replace(GOOD, device="cpu", main=failed, control=None, cpu=None), ROW)
    assert (case.outcome, case.code, case.exit) == ("fail", "RK712", 1)
    assert not any("RK701" in warning for warning in case.warnings)
    unread = replace(ON_CPU, heard=tuple(replace(heard, error="NoSound: no sound") for heard in ON_CPU.heard), again=())
    case = judge(replace(GOOD, device="cpu", main=unread, control=None, cpu=None), ROW)
    assert (case.outcome, case.code, case.exit) == ("fail", "RK712", 1)


def test_commands_name_the_python_and_a_sound_that_is_there() -> None:
    case = judge(with_main(trial=trial("crash", signal="SIGSEGV"), heard=(), again=()), ROW)
    (died,) = (command for command in case.commands if "rocmkit bisect" in command)
    assert CLIPS[0].file in died and "speech.wav" not in died
    assert all(
        "--python /venv/bin/python" in command for command in case.commands if command.startswith(("rocmkit doctor", "rocmkit smoke"))
    )
