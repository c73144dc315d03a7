"""`rocmkit bisect` finds each planted cause, and no other: real processes that really die, as a stranger would run it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rocmkit.kb.toggles import toggles
from rocmkit.trial.attempts import Attempts, drive
from rocmkit.trial.run import runner
from rocmkit.trial.search import Search, search
from rocmkit.trial.values import Experiment, Limits
from tests.support.command import ROOT, rocmkit
from tests.support.crashes import MARK, Zoo, environment, fake_numba, fake_torch, marked, wait_until

MIB = 1 << 20
TORCH, NUMBA = {"torch": "2.6.0+rocm6.1"}, {"numba": "0.61.2"}


class Place:
    """An environment with planted packages, and a scratch folder that has to be empty in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scratch, self.mark = folder, folder / "scratch", uuid.uuid4().hex
        self.scratch.mkdir()
        self.python, self.site = Path(sys.executable), folder

    def install(self, packages: dict[str, str]) -> Path:
        """Say that these are installed; the folder where their modules go."""
        self.python, self.site = environment(self.folder / "env", packages)
        return self.site

    def env(self, more: dict[str, str | None] | None = None) -> dict[str, str | None]:
        own = {"TMPDIR": str(self.scratch), MARK: self.mark, "LD_PRELOAD": None, "LD_LIBRARY_PATH": None, "OMP_NUM_THREADS": None}
        return {**own, **(more or {})}

    def bisect(self, *arguments: str, code: int, env: dict[str, str | None] | None = None) -> Any:
        ran = rocmkit("bisect", "--json", "--python", str(self.python), *arguments, env=self.env(env), timeout_s=100)
        assert ran.code == code, ran.out + ran.err
        assert "Traceback" not in ran.err
        self.look_around()
        report = ran.json
        jsonschema.validate(report, json.loads((ROOT / "docs/schemas/bisect-1.json").read_text()))
        assert report["exit"] == code
        assert report["trials"]
        return report

    def program(self, text: str) -> tuple[str, str]:
        path = self.folder / "transcribe.py"
        path.write_text(text)
        return str(self.python), str(path)

    def look_around(self) -> None:
        assert marked(self.mark) == []
        assert list(self.scratch.iterdir()) == []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for line in marked(place.mark):
        os.kill(int(line.split()[0]), signal.SIGKILL)


def cures(report: Any) -> list[set[str]]:
    return [set(cure["toggles"]) for cure in report["cures"]]


def test_miopen(place: Place, zoo: Zoo) -> None:
    fake_torch(place.install(TORCH), zoo.library)
    program = place.program("import torch\n\ndef transcribe():\n    torch.nn.functional.conv1d()\n\ntranscribe()\n")
    report = place.bisect("--", *program, code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"miopen-off"}])
    baseline = report["baseline"]
    assert (baseline["outcome"], baseline["signal"], baseline["library"]) == ("crash", "SIGSEGV", str(zoo.library))
    assert baseline["frame"].startswith("libways.so+0x")
    assert any(frame.endswith(" in conv1d") for frame in baseline["python"])
    assert report["runs"] == report["deaths"] >= 3
    (cure,) = report["cures"]
    assert cure["runs"] == cure["passes"] >= 3
    assert "MIOpen" in cure["means"]
    assert cure["code"] == ["import torch; torch.backends.cudnn.enabled = False"]
    assert {row["toggle"] for row in report["controls"]} == {"gpu-hidden"}
    assert report["controls"][0]["passes"] == 0
    assert "transcribe.py" in report["script"]


def test_a_preloaded_library(place: Place, zoo: Zoo) -> None:
    program = place.program("import os\nos.getpriority(os.PRIO_PROCESS, 0)\n")
    report = place.bisect("--", *program, code=0, env={"LD_PRELOAD": str(zoo.preloaded)})
    assert report["outcome"] == "found"
    assert {"preload-clean"} in cures(report)
    # Whatever else is named clears the same variable and nothing else.
    assert [cure["env"] for cure in report["cures"]] == [{"LD_PRELOAD": None}] * len(report["cures"])
    assert report["baseline"]["library"] == str(zoo.preloaded)


