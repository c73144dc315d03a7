"""Takes If nodes out of an ONNX graph: one of the branches comes into the graph in their place."""

from __future__ import annotations

from typing import Any, Mapping

from .names import Graph, Node, branch, fresh, given, given_throughout, rename, taken, weights

THEN, ELSE = "then_branch", "else_branch"
#: Of these, a tensor of no length among the inputs changes nothing: what a branch pads with where nothing is to be padded.
_ADDS_TO = ("Concat", "Pad")


def is_if(node: Node) -> bool:
    """Whether it is an If of the standard operators."""
    return node.op_type == "If" and node.domain in ("", "ai.onnx")


def serves_both(node: Node) -> str | None:
    """The branch that may do for both: it adds something to the very values that the other one hands through. A guess, to be proved."""
    for general, plain in ((THEN, ELSE), (ELSE, THEN)):
        pairs = list(zip(branch(node, general).output, branch(node, plain).output))
        through = [_handed_through(branch(node, plain), one.name) for _, one in pairs]
        added_to = [_added_to(branch(node, general), one.name) for one, _ in pairs]
        if pairs and all(value and value in wider for value, wider in zip(through, added_to)):
            return general
    return None


def _giver(graph: Graph, name: str) -> Node | None:
    return next((node for node in graph.node if name in node.output), None)


def _handed_through(graph: Graph, name: str) -> str | None:
    """The value from around the graph that it gives unchanged; None: it does something to it."""
    for _ in range(len(graph.node) + 1):
        giver = _giver(graph, name)
        if giver is None:
            return None if name in given(graph) else name
        if giver.op_type != "Identity":
            return None
        name = giver.input[0]
    return None


def _added_to(graph: Graph, name: str) -> set[str]:
    giver = _giver(graph, name)
    if giver is None or giver.op_type not in _ADDS_TO:
        return set()
    return {value for value in (_handed_through(graph, one) for one in giver.input) if value}


def fold(onnx: Any, graph: Graph, choices: Mapping[str, str]) -> None:
    """Put branches in the place of those If nodes whose first output is a key; the value is the branch."""
    nodes: list[Node] = []
    known = given_throughout(graph)
    for name in (name for node in graph.node for name in taken(node)):
        known[name] += 0
    for node in graph.node:
        which = choices.get(node.output[0]) if is_if(node) and node.output else None
        nodes += [node] if which is None else _opened(onnx, graph, node, which, known)
    kept = onnx.GraphProto()
    kept.node.extend(nodes)
    del graph.node[:]
    graph.node.extend(kept.node)


def _opened(onnx: Any, graph: Graph, node: Node, which: str, known: Any) -> list[Node]:
    """The nodes of a branch as they come into the graph; its weights come into it too."""
    inner = onnx.GraphProto()
    inner.CopyFrom(branch(node, which))
    before = node.name or node.output[0]
    made = {name for one in inner.node for name in one.output if name}
    other, handed = {}, []
    for result, wanted in zip(inner.output, node.output):
        if not wanted:  # nobody takes it
            continue
        if result.name in made and result.name not in other:
            other[result.name] = wanted
        else:
            handed.append((result.name, wanted))
    for name in {*made, *weights(inner)} - set(other):
        if known[name] > 1 or name in node.output:  # another branch, or the graph itself, has a value of that name
            other[name] = fresh(name, before, known)
    for one in inner.node:
        rename(one, other)
    for tensor in inner.initializer:
        tensor.name = other.get(tensor.name, tensor.name)
    for tensor in inner.sparse_initializer:
        tensor.values.name = other.get(tensor.values.name, tensor.values.name)
    graph.initializer.extend(inner.initializer)
    graph.sparse_initializer.extend(inner.sparse_initializer)
    told = {one.name for one in (*graph.value_info, *graph.output, *graph.input)}
    for value in inner.value_info:
        value.name = other.get(value.name, value.name)
        if value.name not in told:
            graph.value_info.append(value)
    names = (fresh(f"as_{number}", before, known) for number, _ in enumerate(handed))
    handing = [
        onnx.helper.make_node("Identity", [other.get(value, value)], [wanted], name=name) for (value, wanted), name in zip(handed, names)
    ]
    return [*inner.node, *handing]


def drop_unused(graph: Graph) -> None:
    """Take out the nodes whose results nobody takes. Weights stay."""
    wanted = {one.name for one in graph.output}
    for at in reversed(range(len(graph.node))):
        node = graph.node[at]
        if node.output and not wanted.intersection(node.output):
            del graph.node[at]
        else:
            wanted.update(taken(node))
