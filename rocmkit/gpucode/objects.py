"""AMD GPU code objects, taken together by target."""

from __future__ import annotations

from dataclasses import dataclass, field

from rocmkit.gpucode import targets
from rocmkit.gpucode.elf import EM_AMDGPU, read_elf
from rocmkit.gpucode.found import Found
from rocmkit.gpucode.notes import read_notes
from rocmkit.gpucode.source import Source
from rocmkit.gpucode.values import CodeObjects

MAX_OBJECTS = 100_000
MAX_NOTES = 512 << 20  # bytes of notes in all objects of a file
MAX_NAMES = 48 << 20  # characters of kernel names

# LLVM bitcode and SPIR-V: code that is compiled once more, when it is linked or loaded
_NOT_COMPILED = (b"BC\xc0\xde", b"\x03\x02\x23\x07")


@dataclass
class _Group:
    objects: int = 0
    size: int = 0
    versions: set[int] = field(default_factory=set)
    wavefronts: set[int] = field(default_factory=set)
    generic: set[int] = field(default_factory=set)
    kernels: int | None = 0


class Objects:
    """The code objects of one file."""

    def __init__(self, *, names: bool) -> None:
        self._groups: dict[str, _Group] = {}
        self._wanted = names
        self._names: set[str] = set()
        self._letters = 0
        self._objects = 0
        self._notes = 0

    def add(self, target: str, image: Source, found: Found) -> None:
        """Read one image, forwards. Raises OSError as `image` does, and what a stream raises."""
        group = self._group(target, image.size)
        if self._objects > MAX_OBJECTS or self._notes > MAX_NOTES:
            group.kernels = None
            found.remarks["there are too many code objects to look into them all"] = None
            return
        magic = image.read(0, 4)
        if magic in _NOT_COMPILED:
            group.kernels = None
            return
        try:
            elf = read_elf(image, whole=False)
        except ValueError:
            elf = None
        if elf is None or elf.machine != EM_AMDGPU:
            group.kernels = None
            found.problems["what should be a code object is none"] = None
            return
        own = targets.of_flags(elf.flags, elf.abi_version)
        if own is not None and targets.contradict(own, target):
            found.problems["a code object is for another target than its bundle says"] = None
        version = targets.version_of(elf.abi_version)
        if version is None:
            found.remarks["a code object has an unknown version"] = None
        else:
            group.versions.add(version)
        generic = targets.generic_version(elf.flags, elf.abi_version)
        if generic is not None:
            group.generic.add(generic)
        notes = read_notes(image, elf)
        self._notes += notes.size
        group.wavefronts |= notes.wavefronts
        if notes.kernels is None:
            group.kernels = None
            if notes.problem:
                found.remarks[notes.problem] = None
            return
        if group.kernels is not None:
            group.kernels += notes.kernels
        if self._wanted:
            self._add_names(notes.names, found)

    def add_unread(self, target: str, size: int) -> None:
        """Count an image that cannot be looked into."""
        self._group(target, size).kernels = None

    def by_target(self) -> tuple[CodeObjects, ...]:
        """What was met, by target, sorted."""
        return tuple(
            CodeObjects(
                target=target,
                objects=group.objects,
                size_bytes=group.size,
                versions=tuple(sorted(group.versions)),
                wavefronts=tuple(sorted(group.wavefronts)),
                generic_version=min(group.generic, default=None),
                kernels=group.kernels,
            )
            for target, group in sorted(self._groups.items())
        )

    def kernel_names(self) -> tuple[str, ...]:
        """Sorted and distinct; empty where they were not asked for."""
        return tuple(sorted(self._names))

    def _group(self, target: str, size: int) -> _Group:
        group = self._groups.setdefault(target, _Group())
        group.objects += 1
        group.size += size
        self._objects += 1
        return group

    def _add_names(self, names: list[str], found: Found) -> None:
        new = set(names) - self._names
        self._letters += sum(map(len, new))
        if self._letters > MAX_NAMES:
            found.remarks["kernel names were left out: there are too many"] = None
            return
        self._names |= new
