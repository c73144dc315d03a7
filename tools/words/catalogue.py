"""The catalogues as files: `rocmkit/locale/LANGUAGE/LC_MESSAGES/*.po`, which people translate in, brought up to date with the code."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract as babel_extract
from babel.messages.pofile import read_po, write_po

from tools.words.knowledge import CLICK, of_help, of_pages, of_yaml

ROOT = Path(__file__).resolve().parent.parent.parent
LOCALE = ROOT / "rocmkit/locale"
#: What stands at a message whose translation is the same: a command, a name.
KEPT = "kept as it is"
#: Rooms whose words no person is told: what runs elsewhere, what is read by programs, what writes scripts, which stay English.
_SILENT = ("gpucode/", "kb/", "facts/", "words/", "probe/ask_python.py", "report/bisectscript.py", "build/script.py", "build/dockerfile.py")
#: Lines of a head that change with the day or with Babel, and tell nothing.
_PASSING = tuple(
    f'"{name}' for name in ("POT-Creation", "PO-Revision", "Last-Translator", "Language-Team", "Generated-By", "Report-Msgid", "Project-Id")
)
_METHOD = "tools.words.sentences:extract"


def sources() -> dict[str, dict[str, set[str]]]:
    """Catalogue to message to the places where it is said. A message that several say stands in the first."""
    found: dict[str, dict[str, set[str]]] = {name: {} for name in ("help", "code", "knowledge", "pages")}
    seen: dict[str, str] = {}
    for name, message, place in _messages():
        found[seen.setdefault(message, name)].setdefault(message, set()).add(place)
    return found


def _messages() -> Iterator[tuple[str, str, str]]:
    for path in sorted((ROOT / "rocmkit").rglob("*.py")):
        inside = path.relative_to(ROOT / "rocmkit").as_posix()
        if "/inside/" not in inside and not inside.startswith(_SILENT):
            for _, message, _, _ in babel_extract(
                _METHOD, io.BytesIO(path.read_bytes()), options={"drawn": inside.startswith(("report/", "cli/"))}
            ):
                yield ("help" if inside.startswith("cli/") else "code"), str(message), inside
    yield from (("help", message, "cli") for message in of_help())
    yield from (("help", message, "click") for message in CLICK)
    for path in sorted([*(ROOT / "rocmkit/kb").rglob("*.yaml"), *(ROOT / "recipes").glob("*/recipe.yaml")]):
        yield from (("knowledge", message, path.relative_to(ROOT).as_posix()) for message in of_yaml(path))
    yield from (("pages", message, "doctor/checks") for message in of_pages())


def path_of(language: str, name: str) -> Path:
    """Where a catalogue lies."""
    return LOCALE / language / "LC_MESSAGES" / f"{name}.po"


def load(language: str, name: str) -> Catalog:
    """A catalogue as it stands; an empty one where there is none yet."""
    path = path_of(language, name)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def told(catalog: Catalog) -> dict[str, str]:
    """Message to translation, where there is one."""
    return {str(one.id): str(one.string) for one in catalog if one.id and one.string and not one.fuzzy}


def updated(language: str, name: str, messages: dict[str, set[str]], known: dict[str, str]) -> str:
    """The text of a catalogue with these messages: translations that are known, and nothing for those that are not."""
    catalog = Catalog(locale=language, project="rocmkit", header_comment=f"# rocmkit: {name}", fuzzy=False)
    for message in sorted(messages):
        string = known.get(message, "")
        comments = [KEPT] if string == message else []
        catalog.add(message, string, locations=[(place, 0) for place in sorted(messages[message])[:3]], user_comments=comments)
    written = io.BytesIO()
    write_po(written, catalog, width=0, omit_header=False, include_lineno=False, sort_output=True)
    lines = written.getvalue().decode().split("\n")
    return "\n".join(line for line in lines if not line.startswith(_PASSING))
