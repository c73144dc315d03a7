"""The systems that compute with ONNX Runtime, loaded and run by the steps of `rocmkit smoke`, on the processor.

The models are small and built by the tests; what they have to write is known, or told by sherpa-onnx. That real weights make sense of
speech is shown for Whisper in test_registry_smoke_whisper.py, and for k2 nowhere here.

Marked `network`: pip brings onnxruntime, kaldi-native-fbank, sherpa-onnx and tokenizers.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from rocmkit.model import convert
from rocmkit.smoke.observed import Placed
from rocmkit.smoke.transcribe import INSIDE
from tests.support import tinywhisper
from tests.support.tinywhisper import TEXT
from tests.support.transcribing import SPEECH, WHEELS, Place, samples_of, wav
from tests.support.worker import Answered, ask

pytestmark = WHEELS

CPU = "CPUExecutionProvider"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("smoke"))
    made.environment.install_all("tokenizers")
    return made


def steps(module: str, model: Path, *files: Path, device: str = "cpu", **more: Any) -> list[dict[str, Any]]:
    """What `rocmkit smoke` asks the worker for."""
    load = {"do": "smoke_load", "module": module, "model": str(model), "device": device, **more}
    return [load, *({"do": "smoke_transcribe", "clip": file.name, "file": str(file)} for file in files), {"do": "smoke_placed"}]


def asked(place: Place, cwd: Path, *given: Any, **more: Any) -> Answered:
    return ask(steps(*given, **more), python=place.python, cwd=cwd, folders=(INSIDE,))


def measured(got: Answered) -> list[dict[str, Any]]:
    """What each step measured, with the lists that were told before."""
    lists: dict[int, dict[str, list[Any]]] = {}
    for event in got.events:
        if "items" in event:
            lists.setdefault(event["of"], {}).setdefault(event["name"], []).extend(event["items"])
    return [{**event["measured"], **lists.get(event["done"], {})} for event in got.events if "done" in event]


def placed(got: Answered) -> dict[str, Placed]:
    return {one.model: one for one in (convert(told, Placed, source="test") for told in measured(got)[-1]["placed"])}


def texts(got: Answered) -> list[str]:
    return ["".join(one["text"]) for one in measured(got) if "text" in one]


def test_k2_says_what_sherpa_onnx_says(place: Place, tmp_path: Path) -> None:
    """By its own way, and by sherpa-onnx's backend; what sherpa-onnx says of a file by itself is the oracle."""
    k2, sherpa = (asked(place, tmp_path, module, place.model, *SPEECH) for module in ("k2", "sherpa_onnx"))
    oracle = place.sherpa(*SPEECH)
    for own, other, file in zip(texts(k2), texts(sherpa), SPEECH, strict=True):
        assert len(own) >= 15
        assert oracle[file].text.startswith(own) and len(oracle[file].text) - len(own) <= 2
        assert len(other) >= 15 and abs(len(other) - len(own)) <= 3
    for got in (k2, sherpa):
        loaded, heard, *_ = measured(got)
        assert (loaded["device"], loaded["dtype"]) == ("cpu", "float32")
        assert loaded["weights_bytes"] == sum(file.stat().st_size for file in place.model.glob("*.onnx"))
        assert (heard["timestamps"], heard["language"], heard["finite"]) == ("word", None, True)
    assert measured(k2)[0]["claims"][0] == {"kind": "library", "where": "InferenceSession.get_providers() of the encoder", "value": CPU}
    assert measured(sherpa)[-1] == {"placed": []}


def test_what_the_processor_computed_is_told(place: Place, tmp_path: Path) -> None:
    found = placed(asked(place, tmp_path, "k2", place.model, *SPEECH[:2]))
    encoder, decoder, joiner = (found[f"{part}-epoch-99-avg-1.onnx"] for part in ("encoder", "decoder", "joiner"))
    for one in found.values():
        assert [(share.provider, share.of_nodes, share.of_time) for share in one.shares] == [(CPU, 1.0, 1.0)]
        assert one.cpu_forbidden is None
    assert {"Conv", "MatMul", "Softmax"} <= set(encoder.compute_on_cpu)
    assert not {"Gather", "Shape", "Concat", "Add", "If"} & set(encoder.compute_on_cpu)
    assert "MatMul" in decoder.compute_on_cpu and joiner.compute_on_cpu == ("Gemm",)
    assert sorted(one.name for one in tmp_path.iterdir()) == []  # the profiles are swept


