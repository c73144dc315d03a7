"""The checks on what lies on the disk in place of what pip believes, RK428 to RK430."""

from __future__ import annotations

from typing import Any

import pytest

from rocmkit.facts import Facts, Overlap, Python, gap
from tests.support.facts import HEALTHY, PYTHON, SITE, SYSTEM, changed, library, machine
from tests.unit.checks.cases.packages import CV2, MIGRAPHX, ORT
from tests.unit.checks.rk4_support import commands, finding, outcome, run, with_packages

PROBES = gap("denied", "not readable")


# RK428, and what RK406 and RK417 say of the same


def test_the_owner_is_kept() -> None:
    packages = {"opencv-python": "5.0.0.93", "opencv-python-headless": "5.0.0.93"}
    remove, install = commands("RK428", machine(python=with_packages(packages, overlaps=(CV2,))))
    assert remove == "~/venv/bin/python -m pip uninstall -y opencv-python opencv-python-headless"
    assert install == '~/venv/bin/python -m pip install --no-deps "opencv-python-headless==5.0.0.93"'


def test_the_package_that_programs_mean_is_kept() -> None:
    ffmpeg = Overlap(folder="ffmpeg", packages=("ffmpeg", "ffmpeg-python"), files=1, example="ffmpeg/__init__.py", owner="ffmpeg")
    python = with_packages({"ffmpeg": "1.4", "ffmpeg-python": "0.2.0"}, overlaps=(ffmpeg,))
    assert commands("RK428", machine(python=python))[-1].endswith('"ffmpeg-python==0.2.0"')


def test_onnxruntime_is_spoken_of_once() -> None:
    python = with_packages({"onnxruntime": "1.23.2", "onnxruntime-rocm": "1.22.2.post3"}, overlaps=(ORT,))
    assert outcome("RK428", machine(python=python)) == "skipped"
    (told,) = [seen for seen in finding("RK406", machine(python=python)).seen if seen.where == ORT.example]
    assert told.what == "one of 300 files that onnxruntime and onnxruntime-rocm list; this is the file of onnxruntime"


def test_triton_is_spoken_of_once() -> None:
    one = Overlap(folder="triton", packages=("pytorch-triton-rocm", "triton"), files=9, example="triton/_C/libtriton.so", owner=None)
    python = with_packages({"triton": "3.5.0", "pytorch-triton-rocm": "3.5.1"}, overlaps=(one,))
    assert outcome("RK428", machine(python=python)) == "skipped"
    assert finding("RK417", machine(python=python)).seen[-1].what.endswith("whose file this is cannot be told")


def test_overlaps_that_could_not_be_read() -> None:
    assert outcome("RK428", machine(python=changed(PYTHON, overlaps=PROBES))) == "skipped"


# RK429


def tagged(need: str, *tags: str, glibc: Any = "2.31", package: str = "thing", **changes: Any) -> Facts:
    lib = library(package, f"{SITE}/{package}/x.so", glibc=need)
    python: Python = changed(PYTHON, packages={"pip": "24.0", package: "1.2+local"}, libraries=(lib,), tags={package: tags}, **changes)
    return machine(python=python, system=changed(SYSTEM, glibc=glibc))


@pytest.mark.parametrize(
    ("need", "tags", "glibc", "expected"),
    [
        ("2.38", ("cp310-cp310-manylinux_2_28_x86_64",), "2.36", "found"),
        ("2.38", ("cp310-cp310-manylinux_2_28_x86_64",), "2.38", "ok"),  # broken promise, but not here
        ("2.28", ("cp310-cp310-manylinux_2_28_x86_64",), "2.17", "ok"),  # the promise is kept: RK408 speaks of it
        ("2.27", ("cp310-cp310-manylinux_2_17_x86_64", "cp310-cp310-manylinux2014_x86_64"), "2.26", "found"),
        ("2.12", ("cp310-cp310-manylinux_2_28_x86_64", "cp310-cp310-manylinux1_x86_64"), "2.10", "found"),
        ("2.38", ("cp310-cp310-linux_x86_64",), "2.36", "skipped"),  # no promise
        ("2.38", ("py3-none-any",), "2.36", "skipped"),
        ("2.38", (), "2.36", "skipped"),
        ("2.38", ("cp310-cp310-manylinux_2_28_x86_64",), None, "skipped"),
        ("2.38", ("cp310-cp310-manylinux_2_28_x86_64",), PROBES, "skipped"),
    ],
)
def test_promises_of_wheels(need: str, tags: tuple[str, ...], glibc: Any, expected: str) -> None:
    assert outcome("RK429", tagged(need, *tags, glibc=glibc)) == expected


