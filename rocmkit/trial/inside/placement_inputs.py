"""Inputs for a model that nobody has any for: the same each time, of sizes that speech models take, and told."""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Sequence

#: A size that the model leaves open: windows of a few seconds of features, and what a small VAD takes at 16 kHz.
DEFAULT = 512
_RATE = 16000
_SEED = 1
#: More than this is taken for a mistake in a shape.
_MOST_ELEMENTS = 1 << 28
#: What a model carries from one piece of sound to the next has no length.
_STATES = re.compile(r"(?i).*(?:state|cache|hidden).*|[hc][n0]?")
_BATCH = re.compile(r"(?i)(?:n|b|bs|bsz|.*batch.*)")
_RATES = ("sr", "rate", "sample_rate", "sampling_rate")
_TYPES = {
    "float": "float32",
    "double": "float64",
    "bool": "bool_",
    **{name: name for name in ("float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
}


class Given(NamedTuple):
    """One input, and what it holds in words."""

    name: str
    value: Any
    values: str


def told(one: Given) -> dict[str, Any]:
    """An input as a report has it."""
    return {"name": one.name[:200], "dtype": str(one.value.dtype), "shape": list(one.value.shape), "values": one.values}


def inputs_for(numpy: Any, wanted: Sequence[Any], shapes: Mapping[str, Sequence[int]]) -> list[Given]:
    """A value for each input of a session. Raises ValueError where none can be made."""
    names = [one.name for one in wanted]
    for name in shapes:
        if name not in names:
            raise ValueError(f"BadShape: no input is called {name!r}; there are {', '.join(names) or 'none'}")
    types = {one.name: _type(one) for one in wanted}
    symbols: dict[str, int] = {}
    for one in wanted:
        if one.name in shapes:
            _bind(one, shapes[one.name], symbols)
    sizes = {one.name: _sizes(one, types[one.name], shapes.get(one.name), symbols) for one in wanted}
    elements = 0
    for shape in sizes.values():
        many = 1
        for size in shape:
            many *= size
        elements += many
    if elements > _MOST_ELEMENTS:
        raise ValueError(f"BadShape: the inputs would have {elements} elements")
    length = _length(wanted, types, sizes)
    random = numpy.random.default_rng(_SEED)
    return [_given(numpy, random, one.name, types[one.name], sizes[one.name], length) for one in wanted]


def _type(one: Any) -> str:
    found = re.fullmatch(r"tensor\((\w+)\)", one.type)
    if found is None or found[1] not in _TYPES:
        raise ValueError(f"NoInput: {one.name} is of the type {one.type}, for which no input can be made here")
    return _TYPES[found[1]]


def _listed(sizes: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _bind(one: Any, given: Sequence[int], symbols: dict[str, int]) -> None:
    """Note what a shape that was asked for says of the model's own names for sizes."""
    fits = len(given) == len(one.shape) and all(not _fixed(size) or size == asked for size, asked in zip(one.shape, given))
    if not fits:
        raise ValueError(f"BadShape: {one.name} is {_listed(one.shape)}, which {_listed(given)} does not fit")
    for size, asked in zip(one.shape, given):
        if isinstance(size, str):
            symbols.setdefault(size, asked)


def _fixed(size: Any) -> bool:
    return isinstance(size, int) and size >= 0


def _sizes(one: Any, dtype: str, given: Sequence[int] | None, symbols: dict[str, int]) -> list[int]:
    if given is not None:
        return list(given)
    sizes = []
    for at, size in enumerate(one.shape):
        alone = len(one.shape) == 1
        first = at == 0 and (not alone or dtype.startswith(("int", "uint")))
        guess = 1 if first or (isinstance(size, str) and _BATCH.fullmatch(size)) or _STATES.fullmatch(one.name) else DEFAULT
        sizes.append(size if _fixed(size) else symbols.setdefault(size, guess) if isinstance(size, str) else guess)
    return sizes


def _length(wanted: Sequence[Any], types: Mapping[str, str], sizes: Mapping[str, Sequence[int]]) -> int:
    """How long the sound or text is: the first size behind the batch that the model leaves open, else the largest."""
    for one in wanted:
        if types[one.name].startswith("float") and len(one.shape) > 1:
            open_sizes = [size for size, own in zip(sizes[one.name][1:], one.shape[1:]) if not _fixed(own)]
            return open_sizes[0] if open_sizes else max(sizes[one.name][1:])
    return DEFAULT


def _given(numpy: Any, random: Any, name: str, dtype: str, shape: Sequence[int], length: int) -> Given:
    kind, lower = getattr(numpy, dtype), name.lower()
    whole = dtype.startswith(("int", "uint"))
    if dtype == "bool_" or "mask" in lower:
        return Given(name, numpy.ones(shape, kind), "ones")
    if whole and "len" in lower and len(shape) < 2:
        return Given(name, numpy.full(shape, length, kind), f"{length} throughout, as long as the input")
    if whole and lower in _RATES:
        return Given(name, numpy.full(shape, _RATE, kind), f"{_RATE}")
    if whole:
        return Given(name, random.integers(0, 2, shape).astype(kind), "zeros and ones by chance, the same each time")
    return Given(name, random.standard_normal(shape).astype(kind), "normally distributed, the same each time")
