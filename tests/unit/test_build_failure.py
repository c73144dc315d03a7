"""The first real error of logs as tools write them, and what is known of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.build.failure import Memory, failure
from rocmkit.build.firsterror import LINES, SHOWN, first_error
from rocmkit.build.integrity import other_checksum
from rocmkit.build.running import Ended
from rocmkit.build.values import Failure
from tests.support.tinyplans import step

NINJA = """\
[1/4] Building CXX object a.o
a.cpp:1:2: warning: #warning "error: this is none" [-Wcpp]
b.cpp:9:1: error: a test of the compiler, which went on
[2/4] Building HIP object c.o
FAILED: c.o
/usr/bin/clang++ -Werror=return-type -DX="error: no" -c c.hip -o c.o
In file included from c.hip:1:
./c.h:3:5: error: use of undeclared identifier '__syncwarp'
    3 |     __syncwarp();
      |     ^
1 error generated when compiling for gfx906.
[3/4] Building CXX object d.o
FAILED: d.o
c++ -c d.cpp
d.cpp:1:1: error: another one
ninja: build stopped: subcommand failed.
"""
LINKER = """\
[9/9] Linking CXX shared library libx.so
FAILED: libx.so
: && /usr/bin/c++ -shared -o libx.so a.o -lMIOpen && :
/usr/bin/ld: warning: a.o: undefined reference to `w' is fine
/usr/bin/ld: cannot find -lMIOpen: No such file or directory
collect2: error: ld returned 1 exit status
ninja: build stopped: subcommand failed.
"""
CMAKE = """\
-- Performing Test HAVE_X - Failed
fatal: not a git repository (or any of the parent directories): .git
CMake Warning at cmake/old.cmake:3 (message):
  An error: that is none

CMake Error at CMakeLists.txt:12 (find_package):
  By not providing "Findhip.cmake" in CMAKE_MODULE_PATH this project has
  asked CMake to find a package configuration file provided by "hip", but
  CMake did not find one.

  Add the installation prefix of "hip" to CMAKE_PREFIX_PATH.
Call Stack (most recent call first):
  CMakeLists.txt:3 (include)


-- Configuring incomplete, errors occurred!
"""
COMPILER_BROKEN = """\
CMake Error at /usr/share/cmake/CMakeTestCXXCompiler.cmake:60 (message):
  The C++ compiler

    "/usr/bin/c++"

  is not able to compile a simple test program.

  It fails with the following output:

    FAILED: cmTC_1
    : && c++ -lnothing
    /usr/bin/ld: cannot find -lnothing: No such file or directory
    collect2: error: ld returned 1 exit status

CMake will not be able to correctly generate this project.
Call Stack (most recent call first):
  CMakeLists.txt:2 (project)
"""
PIP = """\
Processing /src
  error: subprocess-exited-with-error

  × Building wheel for x (pyproject.toml) did not run successfully.
      running build_ext
      x.cpp:10:2: fatal error: pybind11/pybind11.h: No such file or directory
      compilation terminated.
      error: command '/usr/bin/gcc' failed with exit code 1
ERROR: Failed building wheel for x
ERROR: Could not build wheels for x
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "setup.py", line 3, in <module>
    import pybind11
ModuleNotFoundError: No module named 'pybind11'
make: *** [all] Error 1
"""


@pytest.mark.parametrize(
    ("log", "error", "in_lines"),
    [
        (NINJA, "./c.h:3:5: error: use of undeclared identifier '__syncwarp'", "In file included from c.hip:1:"),
        (LINKER, "/usr/bin/ld: cannot find -lMIOpen: No such file or directory", ""),
        (CMAKE, 'CMake Error at CMakeLists.txt:12 (find_package): By not providing "Findhip.cmake"', "CMakeLists.txt:3"),
        (COMPILER_BROKEN, "/usr/bin/ld: cannot find -lnothing: No such file or directory", "is not able to compile"),
        (PIP, "x.cpp:10:2: fatal error: pybind11/pybind11.h: No such file or directory", ""),
        (TRACEBACK, "ModuleNotFoundError: No module named 'pybind11'", 'File "setup.py", line 3'),
        (TRACEBACK + "/x.c:1:1: error: stronger\n", "/x.c:1:1: error: stronger", ""),
        ("ERROR: Could not find a version that satisfies the requirement x\nERROR: No matching\n", "ERROR: Could not find a version", ""),
        ("remote: x\nfatal: remote error: upload-pack: not our ref 1234\n", "fatal: remote error: upload-pack: not our ref 1234", ""),
        ("error: patch failed: src/x.cc:12\nerror: src/x.cc: patch does not apply\n", "error: patch failed: src/x.cc:12", "does not apply"),
        ("a.tar: FAILED\nsha256sum: WARNING: 1 computed checksum did NOT match\n", "a.tar: FAILED", "did NOT match"),
        ("{standard input}: Assembler messages:\nc++: fatal error: Killed signal terminated program cc1plus\n", "c++: fatal", ""),
        ("clang: error: unable to execute command: Killed\nclang: error: linker command failed\n", "clang: error: unable to execute", ""),
        ("clang++: error: invalid target ID 'gfx9999'; format is a processor name\n", "clang++: error: invalid target ID 'gfx9999'", ""),
        ("/opt/rocm/llvm/bin/ld.lld: error: undefined symbol: foo\n>>> referenced by a.o\n", "/opt/rocm/llvm/bin/ld.lld: error", ">>>"),
        ("x.o: in function `f':\nx.cpp:(.text+0x5): undefined reference to `g'\ncollect2: error: ld returned 1\n", "x.cpp:(.text+0x5)", ""),
        ("a.c:1:1: error: x\nmake[2]: *** [a.o] Error 1\nmake: *** [all] Error 2\n", "a.c:1:1: error: x", ""),
        ("make: *** [all] Error 2\n", "make: *** [all] Error 2", ""),
        ("make: *** No rule to make target 'x'.  Stop.\n", "make: *** No rule to make target 'x'", ""),
        ("ninja: error: loading 'build.ninja': No such file or directory\n", "ninja: error: loading", ""),
        ("LLVM ERROR: Cannot select: 0x1\nclang: error: clang frontend command failed\n", "LLVM ERROR: Cannot select", ""),
        ("bash: line 1: cmake: command not found\n", "bash: line 1: cmake: command not found", ""),
        ("dd: error writing 'x': No space left on device\n1+0 records in\n", "dd: error writing 'x': No space left on device", ""),
        ("\x1b[1ma.c:1:1: \x1b[31merror: \x1b[0mred\x1b[0m\n", "a.c:1:1: error: red", ""),
        (" 50%\r 99%\ra.c:1:1: error: behind a bar\r\n", "a.c:1:1: error: behind a bar", ""),
        ("FAILED: x\ncommand\nit broke in words of its own\n[2/2] y\n", "it broke in words of its own", "FAILED: x"),
        ("all went well\nso far\n\n", "so far", ""),
        ("0 errors, 3 warnings\nerror_handling.cpp: fine\nlast\n", "last", ""),
        ("x.cpp(12): error: identifier is undefined\n", "x.cpp(12): error: identifier", ""),
    ],
)  # fmt: skip
def test_the_first_real_error(log: str, error: str, in_lines: str) -> None:
    for size in (1 << 20, 7):  # in one piece, and in many
        data = log.encode()
        found = first_error(data[at : at + size] for at in range(0, len(data), size))
        assert found and found.error.startswith(error), found
        assert any(in_lines in line for line in found.lines)
        assert found.first <= found.last <= len(log.splitlines())


