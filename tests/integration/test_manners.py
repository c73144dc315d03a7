"""How rocmkit behaves at a terminal: help, near names, completion, man pages, the line that moves, Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from rocmkit.cli import cli
from rocmkit.cli.commands import Command, Group
from tests.support.command import ROOT, rocmkit
from tests.support.terminal import ENVIRONMENT, shown, terminal
from tools import man

COMMANDS = [(path[1:], command) for path, command, _ in man.commands()]
IDS = [" ".join(path) or "rocmkit" for path, _ in COMMANDS]
NO_GPU = str(ROOT / "tests/machines/no-gpu.yaml")


def rocmkit_at(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rocmkit", *arguments]


# help


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_begins_with_what_it_is_for_and_ends_with_examples(path: tuple[str, ...], command: Command, columns: int) -> None:
    told = rocmkit(*path, "--help", env={"COLUMNS": str(columns)})
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert " ".join(told.out.split()).startswith(command.paragraphs[0])
    heads = [line for line in lines if re.match(r"[A-Z][A-Za-z ]*:", line)]
    assert [head.partition(":")[0] for head in heads if not head.startswith("Usage")][-2:] == ["Exit codes", "Examples"]
    examples = lines[lines.index("Examples:") + 1 :]
    assert [line[2:] for line in examples if not line.startswith("   ")] == [typed for typed, _ in command.examples]
    words = {typed for typed, _ in command.examples}
    for line in lines:
        assert len(line) <= min(columns, 100) or line.strip() in words or " " not in line.strip(), line


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_every_example_is_a_call_that_parses(
    path: tuple[str, ...], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options that were renamed, and arguments that are not taken, would stay in examples for ever."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command.examples
    for typed, _ in command.examples:
        calls = 0
        for part in re.split(r"\s(?:&&|\|)\s|\$\(", re.sub(r"\s>\s.*|2>&1|\)\"$", "", typed)):
            words = shlex.split(part.replace('"', "")) if "'" not in part else shlex.split(part)
            if words[:1] != ["rocmkit"]:
                continue
            calls += 1
            for word in words[1:]:  # the files and folders that it speaks of
                if word.endswith("/"):
                    (tmp_path / word).mkdir(exist_ok=True)
                elif "." in word and "=" not in word and not word.startswith(("-", "~", ".", "/")):
                    (tmp_path / word).touch()
            (tmp_path / "my-recipe").mkdir(exist_ok=True)
            parse(cli, words[1:])
        assert calls, typed


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    context = command.make_context(command.name, list(words), parent=parent)
    rest = [*context._protected_args, *context.args]
    if isinstance(command, Group) and rest:
        parse(command.commands[rest[0]], rest[1:], context)


def test_no_list_of_commands_is_cut_off() -> None:
    assert "..." not in rocmkit("--help").out.partition("Commands:")[2]


# near names


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("doctr",), "did you mean doctor?"),
        (("Smoke",), "did you mean smoke?"),
        (("recipes", "chek"), "did you mean check?"),
        (("xyzzy",), "`rocmkit --help` lists all"),
        (("doctor", "--jsn"), "--json"),
        (("doctor", "--route", "reazonspech-k2"), "reazonspeech-k2"),
        (("smoke", "faster-wisper"), "did you mean faster-whisper"),
        (("build", "ctranslate", "--arch", "gfx906"), "did you mean ctranslate2?"),
        (("build", "ctranslate2", "--arch", "gfx960", "--rocm-version", "6.3", "--dry-run"), "gfx906"),
        (("inspect", "/bin/true", "--for", "gfx9006"), "gfx900"),
        (("explain", "RK1O1"), "did you mean RK101?"),
        (("doctor", "--only", "kfd-permision"), "kfd-permission"),
        (("doctor", "--what-if", "rcom=7.2"), "rocm"),
    ],
)
def test_a_wrong_name_is_answered_with_a_near_one(arguments: tuple[str, ...], hint: str) -> None:
    ran = rocmkit(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.err
    assert "Traceback" not in ran.err


# completion


def completed(line: str, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a line, which may be empty."""
    words = line.split(" ")
    env = {"_ROCMKIT_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    ran = rocmkit(env={**env, "LC_ALL": "C.UTF-8"})
    assert ran.err == ""
    return [line.partition(",")[2] for line in ran.out.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rocmkit d", ["doctor", "diff"]),
        ("rocmkit doctor --rou", ["--route"]),
        ("rocmkit doctor --route kot", ["kotoba-whisper"]),
        ("rocmkit doctor --only RK41", [f"RK4{number}" for number in range(10, 20)]),
        ("rocmkit doctor --what-if ker", ["kernel="]),
        ("rocmkit explain rocblas-no", ["rocblas-no-tensile"]),
        ("rocmkit explain RK70", [f"RK70{number}" for number in range(1, 10)]),
        ("rocmkit smoke fas", ["faster-whisper"]),
        ("rocmkit build ctr", ["ctranslate2"]),
        ("rocmkit build --arch gfx90", ["gfx900", "gfx902", "gfx904", "gfx906", "gfx908", "gfx909", "gfx90a", "gfx90c"]),
        ("rocmkit inspect --for nat", ["native"]),
        ("rocmkit inspect --provider m", ["migraphx"]),
        ("rocmkit recipes sh", ["show"]),
        ("rocmkit recipes show she", ["sherpa-onnx"]),
        ("rocmkit smoke --format ht", ["html"]),
        ("rocmkit completions f", ["fish"]),
    ],
)
def test_the_tab_key_completes(line: str, offered: list[str]) -> None:
    got = completed(line)
    assert [one for one in got if one in offered] == offered
    assert all(one.lower().startswith(line.rpartition(" ")[2].lower()) for one in got)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_take_their_scripts_and_complete(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.fail(f"{shell} is missing: `./run` installs it")
    script = tmp_path / "completion"
    ran = rocmkit("completions", shell, env={"PATH": "/nowhere"})  # it is not looked which shell is here
    assert (ran.code, ran.err) == (0, "")
    script.write_text(ran.out)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "rocmkit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rocmkit "$@"\n')
    (bin_ / "rocmkit").chmod(0o755)
    ask = {
        "bash": f'. "{script}"; COMP_WORDS=(rocmkit recipes sh); COMP_CWORD=2; _rocmkit_completion rocmkit; echo "${{COMPREPLY[@]}}"',
        "zsh": f'compdef() {{ :; }}; _describe() {{ print -- "$@" ${{(P)4}} ${{(P)3}} }}; compadd() {{ print -- "$@" }}; '
        f'. "{script}"; words=(rocmkit recipes sh); CURRENT=3; _rocmkit_completion',
        "fish": f'source "{script}"; complete --do-complete "rocmkit recipes sh"',
    }
    env = {**ENVIRONMENT, "PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run([program, "-c", ask[shell]], capture_output=True, text=True, env=env, check=False, timeout=60)
    assert "show" in done.stdout, done.stdout + done.stderr


# man pages


@pytest.mark.parametrize(("name", "text"), list(man.pages()), ids=[name for name, _ in man.pages()])
def test_a_man_page_reads_without_warnings(name: str, text: str, tmp_path: Path) -> None:
    page = tmp_path / name
    page.write_text(text, encoding="ascii")
    env = {**ENVIRONMENT, "MANWIDTH": "80", "MANPAGER": "cat", "HOME": str(tmp_path)}
    read = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, env=env, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    plain = re.sub(r".\x08", "", read.stdout)
    command: Command = cli
    for word in name.removesuffix(".1").split("-")[1:]:
        assert isinstance(command, Group)
        command = command.commands[word]  # type: ignore[assignment]
    for typed, words in command.examples:
        assert f"       {typed}\n" in plain  # whole, to be copied
        assert words.split()[0] in plain
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES"):
        assert f"\n{section}\n" in plain


# the line that moves, and Ctrl-C


def test_a_line_says_how_long_it_may_take_and_goes_away() -> None:
    with terminal(rocmkit_at("bisect", "--runs", "1", "--budget", "100", "--", "sleep", "4")) as (process, leader):
        told = shown(leader).decode()
        assert process.wait() == 3
    assert re.search(r"trying run number 1: as it is … [23] s, at most \d+ min left", told)
    assert len(set(re.findall(r"… (\d) s, at most", told))) > 1  # it moves while the program runs
    assert "\r\x1b[K" in told.rpartition("trying")[2]


def test_nothing_moves_off_a_terminal() -> None:
    ran = rocmkit("bisect", "--runs", "1", "--", "sleep", "3")
    assert ran.code == 3
    assert "\r" not in ran.err and "\x1b" not in ran.err and "trying" not in ran.err


@pytest.mark.parametrize("delay_s", [0.06, 0.1, 0.15, 0.25, 0.5, 1.0])
def test_ctrl_c_shows_no_traceback(delay_s: float, tmp_path: Path) -> None:
    """Before Python has begun with rocmkit it is Python's to answer: that takes some hundredths of a second."""
    began = tmp_path / "began"
    start = f"import pathlib, runpy; pathlib.Path({str(began)!r}).touch(); runpy.run_module('rocmkit', run_name='__main__')"
    with terminal([sys.executable, "-c", start, "bisect", "--", "sleep", "30"]) as (process, leader):
        until = time.monotonic() + 20
        while not began.exists() and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(delay_s)
        os.write(leader, b"\x03")
        told = shown(leader).decode()
        assert process.wait(20) in {130, -signal.SIGINT, 3}
    assert "Traceback" not in told and "KeyboardInterrupt" not in told


def test_a_shell_in_the_background_that_ignores_ctrl_c_still_does() -> None:
    """`sh -c 'rocmkit … &'` starts it with SIGINT ignored."""
    command = f"trap '' INT; exec '{sys.executable}' -m rocmkit doctor --from '{NO_GPU}'"
    with terminal(["sh", "-c", command]) as (process, leader):
        for _ in range(4):
            time.sleep(0.05)
            os.write(leader, b"\x03")
        assert b"NOT APPLICABLE" in shown(leader)
        assert process.wait() == 4


# terminals of every kind


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_reports_fit_and_commands_stay_whole(columns: int) -> None:
    recording = ROOT / "tests/machines/the-user.yaml"
    fixes = [
        command
        for result in rocmkit("doctor", "--json", "--from", str(recording)).json["results"]
        for finding in result["findings"]
        if (fix := finding["fix"])
        for command in (*fix["commands"], *fix["verify"])
    ]
    assert fixes
    with terminal(rocmkit_at("doctor", "--from", str(recording)), columns=columns, env={"NO_COLOR": "1"}) as (process, leader):
        lines = re.sub(r"\r\x1b\[K[^\r\n]*(?=\r\x1b\[K)|\r\x1b\[K", "", shown(leader).decode()).replace("\r\n", "\n").splitlines()
        assert process.wait() == 1
    for command in fixes:
        assert any(line.endswith(command) for line in lines), command
    for line in lines if columns > 40 else ():  # a title is one line, and the terminal's to break there
        assert len(line) <= columns or any(command in line for command in fixes) or len(max(line.split(), key=len)) + 12 > columns, line


@pytest.mark.parametrize("page", [("--help",), ("explain", "--list"), ("explain", "RK101"), ("recipes",), ("doctor", "--from", NO_GPU)])
def test_head_may_leave_early(page: tuple[str, ...]) -> None:
    command = f"{shlex.join(rocmkit_at(*page))} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.stderr == ""
    assert done.returncode in {0, 4}
    assert done.stdout.count("\n") == 1


def test_what_is_said_is_read_as_utf_8_whatever_the_locale() -> None:
    """A terminal writes UTF-8 though the locale is C, as over ssh into a bare machine."""
    clip = str(ROOT / "rocmkit/smoke/clips/00_jf_alpha.wav")
    bare: dict[str, str | None] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = rocmkit("smoke", "faster-whisper", "--audio", clip, "--reference", "日本語", "--python", sys.executable, env=bare, timeout_s=120)
    assert (ran.code, ran.err) == (3, "")
    assert ran.out.isascii()
    command = [*rocmkit_at("smoke", "faster-whisper", "--audio", clip, "--reference"), os.fsdecode(b"\x93\xfa\x96{")]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False)
    assert (done.returncode, b"not UTF-8" in done.stderr, b"name the file" in done.stderr) == (2, True, True)


def test_a_page_on_a_terminal_fits_it_and_in_a_pipe_is_markdown() -> None:
    with terminal(rocmkit_at("explain", "RK307"), columns=60) as (process, leader):
        lines = shown(leader).decode().replace("\r\n", "\n").splitlines()
        assert process.wait() == 0
    assert all(len(line) <= 60 or "`" in line for line in lines)
    assert " ".join(lines).split() == rocmkit("explain", "RK307").out.split()
