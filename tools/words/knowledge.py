"""The sentences of the knowledge base, of recipes, of the checks' pages and of the commands' help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rocmkit.doctor.check import all_checks
from rocmkit.words.blocks import blocks
from tools.man import commands
from tools.words.sentences import is_prose

#: Fields of YAML that hold what people read.
_FIELDS = frozenset(
    (
        *("title", "summary", "why", "looks", "ignore", "text", "caution", "cause", "fix"),
        *("does", "means", "what", "note", "notes", "gives", "use", "measured"),
    )
)


#: What click says of a call that it cannot take, in its own words (pallets/click, src/click/*.py); `Usage:` and the rest of a page of help.
CLICK = (
    "Usage:",
    "Error",
    "Show this message and exit.",
    "Show the version and exit.",
    "Try '{command} {option}' for help.",
    "No such option {name}.",
    "No such option: {name}",
    "Did you mean {name}?",
    "Did you mean one of: {names}?",
    "(Possible options: {names})",
    "Option {name} does not take a value.",
    "Option {name} requires an argument.",
    "Missing argument {name}.",
    "Missing option {name}.",
    "Missing command.",
    "Got unexpected extra argument ({name})",
    "Got unexpected extra arguments ({names})",
    "Invalid value for {option}: {message}",
    "{value} is not one of {choices}.",
    "{value} is not a valid {kind}.",
    "{value} is not in the range {range}.",
    "File {name} does not exist.",
    "Directory {name} does not exist.",
    "Path {name} does not exist.",
    "File {name} is a directory.",
    "Directory {name} is a file.",
    "File {name} is not readable.",
    "Directory {name} is not readable.",
)


def of_yaml(path: Path) -> Iterator[str]:
    """The sentences in a file of knowledge, or a recipe."""
    yield from _said(yaml.safe_load(path.read_text(encoding="utf-8")), said=False)


def _said(value: Any, *, said: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _said(inside, said=name in _FIELDS)
    elif isinstance(value, list):
        for inside in value:
            yield from _said(inside, said=said)
    elif said and isinstance(value, str):
        yield from (text for _, text in blocks(value) if is_prose(text))


def of_pages() -> Iterator[str]:
    """The prose on the checks' own pages, block by block, without the names of sources."""
    for check in all_checks():
        for _, text in blocks(check.page.partition("\n## Sources")[0]):
            if text:
                yield text


def of_help() -> Iterator[str]:
    """What the help of the commands says in paragraphs; their options, exit codes and examples are values in the code."""
    for _, command, _ in commands():
        yield from command.paragraphs
