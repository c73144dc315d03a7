"""Proof bundles: what is written is verified, what is changed is found, and any bytes are read in bounded time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import UsageError
from rocmkit.host.names import Names
from rocmkit.kb.backends import backend
from rocmkit.model import to_json
from rocmkit.smoke.bundle import NAMES, packed, verify, write
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.inside.smoke_steps import _records
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import Observed, Skip, UsedModel
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.verdict import verdict
from rocmkit.smoke.verified import Verified
from tests.support.heard import GREEDY
from tests.support.smokecases import CPU, GOOD, HEARD, MI50, ON_CPU, OTHER, with_main

FACTS = json.dumps({"gpus": [{"pci": MI50.pci}, {"pci": OTHER.pci}], "kernel": "6.8"})
CLIPS = tuple(replace(clip, file=f"~/{clip.name}") for clip in shipped())
WROTE = tuple(replace(HEARD[0], clip=clip.name, text=said.text) for clip, said in zip(CLIPS, GREEDY, strict=True))
#: The clips that rocmkit brings, with what whisper-base wrote of them.
REAL = replace(
    with_main(GOOD, heard=WROTE, again=WROTE),
    clips=CLIPS,
    readings={said.text: said.kana for said in GREEDY},
    cpu=replace(CPU, heard=WROTE[:2]),
)
SKIPPED = replace(
    GOOD, backend="mms", engine="torch", main=None, control=None, cpu=None, skip=Skip(code="RK709", because="it is not installed")
)
SLOW = replace(
    with_main(GOOD, **{name: getattr(ON_CPU, name) for name in ("loaded", "hook", "watched")}), backend="openai-whisper", engine="torch"
)


def judged(*seen: Observed) -> Smoke:
    return verdict([judge(one, backend(one.backend)) for one in seen], GOOD.cards)


def written(path: Path, *seen: Observed, smoke: Smoke | None = None, facts: str = FACTS) -> Path:
    write(path / "proof.zip", smoke or judged(*seen), seen, facts, Names(str(path)))
    return path / "proof.zip"


def verified(path: Path, *seen: Observed, **more: Any) -> Verified:
    return verify(written(path, *seen, **more))


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_proved_and_what_is_not(tmp_path: Path) -> None:
    found = verified(tmp_path, REAL, SLOW, SKIPPED)
    assert (found.intact, found.problems, found.exit, found.verdict) == (True, (), 8, "partly")
    assert (found.rocmkit, found.written_by) == (__version__, __version__)
    assert [(case.system, case.outcome, case.level, case.agrees) for case in found.cases] == [
        ("faster-whisper", "pass", "executed", True),
        ("openai-whisper", "fail", "none", True),
        ("mms", "skipped", "none", True),
    ]
    (proved,) = found.proved
    assert proved.startswith("faster-whisper (CTranslate2), base: the text is right, with an error rate of 0.011, and the GPU computed it")
    for words in (backend("openai-whisper").title, backend("mms").title, "no signature", "readings", "not in the bundle"):
        assert any(words in one for one in found.not_proved), words


def test_its_bytes_depend_on_what_is_in_it_alone(tmp_path: Path) -> None:
    first = written(tmp_path, REAL).read_bytes()
    assert written(tmp_path, REAL).read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert [(info.filename, info.date_time, info.external_attr >> 16) for info in archive.infolist()] == [
            (name, (1980, 1, 1, 0, 0, 0), stat.S_IFREG | 0o644) for name in NAMES
        ]
    told = json.loads(members(tmp_path / "proof.zip")["manifest.json"])
    for name, one in told["members"].items():
        data = members(tmp_path / "proof.zip")[name]
        assert one == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_the_model_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/ab").write_bytes(b"weights")
    (tmp_path / "snapshot/onnx").mkdir(parents=True)
    (tmp_path / "snapshot/model.bin").symlink_to("../blobs/ab")
    (tmp_path / "snapshot/onnx/config.json").write_bytes(b"{}")
    for path, files in (
        ("~/snapshot", {"model.bin": b"weights", "onnx/config.json": b"{}"}),
        ("~/blobs/ab", {"ab": b"weights"}),
        ("~/gone", {}),
        (None, {}),
    ):
        seen = replace(REAL, model=UsedModel(id="base", path=path, bytes=GOOD.model.bytes))
        assert verified(tmp_path, seen).intact
        (told,) = json.loads(members(tmp_path / "proof.zip")["observed.json"])
        assert told["model"]["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_a_clip_of_rocmkit_that_a_user_names_is_one(tmp_path: Path) -> None:
    bare = replace(REAL, clips=tuple(replace(clip, text=(clip.text or "").strip("。"), kana=None) for clip in CLIPS))
    assert verified(tmp_path, bare).intact
    for other in (replace(CLIPS[0], text="別の言葉"), replace(CLIPS[0], kana="ベツノコトバ")):
        found = verified(tmp_path, replace(REAL, clips=(other, *CLIPS[1:])))
        assert any("other words" in problem for problem in found.problems)


def test_what_a_pass_leaves_open_is_told(tmp_path: Path) -> None:
    lax = replace(
        REAL, control=None, wanted=replace(REAL.wanted, control=False, cer_pass=0.9), environment={"HSA_OVERRIDE_GFX_VERSION": "9.0.6"}
    )
    found = verified(tmp_path, lax)
    assert found.proved
    for words in ("control was left out", "error rate of 0.90, where 0.30 is usual", "HSA_OVERRIDE_GFX_VERSION is 9.0.6"):
        assert any(words in one for one in found.not_proved), words
    told = replace(REAL, wanted=replace(REAL.wanted, enforce_cer=False))
    assert any("held to no error rate" in one for one in verified(tmp_path, told).not_proved)
    assert not any("held to" in one for one in verified(tmp_path, REAL).not_proved)


MANY = {
    "GPUs": replace(REAL, cards=tuple(replace(MI50, gpu_id=number) for number in range(100_000))),
    "clips": with_main(REAL, heard=WROTE * 200),
    "characters": with_main(REAL, heard=(replace(WROTE[0], text="きょ" * 1_100_000), *WROTE[1:])),
}


@pytest.mark.parametrize("what", ["cases", *MANY])
def test_what_would_take_hours_to_judge_is_refused(tmp_path: Path, what: str) -> None:
    path = written(tmp_path, REAL)
    seen = [MANY[what]] if what in MANY else [SKIPPED] * 300
    path.write_bytes(packed({**{name: members(path)[name] for name in NAMES[1:]}, "observed.json": to_json(seen).encode()}))
    begun = time.monotonic()
    found = verify(path)
    assert time.monotonic() - begun < 10
    assert found.exit == 6 and any(f"{what}, where no run sees more" in problem for problem in found.problems)


def test_what_is_too_large_for_a_model_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(1 << 40)  # all of it a hole
    seen = replace(REAL, model=UsedModel(id="base", path=str(tmp_path / "model.bin"), bytes=1 << 40))
    begun = time.monotonic()
    written(tmp_path, seen)
    assert time.monotonic() - begun < 10
    (told,) = json.loads(members(tmp_path / "proof.zip")["observed.json"])
    assert told["model"]["files"] == {}


def test_names_that_are_no_utf_8_or_private(tmp_path: Path) -> None:
    (tmp_path / "alice/m").mkdir(parents=True)
    Path(os.fsdecode(bytes(tmp_path) + b"/alice/m/\xff.bin")).write_bytes(b"weights")
    (tmp_path / "alice/m/of-alice").write_bytes(b"")
    os.mkfifo(tmp_path / "alice/m/pipe")
    seen = replace(REAL, model=UsedModel(id="base", path=f"{tmp_path}/$USER/m", bytes=GOOD.model.bytes))
    write(tmp_path / "b.zip", judged(seen), [seen], FACTS, Names(user=("alice",)))
    (told,) = json.loads(members(tmp_path / "b.zip")["observed.json"])
    assert sorted(told["model"]["files"]) == ["\\xff.bin", "of-$USER"]


def repacked(path: Path, change: Callable[[dict[str, Any]], None], *, honest: bool) -> Path:
    """Its members changed; with `honest` digests, or those from before."""
    before = members(path)
    told = {name: json.loads(data) for name, data in before.items() if name != "manifest.json"}
    change(told)
    after = {name: json.dumps(value, ensure_ascii=False).encode() for name, value in told.items()}
    if honest:
        path.write_bytes(packed(after))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**after, "manifest.json": before["manifest.json"]}.items():
            archive.writestr(name, data)
    return path


def set_in(*place: Any) -> Callable[[dict[str, Any]], None]:
    *way, last, value = place

    def change(told: Any) -> None:
        for step in way:
            told = told[step]
        told[last] = value

    return change


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "outcome": (set_in("results.json", "cases", 1, "outcome", "pass"), "openai-whisper what does not come of what was seen: outcome"),
    "verdict": (set_in("results.json", "verdict", "proved"), "of the whole what does not come of its cases: verdict"),
    "exit": (set_in("results.json", "exit", 0), "of the whole what does not come of its cases: exit"),
    "rate": (set_in("results.json", "cases", 0, "cer", 0.0), "faster-whisper what does not come of what was seen: cer"),
    "text": (set_in("observed.json", 0, "main", "heard", 2, "text", "別の文です。"), "faster-whisper what does not come of what was seen"),
    "packets": (
        set_in("observed.json", 1, "main", "hook", GOOD.main and json.loads(to_json(GOOD.main.hook))),
        "openai-whisper what does not",
    ),
    "reference": (
        set_in("observed.json", 0, "clips", 0, "kana", "コレワ"),
        "00_jf_alpha.wav is a clip that rocmkit brings, and other words",
    ),
    "sound": (set_in("observed.json", 0, "clips", 0, "sha256", "0" * 64), "00_jf_alpha.wav has the name of a clip that rocmkit brings"),
    "less": (lambda told: told["observed.json"].pop(), "results.json has 2 cases, observed.json 1"),
    "cards": (set_in("facts.json", "gpus", []), "results.json has a GPU at 0000:63:00.0 that facts.json does not have"),
    "other cards": (set_in("observed.json", 1, "cards", []), "openai-whisper was run on a machine with other GPUs"),
    "version": (set_in("results.json", "rocmkit", "9.9"), "results.json is of rocmkit 9.9, manifest.json of"),
    "system": (set_in("observed.json", 1, "backend", "mine"), "does not know the system 'mine'"),
    "shape": (set_in("observed.json", 1, "backends", "mine"), "observed.json"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("honest", [True, False])
def test_a_change_is_found(tmp_path: Path, name: str, honest: bool) -> None:
    """Even where whoever changed it made the digests anew: what is told does not come of what was seen any more."""
    change, words = CHANGES[name]
    path = written(tmp_path, REAL, SLOW)
    assert verify(path).intact
    found = verify(repacked(path, change, honest=honest))
    assert (found.intact, found.exit, found.proved) == (False, 6, ())
    assert any(words in problem for problem in found.problems), found.problems
    assert any("was changed: its digest" in problem for problem in found.problems) != honest


def test_what_another_version_judged(tmp_path: Path) -> None:
    path = written(tmp_path, REAL)
    told = members(path)
    smoke = json.loads(told["results.json"])
    smoke["rocmkit"] = "9.9"
    smoke["cases"][0]["because"] = "in other words"
    path.write_bytes(packed({name: told[name] for name in NAMES[2:]} | {"results.json": json.dumps(smoke).encode()}))
    found = verify(path)
    assert any("manifest.json of" in problem for problem in found.problems) and not found.intact


def plain_zip(path: Path, names: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return path


def test_what_is_no_bundle(tmp_path: Path) -> None:
    path = written(tmp_path, REAL)
    whole, told = path.read_bytes(), members(path)
    bad: list[bytes] = [b"", b"PK", whole[:-1], whole[1:], whole + b"\0", b"#!/bin/sh\n" + whole, whole[:100] + whole[101:], b"\0" * 1000]
    for names in (
        {},
        {**told, "../evil": b""},
        {**told, "more.json": b""},
        {name: told[name] for name in NAMES[1:]},
        {**told, "manifest.json": b"{}"},
        {**told, "manifest.json": b"[" * 100_000},
        {**told, "manifest.json": told["manifest.json"].replace(b"facts.json", b"fact5.json")},
    ):
        bad.append(plain_zip(path, names).read_bytes())
    bad.append(plain_zip(path, told, zipfile.ZIP_STORED).read_bytes())
    bad.append(plain_zip(path, told, zipfile.ZIP_LZMA).read_bytes())
    for data in bad:
        path.write_bytes(data)
        with pytest.raises(UsageError, match="no bundle of rocmkit smoke"):
            verify(path)


def test_one_name_twice_a_link_and_a_password(tmp_path: Path) -> None:
    path = written(tmp_path, REAL)
    told = members(path)
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*NAMES, "facts.json"):
            archive.writestr(name, told[name])
    with pytest.raises(UsageError, match="other files are in it"):
        verify(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFLNK if name == "facts.json" else stat.S_IFREG) << 16
            archive.writestr(info, b"/etc/passwd" if name == "facts.json" else told[name])
    with pytest.raises(UsageError, match=r"facts\.json: packed in another way"):
        verify(path)
    data = bytearray(written(tmp_path, REAL).read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1  # "encrypted", of the last one in the directory
    path.write_bytes(data)
    with pytest.raises(UsageError, match="packed in another way"):
        verify(path)


def test_a_bomb(tmp_path: Path) -> None:
    path = written(tmp_path, REAL)
    bomb = b"[" + b" " * (200 << 20) + b"]"
    begin = time.process_time()
    plain_zip(path, {**members(path), "facts.json": bomb})
    packing = time.process_time() - begin
    with pytest.raises(UsageError, match=r"facts\.json: longer than 32 MiB"):
        verify(path)
    data = path.read_bytes()
    size = len(bomb)
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 1000)))  # it says that it is small
    with pytest.raises(UsageError, match="no bundle"):
        verify(path)
    assert time.process_time() - begin < 2 * packing + 5


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(33 << 20)
    for name, words in (("pipe", "it is no file"), (".", "no bundle"), ("gone", "No such file"), ("long", "longer than 32 MiB")):
        with pytest.raises(UsageError, match=words):
            verify(tmp_path / name)


BYTES = packed({"results.json": to_json(judged(REAL)).encode(), "observed.json": to_json([REAL]).encode(), "facts.json": FACTS.encode()})


@given(st.binary(max_size=400) | st.tuples(st.integers(0, len(BYTES) - 1), st.binary(min_size=1, max_size=4)))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, change: bytes | tuple[int, bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.zip"
    data = change if isinstance(change, bytes) else BYTES[: change[0]] + change[1] + BYTES[change[0] + len(change[1]) :]
    path.write_bytes(data)
    try:
        found = verify(path)
    except UsageError:
        return
    # Dates and such in the headers may be changed: what is read is the same.
    assert found.intact == (not found.problems) and (not found.intact or members(path) == members_of(BYTES))


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        write(tmp_path / "nowhere/proof.zip", judged(REAL), [REAL], FACTS, Names())
    assert list(tmp_path.iterdir()) == []
    write(Path("/dev/null"), judged(REAL), [REAL], FACTS, Names())
    assert not Path("/dev/null").is_file()


def test_a_package_is_known_by_the_wheel_that_it_came_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the wheel says of its files; pip adds programs, compiled files and notes of its own."""
    own = ["nue_asr/__init__.py,sha256=abc,12", "nue_asr/b.py,sha256=def,3"]
    added = ["../../../bin/nue-asr,sha256=123,1", "nue_asr/__pycache__/b.cpython-311.pyc,,", "nue_asr-1.0.dist-info/INSTALLER,sha256=5,4"]
    told = f"nue-asr {hashlib.sha256(chr(10).join(own).encode()).hexdigest()}"
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "nue_asr-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: nue-asr\nVersion: 1.0\n")
    for lines in (own, [*added, *reversed(own)]):
        (folder / "RECORD").write_text("\n".join(lines) + "\n")
        assert told in _records(["nue-asr"])
    (folder / "RECORD").unlink()
    assert _records(["nue-asr"]) == []
