"""What the supervisor does to a program: it sees where it dies, harms nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rocmkit.trial.inside.sweep import sweep
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment, Limits, Trial

ROOT = str(Path(__file__).parents[3])


def run(*argv: str, time_s: float = 20, trace: bool = True, processes: int = 200, memory: int | None = None) -> Trial:
    limits = Limits(time_s=time_s, processes=processes, memory_bytes=memory)
    return runner(trace=trace)(Experiment(name="it", argv=argv, limits=limits))


def python(code: str, time_s: float = 20, *, trace: bool = True, processes: int = 200, memory: int | None = None) -> Trial:
    return run(sys.executable, "-c", code, time_s=time_s, trace=trace, processes=processes, memory=memory)


def wait_gone(pid: int, within_s: float = 3) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., str]:
    def compile_it(code: str, name: str, *flags: str) -> str:
        source, output = tmp_path / f"{name}.c", tmp_path / name
        source.write_text(code)
        subprocess.run(["gcc", "-O1", "-w", "-o", str(output), str(source), *flags], check=True)
        return str(output)

    return compile_it


@pytest.fixture
def dies(compiled: Callable[..., str]) -> str:
    return compiled(
        "#include <stdlib.h>\nint die(int *p) { return *p; }\nvoid give_up(void) { abort(); }\n", "libdies.so.1", "-shared", "-fPIC"
    )


def test_the_library_that_reads_from_nowhere_is_named_with_its_function(dies: str) -> None:
    trial = python(f"import ctypes; ctypes.CDLL({dies!r}).die(None)")
    assert (trial.outcome, trial.signal, trial.exit) == ("crash", "SIGSEGV", None)
    assert trial.frame is not None
    assert trial.frame.startswith("libdies.so.1+0x")
    assert trial.native[0].startswith(f"{trial.frame} die+0x")
    assert trial.library == dies
    address = trial.frame.partition("+")[2]
    told = subprocess.run(["addr2line", "-f", "-e", dies, address], capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == "die"
    assert any("_ctypes" in frame for frame in trial.native[1:])
    assert trial.python == ("<string>:1 in <module>",)


def test_an_abort_lies_with_who_called_it(dies: str) -> None:
    trial = python(f"import ctypes; ctypes.CDLL({dies!r}).give_up()")
    assert (trial.signal, trial.library) == ("SIGABRT", dies)
    assert trial.frame is not None
    assert trial.frame.startswith("libc.so.6+0x")


def test_a_thread_and_a_process_of_another_die_in_the_library_too(dies: str) -> None:
    call = f"ctypes.CDLL({dies!r}).die(None)"
    thread = python(f"import ctypes, threading; t = threading.Thread(target=lambda: {call}); t.start(); t.join()")
    assert (thread.outcome, thread.signal, thread.library) == ("crash", "SIGSEGV", dies)
    child = f"{sys.executable} -c 'import ctypes; ctypes.CDLL(\"{dies}\").die(None)'"
    shell = run("/bin/sh", "-c", f"{child}; exit $?")
    assert (shell.outcome, shell.signal, shell.exit, shell.library) == ("crash", "SIGSEGV", 139, dies)
    caught = python(f"import os, sys, ctypes\nif os.fork() == 0: {call}\nos.wait(); sys.exit('a helper died')")
    assert (caught.outcome, caught.exit, caught.library) == ("fail", 1, dies)


def test_a_fault_that_is_handled_does_no_harm_and_hides_none_that_is_not(compiled: Callable[..., str], dies: str) -> None:
    code = (
        "#include <signal.h>\n#include <setjmp.h>\nsigjmp_buf out; void on(int n) { siglongjmp(out, 1); } int die(int *); int main() {\n"
        "for (volatile int i = 0; i < TIMES; i++) { signal(SIGSEGV, on); if (!sigsetjmp(out, 1)) *(volatile int *)0; }\n"
        "signal(SIGSEGV, SIG_DFL); return THEN; }"
    )
    linked = (dies, f"-Wl,-rpath,{Path(dies).parent}", "-Wl,--no-as-needed")
    assert run(compiled(code, "handles", "-DTIMES=500", "-DTHEN=0", *linked)).outcome == "pass"
    trial = run(compiled(code, "dies", "-DTIMES=3", "-DTHEN=die(0)", *linked))
    assert (trial.outcome, trial.library) == ("crash", dies)


@pytest.mark.parametrize("trace", [True, False])
def test_a_stack_that_runs_over_dies_by_its_signal(compiled: Callable[..., str], trace: bool) -> None:
    program = compiled("int f(int n) { volatile char x[4096]; x[0] = n; return f(n + 1) + x[0]; }\nint main() { return f(0); }", "deep")
    trial = run(program, trace=trace)
    assert (trial.outcome, trial.signal) == ("crash", "SIGSEGV")
    assert trial.because == ("its stack ran over" if trace else "where it died is not known, since it could not be traced: switched off")
    assert (trial.library == program) is trace


def test_without_tracing_a_crash_is_a_crash_without_a_frame(dies: str) -> None:
    trial = python(f"import ctypes; ctypes.CDLL({dies!r}).die(None)", trace=False)
    assert (trial.outcome, trial.signal, trial.frame, trial.library, trial.native) == ("crash", "SIGSEGV", None, None, ())
    assert trial.python == ("<string>:1 in <module>",)


def test_where_the_kernel_refuses_to_trace_it_goes_on_without(dies: str) -> None:
    """Seccomp, inherited by all below: ptrace(2) fails with EPERM, as in a locked container."""
    code = f"""
