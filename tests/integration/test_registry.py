"""Real packages from the package index: what doctor says of them, whole and broken.

Marked `network`: about 350 MB are downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.result import Result
from rocmkit.facts import Gap, Python
from rocmkit.gpucode import read_file
from rocmkit.host.live import LiveHost
from rocmkit.probe.python import python as probe
from tests.support.command import ROOT, Ran, rocmkit
from tests.support.facts import GPU, changed, machine
from tests.support.registry import Environment, fetch, source_of
from tools.machine_parts.python_env import Wheel, read_wheels

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the wheels are those of Linux on x86-64"),
]
#: The wheels of the user's combination are made for these.
needs_python = pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 13), reason="the packages have no wheels for this Python")

#: The user's combination, each at its version. What they depend on is gigabytes, and doctor reads none of it.
SPEECH = {
    "ctranslate2": "4.6.1",
    "faster-whisper": "1.2.1",
    "llvmlite": "0.45.1",
    "numba": "0.62.1",
    "numpy": "2.2.6",
    "onnxruntime": "1.23.2",
    "sherpa-onnx": "2.0.1",
    "sherpa-onnx-core": "2.0.1",
}
#: numba, its llvmlite, and a NumPy that is too new for it. Python 3.10 has no NumPy that is too new for numba 0.62.
TOO_NEW = (
    {"numba": "0.60.0", "llvmlite": "0.43.0", "numpy": "2.2.6"}
    if sys.version_info < (3, 11)
    else {"numba": "0.62.1", "llvmlite": "0.45.1", "numpy": "2.4.0"}
)


def requirements(versions: dict[str, str]) -> list[str]:
    return [f"{name}=={version}" for name, version in versions.items()]


def doctor(env: Environment, *arguments: str) -> Any:
    """`rocmkit doctor --json` on an environment. On whatever machine this is, it ends well and says what its exit code says."""
    ran = rocmkit("doctor", "--json", "--python", str(env.place), *arguments)
    report = valid(ran)
    assert "gap" not in report["facts"]["python"], report["facts"]["python"]
    return report


def valid(ran: Ran, *, says: str = "") -> Any:
    """The report, which obeys its schema; `says` is what stands on standard error, or nothing does."""
    report = ran.json
    assert says in ran.err if says else ran.err == ""
    assert ran.code == report["exit"] in {0, 1, 3, 4}
    Draft202012Validator(json.loads((ROOT / "docs/schemas/doctor-1.json").read_text())).validate(report)
    assert not [one for one in report["results"] if one["outcome"] == "crashed"]
    return report


def look(env: Environment | Path) -> Python:
    """The `python` section alone, as doctor has it."""
    return probe(LiveHost(), str(env.place if isinstance(env, Environment) else env))


def judged(python: Python, gfx: str = "gfx906") -> dict[str, Result]:
    """Every check, as if this environment were on a healthy machine with that GPU."""
    facts = machine(python=python, gpus=(changed(GPU, gfx=gfx, target_id=gfx),))
    results = {result.code: result for result in examine(facts, all_checks())}
    assert not [result for result in results.values() if result.outcome == "crashed"]
    return results


def codes(results: dict[str, Result]) -> set[str]:
    """The codes from RK401 to RK499 that found something."""
    return {code for code, result in results.items() if result.outcome == "found" and code.startswith("RK4")}


def apis(python: Python) -> dict[str, set[str]]:
    """The GPU interfaces of each package's libraries."""
    told: dict[str, set[str]] = {}
    for lib in python.libraries:
        told.setdefault(lib.package, set()).add(lib.gpu_api)
    return told


# The wheels whose answers are stored


@pytest.fixture(scope="module", params=[pytest.param(wheel, id=wheel.package) for wheel in read_wheels()])
def stored(request: pytest.FixtureRequest) -> Wheel:
    wheel: Wheel = request.param
    return wheel


