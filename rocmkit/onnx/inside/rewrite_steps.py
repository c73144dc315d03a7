"""The step that rewrites a model: shapes of inputs fixed, If nodes taken out, and the result run beside the original.

Nothing counts that was not proved by such runs. Needs onnx from 1.12, onnxruntime from 1.14 and NumPy.
"""

from __future__ import annotations

import importlib
from typing import Any, Mapping, NamedTuple, Sequence

from .constant import NO, fixed
from .folding import ELSE, THEN, drop_unused, fold, is_if, serves_both
from .names import Graph, Node
from .trying import Seen, Trying, apart, plan, ran, session

NEEDS = ("onnx", "onnxruntime", "numpy")
#: What rounding may make of the largest number.
AT_MOST = 1e-5
_ROUNDS = 8  # an If in the branch of another one comes to light when that one is gone
_TEXT = 300


class _Tools(NamedTuple):
    onnx: Any
    onnxruntime: Any
    numpy: Any
    shown: str  # a file for models that also give their conditions


def onnx_rewrite(step: Mapping[str, Any]) -> dict[str, Any]:
    """Read "model" and write "out", with shapes as "fix" has them and, if "fold" says so, without If nodes. "shown" is a file to use."""
    found, lacking = {}, []
    for name in NEEDS:
        try:
            found[name] = importlib.import_module(name)
        except ImportError as error:
            lacking.append({"package": name, "why": str(error)[:_TEXT]})
    if lacking:
        return {"outcome": "lacking", "lacking": lacking}
    versions = {name: str(module.__version__) for name, module in found.items()}
    try:
        told = _rewritten(_Tools(found["onnx"], found["onnxruntime"], found["numpy"], step["shown"]), step)
    except ValueError as error:  # it cannot be tried
        told = {"outcome": "unproved", "because": str(error)[:_TEXT]}
    return {"versions": versions, **told}


def _rewritten(tools: _Tools, step: Mapping[str, Any]) -> dict[str, Any]:
    model = tools.onnx.load(step["model"], load_external_data=False)
    fix_shapes(model.graph, step["fix"])
    names = list(dict.fromkeys(node.input[0] for node in _ifs(model.graph))) if step["fold"] else []
    runs, seen = _tried(tools, model, names)
    passed = [one for one in seen if one is not None]
    if not passed:
        raise ValueError("the model takes none of the inputs that it was tried with")
    told: dict[str, Any] = {
        "runs": len(passed),
        "left_out": len(runs) - len(passed),
        "lengths": sorted({run.length for run, one in zip(runs, seen) if one is not None and run.length}),
        "folded": [],
        "left": [],
    }
    if step["fold"]:
        values = {name: {one.conditions[at] for one in passed} for at, name in enumerate(names)}
        _fold_all(tools, model, values, told)
    if not told["folded"] and not step["fix"]:
        return {**told, "outcome": "nothing", "because": "no If node could be taken out"}
    drop_unused(model.graph)
    tools.onnx.save(model, step["out"])
    return {**told, **_compared(tools, step["out"], runs, seen)}


def fix_shapes(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give inputs fixed shapes, which fit them; where a size has a name, it gets it in all inputs."""
    weights = {one.name for one in graph.initializer}
    inputs = {one.name: one.type.tensor_type.shape.dim for one in graph.input if one.name not in weights}
    named: dict[str, int] = {}
    for name, sizes in shapes.items():
        for dim, size in zip(inputs[name], sizes):
            if dim.dim_param:
                named[dim.dim_param] = size
            dim.dim_value = size
    for dims in inputs.values():
        for dim in dims:
            if dim.dim_param in named:
                dim.dim_value = named[dim.dim_param]


def _ifs(graph: Graph) -> list[Node]:
    return [node for node in graph.node if is_if(node) and node.output and node.output[0]]


def _fold_all(tools: _Tools, model: Any, values: Mapping[str, set[bool]], told: dict[str, Any]) -> None:
    """Take out what can be. `values` are those that the conditions had in the runs of the original."""
    for _ in range(_ROUNDS):
        known = fixed(model.graph)
        ifs = _ifs(model.graph)
        sure = [node.input[0] for node in ifs if known.get(node.input[0], NO).value]
        if any(name not in values for name in sure):  # they were in branches until now
            _, seen = _tried(tools, model, sure)
            values = {**values, **{name: {one.conditions[at] for one in seen if one} for at, name in enumerate(sure)}}
        choices = {}
        for node in ifs:
            had = values.get(node.input[0], set())
            # Fixed by what is known of each operator, and so it was seen.
            which = (THEN if True in had else ELSE) if node.input[0] in sure and len(had) == 1 else None
            why = "always"
            if which is None and len(had) == 2:
                which, why = serves_both(node), "serves-both"
            if which:
                choices[node.output[0]] = which
                told["folded"].append({"name": _name(node), "branch": which[: -len("_branch")], "why": why})
        if not choices:
            break
        fold(tools.onnx, model.graph, choices)
    for node in _ifs(model.graph):
        once = len(values.get(node.input[0], ())) < 2
        why = "in all runs it went one way, and need not always" if once else "neither branch does for both"
        told["left"].append({"name": _name(node), "why": why})


def _name(node: Node) -> str:
    name: str = node.name or node.output[0]
    return name[:_TEXT]


def _tried(tools: _Tools, model: Any, names: Sequence[str]) -> tuple[list[Trying], list[Seen | None]]:
    """What the model gives in all runs, and what these conditions are in them."""
    graph = model.graph
    nodes, outputs = len(graph.node), len(graph.output)
    for at, name in enumerate(names):
        graph.node.append(tools.onnx.helper.make_node("Identity", [name], [f"rocmkit/condition_{at}"]))
        graph.output.append(tools.onnx.helper.make_tensor_value_info(f"rocmkit/condition_{at}", tools.onnx.TensorProto.BOOL, None))
    tools.onnx.save(model, tools.shown)
    del graph.node[nodes:], graph.output[outputs:]
    opened = session(tools.onnxruntime, tools.shown)
    runs = plan(opened.get_inputs())
    return runs, list(ran(tools.numpy, opened, runs, len(names)))


def _compared(tools: _Tools, path: str, runs: Sequence[Trying], want: Sequence[Seen | None]) -> dict[str, Any]:
    """How far the outputs of the rewritten model are from those of the original."""
    difference = 0.0
    for run, wanted, got in zip(runs, want, ran(tools.numpy, session(tools.onnxruntime, path), runs)):
        if wanted is None:
            continue
        if got is None:
            return {"outcome": "differs", "because": f"the rewritten model does not take {_words(run)}"}
        difference = max(difference, apart(tools.numpy, wanted.outputs, got.outputs))
        if difference > AT_MOST:
            return {"outcome": "differs", "because": f"its outputs differ by {difference:.3g} for {_words(run)}"}
    return {"outcome": "proved", "difference": difference}


def _words(run: Trying) -> str:
    length = f"an input of length {run.length}" if run.length else "an input"
    return f"{length}, batch {run.batch}" + (f", the last {run.short} shorter" if run.short else "")


STEPS = {"onnx_rewrite": onnx_rewrite}
