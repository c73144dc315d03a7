"""Real packages from the package index that overwrite each other's files, or promise more than they keep: what doctor says.

Marked `network`: about 300 MB are downloaded.
"""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.result import Result
from rocmkit.facts import Gap, Overlap, Python
from rocmkit.gpucode import read_file
from rocmkit.host.live import LiveHost
from rocmkit.probe.python import python as probe
from tests.support.facts import SYSTEM, changed, machine
from tests.support.registry import Environment, fetch

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the wheels are those of Linux on x86-64"),
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 13), reason="the packages have no wheels for this Python"),
]


def look(place: Path) -> Python:
    """The `python` section alone, as doctor has it."""
    return probe(LiveHost(), str(place))


def overlap(python: Python, folder: str) -> Overlap:
    assert not isinstance(python.overlaps, Gap), python.overlaps
    (one,) = [one for one in python.overlaps if one.folder == folder]
    return one


def judged(python: Python, glibc: str = "2.39") -> dict[str, Result]:
    """Every check, as if this environment were on a healthy machine with that glibc."""
    facts = machine(python=python, system=changed(SYSTEM, glibc=glibc))
    return {result.code: result for result in examine(facts, all_checks())}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """onnxruntime as faster-whisper brings it, then one for ROCm, over it."""
    env = Environment(tmp_path_factory.mktemp("three") / "env")
    env.install("onnxruntime==1.23.2")
    env.install("onnxruntime-rocm==1.22.2.post3")
    return env


def test_the_last_one_owns_the_files(three: Environment) -> None:
    python = look(three.place)
    one = overlap(python, "onnxruntime")
    assert one.packages == ("onnxruntime", "onnxruntime-rocm")
    assert one.owner == "onnxruntime-rocm"
    assert one.files > 200
    # The environment's own Python agrees on who wrote the file.
    listed = three.imports(
        "import importlib.metadata as m, os; "
        f"print([n for n in {one.packages!r} for f in m.files(n) if str(f) == {one.example!r} and f.size == os.stat(f.locate()).st_size])"
    )
    assert listed.stdout.strip() == "['onnxruntime-rocm']"
    results = judged(python)
    (finding,) = results["RK406"].findings
    assert finding.seen[-1].where == one.example
    assert finding.seen[-1].what.endswith("this is the file of onnxruntime-rocm")
    assert results["RK428"].outcome == "skipped"
    assert results["RK429"].outcome == "skipped"  # whose promise it is cannot be told


def test_a_later_install_turns_it_round(three: Environment, tmp_path: Path) -> None:
    """`pip install --force-reinstall faster-whisper` brings the plain one over the other."""
    env = Environment(tmp_path / "env", like=three)
    env.install("--force-reinstall", "onnxruntime==1.23.2")
    assert overlap(look(env.place), "onnxruntime").owner == "onnxruntime"
    env.uninstall("onnxruntime")
    assert look(env.place).overlaps == ()


def test_other_families(tmp_path: Path) -> None:
    env = Environment(tmp_path / "env")
    env.install("opencv-python==4.12.0.88", "numpy==2.2.6")
    env.install("opencv-python-headless==4.12.0.88")
    python = look(env.place)
    assert overlap(python, "cv2").owner == "opencv-python-headless"
    (finding,) = judged(python)["RK428"].findings
    assert finding.subject == "opencv-python + opencv-python-headless"
    assert finding.fix is not None
    # What it advises works.
    remove, install = (command.partition(" -m pip ")[2] for command in finding.fix.commands)
    env.uninstall(*remove.split()[2:])
    env.install(install.rpartition(" ")[2].strip('"'))
    assert env.imports("import cv2; print(cv2.__version__)").returncode == 0
    assert judged(look(env.place))["RK428"].outcome == "ok"


def test_runtimes_in_real_wheels(tmp_path: Path) -> None:
    env = Environment(tmp_path / "env")
    env.install("ctranslate2==4.6.1", "scikit-learn", "numpy==2.2.6")
    python = look(env.place)
    assert not isinstance(python.runtimes, Gap)
    assert {(row.kind, row.package) for row in python.runtimes} == {("openmp", "ctranslate2"), ("openmp", "scikit-learn")}
    found = {str(path.relative_to(env.site)) for path in env.site.glob("*/*") if path.name.startswith(("libgomp", "libomp", "libiomp5"))}
    assert len(found) == len(python.runtimes)
    assert judged(python)["RK427"].outcome == "ok"
    assert {name for name, tags in python.tags.items() if any("manylinux" in tag for tag in tags)} == {"ctranslate2", "numpy"}


def test_a_wheel_that_promises_more_than_it_keeps(tmp_path: Path) -> None:
    """Its file is named manylinux_2_34; inside, it makes no promise at all, and asks for glibc 2.38."""
    file = fetch(tmp_path, "onnxruntime-migraphx==1.24.4", python="3.12")
    assert "manylinux_2_34" in file.name
    site = tmp_path / "lib/python3.12/site-packages"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(site)
    python = look(site)
    assert python.tags == {"onnxruntime-migraphx": ("cp312-cp312-linux_x86_64",)}
    assert {read_file(path).glibc for path in site.glob("onnxruntime/capi/libonnxruntime.so.*")} == {"2.38"}
    (finding,) = judged(python, glibc="2.36")["RK429"].findings
    assert "promises to run with glibc 2.34 and needs 2.38" in str(finding.message)
    assert judged(python, glibc="2.39")["RK429"].outcome == "ok"
