"""A library that is built, and a program that is built against it, by the real engine: and all that can become of the library meanwhile."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rocmkit.build import results, wish
from rocmkit.build.execute import execute
from rocmkit.build.job import Ground, Job, work
from rocmkit.build.load import load
from rocmkit.build.values import Failure, Plan, Result
from rocmkit.errors import UsageError
from rocmkit.host.live import LiveHost
from rocmkit.trial.run import runner
from tests.integration.test_build_command import Place, made, valid
from tests.support.command import Ran
from tests.support.elf import bundle
from tests.support.plans import ask
from tests.support.tinyplans import plan, step

#: Installs a header and a file of kernels, and packs them into a wheel.
MAKE = """
import base64, pathlib, sys, zipfile
name, version, prefix, dist, module, header, kernels = sys.argv[1:]
code = base64.b64decode(pathlib.Path(kernels).read_text())
prefix, dist = pathlib.Path(prefix), pathlib.Path(dist)
for folder in (prefix / "include", prefix / "lib", dist):
    folder.mkdir(parents=True, exist_ok=True)
(prefix / "include/tone.h").write_text(pathlib.Path(header).read_text())
(prefix / "lib/tone-gfx906.hsaco").write_bytes(code)
about = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
with zipfile.ZipFile(dist / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}/__init__.py", pathlib.Path(module).read_text())
    wheel.writestr(f"{name}/tone-gfx906.hsaco", code)
    wheel.writestr(f"{name}-{version}.dist-info/METADATA", about)
    wheel.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{name}-{version}.dist-info/RECORD", "")
