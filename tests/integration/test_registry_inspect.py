"""Real wheels of the package index, by `rocmkit inspect` alone: what each is for, what it needs, where it was built.

Marked `network`: about 600 MB are downloaded.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from tests.support.command import rocmkit
from tests.support.registry import fetch, source_of
from tools.gen import SCHEMAS
from tools.schema import schema

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the wheels are those of Linux on x86-64"),
]

#: What every one of these needs: the C library's own.
PLAIN = {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"}


class Row(NamedTuple):
    """One wheel, as its provider library tells it."""

    requirement: str
    python: str
    provider: str  # rocm, migraphx
    gfx: str
    needs: str
    built_with: str  # the ROCm in its RUNPATH
    glibc: str
    promised: str  # by the file's name
    answer: str  # for gfx906


MIGRAPHX_6, MIGRAPHX_7 = "libmigraphx_c.so.3 libamdhip64.so.6", "libmigraphx_c.so.3 libamdhip64.so.7"
ROCM_6 = "libhipblas.so.2 libMIOpen.so.1 libhipfft.so.0 librocm_smi64.so.7 libroctracer64.so.4 libamdhip64.so.6"
ROCM_7 = "libhipblas.so.3 libMIOpen.so.1 libhipfft.so.0 librocm_smi64.so.1 libroctracer64.so.4 libamdhip64.so.7"
MANY = "gfx1030 gfx1100 gfx1101 gfx1200 gfx1201 gfx908 gfx90a"

ROWS = (
    Row("onnxruntime-rocm==1.22.1", "3.10", "migraphx", "", MIGRAPHX_6, "6.4.1", "2.38", "2.38", "none"),
    Row("onnxruntime-rocm==1.22.2.post1", "3.10", "rocm", f"{MANY} gfx940 gfx941 gfx942", ROCM_6, "6.4.2", "2.34", "2.35", "no"),
    Row("onnxruntime-rocm==1.22.2.post3", "3.10", "rocm", f"{MANY} gfx942", ROCM_7, "7.2.4", "2.34", "2.34", "no"),
    Row("onnxruntime-migraphx==1.23.2", "3.10", "migraphx", "", MIGRAPHX_7, "7.1.1", "2.34", "2.34", "none"),
    Row("onnxruntime-migraphx==1.24.4", "3.12", "migraphx", "", MIGRAPHX_7, "7.2.2", "2.38", "2.34", "none"),
    Row("onnxruntime-migraphx==1.27.1", "3.12", "migraphx", "", MIGRAPHX_7, "7.2.4", "2.34", "2.34", "none"),
)


def inspect(file: Path | str, *arguments: str) -> Any:
    ran = rocmkit("inspect", str(file), "--json", *arguments, timeout_s=120)
    assert ran.err == ""
    kind, title = SCHEMAS["inspect-1"]
    jsonschema.validate(ran.json, schema(kind, title=title))
    return ran.json


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.requirement)
def test_onnxruntime_for_amd(row: Row, tmp_path: Path) -> None:
    report = inspect(fetch(tmp_path, row.requirement, python=row.python), "--for", "gfx906", "--for", "gfx1100")
    (target,) = report["targets"]
    (provider,) = [file for file in report["files"] if file["file"].endswith(f"libonnxruntime_providers_{row.provider}.so")]
    assert " ".join(provider["gfx"]) == row.gfx
    assert [name for name in provider["needs"] if name not in PLAIN] == row.needs.split()
    assert f"/opt/rocm-{row.built_with}/lib" in provider["rpath"]
    assert (provider["unreadable"], provider["gpu_api"]) == ([], "hip")
    assert target["glibc"] == row.glibc
    assert target["wheel"]["glibc_of_tags"] == row.promised
    too_low = [warning for warning in target["warnings"] if "tags promise" in warning]
    assert bool(too_low) == (row.requirement == "onnxruntime-migraphx==1.24.4")
    assert {run["gpu"]: run["answer"] for run in target["runs"]} == {"gfx906": row.answer, "gfx1100": "yes" if row.gfx else "none"}
    assert report["exit"] == {"no": 1, "none": 3}[row.answer]


def test_ctranslate2_is_for_nvidia(tmp_path: Path) -> None:
    report = inspect(fetch(tmp_path, "ctranslate2==4.8.5", python="3.10"), "--for", "gfx906")
    (file,) = report["files"]
    assert (file["gpu_api"], file["gfx"]) == ("cuda", [])
    assert file["sm"] == ["compute_86", "sm_53", "sm_60", "sm_61", "sm_70", "sm_75", "sm_80", "sm_86"]
    assert (report["answer"], report["exit"]) == ("no", 1)
    assert file["runs"][0]["because"].startswith("NVIDIA code only (compute_86, sm_53")
    assert file["found"]["libgomp-e985bcbb.so.1.0.0"] == "in the wheel"


def test_torch_where_pip_takes_it_from_a_disk(tmp_path: Path) -> None:
    """From the index torch is a CUDA build of gigabytes with what it asks for; see test_registry.py."""
    source = source_of("torch==2.13.0")
    if source is None or not source.startswith("file:"):
        pytest.skip("pip would download torch, which is too large")
    report = inspect(fetch(tmp_path, "torch==2.13.0"), "--for", "gfx906")
    assert (report["answer"], report["exit"]) == ("none", 3)
    assert report["targets"][0]["runs"][0]["because"] == "holds no GPU code"
    assert report["targets"][0]["glibc"] == "2.28"
