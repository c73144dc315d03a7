"""Releases that are like another one: what is the same stands once. Pure, and before anything is known to be a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Mappings of a release whose entries are taken over one by one, but for those that it calls null. Anything else that it names is its own
#: as a whole.
_BY_ENTRY = ("fetch", "values", "cost", "expect")


def filled(data: Any) -> Any:
    """A recipe's data with each release filled up from the one above it that it says it is `like`. What is of another shape stays."""
    if not isinstance(data, dict) or not isinstance(data.get("releases"), list):
        return data
    releases: list[Any] = []
    for number, release in enumerate(data["releases"]):
        model = like(data["releases"], number)
        releases.append(release if model is None else _merged(releases[model], release))
    return {**data, "releases": releases}


def alone(data: Any) -> int | None:
    """The number of the first release that is like none of those above it, though it says so."""
    found = data.get("releases") if isinstance(data, dict) else None
    releases: list[Any] = found if isinstance(found, list) else []
    return next((at for at, one in enumerate(releases) if _version(one, "like") is not None and like(releases, at) is None), None)


def like(releases: Sequence[Any], number: int) -> int | None:
    """The number of the release that one is like: the first above it of that version. None: it names none, or none is there."""
    wanted = _version(releases[number], "like")
    above = enumerate(releases[:number]) if wanted is not None else ()
    return next((one for one, release in above if _version(release, "version") == wanted), None)


def _version(release: Any, key: str) -> str | None:
    value = release.get(key) if isinstance(release, Mapping) else None
    return value if isinstance(value, str) and value else None


def _merged(model: Any, own: dict[Any, Any]) -> dict[Any, Any]:
    both = {**model, **own}
    for key in _BY_ENTRY:
        if isinstance(model.get(key), dict) and isinstance(own.get(key), dict):
            both[key] = {name: one for name, one in {**model[key], **own[key]}.items() if one is not None}
    return both
