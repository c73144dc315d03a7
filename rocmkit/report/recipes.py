"""`rocmkit recipes`: which there are, what each step of one is for, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from rocmkit.build.check import Problem
from rocmkit.build.recipe import Loaded, Patch, Recipe, Release, Source, Step, Words
from rocmkit.kb.when import LAYOUTS, When
from rocmkit.model import Model
from rocmkit.report.drawing import ASCII_MARKS, INDENT, MARKS, STYLES, Style, label, style_of, wrapped
from rocmkit.report.terminal import clean, line
from rocmkit.words import said


class Version(Model, kw_only=True):
    """A release of a recipe."""

    version: str  # upstream's: 4.8.1
    rocm: str  # specifier on the ROCm that it is built with
    layouts: tuple[str, ...]  # where that ROCm's parts may lie: amd, core, debian, wheel
    archs: tuple[str, ...]  # architectures that it is for; empty: whatever the compiler knows
    wavefront: int  # size of the wavefront that it needs; 0: any
    python: str  # specifier on Python; empty: any
    uses: tuple[str, ...] = ()  # recipes whose results it is built against


class Row(Model, kw_only=True):
    """A recipe, in short."""

    name: str  # for `rocmkit build`
    title: str  # what it builds
    summary: str  # what that gives
    makes: str  # in words: the wheel ctranslate2
    package: str | None  # distribution that its wheel is; null: it makes none
    provides: tuple[str, ...]  # ROCm libraries whose kernels it makes
    folder: str  # where it lies
    releases: tuple[Version, ...]  # the first that fits is taken


class Listing(Model, kw_only=True):
    """`rocmkit recipes --json`."""

    schema: Literal["rocmkit.recipes/1"] = "rocmkit.recipes/1"  # the name of this shape
    recipes: tuple[Row, ...]  # by name


class Shown(Model, kw_only=True):
    """`rocmkit recipes show NAME --json`."""

    schema: Literal["rocmkit.recipe/1"] = "rocmkit.recipe/1"  # the name of this shape
    folder: str  # where it lies
    sha256: str  # of its file and of all that it brings
    recipe: Recipe  # as it is written


class Checked(Model, kw_only=True):
    """`rocmkit recipes check --json`."""

    schema: Literal["rocmkit.recipes-check/1"] = "rocmkit.recipes-check/1"  # the name of this shape
    ok: bool  # whether nothing is wrong; notes are no fault
    recipes: tuple[str, ...]  # paths of those that were looked at
    problems: tuple[Problem, ...]  # by recipe, in the order of its text


def listing(found: Iterable[tuple[str, Recipe]]) -> Listing:
    """The recipes, each with the folder that it lies in."""
    return Listing(recipes=tuple(_row(folder, recipe) for folder, recipe in found))


def _row(folder: str, recipe: Recipe) -> Row:
    return Row(
        name=recipe.name,
        title=recipe.title,
        summary=recipe.summary,
        makes=makes(recipe),
        package=recipe.package,
        provides=recipe.provides,
        folder=folder,
        releases=tuple(
            Version(
                version=one.version,
                rocm=one.rocm,
                layouts=one.layouts,
                archs=one.archs,
                wavefront=one.wavefront,
                python=one.python,
                uses=one.uses,
            )
            for one in recipe.releases
        ),
    )


def makes(recipe: Recipe) -> str:
    """What comes out of a recipe, in words."""
    made = [f"the wheel {recipe.package}"] if recipe.package else []
    made += [f"GPU code of {name}" for name in recipe.provides]
    return " and ".join(made or dict.fromkeys(name for one in recipe.releases for name in one.expect.files))


def checked(paths: Iterable[str], problems: Iterable[Problem]) -> Checked:
    """What was looked at, and what was found."""
    found = tuple(problems)
    return Checked(ok=all(one.level != "error" for one in found), recipes=tuple(paths), problems=found)


def table(rows: Listing, *, color: bool, unicode: bool, width: int) -> str:
    """The recipes as text."""
    style, lines = style_of(color=color), list[str]()
    for row in rows.recipes:
        lines += [style("bold", line(row.name)) + f"  {said(line(row.title))}"]
        lines += wrapped(label("makes"), row.makes, width, indent=INDENT)
        for one in row.releases:
            lines += wrapped(
                label(one.version), meant_for(one.rocm, one.layouts, one.archs, one.wavefront, one.python), width, indent=INDENT
            )
        lines += [""]
    lines += [said("rocmkit recipes show NAME says what each step is for; rocmkit build NAME --arch native builds for this machine.")]
    return _text(lines if rows.recipes else [said("No recipe is here.")], unicode=unicode)


#: Whose ROCm a layout is, in words.
_LAYOUTS = {"amd": "AMD's packages", "core": "AMD's Core SDK", "debian": "a distribution's packages", "wheel": "pip"}


def meant_for(rocm: str, layouts: tuple[str, ...], archs: tuple[str, ...], wavefront: int, python: str) -> str:
    """What a release is for, in words."""
    parts = [f"ROCm {rocm}" if rocm else "any ROCm"]
    if set(layouts) != set(LAYOUTS):
        parts.append("from " + " or ".join(_LAYOUTS.get(layout, layout) for layout in layouts))
    if archs:
        parts.append(" ".join(archs))
    elif wavefront:
        parts.append(f"GPUs with {wavefront} lanes in a wavefront" + (", such as gfx9" if wavefront == 64 else ""))
    return "; ".join((*parts, *((f"Python {python}",) if python else ())))


def page(folder: str, loaded: Loaded, *, color: bool, unicode: bool, width: int) -> str:
    """A recipe explained as text."""
    style, recipe = style_of(color=color), loaded.recipe
    lines = [style("bold", line(recipe.name)) + f"  {said(line(recipe.title))}", ""]
    lines += [*wrapped("", recipe.summary, width, indent=0), ""]
    lines += wrapped(label("makes"), makes(recipe), width, indent=INDENT)
    if recipe.use:
        lines += wrapped(label("use"), recipe.use, width, indent=INDENT)
    lines += [label("licence") + line(recipe.licence), label("folder") + line(folder), label("sha256") + loaded.sha256]
    for release in recipe.releases:
        lines += ["", *_release(recipe, release, style, width)]
    return _text(lines, unicode=unicode)


def _release(recipe: Recipe, one: Release, style: Style, width: int) -> Iterator[str]:
    what = meant_for(one.rocm, one.layouts, one.archs, one.wavefront, one.python)
    yield style("bold", f"{line(recipe.name)} {line(one.version)}") + f"  {said(line(what))}"
    yield from wrapped(label("why"), f"{one.why} ({one.known})", width, indent=INDENT)
    for word, texts in (("gives", one.gives), ("limit", one.notes)):
        for text in texts:
            yield from wrapped(label(word), text if isinstance(text, str) else f"{text.text} ({only_for(text.when)})", width, indent=INDENT)
    cost = one.cost
    takes = f"{cost.core_minutes:g} minutes of a processor core, {cost.disk_gib:g} GiB of disk, {cost.memory_per_job_gib:g} GiB a compiler"
    yield from wrapped(label("takes"), f"{takes} ({cost.measured})", width, indent=INDENT)
    for word, names in (("uses", one.uses), ("needs", one.needs), ("runs on", one.runs_on)):
        if names:
            yield from wrapped(label(word), " ".join(names), width, indent=INDENT)
    for link in one.links:
        yield label("source") + clean(link)
    yield from ("", style("bold", "  " + said("What is fetched")))
    for name, source in one.fetch.items():
        yield from _source(name, source, width)
    if one.patches or one.files:
        yield from ("", style("bold", "  " + said("What is changed")))
    for patch in one.patches:
        yield from _changed(f"patch {origin(patch)} to {patch.to}", patch.why, patch.link, patch.when, width)
    for file in one.files:
        yield from _changed(f"file {file.file}", file.why, file.link, file.when, width)
    if one.values:
        yield from ("", style("bold", "  " + said("What steps share")))
    for name, words in one.values.items():
        yield from wrapped(f"    {{value.{name}}}  ", _command(words), width, indent=INDENT)
    yield from ("", style("bold", "  " + said("Steps")))
    for number, step in enumerate(one.steps, 1):
        yield from _step(number, step, style, width)


def _source(name: str, one: Source, width: int) -> Iterator[str]:
    yield from wrapped(f"    {line(name)}  ", one.why, width, indent=INDENT)
    if one.git:
        yield " " * INDENT + clean(one.git)
        yield " " * INDENT + f"commit {clean(one.commit)}" + (f" ({clean(one.ref)})" if one.ref else "")
    else:
        yield " " * INDENT + clean(one.archive)
        pinned = f"sha256 {clean(one.sha256)}" if one.sha256 else f"not pinned: {one.unpinned}"
        yield from wrapped(" " * INDENT, pinned, width, indent=INDENT)
    for below in one.submodules:
        yield " " * INDENT + said("{path} from {url}").format(path=clean(below.path), url=clean(below.git))
        yield " " * INDENT + f"commit {clean(below.commit)}"


def origin(patch: Patch) -> str:
    """Where a patch lies."""
    return f"{patch.file} of {patch.source_of}" if patch.source_of else patch.file


def _changed(what: str, why: str, link: str, when: When, width: int) -> Iterator[str]:
    yield from wrapped("    ", f"{what}{_only(when)}", width, indent=INDENT)
    yield from wrapped(" " * INDENT, why, width, indent=INDENT)
    yield " " * INDENT + clean(link)


def _step(number: int, one: Step, style: Style, width: int) -> Iterator[str]:
    yield style("bold", f"    {number} {line(one.name)}") + f" ({one.stage}){_only(one.when)}"
    yield from wrapped(" " * INDENT, one.why, width, indent=INDENT)
    for part in wrapped(" " * INDENT, _command(one.run), width, indent=INDENT):
        yield " " * INDENT + style("cyan", part[INDENT:])
    if one.cwd != "{work}":
        yield " " * INDENT + said("in {cwd}").format(cwd=clean(one.cwd))
    for name, value in one.env.items():
        text = said("with {name}={value}").format(name=name, value=_quoted(value))
        yield from wrapped(" " * INDENT, text, width, indent=INDENT)


def _only(when: When) -> str:
    """The same as what follows a name."""
    return f", {said(where)}" if (where := only_for(when)) else ""


def only_for(when: When) -> str:
    """For which builds; nothing where it is for all."""
    parts = [" or ".join(when.arch)] if when.arch else []
    parts += [f"ROCm {when.rocm}"] if when.rocm else []
    parts += [f"the layout {' or '.join(when.layout)}"] if when.layout else []
    return f"for {', '.join(parts)} alone" if parts else ""


def _command(words: Iterable[str | Words]) -> str:
    """A command as it is written; what some builds alone have stands in brackets."""
    return " ".join(f"[{_command(one.words)}{_only(one.when)}]" if isinstance(one, Words) else _quoted(one) for one in words)


def _quoted(word: str) -> str:
    """A word in quotes, where it would not look like one."""
    return f"'{word}'" if not word or set(word) & set(" ;\t\n'\"*?&|<>") else word


def complaints(report: Checked, *, color: bool, unicode: bool, width: int) -> str:
    """What is wrong, a line each, as compilers write it: FILE:LINE:COLUMN: what."""
    style, marks = style_of(color=color), MARKS if unicode else ASCII_MARKS
    lines = [_complaint(one, style) for one in report.problems]
    bad = sum(one.level == "error" for one in report.problems)
    looked = f"{len(report.recipes)} recipe{'s' * (len(report.recipes) != 1)}"
    lines.append(_verdict(bad, looked, marks, style))
    return _text(lines, unicode=unicode)


def _complaint(one: Problem, style: Style) -> str:
    place = line(one.file) + (f":{one.line}:{one.column}" if one.line else "")
    return f"{place}: {style(STYLES[one.level], one.level)}: {line(one.text)}"


def _verdict(bad: int, looked: str, marks: Mapping[str, str], style: Style) -> str:
    if bad:
        return f"{style(STYLES['error'], marks['error'])} {bad} problem{'s' * (bad != 1)} in {looked}"
    return f"{style(STYLES['ok'], marks['ok'])} nothing is wrong with {looked}"


def _text(lines: Iterable[str], *, unicode: bool) -> str:
    text = "\n".join(lines) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")
