"""What a run with private and odd names writes: a bundle is made to be given away."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from rocmkit.smoke.clips import shipped
from tests.support import fakewhisper, smokehome
from tests.support.command import rocmkit

CLIP = shipped()[1]
USER, SECRET = "qzalice", "hf_0123456789abcdefghijklmnop"


@pytest.mark.parametrize("name", [b"talk of qzalice.wav", b"\xff.wav"])
def test_nothing_private_is_in_what_is_written(tmp_path: Path, name: bytes) -> None:
    home = tmp_path / "home" / USER
    venv = smokehome.environment(home / f"venv-{USER}")
    model = fakewhisper.model(tmp_path / "disk" / USER, "right")
    Path(os.fsdecode(bytes(model) + b"/\xff.bin")).write_bytes(b"")
    sound = Path(os.fsdecode(bytes(home) + b"/" + name))
    shutil.copy(CLIP.file, sound)
    kept, bundle = tmp_path / "kept", tmp_path / "proof.zip"
    env: dict[str, str | None] = {
        "HOME": str(home),
        "USER": USER,
        "LOGNAME": USER,
        "XDG_CACHE_HOME": str(home / ".cache"),
        "HF_HUB_CACHE": str(home / "hub"),
        "LD_LIBRARY_PATH": f"/disk/{USER}/lib",
        "HSA_TOKEN": SECRET,
        "FAKE_RUNS": str(tmp_path / "runs"),
    }
    told = ("--model", str(model), "--audio", str(sound), "--reference", CLIP.text or "", "--python", str(venv), "--resume", str(kept))
    ran = rocmkit("smoke", "faster-whisper", *told, "--json", "--bundle", str(bundle), env=env, timeout_s=120)
    assert ran.code == 8, (ran.code, ran.err)
    assert ran.err == f"rocmkit: the bundle is {bundle}; `rocmkit smoke --verify {bundle}` checks it\n"
    (case,) = ran.json["cases"]
    assert case["text"] == CLIP.text and case["crash"] is None
    shown = [rocmkit("smoke", "faster-whisper", *told, "--format", form, env=env).out for form in ("text", "markdown", "html")]
    assert all(CLIP.text and CLIP.text[:6] in text for text in shown[1:])
    with zipfile.ZipFile(bundle) as archive:
        inside = [archive.read(one).decode() for one in archive.namelist()]
    for text in (ran.out, *shown, kept.read_text(), *inside):
        assert USER not in text and SECRET not in text
    assert '"\\\\xff.bin": ' in inside[2]
    verified = rocmkit("smoke", "--verify", str(bundle), "--json", env=env)
    assert verified.code == 8 and verified.json["intact"], verified.json["problems"]
