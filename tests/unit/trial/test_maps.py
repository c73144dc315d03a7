"""Mapped files, and runtimes that are in one process twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.trial import maps

TEXT = """\
00400000-00401000 r--p 00000000 fd:00 11 /usr/bin/python3.10
00401000-00500000 r-xp 00001000 fd:00 11 /usr/bin/python3.10
7f0000000000-7f0000001000 r--p 00000000 fd:00 12 /t/lib/libgomp.so.1
7f0000001000-7f0000002000 r-xp 00002000 fd:00 12 /t/lib/libgomp.so.1
7f0000100000-7f0000101000 rwxp 00000000 00:00 0 
7f0000200000-7f0000201000 r-xp 00000000 fd:00 13 /u/with a space/libgomp-a34b3233.so.1.0.0 (deleted)
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]
"""  # noqa: W291 - as the kernel writes it


def test_lines_are_read_as_the_kernel_writes_them() -> None:
    read = maps.parse(TEXT)
    assert len(read) == 7
    assert read[5].path == "/u/with a space/libgomp-a34b3233.so.1.0.0"
    assert (read[4].path, read[4].executable) == ("", True)
    assert maps.at(read, 0x7F0000001000) is read[3]
    assert maps.at(read, 0x7F0000002000) is None
    assert maps.libraries(read) == ("/t/lib/libgomp.so.1", "/u/with a space/libgomp-a34b3233.so.1.0.0")


def test_addresses_count_from_where_the_file_was_loaded_and_a_fixed_program_from_zero() -> None:
    read = maps.parse(TEXT)
    assert maps.base(read, read[3]) == 0x7F0000000000  # and not the offset in the file
    assert maps.base(read, read[1]) == 0


def test_this_process_reads_itself() -> None:
    read = maps.parse(Path("/proc/self/maps").read_text())
    assert any(name.rpartition("/")[2].startswith("libc.so") for name in maps.libraries(read))
    assert all(mapping.start < mapping.end for mapping in read)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/opt/rocm/lib/libamdhip64.so.6", "hip"),
        ("/x/libgomp-a34b3233.so.1.0.0", "openmp"),
        ("/x/libiomp5.so", "openmp"),
        ("/x/libLLVM-17.so.1", "llvm"),
        ("/x/libLLVM.so.18.1", "llvm"),
        ("/x/llvmlite/binding/libllvmlite.so", "llvm"),
        ("/x/libstdc++.so.6.0.30", "stdcxx"),
        ("/x/librocjitsu.so", "emulator"),
        ("/x/libgomptoo.so", None),
        ("/x/notlibgomp.so.1", None),
        ("/x/librocblas.so.4.txt", "rocblas"),
        ("", None),
    ],
)
def test_a_runtime_is_known_by_its_name(path: str, kind: str | None) -> None:
    assert maps.kind_of(path) == kind


def test_two_files_of_a_kind_are_twice_and_one_file_is_not() -> None:
    both = ["/a/libgomp.so.1", "/b/libgomp-a34b3233.so.1", "/a/libamdhip64.so.6", "/a/libamdhip64.so.6"]
    assert maps.twice(both) == {"openmp": ("/a/libgomp.so.1", "/b/libgomp-a34b3233.so.1")}
    assert maps.runtimes(both)["hip"] == ("/a/libamdhip64.so.6",)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-f]+-[0-9a-f]+ [rwxps-]{4} [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+ .*")))
def test_any_text_is_read(text: str) -> None:
    read = maps.parse(text)
    for mapping in read:
        maps.base(read, mapping)
    maps.twice(maps.libraries(read))


@given(st.lists(st.text()))
def test_any_paths_are_sorted(paths: list[str]) -> None:
    assert all(kind in maps.KINDS for kind in maps.runtimes(paths))


def test_every_mapping_of_this_process_is_read() -> None:
    text = Path(f"/proc/{os.getpid()}/maps").read_text()
    assert abs(len(maps.parse(text)) - text.count("\n")) <= 1
