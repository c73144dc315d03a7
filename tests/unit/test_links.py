"""Links between the files of the repository lead somewhere, and every page of the documentation can be reached by them on GitHub."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.links import anchors, links

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("benchmarks", "docs", "dockerfiles", "examples", "recipes", "rocmkit", "tests", "tools")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])


def led_to(page: Path, link: str) -> tuple[Path, str]:
    """The file that a link of a page is to, and the heading in it."""
    path, _, heading = unquote(link).partition("#")
    return ((page.parent / path).resolve() if path else page, heading)


def broken(page: Path, root: Path) -> list[str]:
    found = []
    for link in links(page):
        target, heading = led_to(page, link)
        if not target.is_relative_to(root) or not target.exists() or (heading and heading not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, ROOT) == []


def test_what_is_broken_is_told(tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# One, two\n\n## `code` & more\n\n## One, two\n")
    page = tmp_path / "page.md"
    fine = ["other.md", "other.md#one-two", "other.md#one-two-1", "other.md#code--more", "#here", "https://example.org/no", "."]
    wrong = ["gone.md", "other.md#three", "#nowhere", "../..", "other.md#one-two-2"]
    table = "| a |\n|---|\n| [x](gone-too.md) |\n"
    page.write_text(
        "# Here\n\n" + "\n".join(f"[x]({link})" for link in (*fine, *wrong)) + f"\n\n```\n[x](in-code.md)\n```\n\n![x](gone.svg)\n\n{table}"
    )
    assert broken(page, tmp_path) == [*wrong, "gone.svg", "gone-too.md"]


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, waiting = set[Path](), [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            waiting += [target / "README.md" if target.is_dir() else target for target, _ in (led_to(page, link) for link in links(page))]
    documentation = {page for page in PAGES if page.is_relative_to(ROOT / "docs") or page.parent == ROOT}
    assert sorted(str(page.relative_to(ROOT)) for page in documentation - reached) == []
