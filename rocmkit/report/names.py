"""Names of machines: what tells recordings apart, and many in few words, as the tools write them that racks are run with. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

#: Fewer neighbours than this are told by name.
_LEAST = 3
#: A number that may count up, and what stands before and behind it.
_NUMBERED = re.compile(r"([^\[\]]*?)([0-9]{1,15})([^0-9\[\]]*)", re.DOTALL)
_ENDINGS = (".yaml", ".yml")


def apart(paths: Sequence[str]) -> list[str]:
    """A name for each recording: its file's without the ending, behind as many folders as it takes; a number where that is not enough."""
    parts = [_bare(path).split("/") for path in paths]
    depths = [1] * len(parts)
    while True:
        names = ["/".join(part[-depth:]) for part, depth in zip(parts, depths, strict=True)]
        counts = Counter(names)
        alike = [number for number, name in enumerate(names) if counts[name] > 1 and depths[number] < len(parts[number])]
        if not alike:
            break
        for number in alike:
            depths[number] += 1
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[number] = f"{name} ({seen[name]})"
    return names


def _bare(path: str) -> str:
    ending = next((one for one in _ENDINGS if path.endswith(one)), "")
    return path.removesuffix(ending)


def natural(name: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """A key that puts n2 before n10."""
    parts = re.split("([0-9]{1,15})", name)
    return tuple(zip(parts[::2], [*map(int, parts[1::2]), -1], strict=True)), name


def fold(names: Iterable[str]) -> tuple[str, ...]:
    """The names in order, each once; three or more that count up by one are one word: n[9-128], or node[001-128]."""
    return tuple(_folded(sorted(set(names), key=natural)))


def _folded(names: list[str]) -> Iterator[str]:
    run: list[str] = []
    for name in names:
        if run and not _follows(run[-1], name):
            yield from _run(run)
            run = []
        run.append(name)
    yield from _run(run)


def _follows(first: str, second: str) -> bool:
    (start, one, end), (other_start, other, other_end) = _parts(first), _parts(second)
    if not one or not other or (start, end) != (other_start, other_end) or int(other) != int(one) + 1:
        return False
    return len(one) == len(other) or not one.startswith("0")  # 9 is followed by 10, and 09 too; 009 is not


def _run(names: list[str]) -> Iterator[str]:
    if len(names) < _LEAST:
        yield from names
    else:
        start, first, end = _parts(names[0])
        yield f"{start}[{first}-{_parts(names[-1])[1]}]{end}"


def _parts(name: str) -> tuple[str, str, str]:
    """What stands before the last number, the number, and what stands behind it. No number where there is none, or it may not be folded."""
    found = _NUMBERED.fullmatch(name)
    return (found[1], found[2], found[3]) if found else (name, "", "")
