"""GPU code that real compilers made, and what LLVM's own tools say of the same files.

The compilers need no ROCm for kernels that call nothing. What none of them writes is made by hand here, and says so.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import struct
import subprocess
import zlib

import pytest

from rocmkit.gpucode import Contents, read_contents, read_file
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.source import Memory

PACKAGES = "clang-15 lld-15 clang-19 clang-tools-19 lld-19 llvm-19"
TOOLS = ("clang++-15", "ld.lld-15", "clang++-19", "ld.lld-19", "clang-offload-bundler-19", "llvm-objdump-19", "llvm-readelf-19", "ar")
NAMES = ("_Z4manyILi1EEvPi", "_Z4manyILi2EEvPi", "one")

SOURCE = """
#define __global__ __attribute__((global))
struct dim3 { unsigned x, y, z; };
extern "C" int hipLaunchKernel(const void *, dim3, dim3, void **, unsigned long, void *);
extern "C" int __hipPopCallConfiguration(dim3 *, dim3 *, unsigned long *, void *);
"""
SOURCES = {
    "one": SOURCE
    + 'extern "C" __global__ void one(int *p) { *p = 1; }\ntemplate <int N> __global__ void many(int *p) { *p = N; }\n'
    + "template __global__ void many<1>(int *);\ntemplate __global__ void many<2>(int *);\n",
    "two": SOURCE + 'extern "C" __global__ void two(int *p) { *p = 2; }\n',
    "three_hundred": SOURCE + "".join(f'extern "C" __global__ void k{at}(int *p) {{ *p = {at}; }}\n' for at in range(300)),
    "none": SOURCE + '__attribute__((device)) extern "C" void no_kernel(int *p) { *p = 1; }\n',
}
DEVICE = ["--offload-device-only"]
BARE = [*DEVICE, "--no-gpu-bundle-output"]
RDC = ["-fgpu-rdc", "-fPIC", "-c"]
# name of the file: release of clang, source, targets, flags
MADE: dict[str, tuple[int, str, list[str], list[str]]] = {
    "bundle.co": (19, "one", ["gfx906"], DEVICE),
    "several.co": (19, "one", ["gfx906", "gfx1030", "gfx90a:sramecc+:xnack-", "gfx90a:sramecc+:xnack+"], DEVICE),
    "packed.co": (19, "one", ["gfx906", "gfx1030", "gfx90a:sramecc+:xnack-", "gfx90a:sramecc+:xnack+"], [*DEVICE, "--offload-compress"]),
    "generic.co": (19, "one", ["gfx10-3-generic"], [*DEVICE, "-mcode-object-version=6"]),
    "generics.co": (19, "one", ["gfx9-generic", "gfx10-3-generic"], [*DEVICE, "-mcode-object-version=6"]),
    "many.co": (19, "three_hundred", ["gfx906", "gfx1100"], DEVICE),
    "many-packed.co": (19, "three_hundred", ["gfx906", "gfx1100"], [*DEVICE, "--offload-compress"]),
    "none.co": (19, "none", ["gfx906"], DEVICE),
    "wave32.co": (19, "one", ["gfx1030"], BARE),
    "wave64.co": (19, "one", ["gfx1030"], [*BARE, "-mwavefrontsize64"]),
    **{f"v{version}.co": (15, "one", ["gfx906"], [*BARE, f"-mcode-object-version={version}"]) for version in (2, 3, 4, 5)},
    "v6.co": (19, "one", ["gfx908:xnack-"], [*BARE, "-mcode-object-version=6"]),
    "one.o": (19, "one", ["gfx906", "gfx1030"], ["-fPIC", "-c"]),
    "two.o": (19, "two", ["gfx906", "gfx90a:xnack+"], ["-fPIC", "-c", "--offload-compress"]),
    "rdc-one.o": (19, "one", ["gfx906", "gfx1030"], RDC),
    "rdc-two.o": (19, "two", ["gfx906", "gfx1030"], RDC),
    "newer.o": (19, "one", ["gfx906", "gfx90a:xnack-"], [*RDC, "--offload-new-driver"]),
}


def run(folder: pathlib.Path, *command: str) -> str:
    environment = {**os.environ, "TMPDIR": str(folder)}  # clang leaves folders there
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.fail(f"{', '.join(missing)} not found; install the Debian packages {PACKAGES}", pytrace=False)
    folder = tmp_path_factory.mktemp("compiled")
    for name, text in SOURCES.items():
        (folder / f"{name}.hip").write_text(text)
    for name, (release, source, targets, flags) in MADE.items():
        archs = [f"--offload-arch={target}" for target in targets]
        run(folder, f"clang++-{release}", "-x", "hip", "-nogpuinc", "-nogpulib", *archs, *flags, f"{source}.hip", "-o", name)
    run(folder, "clang++-19", "-shared", "-nostdlib", "-o", "lib.so", "one.o", "two.o")
    rdc = ["--hip-link", "-fgpu-rdc", "--offload-arch=gfx906", "--offload-arch=gfx1030"]
    run(folder, "clang++-19", *rdc, "-shared", "-nostdlib", "-o", "rdc.so", "rdc-one.o", "rdc-two.o")
    run(folder, "ar", "rcs", "lib.a", "one.o", "two.o", "rdc-one.o", "packed.co", "one.hip")
    run(folder, "ar", "rcsT", "thin.a", "one.o", "two.o")
    return folder


def kernels(notes: str) -> tuple[list[str], set[str]]:
    """Names and wavefront sizes in what llvm-readelf prints of the notes."""
    names = re.findall(r"^(?:    \.name:|  - \.name:|  - Name:) +'?([^\s']+)'?$", notes, re.MULTILINE)
    return sorted(names), set(re.findall(r"(?:\.wavefront_size|WavefrontSize): +(\d+)", notes))


def unbundled(folder: pathlib.Path, name: str) -> dict[str, pathlib.Path]:
    """The code objects of a bundle by target, as clang's bundler takes them out."""
    found = {}
    for entry in run(folder, "clang-offload-bundler-19", "--list", "--type=o", f"--input={name}").split():
        if not entry.startswith("host"):
            out = folder / f"{name}-{entry}"
            targets = f"--targets={entry}"
            run(folder, "clang-offload-bundler-19", "--unbundle", "--type=o", targets, f"--input={name}", f"--output={out}")
            found[entry.split("--")[1]] = out
    return found