"""
#: Takes the header of what it is built against.
TAKE = """
import base64, pathlib, sys
header, prefix, kernels = sys.argv[1:]
prefix = pathlib.Path(prefix)
(prefix / "taken.h").write_text(pathlib.Path(header).read_text())
(prefix / "own-gfx906.hsaco").write_bytes(base64.b64decode(pathlib.Path(kernels).read_text()))
"""
KERNELS = base64.b64encode(bundle("gfx906")).decode() + "\n"
FOLDER = "libtone-1.0+rocm5.2.gfx906"
#: What brings nothing from the network, so that pip needs no index.
OFFLINE: dict[str, str | None] = {"PIP_NO_INDEX": "1"}


def library(place: Place, *, header: str = "int tone;\n", name: str = "libtone", module: str = "pass\n", **expect: Any) -> str:
    words = ["module.py", "tone.h", "kernels"]
    run = ["{python}", "{files}/make.py", name, "{local_version}", "{prefix}", "{dist}", *(f"{{files}}/{word}" for word in words)]
    return place.recipe(
        name,
        {"name": "make", "run": run},
        files={"make.py": MAKE, "module.py": module, "tone.h": header, "kernels": KERNELS},
        package=name,
        expect={"imports": [name], "files": ["include/tone.h", "lib/*{arch}*"], **expect},
    )


def program(place: Place) -> str:
    return place.recipe(
        "tuner",
        {"name": "take", "run": ["{python}", "{files}/take.py", "{from.libtone}/include/tone.h", "{prefix}", "{files}/kernels"]},
        files={"take.py": TAKE, "kernels": KERNELS},
        use="open it",
        uses=["libtone"],
        expect={"files": ["taken.h"]},
    )


def build(place: Place, *words: str) -> Ran:
    return place.build(*words, env=OFFLINE)


@dataclass
class Both:
    place: Place
    library: str
    program: str
    ran: Ran

    @property
    def out(self) -> Path:
        return self.place.folder / "out"


def built(folder: Path) -> Both:
    place = made(folder)
    names = library(place), program(place)
    return Both(place, *names, build(place, names[1], names[0], "--json"))


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return built(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """One that no test changes."""
    return built(tmp_path_factory.mktemp("shared"))


def statuses(ran: Ran) -> dict[str, list[str]]:
    return {one["recipe"]: [step["status"] for step in one["steps"]] for one in valid(ran)["builds"]}


def test_what_is_used_is_built_first_and_headers_and_libraries_are_brought_out(both: Both) -> None:
    assert both.ran.code == 0, both.ran.out + both.ran.err
    first, second = valid(both.ran)["builds"]
    assert [first["recipe"], second["recipe"]] == ["libtone", "tuner"]
    assert (first["folder"], second["folder"]) == (str(both.out / FOLDER), None)
    assert {one["name"]: one["outcome"] for one in first["proven"]}["folder"] == "ok"
    (used,) = second["uses"]
    assert (used["recipe"], used["origin"], used["digest"]) == ("libtone", "call", first["digest"])
    assert (both.out / "tuner-1.0+rocm5.2.gfx906/taken.h").read_text() == "int tone;\n"
    beside = json.loads((both.out / f"{FOLDER}.provenance.json").read_text())
    assert set(beside["files"]) == {"include/tone.h", "lib/tone-gfx906.hsaco"} and beside["sha256"] is None
    told = json.loads((both.out / "tuner-1.0+rocm5.2.gfx906.provenance.json").read_text())
    assert told["uses"] == [{"name": "libtone", "version": "1.0+rocm5.2.gfx906", "digest": first["digest"]}]
    text = "".join(build(both.place, both.program, both.library).out.split())  # a line may be broken within the path
    assert f"--withlibtone={both.out / FOLDER}" in text


def test_again_all_is_kept_and_another_library_makes_another_program(both: Both) -> None:
    words = (both.program, both.library, "--json")
    assert statuses(build(both.place, *words)) == {"libtone": ["kept"], "tuner": ["kept"]}
    library(both.place, header="long tone;\n")
    assert statuses(build(both.place, *words)) == {"libtone": ["done"], "tuner": ["done"]}
    assert (both.out / "tuner-1.0+rocm5.2.gfx906/taken.h").read_text() == "long tone;\n"


def test_without_the_library_nothing_is_begun(tmp_path: Path) -> None:
    place = made(tmp_path)
    ran = build(place, program(place))
    assert ran.code == 1, ran.out + ran.err
    assert "RK643" in ran.out and "rocmkit build libtone tuner --arch gfx906" in ran.out
    assert place.written() == set()


def work_of(both: Both) -> Path:
    (found,) = (both.place.folder / "home/.cache/rocmkit/build").glob("libtone-*")
    return found


def test_one_that_was_taken_away_or_changed_in_the_work_folder_is_made_again(both: Both) -> None:
    prefix = work_of(both) / "prefix"

    def gone() -> None:
        shutil.rmtree(prefix)

    def half() -> None:
        (prefix / "include/tone.h").unlink()

    def changed() -> None:
        (prefix / "include/tone.h").write_text("char tone;\n")

    for damage in (gone, half, changed):
        damage()
        ran = build(both.place, both.program, both.library, "--json")
        assert ran.code == 0, ran.out + ran.err
        assert statuses(ran) == {"libtone": ["done"], "tuner": ["kept"]}, damage
        assert any("it is made again" in text for text in valid(ran)["builds"][0]["remarks"])
        assert (prefix / "include/tone.h").read_text() == "int tone;\n"


def test_one_that_was_replaced_by_a_link_elsewhere_is_not_touched(both: Both) -> None:
    prefix, elsewhere = work_of(both) / "prefix", both.place.folder / "elsewhere"
    shutil.move(prefix, elsewhere)
    prefix.symlink_to(elsewhere)
    before = sorted(path.stat().st_mtime_ns for path in elsewhere.rglob("*"))
    ran = build(both.place, both.program, both.library)
    assert ran.code == 2 and "leads out of the work folder" in ran.err
    assert sorted(path.stat().st_mtime_ns for path in elsewhere.rglob("*")) == before


class TestAFolderThatIsNamed:
    def test_it_is_built_against_alone(self, both: Both) -> None:
        moved = both.place.folder / "moved"
        moved.mkdir()
        for name in (FOLDER, f"{FOLDER}.provenance.json"):
            shutil.move(both.out / name, moved / name)
        report = valid(build(both.place, both.program, "--with", f"libtone={moved / FOLDER}", "--json"))
        assert (report["outcome"], report["uses"][0]["origin"], report["uses"][0]["version"]) == ("built", "given", "1.0+rocm5.2.gfx906")
        again = valid(build(both.place, both.program, "--with", f"libtone={moved / FOLDER}", "--json"))
        assert [one["status"] for one in again["steps"]] == ["kept"]
        assert any("moved" in one for one in report["uses"][0].values() if isinstance(one, str))

    def test_one_that_nothing_is_written_down_of_is_told(self, both: Both) -> None:
        (both.out / f"{FOLDER}.provenance.json").unlink()
        report = valid(build(both.place, both.program, "--with", f"libtone={both.out / FOLDER}", "--json"))
        assert (report["outcome"], report["uses"][0]["arch"]) == ("built", None)
        assert any("Nothing says for which cards" in note for note in report["notes"])
        old = report["uses"][0]["digest"]
        (both.out / FOLDER / "include/tone.h").write_text("float tone;\n")
        report = valid(build(both.place, both.program, "--with", f"libtone={both.out / FOLDER}", "--json"))
        assert report["uses"][0]["digest"] != old and report["steps"][0]["status"] == "done"
        assert (both.out / "tuner-1.0+rocm5.2.gfx906/taken.h").read_text() == "float tone;\n"

    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            ("rm -r include", "has no folder include"),
            ("rm include/tone.h", "include/tone.h is not what was delivered"),
            ("echo 'short tone;' > include/tone.h", "include/tone.h is not what was delivered"),
            ("touch lib/more.so", "lib/more.so is not what was delivered"),
            ("rm include/tone.h && ln -s ../../secret.h include/tone.h", "is a link that leads out of it"),
            ("ln -s /etc/passwd lib/x", "is a link that leads out of it"),
            ("cd .. && rm -r libtone-* ", "is no folder"),
            ("echo '{' > ../$(basename $PWD).provenance.json", "cannot be read"),
            ('sed -i \'s/"name": "libtone"/"name": "other"/\' ../$(basename $PWD).provenance.json', "is the result of the recipe other"),
        ],
    )
    def test_one_that_is_not_what_it_was_is_refused(self, shared: Both, tmp_path: Path, damage: str, says: str) -> None:
        shutil.copytree(shared.out / FOLDER, tmp_path / FOLDER)
        shutil.copy(shared.out / f"{FOLDER}.provenance.json", tmp_path)
        (tmp_path / "secret.h").write_text("int secret;\n")
        subprocess.run(["bash", "-ec", damage], cwd=tmp_path / FOLDER, check=True)
        written = shared.place.written()
        ran = build(shared.place, shared.program, "--with", f"libtone={tmp_path / FOLDER}")
        assert (ran.code, says in ran.err) == (2, True), ran.err
        assert shared.place.written() == written

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("--with", "libtone"), "no folder is named"),
            (("--with", "libton=."), "nothing is built against a recipe of that name"),
            (("--with", "libtone=OUT", "--with", "libtone=OUT"), "given twice"),
            (("LIBRARY", "--with", "libtone=OUT"), "nothing is built against a recipe of that name"),
        ],
    )
    def test_words_that_cannot_be_meant_so(self, shared: Both, words: tuple[str, ...], says: str) -> None:
        filled = (word.replace("OUT", str(shared.out / FOLDER)).replace("LIBRARY", shared.library) for word in words)
        ran = build(shared.place, shared.program, *filled)
        assert (ran.code, says in ran.err) == (2, True), ran.err


class TestAnEarlierBuild:
    @pytest.fixture
    def past(self, shared: Both, tmp_path: Path) -> Iterator[Plan]:
        """Its plan; whatever a test does to its folder, it is as it was afterwards."""
        work = work_of(shared)
        shutil.copytree(work, tmp_path / "kept", symlinks=True)
        yield msgspec.json.decode((work / "plan.json").read_bytes(), type=Plan)
        shutil.rmtree(work)
        shutil.copytree(tmp_path / "kept", work, symlinks=True)

    def test_it_is_taken_where_it_is_whole(self, shared: Both, past: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        found = results.cached(past)
        assert isinstance(found, Result)
        assert (found.origin, found.folder, found.digest) == ("cache", past.prefix, past.digest)
        monkeypatch.setattr(wish, "recipes", lambda: {"libtone": Path(shared.library)})
        monkeypatch.setenv("HOME", str(shared.place.folder / "home"))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        typed = wish.Wish(recipes=(shared.program,), archs=("gfx906",), out=str(shared.out))
        (one,) = wish.plans((load(Path(shared.program)),), past.toolchain, ("gfx906",), typed, LiveHost())
        assert one.feasible, one.blocked_by
        assert one.uses == (found,)
        assert one.digest == valid(shared.ran)["builds"][1]["digest"], "as if both had been named"
        shutil.rmtree(past.prefix)
        (one,) = wish.plans((load(Path(shared.program)),), past.toolchain, ("gfx906",), typed, LiveHost())
        assert not one.feasible and "is gone" in one.blocked_by[0].text

    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            ("rm -r prefix", "is gone"),
            ("rm prefix/include/tone.h", "has no include/tone.h"),
            ("echo >> prefix/include/tone.h", "was changed since"),
            ("touch prefix/lib/more", "was changed since"),
            ("mv prefix ../other-$RANDOM && ln -s ../other-* prefix", "leads out of the work folder"),
            ("ln -s ../../state.json prefix/lib/out", "is a link that leads out of it"),
            ("rm proof.json", "was not found to be what it should be"),
            ("sed -i 's/done/failed/' state.json", "is not finished"),
            ("rm state.json", "is not finished"),
            ("echo > plan.json", "is not finished"),
            ("chmod o+w .", "is not yours alone"),
        ],
    )
    def test_it_is_not_taken_where_it_is_not(self, shared: Both, past: Plan, damage: str, says: str) -> None:
        subprocess.run(["bash", "-ec", damage], cwd=past.work, check=True)
        found = results.cached(past)
        assert isinstance(found, str) and says in found, found

    def test_one_of_another_rocm_or_of_nobody_is_none(self, past: Plan, tmp_path: Path) -> None:
        other = msgspec.structs.replace(past, toolchain=msgspec.structs.replace(past.toolchain, root="/opt/rocm-9"))
        assert "was built with the ROCm in" in str(results.cached(other))
        assert results.cached(msgspec.structs.replace(past, work=str(tmp_path / "nowhere"))) is None

    def test_what_changes_between_the_plan_and_the_build_stops_it(self, shared: Both, past: Plan) -> None:
        found = results.cached(past)
        assert isinstance(found, Result)
        place = shared.place.folder / "w"
        wanted = ask(work=str(place), out=str(shared.out), results={"libtone": found})
        from rocmkit.build.plan import plan as planned

        one = planned(load(Path(shared.program)), past.toolchain, wanted)
        ground = Ground(host=LiveHost(), facts=None, run=runner(LiveHost().private))
        with results.held((found,)), pytest.raises(UsageError, match="holds the work folder"):
            work([Job(plan=one)], ground, lambda _: None)
        (done,) = work([Job(plan=one)], ground, lambda _: None)
        assert done.built.outcome == "built"
        (Path(past.prefix) / "include/tone.h").write_text("double tone;\n")
        (done,) = work([Job(plan=one)], ground, lambda _: None)
        assert (done.built.outcome, done.built.exit) == ("missing", 1)
        assert "was changed since it was looked at" in str(done.built.because)


def test_one_script_builds_both_without_rocmkit(both: Both) -> None:
    file = both.place.folder / "both.sh"
    ran = build(both.place, both.library, both.program, "--work", str(both.place.folder / "w"), "--script", str(file))
    assert ran.code == 0, ran.err
    subprocess.run(["bash", str(file)], check=True, capture_output=True, timeout=120)
    assert (both.place.folder / "w/tuner/prefix/taken.h").read_text() == "int tone;\n"
    assert [path.suffix for path in (both.place.folder / "w/libtone/dist").iterdir()] == [".whl"]


def test_links_that_lead_out_are_not_brought_out(tmp_path: Path) -> None:
    place = made(tmp_path)
    for bad in ("/etc/passwd", "../../files/tone.h", "tone-gfx906.hsaco"):
        more = f"\nimport os\nos.path.lexists(prefix / 'lib/x') and os.unlink(prefix / 'lib/x')\nos.symlink({bad!r}, prefix / 'lib/x')\n"
        recipe = Path(library(place))
        (recipe / "make.py").write_text(MAKE + more)
        report = valid(build(place, str(recipe), "--json"))
        outcome = {one["name"]: one["outcome"] for one in report["proven"]}["folder"]
        assert (report["outcome"], outcome) == (("built", "ok") if bad.startswith("tone") else ("not-proven", "found"))


# An ONNX Runtime that lost its provider

OFFERS = "def get_available_providers():\n    return {}\n"


def runtime(place: Place, *providers: str, module: str | None = None) -> Any:
    body = OFFERS.format(list(providers)) if module is None else module
    recipe = library(place, name="onnxruntime", module=body, providers=["ROCMExecutionProvider"])
    return valid(build(place, recipe, "--json"))


def test_a_provider_that_is_offered_is_no_proof_of_the_gpu(tmp_path: Path) -> None:
    report = runtime(made(tmp_path), "ROCMExecutionProvider", "CPUExecutionProvider")
    assert report["outcome"] == "built"
    (told,) = (one for one in report["proven"] if one["name"] == "providers")
    assert told["outcome"] == "ok" and "computes on the GPU, is not known" in told["text"]


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (
            OFFERS.format(["CPUExecutionProvider"]),
            "the ONNX Runtime lost its provider: it offers CPUExecutionProvider, and not ROCMExecutionProvider",
        ),
        ("pass\n", "tells of no execution providers"),
        (
            "def get_available_providers():\n    raise OSError('libhipfft.so.0 is missing')\n",
            "it should offer ROCMExecutionProvider: OSError",
        ),
    ],
)
def test_one_without_it_is_not_brought_to_its_place(tmp_path: Path, module: str, says: str) -> None:
    place = made(tmp_path)
    report = runtime(place, module=module)
    assert (report["outcome"], report["exit"], report["wheel"] and "out" in report["wheel"]) == ("not-proven", 1, False)
    assert says in report["because"], report["because"]
    assert not list((place.folder / "out").iterdir())


# A dependency that the project itself fetches

FETCHED = """
cmake_minimum_required(VERSION 3.21)
project(toy LANGUAGES NONE)
include(FetchContent)
FetchContent_Declare(eigen URL ADDRESS URL_HASH SHA1=0123456789012345678901234567890123456789)
FetchContent_MakeAvailable(eigen)
"""
DOWNLOADED = """
cmake_minimum_required(VERSION 3.21)
project(toy LANGUAGES NONE)
file(DOWNLOAD ADDRESS ${CMAKE_BINARY_DIR}/eigen.tar.gz EXPECTED_HASH SHA1=0123456789012345678901234567890123456789)
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a web server has an archive."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    (tmp_path / "web").mkdir()
    (tmp_path / "web/eigen-1.tar.gz").write_bytes(b"packed anew")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/eigen-1.tar.gz"
    server.shutdown()
    thread.join()
    server.server_close()


