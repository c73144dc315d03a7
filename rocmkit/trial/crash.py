"""Where a program died: from registers, mappings and words of the stack, and from what faulthandler printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rocmkit.trial.maps import Mapping, at, base

MAX_FRAMES = 32
#: The C and C++ libraries and the loader: a fault in them is mostly that of whoever called.
_PLUMBING = re.compile(
    r"(?:libc|libpthread|ld-linux[\w-]*|ld|libstdc\+\+|libgcc_s|libc\+\+|libc\+\+abi)(?:-[0-9.]+|-[0-9a-f]{8})?\.so(?:\.|$)"
)
_NAME = 80  # so much is shown of a function's name
#: So near to the stack pointer is an address that a function reached for on a stack that had run over.
_NEAR_STACK = 1 << 20


class Stop(NamedTuple):
    """A program as it stood when a fatal signal came."""

    ip: int | None  # None: the registers could not be read
    sp: int | None
    address: int | None  # what it reached for; None: nobody knows
    #: Words on its stack that point into code, from the stack's end, the code in front of each, and the address that it calls by name.
    calls: tuple[tuple[int, bytes, int], ...]
    mappings: tuple[Mapping, ...]


class Place(NamedTuple):
    """An address in a process."""

    path: str  # of what is mapped there; empty: code that was made as it ran, or nothing
    address: int  # in the file, as its own headers count: what addr2line takes
    mapped: bool
    linked: bool = True  # it called a function by its name, as the linker resolves it, and not by a pointer


#: Functions of a library by address: the name, and how far into it.
Names = Callable[[str, Sequence[int]], dict[int, tuple[str, int]]]


def places(stop: Stop) -> tuple[Place, ...]:
    """Where it was, and where what called it was, innermost first.

    Behind the first they are the words on the stack in front of which a call stands that can have led to the frame before: a stray one,
    left by a function that has returned, may still be among them. The address in a file is the address in the process minus where the
    file was loaded (its load address), not an offset in the file: that is what addr2line and gdb take.
    """
    if stop.ip is None or not stop.mappings:  # of a program that may not be looked into (PR_SET_DUMPABLE of prctl(2))
        return ()
    found = [place(stop.mappings, stop.ip)]
    for word, before, called in stop.calls:
        if len(found) >= MAX_FRAMES:
            break
        mapping = at(stop.mappings, word)
        if mapping is None or not mapping.executable or not is_call(before, word, stop.mappings):
            continue
        next_place = place(stop.mappings, word)._replace(linked=called != 0)
        target = at(stop.mappings, called) if called else None
        if target is not None and found[-1].mapped:
            before_it = _last_of(target.path, found)
            if before_it is None:
                continue  # what it called by name lies in none of the libraries that it can have led to
            del found[before_it + 1 :]
        if next_place[:2] != found[-1][:2]:
            found.append(next_place)
    return tuple(found)


def _last_of(path: str, found: Sequence[Place]) -> int | None:
    """The last frame in a library, back to the last that is sure; those behind it called by a pointer, or are stray."""
    for index in range(len(found) - 1, -1, -1):
        if found[index].path == path:
            return index
        if found[index].linked:
            return None
    return None


def place(mappings: Sequence[Mapping], address: int) -> Place:
    """What lies at an address."""
    mapping = at(mappings, address)
    if mapping is None:
        return Place("", address, mapped=False)
    if not mapping.path:
        return Place("", address, mapped=True)
    return Place(mapping.path, address - base(mappings, mapping), mapped=True)


def is_call(before: bytes, word: int, mappings: Sequence[Mapping]) -> bool:
    """Whether the code in front of a return address is a call: of x86-64 (Intel's manual, CALL) or AArch64 (BL, BLR)."""
    if len(before) != 8:
        return False
    if before[3] == 0xE8:
        target = at(mappings, (word + int.from_bytes(before[4:], "little", signed=True)) % (1 << 64))
        if target is not None and target.executable:
            return True
    if _INDIRECT.search(before):
        return True
    instruction = int.from_bytes(before[4:], "little")
    return word % 4 == 0 and (instruction >> 26 == 0b100101 or instruction & 0xFFFFFC1F == 0xD63F0000)


#: FF /2 at the very end: a register, memory without, with a byte of and with four bytes of displacement, each with and without SIB.
_INDIRECT = re.compile(
    rb"\xff(?:[\xd0-\xd7]|[\x10-\x13\x16\x17]|\x14.|[\x50-\x53\x55-\x57].|\x54..|[\x15\x90-\x93\x95-\x97].{4}|\x94.{5})\Z", re.DOTALL
)


def describe(found: Sequence[Place], names: Names) -> tuple[str, ...]:
    """Each place as text: librocblas.so.4+0x1234 some_function+0x12."""
    wanted: dict[str, list[int]] = {}
    for index, item in enumerate(found):
        if item.path:
            # A return address may already belong to the next function: the call itself is the byte before.
            wanted.setdefault(item.path, []).append(item.address - (index > 0))
    known = {path: names(path, addresses) for path, addresses in wanted.items()}
    lines = []
    for index, item in enumerate(found):
        if not item.path:
            lines.append(f"{item.address:#x} ({'code made at run time' if item.mapped else 'nothing is mapped there'})")
            continue
        text = f"{item.path.rpartition('/')[2]}+{item.address:#x}"
        function = known[item.path].get(item.address - (index > 0))
        if function:
            name = function[0] if len(function[0]) <= _NAME else function[0][: _NAME - 1] + "…"
            text += f" {name}+{function[1] + (index > 0):#x}"
        lines.append(text)
    return tuple(dict.fromkeys(lines))


def culprit(found: Iterable[Place]) -> str | None:
    """Path of the innermost library that is neither the C or C++ library nor the loader; of those, where there is no other.

    Those are called by name. What called by a pointer is more likely to be a stray word, which are many below `abort`.
    """
    files = [item for item in found if item.path and not item.path.startswith("[")]
    others = [item for item in files if not _PLUMBING.match(item.path.rpartition("/")[2])]
    if not files or files[0] in others:
        return files[0].path if files else None
    return next((item.path for item in others if item.linked), (others or files)[0].path)


def ran_over(stop: Stop) -> bool:
    """Whether the stack ran over: it reached for what is not mapped, right below the end of its stack."""
    if stop.sp is None or stop.address is None or not stop.mappings or at(stop.mappings, stop.address) is not None:
        return False
    return -_NEAR_STACK < stop.address - stop.sp < 4096 and stop.address > 4096


_FATAL = re.compile(r"^Fatal Python error: ", re.MULTILINE)
_THREAD = re.compile(r"^(Current thread|Thread) 0x[0-9a-f]{1,16}\b[^\n]{0,200}\(most recent call first\):$", re.MULTILINE)
_FRAME = re.compile(r'  File "([^\n]{0,4096})", line ([0-9]{1,9}|\?\?\?) in ([^\n]{0,500})')
_PACKAGES = re.compile(r".*/(?:site|dist)-packages/|.*/lib/python3\.[0-9]{1,2}/")


def python_frames(text: str) -> tuple[str, ...]:
    """Frames of the thread that died, innermost first, as faulthandler printed them; of the main thread, where that one runs no Python."""
    fatal = list(_FATAL.finditer(text))
    if fatal:
        text = text[fatal[-1].start() :]
    threads: list[tuple[bool, tuple[str, ...]]] = []
    for match in list(_THREAD.finditer(text))[:1000]:
        frames = []
        for line in text[match.end() + 1 : match.end() + 64_000].split("\n")[:MAX_FRAMES]:
            frame = _FRAME.fullmatch(line)
            if not frame:
                break
            frames.append(f"{_PACKAGES.sub('', frame[1], count=1)}:{frame[2]} in {frame[3]}")
        threads.append((match[1] == "Current thread", tuple(frames)))
    current = [frames for is_current, frames in threads if is_current and frames]
    rest = [frames for _, frames in threads if frames]
    return (current or rest[-1:] or [()])[0]


_EXCEPTION = re.compile(r"[A-Za-z_][\w.]{0,200}(?:: [^\n]*)?")
_TRACEBACK = "Traceback (most recent call last):"


def last_exception(text: str) -> str | None:
    """The last line of the last traceback that Python printed: the exception."""
    begin = text.rfind(_TRACEBACK)
    if begin < 0:
        return None
    for line in text[begin + len(_TRACEBACK) :].split("\n")[1:]:
        if line and not line[0].isspace():
            return line.rstrip() if _EXCEPTION.fullmatch(line.rstrip()) else None
    return None
