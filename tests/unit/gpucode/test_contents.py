"""Files of every kind, built by hand from the descriptions of their formats: what no compiler of the tests writes."""

from __future__ import annotations

import pathlib

import msgspec
import pytest

from rocmkit.gpucode import Contents, read_contents, read_file
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.source import Memory
from tests.support import code_objects as make
from tests.support import elf

AMD = {"triple": "amdgcn-amd-amdhsa", "arch": "gfx906:xnack-"}
NVIDIA = {"triple": "nvptx64-nvidia-cuda", "arch": "sm_80"}


def read(data: bytes, *, names: bool = False) -> Contents:
    return contents_of(Memory(memoryview(data)), names=names)


def test_a_code_object() -> None:
    contents = read(make.code_object(make.note(make.metadata("b", "a", lanes=32)), flags=0x36), names=True)
    (found,) = contents.objects
    assert (contents.kind, contents.code.gfx, contents.kernel_names) == ("code-object", ("gfx1030",), ("a", "b"))
    assert (found.kernels, found.wavefronts, found.versions, found.generic_version) == (2, (32,), (5,), None)


def test_a_processor_that_is_not_known_here_is_named_by_the_metadata() -> None:
    notes = make.note(make.metadata("k", target="amdgcn-amd-amdhsa--gfx1399:xnack+"))
    assert read(make.code_object(notes, flags=0xFE)).code.gfx == ("gfx1399:xnack+",)
    assert read(make.code_object(make.note(make.metadata("k")), flags=0xFE)).code.gfx is None


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        (b"", "a code object has no metadata"),
        (make.note(b"\xc1"), "a code object's metadata is damaged"),
        (make.note(make.metadata("k")[:-9]), "a code object's metadata is damaged"),
        (make.note(msgspec.msgpack.encode({"amdhsa.kernels": 7})), "a code object's metadata is damaged"),
        (make.note(msgspec.msgpack.encode({"amdhsa.kernels": [7]}) + bytes(40)), "a code object's metadata is damaged"),
        (make.note(msgspec.msgpack.encode({"amdhsa.kernels": [{".name": b"\xff"}] * 9})), "a code object's metadata is damaged"),
        (make.note(b"\x81\xaeamdhsa.kernels\xdd\xff\xff\xff\xff" + bytes(99)), "a code object's metadata is damaged"),
        (make.note(b"\x81\xa1x" + b"\x91" * 100_000), "a code object's metadata is damaged"),
        (make.note(b"Kernels: []", owner=b"AMD\0", kind=10), "a code object's metadata is damaged"),
        (make.note(msgspec.msgpack.encode({"amdhsa.kernels": [{".name": "x" * 40}] * 100_001})), "a code object has too many kernels"),
        (make.note(make.metadata("k"), kind=31), "a code object has no metadata"),
    ],
)
def test_kernels_that_cannot_be_counted_are_unknown(notes: bytes, why: str) -> None:
    contents = read(make.code_object(notes), names=True)
    assert [found.kernels for found in contents.objects] == [None]
    assert contents.code.unreadable[-1] == why
    assert contents.code.gfx == ("gfx906",)
    bundled = read(elf.bundle(ids={elf.entry_id("gfx906"): make.code_object(notes)}))
    assert [found.kernels for found in bundled.objects] == [None]
    assert bundled.code.unreadable == (why,)


def test_notes_that_lie_about_their_size() -> None:
    for size in (1, 1 << 20, (1 << 32) - 1):
        contents = read(make.code_object(make.note(make.metadata("k"), size=size)))
        assert contents.objects[0].kernels is None
    for size in (1 << 40, (1 << 64) - 1):
        contents = read(make.code_object(make.note(make.metadata("k")), size=size))
        assert (contents.objects[0].kernels, contents.code.unreadable[-1]) == (None, "a code object is cut off")


def test_kernels_of_every_note_count() -> None:
    """Tensile's code objects have one note for each kernel."""
    notes = b"".join(make.note(make.metadata(f"k{at}")) for at in range(500)) + make.note(b"id", owner=b"GNU\0", kind=3)
    contents = read(make.code_object(notes), names=True)
    assert (contents.objects[0].kernels, len(contents.kernel_names)) == (500, 500)
    assert read(make.code_object(notes + make.note(b"\xc1"))).objects[0].kernels is None


