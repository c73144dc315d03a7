"""What has to hold for toggles: each changes something that is known, and no command of theirs can do harm."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from rocmkit.kb.toggles import Toggle
from rocmkit.trial.work import INSIDE
from tools.kb_files import Files

HOOKS = INSIDE / "hooks/sitecustomize.py"
TABLES = {"TORCH", "BEFORE", "AFTER"}
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|PYTHON[A-Z]+")
#: An empty folder, or a file in it; else nothing that a shell or we would fill in.
VALUE = re.compile(r"(\{fresh\}(/[\w.-]+)?|[\w.,:-]*)")
#: A value in a command: plain, or below the user's home.
IN_COMMAND = re.compile(r"(\$HOME/)?[\w.,:-]*")
MODULE = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")


def actions(hooks: Path = HOOKS) -> set[str]:
    """The actions that the hooks know, read out of their tables without running them."""
    known: set[str] = set()
    for node in ast.parse(hooks.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in TABLES:
            assert isinstance(node.value, ast.Dict)
            known |= {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
    return known


def faults(files: Files, codes: set[str]) -> Iterator[str]:
    """Everything that is wrong with the toggles of a knowledge base in which failures have these codes."""
    given: tuple[Toggle, ...] = files["toggles"].toggles if "toggles" in files else ()
    for what in ("id", "does"):
        counted = Counter(getattr(one, what) for one in given)
        yield from (f"toggles: the {what} {text!r} is given {count} times" for text, count in counted.items() if count > 1)
    counted = Counter(str((sorted(one.env.items()), sorted(one.unset), one.actions, one.stack_bytes)) for one in given)
    yield from (f"toggles: {count} of them do the same: {text}" for text, count in counted.items() if count > 1)
    known = actions()
    for one in given:
        for fault in (*_changes(one, known), *_texts(one, codes), *_commands(one)):
            yield f"toggles: {one.id}: {fault}"


def _changes(one: Toggle, known: set[str]) -> Iterator[str]:
    if not (one.env or one.unset or one.actions or one.stack_bytes):
        yield "it changes nothing"
    for name in (*one.env, *(name.removesuffix("*") for name in one.unset)):
        if not NAME.fullmatch(name):
            yield f"no name of a variable: {name!r}"
    yield from (f"it sets {name} and takes it away" for name in sorted(set(one.env) & set(one.unset)))
    yield from (f"{name}: no value: {value!r}" for name, value in one.env.items() if not VALUE.fullmatch(value))
    for action in one.actions:
        name, colon, module = action.partition(":")
        if name + colon not in known:
            yield f"the hooks know no action {action!r}"
        elif colon and not MODULE.fullmatch(module):
            yield f"{name}: no name of a module: {module!r}"
    if one.stack_bytes is not None and not 1 << 20 <= one.stack_bytes <= 1 << 30:
        yield f"a stack of {one.stack_bytes} bytes"


def _texts(one: Toggle, codes: set[str]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.id):
        yield "its id is no word in small letters"
    if one.page and one.page not in codes:
        yield f"no failure has the code {one.page}"
    yield from (f"{name} is not spelt as the package index does" for name in one.packages if canonicalize_name(name) != name)
    for field in ("does", "means", "fix"):
        text = getattr(one, field)
        if not text or text != text.strip() or set(text) & set("{}\n"):
            yield f"{field}: no plain text: {text!r}"
        elif text.endswith(".") is (field == "does"):
            yield f"{field}: a full stop {'too many' if field == 'does' else 'is missing'}: {text!r}"
    if "\n" in one.code:
        yield "code: more than one line"
    try:
        ast.parse(one.code)
    except SyntaxError as error:
        yield f"code: {error.msg}: {one.code!r}"


def _commands(one: Toggle) -> Iterator[str]:
    """They set, clear or limit what the toggle does, and nothing else: so there is nothing to warn of."""
    for command in one.commands:
        word, _, rest = command.partition(" ")
        parts = rest.split()
        if word == "export" and parts:
            for name, equals, value in (part.partition("=") for part in parts):
                wanted = one.env.get(name)
                same = wanted == value or (wanted is not None and wanted.startswith("{fresh}") and value.startswith("$HOME/"))
                if not (equals and same and IN_COMMAND.fullmatch(value)):
                    yield f"a command sets what the toggle does not: {command}"
        elif word == "unset" and parts:
            clears = {name.removesuffix("*") for name in one.unset}
            yield from (f"a command clears what the toggle does not: {command}" for name in parts if name not in clears)
        elif not (re.fullmatch(r"ulimit -s [0-9]+", command) and one.stack_bytes == int(parts[1]) * 1024):
            yield f"a command that may do more than the toggle: {command}"
