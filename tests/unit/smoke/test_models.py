"""Where models lie, and when one is whole: caches as huggingface_hub and openai-whisper leave them, torn and hostile ones too."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.kb.backends import BackendModel, backend
from rocmkit.smoke.choose import own
from rocmkit.smoke.inside.picking import pick
from rocmkit.smoke.models import Places, finder, places
from rocmkit.smoke.planned import Found

REVISION = "0123456789abcdef0123456789abcdef01234567"
ROW = backend("xls-r")
MODEL = ROW.models[0]
NEEDED = {"config.json": b"{}", "preprocessor_config.json": b"{}", "tokenizer_config.json": b"{}", "vocab.json": b"{}"}
WHOLE = {**NEEDED, "model.safetensors": b"weights"}


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(tmp_path / "hub", tmp_path / "whisper", tmp_path)


def kept(
    where: Places, files: Mapping[str, bytes], *, model: str = MODEL.id, main: str | None = REVISION, revision: str = REVISION
) -> Path:
    """A model as the hub's cache holds it: blobs, and a snapshot of links to them."""
    folder = where.hub / f"models--{model.replace('/', '--')}"
    for name, data in files.items():
        blob = folder / "blobs" / f"blob-of-{name.replace('/', '-')}"
        link = folder / "snapshots" / revision / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if main is not None:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(main)
    return folder


def found(where: Places, model: BackendModel = MODEL) -> Found | None:
    return finder(where)(ROW, model)


def lacking(where: Places) -> str:
    it = found(where)
    assert it is not None
    return it.lacking


