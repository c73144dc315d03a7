"""Reports of bad wheels, and which torch serves which GPUs."""

from __future__ import annotations

from typing import Literal

import pytest

from rocmkit import kb


@pytest.mark.parametrize(
    ("shows", "torch", "rocm", "gfx", "sources"),
    [
        ("math", "2.6.0", "6.1", "gfx906", ["Comfy-Org/ComfyUI#15615"]),
        ("math", "2.6.0", "6.1", "gfx906:sramecc+:xnack-", ["Comfy-Org/ComfyUI#15615"]),
        ("math", "2.4.1", "6.1", "gfx1100", ["hiyouga/LlamaFactory#5716"]),
        ("math", "2.6.0", "6.2.4", "gfx906", []),
        ("numbers", "2.6.0", "6.1", "gfx906", []),
        ("first-operation", "2.11.0", "7.1", "gfx1151", ["ROCm/TheRock#3081"]),
        ("math", "nonsense", "", "", []),
    ],
)
def test_reports(shows: Literal["first-operation", "math", "numbers"], torch: str, rocm: str, gfx: str, sources: list[str]) -> None:
    assert [one.sources[0] for one in kb.torch_reports(shows, torch, rocm, gfx)] == sources


def test_reports_name_gpus_that_are_known() -> None:
    assert {gfx for one in kb.all_torch_reports() for gfx in one.reported + one.suspected} <= set(kb.archs())
    assert not any(set(one.reported) & set(one.suspected) for one in kb.all_torch_reports())


def test_a_torch_for_several_gpus() -> None:
    both = kb.best_torch("gfx906", "3.12", ("gfx1201",))
    assert both and (both.torch, both.rocm) == ("2.9", "6.3")
    assert kb.best_torch("gfx906", "3.12", ("gfx950",)) is None
    assert kb.best_torch("gfx906", "3.13t") == kb.torch_wheel("2.8.0", "6.3")


@pytest.mark.parametrize(
    ("torch", "audio"), [("2.0", "2.0"), ("2.9", "2.9"), ("2.12", "2.11"), ("2.14", "2.11"), ("1.13", None), ("?", None)]
)
def test_torchaudio_for(torch: str, audio: str | None) -> None:
    assert kb.torchaudio_for(torch) == audio
