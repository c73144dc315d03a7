"""A comparison for people: findings that came, those that went, the facts that differ, one verdict line last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rocmkit.report.diff import Diff, Fact, Other, Told
from rocmkit.report.drawing import ASCII_MARKS, MARKS, STYLES, Style, headed, style_of, wrapped
from rocmkit.report.markdown import inline
from rocmkit.report.summary import VERDICTS, size
from rocmkit.report.terminal import clean
from rocmkit.words import said
from rocmkit.words.columns import pad

#: Sections of facts in the words of a heading.
SECTIONS = {
    "system": "System",
    "driver": "Driver",
    "kfd": "GPUs as the kernel offers them (KFD)",
    "gpus": "GPUs",
    "access": "Access",
    "kernel_log": "Kernel log",
    "runtime": "rocminfo",
    "rocm": "ROCm",
    "python": "Python",
    "env": "Variables",
    "env_files": "Start-up files",
    "memory": "Memory and disks",
    "tools": "Programs",
    "caches": "MIOpen's folders",
    "hub": "Models",
}
#: Lines of one section; the rest is counted. JSON has all of them.
_MOST = 25
_LONGEST = 300


def text(diff: Diff, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The comparison as text."""
    lines = "\n".join(_lines(diff, style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40))) + "\n"
    return lines if unicode else lines.replace("→", "->").encode("ascii", "replace").decode("ascii")


