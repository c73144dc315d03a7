"""What an ONNX file holds, and what that means for a provider: frozen values, published as JSON."""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.providers import Provider
from rocmkit.model import Model

Severity = Literal["blocks", "slow", "note"]


class Tensor(Model, kw_only=True):
    """An input or output of the model."""

    name: str  # by which programs give and take it
    dtype: str  # float32; "sequence", "map", "optional", "sparse" for what is no plain tensor, "unknown" for what is not told
    shape: tuple[int | str | None, ...] | None
    """A number is fixed, a name stands for any length and is the same wherever it recurs, null is any length; null as a whole: not told."""


class If(Model, kw_only=True):
    """One `If` node."""

    name: str  # of the node, or of its first output where it has none
    then_nodes: int  # in the branch for true, with those of branches inside it
    else_nodes: int  # in the branch for false


class Graph(Model, kw_only=True):
    """An ONNX file without its weights."""

    file: str  # its path
    bytes: int  # its size, without external data
    ir_version: int | None  # of the file format; None: the file does not say
    opset: dict[str, int]  # domain to version of its operators; ai.onnx is that of the standard ones
    producer: str  # program that wrote it, with its version; empty: not told
    metadata: dict[str, str]  # what the exporter put beside it; sherpa-onnx reads what kind of model it is here
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: int  # of all graphs: the model's own, those inside If, Loop and Scan, and those of its local functions, once each
    operators: dict[str, int]  # operator, with its domain before it where that is not ai.onnx, to the number of nodes
    ifs: tuple[If, ...]  # of all graphs, as they come in the file
    loops: int  # Loop and Scan nodes
    functions: tuple[str, ...]  # local functions, with their domain
    weights: dict[str, int]  # type of number to the bytes that tensors of it take, in this file and beside it
    external: tuple[str, ...]  # files beside it that hold weights
    missing: dict[str, str]  # those of them that cannot be used, and why


class Advice(Model, kw_only=True):
    """What something in the file means for one provider."""

    id: str  # if-nodes
    severity: Severity
    text: str  # what is in the file, and what comes of it
    fix: str | None = None  # what to do; None: nothing is known, or nothing is needed
    page: str | None = None  # RK908, the page of `rocmkit explain` that says more
    sources: tuple[str, ...] = ()


class Advised(Model, kw_only=True):
    """All advice for one provider."""

    provider: Provider
    advice: tuple[Advice, ...]  # what blocks first


class Inspected(Model, kw_only=True):
    """`rocmkit inspect MODEL.onnx --json`."""

    schema: Literal["rocmkit.model/1"] = "rocmkit.model/1"  # the name of this shape
    rocmkit: str  # version
    model: Graph
    providers: tuple[Advised, ...]
    exit: int  # the exit code


class Folded(Model, kw_only=True):
    """An If node that was taken out."""

    name: str  # of the node, or of its first output where it has none
    branch: Literal["then", "else"]  # what stands in its place
    why: Literal["always", "serves-both"]
    """"always": its condition is the same in every run with these shapes; "serves-both": this branch gives what the other one does, too."""


class Left(Model, kw_only=True):
    """An If node that was left in."""

    name: str
    why: str


class Proof(Model, kw_only=True):
    """The rewritten model beside the original, both on the processor, with inputs by chance."""

    runs: int  # in which the original gave a result
    left_out: int  # in which it gave none: too short an input, for instance
    lengths: tuple[int, ...]  # of the inputs in those runs; empty where their shapes are fixed
    difference: float | None  # the largest, as a part of the largest number of an output; null: they were not compared


class Lacking(Model, kw_only=True):
    """A package that is needed."""

    package: str
    why: str  # what importing it said


class Done(Model, kw_only=True):
    """What the step in the other interpreter says."""

    outcome: Literal["proved", "nothing", "unproved", "differs", "lacking"]
    because: str | None = None
    versions: dict[str, str] = {}
    runs: int = 0
    left_out: int = 0
    lengths: tuple[int, ...] = ()
    difference: float | None = None
    folded: tuple[Folded, ...] = ()
    left: tuple[Left, ...] = ()
    lacking: tuple[Lacking, ...] = ()


class Rewritten(Model, kw_only=True):
    """`rocmkit rewrite --json`."""

    schema: Literal["rocmkit.rewrite/1"] = "rocmkit.rewrite/1"  # the name of this shape
    rocmkit: str  # version
    model: str  # the original
    out: str  # where the rewritten model was to go
    outcome: Literal["written", "nothing", "unproved", "differs", "unknown"]
    """"nothing": there is nothing that could be rewritten; "unproved": it could not be tried; "differs": it gave other outputs. "unknown":
    packages are missing, or the process died. The file is there after "written" alone."""
    because: str | None  # why it was not written
    fixed: dict[str, tuple[int, ...]]  # shapes that inputs were given
    folded: tuple[Folded, ...]
    left: tuple[Left, ...]
    proof: Proof | None  # null: it did not come to that
    versions: dict[str, str]  # onnx, onnxruntime and numpy that did it
    lacking: tuple[str, ...]  # packages to install into that interpreter
    sha256: str | None  # of the original
    out_sha256: str | None  # of what was written
    exit: int  # the exit code
