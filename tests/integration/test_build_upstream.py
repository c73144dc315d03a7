"""A small project through the whole engine: recipe, plan, a real HIP compiler, a wheel that is looked at, installed and imported; then
builds that go well and are not what they should be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rocmkit.build.deliver import deliver
from rocmkit.build.execute import execute
from rocmkit.build.install import can_install, install
from rocmkit.build.plan import plan as planned
from rocmkit.build.prove import holds, prove
from rocmkit.build.provenance import Provenance, write
from rocmkit.build.values import Ask, Plan, Proof, Ran
from rocmkit.errors import UsageError
from rocmkit.gpucode import read_contents
from rocmkit.host.live import LiveHost
from rocmkit.trial.run import runner
from tests.support.command import rocmkit, script
from tests.support.upstream import ARCHS, NAME, SHARED, VERSION, Recipe, Upstream, missing, repository, toolchain

LOCAL = f"{VERSION}+rocm5.2.gfx906.gfx90a.gfx1030"


@dataclass
class Place:
    """Where builds of one project are made, one after another: what is equal is kept."""

    folder: Path
    upstream: Upstream

    def plan(self, recipe: Recipe, *archs: str) -> Plan:
        loaded = recipe.load(self.folder / "recipes")
        return planned(loaded, toolchain(), Ask(archs=archs or ("gfx906",), work=f"{self.folder}/made", out=f"{self.folder}/out"))

    def prove(self, plan: Plan) -> Proof:
        host = LiveHost()
        return prove(plan, host, runner(host.private))

    def proof(self, **changes: Any) -> dict[str, tuple[str, str]]:
        """What a changed recipe's build proves: name to (outcome, text)."""
        plan = self.plan(self.upstream.recipe(**changes))
        done(execute(plan))
        proof = self.prove(plan)
        assert not holds(proof)
        return {one.name: (one.outcome, one.text) for one in proof.proven}


def done(ran: Ran) -> Ran:
    assert ran.outcome == "done", ran.failure
    return ran


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    if install := missing():
        pytest.fail(f"the small project cannot be built: {install}", pytrace=False)
    return Upstream(tmp_path_factory.mktemp("upstream"))


@dataclass
class Built:
    """The project, built as its recipe says."""

    plan: Plan
    ran: Ran
    proof: Proof
    record: Path


