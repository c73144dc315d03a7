"""The first reader on libraries built from parts: what it says, and that it says "unknown" where it cannot know."""

from __future__ import annotations

import mmap
import os
import pathlib
import subprocess
import sys

import pytest

from rocmkit.gpucode import FileCode, read_bytes, read_file
from tests.support import code_objects, elf

HIP = ("libamdhip64.so.6", "libc.so.6")


def hip(section: bytes, **more: object) -> FileCode:
    return read_bytes(elf.build(needed=HIP, sections={".hip_fatbin": section, **more.pop("sections", {})}, **more))  # type: ignore[arg-type, dict-item]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("section_headers", [True, False])
def test_what_the_loader_uses_is_read_without_section_headers(bits: int, order: str, section_headers: bool) -> None:
    code = read_bytes(
        elf.build(
            needed=HIP,
            soname="libx.so.1",
            runpath="$ORIGIN:/opt/rocm/lib",
            asked={"libc.so.6": ["GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE"], "libstdc++.so.6": ["GLIBCXX_3.4.9", "CXXABI_1.3"]},
            provided=["GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_LDBL_3.4"],
            executable_stack=True,
            bits=bits,
            order=order,
            section_headers=section_headers,
        )
    )
    assert (code.needs, code.soname, code.gpu_api) == (HIP, "libx.so.1", "hip")
    assert (code.rpath, code.rpath_kind) == (("$ORIGIN", "/opt/rocm/lib"), "runpath")
    assert (code.glibc, code.glibcxx, code.glibcxx_provided) == ("2.34", "3.4.9", "3.4.30")
    assert code.executable_stack is True
    if section_headers:
        assert (code.gfx, code.unreadable) == ((), ())
    else:
        assert (code.gfx, code.unreadable) == (None, ("there are no section headers",))


def test_runpath_wins_over_rpath_as_for_the_loader() -> None:
    assert read_bytes(elf.build(rpath="/a:/b")).rpath == ("/a", "/b")
    assert read_bytes(elf.build(rpath="/a")).rpath_kind == "rpath"


def test_an_empty_entry_of_a_path_is_the_current_folder() -> None:
    assert read_bytes(elf.build(runpath="/a/lib:")).rpath == ("/a/lib", ".")
    assert read_bytes(elf.build(rpath=":/a")).rpath == (".", "/a")
    assert read_bytes(elf.build(runpath="")).rpath == ()
    assert read_bytes(elf.build(rpath="/a", runpath="")).rpath == ()
    both = read_bytes(elf.build(rpath="/a", runpath="/b"))
    assert (both.rpath, both.rpath_kind) == (("/b",), "runpath")
    assert read_bytes(elf.build()).rpath_kind is None


@pytest.mark.parametrize(("asked", "answer"), [(None, None), (False, False), (True, True)])
def test_executable_stack(asked: bool | None, answer: bool | None) -> None:
    assert read_bytes(elf.build(executable_stack=asked)).executable_stack is answer


@pytest.mark.parametrize(
    ("needed", "soname", "sections", "api"),
    [
        (["libamdhip64.so.7"], None, [], "hip"),
        (["libamdhip64-1a2b3c4d.so.6"], None, [], "hip"),
        (["libc10_hip.so", "libtorch_cpu.so"], None, [], "hip"),
        (["librocblas.so.4"], None, [], "hip"),
        (["libhipblaslt.so.0"], None, [], "hip"),
        (["libMIOpen.so.1"], None, [], "hip"),
        (["libhsa-runtime64.so.1"], None, [], "hip"),
        ([], "libamdhip64.so.6", [], "hip"),
        ([], None, [".hip_fatbin"], "hip"),
        ([], None, [".hipFatBinSegment"], "hip"),
        (["libcuda.so.1"], None, [], "cuda"),
        (["libcudart-d0da41ae.so.11.0"], None, [], "cuda"),
        (["libcublasLt.so.12"], None, [], "cuda"),
        (["libcudnn_ops_infer.so.8"], None, [], "cuda"),
        (["libc10_cuda.so"], None, [], "cuda"),
        ([], None, [".nv_fatbin"], "cuda"),
        ([], None, [".nvFatBinSegment"], "cuda"),
        (["libcurl.so.4", "libc.so.6"], None, [], "none"),
        (["libhippocampus.so", "librocksdb.so", "libcudamillo.so"], None, [], "none"),
        (["libtorch_cpu.so", "libc10.so"], None, [], "none"),
        (["librocm_smi64.so.7", "libamd_comgr.so.3", "libnvidia-ml.so.1"], None, [], "none"),
        (["libamdhip64.so.6", "libcudart.so.12"], None, [], "unknown"),
        (["libcudart.so.12"], None, [".hip_fatbin"], "unknown"),
    ],
)
def test_gpu_api(needed: list[str], soname: str | None, sections: list[str], api: str) -> None:
    code = read_bytes(elf.build(needed=needed, soname=soname, sections=dict.fromkeys(sections, b"")))
    assert code.gpu_api == api
    assert ("it names both HIP and CUDA" in code.unreadable) == (api == "unknown")


