"""What rocmkit says, in the language of whoever reads it.

Code, knowledge and JSON are English. Where text is drawn for people, each sentence passes through `said`, which knows it by its shape.
"""

from __future__ import annotations


def said(text: str) -> str:
    """`text` in the language that people are spoken to in; as it is, where that is English or the text is not known."""
    return text
