"""Where ONNX Runtime computed, and whether it obeys: what is made of its profile, and of a process that may die."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.kb.providers import NAMES
from rocmkit.smoke.inside.sessions import CPU, claims, device_of
from rocmkit.smoke.transcribe import INSIDE
from rocmkit.trial.inside.worker import steps_by_name

ROCM = NAMES["rocm"]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "provider": st.sampled_from([ROCM, CPU]),
            "op": st.sampled_from(["Conv", "MatMul", "Softmax", "Gather", "Add", "If", "MemcpyToHost", "QLinearConv"]),
            "dtype": st.sampled_from(["float", "int64", ""]),
            "nodes": st.integers(1, 500),
            "microseconds": st.integers(0, 10**6),
            "elements": st.integers(0, 10**6),
        }
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def profile() -> Any:
    """The module as the worker loads it."""
    steps_by_name([str(INSIDE)])
    return importlib.import_module("rocmkit_trial_inside_0.profile")


def row(provider: str, op: str, nodes: int, microseconds: int, *, dtype: str = "float", elements: int = 9999) -> dict[str, Any]:
    return {"provider": provider, "op": op, "dtype": dtype, "nodes": nodes, "microseconds": microseconds, "elements": elements}


def test_shares_and_what_computed_on_the_processor(profile: Any) -> None:
    """An If's time is that of what is in it; sizes are no computing, whatever is multiplied is."""
    rows = [
        row(ROCM, "MatMul", 60, 700),
        row(CPU, "Gather", 30, 100, dtype="int64", elements=4),
        row(CPU, "Softmax", 6, 150),
        row(CPU, "Conv", 4, 50),
        row(CPU, "If", 6, 5000),
    ]
    assert profile.told(rows) == {
        "shares": [{"provider": ROCM, "of_nodes": 0.6, "of_time": 0.7}, {"provider": CPU, "of_nodes": 0.4, "of_time": 0.3}],
        "compute_on_cpu": ["Conv", "Softmax"],
    }
    assert profile.told([]) == {"shares": [], "compute_on_cpu": []}
    assert profile.told([row(ROCM, "Conv", 1, 0)])["shares"] == [{"provider": ROCM, "of_nodes": 1.0, "of_time": 0.0}]


@given(ROWS)
def test_any_profile(profile: Any, rows: list[dict[str, Any]]) -> None:
    told = profile.told(rows)
    counted = [one for one in rows if one["op"] != "If"]
    assert {one["provider"] for one in told["shares"]} == {one["provider"] for one in counted}
    if counted:
        assert sum(one["of_nodes"] for one in told["shares"]) == pytest.approx(1, abs=1e-3)
        time = sum(one["of_time"] for one in told["shares"])
        assert time == pytest.approx(1, abs=1e-3) if any(one["microseconds"] for one in counted) else time == 0
    on_cpu = {one["op"] for one in rows if one["provider"] == CPU}
    assert told["compute_on_cpu"] == sorted(on_cpu & {"Conv", "MatMul", "Softmax", "QLinearConv"})


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return Session()", "opened"),
        ("raise RuntimeError('This session contains graph nodes that are assigned to the default CPU EP')", "refused"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "died"),
        ("os.abort()", "died"),
        ("os._exit(1)", "unknown"),
        ("print('{}', flush=True); print('[1]', flush=True); return Session()", "opened"),
    ],
)
def test_what_becomes_of_a_session_that_may_not_use_the_processor(
    profile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, outcome: str
) -> None:
    """In a real process, with an onnxruntime of this test's making."""
    (tmp_path / "onnxruntime.py").write_text(
        textwrap.dedent(
            f"""
            import os, signal
            def set_default_logger_severity(level): pass
            class SessionOptions:
                def add_session_config_entry(self, name, value): assert (name, value) == ("session.disable_cpu_ep_fallback", "1")
            class Session:
                def disable_fallback(self): pass
                def run(self, names, given): pass
            def InferenceSession(model, options, providers, enable_fallback):
                assert providers == [("{ROCM}", {{"device_id": "0", "miopen_conv_exhaustive_search": "0"}})]
                assert "ROCMKIT_PACKETS" not in os.environ
                {body}
            """
        )
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ROCMKIT_PACKETS", str(tmp_path / "packets"))
    monkeypatch.setenv("ROCMKIT_TRIAL", '{"fd": 1, "inode": 1}')
    assert profile.placed([], ROCM) == []
    assert [one["cpu_forbidden"] for one in profile.placed([Sessions()], ROCM)] == [outcome]


def test_a_session_that_may_not_use_the_processor_and_hangs(profile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(profile, "_PATIENCE_S", 0.5)
    assert [one["cpu_forbidden"] for one in profile.placed([Sessions()], ROCM)] == ["died"]


def test_on_the_processor_it_is_not_asked(profile: Any) -> None:
    assert profile.placed([Sessions()], CPU) == [{"model": "m.onnx", "cpu_forbidden": None}]


class Sessions:
    """One that is profiled, and says nothing of it."""

    def __init__(self, *providers: str) -> None:
        self.providers = providers

    def placed(self) -> dict[str, Any]:
        return {"model": "m.onnx"}

    def get_providers(self) -> list[str]:
        return list(self.providers)


def test_the_device_is_that_of_all_sessions() -> None:
    there, here = Sessions(ROCM, CPU), Sessions(CPU)
    assert [device_of(there, there), device_of(there, here), device_of(here)] == ["gpu", "cpu", "cpu"]
    assert device_of(Sessions("CUDAExecutionProvider", CPU)) == "cpu"
    assert claims({"encoder": there}) == {"InferenceSession.get_providers() of the encoder": f"{ROCM}, {CPU}"}
