"""The hook in the HSA runtime, loaded as a runtime loads it: what it counts of queues that are driven through its functions.

Without a GPU the real runtime gives up before it loads any tool: a stand-in hands over the tables here, and for the real one a library
gives the kernel's answers. That a GPU's packet processor moves the index is what only a GPU shows.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rocmkit.smoke.hook import Counting, Hooked, hooked
from rocmkit.smoke.inside import packets
from rocmkit.smoke.inside.packets import counted
from rocmkit.smoke.observed import Packets
from tests.support.hsa import Runtime, by_header, library, pretended, program, real

LOAD = "begin 3 2 0 0 16"
_FULL = (1 << 64) - 1


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Hooked:
    made = hooked(tmp_path_factory.mktemp("cache"))
    assert made.library, made.because
    return made


@pytest.fixture(scope="module")
def runtime_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("runtime") / "runtime")


@pytest.fixture
def counting(hook: Hooked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    with Counting(hook, {}) as counting:
        for name, value in counting.env().items():
            monkeypatch.setenv(name, value)
        yield counting


@pytest.fixture
def runtime(hook: Hooked, runtime_program: Path, counting: Counting) -> Iterator[Runtime]:
    assert hook.library
    with Runtime(runtime_program, hook.library, counting.env()) as runtime:
        yield runtime


def on(node: int | None, queues: int, written: int, consumed: int) -> dict[str, int | None]:
    return {"node": node, "queues": queues, "written": written, "consumed": consumed}


def test_nothing_is_counted_before_a_runtime_calls_it(runtime: Runtime, counting: Counting) -> None:
    assert counted() is None
    assert counting.now() is None
    assert runtime.do(LOAD) == 1
    assert counted() == []
    assert counting.now() == ()
    assert counting.refused() is None


def test_it_counts_each_gpu_by_itself(runtime: Runtime, counting: Counting) -> None:
    runtime.do(LOAD)
    assert runtime.do("touched") == 7
    for agent in (1, 2, 1, 7):
        assert runtime.do(f"make {agent}") >= 0
    for line in ("go 0 10 7", "go 1 3 3", "go 2 5 5"):
        runtime.do(line)
    assert counted() == [on(1, 2, 15, 12), on(2, 1, 3, 3), on(7, 1, 0, 0)]
    runtime.do("go 0 1 4")
    time.sleep(0.1)
    assert counting.now() == (
        Packets(node=1, queues=2, written=16, consumed=16),
        Packets(node=2, queues=1, written=3, consumed=3),
        Packets(node=7, queues=1),
    )


def test_what_was_done_before_the_question_is_in_the_answer(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    for times in range(1, 40):
        runtime.do("go 0 1 1")
        begin = time.monotonic()
        assert counted() == [on(1, 1, times, times)]
        assert time.monotonic() - begin < 0.2


def test_queues_of_other_devices_are_not_a_gpus(runtime: Runtime, counting: Counting) -> None:
    runtime.do(LOAD)
    assert runtime.do("make 0") == 0  # a processor's
    runtime.do("go 0 5 5")
    assert counted() == []
    assert runtime.do("make 901") == 1  # a GPU that does not tell its node
    runtime.do("go 1 2 2")
    assert counted() == [on(None, 1, 2, 2)]
    assert runtime.do("make 999") == -1  # it cannot be made
    assert counting.refused() is None
    assert runtime.do("make 900") == 2  # nobody knows of what
    assert counted() == [on(None, 1, 2, 2)]
    assert counting.refused() == "queues that the hook could not count: 1"


def test_queues_made_by_description_are_counted(runtime: Runtime) -> None:
    """Of three the second one fails, and the last one is the copying engine's."""
    runtime.do(LOAD)
    assert runtime.do("describe 4 1") == 0x1008
    runtime.do("go 0 4 4")
    runtime.do("go 1 4000 4000")  # bytes
    assert counted() == [on(4, 1, 4, 4)]
    assert runtime.do("describe 4 0") == 0x1008
    runtime.do("go 3 1 1")
    assert counted() == [on(4, 3, 5, 5)]


def test_a_runtime_without_descriptions_keeps_its_function(runtime: Runtime) -> None:
    assert runtime.do("begin 3 2 0 0 15") == 1
    assert runtime.do("touched") == 3


