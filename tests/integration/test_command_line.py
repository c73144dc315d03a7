"""The command line as a person and a script see it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import SHARED_MACHINES
from tests.support.command import ROOT, rocmkit

MACHINES = ROOT / "tests/machines"


def from_(name: str, *arguments: str, **options: Any) -> Any:
    return rocmkit("doctor", "--from", str(MACHINES / f"{name}.yaml"), *arguments, **options)


def schema(name: str) -> Any:
    return json.loads((ROOT / f"docs/schemas/{name}.json").read_text())


@pytest.mark.parametrize(
    ("machine", "verdict", "code"),
    [
        ("mi50-16gb-healthy", None, 0),
        ("mi50-torch-rocm72", "blocked", 1),
        ("no-access", "blocked", 1),
        ("no-gpu", "not-applicable", 4),
        ("the-user", "blocked", 1),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_exit_code_is_the_same_in_every_format(machine: str, verdict: str | None, code: int, form: str) -> None:
    ran = from_(machine, "--format", form)
    assert ran.code == code
    assert ran.err == ""
    if form == "json" and verdict:
        assert ran.json["verdict"] == verdict


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.yaml")), ids=lambda path: path.stem)
def test_json_obeys_its_schema_and_text_holds_the_same_findings(path: Path) -> None:
    report = from_(path.stem, "--json").json
    jsonschema.validate(report, schema("doctor-1"))
    plain = " ".join(from_(path.stem).out.split())
    markdown = " ".join(from_(path.stem, "--format", "markdown").out.replace("&lt;", "<").replace("&amp;", "&").split())
    for result in report["results"]:
        for finding in result["findings"]:
            words = [result["code"], finding["message"], *(finding["fix"]["commands"] if finding["fix"] else [])]
            for word in words:
                assert " ".join(word.split()) in plain
                assert " ".join(word.split()) in markdown


def test_several_recordings_give_one_object() -> None:
    ran = rocmkit("doctor", "--json", "--from", str(MACHINES / "no-gpu.yaml"), "--from", str(MACHINES / "no-access.yaml"))
    assert ran.code == 1
    jsonschema.validate(ran.json, schema("doctors-1"))
    assert [report["verdict"] for report in ran.json["reports"]] == ["not-applicable", "blocked"]


def test_this_machine_recorded_and_replayed_gives_equal_facts(tmp_path: Path) -> None:
    recording = tmp_path / "machine.yaml"
    live = rocmkit("doctor", "--json", "--record", str(recording), "--python", sys.executable)
    replayed = rocmkit("doctor", "--json", "--from", str(recording))
    assert replayed.code == live.code, replayed.err
    ignored = {"memory"}  # free room changes from one moment to the next; its own test compares it
    assert {k: v for k, v in replayed.json["facts"].items() if k not in ignored} == {
        k: v for k, v in live.json["facts"].items() if k not in ignored
    }
    assert replayed.json["results"] == live.json["results"]


def test_leaving_checks_out_is_told_and_never_ready() -> None:
    assert from_("radeon-vii", "--json").json["verdict"] == "degraded"
    ran = from_("radeon-vii", "--skip", "RK413")
    assert ran.out.splitlines()[-1].startswith("UNKNOWN: only ")
    assert "RK413: left out on request" in ran.out
    assert ran.code == 0
    assert from_("radeon-vii", "--json", "--skip", "RK413").json["left_out"] == ["RK413"]


def test_only_and_skip() -> None:
    assert [r["code"] for r in from_("no-access", "--json", "--only", "kfd-permission", "--only", "RK101").json["results"]] == [
        "RK101",
        "RK201",
    ]
    assert "RK201" not in [r["code"] for r in from_("no-access", "--json", "--skip", "rk201").json["results"]]


def test_what_has_nothing_to_judge_is_told_with_its_reason() -> None:
    told = " ".join(from_("no-gpu").out.split())
    assert "with nothing to judge here: no AMD GPU was found on this machine; RK115: this is not WSL" in told


def test_strict_makes_warnings_count() -> None:
    assert (from_("igpu-plus-dgpu").code, from_("igpu-plus-dgpu", "--strict").code) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("doctor", "--format", "xml"), "Invalid value"),
        (("doctor", "--json", "--format", "text"), "contradict"),
        (("doctor", "--only", "RK999"), "no check is called 'RK999'"),
        (("doctor", "--from", "/dev/null"), "not a recording"),
        (("doctor", "--sysroot", "/nowhere"), "does not exist"),
        (("explain",), "which check"),
        (("explain", "RK101", "--list"), "pass one of them"),
        (("doctor", "--only", "RK101", "--skip", "RK101"), "leave no check"),
        (("doctor", "--record", "x.yaml", "-o", "x.yaml"), "named twice"),
        (("doctor", "--python", "/nope/python"), "no such file"),
        (("doctor", "--python", ""), "no such file"),
        (("doctor", "--python", "/etc/passwd"), "is no program"),
        (("doctor", "--python", "/etc"), "no Python in that folder"),
        (("doctor", "-o", "/dev/full"), "No space left on device"),
        (("explain", "kfd-permision"), "did you mean kfd-permission"),
        (("bisect", "--", "/etc/passwd"), "rocmkit bisect -- python /etc/passwd"),
        (("doctor", "--try", "-o", "/no/such/report"), "cannot write /no/such/report"),
        (("nonsense",), "no command is called 'nonsense'"),
    ],
)
def test_usage_errors_say_what_and_what_next(arguments: tuple[str, ...], words: str) -> None:
    ran = rocmkit(*arguments)
    assert ran.code == 2
    assert words in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("option", ["-o", "--script"])
def test_no_program_is_run_for_a_report_that_cannot_be_written(option: str, tmp_path: Path) -> None:
    ran = rocmkit("bisect", option, str(tmp_path / "no" / "report"), "--", "touch", str(tmp_path / "ran"))
    assert ran.code == 2 and "cannot write" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_output_goes_to_a_file_at_once(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    target.write_text("old")
    ran = from_("no-access", "--format", "markdown", "-o", str(target))
    assert (ran.code, ran.out) == (1, "")
    assert target.read_text().startswith("## rocmkit doctor: BLOCKED")
    assert list(tmp_path.iterdir()) == [target]
    assert from_("no-access", "-o", str(tmp_path / "no/such/folder")).code == 2


def test_a_device_is_written_to_and_a_link_is_followed_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "pipe").touch()
    (tmp_path / "link").symlink_to("pipe")
    assert from_("no-access", "-o", str(tmp_path / "link")).code == 1
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "pipe").read_text().splitlines()[-1].startswith("BLOCKED: 1 error")
    (tmp_path / "null").symlink_to("/dev/null")
    assert from_("no-access", "-o", str(tmp_path / "null")).code == 1
    assert Path("/dev/null").is_char_device()
    assert from_("no-access", "-o", "-").out.splitlines()[-1].startswith("BLOCKED: 1 error")


def test_standard_output_that_is_closed_full_or_narrow() -> None:
    def code(redirection: str) -> int:
        command = f"'{sys.executable}' -m rocmkit doctor --from '{MACHINES}/no-access.yaml' {redirection}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert b"Traceback" not in done.stderr
        return done.returncode

    assert code(">&-") == 1
    assert code(">/dev/full") == 2
    assert rocmkit("explain", "RK201", env={"PYTHONIOENCODING": "ascii"}).code == 0


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_no_text_is_lost_where_the_stream_cannot_hold_it(tmp_path: Path, encoding: str) -> None:
    """Transcripts are Japanese, and what reads JSON from a pipe gets all of it."""
    place = tmp_path / "言語😀é.so"
    place.write_bytes(Path(sys.executable).read_bytes())
    ran = rocmkit("inspect", str(place), "--all", "--json", env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert place.name in json.dumps(ran.json, ensure_ascii=False)
    assert "?" not in ran.out


def test_no_escapes_in_a_pipe_and_colour_on_a_terminal() -> None:
    assert "\x1b" not in from_("no-access").out
    assert b"\x1b[1;31m" in on_terminal({})
    assert b"\x1b[1;31m" not in on_terminal({"NO_COLOR": "1"})


def on_terminal(env: dict[str, str]) -> bytes:
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}
    command = [sys.executable, "-m", "rocmkit", "doctor", "--from", str(MACHINES / "no-access.yaml")]
    process = subprocess.Popen(command, stdout=follower, stderr=subprocess.DEVNULL, env=environment)
    os.close(follower)
    got = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        got += chunk
    process.wait()
    os.close(leader)
    return got


def test_ascii_where_the_terminal_has_no_utf8() -> None:
    assert from_("no-access", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}).out.isascii()


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"'{sys.executable}' -m rocmkit doctor --from '{MACHINES}/the-user.yaml' | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "1"


def test_explain_prints_the_generated_page() -> None:
    page = (ROOT / "docs/checks/RK201.md").read_text()
    ran = rocmkit("explain", "rk201")
    assert ran.code == 0
    assert re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", page).endswith(ran.out)  # there its sources are links
    jsonschema.validate(rocmkit("explain", "RK201", "--json").json, schema("page-1"))
    jsonschema.validate(rocmkit("explain", "--list", "--json").json, schema("pages-1"))


def test_a_recording_obeys_its_schema(tmp_path: Path) -> None:
    import yaml

    rocmkit("doctor", "--record", str(tmp_path / "m.yaml"))
    jsonschema.validate(yaml.safe_load((tmp_path / "m.yaml").read_text()), schema("recording-1"))


@pytest.mark.parametrize("tree", sorted(SHARED_MACHINES.glob("*/sys")), ids=lambda tree: tree.parent.name)
def test_real_trees_through_sysroot(tree: Path) -> None:
    """Nothing is executed there, so nothing is called ready, and what is not known gives no 3."""
    ran = rocmkit("doctor", "--json", "--sysroot", str(tree.parent))
    jsonschema.validate(ran.json, schema("doctor-1"))
    gpus = {gpu["gfx"] for gpu in ran.json["facts"]["gpus"]}
    assert gpus == REAL_GPUS[tree.parent.name]
    assert ran.json["verdict"] in {"unknown", "blocked"}
    assert ran.code == (1 if ran.json["verdict"] == "blocked" else 0)
    assert ran.json["facts"]["env"]["gap"]["reason"] == "not-executed"


REAL_GPUS = {
    "error-kfd-eacces": {"gfx906"},
    "error-no-kfd": {"gfx906"},
    "gfx900-mi25-2node": {"gfx900"},
    "gfx906-mi50-single": {"gfx906"},
    "mixed-6gpu-rocprofiler-sdk": {"gfx906", "gfx1102", "gfx1032", "gfx942", "gfx950", "gfx1201"},
}


def test_a_recording_replaces_a_recording_and_nothing_else(tmp_path: Path) -> None:
    notes, old = tmp_path / "notes.txt", tmp_path / "old.yaml"
    notes.write_text("dear to me\n")
    refused = rocmkit("doctor", "--record", str(notes))
    assert (refused.code, notes.read_text()) == (2, "dear to me\n")
    assert "no recording" in refused.err
    old.write_text("rocmkit_recording: 1\nabout: an old one\n")
    assert rocmkit("doctor", "--record", str(old)).code != 2
    assert "an old one" not in old.read_text()
