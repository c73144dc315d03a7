"""What a finished build proves of itself, from wheels and libraries made for it; real ones are in the integration tests."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.build import holding, leftover
from rocmkit.build.deliver import deliver, destination
from rocmkit.build.importing import imported
from rocmkit.build.linked import Libraries
from rocmkit.build.prove import holds, prove, version
from rocmkit.build.provenance import Provenance, provenance, write
from rocmkit.build.recipe import Expect
from rocmkit.build.values import Plan, Proof, Proven, Ran, StepRun
from rocmkit.build.wheelfiles import unpack
from rocmkit.facts import Facts
from rocmkit.gpucode.source import sha256
from rocmkit.gpucode.wheel import About
from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names
from rocmkit.inspect.loader import Loader, Made
from rocmkit.inspect.look import look
from rocmkit.inspect.values import InspectedFile
from rocmkit.trial.values import Experiment, Trial
from tests.support import wheels
from tests.support.elf import build, bundle, fatbin
from tests.support.facts import machine
from tests.support.plans import ask, planned, toolchain

X86_64 = Made(bits=64, little=True, machine=62)


def nothing_runs(experiment: Experiment) -> Trial:
    raise AssertionError(experiment.name)


class Elsewhere(LiveHost):
    """A machine with names of its own."""

    def __init__(self, **variables: str) -> None:
        self.private = Names(home="/home/erika", user=["erika"], machine=["tower"])
        self.variables = variables

    def environ(self, wanted: Any) -> Mapping[str, str]:
        return {name: value for name, value in self.variables.items() if wanted(name)}


def plan_in(folder: Path, *, expect: Expect | None = None, wheel: bool = True, arch: tuple[str, ...] = ("gfx906",)) -> Plan:
    """A plan whose folders are there."""
    work = folder / "made"
    for name in ("dist", "prefix"):
        (work / name).mkdir(parents=True, exist_ok=True)
    plan = planned(wish=ask(work=str(work)))
    places = {"dist": f"{work}/dist", "prefix": f"{work}/prefix", "out": str(folder / "out")}
    left = {} if wheel else {"wheel": None, "package": None}
    return replace(plan, **places, **left, arch=arch, expect=expect or Expect())


def file(name: str = "libx.so", **changed: Any) -> InspectedFile:
    fields: dict[str, Any] = {"target": "t", "file": name, "kind": "library", "size_bytes": 1, "gpu_api": "hip", "gfx": ("gfx906",)}
    return InspectedFile(**{**fields, **changed})


# Code for the cards


@pytest.mark.parametrize(
    ("asked", "files", "outcome", "says"),
    [
        ("gfx906", [file()], "ok", "code for gfx906"),
        ("gfx906", [file(gfx=("gfx906", "gfx90a"))], "ok", "code for gfx90a too"),
        ("gfx906 gfx90a", [file()], "found", "no code for gfx90a; what is inside is for gfx906"),
        ("gfx906:xnack-", [file()], "found", "no code for gfx906:xnack-"),
        ("gfx906", [file(gfx=("gfx906:xnack-",))], "found", "no code for gfx906;"),
        ("gfx906:xnack-:sramecc+", [file(gfx=("gfx906:sramecc+:xnack-",))], "ok", ""),
        ("gfx906", [file(gfx=())], "found", "no code for AMD GPUs"),
        ("gfx906", [], "found", "no code for AMD GPUs"),
        ("gfx906 gfx90a", [file(gfx=("gfx906", "gfx90a")), file("liby.so")], "found", "liby.so holds no code for gfx90a"),
        ("gfx906", [file(gfx=None, unreadable=("it is cut off",))], "unknown", "libx.so: it is cut off"),
        ("gfx906", [file(), file("liby.so", gfx=None, unreadable=("it is cut off",))], "unknown", "liby.so: it is cut off"),
        ("gfx906 gfx90a", [file(gfx=None, unreadable=("cut",)), file("liby.so")], "unknown", "libx.so: cut"),
        ("gfx906 gfx90a", [file("a.hsaco", kind="code-object"), file("b.hsaco", kind="code-object", gfx=("gfx90a",))], "ok", ""),
        ("gfx906", [file("a.hsaco", kind="code-object", gfx=("gfx90a",))], "found", "no code for gfx906"),
        ("gfx906:xnack-", [file("library", kind="kernel-folder")], "ok", ""),
        (
            "gfx906 gfx90a",
            [file(gfx=("gfx906", "gfx90a")), file("library", kind="kernel-folder")],
            "found",
            "library holds no code for gfx90a",
        ),
    ],
)
def test_code_for_the_cards_that_were_asked_for(asked: str, files: list[InspectedFile], outcome: str, says: str) -> None:
    found = holding.gfx(asked.split(), files)
    assert (found.name, found.outcome) == ("gfx", outcome), found.text
    assert says in found.text


def test_what_compiles_on_the_machine_needs_to_hold_no_code() -> None:
    none = holding.gfx(["gfx1100"], [file(gfx=())], own=False)
    assert (none.outcome, "compiles on the machine" in none.text) == ("ok", True)
    assert holding.gfx(["gfx1100"], [file(gfx=("gfx90a",))], own=False).outcome == "found"  # code, and for another card
    assert holding.gfx(["gfx1100"], [file(gfx=None, unreadable=("cut",))], own=False).outcome == "unknown"


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (file(needs=("libamdhip64.so.6",)), "ok"),
        (file(needs=("libcudart.so.12",)), "found"),
        (file(needs=("libamdhip64.so.6", "libcublas-0a1b2c3d.so.12"), gpu_api="unknown"), "found"),
        (file(sm=("sm_80",)), "found"),
        (file("pkg.libs/libcudnn-0a1b2c3d.so.9", gpu_api="none", gfx=()), "found"),
        (file("libz.so", soname="libcuda.so.1", gpu_api="none", gfx=()), "found"),
        (file(gpu_api="cuda", gfx=()), "found"),
        (file(gpu_api="unknown", unreadable=("it is cut off",)), "unknown"),
    ],
)
def test_no_cuda(one: InspectedFile, outcome: str) -> None:
    assert holding.cuda([file(), one]).outcome == outcome


# Paths of the work folder


@pytest.mark.parametrize(
    ("work", "data", "found"),
    [
        ("/home/a/made", b"x\0/home/a/made/src/y.c\0", True),
        ("/home/a/made", b"x\0/home/a/made\0", True),
        ("/home/a/made", b"z\x04/home/a/made/src", True),
        ("/home/a/made", b"/home/a/madeer/src", False),
        ("/home/a/made", b"/home/a/made-2/src", False),
        ("/build", b"\0/build/src/y.c", True),
        ("/build", b"-I/build/prefix/include", True),
        ("/build", b"-L/build/prefix", True),
        ("/build", b"/build/llvm-toolchain-15/x.c", False),  # where a distribution built its own
        ("/build", b"/home/jenkins/build/src/x.c", False),
        ("/build", b"/build/source", False),
    ],
)
def test_a_path_of_the_work_folder(tmp_path: Path, work: str, data: bytes, found: bool) -> None:
    (tmp_path / "one").write_bytes(data)
    assert leftover.no_build_paths(tmp_path, work).outcome == ("found" if found else "ok")


@given(before=st.binary(max_size=60), after=st.binary(max_size=60), piece=st.integers(120, 200), work=st.sampled_from(["/home/a/w", "/w"]))
def test_a_path_is_found_wherever_pieces_meet(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, piece: int, work: str
) -> None:
    data = bytes(100) + before + f"{work}/src/a".encode() + after + bytes(100)
    one = tmp_path_factory.mktemp("one") / "one"
    one.write_bytes(data)
    pattern = leftover.paths(work)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leftover, "_PIECE", piece)
        assert (leftover._in_file(one, pattern) is not None) == (pattern.search(data) is not None)


def test_links_into_the_work_folder(tmp_path: Path) -> None:
    (tmp_path / "lib").symlink_to("/home/a/made/prefix/lib")
    (tmp_path / "fine").symlink_to("lib")
    found = leftover.no_build_paths(tmp_path, "/home/a/made")
    assert found.outcome == "found" and found.text == "lib is a link into the folder that it was built in"


def test_what_cannot_be_read_is_not_free_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_bytes(b"fine")

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(leftover, "File", refused)
    assert leftover.no_build_paths(tmp_path, "/home/a/made") == Proven(
        name="no-build-paths", outcome="unknown", text="one: Permission denied"
    )


# Libraries


class Tree:
    """A result and a ROCm, made of libraries that are headers alone."""

    def __init__(self, folder: Path) -> None:
        self.top, self.rocm, self.work = folder / "top", folder / "rocm", folder / "made"
        for place in (self.top, self.rocm / "lib", self.work, folder / "elsewhere"):
            place.mkdir(parents=True)
        self.elsewhere = folder / "elsewhere"

    def put(self, place: Path, **parts: Any) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(build(**{"soname": place.name, **parts}))

    def proven(self, cache: Mapping[str, tuple[str, ...]] | None = None, **expect: tuple[str, ...]) -> Proven:
        return self.libraries(container=False, **expect).proven(Loader(X86_64, cache or {}))

    def libraries(self, *, container: bool = False, **expect: tuple[str, ...]) -> Libraries:
        tools = toolchain(root=str(self.rocm), lib=str(self.rocm / "lib"), container=container, supposed=False)
        files = look([str(self.top)], (), LiveHost(), everything=True).files
        wanted: dict[str, Any] = {"rocm": ("libhipblas.so",), **expect}
        return Libraries(self.top, files, tools, Expect(**wanted), str(self.work))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A package of one library, which finds all that it needs."""
    tree = Tree(tmp_path.resolve())
    tree.put(tree.rocm / "lib" / "libhipblas.so.2")
    tree.put(tree.top / "pkg" / "libx.so", needed=("libhipblas.so.2", "liby.so.1"), runpath=f"$ORIGIN/../pkg.libs:{tree.rocm}/lib")
    tree.put(tree.top / "pkg.libs" / "liby.so.1")
    return tree


