"""What the variables that hide GPUs leave visible: read as the runtimes themselves read them.

ROCr takes ROCR_VISIBLE_DEVICES (indices or UUIDs, in the order of the KFD nodes) first. HIP then counts anew what is left, and takes
HIP_VISIBLE_DEVICES or, where that is unset or empty, CUDA_VISIBLE_DEVICES. Both stop reading at the first entry that they cannot use.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,9}|[1-9][0-9]{0,8})")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

ROCR = "ROCR_VISIBLE_DEVICES"
HIP = "HIP_VISIBLE_DEVICES"
CUDA = "CUDA_VISIBLE_DEVICES"
ORDINAL = "GPU_DEVICE_ORDINAL"
NAMES = (ROCR, HIP, CUDA, ORDINAL)


class Mask(NamedTuple):
    """What one variable leaves: indices into what was there before it."""

    variable: str
    value: str
    visible: tuple[int, ...] | None  # None: it names UUIDs, which are serial numbers and not kept
    dropped: str | None  # the entry at which reading stopped
    uncertain: bool = False  # older runtimes take the entry, newer ones do not


def rocr(value: str, count: int) -> Mask:
    """ROCR_VISIBLE_DEVICES on a machine with `count` GPU nodes. Set and empty, it leaves nothing."""
    entries = value.split(",")
    if entries[-1] == "":
        entries.pop()
    visible: list[int] = []
    for entry in entries[:count]:
        word = entry.strip().upper()
        if word.startswith("G") and 5 <= len(word) <= 20:
            return Mask(ROCR, value, None, None)
        index = _strtol(word)
        if index is None or not 0 <= index < count or index in visible:
            return Mask(ROCR, value, tuple(visible), entry)
        visible.append(index)
    return Mask(ROCR, value, tuple(visible), None)


def hip(variable: str, value: str, count: int) -> Mask:
    """HIP_VISIBLE_DEVICES and its kin, over the `count` GPUs that ROCr shows. Empty, the runtime takes it for unset."""
    if value == "":
        return Mask(variable, value, tuple(range(count)), None)
    visible: list[int] = []
    for entry in value.split(","):
        if "GPU-" in entry.upper():
            return Mask(variable, value, None, None)
        if not _INDEX.fullmatch(entry) or int(entry) >= count:
            loose = entry.strip()
            uncertain = loose != entry and bool(_INDEX.fullmatch(loose)) and int(loose) < count
            return Mask(variable, value, tuple(visible), entry, uncertain)
        if int(entry) not in visible:
            visible.append(int(entry))
    return Mask(variable, value, tuple(visible), None)


def hip_variable(env: dict[str, str]) -> str | None:
    """The variable that HIP goes by."""
    return next((name for name in (HIP, CUDA) if env.get(name)), None)


def visible(env: dict[str, str], count: int) -> tuple[int, ...] | None:
    """Indices of the GPU nodes that a HIP program sees, in its order; None where a UUID decides."""
    first = rocr(env[ROCR], count).visible if ROCR in env else tuple(range(count))
    name = hip_variable(env)
    if first is None or name is None:
        return first
    second = hip(name, env[name], len(first)).visible
    return None if second is None else tuple(first[index] for index in second)


def _strtol(word: str) -> int | None:
    """The whole of `word` as C reads a number: decimal, 0x hexadecimal or 0 octal."""
    if not _NUMBER.fullmatch(word):
        return None
    sign, digits = (-1 if word[0] == "-" else 1), word.lstrip("+-")
    if digits[:2] in {"0x", "0X"}:
        return sign * int(digits, 16)
    return sign * int(digits, 8 if digits[0] == "0" else 10)
