"""The clips that rocmkit brings, and a user's own sound."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.errors import UsageError
from rocmkit.smoke.cer import normal, reading
from rocmkit.smoke.clips import FOLDER, manifest, own, reference, shipped
from tests.support.transcribing import wav


def test_what_is_shipped() -> None:
    clips = shipped()
    assert [clip.name for clip in clips] == sorted(path.name for path in FOLDER.glob("*.wav")) and len(clips) == 7
    for clip, row in zip(clips, manifest().clips, strict=True):
        data = Path(clip.file).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row.bytes, row.sha256) == (row.bytes, clip.sha256)
        with wave.open(io.BytesIO(data)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (row.rate, 1, 2)
            assert round(sound.getnframes() / sound.getframerate(), 2) == row.seconds
        assert (clip.text, clip.kana) == (row.text, row.kana)
        assert normal(row.text) and reading(row.kana) and row.kana == normal(row.kana)
        assert not any(sign.isdigit() or sign.isascii() for sign in normal(row.text))  # nothing that is written in two ways


def test_how_they_were_made_is_told() -> None:
    assert "Kokoro-82M" in manifest().made and "Apache-2.0" in manifest().made


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "clips")
    return tmp_path / "clips"


def test_one_that_was_changed(copied: Path) -> None:
    with (copied / "02_jm_kumo.wav").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UsageError, match="is not the clip that belongs to rocmkit"):
        shipped(copied)
    (copied / "02_jm_kumo.wav").unlink()
    with pytest.raises(UsageError, match="No such file"):
        shipped(copied)


@pytest.mark.parametrize("name", ["../a.wav", "/etc/passwd", "a/b.wav", "a.wav\n", ""])
def test_a_manifest_that_names_what_lies_elsewhere(copied: Path, name: str) -> None:
    told = json.loads((copied / "manifest.json").read_text())
    told["clips"][0]["file"] = name
    (copied / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(UsageError, match="cannot be read"):
        shipped(copied)


SHAPES = st.recursive(
    st.none() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["made", "licence", "clips"]), inner)
)


@given(st.binary(max_size=300) | SHAPES.map(lambda value: json.dumps(value).encode()))
def test_any_manifest_is_one_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data)
    try:
        shipped(folder)
    except UsageError:
        return
    assert manifest(folder).clips == ()


def test_ones_own(tmp_path: Path) -> None:
    file = wav(tmp_path / "話 す.wav", [0] * 160, 16000)
    found = own(file, "今日は")
    assert (found.name, found.file, found.text, found.kana) == ("話 す.wav", str(file), "今日は", None)
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert own(file, None).text is None


def test_ones_own_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("nothing", "No such file"),
        ("pipe", "it is no file"),
        (".", "it is no file"),
        ("a\0b", "null"),
        ("x" * 300, "too long"),
    ):
        with pytest.raises(UsageError, match=words):
            own(tmp_path / name, None)
    with pytest.raises(UsageError, match="no letter"):
        own(wav(tmp_path / "a.wav", [0], 16000), " 。")


def test_what_reference_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("said.txt").write_text("\ufeff今日は。\n", encoding="utf-8")
    assert reference("said.txt") == "今日は。\n"
    for word in ("今日は。", "said.tx", "あ" * 5000, "a\0b", ".", ""):
        assert reference(word) == word
    for word in ("siad.txt", "./said", "~/said", "/no/such/said"):  # nobody says that
        with pytest.raises(UsageError, match="no such file"):
            reference(word)
    Path("sound.wav").write_bytes(b"RIFF\xff\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        reference("sound.wav")
    with Path("long").open("wb") as file:
        file.truncate(9 << 20)
    with pytest.raises(UsageError, match="longer than 8 MiB"):
        reference("long")
