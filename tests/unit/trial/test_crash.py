"""Frames from words of a stack, from tables of symbols and from what faulthandler printed."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.gpucode.source import File, Memory
from rocmkit.trial import crash
from rocmkit.trial.maps import Mapping, parse
from rocmkit.trial.symbols import name_functions

MAPPINGS = parse(
    "7f0000000000-7f0000001000 r--p 00000000 fd:00 12 /t/libdies.so.1\n"
    "7f0000001000-7f0000002000 r-xp 00000800 fd:00 12 /t/libdies.so.1\n"
    "7f0000100000-7f0000110000 r-xp 00000000 fd:00 13 /lib/libc.so.6\n"
    "7f0000200000-7f0000210000 r-xp 00000000 fd:00 14 /t/libcaller.so\n"
    "7f0000300000-7f0000310000 rwxp 00000000 00:00 0 \n"
)
CALL_RAX = bytes(6) + b"\xff\xd0"
DIES, LIBC, CALLER, MADE = 0x7F0000001234, 0x7F0000100010, 0x7F0000200040, 0x7F0000300008


def stop(ip: int | None, *calls: tuple[int, bytes], sp: int = 0x7FFF00000000, address: int | None = None, called: int = 0) -> crash.Stop:
    return crash.Stop(ip, sp, address, tuple((word, before, called) for word, before in calls), MAPPINGS)


def nameless(path: str, addresses: object) -> dict[int, tuple[str, int]]:
    return {}


def test_an_address_counts_from_where_the_library_was_loaded_and_not_in_its_file() -> None:
    assert crash.describe(crash.places(stop(DIES)), nameless) == ("libdies.so.1+0x1234",)


def test_of_a_program_that_cannot_be_looked_into_nothing_is_known() -> None:
    blind = stop(DIES, sp=0x7FFF00000000, address=0x7FFEFFFFFFF0)._replace(mappings=())
    assert crash.places(blind) == ()
    assert not crash.ran_over(blind)


def test_callers_are_words_behind_a_call_and_repeats_count_once() -> None:
    found = crash.places(stop(LIBC, (CALLER, CALL_RAX), (CALLER, CALL_RAX), (CALLER + 8, bytes(8)), (DIES, CALL_RAX)))
    assert crash.describe(found, nameless) == ("libc.so.6+0x10", "libcaller.so+0x40", "libdies.so.1+0x1234")


def test_a_fault_in_the_c_library_is_its_callers() -> None:
    assert crash.culprit(crash.places(stop(LIBC, (CALLER, CALL_RAX)))) == "/t/libcaller.so"
    assert crash.culprit(crash.places(stop(LIBC))) == "/lib/libc.so.6"
    assert crash.culprit(crash.places(stop(DIES, (CALLER, CALL_RAX)))) == "/t/libdies.so.1"


def test_a_call_of_another_library_than_the_frame_before_is_a_stray_word() -> None:
    by_name = (CALLER, bytes(3) + b"\xe8" + struct.pack("<i", 0x10))
    assert len(crash.places(stop(LIBC, by_name, called=DIES))) == 1
    assert len(crash.places(stop(LIBC, by_name, called=LIBC - 4))) == 2
    assert len(crash.places(stop(LIBC, by_name))) == 2


def test_what_called_the_c_library_by_name_goes_before_what_may_have_by_a_pointer() -> None:
    calls = ((CALLER, CALL_RAX, 0), (DIES, CALL_RAX, LIBC))
    assert crash.culprit(crash.places(crash.Stop(LIBC, None, None, calls, MAPPINGS))) == "/t/libdies.so.1"
    assert crash.culprit(crash.places(crash.Stop(LIBC, None, None, calls[:1], MAPPINGS))) == "/t/libcaller.so"


def test_code_that_has_no_file_and_no_code_at_all_are_told_apart() -> None:
    assert crash.describe(crash.places(stop(MADE)), nameless) == (f"{MADE:#x} (code made at run time)",)
    null = crash.places(stop(0, (DIES, CALL_RAX)))
    assert crash.describe(null, nameless)[0] == "0x0 (nothing is mapped there)"
    assert crash.culprit(null) == "/t/libdies.so.1"


@pytest.mark.parametrize(
    ("code", "is_call"),
    [
        (b"\xff\xd0", True),  # call *%rax
        (b"\x41\xff\xd4", True),  # call *%r12
        (b"\xff\x10", True),  # call *(%rax)
        (b"\xff\x14\xc8", True),  # call *(%rax,%rcx,8)
        (b"\xff\x50\x18", True),  # call *0x18(%rax)
        (b"\xff\x54\x24\x08", True),  # call *8(%rsp)
        (b"\xff\x15\x10\x00\x00\x00", True),  # call *0x10(%rip)
        (b"\xff\x90\x00\x01\x00\x00", True),  # call *0x100(%rax)
        (b"\xff\x94\x24\x00\x01\x00\x00", True),  # call *0x100(%rsp)
        (b"\xff\xe0", False),  # jmp *%rax
        (b"\xe8" + struct.pack("<i", 0x10), True),  # call of something that is code
        (b"\xe8" + struct.pack("<i", 0x7000_0000), False),  # and of nothing
        (b"\x90" * 8, False),
        (struct.pack("<I", 0x94000010), True),  # AArch64: bl
        (struct.pack("<I", 0xD63F0100), True),  # blr x8
        (struct.pack("<I", 0xD61F0100), False),  # br x8
    ],
)
def test_calls_are_known_by_their_code(code: bytes, is_call: bool) -> None:
    assert crash.is_call(code.rjust(8, b"\x90"), CALLER, MAPPINGS) is is_call


def test_a_stack_that_ran_over_is_told() -> None:
    assert crash.ran_over(stop(DIES, sp=0x7FFF00000000, address=0x7FFEFFFFFFF8))
    assert not crash.ran_over(stop(DIES, sp=0x7FFF00000000, address=0x10))
    assert not crash.ran_over(stop(DIES, sp=0x7FFF00000000, address=None))


def test_functions_are_named_as_another_reader_names_them(tmp_path: Path) -> None:
    source, library = tmp_path / "x.c", tmp_path / "x.so"
    source.write_text("int seen(int x) { return x * 3; }\nstatic int __attribute__((noinline,used)) inner(int x) { return seen(x); }\n")
    for flags in ((), ("-s",)):
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", *flags, "-o", str(library), str(source)], check=True)
        with library.open("rb") as file:
            tables = [section for section in ELFFile(file).iter_sections() if isinstance(section, SymbolTableSection)]
            expected = {symbol.name: symbol["st_value"] for table in tables for symbol in table.iter_symbols()}
        with File(library) as opened:
            for name in ("seen", "inner"):
                if name in expected:
                    assert name_functions(opened, [expected[name] + 2]) == {expected[name] + 2: (name, 2)}
        assert ("inner" in expected) is (not flags)
        assert "seen" in expected


@given(st.binary(max_size=600))
def test_symbols_of_any_bytes(data: bytes) -> None:
    elf = b"\x7fELF\x02\x01\x01" + data
    try:
        name_functions(Memory(memoryview(elf)), [0, 16])
    except ValueError:
        assert len(elf) < 64 + 16


FATAL = """\
noise
Fatal Python error: Segmentation fault