import ctypes, struct, sys
sys.path.insert(0, {ROOT!r})
libc = ctypes.CDLL(None, use_errno=True)
ptrace = {117 if os.uname().machine == "aarch64" else 101}
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, ptrace), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = struct.pack("H6xQ", len(rules), ctypes.addressof(filter))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) == 0
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment
trial = runner()(Experiment(name="it", argv=(sys.executable, "-c", "import ctypes; ctypes.CDLL({dies!r}).die(None)")))
print(trial.outcome, trial.signal, trial.frame)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout == "crash SIGSEGV None\n", done.stderr


def test_stopping_and_continuing_forking_and_many_threads_work_as_ever() -> None:
    code = """
import os, signal, subprocess, sys, threading, time
child = subprocess.Popen([sys.executable, "-c", "import time\\nprint('begun', flush=True)\\ntime.sleep(0.5)"], stdout=subprocess.PIPE)
child.stdout.readline()
os.kill(child.pid, signal.SIGSTOP)
pid, status = os.waitpid(child.pid, os.WUNTRACED)
assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
time.sleep(0.7)
assert os.waitpid(child.pid, os.WNOHANG) == (0, 0), "it ran on while it was stopped"
os.kill(child.pid, signal.SIGCONT)
pid, status = os.waitpid(child.pid, os.WCONTINUED)
assert os.WIFCONTINUED(status)
assert child.wait(10) == 0
came = []
signal.signal(signal.SIGUSR2, lambda *_: came.append(1))
os.kill(os.getpid(), signal.SIGUSR2)
assert came == [1]
for _ in range(5):
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(60)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
for _ in range(20):
    if (pid := os.fork()) == 0:
        os.execv("/bin/true", ["true"])
    assert os.waitpid(pid, 0)[1] == 0
threading.Thread(target=lambda: os.execv("/bin/echo", ["echo", "replaced"])).start()
time.sleep(10)
"""
    trial = python(code)
    assert (trial.outcome, trial.exit, trial.log) == ("pass", 0, "replaced\n"), trial.log


