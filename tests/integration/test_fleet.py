"""`rocmkit doctor` over several recordings, as a person and a script call it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import ROOT, Ran, rocmkit
from tests.support.terminal import shown, terminal

MACHINES = ROOT / "tests/machines"


def rack(folder: Path, **machines: str) -> Path:
    """A folder of recordings: file name to the machine of the tests that it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, machine in machines.items():
        shutil.copy(MACHINES / f"{machine}.yaml", folder / f"{name}.yaml")
    return folder


def from_(*paths: Path | str, options: tuple[str, ...] = ()) -> Ran:
    return rocmkit("doctor", *(word for path in paths for word in ("--from", str(path))), *options)


def rows(out: str) -> list[str]:
    lines = out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("machine"))
    return [line for line in lines[first + 1 : lines.index("", first)] if not line.startswith(" ")]


def test_one_recording_gives_the_report_on_a_machine() -> None:
    out = from_(MACHINES / "no-access.yaml").out
    assert "This is what was looked at" in out and not any(line.startswith("machine ") for line in out.splitlines())


def test_two_give_a_table_in_the_order_given() -> None:
    ran = from_(MACHINES / "no-access.yaml", MACHINES / "mi210.yaml")
    assert (ran.code, ran.err) == (1, "")
    assert [row.split()[0] for row in rows(ran.out)] == ["no-access", "mi210"]
    assert "✗ RK201" in rows(ran.out)[0]
    assert ran.out.splitlines()[-1] == "BLOCKED: 1 of 2 machines"


def test_a_folder_means_its_recordings_by_number(tmp_path: Path) -> None:
    folder = rack(tmp_path / "rack", n10="mi210", n2="no-access", n1="mi210")
    (folder / ".hidden.yaml").write_text("no: recording\n")
    (folder / "notes.txt").write_text("no recording\n")
    ran = from_(folder)
    assert ran.code == 1
    assert [row.split()[0] for row in rows(ran.out)] == ["n1", "n2", "n10"]
    together = from_(MACHINES / "no-gpu.yaml", folder)
    assert [row.split()[0] for row in rows(together.out)] == ["no-gpu", "n1", "n2", "n10"]


def test_a_folder_of_one_has_the_form_of_many(tmp_path: Path) -> None:
    folder = rack(tmp_path, only="mi210")
    assert from_(folder, options=("--json",)).json["schema"] == "rocmkit.doctors/1"
    assert from_(folder).out.splitlines()[-1] == "READY: 1 of 1 machine"


def test_folders_that_name_their_file_alike(tmp_path: Path) -> None:
    rack(tmp_path / "n1", machine="mi210"), rack(tmp_path / "n2", machine="no-access")
    paths = (tmp_path / "n1/machine.yaml", tmp_path / "n2/machine.yaml")
    assert [row.split()[0] for row in rows(from_(*paths).out)] == ["n1/machine", "n2/machine"]
    sources = [report["source"] for report in from_(*paths, options=("--json",)).json["reports"]]
    assert sources == ["recording n1/machine.yaml", "recording n2/machine.yaml"]


BROKEN = {
    "empty.yaml": "",
    "text.yaml": "# a shopping list\n- milk\n",
    "cut.yaml": "rocmkit_recording: 1\nabout: 'half",
    "newer.yaml": "rocmkit_recording: 99\nabout: x\n",
}


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_broken_files_are_told_and_the_others_judged(form: str, tmp_path: Path) -> None:
    folder = rack(tmp_path, a="no-access", z="mi210")
    for name, content in BROKEN.items():
        (folder / name).write_text(content)
    ran = from_(folder, options=("--format", form))
    assert (ran.code, ran.err) == (2, "")
    if form == "json":
        report = ran.json
        assert [one["verdict"] for one in report["reports"]] == ["blocked", "ready"]
        assert report["exit"] == 2
        assert {one["source"] for one in report["unjudged"]} == {f"recording {name}" for name in BROKEN}
        assert all("not a recording" in one["because"] for one in report["unjudged"])
    else:
        plain = " ".join(ran.out.split())
        assert "1 BLOCKED, 1 READY, 4 NOT JUDGED" in plain
        assert "BLOCKED: 1 of 6 machines; 4 recordings could not be judged" in plain
        assert "it is empty" in plain and "recording format 99" in plain and "RK201" in plain


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_names_that_are_no_text(form: str, tmp_path: Path) -> None:
    good, broken = (tmp_path / os.fsdecode(name) for name in (b"good\xff.yaml", b"broken\xff.yaml"))
    shutil.copy(MACHINES / "mi210.yaml", good)
    broken.write_text("x")
    for given, code in ((tmp_path, 2), (good, 0)):
        ran = from_(given, options=("--format", form))
        assert (ran.code, ran.err) == (code, "")
        assert "good" in ran.out


def test_a_change_that_does_not_fit_one_machine_is_judged_on_the_others() -> None:
    ran = from_(MACHINES / "mi50-torch-rocm72.yaml", MACHINES / "no-gpu.yaml", options=("--what-if", "gfx=gfx1030"))
    assert ran.code == 2
    assert rows(ran.out)[1].startswith("no-gpu") and "NOT JUDGED" in rows(ran.out)[1]
    assert ran.out.splitlines()[2].startswith("If ")


