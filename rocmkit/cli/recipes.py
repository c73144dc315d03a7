"""`rocmkit recipes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit.cli.commands import Group
from rocmkit.cli.completing import recipes as known_recipes
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, write

if TYPE_CHECKING:
    from rocmkit.build.check import Problem
    from rocmkit.model import Model

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_OUTPUT = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")


@click.group(
    cls=Group,
    invoke_without_command=True,
    exits=(
        (0, "printed, or nothing is wrong"),
        (2, "usage error, no such recipe, or something is wrong with one"),
        (70, "a bug in rocmkit"),
    ),
    examples=(
        ("rocmkit recipes", "which there are"),
        ("rocmkit recipes show ctranslate2", "what each step is for"),
        ("rocmkit recipes check", "whether they hold"),
        ("rocmkit recipes check ./my-recipe", "the same of one's own"),
    ),
)
@_JSON
@_OUTPUT
@click.pass_context
def recipes(ctx: click.Context, as_json: bool, output: Path | None) -> Exit | None:
    """List, explain and check what `rocmkit build` can build.

    A recipe says from which sources, at which commits, with which changes and by which commands something is built for AMD GPUs.
    """
    if ctx.invoked_subcommand is None:
        return _list(as_json, output)
    if as_json or output:
        raise UsageError(f"--json and --output come after {ctx.invoked_subcommand}")
    return None


@recipes.command(
    "list",
    exits=((0, "printed"), (2, "usage error"), (70, "a bug in rocmkit")),
    examples=(("rocmkit recipes list", "a table"), ("rocmkit recipes list --json", "for programs")),
)
@_JSON
@_OUTPUT
def list_(as_json: bool, output: Path | None) -> Exit:
    """Which recipes there are: what each makes, and for which ROCm."""
    return _list(as_json, output)


@recipes.command(
    exits=((0, "printed"), (2, "usage error, no such recipe, or one that cannot be read"), (70, "a bug in rocmkit")),
    examples=(
        ("rocmkit recipes show ctranslate2 | less", "a recipe of rocmkit's"),
        ("rocmkit recipes show ./my-recipe", "one of your own"),
    ),
)
@click.argument("name", shell_complete=known_recipes)
@_JSON
@_OUTPUT
def show(name: str, as_json: bool, output: Path | None) -> Exit:
    """Say what a recipe does: sources, changes, and what each step is for.

    NAME is that of a recipe, or the path of a folder with one: a path has a slash in it. The text is long; every release of the recipe
    stands in it, the one that is preferred first. Commands stand there as they are written, with names like {src}:
    `rocmkit build NAME --arch GFX --script -` prints them filled in.
    """
    from rocmkit.build.load import find, opened
    from rocmkit.report import recipes as report

    place = find(name)
    loaded = opened(place)
    shown = report.Shown(folder=str(place), sha256=loaded.sha256, recipe=loaded.recipe)
    return _print(shown, lambda **how: report.page(str(place), loaded, **how), as_json, output)


@recipes.command(
    exits=((0, "nothing is wrong, whatever notes there are"), (2, "something is, or there is no recipe"), (70, "a bug in rocmkit")),
    examples=(
        ("rocmkit recipes check", "all of rocmkit's own"),
        ("rocmkit recipes check ./my-recipe", "one of your own"),
        ("rocmkit recipes check --json", "for programs"),
    ),
)
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@_JSON
@_OUTPUT
def check(path: Path | None, as_json: bool, output: Path | None) -> Exit:
    """Say what is wrong with a recipe, with file, line and column.

    PATH is a folder with a recipe.yaml, or such a file; without it, all of rocmkit's own are looked at. What is not pinned is told as a
    note, which is no fault.
    """
    from rocmkit.build import load
    from rocmkit.build.check import check as problems
    from rocmkit.report import recipes as report

    places = [path] if path else list(load.recipes().values())
    found: list[Problem] = []
    for place in places:
        try:
            found += problems(place)
        except OSError as error:
            missing = f"there is no {load.FILE} in {place}" if isinstance(error, FileNotFoundError) else f"cannot read {place}"
            raise UsageError(f"{missing}: {error.strerror or error}") from None
    told = report.checked(map(str, places), found)
    _print(told, lambda **how: report.complaints(told, **how), as_json, output)
    return Exit.OK if told.ok else Exit.USAGE


def _list(as_json: bool, output: Path | None) -> Exit:
    from rocmkit.build.load import opened
    from rocmkit.build.load import recipes as places
    from rocmkit.report import recipes as report

    rows = report.listing((str(place), opened(place).recipe) for place in places().values())
    return _print(rows, lambda **how: report.table(rows, **how), as_json, output)


def _print(value: Model, text: Callable[..., str], as_json: bool, output: Path | None) -> Exit:
    from rocmkit.report import json

    how: dict[str, Any] = {} if as_json else drawing(to_terminal=output is None)
    write(json.render(value) if as_json else text(**how), output)
    return Exit.OK
