"""RK111 to RK113: hangs, resets, memory errors and page faults, from the kernel's log and the card's own counts."""

from __future__ import annotations

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.checks import _log
from rocmkit.doctor.examine import examine, verdict
from rocmkit.facts import Facts, Gpu, KernelLog, Ras, gap
from rocmkit.probe.kernel_log import keep, parse
from tests.support.checks import fix, found, log, ok, run, skipped, system
from tests.support.facts import GPU, changed, machine
from tests.unit.checks.cases.kernel import FAULT, HUNG, TWO
from tests.unit.checks.odd_machines import card, with_gpus

NO_LOG = gap("denied", "dmesg: Operation not permitted")
ENV_OVERRIDE = {"HSA_OVERRIDE_GFX_VERSION": "9.0.8"}
CODES = [f"RK{number}" for number in range(107, 117)]


def word(facts: Facts) -> str:
    return verdict(facts, examine(facts, all_checks()))


# RK111 gpu-hang-reset

BEGIN, FAILED, END = HUNG[1:]
WORKED = "amdgpu 0000:03:00.0: amdgpu: GPU reset(4) succeeded!"
ADDED = "kfd kfd: amdgpu: added device 1002:66a1"


def test_a_reset_that_failed() -> None:
    one = found("RK111", machine(kernel_log=log(*HUNG)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert "last reset failed" in str(one.message)
    assert END in [seen.what for seen in one.seen]
    assert fix(one).commands == ("sudo reboot",)
    assert fix(one).reboot and fix(one).caution
    assert fix(found("RK111", machine(kernel_log=log(*HUNG), system=system(container="docker")))).commands == ()
    assert word(machine(kernel_log=log(*HUNG))) == "blocked"


def test_a_machine_that_recovered_is_not_blocked() -> None:
    facts = machine(kernel_log=log(*HUNG, BEGIN, "amdgpu 0000:03:00.0: amdgpu: GPU reset succeeded, trying to resume", WORKED))
    one = found("RK111", facts)
    assert one.confidence == "likely"
    assert "reset 4 time(s)" in str(one.message)
    assert "succeeded" in str(one.message)
    assert not fix(one).reboot
    assert word(facts) == "degraded"
    assert "reset 3 time(s)" in str(found("RK111", machine(kernel_log=log(BEGIN, BEGIN, BEGIN, WORKED.replace("4", "3")))).message)


def test_a_reset_that_only_succeeded_half_way() -> None:
    half = "amdgpu 0000:03:00.0: amdgpu: GPU reset succeeded, trying to resume"
    assert "never ended" in str(found("RK111", machine(kernel_log=log(BEGIN, half))).message)
    assert "last reset failed" in str(found("RK111", machine(kernel_log=log(BEGIN, half, END))).message)


@pytest.mark.parametrize(
    "line",
    [
        "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring sdma0 timeout, signaled seq=1, emitted seq=3",
        "amdgpu: qcm fence wait loop timeout expired",
        "amdgpu: HWS hang detected",
    ],
)
def test_a_queue_that_did_not_end(line: str) -> None:
    one = found("RK111", machine(kernel_log=log(line)))
    assert (one.subject, one.confidence) == ("0000:03:00.0", "likely")
    assert "no reset" in str(one.message)
    assert found("RK111", changed(TWO, kernel_log=log(line))).subject == "amdgpu"


def test_the_scheduler_and_the_override_are_named_as_the_cause() -> None:
    mes = found("RK111", machine(kernel_log=log("amdgpu 0000:03:00.0: amdgpu: MES failed to respond to msg=REMOVE_QUEUE", BEGIN, WORKED)))
    assert "MES" in str(mes.cause)
    assert fix(mes).commands == ("sudo apt-get install -y --reinstall linux-firmware", "sudo update-initramfs -u")
    assert "HSA_OVERRIDE_GFX_VERSION=9.0.8" in str(found("RK111", machine(kernel_log=log(BEGIN, WORKED), env=ENV_OVERRIDE)).cause)


def test_no_hang() -> None:
    ok("RK111", machine(kernel_log=log("[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx timeout, but soft recovered")))
    ok("RK111", machine(kernel_log=log("amdgpu 0000:03:00.0: amdgpu: MODE1 reset", "amdgpu 0000:03:00.0: amdgpu: GPU mode1 reset", ADDED)))
    ok("RK111", machine(kernel_log=log(*HUNG, ADDED)))
    assert run("RK111", machine(kernel_log=NO_LOG)).gap == "denied"


def test_resets_are_told_apart_by_gpu() -> None:
    other = BEGIN.replace("03:00.0", "01:00.0")
    lines = [*HUNG[1:], other, WORKED.replace("03:00.0", "01:00.0")]
    by_gpu = {place: _log.resets(group) for place, group in _log.by_gpu(lines, TWO.gpus).items()}  # type: ignore[arg-type]
    assert {place: resets and resets.last for place, resets in by_gpu.items()} == {"0000:03:00.0": "failed", "0000:01:00.0": "succeeded"}
    assert _log.resets(["amdgpu: nothing"]) is None
    assert _log.resets([WORKED]) == _log.Resets(4, "succeeded", (WORKED,))


# RK112 ras-ecc

FATAL = "amdgpu 0000:03:00.0: amdgpu: uncorrectable hardware error(ERREVENT_ATHUB_INTERRUPT) detected!"


def counting(**changes: object) -> tuple[Gpu, ...]:
    values = {"uncorrectable": {"umc": 0}, "correctable": {"umc": 0}, "bad_pages": 0, **changes}
    return (changed(GPU, ras=Ras(**values)),)  # type: ignore[arg-type]


def test_errors_that_were_counted() -> None:
    facts = machine(gpus=counting(uncorrectable={"umc": 2, "sdma": 0}))
    one = found("RK112", facts)
    assert (one.subject, one.confidence) == ("0000:03:00.0", "sure")
    assert "umc 2" in str(one.message)
    assert fix(one).commands == ("grep -H . /sys/bus/pci/devices/0000:03:00.0/ras/*_err_count",)
    assert word(facts) == "degraded"
    assert "set aside 164 page(s)" in str(found("RK112", machine(gpus=counting(bad_pages=164))).message)
    unsized = (changed(counting(bad_pages=3)[0], vram_bytes=None),)
    assert found("RK112", machine(gpus=unsized)).confidence == "likely"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (FATAL, "forced a reset"),
        ("amdgpu 0000:03:00.0: amdgpu: 2 uncorrectable hardware errors detected in umc block", "could not be corrected"),
        ("amdgpu 0000:03:00.0: amdgpu: {7} socket: 0, die: 1, 1 new uncorrectable hardware errors detected in gfx block", "could not be"),
    ],
)
def test_errors_in_the_log(line: str, words: str) -> None:
    one = found("RK112", machine(kernel_log=log(line)))
    assert words in str(one.message)
    assert one.seen[-1].what == line
    nothing = machine(gpus=(changed(GPU, ras=None),), kernel_log=log(line))
    assert found("RK112", nothing).subject == "0000:03:00.0"


