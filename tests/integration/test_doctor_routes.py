"""Routes as a person asks for them."""

from __future__ import annotations

import pytest

from rocmkit.kb.systems import systems
from tests.support.command import rocmkit

USER = "tests/machines/the-user.yaml"


def test_a_report_ends_with_the_best_ways_and_says_how_to_see_all() -> None:
    done = rocmkit("doctor", "--from", USER)
    assert "Ways from here to Japanese speech" in done.out
    assert "--route SYSTEM" in done.out
    assert "Install torch 2.9.1 for ROCm 6.3" in " ".join(done.out.split())


def test_one_system_in_full() -> None:
    done = rocmkit("doctor", "--from", USER, "--route", "faster-whisper", "--max-vram", "8GiB")
    assert "rocmkit build ctranslate2 --arch gfx906 " in done.out
    assert "of 8 GiB" in done.out
    assert "What people try" in done.out
    assert "kotoba-whisper in" not in done.out
    assert done.code == 1  # the machine's verdict, whatever is shown


def test_all_of_them() -> None:
    out = rocmkit("doctor", "--from", USER, "--route", "all").out
    assert all(system.title in out for system in systems())


@pytest.mark.parametrize(("limit", "model"), [("8GiB", "turbo"), ("5500MiB", "medium"), ("2g", "small"), ("1.5 GiB", "base")])
def test_a_limit_on_video_memory_picks_the_model(limit: str, model: str) -> None:
    found = rocmkit("doctor", "--from", USER, "--max-vram", limit, "--json").json["routes"]
    assert {one["vram"]["model"] for one in found if one["system"] == "openai-whisper" and one["vram"]} == {model}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--route", "kotoba"), "did you mean kotoba-whisper"),
        (("--route", "k2"), "did you mean reazonspeech-k2?"),
        (("--route", "x" * 50), "is called"),
        (("--max-vram", "eight"), "8GiB"),
        (("--max-vram", "-1GiB"), "is no size"),
        (("--route", "all", "--only", "RK307"), "--only"),
        (("--route", "all", "--preview"), "--preview"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = rocmkit("doctor", "--from", USER, *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err


def test_with_checks_left_out_no_route_is_told() -> None:
    report = rocmkit("doctor", "--from", USER, "--skip", "RK307", "--json").json
    assert (report["routes"], report["ideas"]) == ([], [])


def test_markdown_has_a_table_of_them() -> None:
    out = rocmkit("doctor", "--from", USER, "--format", "markdown").out
    rows = [line for line in out.splitlines() if line.startswith("| ") and ("to install" in line or "to build" in line)]
    assert len(rows) == len(systems())