def test_the_lines_are_those_of_the_log() -> None:
    found = first_error([b"fine\n" * 100, NINJA.encode()])
    assert found and (found.first, found.last) == (107, 110)
    assert found.lines[-1] == "      |     ^"


def test_what_lies_far_in_a_log_is_found() -> None:
    noise = b"[1/2] clang++ -Werror=x -c error.cpp\n" * 30_000
    found = first_error([noise, noise, b"In file included from b.c:1:\na.h:1:1: error: here\n", noise])
    assert found and found.first == 60_001 and found.lines == ("In file included from b.c:1:", "a.h:1:1: error: here")


def test_nothing_said() -> None:
    assert first_error([]) is None and first_error([b"\n\n"]) is None


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([line.encode() for line in (NINJA + CMAKE + TRACEBACK).splitlines(True)])))
)
def test_any_log(pieces: list[bytes]) -> None:
    found = first_error(pieces)
    data = b"".join(pieces)
    if found:
        assert found.error and len(found.error) <= SHOWN and "\n" not in found.error
        assert 1 <= found.first <= found.last <= data.count(b"\n") + 1
        assert len(found.lines) <= 2 * LINES + 8
    whole = first_error([data])
    assert (whole and whole.error) == (found and found.error)


@pytest.mark.parametrize(
    "line",
    [
        b"c" * 100_000,
        b"a/" * 50_000 + b"cc: error",
        b"ld: " * 30_000,
        b"x:1:" * 30_000,
        b"undefined reference" * 5_000,
        b"\x1b[" * 50_000 + b"rror: ",
        b" " * 100_000 + b"rror: ",
        b"Killed " * 20_000,
        b"(1" * 40_000 + b" FAILED rror: ",
    ],
)
def test_no_line_takes_long(line: bytes) -> None:
    begin = time.process_time()
    first_error([(line + b" rror: \n") * 20])
    assert time.process_time() - begin < 4


# What is known of it


def why(
    tmp_path: Path, text: str, *, stage: str = "build", exit_code: int | None = 1, signal: str | None = None, wrong: str | None = None
) -> Failure:
    (tmp_path / "log").write_text(text)
    one = step("s", "tool", cwd=tmp_path, stage=stage)
    ended = Ended(exit=exit_code, signal=signal, cannot=None)
    return failure(one, ended, tmp_path / "log", memory=Memory(), wrong=wrong)


