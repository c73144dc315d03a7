"""collect: every section on every machine, in time, and the same again from a recording."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.facts import Facts, Gap, Kfd
from rocmkit.host.base import NotAsked, ProcessDied, Run
from rocmkit.host.live import LiveHost
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import dump, load, load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.model import to_json
from rocmkit.probe import collect, kernel_log, runtime, system
from rocmkit.probe.access import access
from rocmkit.probe.driver import driver
from rocmkit.probe.env import assignments, env_files
from rocmkit.probe.gaps import field, from_error, from_run, side_by_side
from rocmkit.probe.memory import limit_files, memory
from rocmkit.probe.pci import first_window
from rocmkit.probe.tools import VERSIONS, parse_version, tools
from rocmkit.probe.topology import properties, topology
from rocmkit.report import summary
from tests.conftest import ROOT, SHARED_MACHINES
from tests.unit.probe.hosts import Nonsense, Stuck, whole

REAL = sorted(path.name for path in SHARED_MACHINES.iterdir() if (path / "sys").is_dir()) if SHARED_MACHINES.is_dir() else []
RECORDED = sorted((ROOT / "tests" / "machines").glob("*.yaml"))
#: The sections of this package's own probes; rocm and python have their own tests.
OWN = ("system", "driver", "kfd", "gpus", "access", "kernel_log", "runtime", "env", "env_files", "memory", "tools")


def sections(facts: Facts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in OWN}


def test_the_real_machines_are_there_where_the_folder_is() -> None:
    assert bool(REAL) == SHARED_MACHINES.is_dir()
    assert RECORDED


GPUS = {
    "error-kfd-eacces": ["gfx906"],
    "error-no-kfd": ["gfx906"],
    "gfx900-mi25-2node": ["gfx900", "gfx900"],
    "gfx906-mi50-single": ["gfx906"],
    "mixed-6gpu-rocprofiler-sdk": ["gfx906", "gfx1102", "gfx1032", "gfx942", "gfx950", "gfx1201"],
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_machine(name: str) -> None:
    facts = collect(SysrootHost(SHARED_MACHINES / name))
    assert isinstance(facts.gpus, tuple)
    assert [gpu.gfx for gpu in facts.gpus] == GPUS[name]
    assert all(gpu.vram_bytes and gpu.name and gpu.device_id for gpu in facts.gpus)
    text = to_json(facts)
    for serial in ("2490210172fc1a88", "2634642072119548552", "14073402507705256556", "985321441578344217", "7773567030725891371"):
        assert serial not in text
    for gap in (facts.env, facts.kernel_log, facts.runtime):
        assert isinstance(gap, Gap)
        assert gap.reason == "not-executed"
    # Such a folder holds the kernel's side alone: of ROCm and of programs it tells nothing.
    assert isinstance(facts.rocm, Gap)
    assert not isinstance(facts.tools, Gap)
    assert all(isinstance(tool.version, Gap) for tool in facts.tools)
    assert list(summary.failures(facts)) == []


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_machine(path: Path) -> None:
    facts = collect(ReplayHost(load_file(path)))
    assert isinstance(facts.gpus, tuple)
    assert bool(facts.gpus) == (path.stem not in {"no-gpu", "wsl"})
    for name, found in sections(facts).items():
        assert not isinstance(found, Gap) or found.reason in {"absent", "denied", "timeout", "not-executed"}, (name, found)


def test_this_machine_gives_the_same_from_a_recording_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_USER", "DOAS_USER"):  # under sudo `~` would be the caller's, and not Path.home()
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_do_not_tell")
    monkeypatch.setenv("HSA_OVERRIDE_GFX_VERSION", "10.3.0")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{Path.home()}/lib:/opt/rocm/lib")
    recorder = RecordingHost(LiveHost())
    live = collect(recorder)
    text = dump(recorder.recording("test"))
    again = collect(ReplayHost(load(text, source="test")))
    assert sections(again) == sections(live)
    assert isinstance(live.env, dict)
    assert (live.env["HF_TOKEN"], live.env["HSA_OVERRIDE_GFX_VERSION"]) == ("<set>", "10.3.0")
    assert live.env["LD_LIBRARY_PATH"] == "~/lib:/opt/rocm/lib"
    assert "hf_do_not_tell" not in text
    assert f"{Path.home()}/" not in "".join(to_json(found) for found in sections(live).values())


def test_a_read_that_never_returns_costs_its_own_section_only() -> None:
    host = Stuck("/proc/meminfo")
    seen: list[str] = []
    start = time.monotonic()
    facts = collect(host, deadline_s=0.5, progress=seen.append)
    took = time.monotonic() - start
    host.release.set()
    assert 0.4 < took < 2
    assert isinstance(facts.memory, Gap)
    assert (facts.memory.reason, "memory" in facts.memory.detail) == ("timeout", True)
    assert "memory" not in seen
    assert {"system", "driver", "topology", "access"} <= set(seen)


def test_all_programs_hang_and_the_answer_comes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dmesg", "journalctl", *VERSIONS):
        program = tmp_path / name
        program.write_text("#!/bin/sh\ntrap '' TERM\nsleep 60 & wait; sleep 60\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    start = time.monotonic()
    facts = collect(LiveHost(), python=sys.executable)
    assert time.monotonic() - start < 6
    for gap in (facts.kernel_log, facts.runtime):
        assert isinstance(gap, Gap)
        assert gap.reason == "timeout"
    assert isinstance(facts.tools, tuple)
    assert [tool.version.reason for tool in facts.tools if isinstance(tool.version, Gap)] == ["timeout"] * (len(VERSIONS) - 1)


def test_a_hanging_program_does_not_hold_the_interpreter_up(tmp_path: Path) -> None:
    program = (
        "import time\nfrom rocmkit.probe.gaps import side_by_side\nprint(side_by_side({'x': lambda: time.sleep(60)}, timeout_s=0.1))\n"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, cwd=ROOT, check=True)
    assert "timeout" in done.stdout
    assert time.monotonic() - start < 10


def test_errors_as_gaps() -> None:
    def reason(error: Exception) -> tuple[str, str]:
        found = from_error(error)
        return found.reason, found.detail

    assert reason(OSError(errno.EACCES, "x", "/a")) == ("denied", "/a: Permission denied")
    assert reason(OSError(errno.EPERM, "x", "/a")) == ("denied", "/a: Operation not permitted")
    assert reason(OSError(errno.ENOENT, "x", "/a")) == ("absent", "/a: No such file or directory")
    assert reason(OSError(errno.ENOTDIR, "x", "/a"))[0] == "absent"
    assert reason(OSError(errno.EIO, "x", "/a")) == ("unparsable", "OSError: /a: Input/output error")
    assert reason(OSError(errno.ETIMEDOUT, "x", "/a"))[0] == "timeout"
    assert reason(ValueError("what")) == ("unparsable", "what")
    assert reason(KeyError("k")) == ("unparsable", "KeyError: 'k'")
    assert reason(ProcessDied("x by SIGABRT")) == ("crashed", "x by SIGABRT")
    assert reason(NotAsked("no")) == ("not-executed", "no")
    assert field(int, "x") == from_error(ValueError("invalid literal for int() with base 10: 'x'"))
    assert field(int, "1") == 1


def test_ends_of_programs_as_gaps() -> None:
    assert from_run(Run(outcome="exited", exit=1), "x") is None
    hung, crashed = from_run(Run(outcome="timeout"), "x"), from_run(Run(outcome="signal", signal="SIGSEGV", stderr=b"a\nb\n"), "x")
    assert hung is not None
    assert hung.reason == "timeout"
    assert crashed is not None
    assert (crashed.reason, crashed.detail) == ("crashed", "x ended by SIGSEGV: b")


def test_side_by_side_is_side_by_side() -> None:
    start = time.monotonic()
    found = side_by_side({str(n): lambda: time.sleep(0.2) for n in range(20)}, timeout_s=5)
    assert time.monotonic() - start < 2
    assert set(found.values()) == {None}


PARSERS: dict[str, Callable[[str], object]] = {
    "properties": properties,
    "resource": first_window,
    "os-release": system.os_release,
    "hypervisor": system.hypervisor,
    "agents": runtime.parse,
    "complaint": runtime.complaint,
    "shell": assignments,
    "cgroup": limit_files,
    **{f"version of {name}": partial(parse_version, how[1]) for name, how in VERSIONS.items() if how},
}
WORDS = st.sampled_from(
    [
        "simd_count 240",
        "0x0 0xf 0x200",
        "Agent 1",
        "  Name: gfx906",
        "  Device Type: GPU",
        "LD_PRELOAD='a' ;",
        "0::/../a",
        "4:memory:/x",
        "version 1.2",
        "ID=x",
        "²",
        "\x00\namdgpu: GPU reset begin!",
        "dmesg: read kernel buffer failed",
        "x is member of y",
        "-- No entries --",
        "[drm:x [amdgpu]] *ERROR* ring sdma0 timeout",
    ]
)
TEXT = st.lists(WORDS | st.text(max_size=30), max_size=12).map("\n".join)
BYTES = TEXT.map(str.encode) | st.binary(max_size=200)


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(text=TEXT)
def test_any_text_gives_a_value_or_a_value_error(name: str, text: str) -> None:
    with contextlib.suppress(ValueError):
        PARSERS[name](text)


@given(data=BYTES)
def test_what_is_kept_is_kept_again(data: bytes) -> None:
    for keep in (kernel_log.keep, runtime.keep):
        assert keep(keep(data)) == keep(data)


NAMES = (
    "0",
    "1",
    "0000:06:00.0",
    "renderD128",
    "card0",
    "x.conf",
    "rocm-6.3.4",
    "amdgpu-6.8.5",
    "noretry",
    "²",
    "amdgpu.ko",
    "vega20_mec.bin",
)


@settings(deadline=None)
@given(data=BYTES, names=st.sets(st.sampled_from(NAMES)).map(tuple), ended=st.sampled_from(["exited", "signal", "timeout"]))
def test_nonsense_everywhere_is_gaps_at_worst(data: bytes, names: tuple[str, ...], ended: Any) -> None:
    host = Nonsense(data, names, Run(outcome=ended, exit=0 if ended == "exited" else None, stdout=data, stderr=data))
    for probe in (system.system, driver, topology, access, kernel_log.kernel_log, env_files, memory, tools):
        to_json(probe(host))
    to_json(field(runtime.runtime, host))


def test_one_failing_section_is_a_gap_beside_the_others() -> None:
    class Broken(ReplayHost):
        def list(self, path: str, wanted: Any = None) -> tuple[str, ...]:
            if "kfd" in path:
                raise KeyError("surprise")
            return super().list(path, wanted)

    facts = collect(Broken(whole({"/sys/bus/pci/devices/0000:00:00.0/vendor": "0x8086"}).recording))
    assert isinstance(facts.kfd, Gap)
    assert "KeyError" in facts.kfd.detail
    assert facts.gpus == ()
    assert not isinstance(facts.kfd, Kfd)
