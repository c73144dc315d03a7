"""Text of others, fit for a terminal: nothing in it moves the cursor, changes colours or turns letters around."""

from __future__ import annotations

import json
import re

# C0 and C1 controls other than tab and line feed; what sets the direction of writing, and what has no width (Unicode, UAX #9 and
# the general category Cf); surrogates, which no terminal can be given.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]")


def clean(text: str) -> str:
    """`text` with such characters replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: str) -> str:
    """`clean`, for one line: a name with a line feed in it cannot begin another, which would look like rocmkit's own."""
    return re.sub("[\t\n]", "\N{REPLACEMENT CHARACTER}", clean(text))


def escaped(text: str) -> str:
    """JSON text with such characters written as JSON writes a line feed: it means the same, and may be looked at in a terminal."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)
