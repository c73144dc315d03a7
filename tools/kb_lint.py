"""What has to hold for the knowledge base: codes, sources, dates, ranges of versions, the patterns of error texts, and toggles.

Usage: python -m tools.kb_lint
"""

from __future__ import annotations

import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import re2

from rocmkit import kb
from rocmkit.doctor.check import all_checks
from rocmkit.kb._load import ROOT
from rocmkit.kb.issues import SEGFAULT, Issue, IssueFix, Signature
from rocmkit.kb.patterns import shape
from tools import kb_build, kb_ranges, kb_toggles
from tools.kb_files import Files, load, structs

#: OWNER/REPO#NUMBER, OWNER/REPO[@REF][ PATH], an address, a wheel by name and version, a package by name,
#: a translation of GNU's.
SOURCE = re.compile(
    r"https://[\w-]+(\.[\w-]+)+(/\S*)?|[\w.-]+/[\w.-]+(#[0-9]+|(@[\w./-]+)?( [\w./*+-]+)?)"
    r"|[\w-]+ [\w.]+ wheel(, METADATA)?|[\w-]+ on the Python package index|GNU [\w ]+ po/\w+\.po"
)
#: Codes of failures that no check looks for: builds, what smoke finds, and the rest.
CODE = re.compile(r"RK[679][0-9]{2}")
#: What a group called gfx may be made of, so that it holds the name of an architecture and nothing else.
GFX = re.compile(r"gfx(?:[0-9a-f]|\[[0-9a-f-]+\]|\{[0-9]+(?:,[0-9]+)?\}|[|?]|\((?:\?:)?|\))+")
#: So long is the run of literal characters that a pattern has to hold: of an error text; of what tells a context or a project.
LITERAL, LITERAL_OF_CONTEXT = 5, 3
#: What commands may hold, and what the texts of a fix may hold beside the groups of the patterns.
IN_COMMANDS, IN_TEXTS = {"python", "pip", "gfx"}, {"python", "gfx"}


def faults(root: Path = ROOT) -> list[str]:
    """Everything that is wrong below `root`."""
    files, found = load(root)
    issues = {name.rpartition("/")[2]: value for name, value in files.items() if isinstance(value, Issue)}
    found += kb_ranges.faults(files)
    for rule in (_rows, _dates):
        found += [f"{name}: {fault}" for name, value in files.items() for fault in rule(value)]
    for each in (_identity, _words, _signatures):
        found += [f"issues/{name}: {fault}" for name, issue in issues.items() for fault in each(name, issue)]
    found += _together(issues)
    found += _contexts(files, issues.values())
    found += kb_build.faults(files)
    found += kb_toggles.faults(files, {check.code for check in all_checks()} | {issue.code for issue in issues.values()})
    return found


def _rows(value: Any) -> Iterator[str]:
    """A row has sources, all of them public, none twice. That `known` is set, the shape itself asks."""
    for row in structs(value):
        sources = getattr(row, "sources", None)
        if sources is None:
            continue
        if not sources and hasattr(row, "known"):
            yield f"{_name(row)} has no source"
        for source, count in Counter(sources).items():
            if count > 1:
                yield f"{_name(row)} has a source twice: {source}"
            if not SOURCE.fullmatch(source):
                yield f"{_name(row)} has a source of no known shape: {source!r}"


def _name(row: Any) -> str:
    fields = [getattr(row, name, "") for name in ("id", "gfx", "torch", "numba", "distribution", "project", "english", "what")]
    return f"{type(row).__name__} {next((text for text in fields if isinstance(text, str) and text), '')}".strip()


def _dates(value: Any) -> Iterator[str]:
    """Days, months and years are some, and none lies after the day of the knowledge base."""
    for row in structs(value):
        dated = [field for field in ("seen", "released") if hasattr(row, field)]
        if hasattr(row, "stable"):  # a release of torch; CTranslate2's `since` is a version
            dated.append("since")
        for field in dated:
            text = getattr(row, field)
            if text and not _is_date(text):
                yield f"{_name(row)}: {field}: no date up to {kb.date()}: {text!r}"


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 10 :] if len(text) < 10 else text)
    except ValueError:
        return False
    return text <= kb.date()


def _identity(name: str, issue: Issue) -> Iterator[str]:
    """The file is called as the issue; code, title, severity and page are the check's where there is one."""
    if issue.id != name:
        yield f"its id is {issue.id!r}"
    check = next((check for check in all_checks() if check.id == issue.id), None)
    own = {"title": issue.title, "severity": issue.severity, "page": issue.page}
    if check:
        if issue.code != check.code:
            yield f"its code is {issue.code}, that of the check {check.code}"
        yield from (f"it has a {field}, and so has the check" for field, given in own.items() if given)
        return
    if not CODE.fullmatch(issue.code):
        yield f"{issue.code} is no code of an issue without a check"
    yield from (f"it has no {field}, and there is no check that has" for field, given in own.items() if not given)


def _words(_: str, issue: Issue) -> Iterator[str]:
    """There is a fix, and what is filled in anywhere is there to be filled in."""
    fixes = [(issue.fix, [one for one in issue.signatures if one.fix is None])] if issue.fix else []
    fixes += [(one.fix, [one]) for one in issue.signatures if one.fix]
    if not issue.fix and not all(one.fix for one in issue.signatures):
        yield "it has no fix"
    for signature in issue.signatures:
        yield from _fields(f"{signature.id}: cause", signature.cause, _certain([signature]))
    for fix, used_by in fixes:
        yield from _fields("fix", fix.text, _certain(used_by) | IN_TEXTS)
        yield from _fields("caution", fix.caution, set())
        yield from _commands(fix)


