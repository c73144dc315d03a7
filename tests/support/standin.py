"""Libraries that stand in for ROCm, made from what an execution provider asks of them.

The names and versions of the functions are read in the provider; what each does is in the table below, and the others do nothing and say
that it went well. Memory is the processor's and copies are copies; nothing is ever computed. So ONNX Runtime's own code runs to its end on
a machine without a GPU, and whatever it says that a GPU computed is what was in memory before.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

from tests.support.crashes import shared

_COMMON = Path(__file__).with_name("standin.c").read_text()
#: Whose functions begin so, where the provider asks for no version of them, which would tell the library.
_OF = {
    "hipblas": "libhipblas.so",
    "rocblas": "libhipblas.so",  # rocBLAS comes with hipBLAS
    "hipfft": "libhipfft.so",
    "rsmi": "librocm_smi64.so",
    "migraphx": "libmigraphx_c.so",
}
#: Libraries of the system are there.
_OURS = ("libamdhip64.so", "libMIOpen.so", "libroctracer64.so", *_OF.values())
_GIB = 1 << 30
#: Functions whose first parameter is where a handle goes, or a size.
_MAKES = re.compile(r"Create|^migraphx_(load|\w+_create|\w+_(get|shape)$|program_get)")
_COUNTS = re.compile(r"^migraphx_\w+_size$")
#: What every function of HIP returns where there is no GPU, of those that can fail (libamdhip64 of ROCm 6.4 and 7.2, without /dev/kfd).
NO_DEVICE = " ".join(
    f"{name}=100"
    for name in ("hipGetDeviceCount", "hipGetDevicePropertiesR0600", "hipSetDevice", "hipGetDevice", "hipMalloc", "hipMemGetInfo")
)

#: A function's parameters, and what it does before it returns 0.
_DOES: Mapping[str, tuple[str, str]] = {
    "hipGetDeviceCount": ("int *count", "*count = 1;"),
    "hipGetDevice": ("int *device", "*device = 0;"),
    "hipGetStreamDeviceId": ("void *stream", "return 0;"),
    "hipDeviceGetAttribute": ("int *value", "*value = 64;"),
    "hipRuntimeGetVersion": ("int *version", "*version = 70200000;"),
    # The places are those of hipDeviceProp_tR0600 in hip/hip_runtime_api.h of ROCm 7.2.
    "hipGetDevicePropertiesR0600": (
        "char *it",
        f"""memset(it, 0, 1472);
    strcpy(it, "stand-in");
    strcpy(it + 1160, "gfx906:sramecc+:xnack-");
    *(size_t *)(it + 288) = {16 * _GIB}ul;
    *(size_t *)(it + 296) = 65536;
    *(int *)(it + 308) = 64;
    *(int *)(it + 320) = *(int *)(it + 324) = *(int *)(it + 328) = *(int *)(it + 332) = 1024;
    *(int *)(it + 336) = *(int *)(it + 340) = *(int *)(it + 344) = 0x7fffffff;
    *(int *)(it + 360) = 9;
    *(int *)(it + 388) = 60;
    *(int *)(it + 624) = 2560;""",
    ),
    "hipMemGetInfo": ("size_t *left, size_t *all", f"*left = {15 * _GIB}ul, *all = {16 * _GIB}ul;"),
    "rsmi_dev_memory_total_get": ("int device, int kind, uint64_t *bytes", f"*bytes = {16 * _GIB}ul;"),
    "rsmi_dev_memory_usage_get": ("int device, int kind, uint64_t *bytes", "*bytes = 0;"),
    "hipMalloc": ("void **got, size_t size", "*got = memset(aligned_alloc(256, (size | 255) + 1), 0, (size | 255) + 1);"),
    "hipHostMalloc": ("void **got, size_t size", "*got = aligned_alloc(256, (size | 255) + 1);"),
    "hipFree": ("void *it", "free(it);"),
    "hipHostFree": ("void *it", "free(it);"),
    "hipMemcpy2DAsync": (
        "char *to, size_t to_row, const char *from, size_t from_row, size_t width, size_t height",
        "for (size_t row = 0; row < height; row++) memmove(to + row * to_row, from + row * from_row, width);",
    ),
    **dict.fromkeys(
        ("hipMemcpy", "hipMemcpyAsync", "hipMemcpyWithStream"), ("void *to, void *from, size_t size", "memmove(to, from, size);")
    ),
    **dict.fromkeys(("hipMemset", "hipMemsetAsync"), ("void *to, int value, size_t size", "memset(to, value, size);")),
    "hipLaunchHostFunc": ("void *stream, void (*function)(void *), void *with", "function(with);"),
    "hipEventElapsedTime": ("float *ms", "*ms = 0;"),
    "hipGetLastError": ("void", "long last = last_error; last_error = 0; return last;"),
    "hipPeekAtLastError": ("void", "return last_error;"),
    "hipGetErrorName": ("int code", "return (long)error_name(code);"),
    "hipGetErrorString": ("int code", "return (long)error_text(code);"),
    "miopenGetErrorString": ("int code", 'return (long)"an error of the stand-in";'),
    "__hipRegisterFatBinary": ("void", "return (long)handle;"),
    "miopenConvolutionForwardGetWorkSpaceSize": ("void *h, void *w, void *x, void *c, void *y, size_t *size", "*size = 0;"),
    "miopenFindConvolutionForwardAlgorithm": (
        "void *h, void *x, void *px, void *w, void *pw, void *c, void *y, void *py, int asked, int *found, char *how",
        "*found = 1; memset(how, 0, 16);",
    ),
    "miopenGetTensorDescriptorSize": ("void *tensor, int *size", "*size = 4;"),
    "miopenGetReductionIndicesSize": ("void *h, void *r, void *x, void *y, size_t *size", "*size = 0;"),
    "miopenGetReductionWorkspaceSize": ("void *h, void *r, void *x, void *y, size_t *size", "*size = 0;"),
    # What MIGraphX was given, what it made of it and what running that gives are one number here: of the graph's outputs, each a zero.
    "migraphx_parse_onnx_buffer": (
        "size_t **made, const uint8_t *model, size_t size",
        "*made = malloc(sizeof **made); **made = outputs_of(model, size);",
    ),
    "migraphx_program_run_async": ("void **made, void *program", "*made = program;"),
    "migraphx_arguments_size": ("size_t *size, size_t *outputs", "*size = *outputs;"),
    "migraphx_argument_buffer": ("void **buffer", "static long zero; *buffer = &zero;"),
    "migraphx_shape_lengths": ("const size_t **lengths, size_t *size", "static const size_t one = 1; *lengths = &one, *size = 1;"),
    "migraphx_shape_bytes": ("size_t *size", "*size = 4;"),
    "rocblas_get_stream": ("void *h, void **stream", "*stream = 0;"),
    "rocblas_get_version_string": ("char *text, size_t size", 'snprintf(text, size, "0.0.0");'),
}


def _does(name: str) -> tuple[str, str]:
    if name in _DOES:
        return _DOES[name]
    if name.startswith("miopenCreateOp") and name != "miopenCreateOperatorArgs":
        return "void *plan, void **made", "*made = handle;"
    if _MAKES.search(name):
        return "void **made", "*made = handle;"
    return ("size_t *size", "*size = 0;") if _COUNTS.search(name) else ("void", "")


def asked_of(provider: Path) -> dict[str, dict[str, str]]:
    """What a provider needs of ROCm: its functions by library, each with its version or ""."""
    with provider.open("rb") as file:
        elf = ELFFile(file)
        sections = (elf.get_section_by_name(name) for name in (".dynamic", ".gnu.version_r", ".gnu.version", ".dynsym"))
        dynamic, needs, numbers, symbols = sections
        assert isinstance(dynamic, DynamicSection) and isinstance(needs, GNUVerNeedSection)
        assert isinstance(numbers, GNUVerSymSection) and isinstance(symbols, SymbolTableSection)
        needed = [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")]  # type: ignore[attr-defined]
        asked: dict[str, dict[str, str]] = {name: {} for name in needed if name.startswith(_OURS)}
        versions = {one["vna_other"]: (library.name, one.name) for library, ones in needs.iter_versions() for one in ones}
        for number, symbol in enumerate(symbols.iter_symbols()):
            if symbol["st_shndx"] != "SHN_UNDEF":
                continue
            library, version = versions.get(numbers.get_symbol(number)["ndx"], ("", ""))
            if not library:
                stem = next((soname for prefix, soname in _OF.items() if symbol.name.startswith(prefix)), None)
                library = next((name for name in needed if stem and name.startswith(stem)), "")
            if library in asked:
                asked[library][symbol.name] = version
    return asked


def _source(soname: str, functions: Mapping[str, str]) -> str:
    names = "".join(f'"{name}", ' for name in functions)
    text = f'#define SONAME "{soname}"\n#define NAMES {names}\n{_COMMON}'
    for number, name in enumerate(functions):
        parameters, body = _does(name)
        text += f"long {name}({parameters}) {{ long error = called({number}); if (error) return error; {body} return 0; }}\n"
    return text


def _versions(functions: Mapping[str, str]) -> str:
    """The linker's script of these versions."""
    members: dict[str, list[str]] = defaultdict(list)
    for name, version in functions.items():
        members[version].append(name)
    return "".join(f"{version} {{ {'; '.join(names)}; }};\n" for version, names in members.items() if version)