def test_what_if_over_machines() -> None:
    paths = (MACHINES / "mi50-torch-rocm72.yaml", MACHINES / "mi50-16gb-healthy.yaml")
    ran = from_(*paths, options=("--what-if", "torch=2.9.1+rocm6.3"))
    assert "1 BLOCKED, 1 READY → " in ran.out.splitlines()[2]
    assert "gone: RK307 on mi50-torch-rocm72" in ran.out


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_every_format_ends_with_the_same_code(form: str) -> None:
    paths = (MACHINES / "no-gpu.yaml", MACHINES / "mi210.yaml")
    assert from_(*paths, options=("--format", form)).code == 4
    assert from_(MACHINES / "igpu-plus-dgpu.yaml", *paths, options=("--format", form, "--strict")).code == 1


def test_json_is_the_reports_in_full() -> None:
    ran = from_(MACHINES / "no-gpu.yaml", MACHINES / "no-access.yaml", options=("--json",))
    alone = from_(MACHINES / "no-access.yaml", options=("--json",)).json
    assert ran.json["reports"][1] == alone
    assert (ran.json["exit"], ran.json["unjudged"]) == (1, [])


def test_many_machines_need_few_words(tmp_path: Path) -> None:
    rack(tmp_path, **{f"node{number:03d}": "no-access" if number % 8 else "mi210" for number in range(1, 25)})
    out = from_(tmp_path).out
    assert len(rows(out)) == 24
    assert "on      all but node008, node016, node024 (21 of 24)" in out
    assert "The same on all of them: kernel 6.8.0-87-generic" in out.splitlines()
    assert "21 BLOCKED, 3 READY" in out


@pytest.mark.parametrize("extra", [("--route", "faster-whisper"), ("--log", "{log}")])
def test_a_log_and_ways_are_told_of_one_machine_after_the_other(extra: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "crash.txt"
    log.write_text("Segmentation fault (core dumped)\n")
    words = tuple(word.format(log=log) for word in extra)
    (tmp_path / "bad.yaml").write_text("")
    paths = (MACHINES / "no-access.yaml", MACHINES / "the-user.yaml", tmp_path / "bad.yaml")
    ran = from_(*paths, options=words)
    assert ran.code == 2
    assert ran.out.count("This is what was looked at") == 2
    assert "recording bad.yaml: not judged: not a recording" in ran.out
    html = from_(*paths, options=(*words, "--format", "html"))
    assert html.code == 2 and "the page of one machine" in html.err and html.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "{folder}"), "no file in that folder ends in .yaml"),
        (("--from", "{folder}", "--preview"), "no file in that folder"),
        (("--from", str(MACHINES), "--preview"), "--preview shows one recording"),
        (("--from", str(MACHINES), "--python", "python3"), "cannot be combined"),
        (("--from", "{folder}/none"), "does not exist"),
        (("--from", str(MACHINES), "-o", str(MACHINES / "mi210.yaml")), "is named twice"),
        (("--from", str(MACHINES), "--try"), "--try makes experiments"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    ran = rocmkit("doctor", *(word.format(folder=tmp_path) for word in arguments))
    assert (ran.code, ran.out) == (2, "") and words in ran.err and "Traceback" not in ran.err


def test_the_report_goes_into_a_file_whole(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    ran = from_(MACHINES, options=("--json", "-o", str(out)))
    assert (ran.code, ran.out) == (1, "")
    assert len(json.loads(out.read_text())["reports"]) == len(list(MACHINES.glob("*.yaml")))


def test_a_reader_that_goes_away_changes_nothing() -> None:
    command = f"'{sys.executable}' -m rocmkit doctor --from '{MACHINES}' | head -n 2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=_env(), check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "1" and done.stderr == ""


def test_a_terminal_without_utf8_gets_ascii() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rocmkit", "doctor", "--from", str(MACHINES)],
        capture_output=True,
        env=_env(PYTHONIOENCODING="ascii", LC_ALL="C"),
        check=False,
        timeout=60,
    )
    assert done.returncode == 1 and done.stdout.isascii() and b"x RK201" in done.stdout


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_it_is_drawn_in_colour_and_fits(columns: int) -> None:
    names = ("mi50-16gb-healthy", "no-access", "two-mi50")
    command = [sys.executable, "-m", "rocmkit", "doctor"] + [w for name in names for w in ("--from", str(MACHINES / f"{name}.yaml"))]
    with terminal(["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *command], columns=columns) as (process, leader):
        drawn = shown(leader).decode()
        assert process.wait(timeout=30) == 1
    assert "\x1b[1;31mBLOCKED" in drawn and "\N{REPLACEMENT CHARACTER}" not in drawn
    lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert max(map(len, lines[: lines.index("") + 8])) <= columns


def _env(**more: str) -> dict[str, str]:
    kept: dict[str, Any] = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "VIRTUAL_ENV"}}
    return {**kept, "PYTHONPATH": str(ROOT), **more}
