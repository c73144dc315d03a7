"""What would stop a build: needs and the one command that brings them, compiler, folders, memory, time."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.detect import supposed
from rocmkit.build.folders import options_of
from rocmkit.build.layouts import build_python, distribution
from rocmkit.build.packages import install_command, packages
from rocmkit.build.preflight import Preflight, preflight
from rocmkit.build.present import any_of, presence
from rocmkit.build.recipe import Cost, Expect
from rocmkit.build.resources import cores_of, quota_of, resources
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Pin, Plan, PlanStep
from rocmkit.host.live import LiveHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.kb.when import LAYOUTS

GIB = 1 << 30


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def chain(tmp_path: Path) -> Toolchain:
    """A ROCm in a folder, with a compiler that names the architectures it knows."""
    root = tmp_path / "rocm"
    script(root / "llvm/bin/clang++", "printf 'Available CPUs for this target:\\n\\tgfx906\\n\\tgfx90a\\n\\tgfx9-generic\\n'")
    for name in ("hip/hip_runtime.h", "hipblas/hipblas.h"):
        (root / "include" / name).parent.mkdir(parents=True)
        (root / "include" / name).touch()
    return replace(supposed("6.3.4", root=str(root)), python=build_python(sys.executable, "3.10.12"))


def plan(chain: Toolchain, folder: Path, **more: Any) -> Plan:
    made = Plan(
        recipe="small", title="Small", version="1.0", local_version="1.0+rocm6.3.gfx906", arch=("gfx906",), toolchain=chain, feasible=True,
        blocked_by=(), prerequisites=(), work=str(folder / "work"), out=str(folder), files=(), steps=(), pins=(), wheel=None, prefix="",
        dist="", expect=Expect(), needs=(), runs_on=(),
        cost=Cost(core_minutes=60, memory_per_job_gib=0.01, disk_gib=0.001, measured="here"),
        jobs=None, launcher=None, notes=(), links=(), use="", package=None, recipe_sha256="", digest="",
    )  # fmt: skip
    return replace(made, **more)


def ids(found: Preflight) -> list[str]:
    return [problem.id for problem in found.problems]


def test_nothing_stops_a_build_that_has_all(chain: Toolchain, tmp_path: Path) -> None:
    found = preflight(plan(chain, tmp_path, needs=("hip-compiler", "hipblas", "tar")), LiveHost(), None)
    assert found.problems == () and found.install is None and not found.stops
    cores = len(os.sched_getaffinity(0))
    assert found.resources.cores and 1 <= found.resources.cores <= cores and found.jobs == found.resources.cores
    assert found.minutes == pytest.approx(60 / found.jobs, abs=0.1)


def test_all_that_is_missing_is_one_command(chain: Toolchain, tmp_path: Path) -> None:
    found = preflight(plan(chain, tmp_path, needs=("rocrand", "hipblas", "miopen", "rocm-openmp")), LiveHost(), None)
    assert ids(found) == ["missing-rocrand", "missing-miopen", "missing-rocm-openmp"] and found.stops
    assert found.install and shlex.split(found.install)[-6:] == [
        "apt-get",
        "install",
        "-y",
        "rocrand-dev",
        "miopen-hip-dev",
        "rocm-openmp-sdk",
    ]
    assert {problem.command for problem in found.problems} == {found.install}
    assert "include/rocrand/rocrand.h is not there" in found.problems[0].text


def test_a_program_that_is_too_old_is_told_with_both_versions(chain: Toolchain, tmp_path: Path) -> None:
    script(Path(chain.root) / "bin/cmake", "echo 'cmake version 3.16.3'; echo; echo 'CMake suite maintained by'")
    old = preflight(plan(chain, tmp_path, needs=("cmake>=3.21",)), LiveHost(), None)
    assert ids(old) == ["old-cmake"] and "cmake 3.16.3 is older than 3.21" in old.problems[0].text and old.stops
    assert preflight(plan(chain, tmp_path, needs=("cmake>=3.16",)), LiveHost(), None).problems == ()
    script(Path(chain.root) / "bin/cmake", "echo no version here")
    silent = preflight(plan(chain, tmp_path, needs=("cmake>=3.21",)), LiveHost(), None)
    assert ids(silent) == ["unseen-cmake"] and not silent.stops


def test_what_cannot_be_seen_does_not_stop(chain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    found = preflight(plan(chain, tmp_path, needs=("git", "python-venv")), SysrootHost(tmp_path / "root"), None)
    assert {"unseen-git", "unseen-python-venv", "work-unseen", "out-unseen"} == set(ids(found)) and not found.stops
    assert found.jobs == 1 and found.resources.cores is None and found.resources.memory_bytes is None


def test_what_a_release_does_not_have_is_not_missing(chain: Toolchain, tmp_path: Path) -> None:
    older = replace(chain, version="6.2.4")
    assert preflight(plan(older, tmp_path, needs=("hipblas-common",)), LiveHost(), None).problems == ()
    assert ids(preflight(plan(chain, tmp_path, needs=("hipblas-common",)), LiveHost(), None)) == ["missing-hipblas-common"]


def test_an_architecture_that_the_compiler_does_not_name_stops(chain: Toolchain, tmp_path: Path) -> None:
    found = preflight(plan(chain, tmp_path, arch=("gfx906:xnack-", "gfx1201")), LiveHost(), None)
    assert ids(found) == ["arch"] and "gfx1201" in found.problems[0].text and "gfx906" not in found.problems[0].text


def test_a_compiler_that_says_nothing_does_not_stop(chain: Toolchain, tmp_path: Path) -> None:
    script(Path(chain.llvm) / "clang++", "exit 1")
    assert preflight(plan(chain, tmp_path, arch=("gfx1201",)), LiveHost(), None).problems == ()


def test_python_is_asked_for_its_header_and_modules(chain: Toolchain, tmp_path: Path) -> None:
    header, venv = kb.build_needs()["python-headers"], kb.build_needs()["python-venv"]
    assert presence(venv, None, chain, LiveHost()).state == "there"
    import sysconfig

    there = (Path(sysconfig.get_path("include")) / "Python.h").exists()
    assert presence(header, None, chain, LiveHost()).state == ("there" if there else "missing")
    script(tmp_path / "python", "echo False")
    bare = replace(chain, python=build_python(str(tmp_path / "python"), "3.10"))
    assert presence(venv, None, bare, LiveHost()).state == "missing"
    script(tmp_path / "python", "exit 3")
    assert presence(venv, None, bare, LiveHost()).state == "unseen"
    assert presence(venv, None, replace(chain, python=build_python("/nowhere/python", "3.10")), LiveHost()).state == "unseen"


def test_a_newer_gcc_without_cxx_headers_stops_clangs_that_would_take_it(chain: Toolchain, tmp_path: Path) -> None:
    made = plan(replace(chain, root="/opt/rocm-6.1.5", version="6.1.5"), tmp_path, needs=("c++-compiler",))
    gcc, headers = tmp_path / "usr/lib/gcc/x86_64-linux-gnu", tmp_path / "usr/include/c++"
    for number in (9, 11, 12):
        (gcc / str(number)).mkdir(parents=True)
    (gcc / "11/crtbegin.o").touch()
    (headers / "11").mkdir(parents=True)
    assert "cxx-headers" not in ids(preflight(made, SysrootHost(tmp_path), None))  # 12 has no crtbegin.o, and clang does not take it
    (gcc / "12/crtbegin.o").touch()
    found = next(one for one in preflight(made, SysrootHost(tmp_path), None).problems if one.id == "cxx-headers")
    assert found.fatal and found.command and found.command.endswith("apt-get install -y libstdc++-12-dev")
    newer = replace(made, toolchain=replace(made.toolchain, version="7.1.0"))
    assert "cxx-headers" not in ids(preflight(newer, SysrootHost(tmp_path), None))
    (headers / "12").mkdir()
    assert "cxx-headers" not in ids(preflight(made, SysrootHost(tmp_path), None))


@pytest.mark.parametrize("name", ["with blank", "quo'te", "semi;colon", "dol$lar", "comma,", "umlaut-ä", "new\nline", "(paren)", "a=b"])
def test_paths_that_builds_trip_over_stop(name: str, chain: Toolchain, tmp_path: Path) -> None:
    found = preflight(plan(chain, tmp_path, work=str(tmp_path / name)), LiveHost(), None)
    assert ids(found) == ["work-path"] and found.stops and "--work" in found.problems[0].text


def test_a_file_where_the_work_folder_would_be(chain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "work").write_text("")
    assert "work-file" in ids(preflight(plan(chain, tmp_path), LiveHost(), None))


class Shut(LiveHost):
    """A machine where nothing can be written to; root would write everywhere."""

    def can_write(self, path: str) -> bool:
        return not self.exists(path)


def test_a_folder_without_permission_stops(chain: Toolchain, tmp_path: Path) -> None:
    found = preflight(plan(chain, tmp_path), Shut(), None)
    assert ids(found) == ["work-read-only", "out-read-only"] and found.stops


@pytest.mark.parametrize(("options", "stops"), [("rw,nosuid,noexec", True), ("rw,nosuid", False)])
def test_a_file_system_that_runs_no_programs_stops(options: str, stops: bool, chain: Toolchain, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mounts").write_text(f"/dev/sda / ext4 rw 0 0\ntmpfs /srv tmpfs {options} 0 0\n")
    (root / "srv").mkdir()
    found = preflight(plan(chain, tmp_path, work="/srv/work", out="/srv"), SysrootHost(root), None)
    assert ("work-noexec" in ids(found)) is found.stops is stops


def test_too_little_room_stops_what_is_not_begun(chain: Toolchain, tmp_path: Path) -> None:
    huge = Cost(core_minutes=1, memory_per_job_gib=0.01, disk_gib=1e7, measured="here")
    found = preflight(plan(chain, tmp_path, cost=huge), LiveHost(), None)
    assert ids(found) == ["disk"] and found.stops and "takes about 1e+07 GiB" in found.problems[0].text
    (tmp_path / "work").mkdir()
    (tmp_path / "work/state.json").write_text("{}")
    assert not preflight(plan(chain, tmp_path, cost=huge), LiveHost(), None).stops


def test_memory_bounds_the_jobs(chain: Toolchain, tmp_path: Path) -> None:
    has = resources(LiveHost(), None)
    assert has.memory_bytes
    heavy = Cost(core_minutes=10, memory_per_job_gib=has.memory_bytes / GIB * 0.9, disk_gib=0.001, measured="here")
    assert preflight(plan(chain, tmp_path, cost=heavy), LiveHost(), None).jobs == 1
    asked = preflight(plan(chain, tmp_path, cost=heavy, jobs=2), LiveHost(), None)
    assert asked.jobs == 2 and ids(asked) == ["memory"] and not asked.stops


def test_time_grows_with_architectures_and_shrinks_with_jobs(chain: Toolchain, tmp_path: Path) -> None:
    cost = Cost(core_minutes=60, per_arch_minutes=30, memory_per_job_gib=0.01, disk_gib=0.001, measured="here")
    assert preflight(plan(chain, tmp_path, cost=cost, arch=("gfx906", "gfx90a"), jobs=3), LiveHost(), None).minutes == 30


def test_a_launcher_that_is_not_there_stops(chain: Toolchain, tmp_path: Path) -> None:
    script(Path(chain.root) / "bin/sccache", "exit 0")
    assert preflight(plan(chain, tmp_path, launcher="sccache"), LiveHost(), None).problems == ()
    (Path(chain.root) / "bin/sccache").unlink()
    found = preflight(plan(chain, tmp_path, launcher="icecc"), LiveHost(), None)
    assert ids(found) == ["launcher"] and found.stops


def test_what_is_fetched_from_is_named_without_the_index_of_packages(chain: Toolchain, tmp_path: Path) -> None:
    def pin(url: str) -> Pin:
        return Pin(name="a", url=url, commit=None, sha256=None, unpinned="")

    urls = (
        "https://github.com/a/b",
        "https://github.com/c/d",
        "git@gitlab.com:a/b.git",
        "/home/me/mirror",
        "https://[broken",
        "ssh://git@host.example/x",
    )
    step = PlanStep(
        name="s", stage="wheel", argv=("python3", "-m", "pip", "install", "x"), cwd="/", env={}, why="w", network=True, digest=""
    )
    found = preflight(plan(chain, tmp_path, pins=tuple(map(pin, urls)), steps=(step,)), LiveHost(), None)
    assert found.hosts == ("github.com", "gitlab.com", "host.example", "the package index")


@pytest.mark.parametrize(
    ("os_name", "layout", "version", "needs", "command"),
    [
        ("ubuntu 22.04", "amd", "6.1.5", ("hipblas", "python-headers", "msgpack-cxx"),
         "sudo apt-get install -y hipblas-dev python3.10-dev libmsgpack-dev"),
        ("ubuntu 24.04", "core", "7.14", ("hip-compiler", "hipcub", "rocprim"),
         "sudo apt-get install -y amdrocm-llvm-dev amdrocm-runtime-dev amdrocm-ccl-dev"),
        ("debian 13", "debian", "6.4", ("hipblas", "rocm-openmp", "miopen"),
         "sudo apt-get install -y libhipblas-dev libomp-21-dev libmiopen-dev"),
        ("rocky 9.4", "amd", "6.3.4", ("hipblas", "c++-compiler"), "sudo dnf install -y hipblas-devel gcc-c++"),
        ("opensuse-leap 15.6", "amd", "6.3.4", ("rocrand", "ninja"), "sudo zypper --non-interactive install rocrand-devel ninja"),
        ("arch", "amd", "6.3.4", ("hipblas", "cmake>=3.21"), "sudo pacman -S --needed --noconfirm hipblas cmake"),
        ("ubuntu 24.04", "wheel", "7.14", ("hipblas", "rocrand", "git"),
         "sudo apt-get install -y git && /opt/venv/bin/python3 -m pip install 'rocm[libraries,devel]'"),
        ("nixos 24.11", "amd", "6.3.4", ("git",), None),
    ],
)  # fmt: skip
def test_commands(os_name: str, layout: Any, version: str, needs: tuple[str, ...], command: str | None) -> None:
    chain = supposed(version, layout=layout, os=os_name)
    if chain.distribution.id == "rocky":
        chain = replace(chain, distribution=distribution("rocky", "9.4", ("rhel",)))
    assert install_command(packages(needs, chain), chain, root=False) == command


def test_a_need_without_a_package_is_said(chain: Toolchain, tmp_path: Path) -> None:
    arch = replace(chain, distribution=distribution("nixos", "24.11"))
    found = preflight(plan(arch, tmp_path, needs=("rocrand",)), LiveHost(), None)
    assert ids(found) == ["missing-rocrand", "unnamed"] and found.install is None and "nixos 24.11" in found.problems[1].text


@given(
    st.lists(st.sampled_from(sorted(kb.build_needs()))),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["ubuntu 22.04", "fedora 42", "arch", "suse 15"]),
)
def test_commands_are_words_and_hold_no_placeholder(needs: list[str], layout: Any, os_name: str) -> None:
    version = {"amd": "6.3.4", "core": "7.14", "debian": "6.4", "wheel": "7.14"}[layout]
    toolchain = supposed(version, layout=layout, os=os_name)
    named = packages(needs, toolchain)
    command = install_command(named, toolchain, root=True)
    assert "{" not in (command or "")
    assert len(set(named.system)) == len(named.system)
    if command and not named.pip:
        assert tuple(shlex.split(command)[-len(named.system) :]) == named.system


def test_every_need_has_a_package_where_amd_packs_for_ubuntu_and_where_debian_does() -> None:
    for toolchain in (supposed("6.3.4"), supposed("7.2", layout="debian")):
        assert packages(kb.build_needs(), toolchain).unnamed == ()


@pytest.mark.parametrize(
    ("listed", "count"), [("0-3", 4), ("0", 1), ("0-1,4,6-7", 5), ("", None), ("all", None), ("3-1", None), ("0-99999", 65536)]
)
def test_cores(listed: str, count: int | None) -> None:
    assert cores_of(listed) == count


@pytest.mark.parametrize(
    ("line", "cores"), [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4), ("5000 100000", 1), ("1 0", None), ("", None)]
)
def test_quotas(line: str, cores: int | None) -> None:
    assert quota_of(line) == cores


@given(st.text(max_size=60))
def test_any_text_is_a_number_of_cores_or_none(text: str) -> None:
    for found in (cores_of(text), quota_of(text)):
        assert found is None or found > 0


MOUNTS = b"""/dev/sda / ext4 rw,relatime 0 0
tmpfs /media tmpfs rw,nosuid,noexec 0 0
tmpfs /media/own\\040place tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/srv/x", b"rw,relatime"),
        ("/media", b"rw,nosuid,noexec"),
        ("/media/a/b", b"rw,nosuid,noexec"),
        ("/media/own place/x", b"rw"),
        ("/mediafoo", b"rw,relatime"),
    ],
)
def test_options_of_mounts(path: str, options: bytes) -> None:
    assert options_of(MOUNTS, path) == options


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_table_of_mounts_is_read(table: bytes, path: str) -> None:
    assert isinstance(options_of(table, path), bytes)


def test_patterns_of_files(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    (tmp_path / "usr/lib/x86_64-linux-gnu/libgomp.so.1").touch()
    host = SysrootHost(tmp_path)
    assert any_of(host, "/usr/lib/*-linux-gnu/libgomp.so.*") and any_of(host, "/usr/*/x86_64-linux-gnu")
    assert not any_of(host, "/usr/lib/*/libomp.so") and not any_of(host, "/opt/*/x")
