"""Runs two models on the processor with the same inputs by chance, and says how far apart their outputs are."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

CPU = "CPUExecutionProvider"
#: Every remainder of a length by 1 to 64, from the shortest that is no error to such a model; and some longer ones.
LENGTHS = (*range(4, 74), 97, 128, 200, 333)
#: Each so manieth length is also tried with two sounds of different length, and with one that is not full.
_ALSO = 8
_SEED = 906

_TYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "bool": "bool_", "int8": "int8", "int16": "int16", "int32": "int32",
    "int64": "int64", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip


class Trying(NamedTuple):
    """One run: what is given. Lengths of sound of each item in the batch; `length` is that of the input, if any of its sizes is open."""

    length: int
    batch: int
    short: int  # so much is missing of the last sound


class Seen(NamedTuple):
    """What came of one run."""

    outputs: list[Any]
    conditions: list[Any]


def plan(inputs: Sequence[Any]) -> list[Trying]:
    """The runs to make. `inputs` are those of a session of onnxruntime."""
    batches, lengths = _open(inputs)
    if not lengths:
        alone = [Trying(0, batch, short) for batch in ((1, 2, 3) if batches else (1,)) for short in (0, 1, 2)]
        return alone * 2
    runs = []
    for at, length in enumerate(LENGTHS):
        runs.append(Trying(length, 1, 0))
        if at % _ALSO == 0:
            runs += [Trying(length, 2, length // 3), Trying(length, 1, 2)] if batches else [Trying(length, 1, 2)]
    return runs


def _open(inputs: Sequence[Any]) -> tuple[set[str], set[str]]:
    """Sizes that are open: of the batch, which come first, and of lengths."""
    batches = {_key(one, 0) for one in inputs if one.shape and not isinstance(one.shape[0], int)}
    sizes = {_key(one, at) for one in inputs for at, size in enumerate(one.shape) if not isinstance(size, int)}
    return batches, sizes - batches


def _key(one: Any, at: int) -> str:
    return one.shape[at] if isinstance(one.shape[at], str) else f"{one.name} {at}"


def given(numpy: Any, inputs: Sequence[Any], run: Trying, number: int) -> dict[str, Any]:
    """Inputs by chance for a run. Raises ValueError where none can be made."""
    random = numpy.random.default_rng((_SEED, number))
    batches, _ = _open(inputs)
    made = {}
    for one in inputs:
        kind = one.type[len("tensor(") : -1]
        if kind not in _TYPES:
            raise ValueError(f"no input of the type {one.type} can be made for {one.name}")
        dtype = getattr(numpy, _TYPES[kind])
        sizes = [
            size if isinstance(size, int) else run.batch if _key(one, at) in batches else run.length for at, size in enumerate(one.shape)
        ]
        if "float" in kind or kind == "double":
            made[one.name] = random.standard_normal(sizes).astype(dtype)
        elif "len" in one.name.lower() and len(sizes) == 1:
            lengths = numpy.full(sizes, _full(inputs, run), dtype)
            lengths[-1:] -= min(run.short, max(_full(inputs, run) - 1, 0))
            made[one.name] = lengths
        else:
            made[one.name] = random.integers(0, 2, sizes).astype(dtype)
    return made


def _full(inputs: Sequence[Any], run: Trying) -> int:
    """How long a sound may be: the size behind the batch in the first input of numbers."""
    for one in inputs:
        if len(one.shape) > 1 and ("float" in one.type or "double" in one.type):
            return one.shape[1] if isinstance(one.shape[1], int) else run.length
    return run.length or 1


def session(onnxruntime: Any, path: str) -> Any:
    """A session on the processor."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what a run cannot do is an answer here, and not worth a line
    return onnxruntime.InferenceSession(path, options, providers=[CPU])


def ran(numpy: Any, opened: Any, runs: Sequence[Trying], conditions: int = 0) -> Iterator[Seen | None]:
    """What comes of each run; None: the model takes no such input. The last `conditions` outputs are those."""
    inputs = opened.get_inputs()
    for number, run in enumerate(runs):
        feeds = given(numpy, inputs, run, number)
        try:
            outputs = opened.run(None, feeds)
        except Exception:  # onnxruntime has a type for each kind, which no other module names
            yield None
            continue
        at = len(outputs) - conditions
        yield Seen(outputs[:at], [bool(numpy.all(one)) for one in outputs[at:]])


def apart(numpy: Any, want: Sequence[Any], got: Sequence[Any]) -> float:
    """The largest difference between two lists of outputs, as a part of the largest number where that is above 1.

    Infinite where they differ in type or shape, and where only one of them is a number.
    """
    largest = 0.0
    for one, other in zip(want, got):
        if not hasattr(one, "shape"):  # a sequence or map
            largest = max(largest, 0.0 if repr(one) == repr(other) else float("inf"))
            continue
        if one.shape != other.shape or one.dtype != other.dtype:
            return float("inf")
        if one.dtype.kind != "f":
            largest = max(largest, 0.0 if numpy.array_equal(one, other) else float("inf"))
            continue
        wide, narrow = one.astype(numpy.float64), other.astype(numpy.float64)
        same = (wide == narrow) | (numpy.isnan(wide) & numpy.isnan(narrow))  # infinities are the same too
        differences = numpy.abs(wide - narrow)[~same]
        if differences.size:
            top = float(numpy.abs(wide[numpy.isfinite(wide)]).max(initial=1.0))
            largest = max(largest, float("inf") if numpy.isnan(differences).any() else float(differences.max()) / top)
    return largest
