"""What a worker asks of a HIP runtime that is in its process, with a stand-in for that runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from rocmkit.smoke.run import INSIDE
from rocmkit.trial.run import runner
from rocmkit.trial.work import worker
from tests.support import fakewhisper

_HIP = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int hipDeviceGetPCIBusId(char *buffer, int length, int device) {
    fclose(fopen(getenv("HIP_WAS_ASKED"), "w"));
    strncpy(buffer, "0000:63:00.0", length);
    return device;
}
"""


@pytest.mark.parametrize(("device", "pci"), [("gpu", "0000:63:00.0"), ("cpu", None)])
def test_hip_is_not_started_for_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, pci: str | None) -> None:
    """A build of PyTorch for ROCm maps HIP wherever it computes; to ask HIP for its first GPU opens that."""
    library, asked = tmp_path / "libamdhip64.so.6", tmp_path / "asked"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=_HIP.encode(), check=True)
    site = fakewhisper.packages(tmp_path / "site")
    with (site / "ctranslate2" / "__init__.py").open("a") as file:
        file.write(f"\nimport ctypes\nctypes.CDLL({str(library)!r})\n")
    for name, value in {**fakewhisper.variables(site), "HIP_WAS_ASKED": str(asked)}.items():
        monkeypatch.setenv(name, value)
    model = fakewhisper.model(tmp_path / "models", "works")
    load: dict[str, Any] = {"do": "smoke_load", "module": "faster_whisper", "model": str(model), "device": device}
    trial = runner()(worker(fakewhisper.PYTHON, "hip", [load], folders=(INSIDE,)))
    assert trial.outcome == "pass", trial.because
    (loaded,) = trial.measured
    assert (loaded["device"], loaded["gpu_pci"], loaded["runtimes"]) == (device, pci, [str(library)])
    assert asked.exists() == (device == "gpu")
