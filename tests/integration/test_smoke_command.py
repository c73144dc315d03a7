"""`rocmkit smoke` as a person runs it: a process of its own, an environment with stand-ins for two systems, a machine without a GPU."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import numpy
import pytest

from rocmkit.host.names import Names
from rocmkit.kb.backends import backend, backends
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.hook import Hooked
from rocmkit.smoke.judge import judge
from rocmkit.smoke.observed import UsedModel, Wanted
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.run import Room, observe
from tests.support import fakewhisper, smokehome
from tests.support.command import ROOT, Ran, rocmkit, script
from tests.support.crashes import marked, wait_until
from tests.support.smokehome import FIRST, SECOND
from tools.schema import schema

CLIP = shipped()[1]
ONE = ("--audio", CLIP.file, "--reference", CLIP.text or "")
_SCHEMA = schema(Smoke, title="smoke")
#: What scripts rely on.
_TOP = {"schema", "verdict", "cases"}
_CASE = {
    *("system", "model", "device", "outcome", "code", "because", "text", "reference", "cer", "audio_s", "load_s", "transcribe_s", "rtf"),
    *("peak_vram_bytes", "peak_rss_bytes", "proof", "negative_control", "crash", "features"),
}
_FEATURES = {"timestamps", "punctuation", "language_detection", "diarization"}


class Home(NamedTuple):
    """Where a run finds all that it needs."""

    venv: Path
    models: Path
    env: dict[str, str | None]
    runs: Path  # a line for each model that was loaded
    sleeps: Path  # while it is there the second system does not come on
    mark: str  # in the environment of each process that is started
    scratch: Path

    def smoke(self, *options: str, code: int, venv: bool = True) -> Ran:
        """What becomes of a call that ends with that code, and leaves nothing behind."""
        python = ("--python", str(self.venv)) if venv else ()
        ran = rocmkit("smoke", *options, *python, env=self.env, timeout_s=120)
        assert ran.code == code, (ran.code, ran.out, ran.err)
        assert "Traceback" not in ran.err
        assert not list(self.scratch.iterdir())
        assert not marked(self.mark)
        return ran

    def told(self, *options: str, code: int, venv: bool = True) -> Any:
        """The same as JSON that keeps to its schema and to the contract."""
        ran = self.smoke(*options, "--json", code=code, venv=venv)
        assert ran.err == ""
        return kept(ran.json, code)

    def of(self, does: str, *options: str, code: int) -> Any:
        """The one case of a model that does what its name says."""
        model = str(fakewhisper.model(self.models, does))
        (case,) = self.told(FIRST, "--model", model, *options, code=code)["cases"]
        return case

    def begun(self, *options: str, stderr: int = subprocess.PIPE, file_bytes: int | None = None) -> subprocess.Popen[bytes]:
        """A run that is not waited for; it may be ended. `file_bytes` is how long its files can be."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **{name: value for name, value in self.env.items() if value is not None}}
        command = [sys.executable, "-m", "rocmkit", "smoke", *options, "--python", str(self.venv)]
        if file_bytes is not None:
            command = ["bash", "-c", f'ulimit -f {file_bytes // 1024} && exec "$@"', "bash", *command]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True)

    def loaded(self) -> list[str]:
        return self.runs.read_text().split("\n")[:-1] if self.runs.exists() else []


def kept(told: Any, code: int) -> Any:
    """Published JSON that is as it has to be."""
    jsonschema.validate(told, _SCHEMA)
    assert told["schema"] == "rocmkit.smoke/1" and told["exit"] == code and told.keys() >= _TOP
    for case in told["cases"]:
        assert case.keys() >= _CASE
        assert case["features"].keys() >= _FEATURES
        assert case["proof"].keys() >= {"level", "evidence"}
        assert all(one.keys() >= {"kind", "where", "value"} for one in case["proof"]["evidence"])
        assert case["crash"] is None or case["crash"].keys() >= {"signal", "last_import", "frame", "log"}
    return told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("smoke")
    return smokehome.environment(folder / "venv"), smokehome.hub(folder / "hub")


