"""Arithmetic on the maps of user namespaces: what an id here is outside, and a map with room for another group."""

from __future__ import annotations

from itertools import pairwise

from rocmkit.facts import IdRange

#: Ids are 32 bits wide; the last one means "none" (user_namespaces(7)).
_END = 4294967295


def sound(ranges: tuple[IdRange, ...]) -> bool:
    """Whether this can be a map of the kernel's: at least one range, none of them empty, no id twice on either side."""
    if not ranges or any(r.count < 1 or min(r.inside, r.outside) < 0 or max(r.inside, r.outside) + r.count > _END for r in ranges):
        return False
    sides = (sorted((r.inside, r.count) for r in ranges), sorted((r.outside, r.count) for r in ranges))
    return all(first + count <= later for side in sides for (first, count), (later, _) in pairwise(side))


def identity(ranges: tuple[IdRange, ...]) -> bool:
    """Whether every id is itself outside: no user namespace, or one that changes nothing."""
    return sound(ranges) and all(r.inside == r.outside for r in ranges)


def outside(ranges: tuple[IdRange, ...], number: int) -> int | None:
    """What an id of this namespace is outside it; None: nothing."""
    return next((r.outside + number - r.inside for r in ranges if r.inside <= number < r.inside + r.count), None)


def without(ranges: tuple[IdRange, ...], number: int) -> tuple[IdRange, ...]:
    """The same map with a hole at one id of this namespace, in the order of the ids here."""
    found: list[IdRange] = []
    for r in sorted(ranges, key=lambda r: r.inside):
        before = number - r.inside
        if not 0 <= before < r.count:
            found.append(r)
            continue
        if before:
            found.append(IdRange(inside=r.inside, outside=r.outside, count=before))
        if after := r.count - before - 1:
            found.append(IdRange(inside=number + 1, outside=r.outside + before + 1, count=after))
    return tuple(found)
