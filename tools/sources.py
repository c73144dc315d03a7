"""The sources of what rocmkit knows, as links and as footnotes of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rocmkit.report.markdown import inline

_NUMBERED = re.compile(r"([\w.-]+/[\w.-]+)#([0-9]+)")
_FILE = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?(?: ([\w./+-]+))?")


def link(source: str) -> str:
    """A source as Markdown: a link where it stands for a place on GitHub, else as it is written."""
    if found := _NUMBERED.fullmatch(source):
        return f"[{source}](https://github.com/{found[1]}/issues/{found[2]})"
    if found := _FILE.fullmatch(source):
        repository, ref, path = found.groups()
        # GitHub leads from `blob` to `tree` where the path is a folder's, and from an abbreviated commit to the whole one.
        below = f"/blob/{ref or 'HEAD'}/{path}" if path else f"/tree/{ref}" if ref else ""
        return f"[{source}](https://github.com/{repository}{below})"
    return source if source.startswith("https://") else inline(source)


def linked(page: str) -> str:
    """The page of a check, with links in its list of sources."""
    body, heading, sources = page.partition("\n## Sources\n")
    return body + heading + re.sub(r"(?m)^- (.+)$", lambda found: f"- {link(found[1])}", sources)


class Footnotes:
    """The sources of a page, each of them once, numbered as they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def known(self, how: str, sources: Iterable[str]) -> str:
        """How a row is known, and the marks of its sources."""
        return " ".join((how, *(f"[^{self._numbers.setdefault(source, len(self._numbers) + 1)}]" for source in sources)))

    def lines(self) -> Iterator[str]:
        """What stands at the end of the page."""
        yield from (f"[^{number}]: {link(source)}" for source, number in self._numbers.items())
