"""`rocmkit doctor --try` as a person calls it, on environments whose packages die."""

from __future__ import annotations

import os
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import rocmkit

SEGFAULT = "import ctypes\nctypes.string_at(0)\n"
REFUSES = 'raise ImportError("Numba needs NumPy 2.2 or less. Got NumPy 2.3.")\n'
PLAIN = "__version__ = '1'\n"
#: Ends with the right exit code and no answer, as a library does that calls exit().
LEAVES = "import os\nos._exit(0)\n"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """An environment with these packages, each a module of one file."""

    def made(**packages: str) -> Path:
        root = tmp_path / "venv"
        venv.create(root, symlinks=True)
        (site,) = root.glob("lib/python3*/site-packages")
        for name, code in packages.items():
            (site / name).mkdir()
            (site / name / "__init__.py").write_text(code)
            info = site / f"{name}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (info / "RECORD").write_text(f"{name}/__init__.py,,\n")
        return root

    return made


def test_packages_that_die_each_in_its_own_way(make: Make, tmp_path: Path) -> None:
    root = make(numpy=PLAIN, torchaudio=SEGFAULT, numba=REFUSES, soxr=LEAVES, soundfile=PLAIN)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ran = rocmkit("doctor", "--try", "--json", "--python", str(root), env={"TMPDIR": str(temporary)}, timeout_s=300)
    report = ran.json
    assert ran.err == ""
    assert ran.code == report["exit"]
    if not report["facts"]["gpus"]:
        assert ran.code == 4
    trials = {trial["name"]: trial for trial in report["trials"]}
    imports = {name: trial["outcome"] for name, trial in trials.items() if name.startswith("import-")}
    assert imports == {
        "import-numpy": "pass",
        "import-torchaudio": "crash",
        "import-numba": "fail",
        "import-soxr": "fail",
        "import-soundfile": "pass",
    }
    assert trials["import-torchaudio"]["signal"] == "SIGSEGV"
    assert trials["import-torchaudio"]["what"] == "import torchaudio (torchaudio 1.0)"
    assert "Numba needs NumPy 2.2 or less" in trials["import-numba"]["because"]
    assert trials["jit"]["outcome"] == "skipped" and trials["jit"]["because"] == "import-numba failed"
    assert all(trial["device"] in {"cpu", None} for trial in report["trials"])
    results = {one["code"]: one for one in report["results"]}
    assert {fault["subject"] for fault in results["RK431"]["findings"]} == {"torchaudio", "numba", "soxr"}
    assert all(fault["confidence"] == "sure" for fault in results["RK431"]["findings"])
    numba = next(fault for fault in results["RK431"]["findings"] if fault["subject"] == "numba")
    assert "RK409" in numba["cause"] and numba["fix"]["commands"] == ["rocmkit explain RK409"]
    assert list(temporary.iterdir()) == []


def test_the_text_and_the_markdown(make: Make) -> None:
    root = make(numpy=PLAIN, torchaudio=SEGFAULT)
    ran = rocmkit("doctor", "--try", "--python", str(root), timeout_s=120)
    section = ran.out.partition("\nExperiments  ")[2].partition("\n\n")[0].splitlines()
    assert section[0] == "passed: 1 of imports; 1 crashed"
    assert "✓" in section[1] and " s " in section[1] and "import numpy (numpy 1.0)" in section[1]
    assert "✗" in section[2] and " s " in section[2] and "import torchaudio (torchaudio 1.0)" in section[2]
    assert section[3].strip().startswith("crashed: SIGSEGV")
    assert "RK431 A package that cannot be imported" in ran.out
    page = rocmkit("doctor", "--try", "--only", "RK431", "--format", "markdown", "--python", str(root), timeout_s=120).out
    assert "| import torchaudio (torchaudio 1.0) |  | crashed |" in page


def test_an_environment_with_nothing_to_try(make: Make) -> None:
    ran = rocmkit("doctor", "--try", "--json", "--python", str(make()), timeout_s=60)
    assert ran.json["trials"] == []


def test_a_home_that_facts_hide(make: Make, tmp_path: Path) -> None:
    make(numpy=PLAIN)
    ran = rocmkit("doctor", "--try", "--json", "--python", str(tmp_path / "venv"), env={"HOME": str(tmp_path)}, timeout_s=60)
    assert ran.json["facts"]["python"]["executable"].startswith("~/venv")
    assert [trial["outcome"] for trial in ran.json["trials"]] == ["pass"]
    assert str(tmp_path) not in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--try", "--from", "{file}"), "--try makes experiments on this machine as it is: it cannot be combined with --from"),
        (("--try", "--sysroot", "{folder}"), "cannot be combined with --sysroot"),
        (("--try", "--what-if", "torch=2.9.1+rocm6.3"), "cannot be combined with --what-if"),
        (("--try", "--preview"), "cannot be combined with --preview"),
        (("--try", "--record", "{folder}/new.yaml"), "cannot be combined with --record"),
        (("--only", "RK431"), "RK431 judges experiments"),
        (("--try", "--python", "{folder}/gone"), "no such file"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    machines = Path(__file__).resolve().parent.parent / "machines"
    words = [word.format(file=machines / "no-gpu.yaml", folder=tmp_path) for word in arguments]
    ran = rocmkit("doctor", *words)
    assert ran.code == 2 and message in ran.err
    assert ran.out == "" and not os.listdir(tmp_path)


def test_without_it_no_report_speaks_of_experiments() -> None:
    machines = Path(__file__).resolve().parent.parent / "machines"
    report = rocmkit("doctor", "--json", "--from", str(machines / "the-user.yaml")).json
    assert report["trials"] == []
    assert not {"RK431", "RK432", "RK433", "RK434", "RK435", "RK436"} & {one["code"] for one in report["results"]}
