"""JSON Schema of the published values, from their types and the words that stand beside their fields.

msgspec's own generator refuses unions of several untagged values, which is what "a section, or a Gap" is.
"""

from __future__ import annotations

import ast
import inspect
import sys
import tokenize
import types
import typing
from pathlib import Path
from typing import Any, Literal

import msgspec

from rocmkit.model import Model

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


def schema(kind: type[Model], *, title: str) -> dict[str, Any]:
    """The schema of `kind`; every Model it reaches is a definition of its own."""
    definitions: dict[str, Any] = {}
    top = _of(kind, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **top,
        "$defs": dict(sorted(definitions.items())),
    }


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [_of(one, definitions) for one in arguments]}
    if origin is tuple:
        if not arguments or arguments == ((),):
            return {"type": "array", "maxItems": 0}
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if isinstance(kind, type) and issubclass(kind, Model):
        _define(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    raise TypeError(f"no schema for {kind!r}")


def _define(kind: type[Model], definitions: dict[str, Any]) -> None:
    if kind.__name__ in definitions:
        return
    definitions[kind.__name__] = {}  # stops the recursion of a type that holds itself
    hints = typing.get_type_hints(kind)
    words = field_words(kind)
    properties = {}
    for field in msgspec.structs.fields(kind):
        one = _of(hints[field.name], definitions)
        if field.name in words:
            one["description"] = words[field.name]
        properties[field.encode_name] = one
    definitions[kind.__name__] = {
        "type": "object",
        "description": inspect.getdoc(kind) or "",
        "properties": properties,
        "required": [f.encode_name for f in msgspec.structs.fields(kind) if f.required or not kind.__struct_config__.omit_defaults],
        "additionalProperties": False,
    }


def field_words(kind: type[Model]) -> dict[str, str]:
    """What the source says of each field: the comment behind it, or the string below it."""
    path = Path(sys.modules[kind.__module__].__file__ or "")
    source = path.read_text()
    comments = _comments(path)
    tree = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found: dict[str, str] = {}
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[node.target.id] = " ".join(after.value.value.split())
        elif node.end_lineno in comments:
            found[node.target.id] = comments[node.end_lineno]
    return found


def _comments(path: Path) -> dict[int, str]:
    with path.open("rb") as file:
        return {t.start[0]: t.string.lstrip("# ") for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT}