@pytest.fixture
def home(made: tuple[Path, Path], tmp_path: Path) -> Iterator[Home]:
    venv, hub = made
    scratch, mark = tmp_path / "scratch", f"smoke-{os.getpid()}-{time.monotonic_ns()}"
    scratch.mkdir()
    runs, sleeps = tmp_path / "runs", tmp_path / "sleeps"
    folders = {"HF_HUB_CACHE": hub, "XDG_CACHE_HOME": venv.parent / "cache", "TMPDIR": scratch, "FAKE_RUNS": runs, "FAKE_SLEEPS": sleeps}
    env: dict[str, str | None] = {"MARK": mark, **{name: str(path) for name, path in folders.items()}}
    yield Home(venv, tmp_path / "models", env, runs, sleeps, mark, scratch)
    for line in marked(mark):  # a test that failed leaves nothing behind either
        os.kill(int(line.split()[0]), signal.SIGKILL)


def test_the_right_text_from_the_processor_is_no_pass(home: Home) -> None:
    case = home.of("right", code=8)
    assert (case["outcome"], case["code"], case["device"]) == ("inconclusive", "RK701", "cpu")
    assert "no AMD GPU was found" in case["because"]
    assert (case["cer"], case["proof"]["level"], case["negative_control"]["outcome"]) == (0, "none", "not-made")
    assert case["text"].splitlines() == [clip.text for clip in shipped()]
    assert [one["clip"] for one in case["clips"]] == [clip.name for clip in shipped()]
    assert case["repeat"]["agrees"] is True and 0 < case["rtf"] < 1
    assert home.loaded() == ["right cpu"]


@pytest.mark.parametrize(
    ("does", "options", "outcome", "code", "exit_code"),
    [
        ("wrong", ONE, "fail", "RK702", 8),
        ("crashes", (), "fail", "RK703", 8),
        ("hangs", ("--timeout", "2"), "fail", "RK704", 8),
        ("raises", ONE, "fail", "RK712", 1),  # it ran nowhere
        ("prints", ONE, "inconclusive", "RK701", 8),
        ("leaves", ONE, "fail", "RK712", 1),
    ],
)
def test_what_goes_wrong_has_its_row(home: Home, does: str, options: tuple[str, ...], outcome: str, code: str, exit_code: int) -> None:
    case = home.of(does, *options, code=exit_code)
    assert (case["outcome"], case["code"]) == (outcome, code), case["because"]
    if does == "crashes":
        assert case["crash"]["signal"] == "SIGSEGV" and case["crash"]["while_doing"] == "transcribing 01_jf_gongitsune.wav"
        assert case["text"] == shipped()[0].text
    if does == "hangs":
        assert "no end within 2 s" in case["because"]
    if does == "raises":
        assert "CUDA driver version is insufficient" in case["because"] and case["text"] is None
    if does == "prints":
        assert case["text"] == CLIP.text


def test_asked_for_the_gpu_what_a_library_says_of_itself_is_no_proof(home: Home) -> None:
    case = home.of("right", *ONE, "--device", "gpu", code=3)
    assert (case["outcome"], case["code"], case["proof"]["level"], case["proof"]["enough"]) == ("inconclusive", "RK705", "claimed", False)
    assert case["negative_control"]["outcome"] == "failed"
    assert sorted(home.loaded()) == ["right cpu", "right cuda", "right cuda"]


def test_asked_for_the_gpu_the_control_can_be_left_out(home: Home) -> None:
    case = home.of("right", *ONE, "--device", "gpu", "--no-negative-control", code=3)
    assert case["negative_control"]["outcome"] == "not-made"
    assert sorted(home.loaded()) == ["right cpu", "right cuda"]


def test_asked_for_the_gpu_a_silent_fallback_is_found(home: Home) -> None:
    case = home.of("falls-back", *ONE, "--device", "gpu", code=8)
    assert (case["outcome"], case["code"], case["device"]) == ("fail", "RK701", "cpu")


def test_asked_for_the_processor_it_says_so(home: Home) -> None:
    case = home.of("right", *ONE, "--device", "cpu", code=8)
    assert (case["code"], case["because"]) == ("RK701", "it ran on the processor: that was asked for")


