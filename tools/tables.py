"""Tables of the reference pages, and how versions and names stand in their cells."""

from __future__ import annotations

from collections.abc import Iterable

from rocmkit.report.markdown import inline, row


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table with an empty line after it; nothing where it has no rows."""
    names, body = tuple(heads), [row(cells) for cells in rows]
    return [row(names), row("---" for _ in names), *body, ""] if body else []


def range_of(specifier: str) -> str:
    """A specifier of versions, able to be broken over lines."""
    return specifier.replace(",", ", ").replace("*", r"\*") or "all"


def names(of: Iterable[str]) -> str:
    """Names in the type of code."""
    return " ".join(f"`{name}`" for name in of)


def code(text: str) -> str:
    """Text in the type of code; nothing where there is none."""
    return f"`{text}`" if text else ""


def notes(of: Iterable[tuple[str, str]]) -> list[str]:
    """What is to be said of some rows beneath a table, each after the name of its row."""
    lines = [f"- {name}: {inline(text)}" for name, text in of if text]
    return [*lines, ""] if lines else []