@pytest.fixture(scope="module")
def built(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = Place(tmp_path_factory.mktemp("built"), upstream)
    plan = place.plan(upstream.recipe(), *ARCHS)
    ran = done(execute(plan))
    proof = deliver(plan, place.prove(plan))
    return Built(plan, ran, proof, write(plan, ran, proof, None, LiveHost()))


@pytest.fixture(scope="module")
def place(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One folder for all builds that are not what they should be, for one card."""
    yield Place(tmp_path_factory.mktemp("faults"), upstream)


def test_the_wheel_is_what_was_asked_for(built: Built) -> None:
    assert [one.name for one in built.proof.proven if one.outcome != "ok"] == []
    assert [one.name for one in built.proof.proven] == [
        *("one-wheel", "version", "gfx", "no-cuda", "no-build-paths", "libraries", "import", "environment", "files", "folder")
    ]
    assert set(built.proof.gfx) == set(ARCHS)
    assert "libamdhip64.so.5" in built.proof.needs and "libtoytone.so.1" not in built.proof.needs
    assert built.proof.wheel and Path(built.proof.wheel).name == built.plan.wheel
    assert not list(Path(built.plan.work).glob("proof-*"))


def test_the_code_inside_is_that_of_both_kernels(built: Built, tmp_path: Path) -> None:
    assert built.proof.wheel
    shutil.unpack_archive(built.proof.wheel, tmp_path, "zip")
    contents = read_contents(tmp_path / NAME / "libtoytone.so.1", names=True)
    assert {one.target: one.kernels for one in contents.objects} == dict.fromkeys(ARCHS, 2)
    assert len(contents.kernel_names) == 2


def test_inspect_says_the_same(built: Built) -> None:
    assert built.proof.wheel
    told = rocmkit("inspect", built.proof.wheel, "--for", "gfx906", "--json")
    assert told.code == 0, told.err
    assert [run["answer"] for target in told.json["targets"] for run in target["runs"]] == ["yes"]


def test_the_submodule_and_the_patch_were_taken(built: Built, upstream: Upstream) -> None:
    source = Path(built.plan.work) / "src" / NAME
    assert (source / "third_party" / "numbers" / "numbers.h").read_text() == SHARED["numbers.h"]
    assert "LANGUAGES CXX HIP" in (source / "CMakeLists.txt").read_text()
    assert {pin.commit for pin in built.plan.pins} == {upstream.commit, upstream.shared}


def test_the_provenance_says_where_it_comes_from(built: Built, upstream: Upstream) -> None:
    assert built.proof.wheel and built.record.name == f"{built.plan.wheel}.provenance.json"
    told = msgspec.json.decode(built.record.read_bytes(), type=Provenance)
    assert {source.commit for source in told.sources} == {upstream.commit, upstream.shared}
    assert told.environment == {"TOYTONE_ALLOCATOR": "cached"}
    assert [step.status for step in told.steps] == ["done"] * len(built.plan.steps)
    assert {step.pinned for step in told.steps} >= {upstream.commit, upstream.shared}
    assert set(told.gfx) == set(ARCHS) and told.version == LOCAL
    assert built.plan.work not in built.record.read_text()


def test_again_nothing_is_done_and_the_wheel_is_the_same(built: Built) -> None:
    again = done(execute(built.plan))
    assert {step.status for step in again.steps} == {"kept"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that a user has."""
    place = tmp_path_factory.mktemp("user") / "env"
    subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=120)
    return place / "bin" / "python"


def at(plan: Plan, python: Path) -> Plan:
    return replace(plan, toolchain=replace(plan.toolchain, python=replace(plan.toolchain.python, executable=str(python))))


_SHOW = """
import ctypes, toytone
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print(toytone.block(), getenv(b"TOYTONE_ALLOCATOR").decode())
"""


def test_it_is_installed_over_another_version(built: Built, environment: Path) -> None:
    assert built.proof.wheel
    plan, wheel = at(built.plan, environment), Path(built.proof.wheel)
    for _ in range(2):
        assert install(plan, wheel, LiveHost()) == f"toytone {LOCAL} is installed for {LiveHost().private.hide(str(environment))}"
    for env, value in (({}, "cached"), ({"TOYTONE_ALLOCATOR": "mine"}, "mine")):
        ran = subprocess.run([environment, "-c", _SHOW], env=env, capture_output=True, text=True, check=True, timeout=60, cwd="/")
        assert ran.stdout.split() == ["64", value]


def test_a_wheel_that_pip_refuses_is_not_installed(built: Built, environment: Path, tmp_path: Path) -> None:
    wrong = tmp_path / f"toytone-{LOCAL}-cp27-none-win32.whl"
    assert built.proof.wheel
    shutil.copy(built.proof.wheel, wrong)
    with pytest.raises(UsageError, match="not a supported wheel") as refused:
        install(at(built.plan, environment), wrong, LiveHost())
    assert refused.value.hint and "-m pip install" in refused.value.hint


def test_another_version_than_planned_is_told(built: Built, environment: Path) -> None:
    assert built.proof.wheel
    plan = replace(at(built.plan, environment), local_version="9.9+rocm5.2.gfx906")
    with pytest.raises(UsageError, match=r"has toytone 1\.2\.0"):
        install(plan, Path(built.proof.wheel), LiveHost())


def test_where_nothing_can_be_installed(built: Built, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True, timeout=120)
    with pytest.raises(UsageError, match="has no pip") as refused:
        can_install(at(built.plan, bare / "bin" / "python"), LiveHost())
    assert refused.value.hint and "ensurepip" in refused.value.hint
    with pytest.raises(UsageError, match="cannot be asked"):
        can_install(at(built.plan, tmp_path / "none"), LiveHost())
    told: dict[str, Any] = dict.fromkeys(("executable", "prefix", "base_prefix"), "/usr")
    told |= {"version": "3.11.2", "implementation": "cpython", "venv": False, "conda": False}
    told |= {"paths": [], "externally_managed": True, "soabi": None, "bits": 64}
    managed = script(tmp_path, "python3", f"cat >/dev/null\necho '<rocmkit-python>{json.dumps(told)}</rocmkit-python>'\n")
    with pytest.raises(UsageError, match="PEP 668") as refused:
        can_install(at(built.plan, managed), LiveHost())
    assert refused.value.hint and "-m venv" in refused.value.hint
    with pytest.raises(UsageError, match="makes no wheel"):
        can_install(replace(built.plan, wheel=None), LiveHost())


# What goes well and is not what it should be


def test_a_card_that_the_compiler_does_not_know(place: Place) -> None:
    plan = place.plan(place.upstream.recipe(), "gfx1201")
    ran = execute(plan)
    assert ran.outcome == "failed" and ran.failure and not ran.failure.integrity
    assert ran.failure.step in {"configure", "compile"}
    assert "gfx1201" in " ".join((ran.failure.error, *ran.failure.lines))


@pytest.fixture(scope="module")
def wrong(place: Place) -> dict[str, tuple[str, str]]:
    """What a build proves that went well, is imported, and is wrong in all ways that an import does not tell."""
    expect = {"files": ["lib/libtoytone.a", "include/toytone.h"]}
    return place.proof(arch="gfx1030", map_paths=False, version=VERSION, default=False, expect=expect)


def test_it_can_be_imported_all_the_same(wrong: dict[str, tuple[str, str]]) -> None:
    assert {name for name, (outcome, _) in wrong.items() if outcome == "ok"} == {"one-wheel", "no-cuda", "libraries", "import"}
    assert {outcome for outcome, _ in wrong.values()} == {"ok", "found"}


def test_code_for_another_card(wrong: dict[str, tuple[str, str]]) -> None:
    assert wrong["gfx"][1] == "there is no code for gfx906; what is inside is for gfx1030"


def test_a_path_of_the_build(wrong: dict[str, tuple[str, str]], place: Place) -> None:
    assert f"toytone/libtoytone.so.1 names {place.folder}/made/src/toytone/src/toytone.cpp" in wrong["no-build-paths"][1]


def test_a_version_that_does_not_say_what_it_is(wrong: dict[str, tuple[str, str]]) -> None:
    assert wrong["version"][1].endswith(f"says toytone {VERSION}, and it should be toytone {VERSION}+rocm5.2.gfx906")


def test_a_variable_that_is_not_set(wrong: dict[str, tuple[str, str]]) -> None:
    assert "TOYTONE_ALLOCATOR is not set" in wrong["environment"][1]


def test_a_file_that_is_not_there(wrong: dict[str, tuple[str, str]]) -> None:
    assert "lib/libtoytone.a" in wrong["files"][1] and "toytone.h" not in wrong["files"][1]


def test_a_library_that_only_the_users_environment_leads_to(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = place.plan(place.upstream.recipe(bundle=False, cuda=True))
    shutil.rmtree(plan.work)  # the last build's wheel lay in its source tree
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{plan.prefix}/lib:{plan.work}/build")
    found = place.proof(bundle=False, cuda=True)
    assert found["libraries"][0] == "found" and "libtoytone.so should be inside, and is not" in found["libraries"][1]
    assert found["import"][0] == "found" and "libtoytone.so.1: cannot open shared object file" in found["import"][1]
    assert found["environment"][0] == "unknown"


def test_a_library_of_cuda(place: Place) -> None:
    found = place.proof(cuda=True)
    assert found["no-cuda"] == ("found", "toytone/libtoytone.so.1 needs libcudart.so.12")
    assert found["import"][0] == "found" and "libcudart.so.12" in found["import"][1]


def test_what_the_import_needs_cannot_be_had(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    plan = place.plan(place.upstream.recipe(expect={"requires": ["no-such-distribution-of-ours==1"]}))
    done(execute(plan, fresh=True))  # what an earlier test left in the sources must not come into it
    proof = place.prove(plan)
    told = {one.name: one for one in proof.proven}
    assert told["import"].outcome == told["environment"].outcome == "unknown"
    assert "no-such-distribution-of-ours==1 could not be had" in told["import"].text
    assert holds(proof)


def test_two_wheels(place: Place) -> None:
    plan = place.plan(place.upstream.recipe())
    done(execute(plan))
    (wheel,) = Path(plan.dist).glob("*.whl")
    shutil.copy(wheel, wheel.with_name(f"toytone-{VERSION}-py3-none-any.whl"))
    proof = place.prove(plan)
    assert [(one.name, one.outcome) for one in proof.proven] == [("one-wheel", "found")]
    assert len(proof.artefacts) == 2


def test_a_python_that_cannot_be_started(place: Place) -> None:
    plan = place.plan(place.upstream.recipe())
    for wheel in Path(plan.dist).glob("*.whl"):
        wheel.unlink()
    done(execute(plan))
    proof = place.prove(at(plan, place.folder / "none"))
    told = {one.name: one for one in proof.proven}
    assert told["import"].outcome == "unknown" and "cannot be started" in told["import"].text


def test_a_submodule_of_another_commit_is_refused(place: Place, tmp_path: Path) -> None:
    other = repository(tmp_path / "numbers", {"numbers.h": "#define NUMBERS_BLOCK 1\n"})
    recipe = replace_shared(place.upstream, tmp_path, other)
    ran = execute(place.plan(recipe))
    assert ran.outcome == "failed" and ran.failure and ran.failure.integrity, ran.failure


def replace_shared(upstream: Upstream, folder: Path, commit: str) -> Recipe:
    """A recipe whose submodule is pinned to what the project does not name."""

    class Other(Recipe):
        def data(self) -> dict[str, Any]:
            data = super().data()
            (submodule,) = data["releases"][0]["fetch"][NAME]["submodules"]
            submodule |= {"git": str(folder / "numbers"), "commit": commit}
            return data

    return Other(upstream)
