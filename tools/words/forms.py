"""The whole sentences that an expression of Python can become.

A conditional inside an f-string, or a local name that is bound to one, becomes several, so that whoever translates never sees half of one.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence

#: So many whole sentences may come of one f-string.
_MOST = 16
#: What Markdown begins a line with: the rest is looked up by itself.
_MARKUP = re.compile(r"^(?:#+|-|\||\{before\}) ")


class Forms:
    """The whole sentences that an expression can become."""

    def __init__(self, bound: dict[str, ast.expr]) -> None:
        self.used: set[int] = set()
        self.values: list[ast.expr] = []  # what stands in placeholders, and may say something too
        self._bound = bound
        self._names: dict[str, str] = {}

    def of(self, node: ast.expr) -> list[str]:
        """Each once, with placeholders for its values; none for what is no text of ours."""
        found = self._texts(node)
        return [_MARKUP.sub("", text.strip()) for text in dict.fromkeys(found or [])]

    def _texts(self, node: ast.expr) -> list[str] | None:
        """The forms, with placeholders; None for what is no text of ours."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.used.add(id(node))
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            self.used.add(id(node))
            return self._joined([self._part(part) for part in node.values])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            self.used.add(id(node))
            return self._joined([self._texts(side) or [self._placeholder(side)] for side in (node.left, node.right)])
        if isinstance(node, ast.IfExp):
            both = [self._texts(node.body), self._texts(node.orelse)]
            if any(both):
                return [text for one, side in zip(both, (node.body, node.orelse), strict=True) for text in one or [self._placeholder(side)]]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # "s" * (count != 1)
            for side in (node.left, node.right):
                if isinstance(side, ast.Constant) and isinstance(side.value, str):
                    self.used.add(id(side))
                    return ["", side.value]
        if isinstance(node, ast.Name) and node.id in self._bound:
            return self._texts(self._bound[node.id])
        return None

    def _part(self, part: ast.expr) -> list[str]:
        if isinstance(part, ast.FormattedValue):
            return self._texts(part.value) or [self._placeholder(part.value)]
        self.used.add(id(part))
        return [part.value] if isinstance(part, ast.Constant) and isinstance(part.value, str) else [""]

    def _joined(self, parts: Sequence[list[str]]) -> list[str]:
        count = 1
        for part in parts:
            count *= len(part)
        if count > _MOST:  # too many to write each out: the longest of each part
            parts = [[max(part, key=len)] for part in parts]
        return ["".join(chosen) for chosen in itertools.product(*parts)]

    def _placeholder(self, node: ast.expr) -> str:
        written = ast.unparse(node)
        if written not in self._names:
            self.values.append(node)
            name, number = _name(node), 2
            while name in self._names.values():
                name, number = f"{_name(node)}{number}", number + 1
            self._names[written] = name
        return "{" + self._names[written] + "}"


def bound_once(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Local names that are bound once, to a text or to one of two."""
    found: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(function):
        targets: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) == len(node.value.elts):
                    targets += zip(target.elts, node.value.elts, strict=True)
                else:
                    targets.append((target, node.value))
        elif isinstance(node, ast.AugAssign | ast.For | ast.comprehension | ast.NamedExpr):
            targets = [(node.target, None)]
        for target, value in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, []).append(value if name is target else None)
    kinds = (ast.IfExp, ast.Constant, ast.JoinedStr)
    return {name: values[0] for name, values in found.items() if len(values) == 1 and isinstance(values[0], kinds)}


def _name(node: ast.expr) -> str:
    """What a value may be called: the last word of how it is written."""
    if isinstance(node, ast.Name):
        name = node.id
    elif isinstance(node, ast.Attribute):
        name = node.attr
    elif isinstance(node, ast.Call):
        return _name(node.args[0]) if node.args else _name(node.func)
    elif isinstance(node, ast.Subscript):
        return _name(node.value)
    elif isinstance(node, ast.GeneratorExp | ast.ListComp):
        return _name(node.generators[0].iter)
    elif isinstance(node, ast.BinOp):
        return _name(node.left)
    elif isinstance(node, ast.BoolOp):
        return _name(node.values[0])
    elif isinstance(node, ast.IfExp):
        return _name(node.body)
    elif isinstance(node, ast.Starred):
        return _name(node.value)
    else:
        return "value"
    name = re.sub(r"[^a-z0-9_]", "", name.lower()).strip("_")
    return name if name[:1].isalpha() else "value"