@pytest.mark.parametrize("name", ["bundle.co", "several.co", "packed.co", "generic.co", "many.co", "many-packed.co", "none.co"])
def test_bundles_hold_what_llvm_says(made: pathlib.Path, name: str) -> None:
    contents = read_contents(made / name, names=True)
    parts = unbundled(made, name)
    assert sorted(MADE[name][2]) == sorted(parts)
    assert (contents.kind, contents.code.gpu_api, contents.code.unreadable) == ("bundle", "hip", ())
    assert contents.code.gfx == tuple(sorted(parts)) == tuple(found.target for found in contents.objects)
    assert (contents.code.bundles, contents.code.compressed) == ((0, 1) if "packed" in name else (1, 0))
    every = set()
    for found in contents.objects:
        part = parts[found.target]
        names, wavefronts = kernels(run(made, "llvm-readelf-19", "--notes", str(part)))
        every |= set(names)
        assert (found.objects, found.size_bytes, found.kernels) == (1, part.stat().st_size, len(names))
        assert found.wavefronts == tuple(sorted(map(int, wavefronts)))
        bare = read_contents(part)
        assert (bare.kind, bare.code.gfx) == ("code-object", (found.target,))
        assert bare.objects == (found,)
    assert contents.kernel_names == tuple(sorted(every))
    assert len(every) == {"many": 300, "none": 0}.get(re.split(r"\W", name)[0], 3)


def test_compressed_and_not_hold_the_same(made: pathlib.Path) -> None:
    assert read_contents(made / "several.co").objects == read_contents(made / "packed.co").objects
    assert read_contents(made / "several.co").kernel_names == ()


