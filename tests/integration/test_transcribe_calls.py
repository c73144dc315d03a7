"""Calls of `rocmkit transcribe` that are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Ran, rocmkit
from tests.support.transcribing import wav


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "k2"
    folder.mkdir()
    for part in ("encoder", "decoder", "joiner"):
        (folder / f"{part}.onnx").write_bytes(b"\x08\x08")
    (folder / "tokens.txt").write_text("<blk> 0\n")
    return folder


def refused(model: Path, *more: str | Path) -> str:
    speech = wav(model.parent / "speech.wav", [0] * 16, 16000)
    ran: Ran = rocmkit("transcribe", str(speech), "--model", str(model), *map(str, more))
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert "\x1b" not in ran.err
    return ran.err


def test_nothing_that_is_read_is_written_over(model: Path) -> None:
    kept = {file: file.read_bytes() for file in model.iterdir()}
    link = model.parent / "link.txt"
    link.symlink_to(model / "tokens.txt")
    for output in (*kept, model.parent / "speech.wav", link):
        assert "it would be lost" in refused(model, "-o", output)
    assert {file: file.read_bytes() for file in model.iterdir()} == kept


def test_no_more_files_than_one_process_tells_of(model: Path) -> None:
    assert "901 files at once" in refused(model, *[model.parent / "speech.wav"] * 900)


@pytest.mark.parametrize("command", ["transcribe", "inspect", "rewrite"])
def test_a_time_that_is_no_number(command: str, model: Path) -> None:
    more = {"transcribe": ("--model", str(model)), "inspect": ("--provider", "cpu"), "rewrite": ("-o", "-")}[command]
    ran = rocmkit(command, str(model / "encoder.onnx"), *more, "--timeout", "nan")
    assert ran.code == 2 and "nan is no time" in ran.err


def test_a_model_is_not_printed(model: Path) -> None:
    ran = rocmkit("rewrite", str(model / "encoder.onnx"), "-o", "-")
    assert ran.code == 2 and "a model is not printed" in ran.err and not Path("-").exists()


def test_tokens_have_an_end(model: Path) -> None:
    with (model / "tokens.txt").open("r+b") as file:
        file.truncate(1 << 40)
    assert "larger than any list of tokens" in refused(model)


def test_a_folder_whose_name_is_an_escape(model: Path) -> None:
    assert "hf download" in refused(model.with_name("\x1b[31mk2\nrocmkit: ready"))