Thread 0x00007f1193c64b80 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait

Current thread 0x00007f5d0b7fe640 [worker] (most recent call first):
  File "/v/lib/python3.11/site-packages/torch/nn/modules/conv.py", line 306 in _conv_forward
  File "/v/lib/python3.11/site-packages/torch/nn/modules/conv.py", line 310 in forward
  File "<string>", line 1 in <module>

Extension modules: numpy._core (total: 1)
"""


def test_frames_of_the_thread_that_died() -> None:
    assert crash.python_frames(FATAL) == (
        "torch/nn/modules/conv.py:306 in _conv_forward",
        "torch/nn/modules/conv.py:310 in forward",
        "<string>:1 in <module>",
    )


def test_a_native_thread_that_died_shows_the_main_thread() -> None:
    text = FATAL.partition("Current thread")[0].replace(
        "Thread 0x", "Current thread 0x1 (most recent call first):\n  <no Python frame>\n\nThread 0x"
    )
    assert crash.python_frames(text) == ("threading.py:324 in wait",)
    assert crash.python_frames("all is well") == ()


def test_the_last_exception() -> None:
    frame = '  File "x", line 1, in <module>\n    f(\n    ^\n'
    text = f"Traceback (most recent call last):\n{frame}RuntimeError: HIP error: out of memory\nCompile with x\n"
    assert crash.last_exception("Traceback (most recent call last):\n  x\nKeyError\n" + text) == "RuntimeError: HIP error: out of memory"
    assert crash.last_exception("RuntimeError: not of a traceback") is None
    long = f"ValueError: {'y' * 980} hf_{'aB3' * 9}"  # cut, the half would not be known for a token
    assert crash.last_exception(f"Traceback (most recent call last):\n  x\n{long}\n") == long


@given(st.text() | st.text(alphabet='Fatal Python error: Currenthd0x(mosc):\n "",line12<>').map(lambda text: FATAL + text))
def test_any_text(text: str) -> None:
    crash.python_frames(text)
    crash.last_exception("Traceback (most recent call last):" + text)


words = st.integers(0, 2**64 - 1) | st.sampled_from([DIES, LIBC, CALLER, MADE])
mappings = st.builds(Mapping, words, words, st.booleans(), words, st.just("0:0 1"), st.sampled_from(["", "/a.so", "[vdso]", "/"]))


@given(
    st.builds(
        crash.Stop,
        ip=st.none() | words,
        sp=st.none() | words,
        address=st.none() | words,
        calls=st.lists(st.tuples(words, st.binary(max_size=9), words)).map(tuple),
        mappings=st.lists(mappings).map(tuple) | st.just(MAPPINGS),
    )
)
def test_any_stop(any_stop: crash.Stop) -> None:
    found = crash.places(any_stop)
    assert len(found) <= crash.MAX_FRAMES
    assert len(crash.describe(found, nameless)) <= len(found)
    crash.culprit(found)
    crash.ran_over(any_stop)