@pytest.mark.parametrize(
    ("environ", "hub", "whisper"),
    [
        ({}, "/home/u/.cache/huggingface/hub", "/home/u/.cache/whisper"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub", "/c/whisper"),
        ({"XDG_CACHE_HOME": "/c", "HF_HOME": "/h"}, "/h/hub", "/c/whisper"),
        ({"HF_HOME": "~/h"}, "/home/u/h/hub", "/home/u/.cache/whisper"),
        ({"HF_HOME": "$DATA/h", "DATA": "/d"}, "/d/h/hub", "/home/u/.cache/whisper"),
        ({"HF_HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/old"}, "/old", "/home/u/.cache/whisper"),
        ({"HF_HUB_CACHE": "/new", "HUGGINGFACE_HUB_CACHE": "/old"}, "/new", "/home/u/.cache/whisper"),
        ({"HF_HUB_CACHE": "", "HF_HOME": ""}, "/home/u/.cache/huggingface/hub", "/home/u/.cache/whisper"),
    ],
)
def test_the_folders_that_the_libraries_look_in(environ: dict[str, str], hub: str, whisper: str) -> None:
    assert places(environ, Path("/home/u")) == (Path(hub), Path(whisper), Path("/home/u"))


def test_a_whole_model_is_found_below_the_home(where: Places) -> None:
    kept(where, {**WHOLE, "README.md": b"x" * 100})
    it = found(where)
    assert it is not None and it.lacking == ""
    assert it.path == str(where.hub / f"models--vumichien--wav2vec2-xls-r-1b-japanese/snapshots/{REVISION}")
    assert it.shown == "~/" + str(Path(it.path).relative_to(where.home))
    assert it.bytes == sum(map(len, WHOLE.values()))


def test_what_is_not_there_is_not_found(where: Places) -> None:
    assert found(where) is None
    kept(where, WHOLE, model="somebody/else")
    assert found(where) is None


@pytest.mark.parametrize("name", [*NEEDED, "model.safetensors"])
def test_a_file_that_never_came_is_named(where: Places, name: str) -> None:
    kept(where, {one: data for one, data in WHOLE.items() if one != name})
    shown = "model.safetensors|pytorch_model.bin" if name == "model.safetensors" else name
    assert lacking(where) == f"a download was broken off: {shown} is missing"


def test_the_older_kind_of_weights_will_do(where: Places) -> None:
    kept(where, {**NEEDED, "pytorch_model.bin": b"weights"})
    assert lacking(where) == ""


def test_a_link_to_a_blob_that_is_gone(where: Places) -> None:
    folder = kept(where, WHOLE)
    (folder / "blobs" / "blob-of-vocab.json").unlink()
    assert "vocab.json leads to no file of its own" in lacking(where)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../other", "vocab.json", "/dev/zero"])
def test_a_link_that_leads_out_of_the_model_is_no_file_of_it(where: Places, tmp_path: Path, target: str) -> None:
    (tmp_path / "other").write_text("{}")
    folder = kept(where, WHOLE)
    link = folder / "snapshots" / REVISION / "vocab.json"
    link.unlink()
    link.symlink_to(target)
    assert "vocab.json leads to no file of its own" in lacking(where)


def test_a_cache_that_lies_elsewhere_behind_a_link_is_one(where: Places, tmp_path: Path) -> None:
    kept(Places(tmp_path / "disk", where.whisper, where.home), WHOLE)
    where.hub.symlink_to(tmp_path / "disk")
    assert lacking(where) == ""


@pytest.mark.parametrize("main", ["../../x", "main", "", "0" * 4000, "é"])
def test_a_reference_that_is_none_leaves_the_only_snapshot(where: Places, main: str) -> None:
    folder = kept(where, WHOLE, main=main)
    assert lacking(where) == ""
    (folder / "snapshots" / ("f" * 40)).mkdir()
    assert found(where) is None


def test_the_snapshot_of_main_is_the_one(where: Places) -> None:
    kept(where, WHOLE, main=None, revision="f" * 40)
    kept(where, {"config.json": b"{}"})
    assert "is missing" in lacking(where)


def test_a_list_of_the_hub_says_what_belongs_to_it(where: Places) -> None:
    folder = kept(where, WHOLE)
    listed = {name: {"size": len(data), "blob_id": "x"} for name, data in WHOLE.items()}
    (folder / "trees").mkdir()
    listing = folder / "trees" / f"{REVISION}.json"
    listing.write_text(json.dumps({"format_version": 1, "files": {**listed, "optimizer.pt": {"size": 5}}}))
    assert lacking(where) == ""
    listing.write_text(json.dumps({"files": {**listed, "vocab.json": {"size": 99}}}))
    assert "vocab.json has 2 of 99 bytes" in lacking(where)
    listing.write_text(json.dumps({"files": {**listed, "added_tokens.json": {"size": 9}}}))
    assert "added_tokens.json is missing" in lacking(where)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "{}", '{"files": 3}', '{"files": {"vocab.json": 3}}', '{"files": {"vocab.json": {"size": "x"}}}', "[" * 100_000],
)
def test_a_list_that_is_none_says_nothing(where: Places, text: str) -> None:
    folder = kept(where, WHOLE)
    (folder / "trees").mkdir()
    (folder / "trees" / f"{REVISION}.json").write_text(text)
    assert lacking(where) == ""


def test_pieces_of_weights_are_all_there_or_it_is_not_whole(where: Places) -> None:
    index = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}).encode()
    pieces = {"model.safetensors.index.json": index, "model-00001-of-00002.safetensors": b"1"}
    folder = kept(where, {**NEEDED, **pieces})
    assert "model-00002-of-00002.safetensors is missing" in lacking(where)
    (folder / "snapshots" / REVISION / "model-00002-of-00002.safetensors").write_bytes(b"2")
    assert lacking(where) == ""


def test_parts_of_files_count_where_nothing_else_says_what_belongs_to_it(where: Places) -> None:
    folder = kept(where, WHOLE)
    (folder / "blobs" / "abcd.12345678.incomplete").write_bytes(b"half")
    assert lacking(where) == ""
    everything = finder(where)(replace(ROW, files=()), MODEL)
    assert everything is not None and "abcd.12345678.incomplete is a part of a file" in everything.lacking
    (folder / "blobs" / "abcd").write_bytes(b"whole by now")
    whole = finder(where)(replace(ROW, files=()), MODEL)
    assert whole is not None and whole.lacking == ""


