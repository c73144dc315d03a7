"""Many machines as Markdown: a table, and every finding once."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report import fleet, summary
from rocmkit.report.drawing import MARKS
from rocmkit.report.fleet import Fleet, Machine, Shared
from rocmkit.report.markdown import fenced, inline, row, spoken, way_out
from rocmkit.words import said


def render(found: Fleet) -> str:
    """The report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Fleet) -> Iterator[str]:
    yield f"## rocmkit doctor: {said(inline(fleet.verdict_line(found)))}"
    yield ""
    yield said(f"rocmkit {found.rocmkit}, knowledge of {found.kb}, looked at {summary.counted(len(found.machines), 'machine')}.")
    yield ""
    yield inline(fleet.counts(found))
    for number, text in enumerate(fleet.supposed(found)):
        if number < 2:
            yield ""
        yield f"{'- ' if number else ''}{said(inline(text))}"
    alike = fleet.same(found)
    if alike:
        have = ", ".join(f"{head} {inline(cell)}" for head, cell in alike.items())
        yield ""
        yield said(f"The same on all of them: {have}")
    yield ""
    apart = [head for head in fleet.HEADS if head not in alike]
    heads = [said(head) for head in ("machine", *apart, "verdict", "codes")]
    yield row(heads)
    yield "|---" * len(heads) + "|"
    for one in found.machines:
        yield row((one.name, *fleet.cells(one, apart), fleet.verdict_cell(one), _told(one)))
    for shared in found.findings:
        yield ""
        yield spoken("\n".join(_finding(shared, found))).rstrip("\n")
    if found.left_out:
        yield ""
        yield said(f"Left out on request: {', '.join(found.left_out)}.")


def _told(one: Machine) -> str:
    words = [f"{MARKS[kind]} {code}" for kind, code in one.codes] + [f"{MARKS['gap']} {part}" for part in fleet.unread(one)]
    return said(one.because) if one.because else ", ".join(words)


def _finding(one: Shared, found: Fleet) -> Iterator[str]:
    likely = ", likely" if one.likely else ""
    yield f"### {one.code} {inline(one.title)} ({one.kind}{likely})"
    yield ""
    if one.message:
        yield inline(one.message)
        yield ""
    yield f"- on: {inline(fleet.where(one, found))}"
    if one.cause:
        yield f"- cause: {inline(one.cause)}"
    if one.fix:
        yield from way_out(one.fix)
    elif not one.alike:
        yield f"- fix: {fleet.DIFFERS}"
        yield ""
        yield from fenced(fleet.see(one), "sh")
