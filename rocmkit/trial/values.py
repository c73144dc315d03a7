"""What an experiment is, and how one ended. Frozen, printable as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from rocmkit.model import Model

Outcome = Literal["pass", "fail", "crash", "hang", "skipped"]
Device = Literal["gpu", "cpu"]
Limit = Literal["time", "memory", "processes"]

#: An experiment ends after so long, unless it says otherwise: the first convolution on a GPU may compile kernels for a minute.
TIME_S = 180.0
#: More processes than this at a time are a fork bomb; PyTorch's and Numba's own helpers stay far below.
PROCESSES = 200


class Limits(Model, kw_only=True):
    """What ends an experiment. Memory is counted as resident, never as address space: the HSA runtime reserves terabytes of that."""

    time_s: float = TIME_S
    memory_bytes: int | None = None  # of all its processes; None: four fifths of what the machine has free when it starts
    processes: int = PROCESSES


PLAIN = Limits()


class Experiment(Model, kw_only=True):
    """One program to run once, in a process of its own."""

    name: str  # conv1d-k3-float16
    argv: tuple[str, ...]  # the program, as a path, and its arguments
    #: What is changed of the environment. None takes a variable away; {fresh} in a value stands for an empty folder that goes with it.
    env: dict[str, str | None] = {}
    request: dict[str, Any] | None = None  # what a worker is asked, as JSON; None: a program that knows nothing of us and gives no answer
    actions: tuple[str, ...] = ()  # what is changed inside each Python of it, by the names in `inside/hooks/sitecustomize.py`
    cwd: str | None = None  # the folder it runs in; None: an empty one that goes with it
    fresh_caches: bool = True  # caches of kernels in empty folders that go with it; a user's own command keeps its own
    limits: Limits = PLAIN
    stack_bytes: int | None = None  # limit of the stack; None: as it is
    device: Device | None = None  # where it computes; None: that is not known, or nothing is computed


class Trial(Model, kw_only=True):
    """How an experiment ended. A path below the user's home starts with `~/`; what names a person or a machine is hidden in every text."""

    name: str  # that of the experiment
    what: str = ""  # the same in words
    outcome: Outcome  # crash: a signal or a fault of the GPU ended it; hang: no end within its time
    device: Device | None = None  # where it computed
    signal: str | None = None  # SIGSEGV; None: no signal ended it
    exit: int | None = None  # its exit code; None: it did not exit by itself
    seconds: float = 0.0  # how long it ran
    because: str | None = None  # why it failed, hung or was skipped, in a sentence or the exception's own line
    limit: Limit | None = None  # the limit for which it was ended
    last_import: str | None = None  # the module that was being imported, or was imported last
    last_library: str | None = None  # the library that Python loaded last
    frame: str | None = None  # the innermost native function: librocblas.so.4+0x1234
    library: str | None = None  # path of the library that it lies in
    native: tuple[str, ...] = ()  # native frames, innermost first; behind the first they are read off the stack and may hold a stray one
    python: tuple[str, ...] = ()  # Python frames, innermost first: torch/nn/modules/conv.py:306 in _conv_forward
    gpu_fault: str | None = None  # the line by which the GPU's runtime said that the GPU faulted
    mapped: tuple[str, ...] = ()  # paths of HIP, HSA, OpenMP, LLVM and C++ runtimes, and of kernel libraries, that were in the process
    step: int | None = None  # the step of a worker's request, counted from 0, in which it ended badly
    measured: tuple[dict[str, Any], ...] = ()  # what a worker measured in each step that it came through
    known: tuple[str, ...] = ()  # codes of the known issues that its output shows, causes first
    peak_bytes: int | None = None  # resident memory of all its processes at its highest
    log: str = ""  # the last of what it printed


#: Runs an experiment. The one seam between deciding what to try and trying it.
Run = Callable[[Experiment], Trial]
