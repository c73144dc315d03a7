"""The reader's answers are pyelftools' answers, on the libraries of this machine and on some made by gcc."""

from __future__ import annotations

import pathlib
import re
import subprocess
from typing import Any

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection

from rocmkit.gpucode import FileCode, read_file


def system_libraries() -> list[pathlib.Path]:
    """What this process has loaded (libc, Python's extension modules, wheels), and some of the system's."""
    maps = pathlib.Path("/proc/self/maps").read_text()
    loaded = {pathlib.Path(found) for found in re.findall(r"(/\S+\.so[.\d]*)$", maps, re.MULTILINE)}
    installed = sorted(path for path in pathlib.Path("/usr/lib").glob("*-linux-gnu/lib*.so.*") if path.is_file() and not path.is_symlink())
    return sorted(loaded) + installed[::10][:25]


def highest(names: list[str], prefix: str) -> str | None:
    versions = [name.removeprefix(prefix) for name in names if re.fullmatch(prefix + r"[\d.]+", name)]
    return max(versions, key=lambda text: [int(part) for part in text.split(".")], default=None)


def oracle(path: pathlib.Path) -> tuple[object, ...]:
    with path.open("rb") as file:
        elf = ELFFile(file)
        tags: list[Any] = [tag for segment in elf.iter_segments() if isinstance(segment, DynamicSegment) for tag in segment.iter_tags()]
        asked = [
            aux.name for s in elf.iter_sections() if isinstance(s, GNUVerNeedSection) for _, all_aux in s.iter_versions() for aux in all_aux
        ]
        defined = [
            aux.name for s in elf.iter_sections() if isinstance(s, GNUVerDefSection) for _, all_aux in s.iter_versions() for aux in all_aux
        ]
        stack = [segment["p_flags"] for segment in elf.iter_segments() if segment["p_type"] == "PT_GNU_STACK"]
        return (
            tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
            next((tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"), None),
            next((tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"), None),
            next((tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"), None),
            highest(asked, "GLIBC_"),
            highest(asked, "GLIBCXX_"),
            highest(defined, "GLIBCXX_"),
            bool(stack[0] & 1) if stack else None,
        )


def ours(code: FileCode) -> tuple[object, ...]:
    path = ":".join(code.rpath) if code.rpath_kind else None
    runpath, rpath = (path, None) if code.rpath_kind == "runpath" else (None, path)
    return (code.needs, code.soname, runpath, rpath, code.glibc, code.glibcxx, code.glibcxx_provided, code.executable_stack)


def test_libraries_of_this_machine() -> None:
    paths = system_libraries()
    assert len(paths) >= 5
    for path in paths:
        code = read_file(path)
        assert (path, *ours(code)) == (path, *oracle(path))
        assert (code.gfx, code.unreadable) == ((), ())


@pytest.mark.parametrize(
    "flags",
    [
        ["-Wl,-soname,libx.so.1", "-Wl,-rpath,$ORIGIN:/opt/rocm/lib", "-Wl,--enable-new-dtags", "-Wl,--no-as-needed", "-lm"],
        ["-Wl,-rpath,/opt/rocm/lib", "-Wl,--disable-new-dtags", "-Wl,-z,execstack"],
        ["-nostdlib"],
    ],
)
def test_libraries_made_by_gcc(flags: list[str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.c").write_text('#include <stdio.h>\nint x(void) { return puts("x"); }\n')
    made = tmp_path / "libx.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", made, tmp_path / "x.c", *flags], check=True)
    code = read_file(made)
    assert ours(code) == oracle(made)
    assert (code.gpu_api, code.gfx) == ("none", ())
    assert code.executable_stack is ("-Wl,-z,execstack" in flags)


def test_a_section_made_by_the_assembler(tmp_path: pathlib.Path) -> None:
    """Through a real linker: the section of another file's bundle, in a library that needs libamdhip64."""
    from tests.support import elf

    (tmp_path / "fatbin").write_bytes(elf.fatbin(elf.bundle("gfx906:xnack-"), elf.bundle("gfx1030")))
    (tmp_path / "x.s").write_text(f'.section .hip_fatbin,"a",@progbits\n.p2align 12\n.incbin "{tmp_path}/fatbin"\n')
    (tmp_path / "y.s").write_text("")
    subprocess.run(["gcc", "-shared", "-nostdlib", "-Wl,-soname,libamdhip64.so.6", "-o", tmp_path / "hip.so", tmp_path / "y.s"], check=True)
    made = tmp_path / "libx.so"
    subprocess.run(["gcc", "-shared", "-nostdlib", "-Wl,--no-as-needed", "-o", made, tmp_path / "x.s", tmp_path / "hip.so"], check=True)
    code = read_file(made)
    assert (code.gpu_api, code.needs, code.gfx, code.bundles) == ("hip", ("libamdhip64.so.6",), ("gfx1030", "gfx906:xnack-"), 2)
