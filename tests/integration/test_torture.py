"""Broken machines, with real processes: doctor answers in time and says which probe failed and how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import Ran, rocmkit, script

TOOLS = ("rocminfo", "amd-smi", "rocm-smi", "hipcc", "cmake", "git", "ffmpeg", "docker", "dmesg", "journalctl")
#: The budget is 6 s; the rest is for a machine that is busy with other tests.
LIMIT_S = 6.0


def tool(report: dict[str, object], name: str) -> object:
    tools = report["facts"]["tools"]  # type: ignore[index]
    return next(one["version"] for one in tools if one["name"] == name)


def with_tools(folder: Path, text: str, *arguments: str) -> Ran:
    for name in TOOLS:
        script(folder / "bin", name, text)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return rocmkit("doctor", "--json", "--python", sys.executable, *arguments, env={"PATH": path})


def test_every_tool_hangs(tmp_path: Path) -> None:
    ran = with_tools(tmp_path, "trap '' TERM INT; sleep 60 & sleep 60; wait\n")
    assert ran.seconds < LIMIT_S
    for name in ("rocminfo", "amd-smi", "hipcc"):
        gap = ran.json["facts"]["runtime"]["gap"] if name == "rocminfo" else tool(ran.json, name)["gap"]  # type: ignore[index]
        assert gap["reason"] == "timeout", name
        assert name in gap["detail"]
    assert ran.json["facts"]["kernel_log"]["gap"]["reason"] == "timeout"


def test_every_tool_crashes(tmp_path: Path) -> None:
    ran = with_tools(tmp_path, "kill -SEGV $$\n")
    gap = tool(ran.json, "hipcc")["gap"]  # type: ignore[index]
    assert (gap["reason"], "SIGSEGV" in gap["detail"]) == ("crashed", True)
    assert ran.json["facts"]["runtime"]["gap"]["reason"] == "crashed"


@pytest.mark.parametrize(
    "text",
    ["head -c 3000 /dev/urandom\n", "yes 'version version' | head -c 9000000\n", "printf '\\033[2J\\033]0;x\\007'\n", "exit 3\n", ":\n"],
    ids=["rubbish", "megabytes", "escapes", "failure", "silence"],
)
def test_every_tool_talks_nonsense(tmp_path: Path, text: str) -> None:
    ran = with_tools(tmp_path, text)
    assert ran.seconds < LIMIT_S
    assert ran.code in {0, 1, 3, 4}
    assert "Traceback" not in ran.err
    for name in ("amd-smi", "hipcc"):
        version = tool(ran.json, name)
        assert version is None or isinstance(version, (str, dict))


def test_text_report_carries_no_escapes_of_others(tmp_path: Path) -> None:
    for name in TOOLS:
        script(tmp_path / "bin", name, "printf 'version \\033[2J1.2.3\\033[0m'; printf '\\033[31m' >&2; exit 1\n")
    ran = rocmkit("doctor", env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("broken", ["import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)", "raise SystemExit(9)"])
def test_a_torch_that_kills_or_hangs_the_interpreter_is_never_imported(tmp_path: Path, broken: str) -> None:
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True)
    site = next((env / "lib").glob("python3*/site-packages"))
    (site / "torch").mkdir()
    (site / "torch/__init__.py").write_text(broken)
    (site / "torch/version.py").write_text("__version__ = '2.6.0+rocm6.1'\nhip = '6.1.40091'\ncuda = None\n")
    (site / "torch-2.6.0+rocm6.1.dist-info").mkdir()
    (site / "torch-2.6.0+rocm6.1.dist-info/METADATA").write_text("Name: torch\nVersion: 2.6.0+rocm6.1\n")
    (site / "evil.pth").write_text(f"import torch; {broken}\n")
    (site / "sitecustomize.py").write_text(broken)
    ran = rocmkit("doctor", "--json", "--python", str(env))
    assert ran.seconds < LIMIT_S
    python = ran.json["facts"]["python"]
    assert python["packages"]["torch"] == "2.6.0+rocm6.1"
    assert python["torch"] == {"version": "2.6.0+rocm6.1", "hip": "6.1.40091", "cuda": None}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("trap '' TERM; sleep 60\n", "timeout"),
        ("kill -ABRT $$\n", "crashed"),
        ("exit 1\n", "unparsable"),
        ("head -c 100000 /dev/urandom\n", "unparsable"),
        ("yes | head -c 9000000\n", "unparsable"),
    ],
)
def test_an_interpreter_that_is_none(tmp_path: Path, text: str, reason: str) -> None:
    fake = script(tmp_path, "python3", text)
    ran = rocmkit("doctor", "--json", "--python", str(fake))
    assert ran.seconds < LIMIT_S
    assert ran.json["facts"]["python"]["gap"]["reason"] == reason


def test_an_interpreter_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/nowhere/python3.10")
    ran = rocmkit("doctor", "--json", "--python", str(tmp_path))
    assert ran.json["facts"]["python"]["gap"]["reason"] == "absent"
    assert "Traceback" not in ran.err


def test_neither_user_nor_home_nor_locale() -> None:
    nothing: dict[str, str | None] = dict.fromkeys(("USER", "LOGNAME", "HOME", "LANG", "LC_ALL", "TERM", "PATH", "TMPDIR"))
    ran = rocmkit("doctor", env=nothing)
    assert ran.code in {0, 1, 3, 4}
    assert ran.err == ""
    assert ran.out.isascii()


def test_a_home_that_is_not_there_and_a_closed_stdin() -> None:
    ran = rocmkit("doctor", "--json", env={"HOME": "/nonexistent/home"})
    assert ran.json["schema"] == "rocmkit.doctor/1"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """A daemon that left its session, its parent and its pipes, and a tool that hangs: after the run, and after a signal."""
    mark = f"{os.getpid()}{tmp_path.name[-4:].encode().hex()}"
    bin_ = tmp_path / "bin"
    script(bin_, "git", f"(setsid sh -c '(exec setsid sleep 99.{mark}) & exit' >/dev/null 2>&1 &)\necho git version 2.0\n")
    script(bin_, "cmake", f"trap '' TERM\nexec sleep 98.{mark}\n")
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}

    def running() -> list[str]:
        lines = [path.read_bytes().replace(b"\0", b" ").decode() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        return [line for line in lines if line.startswith("sleep ") and mark in line]

    subprocess.run([sys.executable, "-m", "rocmkit", "doctor"], env=environment, capture_output=True, check=False)
    assert running() == []
    old = tmp_path / "report.txt"
    old.write_text("old")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # nohup and some services start programs with SIGHUP ignored, and children keep that.
        process = subprocess.Popen(
            ["env", "--default-signal=HUP", sys.executable, "-m", "rocmkit", "doctor", "-o", str(old)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not running():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        _, error = process.communicate(timeout=5)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        assert b"Traceback" not in error
        assert running() == []
        assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "report.txt"]


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        ("--help >/dev/full", 2),
        ("--help >&-", 0),
        ("--bogus 2>&-", 2),
        ("--bogus 2>/dev/full", 2),
        ("doctor --from no-gpu.yaml >&- 2>&- <&-", 4),
    ],
)
def test_streams_that_are_closed_or_full(redirected: str, code: int) -> None:
    root = Path(__file__).parents[2]
    found = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m rocmkit {redirected}"],
        cwd=root / "tests" / "machines",
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        check=False,
    )
    assert found.returncode == code
    assert b"Traceback" not in found.stderr
