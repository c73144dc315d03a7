"""Which road when: what `rocmkit build onnxruntime --dry-run` says for each ROCm and card, and that the doctor sends there too."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from rocmkit.build.layouts import supposed
from rocmkit.build.load import load, recipes
from rocmkit.build.plan import plan
from rocmkit.build.values import Ask, Plan
from tests.support.command import Ran, rocmkit

#: By ROCm: release, beginning of the commit that it is built from, and what keeps each card from it; an empty code: nothing does.
CARDS = ("gfx906", "gfx908", "gfx1030", "gfx1100")
OLD, LAST, AMDS = ("1.19.2", "ffceed9d44f2"), ("1.22.1", "89746dc19a0a"), ("1.22.1", "84181618603f")
ROADS: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "6.0": (OLD, ("", "", "", "")),
    "6.1": (OLD, ("", "", "", "")),
    "6.2": (LAST, ("", "", "", "")),
    "6.3": (LAST, ("", "", "", "")),
    "6.4": (LAST, ("RK307", "", "", "")),
    "7.0": (AMDS, ("RK307", "", "", "")),
    "7.1": (AMDS, ("RK307", "", "", "")),
    "7.2": (AMDS, ("RK307", "", "", "")),
}
CASES = [(rocm, gfx, road, code) for rocm, (road, codes) in ROADS.items() for gfx, code in zip(CARDS, codes, strict=True)]
#: What each card loses with the ROCm provider, whatever the release.
LIMITS = ("composable_kernel", "int8", "MIOpen")


def planned(recipe: str, rocm: str, gfx: str) -> Plan:
    every = {name: load(folder) for name, folder in recipes().items()}
    wish = Ask(archs=(gfx,), work="/w", out="/o")
    return plan(every[recipe], supposed(rocm, python="3.12"), wish, [one.recipe for one in every.values()])


@pytest.mark.parametrize(("rocm", "gfx", "road", "code"), CASES, ids=[f"{rocm}-{gfx}" for rocm, gfx, _, _ in CASES])
def test_which_release_what_it_gives_and_what_it_does_not(rocm: str, gfx: str, road: tuple[str, str], code: str) -> None:
    one = planned("onnxruntime", rocm, gfx)
    version, commit = road
    assert one.wheel == f"onnxruntime_rocm-{version}+rocm{rocm}.{gfx}-cp312-cp312-linux_x86_64.whl"
    assert [pin.commit[:12] for pin in one.pins if pin.name == "onnxruntime" and pin.commit] == [commit]
    assert one.gives and all(any(limit in note for note in one.notes) for limit in LIMITS)
    assert [block.code for block in one.blocked_by] == ([code] if code else [])
    ways = " ".join(way for block in one.blocked_by for way in block.ways_out)
    if code == "RK307":
        assert "rocmkit build onnxruntime --arch gfx906 --rocm-version 6.3 --container" in ways
        assert ("rocmkit build rocblas onnxruntime --arch gfx906" in ways) == (rocm == "6.4")


@cache
def dry(recipe: str, rocm: str, gfx: str) -> Ran:
    return rocmkit("build", recipe, "--arch", gfx, "--rocm-version", rocm, "--python", "3.12", "--dry-run", timeout_s=60)


def words(done: Ran) -> str:
    return " ".join(done.out.split())


@pytest.mark.parametrize(("rocm", "gfx", "code"), [("6.3", "gfx906", ""), ("7.2", "gfx906", "RK307"), ("6.4", "gfx1030", "")])
def test_a_dry_run_prints_it(rocm: str, gfx: str, code: str) -> None:
    text = words(dry("onnxruntime", rocm, gfx))
    assert "What it gives" in text and all(limit in text.partition("To know")[2] for limit in LIMITS)
    assert f"commit {ROADS[rocm][0][1]}" in text
    if code:
        assert f"✗ {code} " in text and "BLOCKED: 1 reason" in text
    else:
        assert "FEASIBLE" in text and "BLOCKED" not in text


@pytest.mark.parametrize("rocm", ["7.14", "10.0"])
def test_for_a_newer_rocm_there_is_none(rocm: str) -> None:
    done = dry("onnxruntime", rocm, "gfx1100")
    assert done.code == 2
    assert f"no release for ROCm {rocm}" in done.err and ">=7.0,<7.3" in done.err


@pytest.mark.parametrize(
    ("rocm", "gfx", "fits"), [("6.4", "gfx942", True), ("7.2", "gfx1201", True), ("7.2", "gfx906", False), ("7.2", "gfx1030", False)]
)
def test_migraphx_is_told_of_before_anyone_waits(rocm: str, gfx: str, fits: bool) -> None:
    text = words(dry("onnxruntime-migraphx", rocm, gfx))
    known = text.partition("To know")[2]
    for limit in ("microsoft/onnxruntime#31607", "rocmkit rewrite", "AMDMIGraphX#4618", "immich#29559", "AMDMIGraphX#5058"):
        assert limit in known, limit
    assert ("migraphx_model_cache_dir" if rocm == "7.2" else "ORT_MIGRAPHX_SAVE_COMPILED_MODEL") in known
    assert ("Before an hour of building" in known) == (rocm == "7.2")
    assert ("✗ RK404 " in text) != fits
    if not fits:
        assert "Build ONNX Runtime with the ROCm provider instead: rocmkit build onnxruntime --arch" in text


def routes(*changes: str) -> list[dict[str, Any]]:
    """The ways to ReazonSpeech k2 of an MI50's machine after changes."""
    what = [word for change in changes for word in ("--what-if", change)]
    done = rocmkit("doctor", "--from", "tests/machines/mi50-16gb-healthy.yaml", *what, "--json", timeout_s=60)
    return [one for one in done.json["routes"] if one["system"] == "reazonspeech-k2"]


@pytest.mark.parametrize(
    ("rocm", "where"), [("6.1.5", "on the ROCm 6.1"), ("6.3.4", "on the ROCm 6.3"), ("7.2.0", "in a container with ROCm 6.3")]
)
def test_the_doctor_sends_there_too(rocm: str, where: str) -> None:
    best = routes(f"rocm={rocm}")[0]
    series = "6.3" if "container" in where else rocm[:3]
    (version, _), (code, *_) = ROADS[series]
    assert (best["way"], best["status"], code) == ("recipe", "buildable", "")
    assert f"Build onnxruntime-rocm {version} {where}" in best["how"]
    assert next(line for line in best["commands"] if line.startswith("rocmkit build ")).startswith(
        "rocmkit build onnxruntime --arch gfx906 "
    )
    assert best["commands"][-1].startswith("rocmkit transcribe speech.wav --model reazonspeech-k2-v2 --provider rocm --python ")
