"""rocmkit from Python: the command line's answers, the same names whatever was imported before, and errors that say what to do."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

import rocmkit
from rocmkit import api
from tests.conftest import ROOT
from tests.support import command

MACHINES = ROOT / "tests" / "machines"
BLOCKED = MACHINES / "mi50-torch-rocm72.yaml"

#: Ways to import parts of the package before its functions are asked for.
ORDERS = (
    "import rocmkit",
    "import rocmkit.api",
    "import rocmkit.inspect, rocmkit.smoke",
    "import rocmkit.inspect.look, rocmkit.smoke.run",
    "from rocmkit import inspect, smoke",
    "from rocmkit import *",
    "from rocmkit.inspect import look\nfrom rocmkit.smoke import judge",
    "import rocmkit\nrocmkit.examine\nimport rocmkit.inspect, rocmkit.smoke",
    "import rocmkit.smoke, importlib\nimportlib.reload(rocmkit)\nimport rocmkit.inspect",
    "from threading import Thread\n"
    "threads = [Thread(target=__import__, args=(name,)) for name in ('rocmkit.smoke.run', 'rocmkit.inspect.look', 'rocmkit.api')]\n"
    "for thread in threads: thread.start()\n"
    "for thread in threads: thread.join()",
)


@pytest.mark.parametrize("before", ORDERS)
def test_a_function_keeps_its_name_whatever_is_imported(before: str) -> None:
    after = """
import rocmkit, rocmkit.api, types
for name in ("examine", "inspect", "plan", "smoke", "to_json"):
    assert getattr(rocmkit, name) is getattr(rocmkit.api, name), name
    assert isinstance(getattr(rocmkit, name), types.FunctionType), name
from rocmkit import inspect, smoke
import rocmkit.inspect.look, rocmkit.smoke.run, rocmkit.build
assert rocmkit.inspect is inspect is rocmkit.api.inspect and rocmkit.smoke is smoke
from rocmkit.inspect import look
from rocmkit.smoke.run import observe
assert isinstance(look, types.ModuleType) and isinstance(rocmkit.build, types.ModuleType) and callable(observe)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", before + after], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_alone_imports_nothing_of_it() -> None:
    code = "import rocmkit, sys; print(sorted(name for name in sys.modules if name.startswith(('rocmkit.', 'msgspec', 'click', 'yaml'))))"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.stdout.strip() == b"[]"


def test_no_other_name_is_there() -> None:
    assert {*dir(rocmkit)} == {*rocmkit.__all__, "api"}
    with pytest.raises(AttributeError, match="no attribute 'exmaine'"):
        rocmkit.exmaine  # type: ignore[attr-defined]  # noqa: B018
    assert {*api.__all__} >= {*rocmkit.__all__} - {"__version__"}


def test_a_function_can_be_replaced_as_in_a_test_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in: Any = object()
    with monkeypatch.context() as patch:
        patch.setattr(rocmkit, "smoke", stand_in)
        assert rocmkit.smoke is stand_in
    assert rocmkit.smoke is api.smoke


@pytest.mark.parametrize(
    ("recording", "options", "asked"),
    [
        ("mi50-torch-rocm72", (), {}),
        ("no-gpu", (), {}),
        ("mi50-16gb-healthy", ("--what-if", "torch=2.11+rocm7.2", "numba=none"), {"what_if": {"torch": "2.11+rocm7.2", "numba": None}}),
        ("mi60-32gb", ("--strict", "--max-vram", "4GiB"), {"strict": True, "max_vram_bytes": 4 << 30}),
    ],
)
def test_examine_is_what_doctor_prints(recording: str, options: tuple[str, ...], asked: dict[str, object]) -> None:
    path = MACHINES / f"{recording}.yaml"
    report = rocmkit.examine(recording=path, **asked)  # type: ignore[arg-type]
    ran = command.rocmkit("doctor", "--from", str(path), *options, "--json")
    assert (rocmkit.to_json(report), report.exit) == (ran.out, ran.code)
    assert report.verdict == ran.json["verdict"]


def test_a_notebook_shows_a_report_as_markdown() -> None:
    ran = command.rocmkit("doctor", "--from", str(BLOCKED), "--format", "markdown")
    assert rocmkit.examine(recording=BLOCKED)._repr_markdown_() == ran.out