def test_generic_targets_have_a_version(made: pathlib.Path) -> None:
    found = read_contents(made / "generics.co").objects  # clang 19's bundler takes one of the two out for either name
    assert [one.target for one in found] == ["gfx10-3-generic", "gfx9-generic"]
    assert {(one.versions, one.generic_version, one.kernels) for one in found} == {((6,), 1, 3)}
    assert {found.generic_version for found in read_contents(made / "several.co").objects} == {None}


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6])
def test_every_version_of_code_objects(made: pathlib.Path, version: int) -> None:
    path = made / f"v{version}.co"
    contents = read_contents(path, names=True)
    names, wavefronts = kernels(run(made, "llvm-readelf-19", "--notes", str(path)))
    (found,) = contents.objects
    assert (contents.kind, contents.code.unreadable, found.versions) == ("code-object", (), (version,))
    assert (found.kernels, list(contents.kernel_names)) == (3, names)
    assert found.wavefronts == tuple(map(int, wavefronts)) == (64,)
    # Up to version 3 "any" cannot be said, and clang sets both features.
    target = {2: "gfx906:sramecc+:xnack+", 3: "gfx906:sramecc+:xnack+", 6: "gfx908:xnack-"}.get(version, "gfx906")
    assert contents.code.gfx == (target,) == read_file(path).gfx
    header = run(made, "llvm-readelf-19", "--file-header", str(path))
    assert re.search(rf"^  Flags: +0x[0-9A-F]+, {target.split(':')[0]}\b", header, re.MULTILINE)


@pytest.mark.parametrize("lanes", [32, 64])
def test_wavefronts(made: pathlib.Path, lanes: int) -> None:
    assert read_contents(made / f"wave{lanes}.co").objects[0].wavefronts == (lanes,)


def test_an_old_code_object_is_named_by_its_note(made: pathlib.Path) -> None:
    """LLVM before 7 wrote no processor into the flags: made by hand from what clang 15 wrote."""
    data = bytearray((made / "v2.co").read_bytes())
    data[48:52] = bytes(4)
    assert contents_of(Memory(memoryview(data))).code.gfx == ("gfx906:xnack+",)


def test_a_host_object(made: pathlib.Path) -> None:
    contents = read_contents(made / "one.o", names=True)
    assert (contents.kind, contents.code.gpu_api, contents.code.unreadable) == ("object", "hip", ())
    assert [(found.target, found.kernels) for found in contents.objects] == [("gfx1030", 3), ("gfx906", 3)]
    assert contents.kernel_names == NAMES


def test_a_library_of_two_translation_units(made: pathlib.Path) -> None:
    contents = read_contents(made / "lib.so", names=True)
    code = contents.code
    assert (contents.kind, code.bundles, code.compressed, code.unreadable) == ("library", 1, 1, ())
    found = {one.target: (one.objects, one.kernels) for one in contents.objects}
    assert found == {"gfx1030": (1, 3), "gfx906": (2, 4), "gfx90a:xnack+": (1, 1)}
    assert contents.kernel_names == (*NAMES, "two")
    assert read_file(made / "lib.so") == code


def test_relocatable_device_code(made: pathlib.Path) -> None:
    contents = read_contents(made / "rdc-one.o")
    listed = run(made, "clang-offload-bundler-19", "--list", "--type=o", "--input=rdc-one.o").split()
    targets = tuple(sorted(entry.split("--")[1] for entry in listed if not entry.startswith("host")))
    assert (contents.kind, contents.code.gfx, contents.code.unreadable) == ("object", targets, ())
    assert targets == ("gfx1030", "gfx906")
    assert {(found.objects, found.kernels, found.versions) for found in contents.objects} == {(1, None, ())}  # bitcode
    assert read_file(made / "rdc-one.o") == contents.code
    # Two wrappers share the one bundle of the linked library.
    linked = read_contents(made / "rdc.so", names=True)
    assert (linked.code.gfx, linked.code.bundles, linked.code.unreadable) == (targets, 1, ())
    assert {(found.objects, found.kernels) for found in linked.objects} == {(1, 4)}
    assert linked.kernel_names == (*NAMES, "two")


def test_offload_binaries_of_the_newer_driver(made: pathlib.Path) -> None:
    shown = run(made, "llvm-objdump-19", "--offloading", "newer.o")
    contents = read_contents(made / "newer.o")
    assert (contents.kind, contents.code.gpu_api, contents.code.unreadable) == ("object", "hip", ())
    assert list(contents.code.gfx or ()) == sorted(re.findall(r"^arch +(\S+)$", shown, re.MULTILINE)) == ["gfx906", "gfx90a:xnack-"]
    assert read_file(made / "newer.o") == contents.code


