"""`rocmkit build` as a person calls it: what it prints, what it writes and where, its exit codes, how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.command import ROOT, Ran, rocmkit, script
from tests.support.upstream import Upstream, missing, repository
from tools.gen import SCHEMAS
from tools.schema import schema

WHY = {"why": "the tests want it"}
LINK = "https://rocm.docs.amd.com/en/latest/"
ADD = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"


def rocm(folder: Path, version: str = "5.2.3") -> Path:
    """A ROCm as AMD's packages lay it out, of Debian's compiler and libraries. It has no kernels of rocBLAS."""
    libraries = Path("/usr/lib/x86_64-linux-gnu")
    (folder / ".info").mkdir(parents=True)
    (folder / ".info/version").write_text(f"{version}-1\n")
    for name, place in (("llvm", Path("/usr/lib/llvm-15")), ("lib", libraries), ("include", Path("/usr/include"))):
        (folder / name).symlink_to(place)
    (folder / "amdgcn").symlink_to(libraries / "amdgcn")
    return folder


@dataclass
class Place:
    """A folder with recipes, a ROCm, and an empty home."""

    folder: Path

    def recipe(self, name: str, *steps: dict[str, Any], files: dict[str, str] | None = None, **more: Any) -> str:
        """A recipe of a few commands, which makes no wheel; the word that names it."""
        own: dict[str, Any] = {key: more.pop(key) for key in ("provides", "use", "package") if key in more}
        release = {
            "version": "1.0",
            "rocm": ">=5,<8",
            "known": "measured",
            **WHY,
            "links": [LINK],
            "fetch": {},
            "files": [{"file": file, **WHY, "link": LINK} for file in files or {}],
            "needs": [],
            "cost": {"core_minutes": 1, "memory_per_job_gib": 0.1, "disk_gib": 0.01, "measured": "nowhere"},
            "steps": [{"stage": "build"} | WHY | step for step in steps],
            "expect": {},
            **more,
        }
        data: dict[str, Any] = {"name": name, "title": name.title(), "summary": "A test.", "licence": "MIT", "releases": [release], **own}
        place = self.folder / "recipes" / name
        texts = {"recipe.yaml": json.dumps(data), **(files or {})}
        for file, text in texts.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text)
        return str(place)

    def arguments(self, *words: str) -> tuple[str, ...]:
        own = ("--rocm", str(self.folder / "rocm"), "--python", sys.executable, "--out", str(self.folder / "out"))
        return ("build", *words, *(() if "--arch" in words else ("--arch", "gfx906")), *own)

    def env(self) -> dict[str, str | None]:
        home, scratch = str(self.folder / "home"), str(self.folder / "tmp")
        return {"HOME": home, "XDG_CACHE_HOME": None, "TMPDIR": scratch, "PATH": "/usr/bin:/bin"}  # where `missing` looks

    def build(self, *words: str, env: dict[str, str | None] | None = None, timeout_s: float = 120) -> Ran:
        ran = rocmkit(*self.arguments(*words), env={**self.env(), **(env or {})}, timeout_s=timeout_s)
        assert "Traceback" not in ran.err
        return ran

    def start(self, *words: str) -> subprocess.Popen[str]:
        env = {**os.environ, **{name: value for name, value in self.env().items() if value}, "PYTHONPATH": str(ROOT)}
        argv = [sys.executable, "-m", "rocmkit", *self.arguments(*words)]
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def written(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for name in ("home", "out") for path in (self.folder / name).rglob("*")}


def made(folder: Path) -> Place:
    if install := missing():
        pytest.fail(f"there is no HIP compiler: {install}", pytrace=False)
    rocm(folder / "rocm")
    for name in ("home", "out", "tmp"):
        (folder / name).mkdir()
    return Place(folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path)


def valid(ran: Ran) -> Any:
    """The JSON that was printed, when it is what its schema says."""
    name = ran.json["schema"].removeprefix("rocmkit.").replace("/", "-")
    jsonschema.validate(ran.json, schema(SCHEMAS[name][0], title=""))
    return ran.json


def note(name: str, text: str = "x", **more: Any) -> dict[str, Any]:
    """A step that leaves a note of each time it was done."""
    return {"name": name, "run": ["{python}", "-c", ADD, f"{{prefix}}/{name}", text], **more}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str, Ran]:
    place = made(tmp_path_factory.mktemp("command"))
    recipe = str(Upstream(place.folder / "git").recipe().write(place.folder / "recipes"))
    return place, recipe, place.build(recipe, "--arch", "gfx906,gfx1030", "--json")


class TestARealProject:
    def test_it_ends_with_a_wheel_that_was_looked_at(self, built: tuple[Place, str, Ran]) -> None:
        place, _, ran = built
        assert ran.code == 0, ran.out + ran.err
        report = valid(ran)
        assert (report["outcome"], report["exit"], report["local_version"]) == ("built", 0, "1.2.0+rocm5.2.gfx906.gfx1030")
        assert set(report["gfx"]) == {"gfx906", "gfx1030"}
        assert "libamdhip64.so.5" in report["needs"]
        wheel = Path(report["wheel"])
        assert wheel.parent == place.folder / "out"
        assert wheel.stat().st_size == report["wheel_bytes"]
        assert json.loads(Path(report["provenance"]).read_text())["sha256"] == report["sha256"]
        assert {step["status"] for step in report["steps"]} == {"done"}
        assert all(Path(place.folder / "home" / step["log"].removeprefix("~/")).is_file() for step in report["steps"])
        assert {one["outcome"] for one in report["proven"]} == {"ok"}

    def test_how_far_it_is_is_told_beside_the_report(self, built: tuple[Place, str, Ran]) -> None:
        lines = built[2].err.splitlines()
        assert lines[0].startswith("rocmkit: builds toytone 1.2.0+rocm5.2.gfx906.gfx1030 for gfx906, gfx1030 in ~/.cache/rocmkit/build/")
        steps = [line.split(": ")[2].partition(",")[0] for line in lines[1:]]
        assert steps[0] == "fetch-toytone-init"
        assert "compile" in steps
        assert "\x1b" not in built[2].err

    def test_nothing_is_written_outside_its_folders(self, built: tuple[Place, str, Ran]) -> None:
        place, _, _ = built
        assert {name.split("/")[0] for name in place.written() if "/" not in name} <= {".cache", *os.listdir(place.folder / "out")}
        assert os.listdir(place.folder / "home") == [".cache"]
        assert not list((place.folder / "tmp").glob("*rocmkit*")), "what compilers leave there is theirs"
        beside, wheel = "toytone-1.2.0+rocm5.2.gfx906.gfx1030", Path(built[2].json["wheel"]).name
        assert set(os.listdir(place.folder / "out")) == {name + more for name in (beside, wheel) for more in ("", ".provenance.json")}

    def test_the_same_again_does_nothing_again_and_says_how_to_install(self, built: tuple[Place, str, Ran]) -> None:
        place, recipe, first = built
        again = place.build(recipe, "--arch", "gfx1030", "--arch", "gfx906")
        assert again.code == 0, again.out + again.err
        assert "16 of 16 steps were done by an earlier run" in again.out
        assert f"-m pip install --no-deps --force-reinstall {first.json['wheel']}" in again.out
        assert "Nothing of it ran on a GPU." in again.out
        assert again.out.splitlines()[-1].startswith("BUILT: toytone-1.2.0+rocm5.2.gfx906.gfx1030-")

    def test_a_clone_serves_the_pinned_commit_and_a_folder_is_said_to_be_taken_as_it_is(self, built: tuple[Place, str, Ran]) -> None:
        place, recipe, _ = built
        clone, plain = place.folder / "git/toytone", place.folder / "plain"
        shutil.copytree(clone, plain, ignore=shutil.ignore_patterns(".git"))
        pins = valid(place.build(recipe, "--source", str(clone), "--dry-run", "--json"))["pins"]
        assert (pins[0]["url"], pins[0]["unpinned"]) == (str(clone), "")
        printed = place.build(recipe, "--source", f"toytone={plain}", "--dry-run").out
        assert f"UNPINNED toytone from {plain}" in printed
        assert "unpinned source" in printed.splitlines()[-1]


def test_a_plan_is_printed_and_nothing_is_written(place: Place) -> None:
    recipe = place.recipe("toy", note("first"), {**note("second"), "why": "It is the second."})
    ran = place.build(recipe, "--dry-run")
    assert ran.code == 0, ran.err
    assert "It is the second." in ran.out
    assert ran.out.splitlines()[-1] == "FEASIBLE; without --dry-run it is built"
    plan = valid(place.build(recipe, "--dry-run", "--json"))
    assert [step["name"] for step in plan["steps"]] == ["first", "second"]
    assert plan["work"] == "~/.cache/rocmkit/build/toy-1.0-rocm5.2.gfx906"
    assert plan["wheel"] is None
    assert place.written() == set()


def test_a_plan_for_a_rocm_that_is_not_here_needs_none(place: Place) -> None:
    recipe = place.recipe("toy", note("first"))
    words = ("build", recipe, "--arch", "gfx906", "--rocm-version", "6.3", "--dry-run", "--json")
    plan = valid(rocmkit(*words, "--python", "3.12", env={**place.env(), "PATH": "/nonexistent"}))
    assert (plan["toolchain"]["version"], plan["toolchain"]["python"]["tag"], plan["toolchain"]["supposed"]) == ("6.3", "cp312", True)
    assert plan["preflight"] is None
    debian = valid(rocmkit(*words[:5], "6.4", "--layout", "debian", "--dry-run", "--json", env=place.env()))
    assert (debian["toolchain"]["layout"], debian["toolchain"]["root"]) == ("debian", "/usr")


def test_the_script_does_the_same_by_itself(place: Place) -> None:
    recipe, file = place.recipe("toy", note("first", "it's $HOME")), place.folder / "build.sh"
    ran = place.build(recipe, "--script", str(file), "--work", str(place.folder / "w"))
    assert (ran.code, ran.out) == (0, "")
    assert f"`bash {file}` builds toy 1.0+rocm5.2.gfx906" in ran.err
    assert not (place.folder / "w").exists()
    subprocess.run(["bash", str(file)], check=True, capture_output=True, timeout=60)
    assert (place.folder / "w/prefix/first").read_text() == "it's $HOME"


def test_what_the_compiler_says_is_told_and_then_it_goes_on(place: Place) -> None:
    compile_ = {"name": "compile", "run": ["{clang}", "-c", "{files}/bad.c", "-o", "{build}/bad.o"], "cwd": "{build}"}
    steps = (note("before"), compile_, note("after"))
    recipe = place.recipe("toy", *steps, files={"bad.c": "int main(void) { return nothing; }\n"})
    ran = place.build(recipe)
    assert ran.code == 7, ran.out + ran.err
    assert "use of undeclared identifier 'nothing'" in ran.out
    assert "✗ compile failed (exit 1)" in ran.out
    work = place.folder / "home/.cache/rocmkit/build/toy-1.0-rocm5.2.gfx906"
    log, by_hand = work / "logs/02-compile.log", work / "steps/02-compile.sh"
    assert "~/.cache/rocmkit/build/toy-1.0-rocm5.2.gfx906/logs/02-compile.log" in ran.out
    assert "bash ~/.cache/rocmkit/build/toy-1.0-rocm5.2.gfx906/steps/02-compile.sh" in ran.out
    assert f"    run     rocmkit build {recipe} --arch gfx906 " in ran.out
    assert "nothing" in log.read_text()
    assert subprocess.run(["bash", str(by_hand)], capture_output=True, timeout=60, check=False).returncode == 1
    place.recipe("toy", *steps, files={"bad.c": "int main(void) { return 0; }\n"})
    mended = valid(place.build(recipe, "--json"))
    assert [step["status"] for step in mended["steps"]] == ["kept", "done", "done"], "the file that the second names has changed"


def test_a_commit_that_is_not_there_is_no_failed_step(place: Place) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository(place.folder / "git", {"a.txt": "a"})
    source = {"git": str(place.folder / "git"), "commit": commit, "ref": "main", **WHY}
    ran = place.build(place.recipe("toy", note("first"), fetch={"toy": source}), "--json")
    report = valid(ran)
    assert (ran.code, report["outcome"], report["failure"]["integrity"]) == (6, "failed", True)
    assert [step["status"] for step in report["steps"]][-1] == "not-run"


def test_what_is_missing_is_said_before_anything_is_done(place: Place) -> None:
    recipe = place.recipe("toy", note("first"), needs=["cmake", "ninja"])
    bare = script(place.folder / "bin", "python3", f'exec {sys.executable} "$@"\n').parent
    ran = place.build(recipe, env={"PATH": str(bare)})
    assert ran.code == 1, ran.out
    assert "cmake is missing" in ran.out and "ninja is missing" in ran.out
    commands = [line for line in ran.out.splitlines() if "install" in line and "cmake" in line]
    assert len(commands) == 1, ran.out
    assert ran.out.splitlines()[-1].startswith("NOT YET: ")
    assert ran.err == ""
    assert place.written() == set()
    plan = place.build(recipe, "--dry-run", env={"PATH": str(bare)})
    assert (plan.code, plan.out.splitlines()[-1]) == (0, "NOT YET: something is missing on this machine, see above")


def test_a_rocm_without_kernels_for_the_card_stops_it_with_the_ways_out(place: Place) -> None:
    recipe = place.recipe("toy", note("first"), kernels=["rocblas"])
    (place.folder / "rocm/.info/version").write_text("6.4.1-1\n")
    ran = place.build(recipe)
    assert ran.code == 1, ran.out
    assert "RK307" in ran.out and "way out" in ran.out
    assert ran.out.splitlines()[-1].startswith("BLOCKED: ")
    assert place.written() == set()
    report = valid(place.build(recipe, "--json"))
    assert (report["outcome"], report["steps"], report["blocked_by"][0]["code"]) == ("blocked", [], "RK307")
    plan = place.build(recipe, "--dry-run", "--json")
    assert (plan.code, valid(plan)["feasible"]) == (0, False)


def test_what_makes_the_kernels_goes_first_and_takes_the_block_away(place: Place) -> None:
    needs, makes = place.recipe("toy", note("first"), kernels=["rocblas"]), place.recipe("maker", note("first"), provides=["rocblas"])
    (place.folder / "rocm/.info/version").write_text("6.4.1-1\n")
    plans = valid(place.build(needs, makes, "--dry-run", "--json"))["plans"]
    assert [(plan["recipe"], plan["feasible"]) for plan in plans] == [("maker", True), ("toy", True)]
    assert len({plan["work"] for plan in plans}) == 2


def test_what_comes_after_a_build_that_failed_is_not_begun(place: Place) -> None:
    bad = place.recipe("bad", {"name": "no", "run": ["{python}", "-c", "raise SystemExit('error: no luck')"]})
    ran = place.build(bad, place.recipe("toy", note("first")), "--work", str(place.folder / "w"), "--json")
    assert ran.code == 7
    first, second = valid(ran)["builds"]
    assert (first["outcome"], second["outcome"], second["because"]) == ("failed", "blocked", "not begun, since bad is not built")
    assert "no luck" in first["failure"]["error"]
    assert os.listdir(place.folder / "w") == ["bad"]


def test_what_is_not_what_it_should_be_stays_where_it_was_made(place: Place) -> None:
    ran = place.build(place.recipe("toy", note("first")), "--json")
    report = valid(ran)
    assert (ran.code, report["outcome"]) == (1, "not-proven"), "it holds no GPU code"
    assert "found" in {one["outcome"] for one in report["proven"]}
    assert os.listdir(place.folder / "out") == []


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


SLOW = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(0 if len(open(sys.argv[2]).read()) > 1 else 600)"


def slow(place: Place) -> str:
    """A recipe whose second step takes minutes until its first was done twice, and the third ends."""
    wait = {"name": "wait", "run": ["{python}", "-c", SLOW, "{prefix}/begun", "{prefix}/first"]}
    return place.recipe("toy", note("first"), wait, note("last"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_on_a_signal_and_goes_on_from_there(place: Place, number: signal.Signals) -> None:
    recipe, work = slow(place), place.folder / "w"
    process = place.start(recipe, "--work", str(work))
    wait_for(work / "prefix/begun", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else -number), out + err
    assert f"The same command goes on from there:\n    run     rocmkit build {recipe} --work {work} --arch gfx906" in out
    assert out.splitlines()[-1] == "INTERRUPTED: what is done is kept"
    assert not [line for line in processes() if str(work) in line]
    (work / "prefix/first").write_text("xx")  # now the slow step is quick
    report = valid(place.build(recipe, "--work", str(work), "--json"))
    assert [step["status"] for step in report["steps"]] == ["kept", "done", "done"]


def processes() -> list[str]:
    return subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_two_builds_in_one_folder_refuse_each_other(place: Place) -> None:
    recipe, work = slow(place), place.folder / "w"
    process = place.start(recipe, "--work", str(work))
    try:
        wait_for(work / "prefix/begun", process)
        other = place.build(recipe, "--work", str(work))
        assert other.code == 2
        assert f"process {process.pid}" in other.err and "--work" in other.err
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_fresh_does_all_of_it_again(place: Place) -> None:
    recipe, work = place.recipe("toy", note("first")), place.folder / "w"
    for _ in range(2):
        place.build(recipe, "--work", str(work))
    assert (work / "prefix/first").read_text() == "x"
    report = valid(place.build(recipe, "--work", str(work), "--fresh", "--json"))
    assert (work / "prefix/first").read_text() == "x"
    assert report["steps"][0]["status"] == "done"


class TestContainers:
    ENGINE = """
