"""Any file that may hold GPU code, read in depth."""

from __future__ import annotations

from rocmkit.gpucode import archives, bundles, cuda, offloading
from rocmkit.gpucode.elf import EM_AMDGPU, EM_CUDA, ET_DYN, ET_EXEC, ET_REL, Elf, read_elf
from rocmkit.gpucode.found import DEEP_UNPACKED, Found, StopError
from rocmkit.gpucode.objects import Objects
from rocmkit.gpucode.read import file_code, look
from rocmkit.gpucode.source import Source
from rocmkit.gpucode.values import Contents, ContentsKind, FileCode, GpuApi

_BUNDLE_MAGICS = (bundles.MAGIC, bundles.COMPRESSED_MAGIC, offloading.MAGIC)
_HEAD = 64

# Object files of -flto are LLVM bitcode, whose constants are packed bit by bit; the names of symbols are not (LLVM's BitCodeFormat).
_BITCODE = (b"BC\xc0\xde", b"\xde\xc0\x17\x0b")
_REGISTERS = (b"__hipRegisterFatBinary", b"__hip_fatbin")
_PIECE = 1 << 20
MAX_BITCODE = 256 << 20  # bytes of one member that are looked through


def contents_of(source: Source, *, names: bool = False) -> Contents:
    """What one file holds. Raises ValueError where it is of no kind that may hold GPU code, OSError as `source` does."""
    objects = Objects(names=names)
    found = Found(objects=objects, unpacked=DEEP_UNPACKED)
    kind, code = _read(source, found)
    return Contents(kind=kind, code=code, objects=objects.by_target(), kernel_names=objects.kernel_names())


def _read(source: Source, found: Found) -> tuple[ContentsKind, FileCode]:
    head = source.read(0, _HEAD)
    if head.startswith(b"\x7fELF"):
        elf = read_elf(source)
        kind = _kind(elf)
        look(source, elf, found)
        return kind, file_code(source, elf, found)
    if head.startswith(_BUNDLE_MAGICS):
        bundles.walk(source, 0, source.size, found)
        return "bundle", _bare(source, found, "hip" if found.targets or not found.sm else "cuda")
    if head.startswith(cuda.MAGIC):
        cuda.walk(source, 0, source.size, found)
        return "cuda-binary", _bare(source, found, "cuda")
    if head.startswith((archives.MAGIC, archives.THIN_MAGIC)):
        return "archive", _archive(source, head, found)
    raise ValueError("not an ELF file, an offload bundle, a CUDA binary or an archive")


def _kind(elf: Elf) -> ContentsKind:
    if elf.machine in (EM_AMDGPU, EM_CUDA):
        return "code-object" if elf.machine == EM_AMDGPU else "cuda-binary"
    if elf.kind == ET_EXEC or (elf.kind == ET_DYN and elf.pie):
        return "program"
    if elf.kind in (ET_DYN, ET_REL):
        return "library" if elf.kind == ET_DYN else "object"
    raise ValueError("an ELF file, but no library, program or object file")


def _archive(source: Source, head: bytes, found: Found) -> FileCode:
    """Read the members into one `found`. Those of other kinds are passed over."""
    interfaces: set[GpuApi] = set()
    if head.startswith(archives.THIN_MAGIC):
        found.problems["the members of a thin archive lie in files of their own"] = None
        return _bare(source, found, "unknown")
    try:
        for member in archives.members(source):
            first = member.read(0, _HEAD)
            if first.startswith((b"\x7fELF", *_BUNDLE_MAGICS, cuda.MAGIC)):
                try:
                    _, code = _read(member, found)
                except ValueError:
                    found.problems["a member of the archive is damaged"] = None
                    continue
                interfaces.add(code.gpu_api)
                found.remarks |= dict.fromkeys(why for why in code.unreadable if why not in found.problems)
            elif first.startswith(_BITCODE) and _registers(member):
                interfaces.add("hip")
                found.problems["a member of the archive is LLVM bitcode with GPU code in it"] = None
    except StopError as problem:
        found.problems[str(problem)] = None
    known = interfaces - {"none"}
    both = {"hip", "cuda"} <= known
    if both:
        found.remarks["it names both HIP and CUDA"] = None
    api: GpuApi = "unknown" if both or "unknown" in known else next(iter(known), "none")
    return _bare(source, found, api)


def _registers(bitcode: Source) -> bool:
    """Whether what it compiles to registers GPU code with HIP, or may. Device code, of which there are archives too, does not."""
    pieces = (bitcode.read(at, _PIECE + max(map(len, _REGISTERS))) for at in range(0, min(bitcode.size, MAX_BITCODE), _PIECE))
    return bitcode.size > MAX_BITCODE or any(name in piece for piece in pieces for name in _REGISTERS)


def _bare(source: Source, found: Found, api: GpuApi) -> FileCode:
    """A file that is linked with nothing."""
    return FileCode(
        size_bytes=source.size,
        gpu_api=api,
        gfx=None if found.problems else tuple(sorted(found.targets)),
        sm=tuple(sorted(found.sm)),
        soname=None,
        needs=(),
        rpath=(),
        rpath_kind=None,
        bundles=found.bundles,
        compressed=found.compressed,
        unreadable=(*found.problems, *found.remarks),
        glibc=None,
        glibcxx=None,
        glibcxx_provided=None,
        executable_stack=None,
    )
