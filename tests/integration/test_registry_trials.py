"""The worker with the real libraries, on the processor: every operation passes, and wrong numbers are found.

Marked `network`: pip brings what they depend on. torch itself is only taken where pip has a build for the processor on a disk: from the
index it is a CUDA build of gigabytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rocmkit.trial.steps import OPERATIONS, Operation, import_step
from tests.support.registry import Environment
from tests.support.worker import Answered, Step, ask

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 13), reason="the packages have no wheels for this Python"),
]

#: numba, its llvmlite, and a NumPy that is too new for it, and its own words. Python 3.10 has no NumPy 2.3.
TOO_NEW = (
    ({"numba": "0.60.0", "llvmlite": "0.43.0", "numpy": "2.2.6"}, "ImportError: Numba needs NumPy 2.0 or less. Got NumPy 2.2.")
    if sys.version_info < (3, 11)
    else ({"numba": "0.61.2", "llvmlite": "0.44.0", "numpy": "2.3.5"}, "ImportError: Numba needs NumPy 2.2 or less. Got NumPy 2.3.")
)
BY_ID = {one.id: one for one in OPERATIONS}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of this Python with what stands beside PyTorch, so that this is tried where torch is not."""
    env = Environment(tmp_path_factory.mktemp("others") / "env")
    env.install_all("ctranslate2", "numba", "onnxruntime", "resampy")
    return env.python


def asked(one: Operation, seed: int = 1) -> Step:
    return {**one.step("cpu"), "seed": seed}


def passed(got: Answered, operations: list[Operation]) -> None:
    """Everything was computed, and nothing left out as unsupported."""
    assert got.code == 0, (operations[got.last.get("failed", 0)].id, got.last, got.err[-2000:])
    measured = [event["measured"] for event in got.events if "done" in event]
    assert len(measured) == len(operations)
    assert not [(one.id, told) for one, told in zip(operations, measured, strict=True) if "unsupported" in told]
    assert got.events[-1] == {"end": True}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_operation_passes(with_torch: Path, seed: int) -> None:
    """With other numbers too: what rounding makes stays below what is called wrong."""
    operations = [one for one in OPERATIONS if seed == 1 or not one.gpu_only]
    got = ask([asked(one, seed) for one in operations], python=with_torch)
    passed(got, operations)
    errors = {one.id: event["measured"] for one, event in zip(operations, (e for e in got.events if "done" in e), strict=True)}
    assert 0 < errors["matmul-float16"]["error"] < 2e-3  # a tenth of what is called wrong
    assert errors["matmul-float16"]["error"] > 100 * errors["matmul-float32"]["error"] > 0
    assert errors["matmul-int8"]["error"] == 0
    assert len(errors["whisper-generate-float32"]["tokens"]) == 5
    assert errors["onnxruntime-placement"]["placed"] == dict.fromkeys(("Conv", "MatMul", "Softmax"), "CPUExecutionProvider")
    assert {"soxr_hq", "kaiser_best", "fft", "polyphase"} <= set(errors["resample"]["resamplers"])
    assert any("libtorch_cpu.so" in path for event in got.events for path in event.get("mapped", ()))


def test_what_stands_beside_torch(others: Path) -> None:
    operations = [one for one in OPERATIONS if one.modules[0] in {"ctranslate2", "numba", "onnxruntime", "resampy"}]
    assert len(operations) == 6
    passed(ask([asked(one) for one in operations], python=others), operations)


#: One function of torch each, and how it is broken; what float64 computes stays right, and so does everything else.
PLANTED = {
    "matmul-float16": ("torch.matmul", "f(x[..., :-1], a[0][..., :-1, :])"),  # the last of what is summed is left out
    "sum-float32": ("torch.Tensor.sum", "f(x[..., :64], *a)"),  # one wave sums, and no other
    "softmax-float16": ("torch.softmax", "f(x, *a) * 1.01"),
    "layer-norm-float32": ("torch.nn.functional.layer_norm", "f(x, *a) / 0"),
    "gelu-float32": ("torch.nn.functional.gelu", "f(x, approximate='tanh')"),  # wrong by 0.00006
    "linear-float32": ("torch.nn.functional.linear", "f(x, a[0])"),  # without its bias
    "conv1d-k3s2-float32": ("torch.nn.functional.conv1d", "f(x, *a, **k).roll(1, -1)"),
    "conv1d-k3-float16": ("torch.nn.functional.conv1d", "f(x, *a, **k)[..., :-1]"),
    "attention-float32": ("torch.nn.functional.scaled_dot_product_attention", "f(x, *a)"),  # what comes later is seen
    "matmul-int8": ("torch._int_mm", "f(x, *a) + 1"),
    "rfft": ("torch.fft.irfft", "f(x, *a, **k) * 0.999"),
    "whisper-encoder-float32": ("torch.nn.functional.layer_norm", "f(x, *a) * 1.01"),
    "whisper-generate-float32": ("torch.Tensor.argmax", "(f(x, *a) + 1) % 51865"),  # a token that is not the likeliest
}
PLANT = """
import torch
def plant(f):
    return lambda x, *a, **k: f(x, *a, **k) if x.dtype in (torch.float64, torch.complex128) else {broken}
{name} = plant({name})
"""


@pytest.mark.parametrize("id", PLANTED)
def test_wrong_numbers_are_found(with_torch: Path, tmp_path: Path, id: str) -> None:
    name, broken = PLANTED[id]
    (tmp_path / "sitecustomize.py").write_text(PLANT.format(name=name, broken=broken))
    got = ask([asked(BY_ID[id])], python=with_torch, env={"PYTHONPATH": str(tmp_path)})
    assert got.code == 1
    assert got.last["error"].startswith("WrongNumbers: "), (got.last, got.err[-2000:])
    assert {"first_seconds", "seconds"} <= set(got.last["measured"])


def test_miopen_is_off_for_one_step_alone(with_torch: Path, tmp_path: Path) -> None:
    """And a step that would have it on leaves it off where the program turned it off."""
    flag = "torch.backends.cudnn.enabled"
    text = f"import torch\nf = torch.nn.functional.conv1d\ndef conv1d(*a, **k):\n    print({flag})\n    return f(*a, **k)\n"
    steps = [asked(BY_ID[f"conv1d-k10s5-float32{kind}"]) for kind in ("", "-without-miopen", "")]
    for before, told in ((True, "True False True"), (False, "False False False")):
        (tmp_path / "sitecustomize.py").write_text(f"{text}torch.nn.functional.conv1d = conv1d\n{flag} = {before}\n")
        got = ask(steps, python=with_torch, env={"PYTHONPATH": str(tmp_path)})
        assert got.code == 0, got.err
        each = got.out.split()  # twice as asked, and once in float64, for each step
        assert " ".join(each[number] for number in (0, 3, 6)) == told


def test_without_a_gpu_a_step_there_says_why(with_torch: Path) -> None:
    for id, words in (
        ("matmul-float32", "not compiled with CUDA"),
        ("ctranslate2-device", "CUDA"),
        ("onnxruntime-placement", "NoProvider"),
    ):
        got = ask([BY_ID[id].step("gpu")], python=with_torch)
        assert got.code == 1
        assert words in got.last["error"]


def test_numba_and_a_numpy_that_is_too_new(tmp_path: Path) -> None:
    versions, error = TOO_NEW
    env = Environment(tmp_path / "env")
    env.install(*(f"{name}=={version}" for name, version in versions.items()))
    got = ask([import_step("numpy"), import_step("numba"), asked(BY_ID["jit"])], python=env.python)
    assert (got.code, got.last) == (1, {"failed": 1, "error": error, "measured": {}})