def _certain(signatures: list[Signature]) -> set[str]:
    """The groups that are there whenever any of the signatures is found."""
    sets = [{group for line in one.lines for group in _shape_of(line)} for one in signatures]
    return set.intersection(*sets) if sets else set()


def _shape_of(pattern: str) -> frozenset[str]:
    try:
        return shape(pattern).groups
    except ValueError:  # told of under its signature
        return frozenset()


def _fields(where: str, text: str, known: set[str]) -> Iterator[str]:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        yield f"{where}: {error}"
        return
    for name in sorted(names - known):
        yield f"{where}: {{{name}}} is no group of every text that it speaks of"


def _commands(fix: IssueFix) -> Iterator[str]:
    for command in (*fix.commands, *fix.verify):
        for name in sorted(set(re.findall(r"\{(\w*)\}", command)) - IN_COMMANDS):
            yield f"a command holds {{{name}}}: {command}"
        if "{pip}" in command.removeprefix("{pip} "):
            yield f"{{pip}} stands in the middle of a command: {command}"
        if not command.strip() or "\n" in command:
            yield f"a command is no line: {command!r}"


def _signatures(_: str, issue: Issue) -> Iterator[str]:
    for name, count in Counter(one.id for one in issue.signatures).items():
        if count > 1:
            yield f"two signatures are called {name}"
    seen = bool(issue.page and issue.page.looks and issue.page.sources)
    if not issue.signatures and not seen:
        yield "it has no signature, and no page with sources that says what it is seen by"
    if issue.code.startswith("RK7") and not seen:
        yield "its page has no sources, or does not say what it is seen by"
    for one in issue.signatures:
        if bool(one.within) is not (len(one.lines) > 1) or one.within < 0:
            yield f"{one.id}: within is {one.within} for {len(one.lines)} lines"
        for pattern in one.lines:
            yield from (f"{one.id}: {fault}: {pattern!r}" for fault in _pattern(pattern, LITERAL))


def _pattern(pattern: str, literal: int) -> Iterator[str]:
    """What RE2 accepts runs in time that grows with the text alone, whatever the pattern: that it compiles is the proof of it."""
    if "\n" in re.sub(r"\[\^[^\]]*\]", "", pattern).replace("\\n", "\n"):
        yield "a pattern spans lines"
    options = re2.Options()
    options.log_errors = False
    options.never_nl = True
    try:
        compiled = re2.compile(f"(?m:{pattern})", options)
        known = shape(pattern)
    except (re2.error, ValueError) as error:
        yield f"no pattern: {error}"
        return
    if compiled.search(""):
        yield "it matches the empty text"
    if known.best < literal:
        yield f"it holds {known.best} literal characters in a row, of {literal} that it needs"
    groups = set(compiled.groupindex)
    if groups != known.every:
        yield f"its groups are {sorted(groups)}, not {sorted(known.every)}"
    gfx = re.search(r"\(\?P<gfx>((?:[^()]|\((?:[^()])*\))*)\)", pattern)
    if "gfx" in groups and not (gfx and GFX.fullmatch(gfx[1])):
        yield "its group gfx may hold more than the name of an architecture"


def _together(issues: dict[str, Issue]) -> Iterator[str]:
    """Codes, ids and titles are unique over issues and checks; what explains what has no circle."""
    checks = {check.id: check for check in all_checks()}
    own = [issue for issue in issues.values() if issue.id not in checks]
    attributes: tuple[tuple[str, Callable[[Any], str]], ...] = (("code", lambda one: one.code), ("title", lambda one: one.title))
    for what, of in attributes:
        counted = Counter(of(one) for one in (*checks.values(), *own) if of(one))
        yield from (f"issues: the {what} {text!r} is given {count} times" for text, count in counted.items() if count > 1)
    after = {name: {*check.after} for name, check in checks.items()}
    for issue in issues.values():
        after.setdefault(issue.id, set()).update(issue.after)
    for name, causes in after.items():
        yield from (f"issues/{name}: after: no check and no issue is called {cause}" for cause in sorted(causes - set(after)))
        if name in _reached(causes, after):
            yield f"issues/{name}: after: it explains itself, over others or at once"


def _reached(names: Iterable[str], after: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += after.get(name, ())
    return found


def _contexts(files: Files, issues: Iterable[Issue]) -> Iterator[str]:
    """What logs are about and where to report: named where it is used, used where it is named, and patterns like the others."""
    if (logs := files.get("logs")) is None:
        yield "logs: there is no such file"
        return
    used = {name for issue in issues for one in issue.signatures for name in (*one.requires, *one.unless)}
    yield from (f"logs: no context is called {name}" for name in sorted(used - set(logs.contexts)))
    yield from (f"logs: no signature asks for the context {name}" for name in sorted(set(logs.contexts) - used - {SEGFAULT}))
    for what, given in (("project", [one.project for one in logs.trackers]), ("word", [one for row in logs.words for one in row.japanese])):
        yield from (f"logs: the {what} {text} is there {count} times" for text, count in Counter(given).items() if count > 1)
    for tracker in logs.trackers:
        if not re.fullmatch(r"https://[\w.-]+/\S+", tracker.url):
            yield f"logs: {tracker.project}: no address: {tracker.url}"
    for row in (*logs.contexts.values(), *logs.trackers):
        for pattern in row.lines:
            yield from (f"logs: {_name(row)}: {fault}: {pattern!r}" for fault in _pattern(pattern, LITERAL_OF_CONTEXT))


def main() -> int:
    """Print every fault; how many there are."""
    found = faults()
    for fault in found:
        print(fault)
    return len(found)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