def test_libraries_that_are_found(tree: Tree) -> None:
    found = tree.proven(bundled=("liby.so",))
    assert found.outcome == "ok" and str(tree.rocm / "lib") in found.text
    assert tree.libraries().needs == ("libhipblas.so.2",)


def test_a_library_path_of_the_user_helps_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from rocmkit.build.linked import loader

    monkeypatch.setenv("LD_LIBRARY_PATH", str(tree.elsewhere))
    assert not loader().library_path


def test_what_auditwheel_renamed_is_inside(tree: Tree) -> None:
    tree.put(tree.top / "pkg.libs" / "libomp-1a2b3c4d.so.5")
    assert tree.proven(bundled=("libomp.so",)).outcome == "ok"
    assert tree.proven(bundled=("libompx.so",)).outcome == "found"


def moved(tree: Tree, **parts: Any) -> None:
    tree.put(tree.top / "pkg" / "libx.so", **parts)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"needed": ("libnone.so.1",)}, "pkg/libx.so needs libnone.so.1, which is nowhere where the loader looks"),
        ({"needed": ("liby.so.1",)}, "pkg/libx.so needs liby.so.1, which is inside, but not where libx.so looks for it"),
        ({"needed": ("libhipblas.so.2",)}, "which is in the ROCm, but no rpath leads there"),
        ({"needed": ("ELSEWHERE/libz.so.1",)}, "by a path"),
        ({"runpath": "lib"}, "looks for libraries in lib, by no absolute path"),
        ({"runpath": "$ORIGIN:"}, "the folder that a program is started in"),
        ({"needed": ("libhipblas.so.2",), "runpath": "ELSEWHERE"}, "not from the ROCm in"),
        ({"needed": ("libamdhip64.so.6",), "runpath": "ELSEWHERE"}, "not from the ROCm in"),
        ({"needed": ("liby.so.1",), "runpath": "ELSEWHERE"}, "not the one inside"),
        ({"needed": ("libw.so.1",), "runpath": "WORK"}, "from the folder that it was built in"),
        ({"machine": 183}, "is for aarch64"),
    ],
)
def test_libraries_that_are_not(tree: Tree, parts: dict[str, Any], says: str) -> None:
    for name in ("libhipblas.so.2", "libamdhip64.so.6", "liby.so.1", "libz.so.1"):
        tree.put(tree.elsewhere / name)
    tree.put(tree.work / "libw.so.1")

    def filled(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(filled, value))
        return value.replace("ELSEWHERE", str(tree.elsewhere)).replace("WORK", str(tree.work)) if isinstance(value, str) else value

    moved(tree, **{name: filled(value) for name, value in parts.items()})
    found = tree.proven()
    assert found.outcome == "found"
    assert says in found.text


