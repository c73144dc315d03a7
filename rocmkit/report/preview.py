"""What a recording holds, so that a person can judge in a minute whether to send it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from rocmkit.host.recording import Ended, Recording
from rocmkit.model import Model, to_builtins, to_json
from rocmkit.report.summary import counted
from rocmkit.report.terminal import line

#: What stands for something private (see host.names), and what that is called.
_STANDS = re.compile(
    r"<(container|user|host|token|serial|uuid|mac|mail|address)-[0-9]{1,9}>|\$USER|\$HOSTNAME|<set>|<user>|<program>|<pid>|(?<![\w/.-])~(?=[/\s\"':,]|$)"
)
_CALLED = {
    "$USER": "the user's name",
    "$HOSTNAME": "the host's name",
    "~": "the home folder",
    "user": "names of users",
    "host": "other names of the host",
    "container": "containers and control groups",
    "token": "tokens and passwords",
    "<set>": "values of secret variables",
    "serial": "serial numbers",
    "uuid": "UUIDs",
    "mac": "MAC addresses",
    "mail": "mail addresses",
    "address": "IP addresses",
    "<user>": "names of users in the words of programs",
    "<program>": "names of programs",
    "<pid>": "numbers of processes",
}
#: Questions whose answers are a word or a few numbers, and what they ask.
_ASKED = {
    "links": "where a link leads",
    "stats": "kind, rights and size of a path",
    "opens": "whether a device opens",
    "which": "where a program is",
    "gpu_code": "GPU code in a library",
    "kernel_files": "GPU kernels in a folder",
    "space": "room on a disk",
    "writable": "whether a path can be written to",
    "databases": "whether a database is sound",
}
_SHORT = 160
_WIDEST = 100


class KeptFile(Model, kw_only=True):
    """One file that was read."""

    path: str  # as it was asked for
    bytes: int | None  # kept of it; None: it could not be read
    error: str | None  # why not


class KeptFolder(Model, kw_only=True):
    """One folder that was listed."""

    path: str  # as it was asked for
    names: int | None  # kept of it; None: it could not be listed
    error: str | None  # why not


class KeptCommand(Model, kw_only=True):
    """One command that was run."""

    argv: tuple[str, ...]  # program and arguments
    bytes: int  # kept of what it printed, on both streams
    ended: str  # "exit 0", "SIGSEGV", "timeout", or the error that kept it from starting


class KeptAnswer(Model, kw_only=True):
    """Another question, and its answer."""

    question: str  # the name of the map in the recording
    about: str  # mostly a path
    answer: str  # as JSON, cut where it is long


class Hidden(Model, kw_only=True):
    """One kind of thing that something else stands for."""

    what: str  # "token or password"
    different: int  # how many, as far as they are told apart
    places: int  # how often something stands for it


class Preview(Model, kw_only=True):
    """`rocmkit doctor --preview --json`: what a recording holds."""

    schema: Literal["rocmkit.preview/1"] = "rocmkit.preview/1"  # the name of this shape
    source: str  # what was looked at
    commands: tuple[KeptCommand, ...]  # by their words
    variables: dict[str, str]  # name to what is kept of the value
    files: tuple[KeptFile, ...]  # by path
    folders: tuple[KeptFolder, ...]  # by path
    answers: tuple[KeptAnswer, ...]  # by question, then by path
    hidden: tuple[Hidden, ...]  # what is not in it, by kind


def preview(recording: Recording, *, source: str) -> Preview:
    """What `recording` holds. Raises nothing: an answer of an unknown form is shown as it is."""
    answers = [
        KeptAnswer(question=question, about=about.removeprefix("="), answer=_short(answer))
        for question in _ASKED
        for about, answer in sorted(getattr(recording, question).items())
    ]
    answers += [
        KeptAnswer(question=question, about="", answer=_short(to_builtins(answer)))
        for question in ("python", "identity", "machine", "limits")
        if (answer := getattr(recording, question)) is not None
    ]
    return Preview(
        source=source,
        commands=tuple(map(_command, sorted(recording.commands, key=lambda one: one.argv))),
        variables=dict(sorted((recording.environ or {}).items())),
        files=tuple(KeptFile(path=path, bytes=_kept(value), error=_error(value)) for path, value in sorted(recording.files.items())),
        folders=tuple(
            KeptFolder(path=path, names=len(value) if isinstance(value, list) else None, error=_error(value))
            for path, value in sorted(recording.folders.items())
        ),
        answers=tuple(answers),
        hidden=hidden(to_json(recording)),
    )


def hidden(text: str) -> tuple[Hidden, ...]:
    """What placeholders in `text` stand for, by kind."""
    places: Counter[str] = Counter()
    different: dict[str, set[str]] = {}
    for found in _STANDS.finditer(text):
        kind = found[1] or found[0]
        places[kind] += 1
        different.setdefault(kind, set()).add(found[0])
    return tuple(Hidden(what=what, different=len(different[kind]), places=places[kind]) for kind, what in _CALLED.items() if places[kind])


def brief(one: Preview) -> Iterator[tuple[str, str]]:
    """What was just recorded, in a few lines: labels, which the first and the last line have none of, and what stands behind them."""
    yield "", f"kept {_counts(one)}"
    if programs := sorted({command.argv[0].rpartition("/")[2] for command in one.commands if command.argv}):
        yield "ran", ", ".join(programs)
    if one.variables:
        yield "variables", ", ".join(one.variables)
    if one.hidden:
        yield "hidden", ", ".join(map(_hidden, one.hidden))
    yield "", "It is a text file: look at it, or at `rocmkit doctor --from FILE --preview`, before you send it."


def text(one: Preview) -> str:
    """The whole of it, in columns."""
    return "".join(line(words) + "\n" for words in _lines(one))


def _lines(one: Preview) -> Iterator[str]:
    yield f"What {one.source} holds: {_counts(one)}"
    places = [(_hidden(row), f"in {counted(row.places, 'place')}") for row in one.hidden]
    yield from _table("Hidden: something else stands for it", places or [("nothing", "in no place")])
    yield from _table(
        "Commands, and how much of their output is kept", [(_size(row.bytes), row.ended, " ".join(row.argv)) for row in one.commands]
    )
    yield from _table("Variables, and what is kept of them", list(one.variables.items()))
    yield from _table("Files, and how much of each is kept", [(row.error or _size(row.bytes or 0), row.path) for row in one.files])
    names = [(row.error or counted(row.names or 0, "name"), row.path) for row in one.folders]
    yield from _table("Folders, and how many of their names are kept", names)
    for question, words in _ASKED.items():
        yield from _table(f"Asked: {words}", [(row.about, row.answer) for row in one.answers if row.question == question])
    yield from _table("And of the process", [(row.question, row.answer) for row in one.answers if row.question not in _ASKED])


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A heading and its rows in columns, nothing without rows; what is long for a column stands out of it."""
    if rows:
        yield ""
        yield title
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        yield "  " + "".join(f"{word:<{width}}  " for word, width in zip(row, widths, strict=False)) + row[-1]


