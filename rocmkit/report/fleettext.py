"""Many machines as text: a row for each, every finding once, one verdict line last.

Where a terminal is too narrow for the table each machine is a paragraph; nothing is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rocmkit.report import fleet, summary
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, fix_lines, label, style_of, wrapped
from rocmkit.report.fleet import Fleet, Machine, Shared
from rocmkit.report.terminal import line
from rocmkit.report.text import VERDICT_STYLES
from rocmkit.words import said
from rocmkit.words.columns import pad, width, wrap

_BETWEEN = 2
#: Columns may get as narrow as this, and as this to make room for codes beside them: so many columns; else these stand below.
_NARROWEST = 8
_NARROW = 16
_CODES = 27


def render(found: Fleet, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text. `width` bounds all but commands and names that are longer."""
    drawn = _Drawn(found, max(width, 40), color=color, unicode=unicode)
    text = "\n".join(one.rstrip() for one in drawn.lines()) + "\n"
    return text if unicode else text.replace("→", "->").encode("ascii", "replace").decode("ascii")


class _Drawn:
    """A fleet, and how it is drawn."""

    def __init__(self, found: Fleet, columns: int, *, color: bool, unicode: bool) -> None:
        self.found, self.columns = found, columns
        self.style, self.marks = style_of(color=color), MARKS if unicode else ASCII_MARKS

    def lines(self) -> Iterator[str]:
        found, style = self.found, self.style
        many = summary.counted(len(found.machines), "machine")
        head, what = f"rocmkit doctor {found.rocmkit}", said(f"{many}, knowledge of {found.kb}")
        yield style("bold", head) + ("  " if width(head) + _BETWEEN + width(what) <= self.columns else "\n") + what
        yield ""
        for number, text in enumerate(fleet.supposed(found)):
            for one in wrapped("    " if number else "", text, self.columns, indent=4):
                yield one if number else style("bold", one)
        if found.what_if:
            yield ""
        alike = fleet.same(found)
        if alike:
            have = ", ".join(f"{head} {line(cell)}" for head, cell in alike.items())
            yield from wrapped("", f"The same on all of them: {have}", self.columns, indent=4)
            yield ""
        yield from self._machines([head for head in fleet.HEADS if head not in alike])
        yield ""
        for shared in found.findings:
            yield from self._finding(shared)
            yield ""
        if found.left_out:
            yield from wrapped("- ", f"left out on request: {', '.join(found.left_out)}", self.columns, indent=2)
            yield ""
        yield from wrapped("", fleet.counts(found), self.columns, indent=4)
        yield style(VERDICT_STYLES.get(fleet.verdict(found), "bold"), said(fleet.verdict_line(found)))

    def _machines(self, apart: list[str]) -> Iterator[str]:
        heads = [said(head) for head in ("machine", *apart, "verdict")]
        rows = [[line(one.name), *map(line, fleet.cells(one, apart)), fleet.verdict_cell(one)] for one in self.found.machines]
        room = min(_CODES, max(len(one.codes) for one in self.found.machines) * 9) + _BETWEEN
        widths = _widths([heads, *rows], self.columns - room, _NARROW)
        beside = widths is not None
        widths = widths or _widths([heads, *rows], self.columns, _NARROWEST)
        if widths is None:
            for one, (name, *cells, verdict) in zip(self.found.machines, rows, strict=True):
                between = "  " if width(name) + _BETWEEN + width(verdict) <= self.columns else "\n    "
                yield name + between + self._verdict(one, verdict)
                kit = ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:-1], cells, strict=True) if cell)
                yield from wrapped("    ", kit, self.columns, indent=4) if kit else ()
                yield from self._told(one, 4)
            return
        used = sum(widths) + _BETWEEN * len(widths)
        yield self.style("bold", _row(heads, widths) + (said("codes") if beside else ""))
        for one, cells in zip(self.found.machines, rows, strict=True):
            drawn = list(self._row(one, cells, widths))
            told = list(self._told(one, used if beside and not one.because else 4))
            if beside and not one.because:
                blank = " " * used
                for number in range(max(len(drawn), len(told))):
                    yield (drawn[number] if number < len(drawn) else blank) + (told[number][used:] if number < len(told) else "")
            else:
                yield from (*drawn, *told)

    def _row(self, one: Machine, cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
        parts = [_broken(cell, columns) for cell, columns in zip(cells, widths, strict=True)]
        for number in range(max(map(len, parts))):
            *row, verdict = (part[number] if number < len(part) else "" for part in parts)
            yield _row(row, widths[:-1]) + self._verdict(one, verdict) + " " * (widths[-1] + _BETWEEN - width(verdict))

    def _verdict(self, one: Machine, text: str) -> str:
        return self.style(VERDICT_STYLES.get(one.verdict or "", "bold"), text) if text else ""

    def _told(self, one: Machine, indent: int) -> Iterator[str]:
        """What was found on a machine, or why it could not be judged."""
        first, room = " " * indent, self.columns - indent
        if one.because:
            yield from wrapped(first, one.because, self.columns, indent=indent)
        drawn, used = "", 0
        for kind, word in self._codes(one):
            if drawn and used + 1 + width(word) > room:
                yield first + drawn
                drawn, used = "", 0
            drawn += (" " if drawn else "") + self.style(STYLES[kind], word)
            used += width(word) + (1 if used else 0)
        if drawn:
            yield first + drawn

    def _codes(self, one: Machine) -> Iterator[tuple[str, str]]:
        """(kind, word): the first of each kind has its mark."""
        last = ""
        for kind, code in (*one.codes, *(("gap", line(part)) for part in fleet.unread(one))):
            yield kind, code if kind == last else f"{self.marks[kind]} {code}"
            last = kind

    def _finding(self, one: Shared) -> Iterator[str]:
        style = self.style
        likely = f" {said('(likely)')}" if one.likely else ""
        head = f"{self.marks[one.kind]} {one.code}"
        first, *rest = wrap(said(one.title) + likely, self.columns - width(head) - 1)
        yield style(STYLES[one.kind], head) + " " + style("bold", first)
        yield from ("    " + style("bold", text) for text in rest)
        yield from wrapped(label("on"), fleet.where(one, self.found), self.columns, indent=INDENT)
        if one.message:
            yield from wrapped("    ", one.message, self.columns, indent=4)
        if one.kind == "crashed":
            yield from wrapped("    ", "This is a bug in rocmkit; the other checks are not affected.", self.columns, indent=4)
        if one.cause:
            yield from wrapped(label("cause"), one.cause, self.columns, indent=INDENT)
        if one.fix:
            yield from fix_lines(one.fix, style, self.columns)
        elif not one.alike:
            yield from wrapped(label("fix"), fleet.DIFFERS, self.columns, indent=INDENT)
            yield label("run") + style("cyan", line(fleet.see(one)))


def _widths(rows: Sequence[Sequence[str]], columns: int, narrowest: int) -> list[int] | None:
    """How wide each column is, so that all fit; the widest give way first. None where that leaves too little."""
    widths = [max(map(width, cells)) for cells in zip(*rows, strict=True)]
    while sum(widths) + _BETWEEN * (len(widths) - 1) > columns:
        widest = max(widths)
        if widest <= narrowest:
            return None
        widths[widths.index(widest)] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(pad(cell, columns + _BETWEEN) for cell, columns in zip(cells, widths, strict=True))


def _broken(text: str, columns: int) -> list[str]:
    """`text` in lines of so many columns: broken at blanks, and where a word is longer, in it."""
    lines = []
    for whole in wrap(text, columns):
        part, used = "", 0
        for letter in whole:
            if part and used + width(letter) > columns:
                lines.append(part)
                part, used = "", 0
            part, used = part + letter, used + width(letter)
        lines.append(part)
    return lines