def test_ended_queues_stay_counted_to_their_last_packet(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do("go 0 8 8")
    assert runtime.do("end 0") == 0
    runtime.do("make 1")
    runtime.do("go 1 1 0")
    assert counted() == [on(1, 2, 9, 8)]


def test_indices_wrap_around(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do(f"go 0 {_FULL >> 1} {_FULL >> 1}")
    assert counted() == [on(1, 1, _FULL >> 1, _FULL >> 1)]
    runtime.do(f"go 0 {_FULL >> 1} {_FULL >> 1}")
    assert counted() == [on(1, 1, _FULL - 1, _FULL - 1)]
    runtime.do("go 0 2 1")  # now at 0, and at the last number there is
    assert counted() == [on(1, 1, 0, _FULL)]


def test_an_index_that_goes_back_takes_nothing_away(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do("go 0 100 100")
    assert counted() == [on(1, 1, 100, 100)]
    runtime.do(f"go 0 {_FULL - 49} {_FULL - 49}")  # 50 less
    assert counted() == [on(1, 1, 100, 100)]
    runtime.do("go 0 3 2")
    assert counted() == [on(1, 1, 103, 102)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("begin 4 2 0 0 16", "versions 4 and 2, which the hook does not know"),
        ("begin 3 3 0 0 16", "versions 3 and 3, which"),
        ("begin 2 1 0 0 16", "versions 2 and 1, which"),
        ("begin 0 0 0 0 16", "versions 0 and 0, which"),
        ("begin 3 2 16 0 16", "ends after 16 bytes"),
        ("begin 3 2 0 128 16", "ends after 128 bytes"),
        ("begin 3 2 0 4 16", "ends after 4 bytes"),
    ],
)
def test_a_table_that_is_not_known_is_left_as_it_is(runtime: Runtime, counting: Counting, line: str, said: str) -> None:
    assert runtime.do(line) == 0
    assert runtime.do("touched") == 0
    assert runtime.do("make 1") == 0
    assert runtime.do("end 0") == 0
    assert counted() is None
    assert said in str(counting.refused())


@pytest.mark.parametrize("line", ["begin 1 1 0 0 0", "begin 2 2 0 0 0", "begin 3 2 24 136 16"])
def test_older_and_shorter_tables_are_known(runtime: Runtime, line: str) -> None:
    assert runtime.do(line) == 1
    assert runtime.do("touched") == 3
    runtime.do("make 1")
    runtime.do("go 0 1 1")
    assert counted() == [on(1, 1, 1, 1)]


def test_many_threads_make_and_end_queues(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("race 8 1000")
    queues = 4 * 1000 * 3
    assert counted() == [on(1, queues, queues * 6, queues * 3), on(2, queues, queues * 6, queues * 3)]


def test_thousands_of_queues_at_once(runtime: Runtime) -> None:
    runtime.do(LOAD)
    assert runtime.do("many 1 3000") == 2999
    runtime.do("go 0 1 1")
    runtime.do("go 2999 2 2")
    assert counted() == [on(1, 3000, 3, 3)]


def test_more_gpus_than_there_is_room_for(runtime: Runtime, counting: Counting) -> None:
    runtime.do(LOAD)
    for agent in range(1, packets.GPUS + 3):
        runtime.do(f"make {agent}")
    assert len(counted() or ()) == packets.GPUS
    assert counting.refused() == "queues that the hook could not count: 2"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"kill {int(signal.SIGKILL)}", -signal.SIGKILL),
        (f"kill {int(signal.SIGSEGV)}", -signal.SIGSEGV),
        (f"kill {int(signal.SIGABRT)}", -signal.SIGABRT),
        ("_exit", 0),
    ],
)
def test_counts_survive_the_process(runtime: Runtime, counting: Counting, line: str, code: int) -> None:
    runtime.do(LOAD)
    runtime.do("make 3")
    runtime.do("go 0 691 690")
    assert counted() == [on(3, 1, 691, 690)]
    assert runtime.last(line) == code
    assert counting.now() == (Packets(node=3, queues=1, written=691, consumed=690),)
    begin = time.monotonic()
    assert counted() == [on(3, 1, 691, 690)]  # and nobody is waited for
    assert time.monotonic() - begin < 0.1