def test_one_run_is_told_too(place: Place, tmp_path: Path) -> None:
    found = placed(asked(place, tmp_path, "k2", place.model, SPEECH[0]))
    assert [len(one.shares) for one in found.values()] == [1, 1, 1]
    nothing = placed(asked(place, tmp_path, "k2", place.model))
    assert [(one.shares, one.compute_on_cpu) for one in nothing.values()] == [((), ())] * 3


@pytest.mark.parametrize(("module", "model"), [("k2", "k2"), ("whisper_onnx", "whisper")])
def test_without_a_provider_for_the_gpu_nothing_falls_back(place: Place, tmp_path: Path, module: str, model: str) -> None:
    folder = place.model if model == "k2" else tinywhisper.write(tmp_path / "whisper")
    got = asked(place, tmp_path, module, folder, SPEECH[0], device="gpu")
    assert got.last["error"].startswith(
        "NoProvider: this onnxruntime was built without ROCMExecutionProvider and MIGraphXExecutionProvider"
    )


def test_sherpa_onnx_that_goes_on_with_the_processor_is_told_as_that(place: Place, tmp_path: Path) -> None:
    """It raises nothing and has no way to ask: what it prints is all there is."""
    got = asked(place, tmp_path, "sherpa_onnx", place.model, SPEECH[0], device="gpu")
    loaded = measured(got)[0]
    assert loaded["device"] == "cpu"
    (claim,) = loaded["claims"]
    assert 'provider="rocm"' in claim["where"] and "Unsupported string: rocm. Fallback to cpu" in claim["value"]
    assert "Fallback to cpu" in got.err  # it is in the log as well
    cuda = asked(place, tmp_path, "sherpa_onnx", place.model, SPEECH[0], device="gpu", options={"provider": "cuda"})
    assert measured(cuda)[0]["device"] == "cpu" and "Fallback to cpu!" in measured(cuda)[0]["claims"][0]["value"]


def test_what_sherpa_onnx_says_as_it_ends_the_process_is_not_lost(place: Place, tmp_path: Path) -> None:
    """It looks at the inputs of a decoder that is a joiner, prints that, and exits."""
    folder = tmp_path / "model"
    shutil.copytree(place.model, folder)
    shutil.copy(folder / "joiner-epoch-99-avg-1.onnx", folder / "decoder-epoch-99-avg-1.onnx")
    got = asked(place, tmp_path, "sherpa_onnx", folder, SPEECH[0])
    assert got.code != 0 and got.last == {"step": 0}
    assert "decoder input 0 should be int32 or int64" in got.err


