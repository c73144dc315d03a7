"""What `--source` names: looked at, so that a clone serves the pinned commit, and a folder without it says that it is taken as it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rocmkit.build.values import Given, Pin, Plan
from rocmkit.errors import UsageError
from rocmkit.host.base import Host, NotAsked, whole

_ADDRESS = re.compile(r"(?:https?|ssh|git|file)://\S+|[\w.-]+@[\w.-]+:(?!//)\S+")
_ARCHIVE = re.compile(r"\.(?:tar(?:\.\w{1,4})?|t[gx]z|tbz2?|tzst)(?:[?#]\S*)?$")
_GIT_S = 20.0


def given(typed: Iterable[str], plans: Sequence[Plan], host: Host) -> tuple[tuple[Given, ...], ...]:
    """What the words of `--source` give to each plan, which was made without them.

    A word is `NAME=PLACE`, or the place alone where it is plain whose it is. Raises UsageError.
    """
    found: list[list[Given]] = [[] for _ in plans]
    for word in typed:
        name, place = _split(word, plans)
        for number, plan in enumerate(plans):
            pin = next((pin for pin in plan.pins if pin.name == name), None)
            if pin is None:
                continue
            if any(one.name == name for one in found[number]):
                raise UsageError(f"--source {name} is given twice", "one place for each source")
            one = _looked_at(pin, place, host)
            if one.kind == "folder" and _around(one.place, plan.work):
                raise UsageError(
                    f"--source {name}={place}: it is around the work folder {plan.work}, or in it: what is made there would go into the "
                    "source, or take its place",
                    "copy it elsewhere, or name another work folder with --work",
                )
            found[number].append(one)
    return tuple(map(tuple, found))


def _around(folder: str, work: str) -> bool:
    """Whether one folder lies in the other."""
    one, other = Path(folder).resolve(), Path(work).resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _split(word: str, plans: Sequence[Plan]) -> tuple[str, str]:
    """The name of the source and the place. What has a sign `=` in its path needs a name before it."""
    known = {pin.name: None for plan in plans for pin in plan.pins}
    name, sign, place = word.partition("=")
    if sign and name in known:
        return name, place
    if sign and re.fullmatch(r"[\w./-]+", name) and not name.startswith((".", "/")) and not Path(word).exists():
        near = difflib.get_close_matches(name, known, 1)
        mean = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"--source {name}=…: no source is called so{mean}", f"there are {', '.join(known)}")
    if len(plans) > 1:
        raise UsageError("--source does not say which source it is for", f"write --source NAME=…; there are {', '.join(known)}")
    first = next(iter(known), None)
    if first is None:
        raise UsageError(f"--source {word}: {plans[0].recipe} fetches no source")
    return first, word


def _looked_at(pin: Pin, place: str, host: Host) -> Given:
    if not place or place.startswith("-"):
        raise UsageError(f"--source {pin.name}={place}: no place", "name a folder, an archive or an address")
    if _ADDRESS.fullmatch(place):
        return Given(name=pin.name, kind="archive" if _ARCHIVE.search(place) else "git", place=place)
    path = Path(place).expanduser().absolute()
    if path.is_dir():
        return Given(name=pin.name, kind="git" if pin.commit and _holds(path, pin.commit, host) else "folder", place=str(path))
    if path.is_file():
        return Given(name=pin.name, kind="archive", place=str(path))
    raise UsageError(f"--source {place}: there is no such folder or file", "name a folder, an archive or an address (https://…)")


def _holds(folder: Path, commit: str, host: Host) -> bool:
    """Whether a folder is a clone that holds that commit. A folder inside some other clone is none."""
    if not ((folder / ".git").exists() or (folder / "HEAD").is_file()):
        return False
    # A clone that was not cloned whole would fetch the commit, and its own configuration says by which program.
    argv = ("env", "GIT_ALLOW_PROTOCOL=", "GIT_NO_LAZY_FETCH=1", "git", "-C", str(folder), "cat-file", "-e", f"{commit}^{{commit}}")
    try:
        return host.run(argv, whole, timeout_s=_GIT_S).exit == 0
    except (OSError, NotAsked):
        return False
