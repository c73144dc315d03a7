"""Names of values in an ONNX graph and in the graphs inside it: who gives them, who takes them, and other names for them.

https://onnx.ai/onnx/repo-docs/IR.html: a name is given once among a graph and those around it; two branches may give the same one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterator

Graph = Any  # onnx.GraphProto
Node = Any  # onnx.NodeProto
GRAPH, GRAPHS = 5, 10  # AttributeProto.AttributeType


def graphs_in(node: Node) -> Iterator[Graph]:
    """The graphs that are attributes of a node."""
    for attribute in node.attribute:
        if attribute.type == GRAPH:
            yield attribute.g
        elif attribute.type == GRAPHS:
            yield from attribute.graphs


def branch(node: Node, name: str) -> Graph:
    """A branch of an If: then_branch or else_branch."""
    return next(attribute.g for attribute in node.attribute if attribute.name == name)


def weights(graph: Graph) -> list[str]:
    """Names of a graph's own tensors."""
    return [one.name for one in graph.initializer] + [one.values.name for one in graph.sparse_initializer]


def given(graph: Graph) -> list[str]:
    """Names that a graph gives, not those inside it."""
    return [*(one.name for one in graph.input), *weights(graph), *(name for node in graph.node for name in node.output if name)]


def given_throughout(graph: Graph) -> Counter[str]:
    """How often each name is given, in this graph and in all inside it. An input that is also a weight, as in old files, counts once."""
    found = Counter(set(given(graph)))
    for node in graph.node:
        for inner in graphs_in(node):
            found += given_throughout(inner)
    return found


def taken(node: Node) -> Iterator[str]:
    """Names that a node takes from around it, those that the graphs inside it take among them."""
    yield from (name for name in node.input if name)
    for inner in graphs_in(node):
        own = set(given(inner))
        yield from (one.name for one in inner.output if one.name not in own)
        for one in inner.node:
            yield from (name for name in taken(one) if name not in own)


def rename(node: Node, other: dict[str, str]) -> None:
    """Take and give values by their other names, also inside."""
    for names in (node.input, node.output):
        for at, name in enumerate(names):
            names[at] = other.get(name, name)
    for inner in graphs_in(node):
        own = set(given(inner))
        visible = {name: new for name, new in other.items() if name not in own}
        for one in inner.node:
            rename(one, visible)
        for value in inner.output:
            value.name = visible.get(value.name, value.name)


def fresh(name: str, before: str, known: Counter[str]) -> str:
    """A name that nothing has, and that is known from now on."""
    new, number = f"{before}/{name}", 1
    while new in known:
        number += 1
        new = f"{before}/{name}_{number}"
    known[new] += 1
    return new