def _counts(one: Preview) -> str:
    words = (
        (one.files, "file"),
        (one.folders, "folder"),
        (one.commands, "command"),
        (one.variables, "variable"),
        (one.answers, "other answer"),
    )
    return ", ".join(counted(len(rows), word) for rows, word in words)


def _hidden(row: Hidden) -> str:
    return f"{row.different} {row.what}" if row.different > 1 else row.what


def _size(number: int) -> str:
    return counted(number, "byte")


def _command(one: Ended) -> KeptCommand:
    ended = one.error or one.signal or (f"exit {one.exit}" if one.outcome == "exited" else one.outcome)
    return KeptCommand(argv=one.argv, bytes=sum(len(stream.encode("utf-8", "replace")) for stream in (one.stdout, one.stderr)), ended=ended)


def _kept(value: object) -> int | None:
    if isinstance(value, Mapping) and isinstance(encoded := value.get("base64"), str):
        return len(encoded) * 3 // 4 - encoded[-2:].count("=")
    return len(value.encode("utf-8", "replace")) if isinstance(value, str) else None


def _error(value: Any) -> str | None:
    return _short(value["error"]) if isinstance(value, Mapping) and "error" in value else None


def _short(value: object) -> str:
    """An answer on one line, cut where it is long: a plain text as it is, fields without those that are not known, else JSON."""
    if isinstance(value, Mapping) and set(value) == {"error"}:
        value = value["error"]
    if isinstance(value, Mapping):
        value = {key: inner for key, inner in value.items() if inner is not None}
    found = value if isinstance(value, str) else to_json(value, indent=-1)
    return found if len(found) <= _SHORT else found[:_SHORT] + "…"