class StandIn:
    """The libraries, in a folder."""

    def __init__(self, place: Path, provider: Path) -> None:
        self.place = place
        self.asked = asked_of(provider)
        place.mkdir()
        for soname, functions in self.asked.items():
            script = place / f"{soname}.versions"
            script.write_text(_versions(functions))
            # An empty script would be an error, and functions without a version need none.
            versioned = [f"-Wl,--version-script={script}"] if script.stat().st_size else []
            shared(place / soname, _source(soname, functions), f"-Wl,-soname,{soname}", *versioned)

    def environment(self, counts: Path, *, fail: str = "", without: Collection[str] = ()) -> dict[str, str]:
        """The variables of a program that finds these libraries, all but those `without`. It counts its calls in the folder `counts`."""
        libraries = counts / "libraries"
        libraries.mkdir(parents=True)
        for soname in self.asked.keys() - without:
            (libraries / soname).symlink_to(self.place / soname)
        return {"LD_LIBRARY_PATH": str(libraries), "STANDIN_COUNTS": str(counts), "STANDIN_FAIL": fail}

    def calls(self, counts: Path) -> dict[str, int]:
        """How often each function was called, those that were."""
        told: dict[str, int] = {}
        for soname, functions in self.asked.items():
            if (counts / soname).exists():
                numbers = struct.unpack_from(f"<{len(functions)}q", (counts / soname).read_bytes())
                told.update({name: number for name, number in zip(functions, numbers, strict=True) if number})
        return told