def test_text_is_printed_and_fits_a_terminal(home: Home) -> None:
    ran = home.smoke(FIRST, "--model", str(fakewhisper.model(home.models, "right")), *ONE, code=8)
    assert "RAN ON THE CPU" in ran.out and "rocmkit explain RK701" in ran.out and ran.err == ""
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("form", "begins", "holds"),
    [("markdown", "## rocmkit smoke", "| faster-whisper"), ("html", "<!doctype html>", "<table"), ("json", "{", '"rocmkit.smoke/1"')],
)
def test_each_form_goes_into_a_file(home: Home, tmp_path: Path, form: str, begins: str, holds: str) -> None:
    file = tmp_path / "found"
    file.write_text("older")
    model = str(fakewhisper.model(home.models, "right"))
    ran = home.smoke(FIRST, "--model", model, *ONE, "--format", form, "-o", str(file), code=8)
    assert (ran.out, ran.err) == ("", "")
    written = file.read_text()
    assert written.startswith(begins) and holds in written and "RK701" in written


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_forms_on_standard_output(home: Home, form: str) -> None:
    model = str(fakewhisper.model(home.models, "crashes"))
    ran = home.smoke(FIRST, "--model", model, *ONE, "--format", form, code=8)
    assert "SIGSEGV" in ran.out and FIRST in ran.out and ran.err == ""


def test_a_reader_that_goes_away_is_no_error(home: Home) -> None:
    words = [sys.executable, "-m", "rocmkit", "smoke", FIRST, "--python", str(home.venv), "--model"]
    words += [str(fakewhisper.model(home.models, "right")), *ONE]
    command = f"{' '.join(map(repr, words))} | head -n 1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{name: value for name, value in home.env.items() if value}}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env, check=False)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("8", "")


