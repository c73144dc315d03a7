"""From the headers of one library to a FileCode."""

from __future__ import annotations

from rocmkit.gpucode import apis, bundles, targets
from rocmkit.gpucode.elf import EM_AMDGPU, EM_CUDA, SHF_COMPRESSED, SHT_NOBITS, Elf, Section, read_elf
from rocmkit.gpucode.source import Source
from rocmkit.gpucode.values import FileCode, GpuApi

# Sections that hold AMD GPU code, or say where it is, in ways not read here.
_ELSEWHERE = {
    # rocm-kpack takes the bundles out of a library and packs the code by target beside it, as in wheels of ROCm 7.14:
    # https://github.com/stellaraccident/rocm-kpack, docs/packaging/kpack-build-analysis.md in https://github.com/ROCm/TheRock
    ".rocm_kpack_ref": "GPU code is in .kpack archives outside this file",
    ".llvm.offloading": "section .llvm.offloading is not read",
}
_OBJECT_BUNDLE = "__CLANG_OFFLOAD_BUNDLE__"  # clang -c -fgpu-rdc: one section of an object file for each target


def describe(source: Source) -> FileCode:
    """What one ELF file says of itself. Raises ValueError where it is no ELF file, OSError as `source` does."""
    elf = read_elf(source)
    found = bundles.Found()
    if elf.machine == EM_AMDGPU:
        target = targets.of_flags(elf.flags, elf.abi_version)
        if target:
            found.targets.add(target)
        else:
            found.problems["the code object's processor is not known"] = None
    elif elf.sections is not None:
        _embedded(source, elf, elf.sections, found)
    whole = not found.problems and elf.sections is not None
    problems = {**elf.problems, **found.problems}
    api = _api(elf, problems)
    return FileCode(
        size_bytes=source.size,
        gpu_api=api,
        gfx=tuple(sorted(found.targets)) if whole or (elf.machine == EM_AMDGPU and found.targets) else None,
        sm=(),
        soname=elf.soname,
        needs=elf.needs,
        rpath=tuple(part for part in (elf.runpath or elf.rpath or "").split(":") if part),
        rpath_kind="runpath" if elf.runpath is not None else "rpath" if elf.rpath is not None else None,
        bundles=found.bundles,
        compressed=found.compressed,
        unreadable=tuple(problems),
        glibc=elf.asked.get("GLIBC"),
        glibcxx=elf.asked.get("GLIBCXX"),
        glibcxx_provided=elf.provided.get("GLIBCXX"),
        executable_stack=elf.executable_stack,
    )


def _embedded(source: Source, elf: Elf, sections: tuple[Section, ...], found: bundles.Found) -> None:
    """Follow the bundles in the sections of a host library."""
    names = {section.name for section in sections}
    for name, problem in _ELSEWHERE.items():
        if name in names:
            found.problems[problem] = None
    if any(name.startswith(_OBJECT_BUNDLE) for name in names):
        found.problems["bundled sections of an object file are not read"] = None
    if ".rocm_kpack_ref" in names:
        return
    registered = 0
    for section in sections:
        if section.name == ".hipFatBinSegment" and section.kind != SHT_NOBITS:
            registered += section.size // (24 if elf.bits == 64 else 16)  # struct __CudaFatBinaryWrapper of clang's CGCUDANV.cpp
        if section.name != ".hip_fatbin":
            continue
        if section.kind == SHT_NOBITS:
            found.problems["section .hip_fatbin has no content here (a file of debug symbols)"] = None
        elif section.flags & SHF_COMPRESSED:
            found.problems["section .hip_fatbin is compressed"] = None
        elif section.offset + section.size > source.size:
            found.problems["section .hip_fatbin lies beyond the end of the file"] = None
        elif not found.problems:
            bundles.walk(source, section.offset, section.offset + section.size, found)
    if registered > found.bundles + found.compressed:
        found.problems.setdefault("fewer bundles were found than the file registers", None)


def _api(elf: Elf, problems: dict[str, None]) -> GpuApi:
    """Which interface it is linked with; adds the reason to `problems` where that cannot be said."""
    if elf.machine in (EM_AMDGPU, EM_CUDA):
        return "hip" if elf.machine == EM_AMDGPU else "cuda"
    names = [*elf.needs, elf.soname] if elf.soname else elf.needs
    found = apis.of_libraries(names) | apis.of_sections(section.name for section in elf.sections or ())
    if len(found) > 1:
        problems["it names both HIP and CUDA"] = None
        return "unknown"
    if "hip" in found:
        return "hip"
    if "cuda" in found:
        return "cuda"
    return "unknown" if elf.problems else "none"