def configured(folder: Path, text: str, *, generator: str = "Ninja") -> Failure:
    (folder / "project").mkdir()
    (folder / "project/CMakeLists.txt").write_text(text)
    argv = ("cmake", "-G", generator, "-S", str(folder / "project"), "-B", str(folder / "work/build"))
    ran = execute(plan(folder / "work", [step("configure", *argv, cwd=folder / "work/build", stage="configure")]))
    assert ran.outcome == "failed" and ran.failure
    return ran.failure


@pytest.mark.parametrize("text", [FETCHED, DOWNLOADED], ids=["FetchContent", "file"])
@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_an_archive_with_another_checksum(tmp_path: Path, address: str, text: str, generator: str, scheme: str) -> None:
    where = address if scheme == "http" else f"file://{tmp_path}/web/eigen-1.tar.gz"
    failed = configured(tmp_path, text.replace("ADDRESS", where), generator=generator)
    assert failed.integrity and failed.code == "RK619", failed
    assert "expected SHA1 0123456789012345678901234567890123456789, got " in failed.error or "expected checksum 0123456789" in failed.error
    assert "eigen" in failed.error and failed.cause and failed.fix


def test_an_archive_that_is_right_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/eigen-1.tar.gz").write_bytes(b"no archive")
    import hashlib

    right = DOWNLOADED.replace("0123456789012345678901234567890123456789", hashlib.sha1(b"no archive").hexdigest())
    failed = configured(tmp_path, right.replace("ADDRESS", f"file://{tmp_path}/web/eigen-1.tar.gz") + "message(FATAL_ERROR other)\n")
    assert not failed.integrity and "other" in failed.error


def test_the_command_ends_with_the_code_of_what_is_not_what_was_pinned(tmp_path: Path) -> None:
    place = made(tmp_path)
    archive = tmp_path / "eigen-1.tar.gz"
    archive.write_bytes(b"packed anew")
    recipe = place.recipe(
        "toy",
        {"name": "configure", "stage": "configure", "run": ["cmake", "-S", "{files}", "-B", "{build}/toy"]},
        files={"CMakeLists.txt": DOWNLOADED.replace("ADDRESS", f"file://{archive}")},
        use="none",
    )
    ran = place.build(recipe, "--json")
    assert (ran.code, valid(ran)["outcome"], valid(ran)["failure"]["integrity"]) == (6, "failed", True)
