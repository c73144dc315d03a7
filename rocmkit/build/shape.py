"""A recipe out of the text of its file: strict, and what is wrong is told with its line and column and with the name that was meant."""

from __future__ import annotations

import difflib
import re
from typing import Any

from rocmkit.build.like import alone, filled, like
from rocmkit.build.recipe import Recipe
from rocmkit.model import DataError, convert, load_yaml

#: Where something stands in a recipe: ("releases", 0, "steps", 2, "run"). A name is that of a field or a key, a number that of an item.
Path = tuple[str | int, ...]

_ERROR = re.compile(r"(?P<text>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_TOKEN = re.compile(r"\.(?P<field>\w+)|\[(?P<item>[0-9]+)\]|\[\.\.\.\]")
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>[^`]+)`)?")
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
    "date": "a date",
    "datetime": "a date",
    "bytes": "bytes",
}
#: What a word without quotes is taken for, where text is wanted.
_UNQUOTED = {"int", "float", "bool", "date", "datetime"}


def read(text: str, *, source: str) -> Recipe:
    """The recipe that `text` holds. Raises DataError, `SOURCE:LINE:COLUMN: what is wrong`."""
    data = load_yaml(text, source=source)
    if (number := alone(data)) is not None:
        above = [str(one.get("version")) for one in data["releases"][:number] if isinstance(one, dict)]
        wrong = f"no release above this one has that version{meant(data['releases'][number]['like'], above)}"
        raise wrong_at(text, ("releases", number, "like"), wrong, source=source)
    whole = filled(data)
    try:
        return convert(whole, Recipe, source=source)
    except DataError as error:
        path, wrong, key = _explained(whole, str(error).removeprefix(f"{source}: "))
    raise wrong_at(text, path, wrong, source=source, key=key)


def wrong_at(text: str, path: Path, wrong: str, *, source: str, key: bool = False) -> DataError:
    """The error that says what is wrong at a path of a recipe's text; with `key` its name is meant, not its value."""
    line, column = where(text, [path], key=key)[0]
    return DataError(f"{source}:{line}:{column}: {wrong}")


def where(text: str, paths: list[Path], *, key: bool = False) -> list[tuple[int, int]]:
    """Line and column, from 1, of each path in a text that `load_yaml` took: of the value, with `key` of its name. Of what would hold it,
    where it is not there; of what a release takes over from another, where that has it.
    """
    import yaml

    from rocmkit._yaml import StrictLoader

    loader = StrictLoader(text)
    try:
        root: Any = loader.get_single_node()
    finally:
        loader.dispose()
    data = load_yaml(text, source="")
    found = []
    for path in paths:
        path = _written(data, path)
        node, mark = root, root.start_mark if root else None
        for part in path:
            below = None
            if isinstance(node, yaml.MappingNode):
                below = next(((name, value) for name, value in node.value if name.value == str(part)), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                below = (node.value[part], node.value[part])
            if below is None:
                mark = node.start_mark
                break
            node, mark = below[1], below[0 if key else 1].start_mark
        found.append((mark.line + 1, mark.column + 1) if mark else (1, 1))
    return found


def _written(data: Any, path: Path) -> Path:
    """Where something is written: a release that is like another one has it from there, where it has nothing of its own."""
    while len(path) > 2 and path[0] == "releases" and isinstance(path[1], int):
        own = data["releases"][path[1]]
        for part in path[2:]:
            own = own.get(part) if isinstance(own, dict) else None
            if own is None or isinstance(own, list):
                break
        model = like(data["releases"], path[1]) if own is None else None
        if model is None:
            break
        path = ("releases", model, *path[2:])
    return path


def _explained(data: Any, message: str) -> tuple[Path, str, bool]:
    """Where an error of the conversion is, what it says in plain words, and whether it is about a name."""
    text, key, told = _ERROR.fullmatch(message).groups()  # type: ignore[union-attr]  # it takes any text
    path = _path(data, told or "", message)
    if key or text == "Expected `str`":
        bad = next((name for name in _at(data, path) if not isinstance(name, str)), None)
        return (*path, str(bad)), f"a name has to be text, and {bad!r} is none: put it in quotes", True
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        names = [field.encode_name for field in getattr(_kind(path), "fields", ())]
        return (*path, unknown[1]), f"no field is called `{unknown[1]}` here{meant(unknown[1], names)}", True
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text):
        return path, f"the field `{missing[1]}` is missing", False
    if text.startswith("Invalid enum value"):
        value = str(_at(data, path))
        return path, f"`{value}` is none of the words for this{meant(value, list(getattr(_kind(path), 'values', ())))}", False
    if expected := _EXPECTED.fullmatch(text):
        wanted = " or ".join(_WORDS.get(one, one) for one in expected["wanted"].split(" | "))
        quotes = ": put it in quotes" if "str" in expected["wanted"] and expected["got"] in _UNQUOTED else ""
        return path, f"{wanted} is wanted here, not {_WORDS.get(expected['got'], expected['got'])}{quotes}", False
    return path, text, False


def meant(word: str, words: list[str]) -> str:
    """The end of a sentence that refuses a word: what it may have been meant for, else all that there are."""
    near = difflib.get_close_matches(word[:100], words[:500], n=1)  # to compare takes microseconds each
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; there are: {', '.join(words[:50])}" if words else ""


def _path(data: Any, told: str, message: str) -> Path:
    """The path that an error tells of. It leaves out the keys of dictionaries: they are found by asking again with fewer of them."""
    path: Path = ()
    for token in _TOKEN.finditer(told):
        if token["field"]:
            path += (token["field"],)
        elif token["item"]:
            path += (int(token["item"]),)
        else:
            name = _key(data, path, message)
            data = _changed(data, path, {name: _at(data, path)[name]})
            path += (name,)
    return path


def _key(data: Any, path: Path, message: str) -> str:
    """The first key of the dictionary at a path whose value the error is about: the last of the least number of them that fails."""
    items = list(_at(data, path).items())
    low, high = 1, len(items)
    while low < high:
        middle = (low + high) // 2
        fails = _fails(_changed(data, path, dict(items[:middle])), message)
        low, high = (low, middle) if fails else (middle + 1, high)
    return str(items[low - 1][0])


def _fails(data: Any, message: str) -> bool:
    try:
        convert(data, Recipe, source="")
    except DataError as error:
        return str(error).removeprefix(": ") == message
    return False


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _changed(data: Any, path: Path, value: Any) -> Any:
    """The data with another value at a path."""
    if not path:
        return value
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[path[0]] = _changed(data[path[0]], path[1:], value)
    return copy


def _kind(path: Path) -> Any:
    """What may stand at a path, as msgspec describes types; None where that is not known."""
    import msgspec.inspect as types

    kind: Any = types.type_info(Recipe)
    for part in path:
        if isinstance(kind, types.UnionType):
            kind = next((one for one in kind.types if isinstance(one, types.StructType)), None)
        if isinstance(kind, types.StructType):
            kind = next((field.type for field in kind.fields if field.encode_name == part), None)
        elif isinstance(kind, types.DictType):
            kind = kind.value_type
        else:
            kind = getattr(kind, "item_type", None)
    if isinstance(kind, types.UnionType):
        kind = next((one for one in kind.types if isinstance(one, (types.StructType, types.LiteralType))), None)
    return kind
