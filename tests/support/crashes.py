"""Programs, libraries and Python packages that die in every way that a process can, built with the C compiler that is there.

Each is harmless when nobody ends it: it stops by itself after at most a minute, below 3 GiB, after 2000 children.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

#: A variable that all processes of one experiment have.
MARK = "ROCMKIT_ZOO"

#: The ways to die, each a function without arguments that a program can call through ctypes, or `die NAME` as a program.
_WAYS = r"""
#define _GNU_SOURCE
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1L << 20)
static volatile long nothing = 0;

void segv(void) { *(volatile int *)nothing = 1; }
void outer_segv(void) { segv(); nothing = 0; }
void aborts(void) { abort(); }
void asserts(void) { assert(nothing == 906); }
void ill(void) { __asm__ volatile("ud2"); }
void fpe(void) { nothing = 906 / nothing; }

void bus(void) {
  int file = memfd_create("zoo", 0);
  if (ftruncate(file, 8192)) return;
  volatile char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (ftruncate(file, 0)) return;
  page[4096] = 1;
}

long recurse(long bytes) {
  volatile char room[4096];
  room[0] = (char)bytes;
  return bytes <= 0 ? 0 : recurse(bytes - 4096) + room[0];
}
void overflow(void) { recurse(1L << 40); }
void recurse_6(void) { recurse(6 * MIB); }

static void *deep(void *bytes) { recurse((long)bytes); return 0; }
void overflow_in_thread(void) {  /* a mebibyte in a thread that has half of one */
  pthread_t thread;
  pthread_attr_t how;
  pthread_attr_init(&how);
  pthread_attr_setstacksize(&how, MIB / 2);
  pthread_create(&thread, &how, deep, (void *)MIB);
  pthread_join(thread, 0);
}

static void *second(void *unused) { segv(); return unused; }
void threads(void) {  /* dies in its second thread, which OMP_NUM_THREADS=1 spares */
  const char *asked = getenv("OMP_NUM_THREADS");
  if (asked && atoi(asked) == 1) return;
  pthread_t thread;
  pthread_create(&thread, 0, second, 0);
  pthread_join(thread, 0);
}

void grow(void) {
  for (int step = 0; step < 384; step++) { memset(malloc(8 * MIB), 1, 8 * MIB); usleep(5000); }
  sleep(20);
}
void grow_mapped(void) {
  for (int step = 0; step < 384; step++) {
    char *room = mmap(0, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long at = 0; at < 8 * MIB; at += 4096) room[at] = 1;
    usleep(5000);
  }
  sleep(20);
}
void grow_in_child(void) {
  if (!fork()) { setsid(); grow(); _exit(0); }
  sleep(30);
}
void reserve(void) {  /* as the HSA runtime does; two pages of it are used */
  char *room = mmap(0, 1L << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED || mprotect(room, 8192, PROT_READ | PROT_WRITE)) exit(9);
  room[0] = room[4096] = 1;
  char *more = mmap(0, 1L << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (more == MAP_FAILED) exit(9);
  usleep(400000);  /* long enough to be looked at */
}

void busy(void) { for (long turn = 0; turn < 60000000000; turn++) nothing = 0; }
void deadlock(void) {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  alarm(60);
  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&lock);
}

void forks(void) {  /* 2000 children at most, which live for 20 seconds, each in a session of its own */
  for (int child = 0; child < 2000; child++) {
    if (!fork()) { setsid(); sleep(20); _exit(0); }
    usleep(5000);
  }
  sleep(20);
}
static void daemon_of(int ignores) {  /* the grandchild belongs to nobody, ignores what asks it to end, and holds no pipe */
  if (fork()) return;
  setsid();
  if (fork()) _exit(0);
  if (ignores) { signal(SIGTERM, SIG_IGN); signal(SIGINT, SIG_IGN); signal(SIGHUP, SIG_IGN); signal(SIGABRT, SIG_IGN); }
  if (ignores) for (int file = 0; file < 256; file++) close(file);
  sleep(60);
  _exit(0);
}
void daemons(void) { for (int number = 0; number < 3; number++) daemon_of(number); usleep(100000); }
void daemons_segv(void) { daemons(); segv(); }
void daemons_hang(void) { daemons(); sleep(60); }
void hops(void) {  /* a daemon that is never the same process for longer than a millisecond, for at most 20 seconds */
  if (fork()) { usleep(200000); return; }
  for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
  for (int turn = 0; turn < 20000; turn++) {
    setsid();
    if (fork()) _exit(0);
    usleep(1000);
  }
  _exit(0);
}
void ignores(void) {
  for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
  sleep(60);
}
void closes(void) {
  for (int file = 0; file < 256; file++) close(file);
  usleep(600000);
}
void gigabyte(void) {
  static char line[1 << 16];
  memset(line, 'x', sizeof line);
  for (long at = 99; at < (long)sizeof line; at += 100) line[at] = '\n';
  for (int number = 0; number < 1 << 14; number++) for (long sent = 0, more; sent < (long)sizeof line; sent += more)
    if ((more = write(number & 1 ? 1 : 2, line + sent, sizeof line - sent)) < 0) exit(9);
}
void gpu_fault(void) {  /* the runtime says so, and the process hangs for ever */
  fputs("Memory access fault by GPU node-1 (Agent handle: 0x55d0c8a4b2c0) on address 0x7f5e21000000. "
        "Reason: Page not present or supervisor privilege.\n", stderr);
  sleep(60);
}
void nothing_wrong(void) {}

#ifdef PROGRAM
#define WAY(name) {#name, name}
static const struct { const char *name; void (*die)(void); } ways[] = {
  WAY(segv), WAY(outer_segv), WAY(aborts), WAY(asserts), WAY(ill), WAY(fpe), WAY(bus), WAY(overflow), WAY(recurse_6),
  WAY(overflow_in_thread), WAY(threads), WAY(grow), WAY(grow_mapped), WAY(grow_in_child), WAY(reserve), WAY(busy), WAY(deadlock),
  WAY(forks), WAY(daemons), WAY(daemons_segv), WAY(daemons_hang), WAY(hops), WAY(ignores), WAY(closes), WAY(gigabyte), WAY(gpu_fault),
  WAY(nothing_wrong)};
int main(int count, char **words) {
  for (unsigned number = 0; count > 1 && number < sizeof ways / sizeof *ways; number++)
    if (!strcmp(words[1], ways[number].name)) { ways[number].die(); return 0; }
  return 99;
}
#endif
"""
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


def has_cpp() -> bool:
    """Whether C++ can be compiled."""
    return shutil.which("g++") is not None
