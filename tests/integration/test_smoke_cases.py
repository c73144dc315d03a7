"""Whole cases: a worker that loads, transcribes, lies or dies, the kernel's files while it does, and the judgement of all that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from rocmkit.errors import Exit
from rocmkit.host.names import Names
from rocmkit.kb.backends import backend
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.hook import Hooked
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import Card, UsedModel, Wanted
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.result import Case
from rocmkit.smoke.run import Room, observe
from rocmkit.smoke.verdict import verdict
from rocmkit.smoke.watch import Watcher
from tests.support import fakewhisper
from tests.support.kernel_tree import GFX906, Kernel

FASTER = backend("faster-whisper")
NOT_BUILT = Hooked(None, "there is no C compiler here")
Try = Callable[..., Case]


class _Watcher(Watcher):
    """Of a kernel whose /proc knows a process from its first moment on, as a real one does."""

    def __init__(self, cards: Sequence[Card], kernel: Kernel) -> None:
        super().__init__(cards, sys=str(kernel.sys), proc=str(kernel.proc))
        self.kernel = kernel

    def started(self, pid: int) -> None:
        self.kernel.process(pid)
        super().started(pid)


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Run a case whose model does what its name says, on a machine with an MI50."""
    kernel = Kernel(tmp_path / "kernel", GFX906).boot()
    for name, value in fakewhisper.variables(fakewhisper.packages(tmp_path / "site"), tmp_path / "kernel").items():
        monkeypatch.setenv(name, value)

    def run(does: str, *, device: str = "gpu", timeout_s: float = 60, clips: int = 3, **wanted: object) -> Case:
        folder = fakewhisper.model(tmp_path / "models", does)
        planned = Planned(
            backend=FASTER,
            model=UsedModel(id=does, path=str(folder), bytes=1 << 20),
            argument=str(folder),
            python=fakewhisper.PYTHON,
            device="cpu" if device == "cpu" else "gpu",
        )
        room = Room(
            names=Names(),
            cards=kernel.cards,
            wanted=replace(Wanted(), **wanted),
            hooked=NOT_BUILT,
            kfd_device="driver",
            timeout_s=timeout_s,
            watcher=lambda cards: _Watcher(cards, kernel),
        )
        return judge(observe(planned, shipped()[:clips], room), FASTER)

    return run


def test_a_case_is_proved_by_waves_of_its_own_process(case: Try) -> None:
    found = case("right")
    assert (found.outcome, found.proof.level, found.proof.enough, found.exit) == ("pass", "executed", True, 0), found.because
    assert found.device == "gpu"
    assert found.cer == 0
    assert found.peak_vram_bytes == 2 << 30
    assert found.negative_control.outcome == "failed"
    assert "no ROCm-capable device" in found.negative_control.because
    assert found.repeat.agrees and found.against_cpu.agrees
    assert found.against_cpu.cosine == pytest.approx(1)
    assert any("cu_occupancy" in seen.where and seen.value.strip() == "40" for seen in found.proof.evidence)
    assert verdict([found], ()).verdict == "proved"
    told = {seen.where: seen.value for seen in found.proof.evidence if seen.kind == "environment"}
    assert told["CT2_CUDA_ALLOCATOR"] == "cub_caching" and "MIOPEN_FIND_MODE" not in told  # CTranslate2 does not go through MIOpen


def test_what_the_user_has_set_stays(case: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIOPEN_FIND_MODE", "NORMAL")
    found = case("falls-back", clips=1)
    assert ("MIOPEN_FIND_MODE", "NORMAL") in {(seen.where, seen.value) for seen in found.proof.evidence}


@pytest.mark.parametrize(
    ("does", "outcome", "code", "exit_code"),
    [
        ("falls-back", "fail", "RK701", Exit.RAN_ON_CPU),
        ("only-claims", "inconclusive", "RK705", Exit.INCONCLUSIVE),
        ("only-opens", "inconclusive", "RK705", Exit.INCONCLUSIVE),
        ("sleeps", "inconclusive", "RK705", Exit.INCONCLUSIVE),
        ("sees-what-is-hidden", "inconclusive", "RK706", Exit.INCONCLUSIVE),
        ("wrong", "fail", "RK702", Exit.WRONG_TEXT),
        ("unsteady", "fail", "RK707", Exit.BLOCKED),
        ("other-text", "fail", "RK702", Exit.WRONG_TEXT),
        ("other-numbers", "fail", "RK708", Exit.WRONG_TEXT),
        ("not-a-number", "fail", "RK708", Exit.WRONG_TEXT),
        ("raises", "fail", "RK712", Exit.BLOCKED),
    ],
)
def test_what_is_no_pass(case: Try, does: str, outcome: str, code: str, exit_code: Exit) -> None:
    found = case(does, clips=7 if does == "unsteady" else 3)  # it falters at its eighth
    assert (found.outcome, found.code, found.exit) == (outcome, code, exit_code), found.because
    assert verdict([found], ()).exit == exit_code


def test_a_crash_has_its_signal_and_the_clip_that_it_died_in(case: Try) -> None:
    found = case("crashes")
    assert (found.outcome, found.code, found.exit) == ("fail", "RK703", Exit.BLOCKED)
    assert found.crash is not None
    assert found.crash.signal == "SIGSEGV"
    assert "01_jf_gongitsune.wav" in found.crash.while_doing
    assert found.clips[0].text == shipped()[0].text  # what came before is kept


@pytest.mark.parametrize("does", ["hangs-in-load", "hangs"])
def test_a_hang_ends_in_time(case: Try, does: str) -> None:
    start = time.monotonic()
    found = case(does, timeout_s=2, clips=2)
    assert (found.outcome, found.code, found.exit) == ("fail", "RK704", Exit.BLOCKED)
    assert time.monotonic() - start < 30


def test_an_end_in_the_middle_is_no_pass(case: Try) -> None:
    found = case("leaves", clips=2)
    assert found.outcome == "fail"
    assert found.exit == Exit.BLOCKED


def test_what_a_library_prints_is_not_taken_for_an_answer(case: Try) -> None:
    found = case("prints")
    assert found.outcome == "pass", found.because
    assert "invented" not in (found.text or "")


def test_too_much_video_memory_fails(case: Try) -> None:
    found = case("right", max_vram_bytes=1 << 30)
    assert (found.outcome, found.code, found.exit) == ("fail", "RK711", Exit.BLOCKED)


def test_the_processor_is_never_a_pass(case: Try) -> None:
    found = case("right", device="cpu")
    assert (found.outcome, found.code, found.exit) == ("inconclusive", "RK701", Exit.RAN_ON_CPU)
    assert found.proof.level == "none"
    assert found.cer == 0


def test_without_the_negative_control_it_is_said(case: Try) -> None:
    found = case("right", control=False)
    assert found.negative_control.outcome == "not-made"


def test_the_table_has_a_row_for_each_whatever_became_of_it(case: Try) -> None:
    rows = [case(does, timeout_s=2 if does == "hangs-in-load" else 60, clips=2) for does in ("right", "crashes", "hangs-in-load", "raises")]
    found = verdict(rows, ())
    assert [row.outcome for row in found.cases] == ["pass", "fail", "fail", "fail"]
    assert (found.verdict, found.exit) == ("partly", Exit.BLOCKED)