def test_a_folder_that_is_no_transducer(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(place.model, folder)
    (folder / "tokens.txt").write_text("<blk> 0\nあ 1\n", encoding="utf-8")
    assert "do not belong together" in asked(place, tmp_path, "k2", folder).last["error"]
    os.truncate(folder / "tokens.txt", 1 << 25)
    assert "larger than any list of tokens" in asked(place, tmp_path, "k2", folder).last["error"]
    (folder / "tokens.txt").unlink()
    assert asked(place, tmp_path, "k2", folder).last["error"] == "NotOne: holds no k2 transducer: there is no tokens.txt"
    assert "has no encoder in int8" in asked(place, tmp_path, "k2", place.model, compute_type="int8").last["error"]
    assert "is no type" in asked(place, tmp_path, "k2", place.model, compute_type="bfloat16").last["error"]


def test_whisper_writes_what_its_tables_say(place: Place, tmp_path: Path) -> None:
    model = tinywhisper.write(tmp_path / "model")
    samples, rate = samples_of(SPEECH[0])
    silent, long = wav(tmp_path / "silent.wav", [0] * 16000, 16000), wav(tmp_path / "long.wav", samples * 25, rate)
    loaded, heard, silence, cut, _ = measured(asked(place, tmp_path, "whisper_onnx", model, SPEECH[0], silent, long))
    assert (loaded["device"], loaded["dtype"], loaded["notes"]) == ("cpu", "float32", [])
    assert loaded["weights_bytes"] == sum(file.stat().st_size for file in (model / "onnx").iterdir())
    assert (heard["text"], heard["language"], heard["spent"], heard["finite"]) == ([TEXT], "ja", False, True)
    assert heard["language_p"] > 0.97 and -0.01 < heard["logprob"] < 0 and heard["no_speech"] < 0.1
    assert silence["text"] == [] and silence["no_speech"] > 0.9
    assert 60 < cut["audio_s"] < 75 and cut["text"] == [TEXT * 3]


def test_whisper_keeps_to_what_it_may_write(place: Place, tmp_path: Path) -> None:
    """Some tokens never, some not at the beginning, none that is no text; and not for ever."""
    more = {("今", "。"): 20.0, ("<|notimestamps|>", "雨"): 20.0, ("日", "<|0.00|>"): 20.0}
    may = tinywhisper.write(tmp_path / "may", tinywhisper.decoder(more))
    may_not = tinywhisper.write(tmp_path / "not", tinywhisper.decoder(more), suppress_tokens=[5, -1], begin_suppress_tokens=[6])
    for_ever = tinywhisper.write(tmp_path / "ever", tinywhisper.decoder({("れ", "今"): 20.0}))
    assert texts(asked(place, tmp_path, "whisper_onnx", may, SPEECH[0]))[0].startswith("雨")
    assert texts(asked(place, tmp_path, "whisper_onnx", may_not, SPEECH[0])) == [TEXT]
    _, heard, _ = measured(asked(place, tmp_path, "whisper_onnx", for_ever, SPEECH[0]))
    assert heard["spent"] is True and heard["text"] == [TEXT * 4]


def test_whisper_whose_numbers_are_none(place: Place, tmp_path: Path) -> None:
    broken = tinywhisper.write(tmp_path / "model", tinywhisper.decoder({("日", "は"): float("nan")}))
    _, heard, _ = measured(asked(place, tmp_path, "whisper_onnx", broken, SPEECH[0]))
    assert heard["finite"] is False


def test_whisper_that_knows_english_alone(place: Place, tmp_path: Path) -> None:
    english = tinywhisper.write(tmp_path / "model", is_multilingual=False)
    loaded, heard, _ = measured(asked(place, tmp_path, "whisper_onnx", english, SPEECH[0]))
    assert loaded["notes"] == ["the model knows English alone"] and heard["language"] is None


def test_folders_that_are_no_whisper(place: Place, tmp_path: Path) -> None:
    cached = tinywhisper.write(tmp_path / "cached", tinywhisper.decoder(cache=True))
    half = tinywhisper.write(tmp_path / "half", end="_fp16")
    assert "wanted is the one without a cache" in asked(place, tmp_path, "whisper_onnx", cached).last["error"]
    assert measured(asked(place, tmp_path, "whisper_onnx", half))[0]["dtype"] == "float16"
    error = asked(place, tmp_path, "whisper_onnx", half, compute_type="float32").last["error"]
    assert error == "BadModel: there is no encoder_model.onnx with its decoder in onnx"
    assert "is no type" in asked(place, tmp_path, "whisper_onnx", half, compute_type="int8").last["error"]
    (half / "onnx/decoder_model_fp16.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "is no whole ONNX file" in asked(place, tmp_path, "whisper_onnx", half).last["error"]
    (cached / "tokenizer.json").write_text((cached / "tokenizer.json").read_text().replace("<|ja|>", "<|fr|>"))
    assert "it is not Whisper's" in asked(place, tmp_path, "whisper_onnx", cached).last["error"]
