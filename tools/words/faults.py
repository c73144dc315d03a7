"""What can be wrong with a translation, as far as a program can tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLACEHOLDER = re.compile(r"\{[a-z_0-9]*\}")
_CODE = re.compile(r"`[^`]+`")
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def faults(message: str, string: str) -> Iterator[str]:
    """Each fault in a few words. None for a translation that is the message itself: a command, a name."""
    if not string:
        yield "no translation"
        return
    if string == message:
        return
    if sorted(_PLACEHOLDER.findall(message)) != sorted(_PLACEHOLDER.findall(string)):
        yield "other placeholders"
    if sorted(_CODE.findall(message)) != sorted(_CODE.findall(string)):
        yield "other code in backquotes"
    if not _JAPANESE.search(string):
        yield "no Japanese in it"
    if "\n" in string:
        yield "a line feed"
    if message.endswith(".") and not message.endswith("...") and not string.endswith(("。", "。)", "」")):
        yield "ends without 。"
    if not message.endswith((".", ".)", "!", "?", ":", "…")) and string.endswith("。"):
        yield "ends with 。, the message without a full stop"