@pytest.mark.parametrize("name", ["../../../none", "a/b/c", "", "a b", "/etc/nothing", "-x/y", "a\0b"])
def test_a_name_that_is_none_is_not_found(where: Places, name: str) -> None:
    assert found(where, BackendModel(id=name, bytes=0, vram_gib=0, licence="", cer_expected=0.1)) is None


# openai-whisper's folder, and what is given


def zipped(size: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(size))
    return made.getvalue()


def test_a_model_of_whisper_is_its_file(where: Places) -> None:
    row = backend("openai-whisper")
    turbo = replace(row.models[0], bytes=1000)
    assert finder(where)(row, turbo) is None
    where.whisper.mkdir()
    data = zipped(2000)
    path = where.whisper / "large-v3-turbo.pt"
    path.write_bytes(data)
    it = finder(where)(row, turbo)
    assert it is not None and (it.path, it.bytes, it.lacking) == (str(path), len(data), "")
    for cut in (500, len(data) - 1):
        path.write_bytes(data[:cut])
        torn = finder(where)(row, turbo)
        assert torn is not None and "ends too early" in torn.lacking
    path.unlink()
    path.mkdir()
    assert finder(where)(row, turbo) is None


def test_a_folder_or_file_that_is_given_is_taken_as_it_is(where: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    assert finder(where)(ROW, own(ROW, str(folder))).lacking == "it is empty"  # type: ignore[union-attr]
    (folder / "model.bin").write_bytes(b"12345")
    it = finder(where)(ROW, own(ROW, str(folder)))
    assert it == Found(path=str(folder), shown="~/mine", bytes=5)
    monkeypatch.chdir(tmp_path)
    assert finder(where)(ROW, own(ROW, "./mine")) == it
    assert finder(where)(backend("openai-whisper"), own(ROW, "mine/model.bin")) == replace(
        it, path=f"{folder}/model.bin", shown="~/mine/model.bin"
    )
    assert finder(where)(ROW, own(ROW, "x" * 5000)) is None


def test_a_folder_that_happens_to_have_a_models_name_is_not_taken_for_it(
    where: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "notes.txt").write_text("x")
    row = backend("faster-whisper")
    assert finder(where)(row, own(row, "small")) is None


# which files


@pytest.mark.parametrize(
    ("names", "patterns", "taken", "lacks"),
    [
        ([], [], [], ["*"]),
        (["a", "b"], [], ["a", "b"], []),
        (["a", "b"], ["!b"], ["a"], []),
        (["a", "b"], ["a", "c"], ["a"], ["c"]),
        (["a", "b"], ["c|b"], ["b"], []),
        (["a", "b"], ["a|b"], ["a"], []),
        (["a", "b"], ["c|d"], [], ["c|d"]),
        (["a1", "a2"], ["a*", "b*"], ["a1", "a2"], []),
        (["x.bin", "x.bin.index.json", "x-1-of-2.bin"], ["x.bin"], ["x.bin"], []),
        (["x.bin.index.json", "x-1-of-2.bin", "y"], ["x.bin"], ["x-1-of-2.bin", "x.bin.index.json"], []),
        (["onnx/e.onnx", "e.onnx"], ["onnx/e.onnx"], ["onnx/e.onnx"], []),
    ],
)
def test_the_files_that_are_needed(names: list[str], patterns: list[str], taken: list[str], lacks: list[str]) -> None:
    assert pick(names, patterns) == (taken, lacks)


SHORT = st.text(alphabet="ab.*|![]-", max_size=6)


@given(st.lists(SHORT, max_size=6), st.lists(SHORT, max_size=6))
def test_only_what_is_there_is_taken_and_what_is_lacking_is_a_pattern(names: list[str], patterns: list[str]) -> None:
    taken, lacks = pick(names, patterns)
    assert set(taken) <= set(names) and taken == sorted(set(taken))
    assert set(lacks) <= {*patterns, "*"}
    assert pick(taken, patterns)[0] == taken
