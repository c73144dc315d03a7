"""Programs, libraries and Python packages that die in every way that a process can, built with the C compiler that is there.

Each is harmless when nobody ends it: it stops by itself after at most a minute, below 3 GiB, after 2000 children.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

#: A variable that all processes of one experiment have.
MARK = "ROCMKIT_ZOO"

#: The ways to die.
_WAYS = Path(__file__).with_name("ways.c").read_text()
#: A C extension that dies while it is imported: no header of Python is needed for that.
_EXTENSION = (
    "void crash_of_the_extension(void) { *(volatile int *)8 = 1; }\nvoid *PyInit__native(void) { crash_of_the_extension(); return 0; }\n"
)
_TERMINATE = '#include <stdexcept>\nint main() { throw std::runtime_error("nobody catches this"); }\n'
#: A library for LD_PRELOAD that takes the place of a function of libc.
_PRELOADED = "int getpriority(int which, unsigned who) { (void)which; (void)who; return *(volatile int *)16; }\n"
#: Two libraries that export one symbol for tables of different shapes: where the first one's comes first, the second one follows a number.
_FIRST = """
struct table { long rows; const char *title; };
struct table *make_table(void) { static struct table made = {66, "first"}; return &made; }
long first_ready(void) { return make_table()->rows != 0; }
"""
_SECOND = """
struct table { const char *title; long rows; };
struct table *make_table(void) { static struct table made = {"second", 66}; return &made; }
char read_title(struct table *table) { return *table->title; }
long second_ready(void) { return read_title(make_table()) != 0; }
"""
_LOADS = """
import ctypes, pathlib
_library = ctypes.CDLL(str(pathlib.Path(__file__).with_name("{library}")), mode=ctypes.RTLD_GLOBAL)
_library.{ready}()
"""


def build(target: Path, source: str, *options: str, compiler: str = "gcc") -> Path:
    """Compile `source` to `target`; with frame pointers, so that its functions can be found on the stack."""
    language = "c++" if compiler == "g++" else "c"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-x", language, "-g0", "-O0", "-fno-omit-frame-pointer", "-w", "-o", str(target), "-", "-pthread", *options]
    subprocess.run(command, input=source, text=True, check=True)
    return target


def shared(target: Path, source: str, *options: str) -> Path:
    """Compile `source` to a shared library."""
    return build(target, source, "-shared", "-fPIC", *options)


class Zoo:
    """What dies, built at the first use into `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _kept(self, name: str, source: str, *options: str, compiler: str = "gcc") -> Path:
        target = self.folder / name
        return target if target.exists() else build(target, source, *options, compiler=compiler)

    def die(self, way: str) -> tuple[str, ...]:
        """The command that dies so."""
        return str(self._kept("die", _WAYS, "-DPROGRAM")), way

    @property
    def library(self) -> Path:
        """The same as a library."""
        return self._kept("libways.so", _WAYS, "-shared", "-fPIC")

    @property
    def preloaded(self) -> Path:
        """A library that makes os.getpriority() crash where it is in LD_PRELOAD."""
        return self._kept("libhook.so", _PRELOADED, "-shared", "-fPIC")

    @property
    def terminate(self) -> tuple[str, ...]:
        """A C++ program that throws what nobody catches."""
        return (str(self._kept("terminate", _TERMINATE, compiler="g++")),)

    def call(self, way: str) -> str:
        """Python that calls `way` of the library."""
        return f"import ctypes; ctypes.CDLL({str(self.library)!r}).{way}()"

    def extension(self, folder: Path, package: str = "doomed") -> None:
        """A package below `folder` whose C extension dies while it is imported."""
        shared(folder / package / "_native.so", _EXTENSION)
        (folder / package / "__init__.py").write_text(f"from {package} import _native\n")

    def clashing(self, folder: Path, first: str, second: str) -> None:
        """Two packages below `folder`: importing `first` and then `second` dies, the other way round both work."""
        for name, source, ready in ((first, _FIRST, "first_ready"), (second, _SECOND, "second_ready")):
            shared(folder / name / f"lib{name}.so", source, f"-Wl,-soname,lib{name}.so")
            (folder / name / "__init__.py").write_text(_LOADS.format(library=f"lib{name}.so", ready=ready))


def function(library: Path, name: str) -> range:
    """The addresses of a function inside a library, as its symbol table says."""
    symbols = subprocess.run(["nm", "-S", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
    found = re.search(rf"^([0-9a-f]+) ([0-9a-f]+) \w {re.escape(name)}$", symbols, re.MULTILINE)
    assert found, name
    return range(int(found[1], 16), int(found[1], 16) + int(found[2], 16))


def environment(folder: Path, packages: Mapping[str, str]) -> tuple[Path, Path]:
    """A Python environment without pip, and its site-packages, in which these distributions are said to be installed."""
    venv.EnvBuilder(symlinks=True).create(folder)
    site = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for name, version in packages.items():
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder / "bin/python", site


#: What a program that uses PyTorch sees of it: MIOpen's switch, a module with weights, a convolution that runs through a library.
_TORCH = {
    "__init__.py": "from torch import backends, nn, version\n__version__ = '2.6.0+rocm6.1'\n",
    "version.py": "__version__ = '2.6.0+rocm6.1'\nhip = '6.1.40091'\ncuda = None\n",
    "backends/__init__.py": "from torch.backends import cudnn\n",
    "backends/cudnn/__init__.py": "enabled = True\n",
    "nn/__init__.py": "from torch.nn import functional\n",
    "nn/functional.py": """
import ctypes
from torch.backends import cudnn

def conv1d():
    if cudnn.enabled:
        ctypes.CDLL({library!r}).outer_segv()
""",
}
#: And of Numba: a decorator that compiles unless NUMBA_DISABLE_JIT says otherwise.
_NUMBA = """
import ctypes, os
__version__ = "0.61.2"

def njit(called):
    def compiled():
        if os.environ.get("NUMBA_DISABLE_JIT", "0") == "0":
            ctypes.CDLL({library!r}).outer_segv()
        return called()
    return compiled
"""


def fake_torch(site: Path, library: Path) -> None:
    """A package `torch` whose convolution dies inside `library` while MIOpen is on."""
    for name, text in _TORCH.items():
        path = site / "torch" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{library!r}", repr(str(library))))


def fake_numba(site: Path, library: Path) -> None:
    """A package `numba` whose compiled functions die inside `library`."""
    (site / "numba").mkdir()
    (site / "numba/__init__.py").write_text(_NUMBA.replace("{library!r}", repr(str(library))))


def marked(mark: str) -> list[str]:
    """The processes that have `mark` in their environment or arguments, this one left out, as `PID command`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
                if mark.encode() in words + (entry / "environ").read_bytes():
                    found.append(f"{entry.name} {words.decode(errors='replace')}")
            except OSError:  # it ended meanwhile
                continue
    return found


def wait_until(true: Callable[[], object], timeout_s: float = 10) -> bool:
    """Whether it came true within that time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())
