"""The site is built strictly: what leads nowhere stops it, and what is no page leads to the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.site import MENU, REPOSITORY, ROOT, pages_of

FIRST = """\
# First

[code](../rocmkit/a.py), [folder](../rocmkit), [checks](checks/), [one](checks/RK101.md#why), https://example.org/page and readme.md
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of three pages, with the real settings."""
    for name in ("docs/conf.py", "docs/templates/index.html"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "tree" / name)
    pages = {
        "docs/README.md": FIRST,
        "docs/checks/README.md": "# Checks\n\n[RK101](RK101.md)\n",
        "docs/checks/RK101.md": "# RK101\n\n## Why\n\nIt is --so.\n",
        "rocmkit/a.py": "",
        "rocmkit/notes.md": "no page",
    }
    for name, text in pages.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    return tmp_path / "tree"


def built(tree: Path) -> tuple[int, str, Path]:
    """The exit code, what was said, and where the site is."""
    site = tree.parent / "site"
    command = [sys.executable, "-m", "tools.site", str(site), str(tree)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr, site


def test_a_sound_tree_becomes_a_site(tree: Path) -> None:
    code, said, site = built(tree)
    assert (code, said) == (0, "")
    first = (site / "docs/README.html").read_text()
    assert f'href="{REPOSITORY}/blob/main/rocmkit/a.py"' in first
    assert f'href="{REPOSITORY}/tree/main/rocmkit"' in first
    assert 'href="checks/README.html"' in first
    assert 'href="checks/RK101.html#why"' in first
    assert 'href="https://example.org/page"' in first
    assert 'href="http://readme.md"' not in first
    assert "It is --so." in (site / "docs/checks/RK101.html").read_text()
    assert 'url=docs/README.html"' in (site / "index.html").read_text()
    assert not (site / "rocmkit").exists()


def test_what_leads_nowhere_stops_it(tree: Path) -> None:
    (tree / "docs/README.md").write_text(FIRST + "\n[x](gone.md) [y](checks/RK101.md#gone) [z](#gone-too)\n\n![w](gone.svg)\n")
    (tree / "docs/alone.md").write_text("# In no menu\n")
    code, said, _ = built(tree)
    assert code == 1
    for wrong in ("'gone.md'", "'gone'", "'gone-too'", "gone.svg", "alone.md: WARNING: document isn't included in any toctree"):
        assert wrong in said, said
    assert said.count("WARNING") == 5, said


def test_the_menu_names_pages_that_are_there() -> None:
    named = [pages_of(entry) for entries in MENU.values() for entry in entries]
    assert [page for page in named if "*" not in page and not (ROOT / f"{page[1:]}.md").is_file()] == []
