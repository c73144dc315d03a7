"""Which files of a folder are taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.errors import UsageError
from rocmkit.smoke.model_files import pick
from rocmkit.smoke.values import PARTS, Precision

#: The names in reazon-research/reazonspeech-k2-v2 and -ja-en (pkg/k2-asr/src/huggingface.py).
JA = [f"{part}-epoch-99-avg-1{kind}.onnx" for part in PARTS for kind in ("", ".int8")] + ["tokens.txt", "README.md"]
JA_EN = [f"{part}-epoch-35-avg-1{kind}.onnx" for part in PARTS for kind in (".fp16", ".int8")] + ["tokens.txt"]


def named(names: list[str], precision: Precision | None = None) -> list[str]:
    return [one.name for one in pick(names, precision, "/models/k2").values()]


def test_the_most_exact_is_taken() -> None:
    assert named(JA) == [f"{part}-epoch-99-avg-1.onnx" for part in PARTS]
    assert named(JA_EN) == [f"{part}-epoch-35-avg-1.fp16.onnx" for part in PARTS]
    assert named(["encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"]) == ["encoder.onnx", "decoder.onnx", "joiner.onnx"]


def test_a_precision_that_is_asked_for() -> None:
    assert named(JA, "int8") == [f"{part}-epoch-99-avg-1.int8.onnx" for part in PARTS]
    mixed = [name for name in JA if name != "decoder-epoch-99-avg-1.int8.onnx"]  # as reazonspeech's int8-fp32
    assert named(mixed, "int8")[1] == "decoder-epoch-99-avg-1.onnx"
    with pytest.raises(UsageError, match=r"no encoder in fp32: it has encoder-epoch-35-avg-1.fp16.onnx, encoder-epoch-35-avg-1.int8"):
        named(JA_EN, "fp32")


def test_what_is_missing_is_named_and_how_to_have_it() -> None:
    with pytest.raises(UsageError, match=r"there is no joiner\*.onnx and no tokens.txt") as raised:
        named(["encoder.onnx", "decoder.onnx"])
    hint = raised.value.hint or ""
    assert "hf download reazon-research/reazonspeech-k2-v2 encoder-epoch-99-avg-1.onnx" in hint
    assert "--local-dir /models/k2" in hint and "615 MB, Apache-2.0" in hint
    with pytest.raises(UsageError) as raised:
        pick([], "int8", "/it's here")
    assert "--local-dir '/it'\"'\"'s here'" in str(raised.value.hint)


def test_several_models_are_not_chosen_from() -> None:
    with pytest.raises(UsageError, match=r"several models: encoder-epoch-35-avg-1.onnx, encoder-epoch-99"):
        named([*JA, "encoder-epoch-35-avg-1.onnx"])


@given(st.lists(st.sampled_from([*JA, *JA_EN, "encoder.onnx.part", "ENCODER.onnx"]), unique=True), st.sampled_from([None, "fp32", "int8"]))
def test_any_folder_gives_three_of_its_files_or_says_why_not(names: list[str], precision: Precision | None) -> None:
    try:
        found = pick(names, precision, "/m")
    except UsageError as error:
        assert error.hint
        return
    assert list(found) == list(PARTS)
    for part, file in found.items():
        assert file.name in names and file.name.startswith(part)
        assert file.precision == ("int8" if ".int8." in file.name else "fp16" if ".fp16." in file.name else "fp32")
    assert precision in {None, found["encoder"].precision}