def test_a_terminal_is_told_what_is_going_on(home: Home) -> None:
    leader, follower = os.openpty()
    home.sleeps.touch()
    process = home.begun(SECOND, *ONE, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while "on the processor, for 1800 s at most …".encode() not in shown:
            shown += os.read(leader, 4096)
        home.sleeps.unlink()
        out, _ = process.communicate(timeout=60)
        while not shown.endswith(b"\r\x1b[K"):
            shown += os.read(leader, 4096)
    finally:
        process.kill()
        os.close(leader)
    assert b"1 of 1, sherpa-onnx: on the processor" in shown
    assert process.returncode == 8 and "RAN ON THE CPU" in out.decode()


def test_own_sound_with_what_is_said_in_it(home: Home, tmp_path: Path) -> None:
    assert CLIP.text
    said = f"{CLIP.text[:-2]}のだ。"
    file = tmp_path / "said.txt"
    file.write_text(f"\ufeff{said}\n")
    sound = tmp_path / "own.wav"
    with wave.open(CLIP.file) as short:  # what is played twice as often is as long as before
        samples = numpy.frombuffer(short.readframes(short.getnframes()), numpy.int16)
        rate = short.getframerate()
    with wave.open(str(sound), "wb") as stereo:
        stereo.setparams((2, 2, 2 * rate, 0, "NONE", ""))
        stereo.writeframes(numpy.repeat(samples, 4).tobytes())
    as_text = home.of("right", "--audio", str(sound), "--reference", said, code=8)
    assert (as_text["outcome"], as_text["reference"], as_text["text"]) == ("inconclusive", said, CLIP.text)
    assert 0 < as_text["plain_cer"] < 0.2
    as_file = home.of("right", "--audio", str(sound), "--reference", str(file), code=8)
    assert as_file["plain_cer"] == as_text["plain_cer"]
    strict = home.of("right", "--audio", str(sound), "--reference", str(file), "--max-cer", "0.01", code=8)
    assert (strict["outcome"], strict["code"]) == ("fail", "RK702")


def test_own_sound_that_nobody_wrote_down(home: Home) -> None:
    case = home.of("right", "--audio", CLIP.file, code=8)
    assert (case["text"], case["reference"], case["cer"], case["outcome"]) == (CLIP.text, None, None, "inconclusive")


def test_a_file_without_sound_is_told(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no sound\n" * 100)
    case = home.of("right", "--audio", str(file), code=1)
    assert (case["outcome"], case["code"], case["text"]) == ("fail", "RK712", None), case["because"]
    assert "notes.txt" in case["because"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("faster-wisper",), "did you mean faster-whisper"),
        (("whisper",), "name one: faster-whisper, openai-whisper"),
        (("something",), "there are faster-whisper"),
        (("--model", "small"), "--model is a model of one system"),
        ((FIRST, "--model", "no-such"), "finds no model 'no-such'"),
        ((FIRST, "--reference", "あ"), "name the sound with --audio"),
        ((FIRST, "--audio", CLIP.file, "--reference", "…"), "no letter in it"),
        ((FIRST, "--audio", CLIP.file, "--reference", "siad.txt"), "siad.txt: there is no such file"),
        ((FIRST, "--audio", "/"), "is a directory"),
        ((FIRST, "--max-vram", "8XB"), "'8XB' is no amount of memory"),
        ((FIRST, "--max-vram", "nan"), "'nan' is no amount of memory"),
        ((FIRST, "--max-vram", "0GiB"), "nothing is no limit"),
        ((FIRST, "--max-cer", "nan"), "nan is no rate"),
        ((FIRST, "--max-cer", "1.5"), "1.5"),
        ((FIRST, "--timeout", "nan"), "nan is no time"),
        ((FIRST, "--device", "npu"), "npu"),
        ((FIRST, "--json", "--format", "html"), "contradict"),
        ((FIRST, "--python", "faster-whisper="), "no path"),
        ((FIRST, "--python", "fastr-whisper=/usr"), "did you mean faster-whisper"),
        ((FIRST, "--python", "faster=/usr", "--python", "faster-whisper=/opt"), "names two for faster-whisper"),
        ((FIRST, "--python", "faster-whisper=/no/such"), "no such file"),
        ((FIRST, "-o", "/no/such/folder/file"), "cannot write"),
        ((FIRST, "--bundle", "/no/such/folder/file"), "cannot write"),
        ((FIRST, "--resume", "/no/such/folder/file"), "--resume /no/such/folder/file"),
        ((FIRST, "--verify", CLIP.file), "--verify runs nothing"),
        (("--verify", CLIP.file), "no bundle of rocmkit smoke"),
    ],
    ids=lambda value: "-".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_calls_that_are_wrong(home: Home, options: tuple[str, ...], said: str) -> None:
    ran = home.smoke(*options, code=2)
    assert said in ran.err and ran.out == "", ran.err
    assert not home.loaded()


def test_what_is_read_is_not_written_over(home: Home, tmp_path: Path) -> None:
    said, sound, progress = tmp_path / "said.txt", tmp_path / "own.wav", tmp_path / "night.jsonl"
    said.write_text("あ")
    sound.write_bytes(Path(CLIP.file).read_bytes())
    reads = ("--audio", str(sound), "--reference", str(said), "--resume", str(progress))
    for option, file in itertools.product(("-o", "--bundle"), (said, sound, progress)):
        ran = home.smoke(FIRST, *reads, option, str(file), code=2)
        assert "it would be lost" in ran.err
    assert "it would be lost" in home.smoke("--verify", str(sound), "-o", str(sound), code=2).err
    assert "it would be lost" in home.smoke(FIRST, "--bundle", str(progress), "-o", str(progress), code=2).err
    assert said.read_text() == "あ" and sound.read_bytes() == Path(CLIP.file).read_bytes() and not progress.exists()


def test_a_part_of_a_name_and_an_environment_for_it(home: Home) -> None:
    told = home.told("faster", "sherpa", *ONE, "--python", f"faster={home.venv}", "--python", sys.executable, code=8, venv=False)
    first, second = told["cases"]
    assert (first["system"], first["code"]) == (FIRST, "RK701")
    assert (second["system"], second["outcome"], second["code"]) == (SECOND, "skipped", "RK709")
    assert home.loaded() == [f"{smokehome.REVISION} cpu"]


def test_what_is_missing_is_listed_with_what_brings_it(home: Home, tmp_path: Path) -> None:
    home.env["HF_HUB_CACHE"] = str(tmp_path / "nothing")
    told = home.told(code=3)
    assert (told["verdict"], [case["system"] for case in told["cases"]]) == ("inconclusive", [row.id for row in backends()])
    cases = {case["system"]: case for case in told["cases"]}
    assert {case["outcome"] for case in cases.values()} == {"skipped"}
    assert {name for name, case in cases.items() if case["code"] == "RK710"} == {FIRST, SECOND}
    assert all(case["commands"] and case["bytes"] > 0 for case in cases.values())
    assert f"rocmkit smoke {FIRST} --all" in cases[FIRST]["commands"][0]
    assert "CC-BY-NC-4.0, which forbids commercial use" in cases["mms"]["because"]
    text = home.smoke(code=3).out
    assert all(re.search(rf"^· (?:.*, )?{name}(?:,|$)", text, re.MULTILINE) for name in cases)
    assert len(text.splitlines()) < 60 and "as in `rocmkit smoke " in text
    markdown = home.smoke("--format", "markdown", code=3).out
    for case in cases.values():
        assert all(command in markdown for command in case["commands"])
    named = home.smoke("mms", code=3).out
    assert all(command in named for command in cases["mms"]["commands"])


def test_all_tells_what_could_not_be_brought(home: Home, tmp_path: Path) -> None:
    home.env.update({"HF_HUB_CACHE": str(tmp_path / "nothing"), "HF_ENDPOINT": "http://127.0.0.1:9"})
    (case,) = home.told(FIRST, "--all", *ONE, code=3)["cases"]
    assert (case["outcome"], case["code"]) == ("skipped", "RK710")
    assert "huggingface_hub, which downloads it, is not installed there" in case["because"]
    assert case["commands"][0].endswith("-m pip install huggingface_hub")


def test_a_model_that_would_take_too_much_is_skipped_unless_it_is_named(home: Home) -> None:
    told = home.told(*ONE, "--device", "gpu", "--max-vram", "1GiB", code=3)
    codes = {case["system"]: case["code"] for case in told["cases"]}
    assert codes[SECOND] == "RK711"
    assert not any(line.startswith(SECOND) for line in home.loaded())


def test_a_night_that_was_killed_is_gone_on_with(home: Home, tmp_path: Path) -> None:
    """The machine may end rocmkit at any time: what was done is not done again."""
    progress = tmp_path / "night.jsonl"
    options = (FIRST, SECOND, *ONE, "--resume", str(progress))
    home.sleeps.touch()
    process = home.begun(*options)
    try:
        assert wait_until(lambda: f"{SECOND} cpu" in home.loaded(), 60)
    finally:
        process.kill()
        process.communicate()
    assert wait_until(lambda: not marked(home.mark), 20), marked(home.mark)
    assert home.loaded() == [f"{smokehome.REVISION} cpu", f"{SECOND} cpu"]
    home.sleeps.unlink()
    first, second = kept(json.loads(resumed(home, *options).out), 8)["cases"]
    assert (first["system"], first["code"], first["text"]) == (FIRST, "RK701", CLIP.text)
    assert (second["system"], second["code"], second["text"]) == (SECOND, "RK701", CLIP.text)
    assert home.loaded() == [f"{smokehome.REVISION} cpu", *[f"{SECOND} cpu"] * 2]
    again = kept(json.loads(resumed(home, *options).out), 8)
    assert len(home.loaded()) == 3
    assert again["cases"] == [first, second]
    strict = kept(json.loads(resumed(home, *options, "--max-cer", "0").out), 8)  # judged anew, not run anew
    assert len(home.loaded()) == 3 and len(strict["cases"]) == 2


def resumed(home: Home, *options: str) -> Ran:
    ran = rocmkit("smoke", *options, "--json", "--python", str(home.venv), env=home.env, timeout_s=60)
    assert ran.code == 8, ran.err
    return ran


def test_ctrl_c_tells_what_was_done(home: Home, tmp_path: Path) -> None:
    progress = tmp_path / "night.jsonl"
    home.sleeps.touch()
    process = home.begun(FIRST, SECOND, *ONE, "--resume", str(progress), "--json")
    try:
        assert wait_until(lambda: f"{SECOND} cpu" in home.loaded(), 60)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to the whole group
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, b"")
    told = kept(json.loads(out), 130)
    assert told["interrupted"] is True
    assert [(case["system"], case["outcome"]) for case in told["cases"]] == [(FIRST, "inconclusive"), (SECOND, "skipped")]
    assert "the same command goes on from here" in told["cases"][1]["because"]
    assert "broken off" in told["because"]
    assert wait_until(lambda: not marked(home.mark), 5), marked(home.mark)
    assert not list(home.scratch.iterdir())
    assert len(progress.read_text().splitlines()) == 2


