"""Why a step failed: the first real error of its log, the known cause where there is one, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from rocmkit.build import integrity
from rocmkit.build.firsterror import SHOWN, Found, first_error
from rocmkit.build.running import Ended
from rocmkit.build.values import Failure, PlanStep
from rocmkit.doctor.told import Told, told
from rocmkit.errors import UsageError
from rocmkit.kb.issues import issue
from rocmkit.logs.match import match

_PIECE = 1 << 20
#: A known text counts for the error where it stands so near to it; else where it has one cause alone.
_NEAR = 40
#: In a longer log, known texts are looked for in the error itself alone.
_LONG_BYTES = 128 << 20
#: A disk with less than this left is full.
_FULL_BYTES = 1 << 20
_MEMORY, _ROOM = "build-out-of-memory", "build-no-space"
#: What to do in a build of ours, in place of what an issue says for any build.
_OURS = {
    _MEMORY: "Give the same command with --jobs and a smaller number, or add swap; what is done is kept.",
    _ROOM: "Make room there, or name a work folder on another disk with --work, and give the same command again; what is done is kept.",
    "build-stale-cache": "Give the same command with --fresh.",
    "build-submodules": "Take sources that hold their submodules; --source takes a folder.",
}
#: How programs say that a disk is full.
NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")


class Memory:
    """How often the kernel has ended a process for want of memory, as far as it tells."""

    def __init__(self) -> None:
        self._before = _kills()

    def short(self) -> bool | None:
        """Whether it did since; None: it does not tell."""
        now = _kills()
        known = [now[name] > count for name, count in self._before.items() if name in now]
        return any(known) if known else None


def _kills() -> dict[str, int]:
    """oom_kill of proc_vmstat(5), and of the control group's memory.events."""
    found: dict[str, int] = {}
    for name in ("/proc/vmstat", "/sys/fs/cgroup/memory.events"):
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            word, _, count = line.partition(" ")
            if word == "oom_kill" and count.isdecimal():
                found[name] = int(count)
    return found


def failure(step: PlanStep, ended: Ended, log: Path, *, memory: Memory, wrong: str | None = None) -> Failure:
    """Why a step failed that ended so. `wrong`: what was fetched is not what is pinned, in words."""
    if wrong is not None:
        return said(step, wrong, ended, integrity=True)
    if ended.cannot is not None:
        return said(step, f"{step.argv[0]} cannot be started: {ended.cannot}", ended)
    found = first_error(_chunks(log))
    killed, full = _killed(ended, found), _is_full(step, found)
    about = _MEMORY if killed else _ROOM if full else ""
    if found is None or (ended.signal and not _strong(found)):
        text = f"{step.argv[0]} was ended by {ended.signal}" if ended.signal else f"{step.argv[0]} failed without a word"
        text += ", and the disk is full" if full else ""
        found = Found(error=text, lines=(*(found.lines if found else ()),), first=0, last=0)
    # A guard of the desktop's or somebody else kills too, and the kernel counts only what it does itself.
    known = _of_issue(about, sure=full or memory.short() is True) if about else _known(log, found)
    other = None if about else integrity.other_checksum(found.lines)
    found = replace(found, error=other[:SHOWN]) if other else found
    return _failure(step, found, ended, known, integrity=other is not None or (step.stage == "fetch" and not about))


def said(step: PlanStep, text: str, ended: Ended | None = None, *, integrity: bool = False) -> Failure:
    """A failure that rocmkit itself has seen."""
    found = Found(error=text[:SHOWN], lines=(text[:SHOWN],), first=0, last=0)
    about = _of_issue(_ROOM, sure=True) if any(one in text for one in NO_ROOM) else None
    return _failure(step, found, ended, about, integrity=integrity and about is None)


#: Code, cause and fix of an issue.
_Known = tuple[str, str, str]


def _failure(step: PlanStep, found: Found, ended: Ended | None, known: _Known | None, *, integrity: bool) -> Failure:
    code, cause, fix = known or (None, None, None)
    return Failure(
        step=step.name,
        exit=ended.exit if ended else None,
        signal=ended.signal if ended else None,
        error=found.error,
        lines=found.lines,
        code=code,
        cause=cause,
        fix=fix,
        integrity=integrity,
    )


def _killed(ended: Ended, found: Found | None) -> bool:
    """Whether a process was ended by SIGKILL, which none of ours sends to a step that goes on."""
    said_so = found is not None and any("Killed" in line or "[code=137]" in line for line in found.lines)
    return ended.signal == "SIGKILL" or ended.exit == 137 or said_so


def _strong(found: Found) -> bool:
    return any(mark in found.error for mark in ("rror", "FAILED", "fatal", "Killed"))


def _is_full(step: PlanStep, found: Found | None) -> bool:
    """Whether there was no room for the step's files. A full disk takes no log either."""
    if found is not None and any(text in line for line in found.lines for text in NO_ROOM):
        return True
    try:
        disk = os.statvfs(step.cwd)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES or (disk.f_files > 0 and disk.f_favail == 0)


def _chunks(log: Path) -> Iterator[bytes]:
    try:
        with log.open("rb") as file:
            while chunk := file.read(_PIECE):
                yield chunk
    except OSError:
        return


def _known(log: Path, found: Found) -> _Known | None:
    """The known issue that the error belongs to."""
    try:
        if log.stat().st_size > _LONG_BYTES:
            issues = told(match(["\n".join(found.lines).encode()]))
            return _in_words(issues[0]) if issues else None
        issues = told(match(_chunks(log)))
    except (OSError, UsageError):  # RE2 is not installed
        return None
    near = [one for one in issues if one.hit.line <= found.last + _NEAR and one.hit.last >= found.first - _NEAR]
    far = [
        one for one in issues if one.severity == "error" and one.hit.signature.confidence == "sure" and one.hit.issue.code.startswith("RK6")
    ]
    return _in_words(next(iter((*near, *far)))) if near or far else None


def _in_words(one: Told) -> _Known:
    fix = one.fix
    return one.hit.issue.code, str(one.cause), _OURS.get(one.hit.issue.id) or _advice(str(fix.text), fix.commands)


def _of_issue(name: str, *, sure: bool) -> _Known:
    """An issue that something else than the log's text shows."""
    known = issue(name)
    assert known is not None and known.page is not None  # noqa: S101 - the tests hold it
    return known.code, known.page.summary if sure else f"Likely: {known.page.summary}", _OURS[name]


def _advice(text: str, commands: Sequence[str]) -> str:
    return "\n".join([text, *commands])
