"""`rocmkit smoke --verify` for people: what the bundle proves, what it does not, and whether it agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report.drawing import ASCII_MARKS, STYLES, Style, style_of, wrapped
from rocmkit.report.drawing import MARKS as SIGNS
from rocmkit.report.smokerows import VERDICTS
from rocmkit.report.terminal import line
from rocmkit.smoke.verified import Verified


def render(found: Verified, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text."""
    style, marks = style_of(color=color), SIGNS if unicode else ASCII_MARKS
    text = "\n".join(_lines(found, style, marks, max(width, 60))) + "\n"
    return text if unicode else text.encode("ascii", "backslashreplace").decode("ascii")


def _lines(found: Verified, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield style("bold", f"rocmkit smoke --verify {found.rocmkit}")
    yield f"    the bundle was written by rocmkit {line(found.written_by)}"
    for head, kind, texts in (
        ("Does not agree with itself", "error", found.problems),
        ("Proved", "ok", found.proved),
        ("Not proved", "note", found.not_proved),
    ):
        if texts:
            yield ""
            yield style("bold", head)
        for text in texts:
            yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", text, width, indent=2)
    yield ""
    kind = "error" if not found.intact else "ok" if found.exit == 0 else "gap"
    said = "it does not agree with itself, so that it proves nothing"
    if found.intact:
        said = f"it agrees with itself. {VERDICTS[found.verdict] if found.verdict else ''}: {found.because}"
    yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", said, width, indent=2)