def test_archives(made: pathlib.Path) -> None:
    contents = read_contents(made / "lib.a", names=True)
    code = contents.code
    assert (contents.kind, code.gpu_api, code.unreadable, code.bundles, code.compressed) == ("archive", "hip", (), 1, 2)
    assert code.gfx == ("gfx1030", "gfx906", "gfx90a:sramecc+:xnack+", "gfx90a:sramecc+:xnack-", "gfx90a:xnack+")
    objects = {found.target: (found.objects, found.kernels) for found in contents.objects}
    assert objects["gfx906"] == (4, None)
    assert objects["gfx90a:xnack+"] == (1, 1)
    cut = contents_of(Memory(memoryview((made / "lib.a").read_bytes()[:30_000]))).code
    assert (cut.gfx, cut.unreadable) == (None, ("an archive is cut off",))
    thin = read_contents(made / "thin.a")
    assert (thin.kind, thin.code.gfx, thin.code.gpu_api) == ("archive", None, "unknown")
    assert thin.code.unreadable == ("the members of a thin archive lie in files of their own",)


def payload(path: pathlib.Path) -> tuple[bytes, int]:
    """The zstd frame of a compressed bundle of version 2, and the size of what it unpacks to."""
    data = path.read_bytes()
    assert struct.unpack_from("<4sHHI", data) == (b"CCOB", 2, 1, len(data))
    return data[24:], struct.unpack_from("<I", data, 12)[0]


def repacked(path: pathlib.Path, version: int, method: int = 1) -> bytes:
    """By hand, after llvm/lib/Object/OffloadBundle.cpp: clang 18 wrote version 1, clang 22 writes 3; zlib only where LLVM has no zstd."""
    frame, unpacked = payload(path)
    if method == 0:
        frame = zlib.compress((path.parent / path.name.replace("packed", "several")).read_bytes())
    size = {1: 20, 2: 24, 3: 32}[version] + len(frame)
    sizes = struct.pack("<I", unpacked) if version == 1 else struct.pack({2: "<II", 3: "<QQ"}[version], size, unpacked)
    return b"CCOB" + struct.pack("<HH", version, method) + sizes + bytes(8) + frame


@pytest.mark.parametrize("method", [0, 1])
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 3, 4096])
def test_every_version_of_compressed_bundles_in_a_row(made: pathlib.Path, version: int, method: int, padding: int) -> None:
    one = repacked(made / "packed.co", version, method)
    plain = (made / "bundle.co").read_bytes()
    data = b"".join(part + bytes(-len(part) % padding if padding else 0) for part in (one, one, plain, one))
    contents = contents_of(Memory(memoryview(data)))
    assert (contents.code.unreadable, contents.code.bundles, contents.code.compressed) == ((), 1, 3)
    expected = {found.target: 3 for found in read_contents(made / "several.co").objects}
    expected["gfx906"] += 1
    assert {found.target: found.objects for found in contents.objects} == expected
    assert {found.target: found.kernels for found in contents.objects} == {target: 3 * count for target, count in expected.items()}


@pytest.mark.parametrize("method", [0, 1])
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("lie", [-1, 1, 100_000])
def test_what_unpacks_to_another_size_is_damaged(made: pathlib.Path, version: int, method: int, lie: int) -> None:
    data = bytearray(repacked(made / "packed.co", version, method))
    place, kind = {1: (8, "<I"), 2: (12, "<I"), 3: (16, "<Q")}[version]
    struct.pack_into(kind, data, place, struct.unpack_from(kind, data, place)[0] + lie)
    code = contents_of(Memory(memoryview(data))).code
    assert code.gfx is None
    assert code.unreadable in (("a compressed bundle is damaged",), ("a bundle is cut off",))


def test_code_for_another_target_than_its_bundle_says(made: pathlib.Path) -> None:
    data = (made / "bundle.co").read_bytes()
    for other, word in ((b"gfx908", "a code object is for another target than its bundle says"), (b"gfx906", None)):
        code = contents_of(Memory(memoryview(data.replace(b"--gfx906", b"--" + other, 1)))).code
        assert code.unreadable == ((word,) if word else ())
        assert (code.gfx is None) == bool(word)


def whole(data: bytes) -> Contents | None:
    try:
        return contents_of(Memory(memoryview(data)))
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["bundle.co", "packed.co", "v2.co", "v5.co", "lib.so", "rdc-one.o", "newer.o"])
def test_cut_off_anywhere_is_never_taken_for_whole(made: pathlib.Path, name: str) -> None:
    data = (made / name).read_bytes()
    complete = whole(data)
    step = max(1, len(data) // 150)
    for length in [*range(0, min(700, len(data)), 7), *range(700, len(data) - 1, step), len(data) - 1]:
        answer = whole(data[:length])
        assert answer is None or answer.code.unreadable or answer.code.gfx is None, length
        assert answer != complete