def test_a_library_of_rocm_inside(tree: Tree) -> None:
    tree.put(tree.top / "pkg.libs" / "libhipblas.so.2")
    found = tree.proven()
    assert found.outcome == "found" and "libhipblas.so.2 is inside, and should be that of the ROCm" in found.text


def test_what_another_machine_has_is_not_looked_for_here(tree: Tree) -> None:
    shutil.rmtree(tree.rocm / "lib")
    assert tree.proven().outcome == "found"
    found = tree.libraries(container=True).proven(Loader(X86_64))
    assert found.outcome == "unknown" and "libhipblas.so.2 cannot be looked for here" in found.text
    moved(tree, needed=("libhipblas.so.2", "liby.so.1"))
    assert tree.libraries(container=True).proven(Loader(X86_64)).outcome == "found"  # liby is inside, and no rpath leads there


def test_a_wheel_out_of_a_container_is_looked_at_and_not_run(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, expect=Expect(imports=("pkg",), env={"A": "1"}, files=("lib/x",)))
    plan = replace(plan, toolchain=replace(plan.toolchain, container=True, supposed=False), work=str(tmp_path / "made"))
    steps = tuple(replace(step, cwd=step.cwd.replace(str(tmp_path / "made"), "/build")) for step in plan.steps)
    Path(plan.dist, NAMED).write_bytes(wheel({"pkg/a.py": b"path = '/build/src/engine'"}))
    told = {one.name: one.outcome for one in prove(replace(plan, steps=steps), LiveHost(), nothing_runs).proven}
    assert told["import"] == told["environment"] == "unknown"
    assert told["files"] == "found", "what is installed comes out of the image beside the wheel"
    assert told["no-build-paths"] == "found" and told["version"] == "ok"


