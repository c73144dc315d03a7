"""What rocmkit says, in the language of whoever reads it.

Code, knowledge and JSON are English. Where text is drawn for people, each sentence passes through `said`, which knows it by its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rocmkit.words.shapes import Shapes

LANGUAGES = ("en", "ja")

_language = "en"
_shapes: Shapes | None = None


def speak(language: str) -> None:
    """Speak to people in a language of `LANGUAGES` from here on, in this process."""
    global _language, _shapes  # as the locale is, it is one for the process
    _language, _shapes = language, None if language == "en" else _known(language)


@cache
def _known(language: str) -> Shapes:
    from rocmkit.words.catalogue import read

    return Shapes(read(language))


def language() -> str:
    """The language that people are spoken to in."""
    return _language


def said(text: str) -> str:
    """`text` in the language that people are spoken to in; as it is, where that is English or the text is not known."""
    return text if _shapes is None else _shapes.say(text)


def preferred(environ: Mapping[str, str]) -> str:
    """The language that the locale asks for, as gettext finds it: LANGUAGE is a list, and counts where there is a locale at all."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "C")
    if locale.partition(".")[0] in {"C", "POSIX"}:
        return "en"
    for wanted in (*environ.get("LANGUAGE", "").split(":"), locale):
        if (language := wanted.partition("_")[0].partition(".")[0]) in LANGUAGES:
            return language
    return "en"
