"""What is made of a worker's trial, however it ended. The trials are from a table: no process is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rocmkit.errors import UsageError
from rocmkit.facts import Facts, Gap
from rocmkit.host.names import Names
from rocmkit.placement.look import advice_on, look
from rocmkit.placement.values import CPU, Asked, Placement
from rocmkit.placement.ways import brings
from rocmkit.report import placement as report
from tests.support.elf import build
from tests.support.facts import machine
from tests.support.trials import HANG, Table, crash, fail

ROCM, MIGRAPHX = "ROCMExecutionProvider", "MIGraphXExecutionProvider"
INPUT = {"name": "x", "dtype": "float32", "shape": [1, 512, 80], "values": "normally distributed, the same each time"}
ROWS = [
    {"provider": ROCM, "op": "MatMul", "dtype": "float", "nodes": 439, "microseconds": 9000, "elements": 99999},
    {"provider": CPU, "op": "Gather", "dtype": "int64", "nodes": 491, "microseconds": 1000, "elements": 3},
]
RAN = {"inputs": [INPUT], "first_s": 3.5, "seconds": 0.01, "counted": 1, "unread": 0, "more": 0, "rows": ROWS}
SAME = {"outputs": [{"name": "y", "dtype": "float32", "elements": 9, "error": 1e-5}]}


def offer(folder: str = "/nowhere", *providers: str) -> dict[str, Any]:
    return {"version": "1.22.2", "built_for": "GPU", "providers": [*(providers or (ROCM,)), CPU], "folder": folder}


def came(*more: dict[str, Any], folder: str = "/nowhere") -> tuple[dict[str, Any], ...]:
    """What the steps measured as far as they came: import, offer, on the processor, and `more`."""
    return ({"seconds": 1.0}, offer(folder), {"seconds": 1.0, "inputs": [INPUT]}, *more)


OPENED = {"seconds": 0.1, "taken": [ROCM, CPU]}


def looked(placement: dict[str, Any], forbids: dict[str, Any] | None = None, **asked: Any) -> Placement:
    table = Table({"placement": placement, "forbids-cpu": forbids or {"measured": ({}, {"opened": True})}})
    asked = {"model": "/models/encoder.onnx", "provider": ROCM, "python": "/usr/bin/python3", **asked}
    return look(Asked(**asked), table, Names())


def shown(found: Placement) -> str:
    text = report.render(found, color=False, unicode=True)
    assert report.render(found, color=False, unicode=False).isascii()
    return " ".join(text.split())


@pytest.mark.parametrize(
    "wrong",
    [{"rows": 5}, {"rows": [5]}, {"rows": [[1]]}, {"inputs": 5}, {"counted": 0}, {"rows": [{**ROWS[0], "nodes": -5}]}],
)
def test_runs_that_were_none_prove_nothing(wrong: dict[str, Any]) -> None:
    """Any program may write into a worker's pipe."""
    found = looked({"measured": came(OPENED, {**RAN, **wrong}, SAME)})
    assert (found.verdict, found.exit) == ("unknown", 3) and "cannot be read" in found.because
    for outputs in (5, [5], {"a": 1}):
        assert looked({"measured": came(OPENED, RAN, {"outputs": outputs})}).exit == 3


@pytest.mark.parametrize("step", [-99, 99])
def test_a_step_that_was_not_asked_for(step: int) -> None:
    found = looked({**crash(), "measured": (), "step": step})
    assert (found.verdict, found.exit) == ("died", 1)


def test_everything_on_the_gpu() -> None:
    found = looked({"measured": came(OPENED, RAN, SAME)})
    assert (found.verdict, found.exit, found.gpu_computed) == ("wholly", 0, "not proved")
    assert found.forbids_cpu is not None
    assert (found.forbids_cpu.outcome, found.agreement and found.agreement.agrees) == ("opened", True)
    text = shown(found)
    assert "✓ WHOLLY THERE: all 439 compute operators run on ROCMExecutionProvider" in text
    assert "agrees with the CPU: yes, largest difference 1e-05" in text
    assert "a session that forbids the CPU, with a Conv and a MatMul: opened" in text
    assert "491 nodes of shape arithmetic on the processor" in text
    assert "not proof that the GPU computed" in text


def test_wrong_numbers_are_no_success() -> None:
    found = looked({"measured": came(OPENED, RAN, {"outputs": [{**SAME["outputs"][0], "error": 1.0}]})})
    assert (found.verdict, found.exit) == ("wholly", 1)
    assert "✗ agrees with the CPU: no, y is off by 1 times its largest value; rounding makes at most 0.001" in shown(found)