def test_errors_that_are_none() -> None:
    seen = ok("RK112", machine(gpus=counting(correctable={"umc": 12}))).seen
    assert "corrected: umc 12" in seen[0].what
    few = ok("RK112", machine(gpus=counting(bad_pages=163))).seen  # one in 100 MiB of 16 GiB
    assert "163 page(s) set aside" in few[0].what
    ok("RK112", machine(gpus=counting(uncorrectable={"umc": 1048560}, correctable={"umc": 2097120})))
    for line in (
        "amdgpu 0000:03:00.0: amdgpu: 0 uncorrectable hardware errors detected in umc block",
        "amdgpu 0000:03:00.0: amdgpu: no uncorrectable hardware errors detected in umc block",
        "amdgpu 0000:03:00.0: amdgpu: 1048560 uncorrectable hardware errors detected in umc block",
        "amdgpu 0000:03:00.0: amdgpu: 3 correctable hardware errors detected in umc block",
        "[Hardware Error]: Accelerator Check Architecture events logged",
        "amdgpu 0000:03:00.0: amdgpu: MEM ECC is active.",
    ):
        ok("RK112", machine(kernel_log=log(line)))
    ok("RK112", machine(gpus=(changed(GPU, ras=None),)))
    unknown = (changed(GPU, ras=gap("not-executed", "the card sleeps")),)
    assert "sleeps" in skipped("RK112", machine(gpus=unknown, kernel_log=NO_LOG))


# RK113 mem-access-fault


def test_a_program_that_reached_too_far() -> None:
    one = found("RK113", machine(kernel_log=log(FAULT)))
    assert (one.subject, one.confidence, one.cause) == ("0000:03:00.0", "likely", None)
    assert str(one.message).startswith("python reached")
    newer = (
        "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:88 vmid:8 pasid:32787)",
        "amdgpu 0000:03:00.0: amdgpu:  Process whisper pid 7 thread whisper pid 8",
    )
    assert str(found("RK113", machine(kernel_log=log(*newer))).message).startswith("whisper reached")
    below = machine(kernel_log=log(FAULT, "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!"))
    assert [seen.what for seen in found("RK113", below).seen] == [FAULT]
    old = "amdgpu 0000:03:00.0: VM fault (0x14, vmid 8, pasid 32783) at page 5276672, write from 'TC6' (0x54433600) (136)"
    assert str(found("RK113", machine(kernel_log=log(old))).message).startswith("a program reached")
    assert word(machine(kernel_log=log(FAULT))) == "degraded"


@pytest.mark.parametrize(("program", "words"), [("python", "python reached"), ("kite-secret", "a program reached")])
def test_the_program_is_named_as_the_probe_keeps_the_line(program: str, words: str) -> None:
    lines = parse(keep(FAULT.replace("python", program).encode()))
    assert str(found("RK113", machine(kernel_log=KernelLog(source="dmesg", lines=lines))).message).startswith(words)


def test_what_makes_programs_reach_too_far() -> None:
    one = found("RK113", machine(kernel_log=log(FAULT), env=ENV_OVERRIDE))
    assert "HSA_OVERRIDE_GFX_VERSION=9.0.8" in str(one.cause)
    assert fix(one).commands == ("unset HSA_OVERRIDE_GFX_VERSION",)
    small = card("gfx1036", 3, integrated=True)
    assert "beside a card" in str(found("RK113", with_gpus(card("gfx906", 1), small, kernel_log=log(FAULT))).cause)
    assert "shares the machine's memory" in str(found("RK113", with_gpus(small, kernel_log=log(FAULT))).cause)


def test_faults_of_the_screen_or_of_a_driver_before_this_one() -> None:
    screen = FAULT.replace("vmid:8", "vmid:3").replace("python", "Xorg")
    ok("RK113", machine(kernel_log=log(screen)))
    ok("RK113", machine(kernel_log=log(FAULT, ADDED)))
    ok("RK113", machine(kernel_log=log("python3[4242]: segfault at 20 ip 00007f1 sp 00007ff error 4 in libc.so.6[7f1+2f000]")))
    compute_only = with_gpus(card("gfx90a", 3), kernel_log=log(screen))
    assert found("RK113", compute_only).confidence == "likely"
