"""Be told where a program dies: ptrace(2) through ctypes. Nothing is traced but fatal signals, so the program runs at its full speed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import struct
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

from rocmkit.trial.maps import Mapping, parse

# linux/ptrace.h
_CONT, _SEIZE, _LISTEN, _GETREGSET, _GETSIGINFO = 7, 0x4206, 0x4208, 0x4204, 0x4202
_EXITKILL, _FORK, _VFORK, _CLONE, _EXEC = 1 << 20, 1 << 1, 1 << 2, 1 << 3, 1 << 4
_EVENT_EXEC, _EVENT_STOP = 4, 128
_NT_PRSTATUS = 1

FATAL = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP})
_STOPS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})

#: A program that handles its faults may have any number of them; so many are looked at, of a process and of all.
MAX_OF_ONE, MAX_STOPS = 8, 64
STACK_BYTES = 64 << 10
MAX_WORDS = 1024
MAPS_BYTES = 4 << 20


#: An entry of the procedure linkage table of x86-64: an indirect jump, behind the mark of a branch's target where there is one.
_STUB = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\xf2?\xff\x25(.{4})", re.DOTALL)


class _Layout(NamedTuple):
    """Where registers stand in `struct user_regs_struct`, in words."""

    ip: int
    sp: int
    link: int | None  # holds the return address of a function that has not called another


_LAYOUTS = {"x86_64": _Layout(16, 19, None), "aarch64": _Layout(32, 31, 30)}


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Tracer:
    """Traces a program and all that comes of it; `tell` is told of each fatal stop."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        self._libc.ptrace.restype = ctypes.c_long
        self._layout = _LAYOUTS.get(os.uname().machine)
        self._seen: dict[int, int] = {}  # process to its fatal stops
        self._stops = 0

    def seize(self, pid: int) -> None:
        """Begin to trace a process, without stopping it. Raises OSError where that is refused."""
        self._ask(_SEIZE, pid, 0, _EXITKILL | _FORK | _VFORK | _CLONE | _EXEC)

    def stopped(self, tid: int, status: int) -> None:
        """Let a thread that has stopped go on, as if nobody had looked."""
        event, number = status >> 16, os.WSTOPSIG(status)
        passed = 0
        with contextlib.suppress(OSError):
            if event == _EVENT_STOP and number in _STOPS:  # it was stopped by job control, and stays so until it is continued
                self._ask(_LISTEN, tid)
                return
            if event == _EVENT_EXEC:
                self._seen.pop(tid, None)
            elif event == 0:
                passed = number
                if number in FATAL:
                    self._look(tid, number)
        with contextlib.suppress(OSError):  # it was killed meanwhile
            self._ask(_CONT, tid, 0, passed)

    def _look(self, tid: int, number: int) -> None:
        pid = _process(tid)
        info = ctypes.create_string_buffer(128)
        self._ask(_GETSIGINFO, tid, 0, ctypes.addressof(info))
        code, address = struct.unpack_from("i4xQ", info, 8)
        count = self._seen.get(pid, 0)
        # One that was sent (code 0 or less) comes after one that the processor raised, when a handler passes it on.
        if count >= MAX_OF_ONE or self._stops >= MAX_STOPS or (count and code <= 0):
            return
        self._seen[pid] = count + 1
        self._stops += 1
        stop: dict[str, Any] = {"pid": pid, "signal": number, "code": code, "program": _link(f"/proc/{tid}/exe")}
        if code > 0:
            stop["address"] = address
        text, mappings = read_maps(tid)
        stop["maps"] = text
        with contextlib.suppress(OSError):
            registers = self._registers(tid)
            if registers:
                stop.update(registers)
                stop["calls"] = _calls(tid, registers["sp"], registers.get("link"), mappings)
        self._tell({"stop": stop})

    def _registers(self, tid: int) -> dict[str, int] | None:
        if self._layout is None:
            return None
        buffer = ctypes.create_string_buffer(512)
        vector = _Vector(ctypes.addressof(buffer), len(buffer))
        self._ask(_GETREGSET, tid, _NT_PRSTATUS, ctypes.addressof(vector))
        words = struct.unpack_from(f"={vector.length // 8}Q", buffer)
        if len(words) < 27:  # a 32-bit program
            return None
        found = {"ip": words[self._layout.ip], "sp": words[self._layout.sp]}
        if self._layout.link is not None:
            found["link"] = words[self._layout.link]
        return found

    def _ask(self, request: int, tid: int, address: int = 0, data: int = 0) -> None:
        if self._libc.ptrace(request, tid, address, data) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def read_maps(pid: int) -> tuple[str, tuple[Mapping, ...]]:
    """What is mapped from files, and what can be executed, as text and read. A GPU's memory is thousands of lines of neither."""
    kept, size = [], 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", "rb") as file:
        for line in file:
            if (b"/" in line and b" /dev/" not in line) or line.partition(b" ")[2][2:3] == b"x":
                size += len(line)
                if size > MAPS_BYTES:
                    break
                kept.append(line)
    text = b"".join(kept).decode("utf-8", "replace")
    return text, parse(text)


def _calls(tid: int, sp: int, link: int | None, mappings: tuple[Mapping, ...]) -> list[tuple[int, str, int]]:
    """Words on the stack that point into code, the eight bytes in front of each in hexadecimal, and which address those call.

    The last is told for calls by name of x86-64 alone, and else 0.
    """
    code = sorted((mapping.start, mapping.end) for mapping in mappings if mapping.executable)
    if not code:
        return []
    starts = [start for start, _ in code]
    found: list[tuple[int, str, int]] = []
    memory = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        words = _stack(memory, sp)
        for word in words if link is None else (link, *words):
            nearest = bisect_left(starts, word) - 1
            if nearest >= 0 and word < code[nearest][1]:
                with contextlib.suppress(OSError, OverflowError):
                    before = os.pread(memory, 8, word - 8)
                    found.append((word, before.hex(), _called(memory, word, before)))
                    if len(found) >= MAX_WORDS:
                        break
    finally:
        os.close(memory)
    return found


def _called(memory: int, word: int, before: bytes) -> int:
    """What is called by name in front of a return address, through the procedure linkage table or directly; 0: nothing, or not known."""
    place = word + int.from_bytes(before[4:], "little", signed=True)
    try:
        if before[2:4] == b"\xff\x15":  # call *OFFSET(%rip)
            return int.from_bytes(os.pread(memory, 8, place), "little")
        if before[3:4] != b"\xe8":
            return 0
        code = os.pread(memory, 11, place)
        stub = _STUB.match(code)
        if stub:  # it jumps to the address in a table
            table = place + stub.end() + int.from_bytes(stub[1], "little", signed=True)
            return int.from_bytes(os.pread(memory, 8, table), "little")
        return 0 if code[:1] in (b"\xe9", b"\xeb") else place
    except (OSError, OverflowError):
        return 0


def _stack(memory: int, sp: int) -> tuple[int, ...]:
    """Words from the stack's end. Where that ran over, it begins on one of the next pages."""
    sp = (sp + 7) & ~7
    for begin in (sp, (sp | 4095) + 1, (sp | 65535) + 1):
        data = bytearray()
        with contextlib.suppress(OSError, OverflowError):
            while len(data) < STACK_BYTES:
                data += os.pread(memory, 4096 - (begin + len(data)) % 4096, begin + len(data))
        if data:
            return struct.unpack(f"={len(data) // 8}Q", data[: len(data) // 8 * 8])
    return ()


def _process(tid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{tid}/status", "rb") as file:
        return int(file.read(4096).partition(b"\nTgid:")[2].split()[0])
    return tid


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