def test_a_known_cause(tmp_path: Path) -> None:
    found = why(tmp_path, "x.hip:1:1: note: x\nclang++: error: invalid target ID 'gfx9999'; format is a processor\n")
    assert found.code == "RK630" and found.cause and "gfx9999" in found.cause and found.fix and "rocminfo" in found.fix


def test_an_unknown_cause(tmp_path: Path) -> None:
    found = why(tmp_path, "x.c:1:1: error: nobody has seen this\n")
    assert (found.code, found.cause, found.fix, found.integrity) == (None, None, None, False)


def test_a_known_text_far_from_the_error_is_not_its_cause(tmp_path: Path) -> None:
    text = "warning: git-lfs: command not found\n" + "fine\n" * 500 + "x.c:1:1: error: nobody has seen this\n"
    assert why(tmp_path, text).code is None


@pytest.mark.parametrize(
    ("text", "stage", "integrity"),
    [
        ("fatal: unable to access 'https://x/': Could not resolve host: x\n", "fetch", True),
        ("fatal: cannot write x: No space left on device\n", "fetch", False),
        ("error: patch failed: x:1\n", "patch", False),
    ],
)
def test_what_of_fetching_is_integrity(tmp_path: Path, text: str, stage: str, integrity: bool) -> None:
    assert why(tmp_path, text, stage=stage).integrity is integrity


def test_a_wrong_checksum_is_said_in_words(tmp_path: Path) -> None:
    found = why(tmp_path, "a: FAILED\n", stage="patch", wrong="a: expected SHA-256 1, got 2")
    assert found.integrity and found.error == "a: expected SHA-256 1, got 2"


def test_a_full_disk_in_a_log(tmp_path: Path) -> None:
    found = why(tmp_path, "/var/x.s:1: Error: a\nfatal error: error writing to /var/x.s: No space left on device\n")
    assert found.error.startswith("/var/x.s:1: Error")
    assert why(tmp_path, "as: fatal error: error writing to /var/x.s: No space left on device\n").code == "RK623"


def test_a_signal_without_a_word(tmp_path: Path) -> None:
    found = why(tmp_path, "[1/2] fine\n", exit_code=None, signal="SIGSEGV")
    assert found.error == "tool was ended by SIGSEGV" and found.lines == ("[1/2] fine",) and found.code is None


def test_a_log_that_is_gone(tmp_path: Path) -> None:
    one = step("s", "tool", cwd=tmp_path)
    found = failure(one, Ended(exit=2, signal=None, cannot=None), tmp_path / "nothing", memory=Memory())
    assert found.error == "tool failed without a word" and found.exit == 2


def test_memory_is_not_short_without_a_reason() -> None:
    assert Memory().short() in (False, None)


TERMINAL = """[1/9] Performing download step (verify and extract) for 'eigen-populate'
-- verifying file...
CMake Error at verify-eigen-populate.cmake:29 (message):
  error: SHA1 hash of

    /w/eigen.zip

  does not match expected value

    expected: 'aa01'
      actual: 'bb02'

FAILED: eigen-populate-download
cd /w && cmake -P verify-eigen-populate.cmake
ninja: build stopped: subcommand failed.
"""
TRIES = """-- verifying file...
-- SHA1 hash of
    /w/eigen.zip
  does not match expected value
    expected: 'aa01'
      actual: 'bb02'
-- Hash mismatch, removing...
CMake Error at download-eigen-populate.cmake:170 (message):
  Each download failed!

"""


@pytest.mark.parametrize("log", [TERMINAL, TRIES], ids=["ninja", "tries"])
def test_a_download_with_another_checksum_is_said_as_other_checksums_are(log: str) -> None:
    found = first_error([log.encode()])
    assert found and other_checksum(found.lines) == "/w/eigen.zip: expected SHA1 aa01, got bb02"


def test_a_try_that_failed_before_another_went_well_is_no_error() -> None:
    found = first_error([TRIES.partition("CMake Error")[0].encode() + b"-- done\na.c:1:1: error: other\n"])
    assert found and found.error == "a.c:1:1: error: other"


def test_a_command_without_a_word_is_not_explained_by_what_git_said_before() -> None:
    found = first_error([b"fatal: No names found\n[1/2] x\nFAILED: x\n/usr/bin/x\nninja: build stopped: subcommand failed.\n"])
    assert found and found.error == "FAILED: x"


@given(
    st.text(max_size=300),
    st.lists(st.sampled_from(["SHA1 hash of", "does not match expected value", "expected: 'a'", "actual: 'b'", "", "x"])),
)
def test_any_lines_may_hold_another_checksum(text: str, lines: list[str]) -> None:
    told = other_checksum([text, *lines])
    assert told is None or ": expected " in told