def test_a_folder_is_judged_as_doctor_does(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    ran = command.rocmkit("doctor", "--sysroot", str(tmp_path), "--json")
    assert rocmkit.to_json(rocmkit.examine(sysroot=tmp_path)) == ran.out


def test_inspect_is_what_inspect_prints(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no code")
    found = rocmkit.inspect(sys.executable, tmp_path, gfx=("gfx906", "gfx1030"), everything=True)
    options = ("--for", "gfx906", "--for", "gfx1030", "--all", "--json")
    ran = command.rocmkit("inspect", sys.executable, str(tmp_path), *options)
    assert (rocmkit.to_json(found), found.exit) == (ran.out, ran.code)
    assert found.answer == "none"


def test_packages_are_those_beside_rocmkit() -> None:
    """`python3` may be another one in a notebook."""
    (target,) = rocmkit.inspect("msgspec").targets
    assert target.package == f"msgspec {msgspec.__version__}"
    report = rocmkit.examine()
    assert not isinstance(report.facts.python, api.Gap)
    assert report.facts.python.packages["msgspec"] == msgspec.__version__


def test_plan_is_what_a_dry_run_prints() -> None:
    options = ("--arch", "gfx906", "--rocm-version", "6.3", "--dry-run", "--json")
    one = rocmkit.plan("ctranslate2", arch="gfx906", rocm_version="6.3", python="3.12", version="4.8.1")
    ran = command.rocmkit("build", "ctranslate2", *options, "--python", "3.12", "--recipe-version", "4.8.1")
    assert rocmkit.to_json(one) == ran.out
    assert one.feasible and one.wheel is not None and "cp312" in one.wheel
    two = rocmkit.plan("sherpa-onnx", "onnxruntime", arch=["gfx906"], rocm_version="6.3")
    assert rocmkit.to_json(two) == command.rocmkit("build", "sherpa-onnx", "onnxruntime", *options).out
    assert [each.recipe for each in two.plans] == ["onnxruntime", "sherpa-onnx"]
    assert len(rocmkit.plan("ctranslate2", "ctranslate2", arch="gfx906", rocm_version="6.3").plans) == 1


def test_a_value_is_frozen_and_travels_between_processes() -> None:
    report = rocmkit.examine(recording=BLOCKED)
    with pytest.raises(AttributeError):
        report.verdict = "ready"  # type: ignore[misc]
    for value in (report, rocmkit.plan("ctranslate2", arch="gfx906", rocm_version="6.3"), rocmkit.inspect(sys.executable)):
        assert pickle.loads(pickle.dumps(value)) == value
    assert pickle.loads(pickle.dumps(rocmkit.inspect)) is rocmkit.inspect
    error = pickle.loads(pickle.dumps(api.UsageError("what", "hint")))
    assert (error.message, error.hint) == ("what", "hint")


def test_many_threads_get_what_one_gets() -> None:
    def asked(recording: Path) -> tuple[str, str, str]:
        plan = rocmkit.plan("ctranslate2", arch="gfx906", rocm_version="6.3")
        return tuple(map(rocmkit.to_json, (rocmkit.examine(recording=recording), plan, rocmkit.inspect(sys.executable))))  # type: ignore[return-value]

    recordings = sorted(MACHINES.glob("mi*.yaml"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, recordings)) == list(map(asked, recordings))


def test_a_running_loop_is_no_hindrance() -> None:
    async def ask() -> tuple[str, str]:
        here = rocmkit.examine(recording=BLOCKED).verdict
        return here, (await asyncio.to_thread(rocmkit.examine)).rocmkit

    assert asyncio.run(ask()) == ("blocked", rocmkit.__version__)


#: Calls that cannot be meant, with a word of what is said of each.
WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no recording": (lambda: rocmkit.examine(recording=__file__), "not a recording"),
    "no file": (lambda: rocmkit.examine(recording="/nowhere/machine.yaml"), "No such file"),
    "a dash is no standard input": (lambda: rocmkit.examine(recording="-"), "No such file"),
    "two machines": (lambda: rocmkit.examine(recording=BLOCKED, python="python3"), "cannot be combined"),
    "no folder": (lambda: rocmkit.examine(sysroot=__file__), "no folder"),
    "no Python": (lambda: rocmkit.examine(python="/nowhere"), "no such file"),
    "a null character": (lambda: rocmkit.examine(python="a\0b"), "--python"),
    "a null character in a recording": (lambda: rocmkit.examine(recording="a\0b"), "null"),
    "no version": (lambda: rocmkit.examine(recording=BLOCKED, what_if={"torch": "x"}), "torch"),
    "no memory": (lambda: rocmkit.examine(recording=BLOCKED, max_vram_bytes=0), "max_vram_bytes=0"),
    "no target": (lambda: rocmkit.inspect("/nowhere/lib.so"), "/nowhere/lib.so"),
    "no card": (lambda: rocmkit.inspect(sys.executable, gfx="gfx9066"), "gfx9066"),
    "a model": (lambda: rocmkit.inspect(ROOT / "model.onnx", "-"), "model.onnx"),
    "no recipe": (lambda: rocmkit.plan("ctranslate3", arch="gfx906", rocm_version="6.3"), "ctranslate3"),
    "no architecture": (lambda: rocmkit.plan("ctranslate2", arch=()), "--arch"),
    "no such architecture": (lambda: rocmkit.plan("ctranslate2", arch="gfx9066", rocm_version="6.3"), "gfx9066"),
    "no layout": (lambda: rocmkit.plan("ctranslate2", arch="gfx906", layout="arch"), "layout='arch'"),  # type: ignore[call-overload]
    "a layout of nothing": (lambda: rocmkit.plan("ctranslate2", arch="gfx906", layout="debian"), "--layout"),
    "no system": (lambda: rocmkit.smoke("whisperer"), "whisperer"),
    "no device": (lambda: rocmkit.smoke(device="cuda"), "device='cuda'"),  # type: ignore[arg-type]
    "no time": (lambda: rocmkit.smoke(timeout_s=float("nan")), "timeout_s=nan"),
    "no rate": (lambda: rocmkit.smoke(max_cer=-0.1), "max_cer"),
    "text of no sound": (lambda: rocmkit.smoke(reference="あ"), "sound"),
    "no sound": (lambda: rocmkit.smoke(audio="/nowhere/a.wav"), "/nowhere/a.wav"),
    "a model of all": (lambda: rocmkit.smoke(model="small"), "one system"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_told_and_ends_nothing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    call, word = WRONG[name]
    with pytest.raises(rocmkit.RocmkitError, match=r"(?s).*") as caught:
        call()
    assert isinstance(caught.value, api.UsageError)
    assert word in f"{caught.value.message} {caught.value.hint}"


def test_a_model_is_sent_to_its_own_command(tmp_path: Path) -> None:
    model = tmp_path / "encoder.onnx"
    model.write_bytes(b"\x08\x07")
    with pytest.raises(api.UsageError, match="is a model"):
        rocmkit.inspect(model)