def _lines(diff: Diff, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield from headed("rocmkit diff", f"{said(_source(diff.old.source))} → {said(_source(diff.new.source))}", style, width)
    judged = [f"rocmkit {side.rocmkit or '?'} with the knowledge of {side.kb or '?'}" for side in (diff.old, diff.new)]
    if judged[0] != judged[1]:
        yield from wrapped("", f"judged by {judged[0]}, and by {judged[1]}: that alone may make findings differ", width, indent=2)
    yield ""
    for word, told in (("new", diff.came), ("gone", diff.went), ("not known any more", diff.unclear)):
        for one in told:
            mark = marks["ok"] if word == "gone" else marks["gap"] if word == "not known any more" else marks.get(one.severity, "")
            kind = STYLES["ok"] if word == "gone" else STYLES.get(one.severity, "bold")
            yield f"{style(kind, f'{mark} {clean(one.code)}')} {style('bold', said(clean(one.title)))} ({said(word)}{said(likely(one))})"
            if word == "new":
                for message in one.messages:
                    yield from wrapped("    ", message, width, indent=4)
            yield ""
    for other in diff.changed:
        yield from _other(other, style, width)
    if diff.ways:
        yield style("bold", said("Ways to Japanese speech"))
        for way in diff.ways:
            yield from wrapped("  ", f"{', '.join(way.systems)}: {said(way.old)} → {said(way.new)}", width, indent=4)
        yield ""
    for section, facts in sections(diff.facts).items():
        yield style("bold", said(section))
        for line in fact_lines(facts):
            yield from wrapped("  ", line, width, indent=4)
        yield ""
    yield from (style("bold", line) for line in wrapped("", verdict_line(diff), width, indent=2))


def likely(one: Told) -> str:
    """What is said of an error that is not sure, behind its severity."""
    return ", likely" if one.severity == "error" and one.confidence == "likely" else ""


def _other(other: Other, style: Style, width: int) -> Iterator[str]:
    yield f"~ {clean(other.code)} {style('bold', said(clean(other.title)))} ({said('in other words')})"
    for word, messages in (("was", only(other.old, other.new)), ("is", only(other.new, other.old))):
        for message in messages:
            yield from wrapped(f"    {pad(said(word), 5)}", message, width, indent=9)
    yield ""


def sections(facts: tuple[Fact, ...]) -> dict[str, list[Fact]]:
    """The facts under their headings."""
    found: dict[str, list[Fact]] = {}
    for section, heading in SECTIONS.items():
        if rows := [fact for fact in facts if fact.where.split(".")[0] == section]:
            found[heading] = rows
    if rest := [fact for fact in facts if fact.where.split(".")[0] not in SECTIONS]:
        found["Others"] = rest
    return found


def fact_lines(facts: list[Fact]) -> Iterator[str]:
    """A line for each fact. Library files are told by their number: the packages that they belong to have lines of their own."""
    files: list[Fact] = []
    rest: list[Fact] = []
    for fact in facts:
        (files if fact.where.startswith(("python.libraries.", "python.runtimes.")) else rest).append(fact)
    yield from (_line(fact) for fact in rest[:_MOST])
    if len(rest) > _MOST:
        yield f"and {len(rest) - _MOST} more: --json has all of them"
    if files:
        came = len({fact.where for fact in files if fact.old is None})
        went = len({fact.where for fact in files if fact.new is None})
        yield f"library files of packages: {came} came, {went} went, {len(files) - came - went} facts of others changed"


def _line(fact: Fact) -> str:
    parts = fact.where.split(".", 1)
    name = parts[1] if len(parts) > 1 else parts[0]
    if fact.where.startswith("kernel_log.lines."):
        return f"{'only in the new one' if fact.old is None else 'only in the old one'}: {name.removeprefix('lines.')}"
    words = _words(name)
    alike = isinstance(fact.old, list | dict) and type(fact.old) is type(fact.new)
    old, new = _difference(list(fact.old), list(fact.new)) if alike and "gap" not in fact.old and "gap" not in fact.new else ("", "")
    if old or new:
        return f"{words}: {'; '.join(filter(None, (old, new)))}"
    return f"{words}: {_value(fact, fact.old)} → {_value(fact, fact.new)}"


def _words(name: str) -> str:
    """A place as a person says it: 0000:03:00.0 vram, rocblas kernels of torch targets. Names of packages and drivers stay whole."""
    if name.startswith(("packages.", "parameters.", "duplicates.")):
        return name.removeprefix("packages.").replace(".", " ", 1)
    name = re.sub(r"^kernels\.(\S+) ([a-z]+)(?:\.kernels(?=\.)|$)", r"\2 kernels of \1", name)
    name = re.sub(r"^(?:nodes|numbers|agents)\.", "", name)
    fields = re.search(r"(?:\.[a-z][a-z_0-9]*)+$", name) or re.search(r"^[a-z_0-9]+$", name)
    if fields is None:
        return name
    return name[: fields.start()] + fields[0].replace(".", " ").replace("_", " ").removesuffix(" bytes")


def _difference(old: list[Any], new: list[Any]) -> tuple[str, str]:
    """What a list lost and got; empty where only the order is another."""
    before, after = list(map(str, old)), list(map(str, new))
    lost = only(before, after)[:_MOST]
    got = only(after, before)[:_MOST]
    return (f"without {', '.join(lost)}" if lost else ""), (f"with {', '.join(got)}" if got else "")


def only(texts: Iterable[str], others: Iterable[str]) -> list[str]:
    """Those of `texts` that are not among the others."""
    there = set(others)
    return [text for text in texts if text not in there]


def _value(fact: Fact, value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "there" if (fact.old is None or fact.new is None) and value else "yes" if value else "no"
    if isinstance(value, dict) and isinstance(value.get("gap"), dict):
        return f"not known ({value['gap'].get('reason', '?')})"
    if isinstance(value, int) and fact.where.endswith("_bytes"):
        return size(value)
    told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return (told if len(told) <= _LONGEST else told[:_LONGEST] + " …") or "empty"


def _source(source: str) -> str:
    return " ".join(clean(source).split())


def verdict_line(diff: Diff) -> str:
    """The one line that ends the comparison."""
    old, new = (VERDICTS.get(side.verdict, _source(side.verdict).upper()) for side in (diff.old, diff.new))
    verdict = f"{old} → {new}" if diff.verdict else f"{new} as before"
    return f"{verdict}: {', '.join(_counts(diff)) or 'nothing differs'}"


def _counts(diff: Diff) -> Iterator[str]:
    if number := len(diff.came):
        yield f"{number} new finding{'s' * (number != 1)}"
    if number := len(diff.went):
        yield f"{number} finding{'s' * (number != 1)} gone"
    if number := len(diff.unclear):
        yield f"{number} finding{'s' * (number != 1)} not known any more"
    if number := len(diff.changed):
        yield f"{number} finding{'s' * (number != 1)} in other words"
    if number := len(diff.facts):
        yield f"{number} fact differs" if number == 1 else f"{number} facts differ"


def markdown(diff: Diff) -> str:
    """The comparison as GitHub-flavoured Markdown."""
    return "\n".join(_markdown(diff)) + "\n"


def _markdown(diff: Diff) -> Iterator[str]:
    yield f"## rocmkit diff: {inline(verdict_line(diff))}"
    yield ""
    yield f"{inline(diff.old.source)} → {inline(diff.new.source)}"
    for word, told in (("New", diff.came), ("Gone", diff.went), ("Not known any more", diff.unclear)):
        if told:
            yield from ("", f"### {word}", "")
            for one in told:
                what = f": {inline('; '.join(one.messages))}" if word == "New" else ""
                yield f"- {inline(one.code)} {inline(one.title)} ({inline(one.severity)}{likely(one)}){what}"
    if diff.ways:
        yield from ("", "### Ways to Japanese speech", "")
        for way in diff.ways:
            yield f"- {inline(', '.join(way.systems))}: {inline(way.old)} → {inline(way.new)}"
    if diff.changed:
        yield from ("", "### In other words", "")
        for other in diff.changed:
            yield f"- {inline(other.code)} {inline(other.title)}: {inline('; '.join(other.old))} → {inline('; '.join(other.new))}"
    for section, facts in sections(diff.facts).items():
        yield from ("", f"### {section}", "")
        yield from (f"- {inline(line)}" for line in fact_lines(facts))