def test_what_numba_compiles(place: Place, zoo: Zoo) -> None:
    fake_numba(place.install(NUMBA), zoo.library)
    report = place.bisect("--", *place.program("import numba\nnumba.njit(int)()\n"), code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"numba-jit-off"}])
    assert report["cures"][0]["env"] == {"NUMBA_DISABLE_JIT": "1"}
    hidden = next(row for row in report["helpless"] if row["toggle"] == "numba-hidden")
    assert (hidden["passes"], hidden["otherwise"]) == (0, True)  # the program cannot do without it


def test_an_override_that_is_set(place: Place, zoo: Zoo) -> None:
    program = place.program(f"import os\nif 'HSA_OVERRIDE_GFX_VERSION' in os.environ:\n    {zoo.call('segv')}\n")
    report = place.bisect("--", *program, code=0, env={"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})
    assert (report["outcome"], cures(report)) == ("found", [{"override-off"}])
    unset = place.bisect("--", *program, code=3, env={"HSA_OVERRIDE_GFX_VERSION": None})
    assert (unset["outcome"], unset["cures"]) == ("not-reproduced", [])


def test_the_order_of_two_imports(place: Place, zoo: Zoo) -> None:
    zoo.clashing(place.install(TORCH | NUMBA), "numba", "torch")
    report = place.bisect("--", *place.program("import numba\nimport torch\n"), code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"torch-first"}])
    assert report["baseline"]["last_import"] == "torch"
    assert report["baseline"]["library"] == str(place.site / "torch/libtorch.so")


def test_two_changes_that_are_needed_together(place: Place, zoo: Zoo) -> None:
    site = place.install(TORCH | NUMBA)
    fake_torch(site, zoo.library)
    fake_numba(site, zoo.library)
    program = place.program("import torch, numba\ntorch.nn.functional.conv1d()\nnumba.njit(int)()\n")
    report = place.bisect("--", *program, code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"miopen-off", "numba-jit-off"}])


def test_threads(place: Place, zoo: Zoo) -> None:
    report = place.bisect("--", *place.program(zoo.call("threads") + "\n"), code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"one-thread"}])


def test_a_stack_that_is_too_small(place: Place, zoo: Zoo) -> None:
    with small_stack():
        report = place.bisect("--", *place.program(zoo.call("recurse_6") + "\n"), code=0)
    assert (report["outcome"], cures(report)) == ("found", [{"big-stack"}])
    assert report["baseline"]["library"] == str(zoo.library)


