"""The page for newcomers shows what the program prints: what it calls `rocmkit` is typed here; what it calls `./run` was of one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, script
from tests.support.following import Block, blocks

TEXTS = [one for one in blocks((ROOT / "docs/guide/first-ten-minutes.md").read_text(encoding="utf-8")) if one.kind == "text"]
SHOWN = [one for one in TEXTS if one.text.startswith("$ ") and "./run" not in one.text.partition("\n")[0]]


def test_the_page_is_read_as_it_was_written() -> None:
    assert len(SHOWN) >= 6
    assert [one.text.startswith("Fatal Python error") for one in TEXTS].count(True) == 1


@pytest.mark.parametrize("block", SHOWN, ids=lambda one: one.text.partition("\n")[0][2:60])
def test_it_prints_what_the_page_shows(block: Block, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (crash,) = [one.text for one in TEXTS if "crash.txt`:" in one.sentence]
    (tmp_path / "crash.txt").write_text(crash)
    programs = script(tmp_path / "bin", "rocmkit", f'exec "{sys.executable}" -m rocmkit "$@"\n').parent
    command, _, shown = block.text.removeprefix("$ ").partition("\n")
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    at = 0
    for part in (part.strip("\n") for part in shown.split("…")):
        assert part in done.stdout[at:], f"{part}\n-- is not in the rest of --\n{done.stdout[at:]}"
        at = done.stdout.index(part, at) + len(part)