def test_children_that_leave_the_session_ignore_signals_or_lose_their_parent_are_gone(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, signal, time
def note():
    with open({str(pids)!r}, "a") as file: file.write(f"{{os.getpid()}}\\n")
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
            note()
            time.sleep(60)
        os._exit(0)
time.sleep(0.5)
"""
    for trace in (True, False):
        trial = python(code, trace=trace)
        assert trial.outcome == "pass"
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 6
    assert all(map(wait_gone, found))


@pytest.mark.parametrize("trace", [True, False])
def test_a_fork_bomb_ends_at_the_limit(trace: bool) -> None:
    begin = time.monotonic()
    before = set(psutil.pids())
    trial = python("import os\nwhile True: os.fork()", trace=trace, processes=40)
    assert (trial.outcome, trial.limit) == ("crash", "processes")
    assert time.monotonic() - begin < 15
    mine = [pid for pid in set(psutil.pids()) - before if "os.fork()" in " ".join(_command(pid))]
    assert all(map(wait_gone, mine))


def _command(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def test_memory_ends_at_the_limit() -> None:
    trial = python("x = []\nwhile True: x.append(bytearray(b'x' * (4 << 20)))", memory=150 << 20)
    assert (trial.outcome, trial.limit) == ("crash", "memory")
    assert trial.peak_bytes is not None
    assert trial.peak_bytes > 150 << 20


def test_a_hang_tells_where_and_whether_it_was_computing() -> None:
    waiting = python("import time\ndef hangs(): time.sleep(60)\nhangs()", 1.2)
    assert (waiting.outcome, waiting.limit, waiting.signal) == ("hang", "time", None)
    assert waiting.python == ("<string>:2 in hangs", "<string>:3 in <module>")
    assert "waited" in str(waiting.because)
    computing = python("while True: pass", 1.2)
    assert "computing" in str(computing.because)


def test_one_that_ignores_all_signals_and_closes_its_pipes_is_a_hang() -> None:
    begin = time.monotonic()
    code = "import os, signal, time\nfor n in (6, 15): signal.signal(n, signal.SIG_IGN)\nos.closerange(0, 300)\ntime.sleep(60)"
    assert python(code, 1).outcome == "hang"
    assert time.monotonic() - begin < 6


@pytest.mark.parametrize("how", ["KILL", "TERM", "INT"])
def test_when_rocmkit_dies_nothing_of_the_program_is_left(tmp_path: Path, how: str) -> None:
    pids = tmp_path / "pids"
    inner = f"""
import os, time
with open({str(pids)!r}, "w") as file: file.write(f"{{os.getpid()}} ")
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    with open({str(pids)!r}, "a") as file: file.write(f"{{os.getpid()}} done")
time.sleep(60)
"""
    outer = f"""
import sys, signal
sys.path.insert(0, {ROOT!r})
def end(*_): raise KeyboardInterrupt
signal.signal(signal.SIGTERM, end)
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment
runner()(Experiment(name="it", argv=(sys.executable, "-c", {inner!r})))
"""
    folder = tmp_path / "tmp"
    folder.mkdir()
    env = {**os.environ, "TMPDIR": str(folder)}
    rocmkit = subprocess.Popen([sys.executable, "-c", outer], env=env, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not (pids.exists() and "done" in pids.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    supervisor = psutil.Process(rocmkit.pid).children()[0].pid
    assert len(list(folder.iterdir())) == 1
    rocmkit.send_signal(getattr(__import__("signal"), f"SIG{how}"))
    rocmkit.wait(10)
    first, second, _ = pids.read_text().split()
    assert all(map(wait_gone, (int(first), int(second), supervisor)))
    assert list(folder.iterdir()) == []


def test_a_program_that_kills_its_supervisor_dies_with_it() -> None:
    trial = python("import os, time; os.kill(os.getppid(), 9); time.sleep(60)")
    assert trial.outcome == "crash"
    assert "watched" in str(trial.because)


def test_a_folder_goes_with_all_that_is_in_it_and_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "file").write_text("x")
    (folder / "file").chmod(0)
    locked = folder / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    locked.parent.chmod(0)
    deep = os.open(folder, os.O_RDONLY)
    for _ in range(3000):  # longer than any path may be
        os.mkdir("deeper", dir_fd=deep)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    assert sweep(str(folder))
    assert not folder.exists()
    assert (outside / "kept").read_text() == "x"


def test_a_program_that_signals_the_process_that_started_it_lives() -> None:
    trial = python("import os, time\nfor number in (15, 10): os.kill(os.getppid(), number)\ntime.sleep(0.5)\nprint('lives')")
    assert (trial.outcome, trial.because, trial.log) == ("pass", None, "lives\n")


_STOPPED = """
import sys
from rocmkit.trial import run
from rocmkit.trial.values import Experiment, Limits
run._LATE_S = run._END_S = 0.5
# Its report is longer than a pipe holds.
dies = '''
import ctypes, mmap, time
time.sleep(0.5)
file = open('/proc/self/exe', 'rb')
kept = [mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ) for _ in range(3000)]
ctypes.string_at(0)
'''
print("begun", flush=True)
trial = run.runner()(Experiment(name="it", argv=(sys.executable, "-c", dies), limits=Limits(time_s=3)))
print(trial.outcome, trial.signal, trial.because)
"""


def test_a_crash_while_rocmkit_is_stopped_is_no_hang() -> None:
    rocmkit = subprocess.Popen([sys.executable, "-c", _STOPPED], stdout=subprocess.PIPE, text=True)
    assert rocmkit.stdout and rocmkit.stdout.readline() == "begun\n"
    time.sleep(0.2)
    rocmkit.send_signal(signal.SIGSTOP)
    time.sleep(5)
    rocmkit.send_signal(signal.SIGCONT)
    assert rocmkit.communicate(timeout=20)[0] == "crash SIGSEGV None\n"
