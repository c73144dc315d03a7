"""Values that nobody read from a machine, and how a reader sees that."""

from __future__ import annotations

from typing import TypeVar

from rocmkit.errors import UsageError
from rocmkit.facts import Gap, gap

T = TypeVar("T")

#: Before the path of a file that is only supposed to be there.
MARK = "(hypothetical) "


def hypothetical(path: str) -> str:
    """The path of a file that nobody saw."""
    return path if path.startswith(MARK) else MARK + path


def seen(path: str) -> str:
    """The path without the mark: where the file would lie."""
    return path.removeprefix(MARK)


def unknown(what: str) -> Gap:
    """Stands for a fact that nobody can know before the change is made."""
    return gap("not-executed", f"{what} is only supposed here, and was not looked at")


def known(section: T | Gap, key: str, what: str) -> T:
    """The section that a change speaks of. Raises UsageError where it is not known: what is unknown cannot be changed."""
    if isinstance(section, Gap):
        raise UsageError(f"--what-if {key}: {what} is not known here ({section.detail})", "leave this one out")
    return section
