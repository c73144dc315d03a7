"""A plan for the terminal: whether it can be, from what, with what, step by step, and what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rocmkit.build.recipe import Cost
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Block, Pin
from rocmkit.report.buildvalues import Planned, Plans
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, Style, headed, label, style_of, wrapped
from rocmkit.report.preflight import duration, needed, problems
from rocmkit.report.terminal import clean, line
from rocmkit.words import said

#: So much of a commit or a digest is shown; the JSON has the whole.
_SHORT = 12
#: Names of steps get a column so wide; longer ones a line of their own.
_NAME = 24

#: Where a result that is built against comes from.
_ORIGINS = {"call": "of the same call", "given": "that --with names", "cache": "that was built here before"}


def render(found: Planned | Plans, *, color: bool, unicode: bool, width: int = 100) -> str:
    """One plan or several as text."""
    style, marks, width = style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40)
    plans = found.plans if isinstance(found, Plans) else (found,)
    text = "\n\n".join("\n".join(_lines(one, style, marks, width)) for one in plans) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def _lines(plan: Planned, style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    yield from headed("rocmkit build", f"{line(plan.recipe)} {line(plan.version)}: {said(line(plan.title))}", style, width)
    yield ""
    yield from _labelled("makes", plan.wheel or f"{plan.recipe}-{plan.local_version}, a folder", width)
    yield from _labelled("for", ", ".join(plan.arch), width)
    yield from _labelled("with", toolchain(plan.toolchain), width)
    for one in plan.uses:
        yield from _labelled("uses", f"{one.recipe}{f' {one.version}' if one.version else ''} {_ORIGINS[one.origin]}", width)
    yield from _labelled("in", plan.work, width)
    yield from _labelled("to", plan.out, width)
    yield from blocks(plan.blocked_by, style, marks, width)
    yield from _sources(plan.pins, style, marks, width)
    yield from _steps(plan, style, width)
    yield ""
    yield style("bold", said("What it takes" if plan.preflight else "What it takes, planned for another machine"))
    core = core_minutes(plan.cost, len(plan.arch))
    if plan.preflight:
        yield from needed(plan.preflight, core, plan.cost.memory_per_job_gib, width)
        yield from problems(plan.preflight.problems, style, marks, width)
    else:
        yield from _labelled("time", f"about {duration(core * 60)} of one processor core", width)
        yield from _labelled("disk", f"{plan.cost.disk_gib:g} GiB in the work folder", width)
        yield from _labelled("memory", f"{plan.cost.memory_per_job_gib:g} GiB for each compiler", width)
        yield from _labelled("network", ", ".join(plan.hosts) or "none", width)
        if plan.install:
            yield label("install") + style("cyan", clean(plan.install))
    yield from told(plan.gives, plan.notes, style, width)
    yield ""
    yield from _verdict(plan, style)


def core_minutes(cost: Cost, archs: int) -> float:
    """Minutes of one processor core."""
    return cost.core_minutes + cost.per_arch_minutes * max(0, archs - 1)


def toolchain(one: Toolchain) -> str:
    """ROCm, its compiler and Python in a line."""
    compiler = f", clang {one.compiler}" if one.compiler else ""
    where = f"the image {one.image}" if one.container and one.image else one.root
    supposed = " (not looked at)" if one.supposed else ""
    return f"ROCm {one.version} in {where}{compiler}, Python {one.python.version}{supposed}"


def blocks(found: Iterable[Block], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    """Why a result could not be built or could not compute, and the ways out."""
    for block in found:
        yield ""
        yield from wrapped(style(STYLES["error"], marks["error"]) + f" {block.code} ", block.text, width, indent=4)
        for number, way in enumerate(block.ways_out):
            text, colon, command = said(way).rpartition(": rocmkit ")  # a command stands on a line of its own, to be copied
            yield from wrapped(" " * INDENT if number else label("way out"), f"{text}:" if colon else way, width, indent=INDENT)
            if colon:
                yield " " * INDENT + style("cyan", f"rocmkit {clean(command)}")
        yield from wrapped(label("page"), f"`rocmkit explain {block.code}`", width, indent=INDENT)


def told(gives: Iterable[str], notes: Iterable[str], style: Style, width: int) -> Iterator[str]:
    """What the result does on the card, and the limits to know."""
    for title, texts in (("What it gives", gives), ("To know", notes)):
        for number, text in enumerate(texts):
            if not number:
                yield ""
                yield style("bold", said(title))
            yield from wrapped("  - ", text, width, indent=4)


def unpinned(pins: Iterable[Pin], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    """Sources that nothing vouches for, loudly."""
    for pin in pins:
        if pin.unpinned:
            text = f"UNPINNED {pin.name} from {pin.url}: {pin.unpinned}"
            yield from wrapped(style(STYLES["warning"], marks["warning"]) + " ", text, width, indent=2)


def _sources(pins: tuple[Pin, ...], style: Style, marks: Mapping[str, str], width: int) -> Iterator[str]:
    if not pins:
        return
    yield ""
    yield style("bold", said("Sources"))
    yield from unpinned(pins, style, marks, width)
    for pin in pins:
        if not pin.unpinned:
            at = f"commit {pin.commit[:_SHORT]}" if pin.commit else f"sha256 {(pin.sha256 or '')[:_SHORT]}…"
            yield from wrapped("  ", f"{pin.name}: {pin.url}, {at}", width, indent=4)


def _steps(plan: Planned, style: Style, width: int) -> Iterator[str]:
    yield ""
    yield from headed(said(f"Steps: {len(plan.steps)}"), "(`--script FILE` and `--json` have the commands)", style, width)
    wide = min(max((len(step.name) for step in plan.steps if step.stage != "fetch"), default=0), _NAME)
    numbered = enumerate(plan.steps, 1)
    words = "gets the sources above, and holds them to what is pinned"
    for stage, group in groupby(numbered, key=lambda one: one[1].stage):
        steps = list(group)
        if stage == "fetch":  # up to four for each source: one line says it
            yield from wrapped(f"  {stage:<7} {f'{steps[0][0]}-{steps[-1][0]}':>5} ", words, width, indent=16)
            words = "goes on with them"
            continue
        for number, step in steps:
            text = step.why + (" (network)" if step.network else "")
            head = f"  {stage if number == steps[0][0] else '':<9} {number:>3} "
            name, indent = line(step.name), len(head) + wide + 2
            if len(name) > wide:
                yield head + name
                head, name = " " * len(head), ""
            yield from wrapped(f"{head}{name:<{wide}}  ", text, width, indent=indent)


def _labelled(word: str, text: str, width: int) -> Iterator[str]:
    yield from wrapped(label(word), text, width, indent=INDENT)


def _verdict(plan: Planned, style: Style) -> Iterator[str]:
    if not plan.feasible:
        many = len(plan.blocked_by)
        yield style("bold red", said(f"BLOCKED: {many} reason{'' if many == 1 else 's'}, see above; rocmkit does not begin such a build"))
    elif plan.preflight and plan.preflight.stops:
        yield style("bold yellow", said("NOT YET: something is missing on this machine, see above"))
    else:
        loose = sum(bool(pin.unpinned) for pin in plan.pins)
        trust = f", with {loose} unpinned source{'' if loose == 1 else 's'}" if loose else ""
        yield style("bold green", said(f"FEASIBLE{trust}" + ("; without --dry-run it is built" if plan.preflight else "")))
