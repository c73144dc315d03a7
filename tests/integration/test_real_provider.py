"""The published builds of ONNX Runtime for AMD GPUs, run to their end on a machine without one: their ROCm is a stand-in.

What is real: the wheels, how they divide a graph among providers, their profile, their errors and their crashes.
What these tests do not prove: that a GPU computes anything, or computes it right, or how fast. The stand-in starts no kernel and multiplies
no matrix, so every number is wrong, and rocmkit has to say that too. Nor that a card would run what is in these wheels: for gfx906 it would
not, they hold no code for it (test_registry.py reads which they hold). Times in such a profile are those of doing nothing.

Marked `network`: pip brings about 80 MB, which its cache keeps.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tests.support.command import Ran, rocmkit
from tests.support.onnxgraphs import CHANNELS, encoder
from tests.support.registry import Environment
from tests.support.standin import NO_DEVICE, StandIn
from tests.support.worker import ask

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the wheels are those of Linux on x86-64"),
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 14), reason="the wheels are not made for this Python"),
]

#: Stand-ins are found before what lies there, but what is left out of them would be found there too.
no_rocm = pytest.mark.skipif(Path("/opt/rocm/lib").exists(), reason="the wheels would find the ROCm of this machine")

ROCM, MIGRAPHX, CPU = "ROCMExecutionProvider", "MIGraphXExecutionProvider", "CPUExecutionProvider"
#: What makes the reshapes of a length that is not known before: nothing of it is computing.
SIZES = {"Gather", "Concat", "Unsqueeze", "Mod", "Greater"}


class Installed:
    """A published build over stand-ins for the libraries that it needs, and the models."""

    def __init__(self, folder: Path, wheel: str, provider: str) -> None:
        self.folder, self.provider = folder, provider
        environment = Environment(folder / "env")
        environment.install(wheel, "numpy")  # the wheel for ROCm does not ask for it, and cannot do without
        self.python = environment.python
        self.libraries = StandIn(folder / "standin", environment.site / f"onnxruntime/capi/libonnxruntime_providers_{provider}.so")
        self.models = folder / "models"
        self.models.mkdir()
        onnx.save(encoder(), self.models / "float32.onnx")
        onnx.save(encoder(int8=True), self.models / "int8.onnx")
        onnx.save(encoder(conditional=False), self.models / "no-if.onnx")

    def inspect(self, model: str, *more: str, env: dict[str, str] | None = None) -> Ran:
        """`rocmkit inspect` of a model on the provider."""
        # The branch for an odd number of frames would read a shape that a GPU has to compute.
        shapes = ("--shape", f"x=2,100,{CHANNELS}", "--shape", "x_lens=2")
        told = ("--provider", self.provider, "--python", str(self.python), *shapes, *more)
        return rocmkit("inspect", str(self.models / f"{model}.onnx"), *told, env={"LD_LIBRARY_PATH": None, **(env or {})}, timeout_s=120)

    def runs(self, program: str, *arguments: str, env: dict[str, str]) -> str:
        """What a program prints in it."""
        command = [str(self.python), "-I", "-c", program, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout

    def placement(self, model: str, env: dict[str, str] | None = None) -> Any:
        """The same as JSON."""
        ran = self.inspect(model, "--json", env=env)
        assert ran.code == ran.json["exit"], ran.err
        return ran.json


def rows(report: Any, provider: str, kind: str | None = None) -> dict[str, int]:
    """Operators that ran there, and how many."""
    found: dict[str, int] = {}
    for row in report["rows"]:
        if row["provider"] == provider and kind in {None, row["kind"]}:
            found[row["op"]] = found.get(row["op"], 0) + row["nodes"]
    return found


@pytest.fixture(scope="module")
def rocm(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The last release that has a provider for ROCm itself, as somebody built it with ROCm 7.2."""
    return Installed(tmp_path_factory.mktemp("rocm"), "onnxruntime-rocm==1.22.2.post3", "rocm")


@pytest.fixture(scope="module")
def migraphx(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("migraphx"), "onnxruntime-migraphx==1.24.2", "migraphx")


def test_stand_ins_have_what_the_provider_asks_for(rocm: Installed) -> None:
    asked = rocm.libraries.asked
    assert set(asked) == {
        *("libamdhip64.so.7", "libhipblas.so.3", "libMIOpen.so.1"),
        *("libhipfft.so.0", "librocm_smi64.so.1", "libroctracer64.so.4"),
    }
    assert asked["libamdhip64.so.7"].items() >= {"hipLaunchKernel": "hip_4.2", "hipGetDevicePropertiesR0600": "hip_6.0"}.items()
    assert {"rocblas_gemm_ex", "hipblasCreate"} <= asked["libhipblas.so.3"].keys()
    assert "miopenConvolutionForward" in asked["libMIOpen.so.1"]


