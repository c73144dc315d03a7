"""Frozen values that print as JSON, and the strict YAML reader that all of rocmkit's own data goes through."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object):  # noqa: D103 - in the standard library from Python 3.11 on
        return lambda cls: cls


T = TypeVar("T")

#: msgspec (0.22) prepares a type on its first conversion; two threads that do so at once crash the interpreter.
_CONVERTING = threading.Lock()


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every value that crosses a module boundary. Subclasses inherit frozenness and the refusal of unknown fields."""


class DataError(ValueError):
    """Data that does not have the declared shape. The message starts with `SOURCE:LINE:COLUMN:` where those are known."""


def to_json(value: object, *, indent: int = 2) -> str:
    """`value` (a Model, or anything built of them) as JSON text."""
    return msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()


def to_builtins(value: object) -> Any:
    """`value` as plain dicts, lists and scalars, as JSON would hold it."""
    return msgspec.to_builtins(value)


def convert(value: object, kind: type[T], *, source: str) -> T:
    """Plain data as a `kind`. Raises DataError naming `source` and the path inside it."""
    try:
        with _CONVERTING:
            return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise DataError(f"{source}: {error}") from None


def from_json(data: bytes, kind: type[T], *, source: str) -> T:
    """JSON text, whatever it holds, as a `kind`. Raises DataError naming `source` and the path inside it."""
    try:
        value = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source}: {error}") from None
    return convert(value, kind, source=source)


def load_yaml(text: str, *, source: str, own: bool = False) -> Any:
    """Parse YAML strictly: no repeated keys, no aliases, no tags of its own, at most 64 levels deep.

    `own` leaves out the test for aliases and depth: only for files that rocmkit itself brings.

    `source` names the document in errors. Raises DataError with line and column (counted from 1).
    """
    import yaml

    from rocmkit._yaml import StrictLoader, check_events

    try:
        if not own:
            check_events(text)
        loader = StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}: " if mark else ""
        raise DataError(f"{source}:{where}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{source}: {type(error).__name__}: {error}") from None
