"""Many recordings: which files they are, what they are called, and the report on each, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rocmkit.errors import UsageError
from rocmkit.output import progress
from rocmkit.report import names
from rocmkit.report.terminal import clean
from rocmkit.sources import live, machine, shown
from rocmkit.telling import Pace

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.report.published import Report, Unjudged

#: Makes a report on facts; the text says where they come from.
Judge = Callable[["Facts", str], "Report"]


def expanded(given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The recordings that --from names: of a folder, the files in it that end in .yaml, in the order of their names.

    Raises UsageError for a folder without any.
    """
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = [one for one in path.iterdir() if one.suffix == ".yaml" and not one.name.startswith(".") and one.is_file()]
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
        if not inside:
            raise UsageError(f"{path}: no file in that folder ends in .yaml", "recordings are written by `rocmkit doctor --record FILE`")
        found += sorted(inside, key=lambda one: names.natural(one.name))
    return tuple(found)


def judged(recordings: tuple[Path, ...], judge: Judge) -> Iterator[tuple[str, Path, Report | Unjudged]]:
    """Name, file and report of each recording; of one that no report can be made on, why. Keeps none of them."""
    from rocmkit.probe import collect
    from rocmkit.report.published import Unjudged

    called = names.apart([shown(path) for path in recordings])
    pace = Pace()
    with progress(after_s=1, doing="judging") as tell:
        for number, (name, path) in enumerate(zip(called, recordings, strict=True), 1):
            if tell:
                tell(f"{number} of {len(recordings)}: {name}", left_s=pace.left(number - 1, len(recordings)))
            source = f"recording {name}{shown(path.suffix)}"
            try:
                host, _, _ = machine(None, None, path, live)
                yield name, path, judge(collect(host), source)
            except UsageError as error:
                yield name, path, Unjudged(source=source, because=clean(error.message))
