"""Offload bundles: how HIP puts code for several GPUs behind one symbol of a host library, or into one file.

A section .hip_fatbin holds one bundle for each translation unit, one after the other, padded with zeros to 4096 bytes. Formats:
https://clang.llvm.org/docs/ClangOffloadBundler.html ("Bundled Code Object File Layout" and "Compression and Decompression"), and for
the compressed header's versions llvm/lib/Object/OffloadBundle.cpp (RawCompressedBundleHeader). clang 18 wrote version 1, which does not
say where it ends (ROCm/clr#99), clang 19 to 21 write version 2, later ones version 3 (llvm/llvm-project#88827, #122307, #152600). Ends of
bundles come from their own size fields, or from the compressed stream; payload is never searched for the magic, which it may contain
(llvm/llvm-project#206745).
"""

from __future__ import annotations

import struct
import threading
from typing import NamedTuple

from rocmkit.gpucode import offloading, targets
from rocmkit.gpucode.found import Found, StopError, skip_zeros
from rocmkit.gpucode.source import Source, Window
from rocmkit.gpucode.unpack import Unpacked, UnpackError

MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"
COMPRESSED_MAGIC = b"CCOB"

MAX_BUNDLES = 200_000
MAX_ENTRIES = 4096  # of one bundle
MAX_ID = 256
_HEAD = 8192  # holds the header of a bundle for about a hundred targets
_LONGEST_HEAD = len(MAGIC) + 8 + MAX_ENTRIES * (24 + MAX_ID)

#: A zstd frame may ask for a window of 128 MiB. Whoever reads files side by side pays for one of them, not for each thread.
_UNPACKING = threading.RLock()

# version: fields after magic and version. Sizes count the whole compressed bundle with its header, and what it unpacks to.
_COMPRESSED = {1: "<HIQ", 2: "<HIIQ", 3: "<HQQQ"}


class _Image(NamedTuple):
    """An entry with content."""

    offset: int  # in the bundle
    size: int
    target: str


def walk(source: Source, start: int, end: int, found: Found) -> None:
    """Follow the bundles between two offsets of `source` and add what they hold to `found`. Raises OSError as `source` does."""
    try:
        while (start := skip_zeros(source, start, end, found)) < end:
            if found.bundles + found.compressed >= MAX_BUNDLES:
                raise StopError("there are too many bundles")
            head = source.read(start, min(_HEAD, end - start))
            if head.startswith(MAGIC):
                found.bundles += 1
                start += _bundle(source, start, head, end - start, found)
            elif head.startswith(COMPRESSED_MAGIC):
                found.compressed += 1
                start = _compressed(source, start, head, end, found)
            elif head.startswith(offloading.MAGIC):
                start += offloading.read_binary(Window(source, start, end - start), found)
            else:
                raise StopError("GPU code is in no known format")
    except StopError as problem:
        found.problems[str(problem)] = None


def _bundle(source: Source, start: int, head: bytes, room: int, found: Found) -> int:
    """Read a bundle; its length."""
    try:
        images, length = _entries(head, room, found)
    except struct.error:
        try:
            images, length = _entries(source.read(start, min(_LONGEST_HEAD, room)), room, found)
        except struct.error:
            raise StopError("a bundle is cut off") from None
    _look_into(Window(source, start, room), images, found)
    return length


def _entries(head: bytes, room: int, found: Found) -> tuple[list[_Image], int]:
    """The images of the bundle that begins with `head`, and its length. Raises struct.error where `head` ends before its header."""
    (count,) = struct.unpack_from("<Q", head, len(MAGIC))
    if count > MAX_ENTRIES:
        raise StopError("a bundle has too many entries")
    at = len(MAGIC) + 8
    end: int = at
    images = []
    for _ in range(count):
        offset, size, length = struct.unpack_from("<QQQ", head, at)
        if length > MAX_ID:
            raise StopError("a bundle entry's name is too long")
        (name,) = struct.unpack_from(f"{length}s", head, at + 24)
        at += 24 + int(length)
        if offset + size > room:
            raise StopError("a bundle is cut off")
        end = max(end, offset + size)
        target = targets.of_bundle_entry(name.decode("utf-8", "replace"))
        if target is None:
            found.problems["a bundle entry is of an unknown kind"] = None
        elif target and size:  # an entry of no size is a place kept for a target, without code
            images.append(_Image(offset, size, target))
    found.add_entries(count)
    return images, max(end, at)


def _look_into(bundle: Source, images: list[_Image], found: Found) -> None:
    """Add the images in the order they lie, so that a stream can give them."""
    end = 0
    for image in sorted(images):
        if image.offset < end:
            found.problems["entries of a bundle overlap"] = None
            found.targets.add(image.target)
            continue
        end = image.offset + image.size
        found.add_image(image.target, Window(bundle, image.offset, image.size))


def _compressed(source: Source, start: int, head: bytes, end: int, found: Found) -> int:
    """Read a compressed bundle: the header of what it unpacks to, and where asked for all of it. The offset of its end."""
    version = int.from_bytes(head[4:6], "little")
    layout = _COMPRESSED.get(version)
    if layout is None:
        raise StopError(f"a compressed bundle has the unknown version {version}")
    begin = 6 + struct.calcsize(layout)
    if len(head) < begin:
        raise StopError("a compressed bundle is cut off")
    fields = struct.unpack_from(layout, head, 6)
    method, unpacked = fields[0], fields[-2]
    known_end: int | None = None
    if version > 1:
        known_end = start + int(fields[1])
        if not start + begin <= known_end <= end:
            raise StopError("a compressed bundle is cut off")
    try:
        with _UNPACKING:
            behind = _unpack(Unpacked(source, start + begin, known_end or end, method, unpacked), known_end, found)
    except (UnpackError, ImportError) as problem:
        why = "bundles are compressed with zstd" if isinstance(problem, ImportError) else str(problem)
        if known_end is None:
            raise StopError(why) from None
        found.problems[why] = None
        return known_end
    return behind


def _unpack(bundle: Unpacked, known_end: int | None, found: Found) -> int:
    """Read what a compressed bundle unpacks to; the offset of its end. Raises UnpackError."""
    try:
        try:
            images, _ = _entries(_head(bundle, _HEAD), bundle.size, found)
        except struct.error:
            images, _ = _entries(_head(bundle, _LONGEST_HEAD), bundle.size, found)
    except struct.error:
        raise UnpackError("a compressed bundle is damaged") from None
    if known_end is not None and found.objects is None:
        found.targets |= {image.target for image in images}
        return known_end
    if bundle.size > found.unpacked:
        found.targets |= {image.target for image in images}
        if known_end is None:
            raise UnpackError("a compressed bundle that does not say where it ends is too large to unpack")
        found.remarks["a compressed bundle is too large to unpack"] = None
        if found.objects is not None:
            for image in images:
                found.objects.add_unread(image.target, image.size)
        return known_end
    found.unpacked -= bundle.size
    _look_into(bundle, images, found)
    end = bundle.finish()
    if known_end not in (None, end):
        raise UnpackError("a compressed bundle is damaged")
    return end


def _head(bundle: Unpacked, length: int) -> bytes:
    head = bundle.read(0, length)
    if not head.startswith(MAGIC):
        raise UnpackError("a compressed bundle is damaged")
    return head
