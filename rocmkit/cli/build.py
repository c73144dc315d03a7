"""`rocmkit build`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import archs, files
from rocmkit.cli.completing import recipes as known_recipes
from rocmkit.cli.options import can_write
from rocmkit.errors import Exit, UsageError, worst
from rocmkit.output import drawing, note, progress, write

if TYPE_CHECKING:
    from rocmkit.build.job import Ground, Job, Tells
    from rocmkit.build.values import Progress, Tell
    from rocmkit.build.wish import Wish
    from rocmkit.telling import Tell as Line

#: So often a line says how far it is, where nobody looks at a terminal.
_LINE_S = 180.0


@click.command(
    cls=Command,
    short_help="Build a library for an AMD card from pinned sources.",
    exits=(
        (0, "built; with --dry-run, --script and --dockerfile: planned, whatever the plan says"),
        (1, "cannot be built here, or what was built is not what it should be"),
        (2, "usage error"),
        (6, "a source is not what was pinned, or cannot be fetched"),
        (7, "a step failed"),
        (70, "a bug in rocmkit"),
        (130, "interrupted: the same command goes on"),
    ),
    examples=(
        ("rocmkit build ctranslate2 --arch gfx906 --dry-run", "what would be done"),
        ("rocmkit build ctranslate2 --arch native", "do it, for the card in this machine"),
        ("rocmkit build rocblas ctranslate2 --arch gfx906", "where ROCm has no kernels for the card"),
        ("rocmkit build onnxruntime sherpa-onnx --arch gfx906", "the second is built against the first"),
        ("rocmkit build ctranslate2 --arch gfx906 --launcher ccache --jobs 4", "with a compiler cache, and four compilers at a time"),
        ("rocmkit build ctranslate2 --arch gfx906 --source ~/src/CTranslate2", "without fetching the source"),
        ("rocmkit build ctranslate2 --arch gfx906 --rocm-version 6.3 --container", "in a container, without ROCm on this machine"),
        ("rocmkit build ctranslate2 --arch gfx906 --rocm-version 6.3 --dockerfile Dockerfile", "write a Dockerfile that does it"),
    ),
)
@click.argument("recipes", nargs=-1, metavar="RECIPE...", shell_complete=known_recipes)
@click.option(
    "--arch",
    "archs",
    multiple=True,
    metavar="GFX",
    shell_complete=archs,
    help="Card to build for: gfx906, gfx906:xnack-, native; may be repeated.",
)
@click.option("--rocm", metavar="DIR", shell_complete=files, help="ROCm to build with, where there are several.")
@click.option("--rocm-version", metavar="V", help="Plan for a ROCm that is not here, such as 6.3.")
@click.option(
    "--layout",
    type=click.Choice(["amd", "core", "debian", "wheel"]),
    help="Whose ROCm --rocm-version means: AMD's packages (amd to 7.2, core from 7.13), Debian's own, pip's (wheel). Default: AMD's.",
)
@click.option("--recipe-version", "versions", multiple=True, metavar="[RECIPE=]V", help="Upstream's version. Default: the first that fits.")
@click.option(
    "--source", "sources", multiple=True, metavar="[NAME=]PLACE", help="Take a source from a folder, archive or git address instead."
)
@click.option(
    "--with", "results", multiple=True, metavar="NAME=DIR", help="Build against this result of the recipe NAME, made by an earlier build."
)
@click.option(
    "--python",
    metavar="PATH",
    shell_complete=files,
    help="Python that the wheel is for: an interpreter or an environment. Default: the active environment, else python3. With "
    "--rocm-version: a release such as 3.12; default 3.10, or the image's.",
)
@click.option("--jobs", type=click.IntRange(1, 4096), metavar="N", help="Compilers at a time. Default: as many as cores and memory take.")
@click.option("--launcher", type=click.Choice(["ccache", "sccache", "icecc"]), help="Start compilers through this.")
@click.option("--work", metavar="DIR", shell_complete=files, help="Folder to work in. Default: one of its own in ~/.cache/rocmkit/build.")
@click.option("--out", metavar="DIR", shell_complete=files, default=".", help="Folder that the result goes to. Default: this one.")
@click.option("--dry-run", is_flag=True, help="Print the plan; nothing is written or fetched.")
@click.option("--script", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the plan as a shell script instead.")
@click.option("--dockerfile", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it as a Dockerfile instead.")
@click.option("--container", is_flag=False, flag_value="", metavar="[IMAGE]", help="Build in a container, with docker or podman.")
@click.option("--fresh", is_flag=True, help="Begin anew: take away what earlier builds left in the work folder.")
@click.option("--install", is_flag=True, help="Install the wheel into that Python when it is proved.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to a file.")
def build(recipes: tuple[str, ...], container: str | None, **typed: Any) -> Exit:
    """Build a library for an AMD card from pinned sources, and check what came out.

    RECIPE is a name that `rocmkit recipes` lists, or the folder of one (./FOLDER). What stands in the way is said before the first long
    step: packages to install, a ROCm without kernels for the card, a disk that is too small. Several recipes are built one after
    another, first those that others need. A build that was interrupted goes on where it was; nothing outside the folders of --work and
    --out is written, but with --install.
    """
    from rocmkit.build.load import recipes as known
    from rocmkit.build.wish import Wish, refuse

    if container and container in known():  # click takes the word behind --container for its value
        recipes, container = (container, *recipes), ""
    wish = Wish(recipes=recipes, container=container, **{name: typed[name] for name in Wish.__struct_fields__ if name in typed})
    script, dockerfile, output = typed["script"], typed["dockerfile"], typed["output"]
    only_plans = bool(typed["dry_run"] or script or dockerfile)
    refuse(wish)
    _refuse(wish, only_plans=only_plans, dockerfile=bool(dockerfile), install=typed["install"])
    _refuse_files([path for path in (script, dockerfile) if path], output)
    can_write(script, dockerfile, output)
    if script:
        _write(wish, script, in_image=False)
    if dockerfile:
        _write(wish, dockerfile, in_image=True)
    if typed["dry_run"]:
        _print(wish, output, as_json=typed["as_json"])
    return Exit.OK if only_plans else _build(wish, output, as_json=typed["as_json"], fresh=typed["fresh"], install=typed["install"])


def _refuse(wish: Wish, *, only_plans: bool, dockerfile: bool, install: bool) -> None:
    """Raise UsageError for what cannot be done with it."""
    if wish.rocm_version and not only_plans and wish.container is None:
        raise UsageError(
            "--rocm-version plans for a ROCm that is not here, which cannot build",
            "add --dry-run, --script FILE, --dockerfile FILE or --container; --rocm DIR chooses among those that are here",
        )
    if wish.layout and (wish.container is not None or dockerfile):
        raise UsageError("--layout is for a ROCm on a machine; an image has its own", "leave --layout out")
    if install and (only_plans or wish.container is not None):
        raise UsageError("--install is for a build on this machine", "pip installs a wheel that a container made")


def _refuse_files(files: list[Path], reports: Path | None) -> None:
    """Raise UsageError where one text would overwrite another."""
    every = [path for path in (*files, reports) if path]
    if twice := next((path for path in every if every.count(path) > 1), None):
        raise UsageError(f"{twice} is named twice: one text would overwrite the other")


def _jobs(wish: Wish, *, in_image: bool) -> tuple[Ground, list[Job]]:
    from rocmkit.jobs import jobs
    from rocmkit.sources import live, surveyed

    return jobs(wish, surveyed, live, in_image=in_image)


def _write(wish: Wish, path: Path, *, in_image: bool) -> None:
    """The plan as a file that does it."""
    from rocmkit.build.dockerfile import dockerfile
    from rocmkit.build.script import script
    from rocmkit.build.together import connected
    from rocmkit.report.terminal import line

    ground, jobs = _jobs(wish, in_image=in_image)
    plans = [job.plan for job in jobs]
    if not connected(plans):
        raise UsageError(
            "--script and --dockerfile write one recipe each, or those that are built against each other", "call rocmkit for each"
        )
    write(dockerfile(*plans) if in_image else script(*plans), path)
    told = [f"{block.code}: {block.text}" for plan in plans for block in plan.blocked_by]
    told += [f"UNPINNED {pin.name}: {pin.unpinned}" for plan in plans for pin in plan.pins if pin.unpinned]
    for text in told:
        note(f"warning: {ground.host.private.hide(text)}")
    if str(path) != "-":
        name = line(str(path))
        how = f"docker build --output out -f {name} ." if in_image else f"bash {name}"
        what = " and ".join(f"{line(plan.recipe)} {line(plan.local_version)}" for plan in plans)
        note(f"wrote {name}: `{how}` builds {what}")


def _print(wish: Wish, output: Path | None, *, as_json: bool) -> None:
    from rocmkit.report import json
    from rocmkit.report import plan as text
    from rocmkit.report.buildvalues import hidden, plans

    ground, jobs = _jobs(wish, in_image=wish.container is not None)
    found = hidden(plans(jobs), ground.host.private)
    write(json.render(found) if as_json else text.render(found, **drawing(to_terminal=output is None)), output)


def _build(wish: Wish, output: Path | None, *, as_json: bool, fresh: bool, install: bool) -> Exit:
    from msgspec.structs import replace

    from rocmkit.build.job import work
    from rocmkit.report import build as text
    from rocmkit.report import json
    from rocmkit.report.buildvalues import builds, hidden

    ground, jobs = _jobs(wish, in_image=wish.container is not None)
    ground = replace(ground, fresh=fresh, install=install)
    names = ground.host.private
    if wish.container is not None:
        from rocmkit.build.container import contained

        jobs, carry = contained(jobs, wish, ground.host)
    else:
        carry = None
    with progress(doing="building", clock=False) as tell:
        done = work(jobs, ground, _tells(tell, names.hide), carry)
    found = hidden(builds(done), names)
    shown = text.render(found, command=names.hide_words(sys.argv[1:]), **drawing(to_terminal=output is None))
    write(json.render(found) if as_json else shown, output)
    return worst(Exit(one.built.exit) for one in done)


def _tells(tell: Line | None, hide: Callable[[str], str]) -> Tells:
    """What says how far a build is: on a terminal in one line, else in a line for each step and one every few minutes."""
    from rocmkit.report.build import begins, progress

    def tells(job: Job) -> Tell:
        note(hide(begins(job)))
        said, at = "", 0.0

        def told(now: Progress) -> None:
            nonlocal said, at
            if tell:
                tell(progress(now))
            elif now.step != said or time.monotonic() - at >= _LINE_S:
                note(progress(now))
                said, at = now.step, time.monotonic()

        return told

    return tells
