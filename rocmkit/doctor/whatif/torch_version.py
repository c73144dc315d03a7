"""Which torch a version means, of those that are published."""

from __future__ import annotations

import re

from rocmkit import kb
from rocmkit.errors import UsageError
from rocmkit.kb.values import TorchWheel
from rocmkit.kb.versions import numbers

_FORM = re.compile(r"([0-9]{1,2}\.[0-9]{1,2})(\.[0-9]{1,2})?(?:\+(?:rocm([0-9]{1,2}(?:\.[0-9]{1,3}){1,2})|(cu[0-9]{2,3}|cpu)))?")


def torch_version(text: str) -> str:
    """The full version: 2.11.0+rocm7.2 of 2.11+rocm7.2. Without an ending it is the package index's build. Raises UsageError."""
    found = _FORM.fullmatch(text)
    if found is None:
        hint = "such as torch=2.9.1+rocm6.3; without an ending it is the CUDA build of the package index"
        raise UsageError(f"--what-if torch={text[:80]}: not a release of torch", hint)
    series, patch, rocm, other = found.groups()
    if rocm is None:
        return f"{series}{patch or '.0'}{'+' + other if other else ''}"
    wheel = kb.torch_wheel(series, rocm)
    if wheel is None:
        raise UsageError(f"--what-if torch={text}: pytorch.org has no torch {series} for ROCm {rocm}", _nearest(series, rocm))
    asked = f"{series}{patch}" if patch else wheel.newest or f"{series}.0"
    if wheel.newest and (numbers(asked) or ()) > (numbers(wheel.newest) or ()):
        raise UsageError(f"--what-if torch={text}: the newest torch {series} is {wheel.newest}", f"torch={wheel.newest}+rocm{wheel.rocm}")
    return f"{asked}+rocm{wheel.rocm}"


def wheel_of(version: str) -> TorchWheel | None:
    """The family of a version that `torch_version` made; None for a build that is not for ROCm."""
    number, _, ending = version.partition("+")
    return kb.torch_wheel(number, ending.removeprefix("rocm")) if ending.startswith("rocm") else None


def _nearest(series: str, rocm: str) -> str:
    """The families with that torch, else those with that ROCm, else the newest."""
    rows = kb.torch_wheels()
    near = [row for row in rows if row.torch == series] or [row for row in rows if row.rocm.startswith(rocm)] or list(rows[-6:])
    return "there are " + ", ".join(f"torch={row.newest or row.torch}+rocm{row.rocm}" for row in near)