def test_compute_on_the_processor() -> None:
    rows = [*ROWS, {"provider": CPU, "op": "MatMulInteger", "dtype": "int32", "nodes": 344, "microseconds": 5000, "elements": 9999}]
    rows.append({"provider": CPU, "op": "Mul", "dtype": "float", "nodes": 7, "microseconds": 5000, "elements": 9999})
    rows.append({"provider": ROCM, "op": "MemcpyToHost", "dtype": "float", "nodes": 312, "microseconds": 5, "elements": 9999})
    found = looked({"measured": came(OPENED, {**RAN, "rows": rows}, SAME)}, {"measured": ({}, {"opened": False, "refused": "FAIL : no"})})
    assert (found.verdict, found.exit, found.copies) == ("partly", 1, 312)
    assert [row.op for row in found.compute_elsewhere] == ["MatMulInteger"]
    text = shown(found)
    assert "PARTLY ELSEWHERE: 344 of 783 compute operators run on CPUExecutionProvider: MatMulInteger 344 (5.0 ms)" in text
    assert "25.0 % of the time goes into other operators elsewhere: Mul float 7" in text
    assert "312 copies between processor and GPU" in text
    assert "refused (FAIL : no)" in text


def test_a_torn_profile_is_not_known() -> None:
    found = looked({"measured": came(OPENED, {**RAN, "unread": 1}, SAME)})
    assert (found.verdict, found.exit) == ("unknown", 3)


def test_a_worker_that_tells_nonsense_is_not_known() -> None:
    found = looked({"measured": came(OPENED, {**RAN, "rows": [{"op": 5}]}, SAME)})
    assert (found.verdict, found.exit) == ("unknown", 3)
    assert "cannot be read" in found.because


LOG = """[E:onnxruntime:Default, provider_bridge_ort.cc:2251 TryGetProviderInfo_ROCM] [ONNXRuntimeError] : 1 : FAIL : \
Failed to load library libonnxruntime_providers_rocm.so with error: libhipblas.so.3: cannot open shared object file
"""
GONE = "ProviderVanished: the session has CPUExecutionProvider"


def test_the_provider_vanished_since_libraries_are_missing(tmp_path: Path) -> None:
    (tmp_path / "libonnxruntime_providers_rocm.so").write_bytes(build(needed=("libhipblas.so.3", "libnear.so"), runpath="$ORIGIN"))
    (tmp_path / "libnear.so").write_bytes(build(needed=("libfar.so.1",)))
    with_fault = came({"seconds": 0.1, "taken": [CPU]}, folder=str(tmp_path))
    found = looked(fail(GONE, step=3, measured=with_fault, log=LOG, known=("RK406",)))
    assert (found.verdict, found.exit) == ("vanished", 1)
    assert [(one.library, one.needed_by) for one in found.missing] == [
        ("libhipblas.so.3", "libonnxruntime_providers_rocm.so"),
        ("libfar.so.1", "libnear.so"),
    ]
    assert found.because == "the loader does not find libhipblas.so.3 for libonnxruntime_providers_rocm.so; libfar.so.1 for libnear.so"
    text = shown(found)
    assert "THE PROVIDER VANISHED: the loader does not find libhipblas.so.3" in text
    assert "Failed to load library libonnxruntime_providers_rocm.so with error: libhipblas.so.3" in text
    assert "`rocmkit explain RK406` says what to do" in text


def test_the_provider_vanished_and_nothing_lacks(tmp_path: Path) -> None:
    (tmp_path / "libonnxruntime_providers_rocm.so").write_bytes(build())
    line = "EP Error rocm_call.cc:141 HIP failure 100: no ROCm-capable device when using ['ROCMExecutionProvider']"
    found = looked(fail(GONE, step=3, measured=came(folder=str(tmp_path)), log=f"*** EP Error ***\n{line}\nFalling back to [...]\n"))
    assert (found.verdict, found.missing) == ("vanished", ())
    assert found.because == f"the session does not have it: {line}"
    raised = looked(fail("RuntimeException: HIP failure 100", step=3, measured=came(folder=str(tmp_path))))
    assert (raised.verdict, raised.because) == ("vanished", "the session does not have it: RuntimeException: HIP failure 100")


def test_the_providers_library_is_not_there(tmp_path: Path) -> None:
    found = looked(fail(GONE, step=3, measured=came(folder=str(tmp_path))))
    assert found.because == "libonnxruntime_providers_rocm.so is not among the files of this onnxruntime"
    (tmp_path / "libonnxruntime_providers_rocm.so").write_text("no library")
    broken = looked(fail(GONE, step=3, measured=came(folder=str(tmp_path))))
    assert (broken.verdict, broken.missing) == ("vanished", ())


def test_the_provider_was_not_built_in() -> None:
    measured: tuple[dict[str, Any], ...] = ({}, offer("/nowhere", MIGRAPHX), {"seconds": 1.0, "inputs": [INPUT]})
    found = looked(fail("ValueError: unknown", step=3, measured=measured), brings=("rocmkit build onnxruntime --arch native",))
    assert (found.verdict, found.exit) == ("vanished", 1)
    assert found.because == f"this ONNX Runtime 1.22.2 was built without it, and has {MIGRAPHX}, {CPU}"
    assert "run rocmkit build onnxruntime --arch native" in shown(found)


def test_there_is_no_onnxruntime() -> None:
    said = "ModuleNotFoundError: No module named 'onnxruntime'"
    ended = fail(said, step=0, log=f'Traceback (most recent call last):\n  File "worker.py", line 59, in f\n    do()\n    ~~^^\n{said}\n')
    found = looked(ended, provider=CPU, brings=("python -m pip install onnxruntime",))
    assert (found.verdict, found.exit, found.onnxruntime) == ("unknown", 3, None)
    assert f"said {said} run python -m pip install onnxruntime" in shown(found), "the exception, without where it was raised"