def test_without_a_loader_nothing_is_known(tree: Tree) -> None:
    assert tree.libraries().proven(Loader(None)).outcome == "unknown"


# The wheel


def wheel(members: Mapping[str, bytes] | None = None, *, name: str = "the.engine", number: str = "4.8.1+rocm6.3.gfx906") -> bytes:
    info = f"the_engine-{number}.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nTag: cp310-cp310-linux_x86_64\n",
    }
    return wheels.build({**about, **(members or {})})


NAMED = "the_engine-4.8.1+rocm6.3.gfx906-cp310-cp310-linux_x86_64.whl"


@pytest.mark.parametrize(
    ("name", "about", "outcome"),
    [
        (NAMED, ("the.engine", "4.8.1+rocm6.3.gfx906"), "ok"),
        (NAMED, ("The-Engine", "4.8.1+ROCM6.3.gfx906"), "ok"),
        (NAMED, ("the.engine", "4.8.1"), "found"),
        (NAMED, ("engine", "4.8.1+rocm6.3.gfx906"), "found"),
        (NAMED, (None, None), "found"),
        (NAMED, ("the.engine", "four"), "found"),
        (NAMED.replace("+rocm6.3.gfx906", ""), ("the.engine", "4.8.1+rocm6.3.gfx906"), "found"),
        ("x.whl", ("the.engine", "4.8.1+rocm6.3.gfx906"), "found"),
    ],
)
def test_version(name: str, about: tuple[str | None, str | None], outcome: str) -> None:
    assert version(planned(), name, About(name=about[0], version=about[1], tags=())).outcome == outcome


def test_a_wheel_is_laid_out_as_pip_does(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(
        wheel({"pkg/a.py": b"a", "the_engine-1.data/platlib/pkg/b.so": b"b", "the_engine-1.data/scripts/c": b"c"})
    )
    top = tmp_path / "top"
    assert unpack(tmp_path / "x.whl", top).name == "the.engine"
    assert (top / "pkg" / "a.py").read_bytes() == b"a"
    assert (top / "pkg" / "b.so").read_bytes() == b"b"
    assert (top / "the_engine-1.data" / "scripts" / "c").read_bytes() == b"c"


@given(data=st.binary(max_size=200), at=st.integers(0, 400), flip=st.integers(1, 255))
def test_a_damaged_wheel_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, flip: int) -> None:
    whole = bytearray(wheel({"pkg/a.bin": data}))
    whole[at % len(whole)] ^= flip
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "x.whl").write_bytes(whole)
    try:
        unpack(folder / "x.whl", folder / "top")
    except (OSError, ValueError):
        return
    assert all(path.resolve().is_relative_to(folder / "top") for path in (folder / "top").rglob("*"))


