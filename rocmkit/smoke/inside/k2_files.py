"""Which of a folder's files are the transducer, by their names. Pure."""

from __future__ import annotations

import re
from typing import Iterable

PARTS = ("encoder", "decoder", "joiner")
TOKENS = "tokens.txt"
#: The most exact first.
PRECISIONS = ("fp32", "fp16", "int8")
_NAME = re.compile(r"(encoder|decoder|joiner)(?P<rest>.*?)(?:\.(?P<precision>int8|fp16))?\.onnx")


class NotOne(ValueError):
    """A folder that does not hold the files of one transducer. `several`: it holds more than one, else something is missing."""

    def __init__(self, text: str, *, several: bool = False) -> None:
        super().__init__(text)
        self.several = several


def pick(names: Iterable[str], precision: str | None = None) -> dict[str, tuple[str, str]]:
    """The file of each part with its precision, in a folder of these names.

    The encoder is the one in `precision` if that was asked for, else the most exact. Decoder and joiner come in the same precision where
    they are there in it. Raises NotOne, whose text goes on after the folder's name.
    """
    there = sorted(names)
    found: dict[str, dict[str, list[str]]] = {part: {} for part in PARTS}
    for name in there:
        match = _NAME.fullmatch(name)
        if match:
            found[match[1]].setdefault(match["precision"] or PRECISIONS[0], []).append(name)
    lacking = [f"{part}*.onnx" for part in PARTS if not found[part]] + ([TOKENS] if TOKENS not in there else [])
    if lacking:
        raise NotOne(f"holds no k2 transducer: there is no {' and no '.join(lacking)}")
    if precision and precision not in found["encoder"]:
        has = ", ".join(name for one in found["encoder"].values() for name in one)
        raise NotOne(f"has no encoder in {precision}: it has {has}")
    picked: dict[str, tuple[str, str]] = {}
    for part in PARTS:
        chosen = next(one for one in (precision, *PRECISIONS) if one and one in found[part])
        name, *others = found[part][chosen]
        if others:
            raise NotOne(f"has several models: {', '.join((name, *others))}", several=True)
        picked[part] = (name, chosen)
    return picked
