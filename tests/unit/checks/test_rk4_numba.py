from __future__ import annotations

import pytest

from rocmkit import kb
from rocmkit.kb.values import NumbaRow
from tests.support.facts import HEALTHY, PYTHON, SITE, SYSTEM, changed, library, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    LLVMLITE,
    UNREAD,
    finding,
    run,
    with_packages,
)

# RK408


def test_glibcxx() -> None:
    asks = library("torch", f"{SITE}/torch/lib/librocblas.so.4", glibcxx="3.4.30")
    conda = with_packages({}, asks, libstdcxx="3.4.26", kind="conda", prefix="~/miniconda3/envs/asr")
    one = finding("RK408", machine(python=conda))
    assert (one.subject, one.confidence) == ("torch", "sure")
    assert one.fix and one.fix.commands == ("conda install -p ~/miniconda3/envs/asr -c conda-forge 'libstdcxx-ng>=12'",)
    assert run("RK408", machine(python=with_packages({}, asks))).outcome == "ok"  # the system's 3.4.30
    old = changed(SYSTEM, glibcxx="3.4.28")
    one = finding("RK408", machine(python=with_packages({}, asks), system=old))
    assert one.fix and one.fix.commands == ()
    own = library("torch", f"{SITE}/torch/lib/libstdc++.so.6", glibcxx=None, glibcxx_provided="3.4.33")
    assert run("RK408", machine(python=with_packages({}, asks, own), system=old)).outcome == "ok"


def test_glibc() -> None:
    asks = library("onnxruntime-migraphx", f"{SITE}/onnxruntime/capi/x.so", glibc="2.38")
    one = finding("RK408", machine(python=with_packages({}, asks)))
    assert one.subject == "onnxruntime-migraphx"
    assert "GLIBC_2.38" in str(one.message)
    assert run("RK408", machine(python=with_packages({}, asks), system=changed(SYSTEM, glibc="2.39"))).outcome == "ok"


def test_glibcxx_that_is_not_known() -> None:
    assert run("RK408", machine(python=changed(PYTHON, libstdcxx=UNREAD))).outcome == "skipped"
    assert run("RK408", machine(system=changed(SYSTEM, glibcxx=UNREAD, glibc=UNREAD))).outcome == "skipped"
    assert run("RK408", machine(python=changed(PYTHON, libraries=()))).outcome == "skipped"


# RK409


def numpy_around(specifier: str) -> tuple[str, str | None]:
    """The newest NumPy that a specifier accepts, and the oldest that it refuses as too new."""
    ceiling = next((part[1:] for part in specifier.split(",") if part.startswith("<")), None)
    if ceiling is None:
        return "2.5.0", None
    major, minor = (int(part) for part in ceiling.split("."))
    return (f"{major}.{minor - 1}.9" if minor else "1.26.4"), f"{major}.{minor}.0"


@pytest.mark.parametrize("row", kb.numba_rows(), ids=lambda row: row.numba)
def test_every_row_of_numbas_table(row: NumbaRow) -> None:
    numba, spec, llvmlite, python = row.numba, row.numpy, row.llvmlite, row.python
    accepted, refused = numpy_around(spec)
    minor = python.partition(">=")[2].partition(",")[0]
    base = {"numba": numba, "numpy": accepted, "llvmlite": f"{llvmlite}.1"}
    fine = machine(python=with_packages(base, version=f"{minor}.1"))
    assert run("RK409", fine).outcome == run("RK410", fine).outcome == "ok"
    if refused:
        one = finding("RK409", machine(python=with_packages({**base, "numpy": refused}, version=f"{minor}.1")))
        assert (one.subject, one.confidence) == ("numba", "sure")
        assert one.fix and one.fix.commands == (f'~/venv/bin/python -m pip install "numpy{spec}" "numba=={row.numba}"',)
    floor = spec.partition(">=")[2].partition(",")[0]
    older = f"{floor.split('.')[0]}.{int(floor.split('.')[1]) - 1}.0"
    assert run("RK409", machine(python=with_packages({**base, "numpy": older}))).outcome == "found"
    one = finding("RK410", machine(python=with_packages({**base, "llvmlite": "0.30.0"}, version=f"{minor}.1")))
    assert one.subject == "llvmlite"
    assert one.fix and f'"numba=={numba}" "llvmlite=={llvmlite}.*"' in one.fix.commands[0]
    if "<" in python:
        beyond = python.partition("<")[2]
        assert finding("RK410", machine(python=with_packages(base, version=f"{beyond}.0"))).subject == "numba"


@pytest.mark.parametrize(
    ("numpy", "outcome"), [("2.2.6", "ok"), ("2.3.5", "ok"), ("2.4.0", "found"), ("1.21.6", "found"), ("nonsense", "skipped")]
)
def test_the_users_numba(numpy: str, outcome: str) -> None:
    python = with_packages({"numba": "0.62.1", "llvmlite": "0.45.1", "numpy": numpy})
    assert run("RK409", machine(python=python)).outcome == outcome
    assert run("RK410", machine(python=python)).outcome == "ok"


def test_a_newer_numba_is_named() -> None:
    one = finding("RK409", machine(python=with_packages({"numba": "0.62.1", "numpy": "2.4.0"})))
    assert str(one.message) == "numba 0.62.1 accepts NumPy >=1.22,<2.4, and NumPy 2.4.0 is installed"
    assert one.fix and "numba 0.68" in str(one.fix.text)


def test_numba_outside_the_table() -> None:
    for code in ("RK409", "RK410"):
        assert run(code, machine(python=with_packages({"numba": "0.12.0"}))).outcome == "skipped"
        assert run(code, machine(python=changed(PYTHON, packages={}))).outcome == "skipped"


# RK410


def test_llvmlite_is_missing() -> None:
    one = finding("RK410", machine(python=changed(PYTHON, packages={"numba": "0.62.1"})))
    assert "not installed" in str(one.message)


def test_numba_for_another_python() -> None:
    one = finding("RK410", machine(python=with_packages({"numba": "0.62.1", "llvmlite": "0.45.1"}, version="3.14.0")))
    assert one.subject == "numba"
    assert one.fix and one.fix.commands[0].startswith('~/venv/bin/python -m pip install "numba==0.')


# RK411


def test_a_shared_llvm() -> None:
    conda = library("llvmlite", f"{SITE}/llvmlite/binding/libllvmlite.so", gpu_api="none", gfx=(), needs=("libLLVM-20.so",))
    one = finding("RK411", machine(python=with_packages({}, conda)))
    assert (one.subject, one.confidence) == ("llvmlite", "likely")
    assert one.fix and one.fix.commands == (
        '~/venv/bin/python -m pip install --force-reinstall --no-deps "llvmlite==0.45.1" "numba==0.62.1"',
    )
    assert CHECKS["RK411"].severity == "warning"
    alone = changed(PYTHON, libraries=(conda,))
    assert run("RK411", machine(python=alone)).outcome == "ok"


def test_an_llvm_inside() -> None:
    assert run("RK411", machine(python=with_packages({}, LLVMLITE))).outcome == "ok"
    assert run("RK411", machine(python=with_packages({}, changed(LLVMLITE, code=UNREAD)))).outcome == "skipped"
    assert run("RK411", HEALTHY).outcome == "skipped"