def test_it_dies_while_the_session_is_made() -> None:
    frame = "libonnxruntime_providers_migraphx.so+0x1234"
    ended = crash(frame, native=(f"{frame} NodeArg::Name",), step=3, measured=({}, offer("/nowhere", MIGRAPHX), {"inputs": [INPUT]}))
    found = looked(ended, provider=MIGRAPHX)
    assert (found.verdict, found.exit) == ("died", 1)
    assert found.because.startswith(f"SIGSEGV in {frame}")
    assert found.because.endswith("while the session was made")
    assert found.trial is not None
    assert (found.trial.signal, found.trial.library) == ("SIGSEGV", "~/venv/libonnxruntime_providers_migraphx.so")
    assert "NodeArg::Name" in shown(found)


@pytest.mark.parametrize(
    ("trial", "provider", "verdict", "exit_code"),
    [
        ({**HANG, "step": 4, "measured": came(OPENED)}, ROCM, "died", 1),
        (fail("Fail: hipErrorInvalidDeviceFunction", step=4, measured=came(OPENED)), ROCM, "died", 1),
        (fail("Fail: hipErrorInvalidDeviceFunction", step=3, measured=({}, offer(), {"taken": [CPU]})), CPU, "unknown", 3),
        (fail("InvalidProtobuf: no model", step=2, measured=({}, offer())), ROCM, "unknown", 3),
        (crash(step=2, measured=({}, offer())), ROCM, "unknown", 3),
        (crash(step=0), ROCM, "died", 1),
        (fail("ImportError: libonnxruntime.so: version `GLIBC_2.38' not found", step=0), ROCM, "unknown", 3),
    ],
)
def test_other_ends(trial: dict[str, Any], provider: str, verdict: str, exit_code: int) -> None:
    found = looked(trial, provider=provider)
    assert (found.verdict, found.exit) == (verdict, exit_code)
    assert found.because in shown(found).replace("\n", " ")


def test_a_shape_that_does_not_fit_is_the_callers_mistake() -> None:
    ended = fail("ValueError: BadShape: no input is called 'y'; there are x", step=2, measured=({}, offer()))
    with pytest.raises(UsageError, match="no input is called 'y'"):
        looked(ended)


def test_the_session_that_forbids_the_processor_dies() -> None:
    found = looked({"measured": came(OPENED, RAN, SAME)}, crash("libMIOpen.so.1+0x12"))
    assert found.forbids_cpu is not None
    assert found.forbids_cpu.outcome == "died"
    unknown = looked({"measured": came(OPENED, RAN, SAME)}, fail("RuntimeError: out of memory"))
    assert unknown.forbids_cpu is not None
    assert (unknown.forbids_cpu.outcome, unknown.forbids_cpu.because) == ("unknown", "RuntimeError: out of memory")


def test_the_processor_itself_is_not_compared_with_itself() -> None:
    table = Table({"placement": {"measured": ({}, offer(), {"taken": [CPU]}, {**RAN, "rows": [{**ROWS[0], "provider": CPU}]})}})
    found = look(Asked(model="/m.onnx", provider=CPU, python="/usr/bin/python3"), table, Names())
    assert (found.verdict, found.exit, found.agreement, found.forbids_cpu) == ("wholly", 0, None, None)
    assert [experiment.name for experiment in table.asked] == ["placement"]
    assert "GPU computed" not in shown(found)


def test_what_is_private_is_hidden() -> None:
    table = Table({"placement": {"measured": came(OPENED, RAN, SAME)}, "forbids-cpu": {"measured": ({}, {"opened": True})}})
    asked = Asked(model="/home/kim/encoder.onnx", provider=ROCM, python="/home/kim/venv/bin/python")
    found = look(asked, table, Names("/home/kim", user=("kim",)))
    assert (found.file, found.python) == ("~/encoder.onnx", "~/venv/bin/python")


def test_what_cannot_be_read_has_no_advice(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("no model")
    for path in (tmp_path / "model.onnx", tmp_path / "nothing.onnx"):
        assert advice_on(Asked(model=str(path), provider=ROCM, python="python3")) == ()
    assert advice_on(Asked(model=str(tmp_path / "model.onnx"), provider="DmlExecutionProvider", python="python3")) == ()


def test_what_brings_a_provider() -> None:
    here: Facts = machine()
    assert not isinstance(here.python, Gap)
    python = here.python.executable
    assert brings(here, ROCM) == (f"rocmkit build onnxruntime --arch native --python {python}",)
    assert brings(here, MIGRAPHX) == (f"rocmkit build onnxruntime-migraphx --arch native --python {python}",)
    assert brings(machine(gpus=()), ROCM) == (f"rocmkit build onnxruntime --arch GFX --python {python}",)
    assert brings(here, CPU)[-1].endswith("-m pip install onnxruntime")
    assert brings(here, "DmlExecutionProvider") == ()