def test_the_last_packets_before_the_end_are_counted(runtime: Runtime, counting: Counting) -> None:
    runtime.do(LOAD)
    runtime.do("make 3")
    assert runtime.last("go 0 5 5\nexit") == 0  # without a round in between
    assert counting.now() == (Packets(node=3, queues=1, written=5, consumed=5),)


def test_a_forked_child_counts_nothing_twice(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do("go 0 6 6")
    assert runtime.do("fork go 0 100 100;end 0") == 0
    assert runtime.do("fork make 1;go 1 100 100") == 0
    assert counted() == [on(1, 1, 6, 6)]
    runtime.do("go 0 1 1")
    assert counted() == [on(1, 1, 7, 7)]


def test_a_child_that_starts_its_own_runtime_adds_to_it(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do("go 0 6 6")
    assert runtime.do("fork again;make 1;go 1 2 1;make 2;end 1") == 0
    assert counted() == [on(1, 2, 8, 7), on(2, 1, 0, 0)]


def test_a_runtime_that_shuts_down_and_starts_again(runtime: Runtime) -> None:
    runtime.do(LOAD)
    runtime.do("make 1")
    runtime.do("go 0 6 6")
    runtime.do("unload")
    assert counted() == [on(1, 1, 6, 6)]
    runtime.do("go 0 6 6")  # nobody looks at it any more
    runtime.do("end 0")
    for start in range(1, 8):
        assert runtime.do("again") == 1
        runtime.do("make 1")
        runtime.do(f"go {start} 1 1")
        runtime.do("unload")
        assert counted() == [on(1, 1 + start, 6 + start, 6 + start)]


def test_a_table_that_it_has_already(runtime: Runtime) -> None:
    runtime.do(LOAD)
    assert runtime.do("twice") == 1
    runtime.do("make 1")
    runtime.do("go 0 2 2")
    assert runtime.do("end 0") == 0
    assert counted() == [on(1, 1, 2, 2)]


def test_its_thread_ends_with_the_runtime(runtime: Runtime) -> None:
    threads = Path(f"/proc/{runtime.process.pid}/task")
    for _ in range(2):
        runtime.do(LOAD)
        assert len(list(threads.iterdir())) == 2
        runtime.do("unload")
        until = time.monotonic() + 5  # the kernel tells of its end before it is gone from there
        while len(list(threads.iterdir())) > 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(list(threads.iterdir())) == 1


def test_more_starts_than_there_is_room_for(runtime: Runtime) -> None:
    for _ in range(packets.ROOMS):
        assert runtime.do("again") == 1
        runtime.do("unload")
    assert runtime.do("again") == 0
    assert runtime.do("touched") == 0
    assert counted() == []


def test_two_runtimes_in_one_process(hook: Hooked, runtime_program: Path, counting: Counting, tmp_path: Path) -> None:
    """Each calls its own functions, and the one that shuts down takes nothing from the other."""
    assert hook.library
    names = [str(program(tmp_path / f"runtime{number}.so", "-shared", "-fPIC")) for number in (1, 2)]
    script = f"""
import ctypes, os, time
one, two = (ctypes.CDLL(name) for name in {names!r})
def do(library, line):
    library.obey(ctypes.create_string_buffer(line.encode()))
for library in (one, two):
    do(library, {LOAD!r})
    do(library, "make 1")
    do(library, "touched")
do(one, "go 0 5 5")
do(two, "go 0 20 10")
do(one, "unload")
do(two, "go 0 1 1")
do(two, "make 2")
time.sleep(0.1)
os._exit(0)
"""
    env = {**os.environ, **counting.env(), "HOOK": hook.library}
    told = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert told[:6] == ["1", "0", "7"] * 2
    assert counting.now() == (Packets(node=1, queues=2, written=26, consumed=16), Packets(node=2, queues=1))


@pytest.mark.parametrize("spoil", ["absent", "short", "foreign", "link", "folder", "unset"])
def test_without_its_file_it_leaves_everything_alone(hook: Hooked, runtime_program: Path, tmp_path: Path, spoil: str) -> None:
    path, real = tmp_path / "packets", tmp_path / "real"
    real.write_bytes(packets.empty())
    env = {packets.VARIABLE: str(path)}
    if spoil == "short":
        path.write_bytes(packets.empty()[:-1])
    elif spoil == "foreign":
        path.write_bytes(b"\0" * packets.SIZE)
    elif spoil == "link":
        path.symlink_to(real)
    elif spoil == "folder":
        path.mkdir()
    elif spoil == "unset":
        env = {}
    assert hook.library
    with Runtime(runtime_program, hook.library, env) as runtime:
        assert runtime.do(LOAD) == 0
        assert runtime.do("touched") == 0
        assert runtime.do("make 1") == 0
        runtime.do("unload")
        assert runtime.last("exit") == 0
    assert real.read_bytes() == packets.empty()


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitizers_find_nothing(tmp_path: Path, sanitizer: str, counting: Counting) -> None:
    options = (f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all")
    made, checked = program(tmp_path / "runtime", *options), library(tmp_path / "hook.so", *options)
    with Runtime(made, checked, {**counting.env(), "TSAN_OPTIONS": "halt_on_error=1"}) as runtime:
        runtime.do(LOAD)
        runtime.do("many 1 200")
        runtime.do("race 6 200")
        runtime.do("end 5")
        runtime.do("unload")
        runtime.do("again")
        runtime.do("make 1")
        runtime.do("race 4 100")
        assert runtime.last("exit") == 0
    queues = 3 * 200 * 3 + 2 * 100 * 3
    assert counting.now() == (
        Packets(node=1, queues=queues + 201, written=queues * 6, consumed=queues * 3),
        Packets(node=2, queues=queues, written=queues * 6, consumed=queues * 3),
    )


def test_its_places_are_those_of_rocms_own_headers(hook: Hooked, counting: Counting, tmp_path: Path) -> None:
    """Debian's libhsa-runtime-dev, which libamdhip64-dev brings; and ROCm's, where it is installed."""
    headers = [folder for folder in (Path("/usr/include/hsa"), *Path("/opt").glob("rocm*/include/hsa")) if folder.is_dir()]
    assert headers, "libhsa-runtime-dev is not installed"
    assert hook.library
    for number, folder in enumerate(headers, start=1):
        made = by_header(tmp_path / f"by_header{number}", folder)
        env = {**os.environ, "HOOK": hook.library}
        told = subprocess.run([str(made)], env=env, check=True, capture_output=True, text=True, timeout=30).stdout
        assert re.fullmatch(r"[123]\.[12]\.[0-9a-f]+\n", told)
        assert counting.now() == (Packets(node=6, queues=number, written=10 * number, consumed=7 * number),)


def test_rocms_own_runtime_loads_it(counting: Counting, tmp_path: Path) -> None:
    """It starts twice, and its queues are real ones, although no GPU takes anything out of them."""
    program = real(tmp_path / "real")
    for gpus in (1, 3):
        (tmp_path / str(gpus)).mkdir()
        env = {**os.environ, **counting.env(), **pretended(tmp_path / str(gpus), gpus)}
        told = subprocess.run([str(program)], env=env, check=True, capture_output=True, text=True, timeout=60).stdout
        assert told.splitlines() == ["0 0 0", "0 0 0"]
    assert counting.now() == (
        Packets(node=1, queues=4, written=52, consumed=48),
        Packets(node=2, queues=2, written=26, consumed=24),
        Packets(node=3, queues=2, written=26, consumed=24),
    )


@pytest.mark.skipif(os.path.exists("/dev/kfd"), reason="there is a GPU here, or something like it")
def test_without_a_gpu_rocms_own_runtime_does_not_call_it(counting: Counting, tmp_path: Path) -> None:
    told = subprocess.run([str(real(tmp_path / "real"))], env={**os.environ, **counting.env()}, check=True, capture_output=True, text=True)
    assert told.stdout.splitlines() == ["1008 1008 1008"] * 2  # HSA_STATUS_ERROR_OUT_OF_RESOURCES
    assert counting.now() is None
    assert counting.refused() is None


def test_it_takes_little_time(runtime: Runtime) -> None:
    """With the four queues that HIP uses by itself, a hundredth of a core at most."""
    runtime.do(LOAD)
    runtime.do("many 1 4")
    stat = Path(f"/proc/{runtime.process.pid}/stat")
    before = _ticks(stat)
    time.sleep(2)
    assert (_ticks(stat) - before) / os.sysconf("SC_CLK_TCK") < 0.02 * 2


def _ticks(stat: Path) -> int:
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
