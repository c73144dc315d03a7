"""`rocmkit inspect MODEL.onnx --provider P` in processes: with an ONNX Runtime that dies or loses its provider, and with the real one.

The planted packages behave as releases of ONNX Runtime did; what the real ones for AMD GPUs do is tried in test_real_provider.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy
import onnx
import pytest

from tests.support.crashes import Zoo, environment
from tests.support.onnxgraphs import encoder
from tests.support.placement import placed, report

CPU, ROCM = "CPUExecutionProvider", "ROCMExecutionProvider"

#: A session of one input, and what it has for ROCm: the rest of this text.
_ORT = """
import ctypes, time
__version__ = "1.22.2"

class SessionOptions:
    pass

class Input:
    name, type, shape = "x", "tensor(float)", ["N", 8]

def get_available_providers():
    return ["ROCMExecutionProvider", "CPUExecutionProvider"]

def get_device():
    return "GPU"

def set_default_logger_severity(level):
    pass

class InferenceSession:
    def __init__(self, model, options, providers, enable_fallback=1):
        self.taken = [one if isinstance(one, str) else one[0] for one in providers]
        if self.taken[0] == "ROCMExecutionProvider":
            self.rocm()

    def get_providers(self):
        return self.taken

    def get_inputs(self):
        return [Input]

    def run(self, names, feed):
        return [feed["x"]]
"""
_DIES = "\n    def rocm(self):\n        ctypes.CDLL({library!r}).outer_segv()\n"
_HANGS = "\n    def rocm(self):\n        time.sleep(60)\n"
_FALLS_BACK = """
    def rocm(self):
        print("*************** EP Error ***************")
        print("EP Error rocm_call.cc:141 HIP failure 100: no ROCm-capable device is detected when using ['ROCMExecutionProvider']")
        print("Falling back to ['CPUExecutionProvider'] and retrying.")
        self.taken = ["CPUExecutionProvider"]
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(encoder(), tmp_path / "encoder.onnx")
    return tmp_path / "encoder.onnx"


def planted(folder: Path, rocm: str) -> Path:
    """The Python of an environment with that ONNX Runtime, and with this one's NumPy."""
    python, site = environment(folder / "env", {"onnxruntime-rocm": "1.22.2"})
    (site / "onnxruntime").mkdir()
    (site / "onnxruntime/__init__.py").write_text(_ORT + rocm)
    (site / "beside.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    return python


def test_without_onnxruntime_it_says_how_to_get_one(model: Path, tmp_path: Path) -> None:
    python, _ = environment(tmp_path / "env", {})
    found = report(placed(model, "--provider", "cpu", "--python", str(python), "--json"))
    assert (found["verdict"], found["exit"], found["onnxruntime"]) == ("unknown", 3, None)
    assert found["because"] == "there is no onnxruntime in this Python"
    assert "install" in found["commands"][-1]
    assert "onnxruntime" in found["commands"][-1]
    text = placed(model, "--provider", "rocm", "--python", str(python))
    assert text.code == 3
    assert "rocmkit build onnxruntime --arch" in text.out


def test_a_provider_that_kills_the_process_is_named(model: Path, tmp_path: Path, zoo: Zoo) -> None:
    python = planted(tmp_path, _DIES.format(library=str(zoo.library)))
    found = report(placed(model, "--provider", "rocm", "--python", str(python), "--json"))
    assert (found["verdict"], found["exit"]) == ("died", 1)
    assert (found["trial"]["signal"], Path(found["trial"]["library"]).name) == ("SIGSEGV", "libways.so")
    assert re.search(r"SIGSEGV in libways\.so\+0x[0-9a-f]+, at .*, while the session was made", found["because"])
    assert found["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1, 8], "values": "normally distributed, the same each time"}]
    text = placed(model, "--provider", "rocm", "--python", str(python))
    assert "IT DIED: SIGSEGV in libways.so" in text.out


def test_a_provider_that_hangs_is_ended(model: Path, tmp_path: Path) -> None:
    ran = placed(model, "--provider", "rocm", "--python", str(planted(tmp_path, _HANGS)), "--json", "--timeout", "3")
    found = report(ran)
    assert (found["verdict"], found["exit"], found["trial"]["limit"]) == ("died", 1, "time")
    assert ran.seconds < 30


def test_that_python_falls_back_is_told(model: Path, tmp_path: Path) -> None:
    found = report(placed(model, "--provider", "rocm", "--python", str(planted(tmp_path, _FALLS_BACK)), "--json"))
    assert (found["verdict"], found["exit"], found["providers_taken"]) == ("vanished", 1, [CPU])
    assert "libonnxruntime_providers_rocm.so is not among the files" in found["because"]
    assert any("HIP failure 100" in line for line in found["said"])


def test_a_link_to_a_model_stays_one(model: Path, tmp_path: Path) -> None:
    """Weights in other files lie beside the link, as where Hugging Face's cache keeps models."""
    (tmp_path / "link.onnx").symlink_to(model)
    found = report(placed(tmp_path / "link.onnx", "--provider", "cpu", "--python", str(environment(tmp_path / "env", {})[0]), "--json"))
    assert found["file"] == str(tmp_path / "link.onnx")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--provider", "gpu"), "--provider gpu: not known"),
        (("--provider", "cpu", "--shape", "x"), "--shape x: not NAME=1,1000,80"),
        (("--provider", "cpu", "--shape", "x=-1"), "not NAME"),
        (("--provider", "cpu", "--for", "gfx906"), "cannot be combined with --for"),
        (("--provider", "cpu", "another.onnx"), "name one file"),
        (("--provider", "cpu", "-o", "/no/such/folder/report"), "cannot write"),
        (("--shape", "x=1"), "say nothing without --provider"),
        (("--timeout", "5"), "say nothing without --provider"),
    ],
)
def test_calls_that_mean_nothing(model: Path, arguments: tuple[str, ...], error: str) -> None:
    ran = placed(model, *arguments)
    assert ran.code == 2
    assert error in ran.err
