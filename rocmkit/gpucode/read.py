"""From one ELF file to a FileCode: what it is linked with, and what GPU code its headers tell."""

from __future__ import annotations

from rocmkit.gpucode import apis, bundles, cuda, targets
from rocmkit.gpucode.elf import EM_AMDGPU, EM_CUDA, ET_REL, SHF_COMPRESSED, SHT_NOBITS, Elf, Section, read_elf
from rocmkit.gpucode.found import Found
from rocmkit.gpucode.notes import read_notes
from rocmkit.gpucode.source import Source, Window
from rocmkit.gpucode.values import FileCode, GpuApi

# rocm-kpack takes the bundles out of a library and packs the code by target beside it, as in wheels of ROCm 7.14:
# https://github.com/stellaraccident/rocm-kpack, docs/packaging/kpack-build-analysis.md in https://github.com/ROCm/TheRock
_KPACK = ".rocm_kpack_ref"
# LLVM's linker keeps the offload binaries of OpenMP programs in the last two, and what they register in `_ENTRIES`; where only these are,
# the code lies among other data. llvm/lib/Frontend/Offloading/OffloadWrapper.cpp
_BUNDLES = (".hip_fatbin", ".llvm.offloading", ".llvm.offloading.relocatable")
_ENTRIES = ("omp_offloading_entries", "llvm_offload_entries")
_OBJECT_BUNDLE = "__CLANG_OFFLOAD_BUNDLE__"  # clang -c -fgpu-rdc: one section of an object file for each target


def describe(source: Source) -> FileCode:
    """What one ELF file says of itself. Raises ValueError where it is no ELF file, OSError as `source` does."""
    elf = read_elf(source)
    found = Found()
    look(source, elf, found)
    return file_code(source, elf, found)


def look(source: Source, elf: Elf, found: Found) -> None:
    """Add the GPU code of one ELF file to `found`."""
    if elf.machine == EM_AMDGPU:
        target = targets.of_flags(elf.flags, elf.abi_version) or read_notes(source, elf).target
        if target:
            found.add_image(target, source)
        else:
            found.problems["the code object's processor is not known"] = None
    elif elf.machine == EM_CUDA:
        target = cuda.of_cubin(elf.flags, elf.abi_version)
        if target:
            found.sm.add(target)
    elif elf.sections is None:
        found.problems.update(elf.problems)
    else:
        _embedded(source, elf, elf.sections, found)


def file_code(source: Source, elf: Elf, found: Found) -> FileCode:
    """What was read of one ELF file as a value."""
    problems = {**elf.problems, **found.problems, **found.remarks}
    api = _api(elf, found, problems)
    path = elf.runpath if elf.runpath is not None else elf.rpath or ""
    return FileCode(
        size_bytes=source.size,
        gpu_api=api,
        gfx=None if found.problems else tuple(sorted(found.targets)),
        sm=tuple(sorted(found.sm)),
        soname=elf.soname,
        needs=elf.needs,
        # glibc's elf/dl-load.c, fillin_rpath: an empty entry is the current folder, an empty path is none at all
        rpath=tuple(part or "." for part in path.split(":")) if path else (),
        rpath_kind="runpath" if elf.runpath is not None else "rpath" if elf.rpath is not None else None,
        bundles=found.bundles,
        compressed=found.compressed,
        unreadable=tuple(problems),
        glibc=elf.asked.get("GLIBC"),
        glibcxx=elf.asked.get("GLIBCXX"),
        glibcxx_provided=elf.provided.get("GLIBCXX"),
        executable_stack=elf.executable_stack,
    )


def _embedded(source: Source, elf: Elf, sections: tuple[Section, ...], found: Found) -> None:
    """Follow the GPU code in the sections of a host library."""
    if any(section.name == _KPACK for section in sections):
        found.problems["GPU code is in .kpack archives outside this file"] = None
        return
    registered = offloads = False
    for section in sections:
        name = section.name
        end = section.offset + section.size
        if name == ".hipFatBinSegment":
            registered |= section.kind != SHT_NOBITS and section.size > 0
        elif name in _ENTRIES:
            offloads |= section.kind != SHT_NOBITS and section.size > 0
        elif name.startswith(_OBJECT_BUNDLE):
            if _readable(source, section, found.problems):
                _object_bundle(source, section, found)
        elif name in _BUNDLES:
            if not found.problems and _readable(source, section, found.problems):
                bundles.walk(source, section.offset, end, found)
        elif name in apis.CUDA_FATBINS and _readable(source, section, found.remarks):
            cuda.walk(source, section.offset, end, found)
    # With -fgpu-rdc many wrappers share one bundle, so that their number says nothing; in an object file they point to what is linked
    # later.
    missing = registered or (offloads and not found.targets and not found.sm)
    if missing and not found.problems and not found.bundles and not found.compressed and elf.kind != ET_REL:
        found.problems["GPU code is registered, and none was found"] = None


def _readable(source: Source, section: Section, problems: dict[str, None]) -> bool:
    name = _OBJECT_BUNDLE if section.name.startswith(_OBJECT_BUNDLE) else section.name
    if section.kind == SHT_NOBITS:
        problems[f"section {name} has no content here (a file of debug symbols)"] = None
    elif section.flags & SHF_COMPRESSED:
        problems[f"section {name} is compressed"] = None
    elif section.offset + section.size > source.size:
        problems[f"section {name} lies beyond the end of the file"] = None
    else:
        return True
    return False


def _object_bundle(source: Source, section: Section, found: Found) -> None:
    target = targets.of_bundle_entry(section.name.removeprefix(_OBJECT_BUNDLE))
    if target is None:
        found.problems["a bundle entry is of an unknown kind"] = None
    elif target and section.size:
        found.add_image(target, Window(source, section.offset, section.size))


def _api(elf: Elf, found: Found, problems: dict[str, None]) -> GpuApi:
    """Which interface it is linked with; adds the reason to `problems` where that cannot be said."""
    if elf.machine in (EM_AMDGPU, EM_CUDA):
        return "hip" if elf.machine == EM_AMDGPU else "cuda"
    names = [*elf.needs, elf.soname] if elf.soname else elf.needs
    named = apis.of_libraries(names) | apis.of_sections(section.name for section in elf.sections or ())
    if len(named) > 1:
        problems["it names both HIP and CUDA"] = None
        return "unknown"
    if "hip" in named or (found.targets and not named):  # an object file of the newer driver names nothing
        return "hip"
    if "cuda" in named or found.sm:
        return "cuda"
    return "unknown" if elf.problems else "none"
