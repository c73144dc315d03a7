"""`rocmkit explain`: the page of a check, offline."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from rocmkit.doctor.check import HEADINGS, Check, all_checks
from rocmkit.errors import UsageError
from rocmkit.model import Model


class Page(Model, kw_only=True):
    """`rocmkit explain CODE --json`. `sections` maps each heading to its Markdown."""

    schema: Literal["rocmkit.page/1"] = "rocmkit.page/1"  # the name of this shape
    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: str  # error, warning or note
    summary: str  # what is wrong, in a sentence or two
    sections: dict[str, str]  # heading to Markdown


class Listing(Model, kw_only=True):
    """`rocmkit explain --list --json`."""

    schema: Literal["rocmkit.pages/1"] = "rocmkit.pages/1"  # the name of this shape
    pages: tuple[Page, ...]  # by code


def page(check: Check) -> Page:
    """The page of a check, from its docstring. Raises ValueError where a heading is missing or out of order."""
    first, *rest = re.split(r"^## (.+)$", check.page, flags=re.MULTILINE)
    headings, bodies = tuple(rest[::2]), [body.strip() for body in rest[1::2]]
    if headings != HEADINGS or not all(bodies):
        raise ValueError(f"{check.code}: the page needs the headings {HEADINGS}, it has {headings}")
    return Page(
        code=check.code,
        id=check.id,
        title=check.title,
        severity=check.severity,
        summary=" ".join(first.split()),
        sections=dict(zip(headings, bodies, strict=True)),
    )


def find(name: str) -> Page:
    """The page with that code or id, in any case. Raises UsageError that names what comes close."""
    import difflib

    wanted = name.strip().lower().replace("_", "-")
    for check in all_checks():
        if wanted in {check.code.lower(), check.id}:
            return page(check)
    near = difflib.get_close_matches(wanted, [c.id for c in all_checks()], n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`rocmkit explain --list` lists all"
    raise UsageError(f"no check is called {name!r}", hint)


def listing() -> Listing:
    """All pages, by code."""
    return Listing(pages=tuple(page(check) for check in all_checks()))


def markdown(one: Page) -> str:
    """A page as Markdown: what `docs/checks` holds."""
    lines = [f"# {one.code} {one.title}", "", f"`{one.id}` · {one.severity}", "", one.summary, ""]
    for heading, body in one.sections.items():
        lines += [f"## {heading}", "", body, ""]
    return "\n".join(lines)


def table(pages: Iterable[Page]) -> str:
    """One line a check: code, severity, id, title."""
    rows = list(pages)
    width = max((len(row.id) for row in rows), default=0)
    return "\n".join(f"{row.code}  {row.severity:<7}  {row.id:<{width}}  {row.title}" for row in rows) + "\n"
