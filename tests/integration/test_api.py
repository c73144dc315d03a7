"""rocmkit in somebody else's process: it prints nothing, changes nothing, and leaves nothing behind, whatever it is asked there."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rocmkit.smoke.clips import shipped
from tests.conftest import ROOT
from tests.support import fakewhisper, smokehome
from tests.support.command import script
from tests.support.crashes import marked, wait_until

#: What a process has of its own, and what rocmkit must leave as it is.
STATE = """
import ctypes, json, os, psutil, signal, sys, threading, time
import rocmkit, rocmkit.api

def state():
    subreaper = ctypes.c_int()
    ctypes.CDLL(None).prctl(37, ctypes.byref(subreaper), 0, 0, 0)  # PR_GET_CHILD_SUBREAPER
    me = psutil.Process()
    return {
        "children": [child.cmdline() for child in me.children(recursive=True)],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": me.num_fds(),
        "signals": [str(signal.getsignal(number)) for number in signal.valid_signals() if number not in (9, 19)],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "variables": dict(os.environ),
        "folder": os.getcwd(),
        "mask": os.umask(os.umask(0o22) or 0),
        "subreaper": subreaper.value,
        "streams": [id(sys.stdin), id(sys.stdout), id(sys.stderr), id(sys.excepthook)],
        "limits": str(psutil.Process().rlimit(psutil.RLIMIT_NOFILE)),
    }

def unchanged(before):
    end = time.monotonic() + 5
    while (now := state()) != before and time.monotonic() < end:
        time.sleep(0.05)  # a thread that has answered still has to end
    assert now == before, {key: (before[key], now[key]) for key in now if now[key] != before[key]}
"""
#: What examine, inspect and plan are asked there.
QUIET = """
before = state()
report = rocmkit.examine()
rocmkit.examine(recording=sys.argv[1], what_if={"torch": "2.11+rocm7.2"})
rocmkit.inspect(sys.executable, "msgspec", gfx="gfx906")
rocmkit.plan("ctranslate2", arch="gfx906", rocm_version="6.3")
for wrong in (lambda: rocmkit.examine(python="/nowhere"), lambda: rocmkit.inspect("/nowhere"), lambda: rocmkit.plan("x", arch="y")):
    try:
        wrong()
    except rocmkit.RocmkitError:
        continue
    raise SystemExit("no error")
unchanged(before)
"""
RECORDING = str(ROOT / "tests" / "machines" / "mi50-16gb-healthy.yaml")


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def test_nothing_is_said_on_a_terminal_and_nothing_changes() -> None:
    ours, theirs = pty.openpty()
    try:
        asked = subprocess.Popen(
            [sys.executable, "-c", STATE + QUIET, RECORDING], stdin=theirs, stdout=theirs, stderr=theirs, env=_environment(TERM="xterm")
        )
        os.close(theirs)
        said = b""
        while asked.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    said += os.read(ours, 4096)
                except OSError:  # its last holder is gone
                    break
        assert (asked.wait(), said.decode()) == (0, "")
    finally:
        os.close(ours)


def test_tools_that_hang_are_gone_when_the_answer_is_there(tmp_path: Path) -> None:
    """Each has a child of its own; rocminfo's gives itself another session."""
    called = tmp_path / "called"
    for name in ("rocminfo", "dkms", "modinfo", "dmesg", "journalctl"):
        escape = "setsid sleep 1000 &" if name == "rocminfo" else "sleep 1000 &"
        script(tmp_path / "bin", name, f"echo {name} >> {called}\n{escape}\nsleep 1000\n")
    mark = f"api-{os.getpid()}-{time.monotonic_ns()}"
    code = (
        STATE + "before = state()\nreport = rocmkit.examine()\nassert not state()['children'], state()['children']\nprint(report.verdict)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment(PATH=f"{tmp_path}/bin:{os.environ['PATH']}", MARK=mark),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < 15
    assert called.read_text()
    assert not marked(mark)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("api")
    return smokehome.environment(folder / "venv"), smokehome.hub(folder / "hub")


def _smoke(home: tuple[Path, Path], folder: Path, mark: str) -> dict[str, str]:
    venv, hub = home
    (folder / "scratch").mkdir()
    folders = {"HF_HUB_CACHE": hub, "XDG_CACHE_HOME": venv.parent / "cache", "TMPDIR": folder / "scratch"}
    files = {"FAKE_RUNS": folder / "runs", "FAKE_SLEEPS": folder / "sleeps"}
    return _environment(MARK=mark, **{name: str(path) for name, path in (folders | files).items()})


def test_smoke_runs_systems_and_leaves_the_process_as_it_was(home: tuple[Path, Path], tmp_path: Path) -> None:
    """In a thread of its own, as a notebook's server has it."""
    mark = f"api-{os.getpid()}-{time.monotonic_ns()}"
    code = f"""{STATE}
rocmkit.smoke("faster-whisper", python={str(home[0])!r}, model=sys.argv[1])  # the hook is compiled, and its library read
before, said, made = state(), [], []
def ask():
    made.append(rocmkit.smoke(["faster"], python={{"faster-whisper": {str(home[0])!r}}}, model=sys.argv[1], tell=said.append))
thread = threading.Thread(target=ask)
thread.start()
thread.join()
(case,) = made[0].cases
assert said and all(text.startswith("1 of 1, ") for text in said), said
unchanged(before)
print(rocmkit.to_json(made[0]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(fakewhisper.model(tmp_path / "models", "right"))],
        env=_smoke(home, tmp_path, mark),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    from rocmkit.model import from_json
    from rocmkit.smoke.result import Smoke

    found = from_json(done.stdout.encode(), Smoke, source="what was printed")
    (case,) = found.cases
    assert (found.verdict, found.exit, case.outcome, case.code, case.device, case.cer) == ("cpu", 8, "inconclusive", "RK701", "cpu", 0)
    assert (case.text or "").splitlines() == [clip.text for clip in shipped()]
    assert not marked(mark)
    assert not list((tmp_path / "scratch").iterdir())


def test_smoke_that_is_broken_off_raises_as_any_call_does(home: tuple[Path, Path], tmp_path: Path) -> None:
    mark, kept = f"api-{os.getpid()}-{time.monotonic_ns()}", tmp_path / "kept.jsonl"
    environment = _smoke(home, tmp_path, mark)
    (tmp_path / "sleeps").touch()
    code = """
import rocmkit, sys
try:
    rocmkit.smoke([sys.argv[1], sys.argv[2]], python=sys.argv[3], resume=sys.argv[4])
except KeyboardInterrupt:
    print("broken off")
"""
    arguments = (smokehome.FIRST, smokehome.SECOND, str(home[0]), str(kept))
    asked = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    runs = tmp_path / "runs"
    wait_until(lambda: runs.exists() and "sherpa-onnx" in runs.read_text(), 60)
    asked.send_signal(signal.SIGINT)
    out, err = asked.communicate(timeout=30)
    assert (asked.returncode, out, err) == (0, b"broken off\n", b"")
    assert len(kept.read_text().splitlines()) == 2  # the header, and the first system
    assert not marked(mark)