def test_a_full_disk_costs_the_file_alone(home: Home, tmp_path: Path) -> None:
    progress = tmp_path / "night.jsonl"
    home.smoke(SECOND, *ONE, code=8)  # what is compiled once is there
    process = home.begun(SECOND, *ONE, "--resume", str(progress), "--json", file_bytes=1024)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 8, err
    assert kept(json.loads(out), 8)["cases"][0]["text"] == CLIP.text
    assert err.decode() == "rocmkit: --resume cannot be written any more (File too large): what comes now is not kept\n"
    assert len(progress.read_text().splitlines()) == 1


def test_ctrl_c_while_the_hook_is_compiled_leaves_nothing(home: Home, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    compiler = f'[ "$1" = --version ] && exec echo cc 1\ntouch "$TMPDIR/cc1.s" {begun}\nexec sleep 600\n'
    home.env["PATH"] = f"{script(tmp_path / 'bin', 'cc', compiler).parent}:{os.environ['PATH']}"
    home.env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    process = home.begun(FIRST, *ONE)
    try:
        assert wait_until(begun.exists, 60)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err.strip()) == (130, b"", b"")
    assert wait_until(lambda: not marked(home.mark), 5), marked(home.mark)
    assert not list(home.scratch.iterdir()) and not list(tmp_path.glob("cache/rocmkit/smoke/hook/*"))