def test_a_stored_answer_is_that_of_the_wheel(stored: Wheel, tmp_path: Path) -> None:
    file = fetch(tmp_path, f"{stored.package}=={stored.version}", python="3.10")
    assert file.name == stored.wheel
    assert hashlib.sha256(file.read_bytes()).hexdigest() == stored.sha256
    site = tmp_path / "lib/python3.10/site-packages"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(site)
    assert {name: read_file(site / name) for name in stored.files} == stored.files
    # What doctor looks at is among these; what it does not look at has nothing to do with a GPU.
    section = look(site)
    assert section.packages == {stored.package: stored.version}
    seen = {str(Path(os.path.expanduser(lib.file)).relative_to(site)): lib.code for lib in section.libraries}
    assert seen == {name: code for name, code in stored.files.items() if name in seen}
    assert {code.gpu_api for name, code in stored.files.items() if name not in seen} <= {"none"}
    assert bool(seen) == (stored.package != "soundfile")


# The user's environment


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    env = Environment(tmp_path_factory.mktemp("speech") / "env")
    env.install(*requirements(SPEECH))
    return env


@needs_python
def test_doctor_sees_what_is_installed(speech: Environment) -> None:
    section = doctor(speech)["facts"]["python"]
    assert section["packages"] == speech.listed()
    assert section["packages"].items() >= SPEECH.items()
    assert (section["kind"], section["broken"], section["duplicates"], section["torch"]) == ("venv", [], {}, None)
    assert section["version"] == platform.python_version()
    assert str(speech.site) in map(os.path.expanduser, section["paths"])
    assert all("gap" not in lib["code"] for lib in section["libraries"])
    assert {lib["gpu_api"] for lib in section["libraries"] if lib["package"] != "ctranslate2"} == {"none"}
    assert {lib["gpu_api"] for lib in section["libraries"] if "libctranslate2" in lib["file"]} == {"cuda"}
    assert {lib["package"] for lib in section["libraries"]} == {"ctranslate2", "llvmlite", "numpy", "onnxruntime", "sherpa-onnx"}


@needs_python
def test_the_text_names_the_speech_packages(speech: Environment) -> None:
    text = rocmkit("doctor", "--python", str(speech.python)).out
    for name in ("ctranslate2", "faster-whisper", "onnxruntime", "sherpa-onnx", "numba", "llvmlite", "numpy"):
        assert f"{name} {SPEECH[name]}" in " ".join(text.split())


@needs_python
def test_a_recording_of_it_tells_the_same(speech: Environment, tmp_path: Path) -> None:
    ran = rocmkit("doctor", "--json", "--python", str(speech.place), "--record", str(tmp_path / "recording.yaml"))
    live = valid(ran, says="look at it")
    replayed = valid(rocmkit("doctor", "--json", "--from", str(tmp_path / "recording.yaml")))
    assert replayed["facts"]["python"] == live["facts"]["python"]


@needs_python
def test_on_an_mi50_it_is_the_cuda_build(speech: Environment) -> None:
    section = look(speech)
    assert apis(section) == {
        "ctranslate2": {"cuda", "none"},
        "llvmlite": {"none"},
        "numpy": {"none"},
        "onnxruntime": {"none"},
        "sherpa-onnx": {"none"},
    }
    results = judged(section)
    assert codes(results) >= {"RK403", "RK416", "RK418"}
    (ct2,) = results["RK403"].findings
    assert (str(ct2.message), ct2.confidence) == ("CTranslate2 4.6.1 is a CUDA build", "sure")
    assert "linked with CUDA" in {seen.what for seen in ct2.seen}
    (sherpa,) = results["RK418"].findings
    assert (sherpa.confidence, sherpa.seen[-1].what) == ("sure", "linked with no GPU interface")
    for code in ("RK405", "RK409", "RK410", "RK411"):
        assert results[code].outcome == "ok", (code, results[code].findings, str(results[code].because))
    assert speech.imports("import numba, llvmlite, numpy").returncode == 0


