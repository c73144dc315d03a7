"""What `rocmkit doctor` prints of several recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rocmkit.errors import Exit, UsageError, worst
from rocmkit.many import Judge, judged
from rocmkit.output import drawing, write
from rocmkit.report.published import Report, Reports, Unjudged
from rocmkit.report.terminal import line
from rocmkit.words import said

if TYPE_CHECKING:
    from rocmkit.report.fleet import Fleet

#: Prints the report on one machine.
Draw = Callable[[Report], str]


def several(recordings: tuple[Path, ...], judge: Judge, form: str, output: Path | None, draw: Draw | None) -> Exit:
    """Judge each and print one report on all; the worst exit code of any. `draw` prints the report on one: then they follow one another."""
    if form == "json":
        return _json(recordings, judge, output)
    if draw is not None:
        if form == "html":
            raise UsageError("--log and --route go into the page of one machine", "ask for one recording at a time")
        return _one_by_one(recordings, judge, output, draw)
    from rocmkit.host.names import of_this_machine
    from rocmkit.report.fleet import fleet

    hide = of_this_machine().hide
    found = fleet((name, hide(str(path)), one) for name, path, one in judged(recordings, judge))
    write(_drawn(found, form, to_terminal=output is None), output)
    return Exit(found.exit)


def _drawn(found: Fleet, form: str, *, to_terminal: bool) -> str:
    if form == "markdown":
        from rocmkit.report import fleetmarkdown

        return fleetmarkdown.render(found)
    if form == "html":
        from rocmkit.report import fleethtml

        return fleethtml.render(found)
    from rocmkit.report import fleettext

    return fleettext.render(found, **drawing(to_terminal=to_terminal))


def _json(recordings: tuple[Path, ...], judge: Judge, output: Path | None) -> Exit:
    from rocmkit.report import json

    found = [one for _, _, one in judged(recordings, judge)]
    code = worst(map(_exit, found))
    reports = tuple(one for one in found if isinstance(one, Report))
    unjudged = tuple(one for one in found if isinstance(one, Unjudged))
    write(json.render(Reports(reports=reports, unjudged=unjudged, exit=code)), output)
    return code


def _one_by_one(recordings: tuple[Path, ...], judge: Judge, output: Path | None, draw: Draw) -> Exit:
    codes, texts = [], []
    for _, _, one in judged(recordings, judge):
        codes.append(_exit(one))
        texts.append(said(f"{one.source}: not judged: {line(one.because)}") + "\n" if isinstance(one, Unjudged) else draw(one))
    write("\n".join(texts), output)
    return worst(codes)


def _exit(one: Report | Unjudged) -> Exit:
    return Exit.USAGE if isinstance(one, Unjudged) else Exit(one.exit)