@pytest.mark.parametrize("length", [100, 101])
def test_the_int8_encoder_is_the_float32_one(length: int) -> None:
    """Within what eight bits leave of it: whatever differs between the two below is the operators' doing."""
    x = np.random.default_rng(1).standard_normal((2, length, CHANNELS)).astype(np.float32)
    given = {"x": x, "x_lens": np.array([length, 60], np.int64)}
    told: list[Any] = [ReferenceEvaluator(encoder(int8=int8)).run(None, given) for int8 in (False, True)]
    (exact, lens), (rough, _) = told
    assert exact.shape == (2, 50 if length == 100 else 52, CHANNELS)
    assert lens.tolist() == [(length + 1) // 2, 30]
    assert 0 < np.abs(exact - rough).max() < 0.1 * np.abs(exact).max()


def test_a_float32_encoder_leaves_only_sizes_to_the_processor(rocm: Installed, tmp_path: Path) -> None:
    report = rocm.placement("float32", rocm.libraries.environment(tmp_path))
    assert (report["verdict"], report["onnxruntime"], report["providers_taken"]) == ("wholly", "1.22.2", [ROCM, CPU])
    assert rows(report, ROCM, "compute") == {"MatMul": 8, "Conv": 1, "Softmax": 1, "SimplifiedLayerNormalization": 1}
    assert {"If", "Slice", "Tanh", "Transpose", "Where", "QuickGelu"} <= rows(report, ROCM).keys()
    assert report["compute_elsewhere"] == report["other_elsewhere"] == []
    assert rows(report, CPU).keys() == SIZES
    assert rows(report, CPU) == rows(report, CPU, "shape")
    assert {row["dtype"] for row in report["rows"] if row["provider"] == CPU} <= {"int64", "bool"}
    assert report["copies"] == 0
    assert report["forbids_cpu"]["outcome"] == "opened"


def test_that_is_no_proof_that_a_gpu_computed(rocm: Installed, tmp_path: Path) -> None:
    """The provider has every operator, the profile and the refusing session say so, kernels are launched: and nothing was computed."""
    report = rocm.placement("float32", rocm.libraries.environment(tmp_path))
    calls = rocm.libraries.calls(tmp_path)
    assert calls["hipLaunchKernel"] > 30
    assert calls["miopenConvolutionForward"] >= 2
    assert calls["rocblas_gemm_ex"] + calls["rocblas_gemm_strided_batched_ex"] >= 16  # eight products, twice
    assert report["gpu_computed"] == "not proved"
    assert report["agreement"]["agrees"] is False
    assert report["exit"] == 1
    text = rocm.inspect("float32", env=rocm.libraries.environment(tmp_path / "text")).out
    assert "encoder_out" in report["agreement"]["because"]
    assert report["agreement"]["because"] in " ".join(text.split())


def test_an_int8_encoder_multiplies_on_the_processor(rocm: Installed, tmp_path: Path) -> None:
    report = rocm.placement("int8", rocm.libraries.environment(tmp_path))
    assert (report["verdict"], report["exit"]) == ("partly", 1)
    # Four, though six products are measured for: three of them multiply the same input.
    assert rows(report, CPU, "compute") == {"MatMulInteger": 6, "DynamicQuantizeLinear": 4}
    assert rows(report, ROCM, "compute") == {"MatMul": 2, "Conv": 1, "Softmax": 1, "SimplifiedLayerNormalization": 1}
    assert {row["op"] for row in report["compute_elsewhere"]} == {"MatMulInteger", "DynamicQuantizeLinear"}
    assert report["copies"] == sum(rows(report, ROCM, "copy").values()) == 14
    assert rows(report, ROCM, "copy").keys() == {"MemcpyFromHost", "MemcpyToHost"}
    assert all(name in report["because"] for name in ("MatMulInteger 6", "DynamicQuantizeLinear 4"))
    assert "MatMulInteger" in rocm.inspect("int8", env=rocm.libraries.environment(tmp_path / "text")).out


@no_rocm
@pytest.mark.parametrize("library", ["libhipfft.so.0", "libamdhip64.so.7"])
def test_with_a_library_missing_the_provider_vanishes_silently(rocm: Installed, tmp_path: Path, library: str) -> None:
    env = rocm.libraries.environment(tmp_path, without={library})
    steps = [
        {"do": "placement_offer"},
        {"do": "ort_providers", "device": "gpu"},
        {"do": "ort_placement", "device": "gpu"},
    ]
    got = ask(steps, python=rocm.python, env=env)
    offer, _, placed = (event["measured"] for event in got.events if "measured" in event)
    assert offer["providers"] == [ROCM, CPU]  # what was built in, whatever is there
    assert set(placed["placed"].values()) == {CPU}
    assert placed["error"] < 1e-6  # it works, and works right, on the processor

    report = rocm.placement("float32", env)
    assert (report["verdict"], report["exit"]) == ("vanished", 1)
    assert (report["providers_offered"], report["providers_taken"]) == ([ROCM, CPU], [CPU])
    assert report["missing"] == [{"library": library, "needed_by": "libonnxruntime_providers_rocm.so"}]
    assert library in report["because"]
    assert any(f"error: {library}: cannot open shared object file" in line for line in report["said"])
    assert "RK406" in report["pages"]


@no_rocm
def test_without_any_library_the_provider_is_listed_all_the_same(rocm: Installed) -> None:
    report = rocm.placement("float32")
    assert (report["verdict"], report["providers_offered"], report["providers_taken"]) == ("vanished", [ROCM, CPU], [CPU])
    assert report["built_for"] == "GPU"
    assert {one["library"] for one in report["missing"]} == rocm.libraries.asked.keys()


def test_without_a_gpu_it_dies_while_the_provider_is_loaded(rocm: Installed, tmp_path: Path) -> None:
    """Its library asks for the GPU's properties as soon as it is loaded, and nobody can catch what it throws there."""
    report = rocm.placement("float32", rocm.libraries.environment(tmp_path, fail=NO_DEVICE))
    assert (report["verdict"], report["exit"], report["providers_taken"]) == ("died", 1, None)
    assert report["trial"]["signal"] == "SIGABRT"
    assert "SIGABRT" in report["because"]
    assert "RK970" in report["pages"]


def test_without_code_for_the_gpu_the_session_is_made_and_the_run_fails(rocm: Installed, tmp_path: Path) -> None:
    env = rocm.libraries.environment(tmp_path, fail="hipLaunchKernel=98")
    report = rocm.placement("float32", env)
    assert (report["verdict"], report["exit"], report["providers_taken"]) == ("died", 1, [ROCM, CPU])
    assert report["rows"] == []
    assert "hipErrorInvalidDeviceFunction" in report["because"]
    assert "RK406" in report["pages"]


FORBID = """
import sys, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
try:
    print(onnxruntime.InferenceSession(sys.argv[1], options, providers=sys.argv[2:]).get_providers())
except Exception as error:
    print(error)
"""


def test_the_switch_that_forbids_the_processor_refuses_an_encoder(rocm: Installed, tmp_path: Path) -> None:
    """It is no judge of a model: sizes alone are enough for it to refuse. Of a Conv and a MatMul it is."""
    refused, conflicting = "fallback to CPU EP has been explicitly disabled", "Conflicting session configuration"
    there = rocm.libraries.environment(tmp_path)
    told = rocm.runs(FORBID, str(rocm.models / "float32.onnx"), ROCM, env=there)
    assert refused in told
    assert conflicting in rocm.runs(FORBID, str(rocm.models / "float32.onnx"), ROCM, CPU, env=there)
    steps = [{"do": "placement_forbid", "provider": ROCM}]
    opened, gone = ask(steps, python=rocm.python, env=there), ask(steps, python=rocm.python)
    assert opened.last["measured"] == {"opened": True}
    assert gone.last["measured"]["opened"] is False
    assert refused in gone.last["measured"]["refused"]


def test_migraphx_crashes_on_an_if_and_takes_the_graph_without_it(migraphx: Installed, tmp_path: Path) -> None:
    """microsoft/onnxruntime#31607: what a branch reads from around it, and another node reads too, is sought behind the `If`'s inputs."""
    report = migraphx.placement("float32", migraphx.libraries.environment(tmp_path / "if"))
    assert (report["verdict"], report["exit"]) == ("died", 1)
    assert (report["trial"]["outcome"], report["trial"]["signal"]) == ("crash", "SIGSEGV")
    frames = report["trial"]["native"]
    assert any("GetSubGraph" in frame for frame in frames[:3]), frames[:3]
    assert "SIGSEGV" in report["because"]
    assert "If" in " ".join(one["text"] for one in report["advice"] if one["severity"] == "blocks")

    report = migraphx.placement("no-if", migraphx.libraries.environment(tmp_path / "no-if"))
    assert (report["verdict"], report["fused"], report["providers_taken"]) == ("wholly", 1, [MIGRAPHX, CPU])
    assert report["compute_elsewhere"] == []
    assert report["forbids_cpu"]["outcome"] == "opened"
    assert report["agreement"]["agrees"] is False  # nothing was computed here either
    assert (
        migraphx.libraries.calls(tmp_path / "no-if")["migraphx_program_compile"] == 2
    )  # of the graph, and of what may not use the processor


@no_rocm
def test_migraphx_with_its_library_missing(migraphx: Installed, tmp_path: Path) -> None:
    env = migraphx.libraries.environment(tmp_path, without={"libmigraphx_c.so.3"})
    report = migraphx.placement("float32", env)
    assert (report["verdict"], report["exit"]) == ("vanished", 1)
    assert report["missing"] == [{"library": "libmigraphx_c.so.3", "needed_by": "libonnxruntime_providers_migraphx.so"}]
