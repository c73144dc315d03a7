"""The reference pages tell every row of the knowledge base, each with its sources."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rocmkit import kb
from rocmkit.build.load import load, recipes
from tools import architectures, knowledge
from tools import recipes as recipe_page
from tools.sources import Footnotes, link, linked
from tools.tables import range_of, table


@pytest.mark.parametrize(
    ("source", "leads_to"),
    [
        ("ROCm/rocBLAS#1339", "https://github.com/ROCm/rocBLAS/issues/1339"),
        ("ROCm/TheRock RELEASES.md", "https://github.com/ROCm/TheRock/blob/HEAD/RELEASES.md"),
        ("ROCm/ROCm@docs/6.1.5 RELEASE.md", "https://github.com/ROCm/ROCm/blob/docs/6.1.5/RELEASE.md"),
        ("ROCm/TheRock@4aa048f79", "https://github.com/ROCm/TheRock/tree/4aa048f79"),
        ("ROCm/rocm-cmake", "https://github.com/ROCm/rocm-cmake"),
    ],
)
def test_a_source_becomes_a_link(source: str, leads_to: str) -> None:
    assert link(source) == f"[{source}]({leads_to})"


@pytest.mark.parametrize("source", ["https://example.org/a_b", "onnxruntime-rocm 1.22.1 wheel", "GNU make po/ja.po", "a/b c, d"])
def test_what_is_no_place_on_github_stays(source: str) -> None:
    assert link(source) == source


def test_only_the_list_of_sources_is_linked() -> None:
    page = "# RK1\n\n- a/b#1\n\n## Sources\n\n- a/b#1\n- https://example.org\n"
    expected = "# RK1\n\n- a/b#1\n\n## Sources\n\n- [a/b#1](https://github.com/a/b/issues/1)\n- https://example.org\n"
    assert linked(page) == expected
    assert linked("# RK1\n\n- a/b#1\n") == "# RK1\n\n- a/b#1\n"


def test_a_source_has_one_footnote() -> None:
    notes = Footnotes()
    assert notes.known("reported", ("a/b#1", "c/d#2")) == "reported [^1] [^2]"
    assert notes.known("measured", ("c/d#2",)) == "measured [^2]"
    assert list(notes.lines()) == ["[^1]: [a/b#1](https://github.com/a/b/issues/1)", "[^2]: [c/d#2](https://github.com/c/d/issues/2)"]


def test_cells_stay_in_their_table() -> None:
    assert table(("a", "b"), [("x | y", "two\nlines")]) == ["| a | b |", "| --- | --- |", "| x \\| y | two lines |", ""]
    assert table(("a",), []) == []
    assert (range_of(">=6.0,<6.4"), range_of("==5.7.*"), range_of("")) == (">=6.0, <6.4", r"==5.7.\*", "all")


@pytest.mark.parametrize("page", [knowledge.page, architectures.page], ids=["knowledge", "architectures"])
def test_footnotes_are_all_used_and_all_there(page: Callable[[], str]) -> None:
    text = page()
    body, _, notes = text.partition("\n[^1]: ")
    assert set(re.findall(r"\[\^(\d+)\]", body)) == set(re.findall(r"(?m)^\[\^(\d+)\]: \S", "\n[^1]: " + notes))
    assert all(line.count(" | ") == head.count(" | ") for head, line in _rows(body)), "a row has not as many cells as its table"


def _rows(text: str) -> list[tuple[str, str]]:
    """Every row of every table beside the head of its table."""
    found, head = [], ""
    for line in text.split("\n"):
        head = (head or line) if line.startswith("| ") else ""
        if head:
            found.append((head, line))
    return found


def test_every_row_is_on_its_page() -> None:
    text = knowledge.page()
    for wheel in kb.torch_wheels():
        assert re.search(rf"(?m)^\| {re.escape(wheel.torch)}[^|]* \| {re.escape(wheel.rocm)} \|", text), wheel
    names = [*(one.id for one in kb.torch_builds()), *kb.build_needs(), *(one.name for one in kb.build_images())]
    names += [one.distribution for one in kb.onnxruntime_flavours()]
    names += [one.numba for one in kb.numba_rows()]
    assert [name for name in names if name not in text] == []
    cards = architectures.page()
    assert [name for name in kb.archs() if f"\n## {name}\n" not in cards] == []
    assert [one.device_id for one in kb.pci_names() if one.gfx in kb.archs() and f"`{one.device_id}`" not in cards] == []


def test_every_recipe_tells_what_it_changes_and_from_where_it_takes() -> None:
    text = recipe_page.page()
    for folder in recipes().values():
        recipe = load(folder).recipe
        for release in recipe.releases:
            assert f"### {recipe.name} {release.version}" in text
            for source in release.fetch.values():
                assert (source.commit or source.archive) in text
            for why in [*(one.why for one in release.patches), *(one.why for one in release.files)]:
                assert " ".join(why.split())[:40].replace("<", "&lt;") in text, why
