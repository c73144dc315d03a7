"""The examples for racks: the scripts run with stand-ins for the tools that reach the nodes, which are this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, script

EXAMPLES = ROOT / "examples/rack"
MACHINES = ROOT / "tests/machines"
#: What a node prints: of n2 a recording of a machine that is blocked, with its exit code, of n3 nothing.
NODE = """
case $node in n1) cat {machines}/mi210.yaml ;; n2) cat {machines}/no-access.yaml; false ;; n3) ;; esac
"""
CLUSH = """
while [ $# -gt 1 ]; do case $1 in -q) shift ;; -w) nodes=$2; shift 2 ;; --outdir) out=$2; shift 2 ;; *) echo "$1" >&2; exit 99 ;; esac; done
printf '%s\\n' "$1" >asked
mkdir -p "$out"
for node in $nodes; do { {node} } >"$out/$node" || code=1; done
exit ${code:-0}
"""
SRUN = """
out=${1#--output=}; shift
printf '%s\\n' "$*" >asked
for node in n1 n2 n3; do { {node} } >"${out%\\%N.yaml}$node.yaml" || code=1; done
exit ${code:-0}
"""


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has rocmkit, which builds nothing but says so, and stand-ins for clush and srun."""
    node = NODE.format(machines=MACHINES)
    folder = tmp_path / "bin"
    script(folder, "clush", CLUSH.replace("{node}", node))
    script(folder, "srun", SRUN.replace("{node}", node))
    rocmkit = f'[ "$1" = build ] && echo "$@" && exit 0\nexec "{sys.executable}" -m rocmkit "$@"\n'
    script(folder, "rocmkit", rocmkit)
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "NO_COLOR"}}
    return {**kept, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def run(name: str, *arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False, timeout=60)


def test_clush_records_and_gives_one_table(tools: dict[str, str], tmp_path: Path) -> None:
    ran = run("clush.sh", "record", "n1 n2 n3", env=tools, cwd=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.splitlines()[-1] == "BLOCKED: 1 of 2 machines"
    assert ran.stderr.splitlines()[-1] == "n3: nothing came"
    assert sorted(path.name for path in (tmp_path / "rack").iterdir()) == ["n1.yaml", "n2.yaml"]
    assert (tmp_path / "rack.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "asked").read_text() == "rocmkit doctor --python ~/venv --record - -o /dev/null\n"


def test_a_build_is_for_every_architecture_of_the_rack(tools: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "rack").mkdir()
    for name in ("mi210", "two-mi50", "the-user", "no-gpu"):
        shutil.copy(MACHINES / f"{name}.yaml", tmp_path / "rack")
    ran = run("clush.sh", "build", "ctranslate2", env=tools, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "build ctranslate2 --arch=gfx906 --arch=gfx90a\n"), ran.stderr


def test_without_a_known_word_it_says_how_it_is_called(tools: dict[str, str], tmp_path: Path) -> None:
    ran = run("clush.sh", "paint", "n1", env=tools, cwd=tmp_path)
    assert ran.returncode == 2 and "./clush.sh record NODES" in ran.stderr and "set -euo" not in ran.stderr


def test_a_job_of_slurm_ends_with_the_table(tools: dict[str, str], tmp_path: Path) -> None:
    ran = run("rack.sbatch", env=tools, cwd=tmp_path)
    assert ran.returncode == 2  # n3 said nothing, and that is told
    assert ran.stdout.splitlines()[-1] == "BLOCKED: 1 of 3 machines; 1 recording could not be judged"
    assert "--record - -o /dev/null" in (tmp_path / "asked").read_text()


def test_what_the_playbook_calls_is_what_rocmkit_takes() -> None:
    import yaml

    plays = yaml.safe_load((EXAMPLES / "playbook.yml").read_text())
    commands = [task["ansible.builtin.command"]["argv"] for play in plays for task in play["tasks"] if "ansible.builtin.command" in task]
    assert [words[1] for words in commands] == ["doctor", "smoke", "doctor", "doctor"]
    for words in commands:
        options = [word for word in words[2:] if word.startswith("-") and word != "-"]
        command = [sys.executable, "-m", "rocmkit", words[1], "--help"]
        shown = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True).stdout
        assert all(option in shown for option in options), options


def test_a_recording_can_go_to_standard_output() -> None:
    command = [sys.executable, "-m", "rocmkit", "doctor", "--record", "-", "-o", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=30)
    assert done.stdout.startswith("rocmkit_recording: 1\n") and "looked at" not in done.stdout


@pytest.mark.parametrize("name", ["clush.sh", "rack.sbatch"])
def test_the_scripts_are_sound_to_the_shell(name: str) -> None:
    subprocess.run(["bash", "-n", str(EXAMPLES / name)], check=True)
