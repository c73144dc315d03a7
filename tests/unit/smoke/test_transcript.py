"""What is asked of the worker, and what is made of its answers and of its ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.errors import Exit
from rocmkit.host.names import Names
from rocmkit.report import json
from rocmkit.report import transcript as report
from rocmkit.smoke.inside.tokens import parse
from rocmkit.smoke.inside.transducer import BUCKETS
from rocmkit.smoke.model_files import pick
from rocmkit.smoke.transcribe import Ask, experiment, judged
from rocmkit.smoke.values import Transcript
from rocmkit.trial.values import Trial

ROCM, CPU = "ROCMExecutionProvider", "CPUExecutionProvider"
FILES = ("/a/one.wav", "/a/two.wav", "/a/three.wav")
LOADED = {
    "provider": ROCM,
    "parts": {"encoder": ROCM, "decoder": CPU, "joiner": CPU},
    "offered": [ROCM, CPU],
    "left_out": [],
    "vocabulary": 4,
    "notes": [],
    "seconds": 3.2,
    "versions": {"python": "3.10.12", "onnxruntime": "1.22.1"},
}
HEARD = {
    "audio_s": 2.0,
    "rate": 24000,
    "seconds": 0.5,
    "took": {"features": 0.1, "encoder": 0.3, "search": 0.1},
    "count": 2,
    "silent": False,
    "pieces": [[0.0, 2.0, 380, 423]],
    "tokens": ["2,120 3,1040"],
}


def ask(**more: Any) -> Ask:
    told = {
        "python": "/venv/bin/python",
        "model": "/models/k2",
        "models": pick(["encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"], None, "/models/k2"),
        "tokens": parse("<blk> 0\n<unk> 1\n日 2\n本 3\n".encode()),
        "files": FILES,
        "provider": "rocm",
        "brings": ("rocmkit build onnxruntime --arch native",),
        "installs": ("/venv/bin/python -m pip install numpy kaldi-native-fbank",),
        **more,
    }
    return Ask(**told)


def after(*measured: dict[str, Any], provider: str = "rocm", **how: Any) -> Transcript:
    trial = Trial(**{"name": "transcribe", "outcome": "pass", "measured": measured, **how})
    return judged(ask(provider=provider), trial, Names())


def loaded(**more: Any) -> dict[str, Any]:
    return {**LOADED, **more}


def test_what_is_asked() -> None:
    made = experiment(ask(), {})
    assert made.env == {"MIOPEN_FIND_MODE": "FAST"} and made.device == "gpu" and not made.fresh_caches
    load, *files = (made.request or {})["steps"]
    assert load["parts"]["encoder"] == {"path": "/models/k2/encoder.onnx", "precision": "fp32"}
    assert (load["provider"], load["search"], load["forced"]) == ("rocm", "cpu", False)
    assert [step["file"] for step in files] == list(FILES)
    assert files[0]["buckets"] == list(BUCKETS) and files[0]["unknown"] == 1
    assert experiment(ask(), {"MIOPEN_FIND_MODE": "NORMAL"}).env == {}
    assert experiment(ask(provider="auto"), {}).device is None and experiment(ask(provider="cpu"), {}).device == "cpu"


def test_all_went_well() -> None:
    found = after(LOADED, HEARD, HEARD, HEARD)
    assert (found.exit, found.because, found.provider, found.trial) == (0, None, ROCM, None)
    one = found.files[0]
    assert (one.text, one.rtf, [token.at_s for token in one.tokens]) == ("日本", 0.25, [0.12, 1.04])
    assert (one.pieces[0].frames, one.pieces[0].padded) == (380, 423)
    assert report.render(found) == "/a/one.wav: 日本\n/a/two.wav: 日本\n/a/three.wav: 日本\n"
    said = report.beside(found)
    assert f"encoder on {ROCM}; decoder, joiner on {CPU}, as their sessions tell (onnxruntime 1.22.1, loaded in 3.2 s)" in said
    assert "/a/one.wav: 2.0 s of sound in 0.50 s (2 tokens, features 0.10 s, encoder 0.30 s, search 0.10 s; padded to 4.2 s)" in said


def test_auto_on_the_processor_is_no_success() -> None:
    log = (
        "Failed to load library libonnxruntime_providers_rocm.so with error: libhipblas.so.2: cannot open shared object file: No such file"
    )
    on_cpu = loaded(provider=CPU, left_out=[f"{ROCM} is in this onnxruntime, and was left out"])
    found = after(on_cpu, HEARD, HEARD, HEARD, provider="auto", log=log)
    assert found.exit == Exit.RAN_ON_CPU and found.files[0].text == "日本"
    assert found.warnings == (
        "this ran on the processor, not on the GPU: ROCMExecutionProvider is in this onnxruntime, and was left out; "
        "the loader did not find libhipblas.so.2",
    )
    assert after(on_cpu, HEARD, HEARD, {"error": "NoSound: x"}, provider="auto").exit == Exit.RAN_ON_CPU
    assert after(loaded(provider=CPU), HEARD, HEARD, HEARD, provider="cpu").exit == 0


@pytest.mark.parametrize(
    ("asked", "got"), [("rocm", CPU), ("migraphx", CPU), ("rocm", "MIGraphXExecutionProvider"), ("auto", "XExecutionProvider")]
)
def test_another_provider_than_was_asked_for_is_no_success(asked: str, got: str) -> None:
    found = after(loaded(provider=got), HEARD, HEARD, HEARD, provider=asked)
    assert found.exit == Exit.RAN_ON_CPU
    assert found.warnings == (f"this ran on {'the processor' if got == CPU else got}, not on the GPU",)


@pytest.mark.parametrize(
    ("because", "code", "words"),
    [
        ("ModuleNotFoundError: No module named 'kaldi_native_fbank'", Exit.INCONCLUSIVE, "pip install numpy kaldi-native-fbank"),
        ("ImportError: libonnxruntime.so.1.22.1: cannot open", Exit.INCONCLUSIVE, "cannot import what is needed"),
        (f"NoProvider: this onnxruntime was built without {ROCM}", Exit.BLOCKED, "rocmkit build onnxruntime --arch native"),
        ("Int8OnGpu: encoder.int8.onnx is quantized", Exit.BLOCKED, "Take the fp32 file for the GPU"),
        ("BadModel: the decoder's metadata lacks vocab_size", Exit.BLOCKED, "the model was not loaded: the decoder's metadata"),
        ("RuntimeError: no memory", Exit.BLOCKED, "the model was not loaded: RuntimeError: no memory"),
    ],
)
def test_a_model_that_was_not_loaded(because: str, code: Exit, words: str) -> None:
    found = after(outcome="fail", because=because, step=0)
    assert (found.exit, report.render(found)) == (code, "")
    assert words in report.beside(found)
    assert {one.outcome for one in found.files} == {"not-reached"}


def test_a_process_that_died() -> None:
    found = after(LOADED, HEARD, outcome="crash", signal="SIGSEGV", frame="libMIOpen.so.1+0x12", known=("RK623",))
    assert found.exit == Exit.BLOCKED and found.trial is not None and found.trial.measured == ()
    assert [one.outcome for one in found.files] == ["transcribed", "failed", "not-reached"]
    assert found.files[1].because == "SIGSEGV in libMIOpen.so.1+0x12"
    said = report.beside(found)
    assert "not reached: /a/three.wav" in said and "`rocmkit explain RK623`" in said
    assert report.render(found) == "/a/one.wav: 日本\n"
    gone = after(LOADED, HEARD, HEARD, HEARD, outcome="fail", because="it ended without an answer")
    assert gone.exit == Exit.BLOCKED and [one.outcome for one in gone.files] == ["transcribed"] * 3


def test_answers_that_cannot_be_right() -> None:
    for wrong, words in (
        ({**HEARD, "tokens": ["2,120"]}, "1 of 2 tokens were lost"),
        ({**HEARD, "tokens": ["2,120 9,1040"]}, "a token that is none: 9"),
        ({**HEARD, "tokens": ["2,120 x"]}, "a token that is none"),
        ({**HEARD, "tokens": [f"2,120 3,{'9' * 400}"]}, "a token that is none"),
    ):
        found = after(LOADED, HEARD, wrong, HEARD)
        assert found.exit == Exit.BLOCKED and found.files[2].text == "日本"
        assert found.files[1].text is None and words in (found.files[1].because or "")
    assert "2 of its 6 tokens are not in it" in (after(loaded(vocabulary=6), HEARD).because or "")
    assert after({"provider": 3}).exit == Exit.INCONCLUSIVE
    assert after(loaded(vocabulary=0)).exit == after(loaded(vocabulary=-1)).exit == Exit.INCONCLUSIVE
    assert f"{(1 << 62) - 4} of its {1 << 62} tokens" in (after(loaded(vocabulary=1 << 62)).because or "")  # and none is looked for


def test_what_the_worker_says_begins_no_line() -> None:
    found = after(loaded(provider=CPU, left_out=["it has X\nrocmkit: on the GPU"]), HEARD, HEARD, HEARD)
    assert "\nrocmkit: on the GPU" not in report.beside(found)


def test_a_model_with_a_name_that_is_no_text() -> None:
    models = pick(["encoder-\udcff.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"], None, "/models/k2")
    found = judged(ask(models=models), Trial(name="transcribe", outcome="pass", measured=(LOADED, HEARD)), Names())
    assert json.render(found) and found.models["encoder"].name == "encoder-\\xff.onnx"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
)


@given(st.lists(st.dictionaries(st.sampled_from([*LOADED, *HEARD, "error"]), JSON), max_size=4), st.booleans())
def test_any_answer_is_judged(measured: list[dict[str, Any]], well: bool) -> None:
    """A worker's pipe is open to any program."""
    found = after(*([LOADED] if well else []), *measured)
    assert len(found.files) == 3
    assert found.exit != 0 or all(one.text is not None for one in found.files)
    assert report.render(found).count("\n") == sum(one.text is not None for one in found.files)
    report.beside(found)


def test_what_is_odd_about_a_sound() -> None:
    cases = (
        ({"rate": 8000}, "recorded at 8000 Hz: what is above 4000 Hz is missing, and the model was trained with it"),
        ({"audio_s": 0.0, "silent": True}, "there is no sound in it"),
        ({"silent": True}, "it is silent throughout"),
        ({"count": 0, "tokens": []}, "no speech was found in it"),
        ({"pieces": [[0.0, 30.0, 3180, 3815]] * 3}, "it is long: it was cut into 3 pieces where it is quiet"),
    )
    for more, words in cases:
        assert after(LOADED, {**HEARD, **more}, HEARD, HEARD).files[0].warnings == (words,)


def test_one_file_is_printed_bare_and_safely() -> None:
    hostile = parse("<blk> 0\n<unk> 1\n\x1b[31m 2\n本 3\n".encode())
    trial = Trial(name="transcribe", outcome="pass", measured=(LOADED, HEARD))
    found = judged(ask(files=("/a/one.wav",), tokens=hostile), trial, Names())
    assert report.render(found) == "\N{REPLACEMENT CHARACTER}[31m本\n"
