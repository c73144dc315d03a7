"""Bring the catalogues up to date with the code and the knowledge, and name what lacks a translation.

Usage: python -m tools.words [--check]

With --check nothing is written: it fails where a catalogue is not up to date, or not whole.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rocmkit.words import LANGUAGES
from tools.words.catalogue import LOCALE, load, path_of, sources, told, updated
from tools.words.compiled import compiled
from tools.words.faults import faults

#: So many are named.
_SHOWN = 20


def main(check: bool) -> int:
    """Do it for every language but English. Returns the exit code."""
    found = sources()
    stale: list[str] = []
    wrong: list[str] = []
    for language in LANGUAGES[1:]:
        known: dict[str, str] = {}
        for path in sorted((LOCALE / language / "LC_MESSAGES").glob("*.po")):
            known |= told(load(language, path.stem))
        for name, messages in found.items():
            path = path_of(language, name)
            text = updated(language, name, messages, known)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(str(path.name))
                if not check:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
            wrong += [f"{path.name}: {fault}: {message}" for message in messages for fault in faults(message, known.get(message, ""))]
    if check and stale:
        print(f"not up to date: {', '.join(stale)}; run python -m tools.words")
    if wrong:
        print("\n".join(wrong[:_SHOWN]))
        print(f"{len(wrong)} messages lack a translation, or have a wrong one")
    if not check:
        for path in compiled(Path(LOCALE)):
            print(f"wrote {path.relative_to(LOCALE)}")
    return int(bool(wrong or (check and stale)))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
