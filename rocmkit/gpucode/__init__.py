"""GPU code inside files. Reads bytes, loads nothing, takes bounded time for any input.

What cannot be opened is unknown, not absent. A cheap import: the readers themselves are imported when first used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rocmkit.gpucode.values import CodeObjects, Contents, FileCode, KernelFiles

if TYPE_CHECKING:
    import mmap

__all__ = ["CodeObjects", "Contents", "FileCode", "KernelFiles", "read_bytes", "read_contents", "read_file", "read_kernel_files"]


def read_file(path: str | os.PathLike[str]) -> FileCode:
    """What a library file says of itself. Raises OSError as the system gives it, ValueError where it is no ELF file."""
    from rocmkit.gpucode.read import describe
    from rocmkit.gpucode.source import File

    with File(path) as source:
        return describe(source)


def read_contents(path: str | os.PathLike[str], *, names: bool = False) -> Contents:
    """Any file that may hold GPU code, read in depth: `names` adds the names of its kernels.

    Raises OSError as the system gives it, ValueError where it is of no such kind.
    """
    from rocmkit.gpucode.contents import contents_of
    from rocmkit.gpucode.source import File

    with File(path) as source:
        return contents_of(source, names=names)


def read_bytes(data: bytes | bytearray | memoryview | mmap.mmap) -> FileCode:
    """What the bytes of a library say of it. Raises ValueError where they are no ELF file."""
    from rocmkit.gpucode.read import describe
    from rocmkit.gpucode.source import Memory

    with memoryview(data) as view, view.cast("B") as flat:
        return describe(Memory(flat))


def read_kernel_files(library: str, path: str | os.PathLike[str]) -> KernelFiles:
    """The targets that a library's folder of kernel files is for, by their names.

    `library` is "rocblas", "hipblaslt", "miopen" or "rocfft"; another raises ValueError. Raises OSError where `path` cannot be listed.
    """
    from rocmkit.gpucode.kernels import list_kernels

    return list_kernels(library, path)
