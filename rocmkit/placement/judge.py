"""What a profile's sums say of where a model runs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rocmkit.model import convert
from rocmkit.placement.values import Agreement, Output, Row, Share, Summed, Verdict
from rocmkit.trial.inside.operators import Kind, kind_of

#: What rounding makes at most, of the largest value: of a product of float32, and of one of these.
_ROUNDED, _ROUNDED_COARSELY = 1e-3, 5e-2
_COARSE = frozenset(("float16", "bfloat16", "int8", "uint8", "int32"))
#: So many operators are named in a sentence.
_NAMED = 5


def rows_of(told: Iterable[Summed]) -> tuple[Row, ...]:
    """What the sums that a worker told mean."""
    found = (
        Row(
            provider=one.provider,
            op=one.op,
            dtype=one.dtype,
            kind=kind_of(one.op, one.dtype, one.elements),
            nodes=one.nodes,
            microseconds=one.microseconds,
        )
        for one in told
    )
    return tuple(sorted(found, key=lambda row: -row.microseconds))


def shares(rows: Sequence[Row]) -> tuple[Share, ...]:
    """How nodes and time divide among the providers."""
    counted = [row for row in rows if row.kind != "control"]
    nodes, time = sum(row.nodes for row in counted), sum(row.microseconds for row in counted)
    found = []
    for provider in dict.fromkeys(row.provider for row in counted):
        own = [row for row in counted if row.provider == provider]
        own_nodes, own_time = sum(row.nodes for row in own), sum(row.microseconds for row in own)
        found.append(
            Share(
                provider=provider,
                nodes=own_nodes,
                microseconds=own_time,
                of_nodes=round(own_nodes / nodes, 4) if nodes else 0.0,
                of_time=round(own_time / time, 4) if time else 0.0,
            )
        )
    return tuple(sorted(found, key=lambda share: (-share.microseconds, -share.nodes)))


def elsewhere(rows: Sequence[Row], provider: str, kind: Kind) -> tuple[Row, ...]:
    """Those of a kind that ran on another provider."""
    return tuple(row for row in rows if row.kind == kind and row.provider != provider)


def verdict(rows: Sequence[Row], provider: str) -> tuple[Verdict, str]:
    """Whether the model runs on the provider, and why. Of a model without compute operators, the others decide."""
    compute = [row for row in rows if row.kind in ("compute", "fused")]
    bears = compute or [row for row in rows if row.kind == "other"] or list(rows)
    words = "compute operators" if compute else "operators"
    there = sum(row.nodes for row in bears if row.provider == provider)
    away = [row for row in bears if row.provider != provider]
    total = there + sum(row.nodes for row in away)
    if not total:
        return "unknown", "the profile names no node"
    if not away and any(row.kind == "fused" for row in bears):
        return "wholly", f"all that it computes runs on {provider}, in {total} node{'s' * (total != 1)}"
    if not away:
        return "wholly", f"all {total} {words} run on {provider}" if total != 1 else f"its one {words[:-1]} runs on {provider}"
    where = " and ".join(dict.fromkeys(row.provider for row in away))
    return "partly" if there else "elsewhere", f"{total - there} of {total} {words} run on {where}: {_named(away)}"


def _named(rows: Sequence[Row]) -> str:
    """MatMulInteger 344 (12.3 ms), DynamicQuantizeLinear 312 (4.1 ms) and 3 more kinds."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        one = sums.setdefault(row.op, [0, 0])
        one[:] = one[0] + row.nodes, one[1] + row.microseconds
    ordered = sorted(sums.items(), key=lambda item: -item[1][1])
    named = ", ".join(f"{op} {nodes} ({duration(time)})" for op, (nodes, time) in ordered[:_NAMED])
    more = len(ordered) - _NAMED
    return named + (f" and {more} more kinds" if more > 0 else "")


def duration(microseconds: int) -> str:
    """A time in words: 870 µs, 12.3 ms, 4.56 s."""
    if microseconds < 1000:
        return f"{microseconds} µs"
    return f"{microseconds / 1000:.1f} ms" if microseconds < 1_000_000 else f"{microseconds / 1_000_000:.2f} s"


def agreement(told: object, rows: Sequence[Row]) -> Agreement:
    """Whether the results are those of the processor, but for rounding. Raises DataError.

    Only floats decide: a number of a word changes with the last digit of what it was chosen by.
    """
    outputs = convert(told, tuple[Output, ...], source="outputs")
    coarse = any(row.kind == "compute" and row.dtype in _COARSE for row in rows)
    at_most = _ROUNDED_COARSELY if coarse else _ROUNDED
    apart = next((one for one in outputs if one.apart), None)
    if apart:
        return Agreement(agrees=False, at_most=at_most, because=f"{apart.name}: {apart.apart}", outputs=outputs)
    errors = {one.name: one.error for one in outputs if one.error is not None and (one.dtype or "").startswith("float")}
    if not errors:
        why = next((one.skipped for one in outputs if one.skipped), "no output holds floats")
        return Agreement(agrees=None, because=why, outputs=outputs)
    name, error = max(errors.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])
    agrees = error <= at_most
    return Agreement(
        agrees=agrees,
        error=error if math.isfinite(error) else None,
        at_most=at_most,
        because=None if agrees else f"{name} is off by {error:.2g} times its largest value; rounding makes at most {at_most:g}",
        outputs=outputs,
    )