@needs_python
def test_onnxruntime_for_rocm(tmp_path: Path) -> None:
    """The one wheel of 60 MB on the index that holds code for AMD GPUs: the provider is 490 MB of it, and not for gfx906."""
    env = Environment(tmp_path / "env")
    env.install("onnxruntime-rocm==1.22.2.post3")
    section = look(env)
    (provider,) = [lib for lib in section.libraries if lib.gpu_api == "hip"]
    assert provider.package == "onnxruntime-rocm"
    assert provider.gfx == ("gfx1030", "gfx1100", "gfx1101", "gfx1200", "gfx1201", "gfx908", "gfx90a", "gfx942")
    assert not isinstance(provider.code, Gap)
    assert (provider.code.bundles, provider.code.unreadable) == (95, ())
    (finding,) = judged(section)["RK406"].findings
    assert str(finding.message) == "onnxruntime-rocm 1.22.2.post3 has no code for gfx906"
    assert judged(section, "gfx1030")["RK406"].outcome == "ok"


@needs_python
def test_torch_where_pip_takes_it_from_a_disk(tmp_path: Path) -> None:
    """From the index torch is a CUDA build of half a gigabyte that asks for three more: too much for what is read of it."""
    source = source_of("torch==2.13.0")
    if source is None or not source.startswith("file:"):
        pytest.skip("pip would download torch, which is too large; test_python_env.py has its kinds")
    env = Environment(tmp_path / "env")
    env.install("torch==2.13.0")
    section = doctor(env)["facts"]["python"]
    truth = json.loads(env.imports("import json, torch.version as v; print(json.dumps([v.__version__, v.hip, v.cuda]))").stdout or "null")
    assert truth is None or truth == [section["torch"][name] for name in ("version", "hip", "cuda")]
    assert section["torch"]["hip"] is None
    assert any("libtorch_cpu" in lib["file"] for lib in section["libraries"])
    (finding,) = judged(look(env))["RK401"].findings
    kind = "a CUDA build" if section["torch"]["cuda"] else "built for the processor alone"
    assert str(finding.message) == f"torch {section['torch']['version']} is {kind}"
    assert finding.confidence == "sure"


# Broken ones