def test_pip_is_told_to_leave_the_release_out() -> None:
    assert commands("RK429", tagged("2.38", "cp310-cp310-manylinux_2_28_x86_64")) == ('~/venv/bin/python -m pip install "thing<1.2"',)
    assert commands("RK429", tagged("2.38", "cp310-cp310-manylinux_2_28_x86_64", package="torch")) == ()
    known = machine(python=with_packages({"onnxruntime-migraphx": "1.24.4"}, MIGRAPHX))
    assert commands("RK429", known)[0].endswith('install "onnxruntime-migraphx!=1.24.4,!=1.25.0"')
    assert outcome("RK429", machine(python=with_packages({"onnxruntime-migraphx": "1.27.1"}, MIGRAPHX))) == "ok"  # HEALTHY's torch


def test_another_package_s_files_break_no_promise() -> None:
    facts = tagged("2.38", "cp310-cp310-manylinux_2_28_x86_64", package="onnxruntime", overlaps=(ORT,))
    assert outcome("RK429", facts) == "skipped"
    facts = tagged("2.38", "cp310-cp310-manylinux_2_28_x86_64", package="onnxruntime", overlaps=PROBES)
    assert outcome("RK429", facts) == "skipped"


# RK430


def broken(*paths: str, **changes: Any) -> Facts:
    return machine(python=changed(PYTHON, broken=paths, **changes))


def test_left_overs_are_removed_by_name() -> None:
    facts = broken(f"{SITE}/~orch", f"{SITE}/~umpy-2.2.6.dist-info")
    assert commands("RK430", facts) == (f"rm -r -- {_quoted('~orch')}", f"rm -r -- {_quoted('~umpy-2.2.6.dist-info')}")
    assert str(finding("RK430", facts).message) == "left over from an interrupted pip: ~orch, ~umpy-2.2.6.dist-info"


def _quoted(name: str) -> str:
    return "~/'" + f"{SITE}/{name}".removeprefix("~/") + "'"


def test_what_the_system_owns_is_removed_by_root() -> None:
    facts = broken("/usr/lib/python3/dist-packages/~orch")
    assert commands("RK430", facts) == ("sudo rm -r -- '/usr/lib/python3/dist-packages/~orch'",)
    found = finding("RK430", facts)
    assert found.fix is not None and found.fix.root


def test_what_the_distribution_installed_is_left_to_it() -> None:
    one = finding("RK430", broken("/usr/lib/python3/dist-packages/rubbish.egg-info"))
    assert one.fix is not None
    assert (one.fix.commands, one.fix.root, one.fix.caution) == ((), False, None)
    assert "package manager" in str(one.fix.text)
    both = broken("/usr/lib64/python3/site-packages/a.egg-info", "/usr/local/lib/python3.12/dist-packages/b.dist-info")
    removed = [one.fix.commands for one in run("RK430", both).findings if one.fix]
    assert removed == [("sudo rm -r -- /usr/local/lib/python3.12/dist-packages/b.dist-info",), ()]


def test_each_kind_of_breakage_is_told_apart() -> None:
    facts = broken(f"{SITE}/~orch", f"{SITE}/rubbish.dist-info", "/opt/site: Permission denied", duplicates={"numpy": ("2.2.6", "2.3.0")})
    subjects = [one.subject for one in run("RK430", facts).findings]
    assert subjects == [f"{SITE}/~orch", f"{SITE}/rubbish.dist-info", "/opt/site", "numpy"]


def test_a_doubled_package_is_uninstalled_as_often() -> None:
    facts = broken(duplicates={"numpy": ("2.2.6", "2.3.0")})
    remove = "~/venv/bin/python -m pip uninstall -y numpy"
    assert commands("RK430", facts) == (remove, remove, '~/venv/bin/python -m pip install --no-deps "numpy==2.3.0"')
    # One that is not from the index is not fetched from there.
    torch = broken(duplicates={"torch": ("2.6.0+rocm6.1", "2.9.1+rocm6.3")})
    assert len(commands("RK430", torch)) == 2


def test_no_finding_of_these_on_the_healthy_machine() -> None:
    assert {code for code in range(420, 431) if outcome(f"RK{code}", HEALTHY) == "found"} == set()