def test_another_file_is_not_taken_for_what_was_done(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear all\n")
    assert "it is no file of rocmkit smoke's" in home.smoke(FIRST, *ONE, "--resume", str(file), code=2).err
    assert file.read_text() == "Dear all\n" and not home.loaded()


def test_help_is_quick_and_imports_nothing_for_it() -> None:
    took = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ran = rocmkit("smoke", "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)  # what the machine does beside is not counted
        assert ran.code == 0 and "Examples:" in ran.out and "130  interrupted" in ran.out
    assert min(took) < 0.15
    heavy = ("re2", "yaml", "msgspec", "rich", "psutil", "rocmkit.kb", "rocmkit.smoke", "rocmkit.report.smoke")
    code = f"import sys; from rocmkit.cli import cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert done.stdout == b"[]\n"


@pytest.fixture
def case_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    for name, value in fakewhisper.variables(fakewhisper.packages(tmp_path / "site")).items():
        monkeypatch.setenv(name, value)

    def run(does: str, python: str = fakewhisper.PYTHON, **more: Any) -> Any:
        folder = str(fakewhisper.model(tmp_path / "models", does))
        row = backend(FIRST)
        planned = Planned(backend=row, model=UsedModel(id=does, path=folder), argument=folder, python=python, device="cpu")
        room = Room(names=Names(), cards=(), wanted=Wanted(), hooked=Hooked(None, None), kfd_device="absent", **{"timeout_s": 60, **more})
        return judge(observe(planned, shipped()[:1], room), row)

    return run


def test_what_eats_memory_is_ended_before_it_harms_the_machine(case_of: Callable[..., Any]) -> None:
    found = case_of("eats", memory_bytes=512 << 20)
    assert (found.outcome, found.code) == ("fail", "RK704"), found.because
    assert "memory" in found.because
    assert found.peak_rss_bytes is not None and found.peak_rss_bytes < 2 << 30


def test_an_interpreter_that_is_gone_is_a_row_too(case_of: Callable[..., Any], tmp_path: Path) -> None:
    found = case_of("right", python=str(tmp_path / "gone"))
    assert (found.outcome, found.code) == ("fail", "RK712")
    assert "it cannot be started" in found.because