def test_a_library_that_cannot_be_read_whole_has_no_known_api() -> None:
    code = read_bytes(elf.build(needed=["libc.so.6"], section_headers=False))
    assert (code.gpu_api, code.gfx) == ("unknown", None)


@pytest.mark.parametrize(
    ("abi_version", "flags", "gfx"),
    [
        (1, 0x2F, ("gfx906",)),
        (1, 0x22F, ("gfx906:sramecc+",)),
        (2, 0x52F, ("gfx906",)),
        (3, 0x62F, ("gfx906:xnack-",)),
        (3, 0xE2F, ("gfx906:sramecc+:xnack-",)),
        (3, 0x33F, ("gfx90a:xnack+",)),
        (4, 0x01000051, ("gfx9-generic",)),
        (0, 0x00, None),
        (3, 0xFF, None),
        (9, 0x2F, None),
    ],
)
def test_bare_code_object(abi_version: int, flags: int, gfx: tuple[str, ...] | None) -> None:
    code = read_bytes(elf.build(machine=224, flags=flags, abi_version=abi_version))
    assert (code.gpu_api, code.gfx) == ("hip", gfx)
    assert bool(code.unreadable) == (gfx is None)


def test_code_that_lies_elsewhere_is_unknown() -> None:
    kpack = hip(bytes(8192), sections={".rocm_kpack_ref": b"marker"})
    assert (kpack.gpu_api, kpack.gfx) == ("hip", None)
    assert kpack.unreadable == ("GPU code is in .kpack archives outside this file",)
    assert read_bytes(elf.build(sections={".llvm.offloading": b"x"})).gfx is None
    assert hip(elf.bundle("gfx906"), kinds={".hip_fatbin": 8}).gfx is None


def test_registered_code_that_is_not_there_is_unknown() -> None:
    one = elf.fatbin(elf.bundle("gfx906"))
    assert hip(one, sections={".hipFatBinSegment": bytes(48)}).gfx == ("gfx906",)  # -fgpu-rdc: several wrappers for one bundle
    gone = hip(bytes(4096), sections={".hipFatBinSegment": bytes(24)})
    assert (gone.gfx, gone.unreadable) == (None, ("GPU code is registered, and none was found",))
    offloaded = code_objects.offload_binary([(1, {"triple": "amdgcn-amd-amdhsa", "arch": "gfx906"}, b"code")])
    for name in ("omp_offloading_entries", "llvm_offload_entries"):
        assert read_bytes(elf.build(sections={name: bytes(40)})).unreadable == gone.unreadable
        assert read_bytes(elf.build(sections={name: bytes(40), ".llvm.offloading.relocatable": offloaded})).gfx == ("gfx906",)
        assert read_bytes(elf.build(sections={name: b""})).gfx == ()


@pytest.mark.parametrize(
    ("entry", "gfx"),
    [("hip-amdgcn-amd-amdhsa--gfx906:xnack-", ("gfx906:xnack-",)), ("host-x86_64-pc-linux-gnu-", ()), ("other-gfx906", None)],
)
def test_sections_of_relocatable_code(entry: str, gfx: tuple[str, ...] | None) -> None:
    name = f"__CLANG_OFFLOAD_BUNDLE__{entry}"
    assert read_bytes(elf.build(sections={name: b"BC\xc0\xde"})).gfx == gfx
    assert read_bytes(elf.build(sections={name: b"x"}, kinds={name: 8})).gfx is None


def test_every_way_of_reading_agrees(tmp_path: pathlib.Path) -> None:
    data = elf.build(needed=HIP, sections={".hip_fatbin": elf.fatbin(elf.bundle("gfx906"))})
    path = tmp_path / "libx.so"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        answers = [read_file(path), read_file(str(path)), read_bytes(data), read_bytes(bytearray(data)), read_bytes(mapped)]
    assert set(answers) == {read_bytes(memoryview(data))}
    assert answers[0].size_bytes == len(data)


def test_errors_of_the_system_come_as_they_are(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "absent")
    with pytest.raises(IsADirectoryError) as caught:
        read_file(tmp_path)
    assert caught.value.filename == str(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", pathlib.Path("/dev/zero")):
        with pytest.raises(ValueError, match="not a regular file"):
            read_file(path)


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"INPUT(-lfoo)", b"\x7fELF\x03\x01" + bytes(80), elf.build()[:63], b"MZ" + bytes(99)])
def test_no_elf_file(data: bytes, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="ELF"):
        read_bytes(data)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match="ELF"):
        read_file(tmp_path / "x")


def test_a_download_cut_short_is_unknown() -> None:
    data = elf.build(needed=HIP, sections={".hip_fatbin": elf.fatbin(elf.bundle("gfx906"))})
    for length in (len(data) - 1, len(data) // 2, 300, 64):
        code = read_bytes(data[:length])
        assert code.gfx is None
        assert code.unreadable


def test_the_import_is_cheap() -> None:
    script = "import sys, rocmkit.gpucode; print([m for m in ('elftools', 'sqlite3', 'zlib', 'rocmkit.gpucode.elf') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"], capture_output=True, check=True
    )
    assert b"rocmkit" not in out.stdout
    assert b"elftools" not in out.stdout