@pytest.mark.parametrize("names", [(), ("a.whl", "b.whl")])
def test_there_has_to_be_one_wheel(tmp_path: Path, names: tuple[str, ...]) -> None:
    plan = plan_in(tmp_path)
    for name in names:
        Path(plan.dist, name).write_bytes(wheel())
    proof = prove(plan, LiveHost(), nothing_runs)
    assert [(one.name, one.outcome) for one in proof.proven] == [("one-wheel", "found")]
    assert proof.wheel is None and len(proof.artefacts) == len(names) and not holds(proof)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no wheel", wheels.build({"../escape": b"x"}), wheels.build({"a": b"x"})])
def test_a_wheel_that_is_none(tmp_path: Path, data: bytes) -> None:
    plan = plan_in(tmp_path)
    Path(plan.dist, NAMED).write_bytes(data)
    (proven,) = prove(plan, LiveHost(), nothing_runs).proven
    assert (proven.name, proven.outcome) == ("one-wheel", "found")
    assert not (tmp_path / "made" / "escape").exists() and not list(Path(plan.work).glob("proof-*"))


def test_a_file_and_a_folder_of_one_name(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x-1.data/purelib/a", b"1")
        archive.writestr("a", b"2")
        archive.writestr("x-1.dist-info/METADATA", b"Name: x\nVersion: 1\n")
    plan = plan_in(tmp_path)
    Path(plan.dist, NAMED).write_bytes(out.getvalue())
    (proven,) = prove(plan, LiveHost(), nothing_runs).proven
    assert proven.outcome == "found" and NAMED in proven.text


# The import, as far as it is decided here; real ones are in the integration tests


class Told:
    """Runs nothing and remembers what it was to run; what begins with one of the words fails, as pip would."""

    def __init__(self, *failing: str, log: str = "ERROR: it is not to be had") -> None:
        self.failing, self.asked, self.log = failing, list[Experiment](), log

    def __call__(self, experiment: Experiment) -> Trial:
        self.asked.append(experiment)
        command = " ".join(experiment.argv)
        bad = any(word in command for word in self.failing)
        return Trial(name=experiment.name, outcome="fail" if bad else "pass", exit=int(bad), log=f"Looking\n{self.log}\n")


def tried(folder: Path, told: Told, variables: Mapping[str, str] | None = None, *, requires: tuple[str, ...] = ()) -> Proven:
    plan = plan_in(folder, expect=Expect(imports=("pkg",), requires=requires))
    plan = replace(plan, toolchain=replace(plan.toolchain, supposed=False))
    (proven,) = imported(plan, folder / NAMED, Elsewhere(**(variables or {})), told, folder)
    return proven


def test_the_import_sees_no_environment_of_the_users(tmp_path: Path) -> None:
    told = Told()
    gone = {"LD_LIBRARY_PATH": "x", "PYTHONPATH": "x", "HSA_OVERRIDE_GFX_VERSION": "9.0.6", "CT2_CUDA_ALLOCATOR": "x", "LD_PRELOAD": "x"}
    gone |= {"PIP_TARGET": "x", "PIP_USER": "x"}
    kept = {"PATH": "x", "HOME": "x", "PIP_INDEX_URL": "x", "https_proxy": "x", "HTTPS_PROXY": "x", "TMPDIR": "x"}
    assert tried(tmp_path, told, {**gone, **kept}).outcome == "ok"
    assert [one.name for one in told.asked] == ["make-environment", "install-wheel", "import"]
    put = {"PIP_CONFIG_FILE": os.devnull}
    assert all(one.env == dict.fromkeys(gone) | (put if one.name == "install-wheel" else {}) for one in told.asked)


def test_an_environment_without_ensurepip(tmp_path: Path) -> None:
    told = Told(f"venv {tmp_path}")
    assert tried(tmp_path, told).outcome == "ok"
    put = next(one for one in told.asked if one.name == "install-wheel")
    assert put.argv[1:5] == ("-m", "pip", "--python", f"{tmp_path}/environment/bin/python")


@pytest.mark.parametrize("failing", [("-m venv",), (f"-m venv {os.sep}", "pip --python")])
def test_without_pip_nothing_is_known(tmp_path: Path, failing: tuple[str, ...]) -> None:
    proven = tried(tmp_path, Told(*failing))
    assert proven.outcome == "unknown" and "python3-venv" in proven.text


@pytest.mark.parametrize("failing", ["venv", NAMED])
def test_a_full_disk_is_no_fault_of_the_wheel(tmp_path: Path, failing: str) -> None:
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    proven = tried(tmp_path, Told(failing, log=full))
    assert proven.outcome == "unknown" and "there is no room" in proven.text


def test_what_pip_says_is_told(tmp_path: Path) -> None:
    proven = tried(tmp_path, Told(NAMED))
    assert (proven.outcome, proven.text) == ("found", "pip does not install it: it is not to be had")
    proven = tried(tmp_path, Told("numpy"), requires=("numpy",))
    assert (proven.outcome, proven.text) == ("unknown", "not tried, as numpy could not be had: it is not to be had")


# A recipe without a wheel


def kernels(plan: Plan, *archs: str) -> None:
    library = Path(plan.prefix) / "lib" / "rocblas" / "library"
    library.mkdir(parents=True)
    for arch in archs:
        (library / f"Kernels.so-000-{arch}.hsaco").write_bytes(bundle(arch))


def test_a_folder(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, wheel=False, expect=Expect(files=("lib/rocblas/library/*gfx906*",)))
    library = Path(plan.prefix) / "lib" / "librocblas.so.4"
    library.parent.mkdir()
    library.write_bytes(build(soname="librocblas.so.4", sections={".hip_fatbin": fatbin(bundle("gfx906")), ".hipFatBinSegment": bytes(24)}))
    kernels(plan, "gfx906")
    proof = prove(plan, LiveHost(), nothing_runs)
    told = {one.name: one.outcome for one in proof.proven}
    assert list(told) == ["gfx", "no-cuda", "no-build-paths", "libraries", "files"]
    assert told["no-cuda"] == told["no-build-paths"] == told["libraries"] == told["files"] == "ok"
    assert proof.artefacts == (plan.prefix,) and proof.wheel is None


def test_an_empty_folder(tmp_path: Path) -> None:
    proof = prove(plan_in(tmp_path, wheel=False), LiveHost(), nothing_runs)
    assert [(one.name, one.outcome) for one in proof.proven] == [("files", "found")]


@pytest.mark.parametrize("pattern", ["lib/*gfx1030*", "/etc/passwd", "../made/dist", "lib/../lib", "**"])
def test_files_that_are_not_there(tmp_path: Path, pattern: str) -> None:
    plan = plan_in(tmp_path, wheel=False, expect=Expect(files=(pattern,)))
    (Path(plan.prefix) / "lib").mkdir()
    (Path(plan.prefix) / "lib" / "one.txt").write_text("x")
    told = {one.name: one.outcome for one in prove(plan, LiveHost(), nothing_runs).proven}
    assert told["files"] == ("ok" if pattern == "**" else "found")


# What is delivered


def proved(plan: Plan, data: bytes) -> Proof:
    path = Path(plan.dist, NAMED)
    path.write_bytes(data)
    return Proof(wheel=str(path), sha256=sha256(path), artefacts=(), gfx=("gfx906",), needs=("libc.so.6",), proven=())


def test_a_wheel_is_delivered_whole(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    proof = deliver(plan, proved(plan, wheel()))
    assert proof.wheel == str(tmp_path / "out" / NAMED)
    assert Path(proof.wheel).read_bytes() == wheel()
    assert Path(proof.wheel).stat().st_mode & 0o777 == (tmp_path / "made" / "dist" / NAMED).stat().st_mode & 0o777
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAMED]
    assert deliver(replace(plan, out=plan.dist), proved(plan, wheel())).wheel == str(Path(plan.dist, NAMED))


def test_what_is_not_what_was_proved_is_not_delivered(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    proof = proved(plan, wheel())
    deliver(plan, proof)
    Path(plan.dist, NAMED).write_bytes(b"something else")
    with pytest.raises(OSError, match="not what was proved"):
        deliver(plan, proof)
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [wheel()]


def test_a_folder_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, wheel=False)
    proof = Proof(wheel=None, sha256=None, artefacts=(plan.prefix, "other"), gfx=(), needs=(), proven=())
    place = destination(plan)
    assert place == tmp_path / "out" / "engine-4.8.1+rocm6.3.gfx906"
    for name in ("one", "two"):
        Path(plan.prefix, name).write_text(name)
        Path(plan.prefix, "link").symlink_to(name)
        assert deliver(plan, proof).artefacts == (str(place), "other")
        assert sorted(path.name for path in place.iterdir()) == ["link", name]
        assert (place / "link").is_symlink() and (place / "link").read_text() == name
        for path in Path(plan.prefix).iterdir():
            path.unlink()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [place.name]


# Provenance


RAN = Ran(
    outcome="done",
    steps=(
        StepRun(name="fetch-engine", status="kept", seconds=2.5, log="/home/erika/w/logs/1.log", script=None),
        StepRun(name="wheel", status="done", seconds=1.25, log=None, script="/home/erika/w/steps/2.sh"),
    ),
    failure=None,
)


def private(folder: Path) -> tuple[Plan, Proof]:
    plan = plan_in(folder)
    pins = tuple(replace(pin, url=f"/home/erika/mirror/{pin.name}") for pin in plan.pins)
    python = replace(plan.toolchain.python, executable="/home/erika/env/bin/python")
    tools = replace(plan.toolchain, root="/home/erika/rocm", python=python)
    plan = replace(plan, pins=pins, toolchain=tools, notes=("made by erika on tower",))
    return plan, deliver(plan, proved(plan, wheel()))


def test_provenance_names_nobody(tmp_path: Path) -> None:
    plan, proof = private(tmp_path)
    place = write(plan, RAN, proof, machine(), Elsewhere(SOURCE_DATE_EPOCH="1714564800"))
    assert place == tmp_path / "out" / f"{NAMED}.provenance.json"
    text = place.read_text()
    assert not re.search("erika|tower|/home/", text) and str(tmp_path) not in text
    told = msgspec.json.decode(text, type=Provenance)
    assert told.date == "2024-05-01T12:00:00Z"
    assert told.sha256 == sha256(tmp_path / "out" / NAMED) and told.size_bytes == len(wheel())
    assert (told.plan, told.recipe.sha256, told.seconds) == (plan.digest, plan.recipe_sha256, 3.75)
    assert {source.name: source.commit for source in told.sources} == {pin.name: pin.commit for pin in plan.pins}
    assert set(told.brought) >= {"compat/old.h", "patches/one.patch"}
    assert set(told.brought.values()) == {file.sha256 for file in plan.files}
    pinned = {step.name: step.pinned for step in plan.steps}
    assert [(step.name, step.status, step.pinned) for step in told.steps] == [
        ("fetch-engine", "kept", pinned["fetch-engine"]),
        ("wheel", "done", ""),
    ]
    assert json.loads(text)["schema"] == "rocmkit.provenance/1"


@pytest.mark.parametrize("told", ["", "-1", "soon", "9" * 40, "1e3"])
def test_a_date_that_is_none_is_not_taken(tmp_path: Path, told: str) -> None:
    plan, proof = private(tmp_path)
    assert provenance(plan, RAN, proof, None, Elsewhere(SOURCE_DATE_EPOCH=told), now=0).date == "1970-01-01T00:00:00Z"


def test_what_a_machine_does_not_tell_is_not_known(tmp_path: Path) -> None:
    from rocmkit.facts import NOT_ASKED

    plan, proof = private(tmp_path)
    blind = Facts(**dict.fromkeys(Facts.__struct_fields__, NOT_ASKED))
    for known in (None, blind):
        told = provenance(plan, RAN, proof, known, Elsewhere(), now=0).machine
        assert told == type(told)(kernel=None, os=None, glibc=None, cpu=None, container=None, driver=None, gpus=None)
    assert provenance(plan, RAN, proof, machine(), Elsewhere(), now=0).machine.kernel


def test_a_folders_provenance_lists_its_files(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, wheel=False)
    Path(plan.prefix, "one").write_text("1")
    Path(plan.prefix, "link").symlink_to("one")
    proof = deliver(plan, Proof(wheel=None, sha256=None, artefacts=(plan.prefix,), gfx=(), needs=(), proven=()))
    place = write(plan, RAN, proof, None, Elsewhere())
    assert place.name == "engine-4.8.1+rocm6.3.gfx906.provenance.json"
    told = msgspec.json.decode(place.read_bytes(), type=Provenance)
    assert told.files == {"one": sha256(Path(plan.prefix, "one"))} and told.sha256 is None
