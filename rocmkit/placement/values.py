"""What is asked of a model and a provider, and what came of it. Frozen, printable as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from rocmkit.kb.providers import NAMES
from rocmkit.model import Model
from rocmkit.onnx.values import Advice
from rocmkit.trial.inside.operators import Kind
from rocmkit.trial.values import Trial

#: Elsewhere: nothing of it runs there. Vanished: the session goes on without the provider. Died: making or running it did not end well.
Verdict = Literal["wholly", "partly", "elsewhere", "vanished", "died", "unknown"]

CPU = NAMES["cpu"]
#: The short names of --provider.
PROVIDERS = {str(name): full for name, full in NAMES.items()} | {"cuda": "CUDAExecutionProvider"}


class Asked(Model, kw_only=True):
    """A model, where it should run, and with what."""

    model: str  # path
    provider: str  # ROCMExecutionProvider
    python: str  # path of the interpreter
    shapes: dict[str, tuple[int, ...]] = {}  # of inputs, by name
    runs: int = 2
    timeout_s: float = 600.0
    options: dict[str, str] = {}  # of the provider
    env: dict[str, str | None] = {}  # what is changed of the environment
    brings: tuple[str, ...] = ()  # commands that bring an ONNX Runtime with the provider


class Input(Model, kw_only=True):
    """One input that was made up."""

    name: str
    dtype: str  # float32
    shape: tuple[int, ...]
    values: str  # what it holds, in words


#: What a worker counts. Even all its rows together come to no more than 64 bits hold.
Count = Annotated[int, Meta(ge=0, le=1 << 50)]


class Summed(Model, kw_only=True):
    """All nodes of one kind, as the worker tells of them; `Row` says what they mean."""

    provider: str
    op: str
    dtype: str
    nodes: Count
    microseconds: Count
    elements: int  # of the largest result


class Ran(Model, kw_only=True):
    """What the worker tells of the runs."""

    inputs: tuple[Input, ...]
    first_s: float
    seconds: float | None  # of a later run
    counted: Annotated[int, Meta(ge=1)]
    unread: Count
    more: Count  # rows that are not told
    rows: tuple[Summed, ...]


class Row(Model, kw_only=True):
    """All nodes of one kind, in one run."""

    provider: str  # where they ran
    op: str  # MatMul; of nodes that MIGraphX made of many: MGXKernel
    dtype: str  # of what they give, as the profile has it: float, int64; empty: not known
    kind: Kind
    nodes: int  # how often one ran; those in a loop count each time
    microseconds: int


class Share(Model, kw_only=True):
    """What ran on one provider, in one run."""

    provider: str
    nodes: int
    microseconds: int  # without If and Loop, whose nodes are counted themselves
    of_nodes: float  # 0.0 to 1.0
    of_time: float  # 0.0 to 1.0


class Missing(Model, kw_only=True):
    """A library that the loader does not find."""

    library: str  # libhipblas.so.3
    needed_by: str  # libonnxruntime_providers_rocm.so


class Output(Model, kw_only=True):
    """One result of the provider, against that of the processor."""

    name: str
    dtype: str | None = None
    elements: int | None = None
    error: float | None = None  # largest difference, of the largest value; None: not compared
    apart: str | None = None  # how it differs beyond numbers: its shape, or no finite number
    skipped: str | None = None  # why it is not compared


class Agreement(Model, kw_only=True):
    """Whether the results are those of the processor."""

    agrees: bool | None  # None: not compared
    error: float | None = None  # the largest of all outputs of floats
    at_most: float | None = None  # what rounding makes
    because: str | None = None  # why it does not agree, or is not compared
    outputs: tuple[Output, ...] = ()


class Forbidden(Model, kw_only=True):
    """A session of a Conv and a MatMul that may not put anything on the processor."""

    outcome: Literal["opened", "refused", "died", "unknown"]
    because: str | None = None  # what ONNX Runtime said


class Placement(Model, kw_only=True):
    """`rocmkit inspect MODEL.onnx --provider P --json`."""

    schema: Literal["rocmkit.placement/1"] = "rocmkit.placement/1"  # the name of this shape
    rocmkit: str  # version
    file: str  # the model; a path below the user's home starts with `~/`
    provider: str  # the one that was asked for
    python: str  # the interpreter
    verdict: Verdict
    because: str  # in a sentence
    exit: int  # the exit code
    gpu_computed: Literal["not proved"] = "not proved"  # no placement proves that; a provider takes nodes on a GPU that computes nothing
    onnxruntime: str | None = None  # its version; None: it could not be imported
    built_for: str | None = None  # the device that it names: GPU, CPU
    providers_offered: tuple[str, ...] | None = None  # those that were built in; None: not known
    providers_taken: tuple[str, ...] | None = None  # those that the session has; None: there was none
    inputs: tuple[Input, ...] = ()
    open_s: float | None = None  # how long the session took to make
    first_s: float | None = None  # the first run, in which kernels may be compiled
    run_s: float | None = None  # a later run, on average; None: there was none
    runs_counted: int = 0  # runs that the rows are the average of
    unread: int = 0  # parts of the profile that were missing or no event
    rows: tuple[Row, ...] = ()  # the longest time first
    shares: tuple[Share, ...] = ()  # by provider, the longest time first
    compute_elsewhere: tuple[Row, ...] = ()  # compute operators that ran on another provider
    other_elsewhere: tuple[Row, ...] = ()  # what else ran there, and is neither shape arithmetic nor a copy
    copies: int = 0  # between processor and GPU, in one run
    fused: int = 0  # nodes that the provider made of many
    agreement: Agreement | None = None  # None: not asked, the provider is the processor
    forbids_cpu: Forbidden | None = None  # None: not asked, the provider is the processor
    provider_library: str | None = None  # the library of a provider that vanished
    missing: tuple[Missing, ...] = ()  # what the loader does not find for it
    said: tuple[str, ...] = ()  # ONNX Runtime's own lines about it
    trial: Trial | None = None  # how the process ended that tried it, where it did not end well
    advice: tuple[Advice, ...] = ()  # what the graph says of this provider before anything runs
    commands: tuple[str, ...] = ()  # what brings an ONNX Runtime that has the provider, where that is what lacks
    pages: tuple[str, ...] = ()  # known issues that its output shows: RK403
