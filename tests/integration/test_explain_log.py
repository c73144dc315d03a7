"""`explain --log` and `doctor --log` as a person and a script see them: a process of its own, and real streams."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import pty
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rocmkit.report.log import LogReport
from rocmkit.report.published import Report
from tests.support.command import ROOT, Ran, rocmkit
from tools.schema import schema

MACHINES = ROOT / "tests/machines"
TENSILE = "rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU arch : gfx906\n"
KFD = "Unable to open /dev/kfd read-write: Permission denied\n"
LOG_SCHEMA = schema(LogReport, title="log")


def piped(text: bytes, *arguments: str, **options: Any) -> Ran:
    """`rocmkit ARGUMENTS` with `text` on standard input."""
    command = [sys.executable, "-m", "rocmkit", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=text, capture_output=True, env=environment, timeout=60, check=False, **options)
    return Ran(done.returncode, done.stdout, done.stderr, 0)


def codes(ran: Ran) -> list[str]:
    assert ran.code == 0, ran.err
    jsonschema.validate(ran.json, LOG_SCHEMA)
    return [one["code"] for one in ran.json["matches"]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "crash.txt"
    path.write_text("Traceback (most recent call last):\n" + TENSILE + "Aborted (core dumped)\n")
    return path


def test_a_file_and_a_pipe_say_the_same(log: Path) -> None:
    ran = rocmkit("explain", "--log", str(log), "--json")
    assert codes(ran) == ["RK307"]
    assert (ran.json["schema"], ran.json["lines"], ran.json["size_bytes"]) == ("rocmkit.log/1", 3, log.stat().st_size)
    assert (ran.json["matches"][0]["line"], ran.json["matches"][0]["excerpt"]) == (2, TENSILE.strip())
    again = piped(log.read_bytes(), "explain", "--log", "-", "--json")
    assert {**again.json, "source": ""} == {**ran.json, "source": ""}
    assert again.json["source"] == "standard input"
    assert codes(piped(log.read_bytes(), "explain", "--log", "/dev/stdin", "--json")) == ["RK307"]


def test_the_text_holds_what_a_person_needs(log: Path) -> None:
    ran = rocmkit("explain", "--log", str(log))
    assert (ran.code, ran.err) == (0, "")
    assert "✗ RK307 rocBLAS has no kernels for this GPU\n    log     line 2: rocBLAS error: Cannot read" in ran.out
    assert '    run     python3 -m pip install "torch==2.9.1"' in ran.out
    assert f"`rocmkit doctor --log {log}` looks at this machine" in " ".join(ran.out.split())
    assert "`… | rocmkit doctor --log -`" in piped(log.read_bytes(), "explain", "--log", "-").out


def test_the_cause_comes_first_though_it_stands_last() -> None:
    """rocBLAS cannot begin without kernels; what it says of that is no second cause."""
    text = "rocBLAS error: Could not initialize Tensile host: \n" + "x\n" * 20 + TENSILE
    ran = piped(text.encode(), "explain", "--log", "-", "--json")
    found = {one["id"]: one for one in ran.json["matches"]}
    assert codes(ran)[0] == "RK307"
    assert found["rocblas-init-failed"]["explained_by"] == "rocblas-no-tensile"
    out = piped(text.encode(), "explain", "--log", "-").out
    assert out.index("RK307") < out.index("What follows from it") < out.index("It follows from RK307")


def test_nothing_known_is_no_error() -> None:
    for text in (b"", b"\n", b"all is well\n", b"\x00\xff\xfe\x00" * 1000, bytes(range(256)) * 100):
        ran = piped(text, "explain", "--log", "-", "--json")
        assert codes(ran) == []
        assert "Nothing that is known here is in this log." in piped(text, "explain", "--log", "-").out


def test_windows_line_ends_colours_and_utf_16() -> None:
    lines = f"one\r\n\x1b[31m{TENSILE.strip()}\x1b[0m\r\nthree\r\n"
    for text in (lines.encode(), lines.encode("utf-16"), b"\xef\xbb\xbf" + lines.encode()):
        ran = piped(text, "explain", "--log", "-", "--json")
        assert codes(ran) == ["RK307"]
        (one,) = ran.json["matches"]
        assert (one["line"], one["excerpt"], ran.json["lines"]) == (2, TENSILE.strip(), 3)


def test_a_long_stream_is_read_in_little_memory(tmp_path: Path) -> None:
    """5 MB, then 100 MB: memory does not grow with the log."""
    line = b"[  12%] Building HIP object CMakeFiles/ggml.dir/mmq.cu.o -DGPU=gfx906 --offload-arch=gfx906 -O3\n"
    five = line * (5_000_000 // len(line))
    assert codes(piped(five + TENSILE.encode(), "explain", "--log", "-", "--json")) == ["RK307"]
    long = tmp_path / "long.log"
    with long.open("wb") as file:
        for _ in range(20):
            file.write(five)
        file.write(TENSILE.encode())

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))

    command = [sys.executable, "-m", "rocmkit", "explain", "--log", str(long), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False, preexec_fn=little)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["matches"][0]["line"] == 20 * (5_000_000 // len(line)) + 1


def test_a_fifo_and_a_writer_that_takes_its_time(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        with fifo.open("wb", buffering=0) as file:
            for letter in TENSILE.encode():
                file.write(bytes([letter]))

    writer = threading.Thread(target=write)
    writer.start()
    assert codes(rocmkit("explain", "--log", str(fifo), "--json")) == ["RK307"]
    writer.join()


def test_standard_input_that_does_not_block_is_read_to_its_end() -> None:
    script = 'import os, time; os.set_blocking(1, False); time.sleep(0.5); os.write(1, b"a\\n"); time.sleep(0.5)'
    command = f"('{sys.executable}' -c '{script}'; printf '{TENSILE.strip()}') | '{sys.executable}' -m rocmkit explain --log - --json"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert [one["code"] for one in json.loads(done.stdout)["matches"]] == ["RK307"]
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "rocmkit", "explain", "--log", "-", "--json"],
        stdin=reader,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(reader)

    def write() -> None:
        os.write(writer, TENSILE.encode())
        os.close(writer)

    threading.Timer(1, write).start()
    out, _ = process.communicate(timeout=30)
    assert [one["code"] for one in json.loads(out)["matches"]] == ["RK307"]


def test_standard_output_and_input_that_are_closed(log: Path) -> None:
    def run(redirection: str) -> tuple[int, bytes]:
        command = f"'{sys.executable}' -m rocmkit explain --log {redirection}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout

    assert run(f"'{log}' >&-")[0] == 0
    assert run(f"'{log}' >/dev/full")[0] == 2
    assert run(f"'{log}' | head -n 1") == (0, f"rocmkit explain --log  {log}, 3 lines\n".encode())
    code, out = run("- <&-")
    assert code == 0 and b"Nothing that is known" in out


def test_on_a_terminal_it_says_that_it_waits_and_one_ctrl_d_ends_the_text() -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rocmkit", "explain", "--log", "-"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(follower)
    assert process.stderr is not None
    assert b"paste the text, then press Ctrl-D" in process.stderr.readline()
    os.write(leader, TENSILE.encode() + b"\x04")
    out, _ = process.communicate(timeout=30)
    os.close(leader)
    assert (process.returncode, b"RK307" in out) == (0, True)


@pytest.mark.parametrize(
    ("pack", "unpack"),
    [
        (gzip.compress, "zcat"),
        (bz2.compress, "bzcat"),
        (lzma.compress, "xzcat"),
        (lambda _: b"\x28\xb5\x2f\xfd rest", "zstdcat"),
        (lambda _: b"PK\x03\x04 rest", "unzip -p"),
    ],
)
def test_packed_files_are_refused_with_the_way_to_read_them(tmp_path: Path, pack: Any, unpack: str) -> None:
    packed = tmp_path / "a log.gz"
    packed.write_bytes(pack(TENSILE.encode()))
    ran = rocmkit("explain", "--log", str(packed))
    assert (ran.code, ran.out) == (2, "")
    assert f"`{unpack} '{packed}' | rocmkit explain --log -`" in ran.err
    ran = piped(packed.read_bytes(), "doctor", "--from", str(MACHINES / "no-gpu.yaml"), "--log", "-")
    assert ran.code == 2 and f"`{unpack} FILE | rocmkit doctor --log -`" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "--log", "/nowhere"), "does not exist"),
        (("explain", "--log", "/etc"), "is a directory"),
        (("explain", "--log", "/proc/self/mem"), "cannot read /proc/self/mem: Input/output error"),
        (("explain", "--log", "/dev/null", "--list"), "pass one of them"),
        (("explain", "--log", "/dev/null", "RK307"), "pass one of them"),
        (("explain", "--log", "x.log", "-o", "x.log"), "does not exist"),
        (("doctor", "--log", "-", "--from", "-"), "cannot both read standard input"),
        (("doctor", "--log", "/nowhere"), "does not exist"),
        (("doctor", "--log", "/dev/null", "--preview"), "makes no checks"),
        (("doctor", "--log", "/dev/null", "--what-if", "torch=2.9.1"), "ask for one of them"),
        (("doctor", "--only", "build-no-space"), "is no check: logs alone show it"),
        (("doctor", "--skip", "build-no-space"), "is no check: logs alone show it"),
    ],
)
def test_what_cannot_be_read_or_asked_is_a_usage_error(arguments: tuple[str, ...], words: str) -> None:
    ran = rocmkit(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err and "Traceback" not in ran.err


def test_the_answer_does_not_overwrite_the_log(log: Path, tmp_path: Path) -> None:
    text = log.read_text()
    for command in (("explain",), ("doctor", "--from", str(MACHINES / "no-gpu.yaml"))):
        ran = rocmkit(*command, "--log", str(log), "-o", str(log))
        assert (ran.code, log.read_text()) == (2, text)
        assert "would overwrite the log" in ran.err
    assert rocmkit("explain", "--log", str(log), "-o", str(tmp_path / "out")).out == ""
    assert "RK307" in (tmp_path / "out").read_text()


def test_names_and_tokens_of_a_log_stay_here(tmp_path: Path) -> None:
    private = tmp_path / "x.log"
    private.write_text(TENSILE.replace("/opt/rocm", "/home/alice/venv/hf_abcdefghijklmnopqrstuv"))
    for form in ("text", "json", "markdown"):
        ran = rocmkit("doctor", "--from", str(MACHINES / "radeon-vii.yaml"), "--log", str(private), "--format", form)
        assert "RK307" in ran.out
        assert "alice" not in ran.out and "hf_abc" not in ran.out
        assert "/venv/<token-1>/lib/rocblas" in ran.out.replace("&lt;", "<")


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    strange = os.fsencode(tmp_path) + b"/\xff\x1b[2J.log"
    with open(strange, "wb") as file:
        file.write(TENSILE.encode())
    for form in ([], ["--json"]):
        command: list[str | bytes] = [sys.executable, "-m", "rocmkit", "explain", "--log", strange, *form]
        done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert done.returncode == 0, done.stderr
        assert b"RK307" in done.stdout and b"\x1b" not in done.stdout


def doctor(machine: str, log: Path, *arguments: str) -> Ran:
    return rocmkit("doctor", "--from", str(MACHINES / f"{machine}.yaml"), "--log", str(log), *arguments)


@pytest.mark.parametrize("machine", ["mi50-torch-rocm72", "radeon-vii", "rx7900xtx", "no-gpu", "docker-no-devices"])
def test_a_log_changes_neither_verdict_nor_exit_code_nor_findings(log: Path, machine: str) -> None:
    with_log, without = doctor(machine, log, "--json"), rocmkit("doctor", "--from", str(MACHINES / f"{machine}.yaml"), "--json")
    assert with_log.code == without.code
    told = with_log.json["log"]
    jsonschema.validate(with_log.json, schema(Report, title="report"))
    jsonschema.validate(told, LOG_SCHEMA)
    assert [one["code"] for one in told["matches"]] == ["RK307"]
    assert {**with_log.json, "log": None} == without.json


def test_the_fix_of_a_finding_is_printed_once(log: Path) -> None:
    ran = doctor("mi50-torch-rocm72", log)
    assert ran.out.count("pip install") == 1
    assert ran.out.index("In the log") < ran.out.index("the same as for RK307 below") < ran.out.index("On the machine")
    assert ran.out.index("On the machine") < ran.out.index("pip install")
    assert "here    the check RK307 finds it on this machine too" in ran.out


def test_the_fix_is_written_for_this_python_and_this_card(log: Path) -> None:
    ran = doctor("radeon-vii", log)
    assert "run     ~/venv/bin/python -m pip" in ran.out
    assert "RK307 finds nothing wrong on this machine now" in ran.out
    assert "another machine" not in ran.out


def test_a_log_of_another_card_is_told_as_such(log: Path) -> None:
    ran = doctor("rx7900xtx", log)
    assert "This log is of another machine: it names gfx906" in " ".join(ran.out.split())
    assert "run     python3 -m pip" in ran.out
    assert doctor("rx7900xtx", log, "--json").json["log"]["elsewhere"] == ["gfx906"]
    assert "It is of another machine: it names gfx906." in doctor("rx7900xtx", log, "--format", "markdown").out


def test_markdown_holds_what_the_log_tells(log: Path) -> None:
    out = doctor("radeon-vii", log, "--format", "markdown").out
    assert "#### RK307 rocBLAS has no kernels for this GPU (error)" in out
    assert f"- line 2: `{TENSILE.strip()}`" in out
    assert "```sh\n~/venv/bin/python -m pip" in out


def test_each_of_several_recordings_gets_the_log(log: Path) -> None:
    ran = doctor("radeon-vii", log, "--from", str(MACHINES / "rx7900xtx.yaml"), "--json")
    assert [report["log"]["elsewhere"] for report in ran.json["reports"]] == [[], ["gfx906"]]


def test_the_guide_shows_what_the_program_prints(tmp_path: Path) -> None:
    _, asked, _, answer, _ = (ROOT / "docs/guide/logs.md").read_text().partition("## For scripts")[0].split("```")[2:7]
    (tmp_path / "crash.txt").write_text(asked.removeprefix("text\n"))
    command = [sys.executable, "-m", "rocmkit", "explain", "--log", "crash.txt"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    assert done.stdout == answer.removeprefix("text\n")


def test_help_imports_nothing_heavy() -> None:
    heavy = ("re2", "yaml", "msgspec", "rich", "rocmkit.kb")
    code = f"import sys; from rocmkit.cli import cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert done.stdout == b"[]\n"