def test_entries_that_are_no_code_object_or_lie_over_each_other() -> None:
    code = read(elf.bundle(ids={elf.entry_id("gfx906"): b"no code"})).code
    assert (code.gfx, code.unreadable) == (None, ("what should be a code object is none",))
    host = elf.build()
    assert read(elf.bundle(ids={elf.entry_id("gfx906"): host})).code.gfx is None
    data = elf.bundle("gfx906", "gfx908", code=make.code_object(make.note(make.metadata("k"))))
    at = data.index(elf.entry_id("gfx908").encode())
    overlapping = read(data[: at - 24] + (4097).to_bytes(8, "little") + data[at - 16 :]).code
    assert overlapping.gfx is None
    assert "entries of a bundle overlap" in overlapping.unreadable


def test_spirv_is_code_without_kernels_yet() -> None:
    contents = read(elf.bundle(ids={"hip-spirv64-amd-amdhsa--amdgcnspirv": b"\x03\x02\x23\x07 and so on"}))
    assert (contents.code.gfx, contents.code.unreadable) == (("amdgcnspirv",), ())
    assert [(found.objects, found.kernels) for found in contents.objects] == [(1, None)]


@pytest.mark.parametrize("version", [1, 2])
def test_offload_binaries(version: int) -> None:
    object_ = make.code_object(make.note(make.metadata("k")))
    images = [(1, AMD, object_), (3, NVIDIA, b"cubin"), (5, NVIDIA, b"ptx")]
    data = make.offload_binary(images, version=2)
    if version == 1:
        data = b"".join(make.offload_binary([image]) for image in images)
    contents = read(data)
    assert (contents.kind, contents.code.gfx, contents.code.sm) == ("bundle", ("gfx906:xnack-",), ("compute_80", "sm_80"))
    assert [(found.target, found.kernels) for found in contents.objects] == [("gfx906:xnack-", 1)]
    host = read(elf.build(sections={".llvm.offloading": data}))
    assert (host.kind, host.code.gpu_api, host.code.gfx, host.objects) == ("library", "hip", ("gfx906:xnack-",), contents.objects)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (make.offload_binary([(1, AMD, b"x")])[:30], "an offload binary is cut off"),
        (make.offload_binary([(1, AMD, b"x")])[:-1], "an offload binary is cut off"),
        (b"\x10\xff\x10\xad\x09" + bytes(90), "an offload binary has the unknown version 9"),
        (make.offload_binary([(1, {"triple": "x86_64", "arch": "znver5"}, b"x")]), "an offload binary holds code of an unknown kind"),
        (make.offload_binary([(1, {f"key{at}": "" for at in range(65)}, b"x")]), "an offload binary is damaged"),
        (make.offload_binary([(1, {"triple": "x" * 300}, b"x")]), "an offload binary is damaged"),
        (make.offload_binary([], version=2)[:24] + b"\xff" * 8, "there are too many entries of GPU code"),
    ],
)
def test_offload_binaries_that_cannot_be_followed(data: bytes, why: str) -> None:
    code = read(data).code
    assert (code.gfx, code.unreadable) == (None, (why,))


CUDA = make.fatbin(
    make.fatbin_entry(2, 80),
    make.fatbin_entry(1, 80, flags=0x8011),
    make.fatbin_entry(2, 90, flags=0x100011),
    make.fatbin_entry(2, 100, flags=0x1200011),
)
TARGETS = ("compute_80", "lto_90", "sm_100f", "sm_80", "sm_90a")


def test_cuda_fat_binaries() -> None:
    linked = make.fatbin(make.fatbin_entry(8, 90))
    contents = read(CUDA + linked)
    assert (contents.kind, contents.code.gpu_api, contents.code.sm) == ("cuda-binary", "cuda", TARGETS)
    assert (contents.code.gfx, contents.objects, contents.code.unreadable) == ((), (), ())
    library = read(elf.build(needed=["libcudart.so.12"], sections={".nv_fatbin": CUDA + bytes(8), "__nv_relfatbin": linked}))
    assert (library.code.sm, library.code.gfx, library.code.unreadable) == (TARGETS, (), ())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x50\xed\x55\xba\1", "a CUDA fat binary is cut off"),
        (CUDA[:-1], "a CUDA fat binary is cut off"),
        (make.fatbin(b"short"), "a CUDA fat binary is cut off"),
        (make.fatbin(make.fatbin_entry(2, 80, header=0)), "a CUDA fat binary is damaged"),
        (make.fatbin(make.fatbin_entry(2, 80, header=65)), "a CUDA fat binary is damaged"),
        (make.fatbin(make.fatbin_entry(2, 80), size=1 << 63), "a CUDA fat binary is cut off"),
        (make.fatbin(make.fatbin_entry(77, 80)), "CUDA code of an unknown kind"),
        (CUDA + b"rest", "CUDA code is in no known format"),
    ],
)
def test_cuda_that_cannot_be_followed_says_so_and_leaves_amd_code_known(data: bytes, why: str) -> None:
    code = read(elf.build(sections={".nv_fatbin": data})).code
    assert (code.gfx, code.unreadable) == ((), (why,))
    if data.startswith(b"\x50\xed\x55\xba"):
        assert read(data).code.unreadable == (why,)