[ "$1" = info ] && { echo 28.0; exit 0; }
printf '%s\\n' "$@" > FOLDER/argv
for word; do case "$word" in type=local,dest=*) out=${word#type=local,dest=};; esac; done
cat > /dev/null < "$4"
echo '#9 1.5 [3/7] compiling'
[ -e FOLDER/fails ] && { echo '#9 2.0 a.c:1:1: error: no such thing'; exit 1; }
cp FOLDER/made/* "$out"
"""

    def engine(self, place: Place) -> dict[str, str | None]:
        """A program that is called as docker is, and puts files where docker is told to."""
        (place.folder / "made").mkdir()
        (place.folder / "made/libtoy.so").write_text("no library")
        script(place.folder / "bin", "docker", self.ENGINE.replace("FOLDER", str(place.folder)))
        return {"PATH": f"{place.folder}/bin:{os.environ['PATH']}"}

    def test_without_an_engine_it_says_what_to_do_by_hand(self, place: Place) -> None:
        script(place.folder / "bin", "docker", "echo 'Cannot connect to the Docker daemon.' >&2; exit 1\n")
        ran = rocmkit(*self.words(place), env={**place.env(), "PATH": f"{place.folder}/bin:/bin"})
        assert ran.code == 1, ran.err
        assert "docker does not answer: Cannot connect to the Docker daemon." in " ".join(ran.out.split())
        assert "mkdir -p out && docker build --progress=plain --file Dockerfile --output type=local,dest=out ." in ran.out
        assert place.written() == set()

    def words(self, place: Place) -> tuple[str, ...]:
        recipe = place.recipe("toy", note("first"))
        return ("build", recipe, "--arch", "gfx906", "--rocm-version", "6.3", "--out", str(place.folder / "out"), "--container")

    def test_the_engine_builds_the_plans_dockerfile_and_its_result_is_looked_at(self, place: Place) -> None:
        ran = rocmkit(*self.words(place), "--json", env={**place.env(), **self.engine(place)})
        report = valid(ran)
        assert (ran.code, report["outcome"]) == (1, "not-proven"), "what that engine made holds no GPU code"
        argv = (place.folder / "argv").read_text().splitlines()
        assert argv[:2] == ["build", "--progress=plain"]
        file = Path(argv[argv.index("--file") + 1])
        written = place.folder / "Dockerfile"
        assert rocmkit(*self.words(place)[:-1], "--dockerfile", str(written), env=place.env()).code == 0
        assert file.read_text() == written.read_text()
        assert [step["name"] for step in report["steps"]] == ["container"]

    def test_what_fails_inside_is_told(self, place: Place) -> None:
        env = self.engine(place)
        (place.folder / "fails").touch()
        report = valid(rocmkit(*self.words(place), "--json", env={**place.env(), **env}))
        assert (report["outcome"], report["exit"]) == ("failed", 7)
        assert "error: no such thing" in report["failure"]["error"]

    def test_a_recipe_behind_the_option_is_no_image(self, place: Place) -> None:
        words = self.words(place)
        ran = rocmkit("build", "--container", "--arch", *words[3:-1], words[1], "--dry-run", "--json", env=place.env())
        assert valid(ran)["toolchain"]["container"] is True


def test_the_users_own_cache_folder_is_taken(place: Place) -> None:
    """Below the home folder too, whose name is hidden in what is printed and not in what is done."""
    own = place.folder / "home" / "own"
    place.build(place.recipe("toy", note("first")), env={"XDG_CACHE_HOME": str(own)})
    assert os.listdir(place.folder / "home") == ["own"]
    assert os.listdir(own / "rocmkit" / "build") == ["toy-1.0-rocm5.2.gfx906"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no recipe is named"),
        (("nothing",), "no recipe is called 'nothing'"),
        (("./nothing",), "there is no recipe.yaml"),
        (("RECIPE", "--arch", "gfx9006"), "did you mean gfx90"),
        (("RECIPE", "--arch", "gfx906:xnack+", "--arch", "gfx906"), "exclude each other"),
        (("RECIPE", "--rocm-version", "6.3"), "--dry-run"),
        (("RECIPE", "--recipe-version", "9.9"), "1.0"),
        (("RECIPE", "--source", "tyo=."), "no source"),
        (("RECIPE", "--dry-run", "--install"), "--install"),
        (("RECIPE", "--layout", "debian", "--dry-run"), "--rocm-version, which is missing"),
        (("RECIPE", "--layout", "debian", "--rocm-version", "6.4", "--container", "--dry-run"), "an image has its own"),
        (("RECIPE", "--layout", "debian", "--rocm-version", "6.4", "--dockerfile", "-"), "an image has its own"),
        (("RECIPE", "--jobs", "0"), "--jobs"),
        (("RECIPE", "--launcher", "make"), "--launcher"),
        (("RECIPE", "RECIPE/../other", "--script", "-"), "one recipe each"),
        (("RECIPE", "RECIPE/../nothing"), "there is no recipe.yaml"),
    ],
)
def test_calls_that_cannot_be_meant_so(place: Place, words: tuple[str, ...], told: str) -> None:
    recipe, _ = place.recipe("toy", note("first")), place.recipe("other", note("first"))
    ran = place.build(*(word.replace("RECIPE", recipe) for word in words))
    assert ran.code == 2, ran.out + ran.err
    assert told in ran.err
    assert place.written() == set()


def test_without_an_architecture_it_says_how_to_name_one(place: Place) -> None:
    ran = rocmkit("build", place.recipe("toy", note("first")), env=place.env())
    assert (ran.code, "--arch gfx906" in ran.err) == (2, True)


def test_a_folder_that_cannot_be_written_to_is_said_to_be(place: Place) -> None:
    (place.folder / "file").touch()
    ran = place.build(place.recipe("toy", note("first")), "--work", str(place.folder / "file/w"))
    assert ran.code == 1, ran.out + ran.err
    assert "file" in ran.out.splitlines()[-1]


def test_help_begins_with_what_it_does_and_imports_nothing_for_it() -> None:
    told = rocmkit("build", "--help")
    assert told.code == 0
    assert "rocmkit build ctranslate2 --arch gfx906 --dry-run" in told.out
    code = "import sys; from rocmkit.cli import cli; print(sorted(name for name in sys.modules if name.startswith('rocmkit.build')))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert loaded.stdout.strip() == "[]"