@pytest.fixture(scope="module")
def two_builds(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """onnxruntime-migraphx stands for the second one: onnxruntime-gpu is 300 MB, this is 20."""
    env = Environment(tmp_path_factory.mktemp("two") / "env")
    env.install("onnxruntime==1.23.2")
    env.install("onnxruntime-migraphx==1.24.2")
    return env


@needs_python
def test_two_builds_of_onnxruntime_over_one_another(two_builds: Environment) -> None:
    section = doctor(two_builds)["facts"]["python"]
    assert section["packages"].items() >= {"onnxruntime": "1.23.2", "onnxruntime-migraphx": "1.24.2"}.items()
    assert {lib["package"] for lib in section["libraries"]} == {"onnxruntime"}  # whose they are cannot be told
    (finding,) = judged(look(two_builds))["RK406"].findings
    assert (finding.subject, finding.confidence) == ("onnxruntime + onnxruntime-migraphx", "sure")
    assert "2 builds of ONNX Runtime are installed over one another" in str(finding.message)


@needs_python
def test_one_of_two_builds_taken_away_takes_files_of_the_other(two_builds: Environment, tmp_path: Path) -> None:
    """`pip uninstall onnxruntime` removes what both installed: the other one is still listed, and is an empty shell."""
    env = Environment(tmp_path / "env", like=two_builds)
    env.uninstall("onnxruntime")
    assert env.imports("import onnxruntime; onnxruntime.get_available_providers()").returncode
    section = look(env)
    assert {"onnxruntime", "onnxruntime-migraphx"} & section.packages.keys() == {"onnxruntime-migraphx"}
    assert judged(section)["RK406"].outcome == "found"


@needs_python
def test_a_numpy_that_numba_refuses(tmp_path: Path) -> None:
    env = Environment(tmp_path / "env")
    env.install(*requirements(TOO_NEW))
    assert doctor(env)["facts"]["python"]["packages"].items() >= TOO_NEW.items()
    results = judged(look(env))
    (finding,) = results["RK409"].findings
    assert finding.confidence == "sure"
    assert f"NumPy {TOO_NEW['numpy']} is installed" in str(finding.message)
    assert results["RK410"].outcome == "ok"
    # numba itself says the same.
    refused = env.imports("import numba")
    assert refused.returncode
    assert "Numba needs NumPy" in refused.stderr
    env.uninstall("llvmlite")
    results = judged(look(env))
    assert "which is not installed" in str(results["RK410"].findings[0].message)
    assert results["RK411"].outcome == "skipped"


def agrees(env: Environment) -> Any:
    """Doctor's `python` section, which holds what the environment's own Python lists, and all that pip left behind."""
    section = doctor(env)["facts"]["python"]
    assert section["packages"].items() >= env.listed().items()
    assert [os.path.basename(path) for path in section["broken"] if "/~" in path] == env.aside()
    assert not [name for name in section["packages"] if name.startswith("~")]
    judged(look(env))
    return section


@needs_python
def test_pip_killed_while_it_replaces_a_package(tmp_path: Path) -> None:
    env, wheel = Environment(tmp_path / "env"), fetch(tmp_path, "numpy==2.2.6")
    env.install("--no-index", wheel)
    whole = env.reinstall_and_kill(wheel, at_s=600)
    left: set[str] = set()
    for share in (None, 0.3, 0.6, 0.8, 0.9, 0.95):
        moment = env.reinstall_and_kill(wheel, at_s=None if share is None else whole * share * random.uniform(0.9, 1.1))
        section = agrees(env)
        names = {os.path.basename(path) for path in section["broken"]}
        assert share or names, f"pip was killed after {moment:.2f} of {whole:.2f} s, and had set nothing aside"
        left |= names
        env.clear("numpy")
        env.install("--no-index", wheel)
    assert left <= {"~umpy", "~umpy.libs", "~umpy-2.2.6.dist-info"}


@needs_python
@pytest.mark.parametrize(
    ("removed", "outcome"),
    [
        (["ctranslate2.libs"], "likely"),
        (["ctranslate2", "ctranslate2.libs"], "likely"),
        (["ctranslate2/_ext.*"], "sure"),
        (["ctranslate2-4.6.1.dist-info/METADATA", "ctranslate2/*.py"], "sure"),
        (["ctranslate2-4.6.1.dist-info"], None),
    ],
    ids=["libraries", "package", "extension", "half", "metadata"],
)
def test_packages_removed_halfway(speech: Environment, tmp_path: Path, removed: list[str], outcome: str | None) -> None:
    """As an interrupted `rm -r` or a full disk leaves them. A CUDA build stays one, and what is gone is not said to be sure."""
    env = Environment(tmp_path / "env", like=speech)
    for pattern in removed:
        for path in env.site.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    section = doctor(env)["facts"]["python"]
    assert section["packages"].get("ctranslate2") == ("4.6.1" if outcome else None)
    seen = {str(Path(os.path.expanduser(lib["file"])).relative_to(env.site)) for lib in section["libraries"]}
    left = {str(path.relative_to(env.site)) for path in env.site.glob("ctranslate2*/*.so*")}
    assert {name for name in seen if name.startswith("ctranslate2")} == left
    result = judged(look(env))["RK403"]
    assert [finding.confidence for finding in result.findings] == ([outcome] if outcome else [])


@needs_python
def test_a_build_of_ctranslate2_from_source(speech: Environment, tmp_path: Path) -> None:
    """Its documented way: the library goes to /usr/local, the wheel holds the extension alone. What it was built for is not known."""
    env = Environment(tmp_path / "env", like=speech)
    shutil.rmtree(env.site / "ctranslate2.libs")
    (extension,) = env.site.glob("ctranslate2/_ext.*.so")
    (bundled,) = [name for name in read_file(extension).needs if name.startswith("libctranslate2")]
    own = b"libctranslate2.so.4".ljust(len(bundled), b"\0")
    extension.write_bytes(extension.read_bytes().replace(bundled.encode(), own))
    assert "libctranslate2.so.4" in read_file(extension).needs
    assert judged(look(env))["RK403"].outcome == "skipped"
