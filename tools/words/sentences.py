"""The sentences that Python code says: its constants and f-strings, each as a template with named placeholders.

Code marks nothing: what reads like prose is a sentence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import IO, Any

from tools.words.forms import Forms, bound_once

#: Calls whose arguments are for machines: patterns, paths, keys, names.
_MACHINES = frozenset(
    (
        *("compile", "fullmatch", "match", "search", "sub", "findall", "finditer"),
        *("split", "rsplit", "partition", "rpartition", "startswith", "endswith"),
        *("strip", "lstrip", "rstrip", "removeprefix", "removesuffix"),
        *("replace", "encode", "find", "index", "count", "get", "getenv", "Path", "joinpath", "open", "run"),
        *("Literal", "Bug", "TypeVar", "namedtuple", "NewType"),
    )
)
#: Keywords that take what is to be typed, or is read by programs.
_TYPED = frozenset(
    (
        *("commands", "verify", "argv", "env", "command", "code", "script"),
        *("schema", "needs", "encoding", "errors", "prefix", "suffix", "metavar"),
    )
)
#: Calls whose first argument, or `label` or `doing`, is drawn though it is one word alone, or a row of such.
_SINGLE = frozenset(("label", "said", "text", "table", "progress", "_commands", "_labelled"))
#: What is a command line from its first word on.
_TYPED_LINE = re.compile(r"(?:sudo |pip install -|python3? -|\0 -[cm]|import |export |rocmkit [a-z]+ (?:-|[a-z]+\.|[a-z0-9-]+ --)) ?")
_PLACEHOLDER = re.compile(r"\{[a-z_0-9]+\}")
_PROSE = re.compile(r"\b[Aa] [a-z]{2,}|(?:[A-Za-z]{2,}|'s)[,;:.)]* (?:\0|[A-Za-z(`'\"])|\0[,:;]? [a-z]{2,}")


def extract(fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[tuple[int, None, str, list[str]]]:
    """What Babel asks for: (line, no function, message, no comments) of every sentence. Option `drawn`: see below."""
    for line, text in sentences(fileobj.read().decode(), drawn=bool(options.get("drawn"))):
        yield line, None, text, []


def sentences(source: str, *, drawn: bool = False) -> Iterator[tuple[int, str]]:
    """(line, template) of every sentence in a module. `drawn`: of one that draws, where a word alone is a label or the cell of a table."""
    found = _Finder(drawn)
    found.visit(ast.parse(source))
    yield from found.found


def is_prose(template: str) -> bool:
    """Whether it reads like prose: two words, or a word and a value."""
    plain = _PLACEHOLDER.sub("\0", template)
    letters = plain.replace("\0", "")
    if not _PROSE.search(plain) or _TYPED_LINE.match(plain) or (plain.startswith("<") and not plain.startswith("<details>")):
        return False
    return not re.search(r"[{}\x01-\x1f]|\\[a-z(]", letters)


class _Finder(ast.NodeVisitor):
    def __init__(self, drawn: bool) -> None:
        self.found: list[tuple[int, str]] = []
        self._drawn = drawn
        self._bound: dict[str, ast.expr] = {}
        self._used: set[int] = set()  # pieces that stand inside whole sentences
        self._glued: set[int] = set()  # what local names are bound to that stand there alone
        self._listed: dict[str, list[ast.expr]] = {}  # what a comprehension goes through, by the name it has there

    def _body(self, node: Any) -> None:
        before, self._bound = self._bound, self._bound | (bound_once(node) if isinstance(node, ast.FunctionDef) else {})
        self._glued |= {id(self._bound[name]) for name in _only_glued(node) if name in self._bound}
        if not isinstance(node, ast.Module):
            for decorator in node.decorator_list:
                self.visit(decorator)
        if isinstance(node, ast.FunctionDef):
            self.visit(node.args)
        for statement in node.body:
            self.visit(statement)
        self._bound = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._body(node)

    def visit_Module(self, node: ast.Module) -> None:
        self._body(node)
        for statement in node.body if self._drawn else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict | ast.Tuple):
                for value in statement.value.values if isinstance(statement.value, ast.Dict) else statement.value.elts:
                    self._word(value)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        if self._drawn and len(node.elts) == 2:  # a label and its text, or a number and what it means
            self._word(node.elts[isinstance(node.elts[0], ast.Constant) and isinstance(node.elts[0].value, int)])
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if self._drawn and node.value:
            for value in (node.value.body, node.value.orelse) if isinstance(node.value, ast.IfExp) else (node.value,):
                self._word(value)
        self.generic_visit(node)

    def _word(self, node: ast.expr) -> None:
        """A word alone."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[A-Za-z]{2,}", node.value):
            self.found.append((node.lineno, node.value))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for value in node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]:
            if id(value) not in self._glued:
                self.visit(value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *filter(None, node.kw_defaults)):
            self.visit(default)

    def visit_Compare(self, _: ast.Compare) -> None:
        pass

    def visit_Dict(self, node: ast.Dict) -> None:
        for value in node.values:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        name = _called(node)
        if isinstance(node.func, ast.Attribute):
            self.visit(node.func.value)
        of_values = isinstance(node.func, ast.Name) and name == "replace"  # msgspec's, not that of a str
        if name in _MACHINES and not of_values and not (name == "get" and len(node.args) == 2):
            return
        if name.lstrip("_") == "counted" and len(node.args) == 2:
            for word in self._one_of(node.args[1]):
                self.found += [(node.lineno, f"{{number}} {word}"), (node.lineno, f"{{number}} {word}s")]
        if name in _SINGLE:
            for one in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg in ("label", "doing"))):
                for value in (one.body, one.orelse) if isinstance(one, ast.IfExp) else one.elts if isinstance(one, ast.Tuple) else (one,):
                    self._word(value)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in _TYPED:
                self.visit(keyword.value)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        for one in node.generators:
            if isinstance(one.target, ast.Name) and isinstance(one.iter, ast.Tuple):
                self._listed[one.target.id] = one.iter.elts
        self.generic_visit(node)

    def _one_of(self, node: ast.expr) -> Iterator[str]:
        """The words that an expression can be: one, or those that are gone through here."""
        for one in self._listed.get(node.id, []) if isinstance(node, ast.Name) else [node]:
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value

    def visit_Constant(self, node: ast.Constant) -> None:
        self._say(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._say(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Add) and _has_text(node):
            self._say(node)
        else:
            self.generic_visit(node)

    def _say(self, node: ast.expr) -> None:
        if id(node) in self._used:
            return
        forms = Forms(self._bound)
        for form in forms.of(node):
            if is_prose(form):
                self.found.append((node.lineno, form))
        self._used |= forms.used
        for inside in forms.values:
            self.visit(inside)


def _only_glued(node: ast.AST) -> set[str]:
    """Names that are read inside longer texts and nowhere else."""
    inside = {id(name) for text in ast.walk(node) if isinstance(text, ast.JoinedStr | ast.BinOp) for name in _parts(text)}
    read = [one for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
    return {one.id for one in read} - {one.id for one in read if id(one) not in inside}


def _parts(text: ast.AST) -> Iterator[ast.AST]:
    """What a text is put together from; what is given to a call there stands by itself."""
    for one in ast.iter_child_nodes(text):
        if not isinstance(one, ast.Call):
            yield one
            yield from _parts(one)


def _has_text(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in ast.walk(node))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
