"""`rocmkit diff` and `doctor --what-if` as a person runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.command import ROOT, rocmkit

MACHINES = ROOT / "tests/machines"
HEALTHY, BROKEN = (str(MACHINES / f"{name}.yaml") for name in ("mi50-16gb-healthy", "mi50-torch-rocm72"))


def test_two_recordings() -> None:
    done = rocmkit("diff", HEALTHY, BROKEN)
    assert done.code == 1
    assert done.err == ""
    assert "✗ RK307 rocBLAS has no kernels for this GPU (new)" in done.out
    assert done.out.splitlines()[-1].startswith("READY → BLOCKED: 1 new finding")
    back = rocmkit("diff", BROKEN, HEALTHY, "--format", "markdown")
    assert back.code == 0
    assert back.out.startswith("## rocmkit diff: BLOCKED → READY")


def test_a_report_and_a_recording(tmp_path: Path) -> None:
    report = tmp_path / "old.json"
    assert rocmkit("doctor", "--from", HEALTHY, "--json", "-o", str(report)).code == 0
    same = rocmkit("diff", str(report), HEALTHY, "--json")
    assert same.code == 0
    assert same.json["schema"] == "rocmkit.diff/1"
    assert (same.json["facts"], same.json["came"], same.json["changed"]) == ([], [], [])
    out = tmp_path / "diff.txt"
    assert rocmkit("diff", str(report), BROKEN, "-o", str(out)).code == 1
    assert "RK307" in out.read_text()


def test_what_if_is_what_an_upgrade_brings(tmp_path: Path) -> None:
    supposed = rocmkit("doctor", "--from", HEALTHY, "--what-if", "torch=2.11+rocm7.2", "--json")
    assert supposed.code == 1
    assert supposed.json["what_if"] == ["torch=2.11.0+rocm7.2"]
    compared = supposed.json["compared"]
    ways = {system: (way["old"], way["new"]) for way in compared.pop("ways") for system in way["systems"]}
    assert compared == {"before": "ready", "came": ["RK307"], "went": [], "unclear": [], "doubtful": ["RK310"], "stayed": [], "changed": []}
    was, would_be = ways["kotoba-whisper"]
    assert was == "ready now: With torch 2.9.1+rocm6.3 as it is"
    assert would_be.startswith("to install: Install torch 2.9.1 for ROCm 6.3")
    report = tmp_path / "supposed.json"
    report.write_text(supposed.out)
    real = rocmkit("diff", str(report), BROKEN, "--json").json
    assert (real["came"], real["went"], real["verdict"]) == ([], [], [])


def test_several_changes_behind_one_what_if() -> None:
    together = rocmkit("doctor", "--from", HEALTHY, "--what-if", "rocm=7.2", "kernel=6.14", "--json")
    apart = rocmkit("doctor", "--from", HEALTHY, "--what-if", "kernel=6.14", "--what-if", "rocm=7.2", "--json")
    assert together.json == apart.json
    assert together.json["compared"]["ways"][0]["new"].startswith("to build: Build onnxruntime-rocm 1.22.1 in a container")
    stray = rocmkit("doctor", "--from", HEALTHY, "kernel=6.14")
    assert stray.code == 2
    assert "--what-if" in stray.err


def test_what_if_of_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "opt/rocm-6.3.4/.info").mkdir(parents=True)
    (root / "opt/rocm-6.3.4/.info/version").write_text("6.3.4-76\n")
    (root / "opt/rocm").symlink_to("rocm-6.3.4")
    (root / "usr/lib").mkdir(parents=True)
    done = rocmkit("doctor", "--sysroot", str(root), "--what-if", "rocm=7.2", "--json")
    assert [(one["version"], one["path"]) for one in done.json["facts"]["rocm"]] == [("7.2.0", "(hypothetical) /opt/rocm-7.2.0")]
    refused = rocmkit("doctor", "--sysroot", str(root), "--what-if", "HSA_XNACK=1")
    assert refused.code == 2
    assert "the environment is not known here" in refused.err


def test_what_if_of_this_machine() -> None:
    done = rocmkit("doctor", "--what-if", "HSA_XNACK=1", "--json")
    assert done.code in {0, 1, 3, 4}
    assert done.json["facts"]["env"]["HSA_XNACK"] == "1"


@pytest.mark.parametrize("key", ["toch=2.9", "torch=2.9+rocm9.9", "gfx=gfx9999", "x"])
def test_a_mistyped_change_is_a_usage_error(key: str) -> None:
    done = rocmkit("doctor", "--from", HEALTHY, "--what-if", key)
    assert done.code == 2
    assert done.out == ""
    assert "hint:" in done.err


def test_a_preview_takes_no_changes() -> None:
    assert rocmkit("doctor", "--from", HEALTHY, "--preview", "--what-if", "rocm=7.2").code == 2


def _hostile(folder: Path) -> dict[str, Path]:
    cases = {
        "empty": b"",
        "words": b"hello\n",
        "other-json": b'{"schema": "x"}',
        "list": b"[1, 2]",
        "cut": b'{"schema": "rocmkit.doctor/1", "results": [',
        "nested-json": b'{"schema":"rocmkit.doctor/1","results":[],"facts":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        "nested-a-little": b'{"schema":"rocmkit.doctor/1","results":[],"facts":' + b'{"a":' * 200 + b"1" + b"}" * 201,
        "not-utf-8": b'{"schema": "rocmkit.doctor/1\xff"}',
        "half-a-letter": b'{"schema": "rocmkit.doctor/1\\ud800"}',
        "several": b'{"schema": "rocmkit.doctors/1", "reports": []}',
        "recording-that-is-none": b'{"rocmkit_recording": 99}',
        "large": b'{"schema": "rocmkit.doctor/1", "results": [], "facts": {"a": "' + b"x" * (50 << 20) + b'"}}',
    }
    for name, data in cases.items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    (folder / "denied").symlink_to("/proc/self/mem")
    return {path.name: path for path in folder.iterdir()}


def test_what_is_neither_is_a_usage_error(tmp_path: Path) -> None:
    for name, path in _hostile(tmp_path).items():
        done = rocmkit("diff", str(path), HEALTHY)
        assert (name, done.code, done.out) == (name, 2, ""), done.err
        assert "Traceback" not in done.err
        assert done.seconds < 5


def test_many_facts_are_bounded(tmp_path: Path) -> None:
    facts = {"python": {"packages": {f"package-{number}": "1.0" for number in range(100_000)}}}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"schema": "rocmkit.doctor/1", "results": [], "facts": facts}))
    done = rocmkit("diff", str(path), HEALTHY)
    assert done.code == 0
    assert len(done.out.splitlines()) < 400
    assert "more: --json has all of them" in done.out


def test_the_call_itself_is_checked(tmp_path: Path) -> None:
    assert rocmkit("diff", HEALTHY).code == 2
    assert rocmkit("diff", HEALTHY, str(tmp_path / "nothing")).code == 2
    assert rocmkit("diff", "-", "-").code == 2
    assert rocmkit("diff", HEALTHY, BROKEN, "--json", "--format", "text").code == 2
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    assert rocmkit("diff", str(kept), BROKEN, "-o", str(kept)).code == 2
    assert kept.read_text() == "{}"