@pytest.mark.parametrize(("flags", "abi_version", "sm"), [(0x06005004, 8, "sm_80"), (0x06007802, 8, "sm_120"), (0x00500550, 7, "sm_80")])
def test_cubins(flags: int, abi_version: int, sm: str) -> None:
    contents = read(elf.build(machine=190, flags=flags, abi_version=abi_version))
    assert (contents.kind, contents.code.gpu_api, contents.code.sm, contents.code.gfx) == ("cuda-binary", "cuda", (sm,), ())


def test_archives_of_every_style() -> None:
    object_ = elf.build(sections={".hip_fatbin": elf.fatbin(elf.bundle("gfx906", code=make.code_object(make.note(make.metadata("k")))))})
    library = elf.build(needed=["libamdhip64.so.6"], sections={".hip_fatbin": elf.bundle("gfx908", code=b"BC\xc0\xde")})
    system_v = make.archive(
        (b"/", b"\0\0\0\0"), (b"//", b"a-long-name.o/\n"), (b"/0", object_), (b"readme.txt/", b"text"), (b"b.o/", library)
    )
    bsd = make.archive((b"__.SYMDEF", b"odd"), (b"#1/20", b"a-long-name.o".ljust(20, b"\0") + object_), (b"#1/4", b"b.o\0" + library))
    for data in (system_v, bsd):
        contents = read(data, names=True)
        code = contents.code
        assert (contents.kind, code.gpu_api, code.gfx, code.bundles, code.unreadable) == ("archive", "hip", ("gfx906", "gfx908"), 2, ())
        assert (code.size_bytes, code.needs, contents.kernel_names) == (len(data), (), ("k",))
        assert [(found.target, found.kernels) for found in contents.objects] == [("gfx906", 1), ("gfx908", None)]
    cuda = make.archive((b"a.o/", elf.build(sections={".nv_fatbin": CUDA})))
    assert (read(cuda).code.gpu_api, read(cuda).code.gfx) == ("cuda", ())
    assert read(make.archive((b"a.o/", object_), (b"b.o/", elf.build(sections={".nv_fatbin": CUDA})))).code.gpu_api == "unknown"
    assert read(b"!<arch>\n").code.gfx == ()
    # Device code, such as LLVM's libc for GPUs, registers nothing.
    assert read(make.archive((b"a.o/", b"BC\xc0\xde" + bytes(2 << 20) + b"some_symbol"))).code.gfx == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (make.archive((b"a.o/", elf.build()))[:-1], "an archive is cut off"),
        (make.archive((b"a.o/", elf.build()))[:40], "an archive is damaged"),
        (b"!<arch>\n" + b"x" * 200, "an archive is damaged"),
        (make.archive((b"a.o/", b"\x7fELF")), "a member of the archive is damaged"),
        (make.archive((b"a.o/", elf.build(section_headers=False))), "there are no section headers"),
        (make.archive((b"a.o/", elf.build(sections={".hip_fatbin": b"what"}))), "GPU code is in no known format"),
        (
            make.archive((b"a.o/", b"BC\xc0\xde" + bytes((1 << 20) - 10) + b"__hip_fatbin")),
            "a member of the archive is LLVM bitcode with GPU code in it",
        ),
        (b"!<thin>\n", "the members of a thin archive lie in files of their own"),
    ],
)
def test_archives_that_cannot_be_followed(data: bytes, why: str) -> None:
    code = read(data).code
    assert (code.gfx, why in code.unreadable) == (None, True)


def test_programs_objects_and_libraries() -> None:
    assert read(elf.build()).kind == "library"
    assert read(elf.build()[:16] + b"\2" + elf.build()[17:]).kind == "program"
    assert read(elf.build()[:16] + b"\1" + elf.build()[17:]).kind == "object"
    with pytest.raises(ValueError, match="no library, program or object file"):
        read(elf.build()[:16] + b"\4" + elf.build()[17:])


def test_files(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"#!/bin/sh\n")
    with pytest.raises(ValueError, match="not an ELF file, an offload bundle, a CUDA binary or an archive"):
        read_contents(path)
    with pytest.raises(FileNotFoundError):
        read_contents(tmp_path / "absent")
    path.write_bytes(elf.build(needed=["libamdhip64.so.6"], sections={".hip_fatbin": elf.bundle("gfx906", code=b"BC\xc0\xde")}))
    assert read_contents(path).code == read_file(path)