@contextlib.contextmanager
def small_stack() -> Iterator[None]:
    """Whatever is started has a stack of 2 MiB, which it may raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (2 * MIB, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


def test_nothing_helps(place: Place, zoo: Zoo) -> None:
    report = place.bisect("--", *zoo.die("segv"), code=3)
    assert (report["outcome"], report["cures"]) == ("not-found", [])
    assert report["deaths"] == report["runs"]
    assert report["helpless"]
    assert all(row["passes"] == 0 for row in report["helpless"])


@pytest.mark.parametrize("command", [("/bin/sh", "-c", "echo heard"), ("sh", "-c", 'read line; test -z "$line"')])
def test_nothing_is_wrong(place: Place, command: tuple[str, ...]) -> None:
    report = place.bisect("--", *command, code=3)
    assert (report["outcome"], report["cures"], report["deaths"]) == ("not-reproduced", [], 0)
    assert report["baseline"]["outcome"] == "pass"


def test_a_plain_failure_is_searched_too(place: Place) -> None:
    program = place.program(
        "import os\nif os.environ.get('HSA_XNACK') != '0':\n    raise RuntimeError('HIP error: unspecified launch failure')\n"
    )
    report = place.bisect("--", *program, code=0, env={"HSA_XNACK": "1"})
    assert (report["outcome"], cures(report)) == ("found", [{"xnack-off"}])
    assert report["baseline"]["outcome"] == "fail"
    assert report["baseline"]["because"] == "RuntimeError: HIP error: unspecified launch failure"


@pytest.mark.parametrize("command", [("/no/such/program",), ("no-such-program-anywhere",), ("/etc/passwd",), ("/",)])
def test_what_cannot_be_started_is_a_usage_error(place: Place, command: tuple[str, ...]) -> None:
    ran = rocmkit("bisect", "--json", "--", *command, env=place.env())
    assert (ran.code, ran.out) == (2, "")
    assert command[0] in ran.err
    assert "Traceback" not in ran.err
    place.look_around()


# Luck and time, with few changes since each is tried many times


def sought(experiment: Experiment, *ids: str) -> Search:
    chosen = [toggle for toggle in toggles() if toggle.id in ids]
    assert len(chosen) == len(ids)
    return drive(search(experiment, chosen, dict(os.environ), Attempts()), runner())


#: A program that dies in the runs whose numbers, divided by $EVERY, leave 2; with the variable $SPARED not at all.
UNLUCKY = """
spared=$(printenv "$SPARED")
[ "$spared" = 1 ] && exit 0
number=$(($(cat "$COUNT" 2>/dev/null || echo 0) + 1))
echo $number > "$COUNT"
[ $((number % EVERY)) = 2 ] && kill -SEGV $$
exit 0
"""


def unlucky(folder: Path, every: int, spared: str) -> Experiment:
    env: dict[str, str | None] = {"COUNT": str(folder / "count"), "EVERY": str(every), "SPARED": spared}
    return Experiment(name="unlucky", argv=("/bin/sh", "-c", UNLUCKY), env=env, limits=Limits(time_s=20), fresh_caches=False)


def test_one_death_in_five_is_cured_by_what_spares_it(tmp_path: Path) -> None:
    found = sought(unlucky(tmp_path, 5, "NUMBA_DISABLE_JIT"), "numba-jit-off", "sdma-off", "miopen-find-fast")
    assert (found.runs, found.deaths, found.sure) == (5, 1, False)
    assert [[toggle.id for toggle in cure.toggles] for cure in found.cures] == [["numba-jit-off"]]
    assert found.cures[0].passes >= 14  # by luck it would live so often in less than 5 % of all cases
    assert {row.toggles[0].id for row in found.helpless} == {"sdma-off", "miopen-find-fast"}


def test_one_death_in_five_that_nothing_spares_has_no_cure(tmp_path: Path) -> None:
    found = sought(unlucky(tmp_path, 5, "NOTHING_SETS_THIS"), "numba-jit-off", "sdma-off", "miopen-find-fast")
    assert (found.deaths, found.cures) == (1, ())


def test_a_flaky_program_by_the_command(place: Place) -> None:
    program = unlucky(place.folder, 3, "AMD_COMGR_CACHE").argv
    env: dict[str, str | None] = {"COUNT": str(place.folder / "count"), "EVERY": "3", "SPARED": "HSA_XNACK"}
    report = place.bisect("--", *program, code=3, env=env)
    assert (report["outcome"], report["cures"]) == ("flaky", [])
    assert 0 < report["deaths"] < report["runs"]


def test_a_hang_is_cured_too(place: Place) -> None:
    hang = '[ "$OMP_NUM_THREADS" = 1 ] || sleep 30'
    base = Experiment(name="hang", argv=("/bin/sh", "-c", hang), limits=Limits(time_s=0.5), fresh_caches=False)
    found = sought(base, "one-thread", "sdma-off")
    assert found.death
    assert (found.death.outcome, found.death.limit) == ("hang", "time")
    assert [[toggle.id for toggle in cure.toggles] for cure in found.cures] == [["one-thread"]]


def test_a_thread_whose_stack_is_too_small(place: Place, zoo: Zoo) -> None:
    program = f"import threading\ndef deep():\n    {zoo.call('recurse_6')}\nrun = threading.Thread(target=deep)\nrun.start()\nrun.join()\n"
    with small_stack():
        found = sought(Experiment(name="deep", argv=place.program(program)), "big-stack", "one-thread", "sdma-off")
    assert found.death
    assert found.death.library == str(zoo.library)
    assert [[toggle.id for toggle in cure.toggles] for cure in found.cures] == [["big-stack"]]


def test_an_interrupt_tells_what_is_known_and_leaves_nothing(place: Place, zoo: Zoo) -> None:
    environment = {name: value for name, value in {**os.environ, "PYTHONPATH": str(ROOT), **place.env()}.items() if value is not None}
    command = [sys.executable, "-m", "rocmkit", "bisect", "--json", "--", *zoo.die("daemons_hang")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert wait_until(lambda: any(line.endswith("/die\0daemons_hang\0") for line in marked(place.mark)), 20)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to the whole group
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    if out:
        assert json.loads(out)["ended"] == "interrupted"
    assert wait_until(lambda: not marked(place.mark), 5), marked(place.mark)
    place.look_around()


# Without a program of the user's


def innocent(site: Path, *names: str) -> None:
    for name in names:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("")


@pytest.mark.parametrize(("first", "second"), [("soundfile", "av"), ("av", "soundfile")], ids=["forwards", "backwards"])
def test_two_libraries_that_clash_are_found_among_others(place: Place, zoo: Zoo, first: str, second: str) -> None:
    site = place.install({"soundfile": "0.13.1", "torchaudio": "2.6.0", "tokenizers": "0.21.0", "av": "14.0.0", "soxr": "0.5.0"})
    innocent(site, "torchaudio", "tokenizers", "soxr")
    zoo.clashing(site, first, second)
    report = place.bisect(code=0)
    smallest = report["smallest"]
    assert (report["outcome"], report["others"]) == ("found", [])
    assert smallest["steps"] == [f"import-{first}", f"import-{second}"]
    assert (smallest["by_order"], smallest["shrunk"]) == (True, True)
    assert smallest["death"]["signal"] == "SIGSEGV"
    assert smallest["death"]["library"] == str(site / second / f"lib{second}.so")
    assert cures(report) == [set()]  # the other way round: no toggle does that for these two
    assert report["cures"][0]["code"] == [f"import {second}", f"import {first}"]
    script = place.folder / "report.py"
    script.write_text(report["script"])
    assert subprocess.run([place.python, script], capture_output=True, check=False).returncode == -signal.SIGSEGV


def test_a_library_that_dies_alone_is_found_beside_a_clash(place: Place, zoo: Zoo) -> None:
    site = place.install({"soundfile": "0.13.1", "torchaudio": "2.6.0", "tokenizers": "0.21.0", "av": "14.0.0"})
    innocent(site, "torchaudio")
    zoo.clashing(site, "soundfile", "av")
    zoo.extension(site, "tokenizers")
    report = place.bisect(code=0)
    found = [part["steps"] for part in (report["smallest"], *report["others"])]
    assert sorted(found) == [["import-soundfile", "import-av"], ["import-tokenizers"]]


def test_numba_that_clashes_with_scipy(place: Place, zoo: Zoo) -> None:
    """What is computed with these packages fails too, since they are only shells: the clash still comes first."""
    site = place.install(NUMBA | {"scipy": "1.15.0", "librosa": "0.10.2"})
    zoo.clashing(site, "numba", "scipy")
    (site / "scipy/signal.py").touch()
    innocent(site, "librosa")
    report = place.bisect(code=0)
    assert report["smallest"]["steps"] == ["import-numba", "import-scipy.signal"]
    assert cures(report) == [set(), {"scipy-first"}]
    assert {part["death"]["outcome"] for part in report["others"]} == {"fail"}


def test_an_environment_without_any_library(place: Place) -> None:
    place.install({})
    ran = rocmkit("bisect", "--json", "--python", str(place.python), env=place.env())
    assert ran.code in {2, 3, 4}
    assert "Traceback" not in ran.err
