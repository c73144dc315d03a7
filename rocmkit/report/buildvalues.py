"""The published shapes of plans and builds: scripts rely on these names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from rocmkit.build.deliver import destination
from rocmkit.build.job import Done, Job
from rocmkit.build.packages import install_command, packages
from rocmkit.build.preflight import Preflight, hosts
from rocmkit.build.problem import Problem
from rocmkit.build.recipe import Cost, Expect
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Block, Failure, Launcher, Outcome, Pin, PlanFile, PlanStep, Proven, Result, StepRun
from rocmkit.host.names import Names
from rocmkit.model import Model, convert, to_builtins

T = TypeVar("T", bound=Model)


class Planned(Model, kw_only=True):
    """`rocmkit build RECIPE --dry-run --json`: all that would be done."""

    schema: Literal["rocmkit.plan/1"] = "rocmkit.plan/1"  # the name of this shape
    recipe: str  # its name
    title: str  # what it builds
    version: str  # upstream's: 4.8.1
    local_version: str  # that of the result: 4.8.1+rocm6.3.gfx906
    arch: tuple[str, ...]  # target ids that it is built for
    feasible: bool  # whether the result could be built, and compute
    blocked_by: tuple[Block, ...]  # why not
    prerequisites: tuple[str, ...]  # recipes that take the blocks away
    toolchain: Toolchain  # what it is built with
    preflight: Preflight | None  # what was seen on this machine; null where it is planned for another
    install: str | None  # one command that brings what is missing; for another machine, all that is needed
    hosts: tuple[str, ...]  # what is fetched from on the network
    pins: tuple[Pin, ...]  # what every source is held to
    files: tuple[PlanFile, ...]  # small files that are written first
    steps: tuple[PlanStep, ...]  # commands, in their order
    wheel: str | None  # name of the wheel; null for a recipe that makes none
    expect: Expect  # what the result has to be
    work: str  # folder to work in
    out: str  # folder that the result goes to
    prefix: str  # folder that is installed into
    dist: str  # folder that the wheel is made in
    needs: tuple[str, ...]  # what has to be installed to build
    runs_on: tuple[str, ...]  # what the result needs where it runs
    cost: Cost  # what it takes, as it was measured
    jobs: int | None  # compilers at a time; null: as many as there are cores
    launcher: Launcher | None  # what compilers are started through
    gives: tuple[str, ...]  # what the result does on the card
    notes: tuple[str, ...]  # limits to know before
    uses: tuple[Result, ...]  # results of other recipes that it is built against
    links: tuple[str, ...]  # public places behind it
    use: str  # how a result that is no wheel is used
    package: str | None  # distribution that the wheel is
    recipe_sha256: str  # of the recipe and of every file that it brings
    digest: str  # of the whole plan: equal digests give equal results


class Plans(Model, kw_only=True):
    """`rocmkit build RECIPE… --dry-run --json` over several recipes."""

    schema: Literal["rocmkit.plans/1"] = "rocmkit.plans/1"  # the name of this shape
    plans: tuple[Planned, ...]  # in the order they would be built in


class Building(Model, kw_only=True):
    """`rocmkit build RECIPE --json`: what was done."""

    schema: Literal["rocmkit.build/1"] = "rocmkit.build/1"  # the name of this shape
    recipe: str  # its name
    title: str  # what it builds
    version: str  # upstream's: 4.8.1
    local_version: str  # that of the result: 4.8.1+rocm6.3.gfx906
    arch: tuple[str, ...]  # target ids that were asked for
    outcome: Outcome  # missing: something has to be installed or mended first
    because: str | None  # why it is not built
    exit: int  # the exit code
    wheel: str | None  # path
    wheel_bytes: int | None  # its size
    sha256: str | None  # of the wheel
    gfx: tuple[str, ...]  # targets found in the result
    needs: tuple[str, ...]  # libraries that it asks the machine for
    artefacts: tuple[str, ...]  # paths of what was made
    proven: tuple[Proven, ...]  # what the result had to be, and whether it is
    steps: tuple[StepRun, ...]  # how each step went; empty where none was begun
    failure: Failure | None  # why a step failed
    remarks: tuple[str, ...]  # what was odd on the way
    provenance: str | None  # path of what is written down about the wheel
    installed: str | None  # what was installed, and for which Python; null: nothing was
    feasible: bool  # as in the plan
    blocked_by: tuple[Block, ...]  # as in the plan
    prerequisites: tuple[str, ...]  # as in the plan
    preflight: Preflight | None  # what was seen on this machine before
    lacking: Problem | None  # what it could not be begun without, beside that
    toolchain: Toolchain  # what it is built with
    pins: tuple[Pin, ...]  # what every source is held to
    work: str  # folder it was made in, with the logs
    prefix: str  # folder that was installed into
    use: str  # how a result that is no wheel is used
    folder: str | None  # headers and libraries that others are built against; null: there are none beside the result
    gives: tuple[str, ...]  # what the result does on the card
    notes: tuple[str, ...]  # limits to know
    uses: tuple[Result, ...]  # results of other recipes that it was built against
    package: str | None  # distribution that the wheel is
    digest: str  # of the plan


class Builds(Model, kw_only=True):
    """`rocmkit build RECIPE… --json` over several recipes."""

    schema: Literal["rocmkit.builds/1"] = "rocmkit.builds/1"  # the name of this shape
    builds: tuple[Building, ...]  # in the order they were built in


def planned(job: Job) -> Planned:
    """A plan as it is published."""
    plan, before = job.plan, job.preflight
    install = before.install if before else install_command(packages(plan.needs, plan.toolchain), plan.toolchain, root=False)
    return Planned(preflight=before, install=install, hosts=hosts(plan), **_same(plan, Planned))


def plans(jobs: Iterable[Job]) -> Planned | Plans:
    """One plan, or several."""
    found = tuple(map(planned, jobs))
    return found[0] if len(found) == 1 else Plans(plans=found)


def building(done: Done) -> Building:
    """What was done, as it is published."""
    proof = done.built.proof
    return Building(
        **{**_same(done.built.plan, Building), **_same(done.built, Building)},
        preflight=done.job.preflight,
        lacking=done.job.lacking,
        use=_use(done),
        remarks=done.remarks,
        installed=done.installed,
        wheel=proof.wheel if proof else None,
        wheel_bytes=done.wheel_bytes,
        sha256=proof.sha256 if proof else None,
        gfx=proof.gfx if proof else (),
        needs=proof.needs if proof else (),
        artefacts=proof.artefacts if proof else (),
        folder=proof.folder if proof else None,
        proven=proof.proven if proof else (),
    )


def builds(done: Iterable[Done]) -> Building | Builds:
    """One build, or several."""
    found = tuple(map(building, done))
    return found[0] if len(found) == 1 else Builds(builds=found)


#: What a build says of itself, not of its plan.
_OWN = ("wheel", "needs", "use")


def _use(done: Done) -> str:
    """How a result that is no wheel is used where it is now."""
    plan = done.built.plan
    return plan.use.replace(plan.prefix, str(destination(plan))) if done.built.outcome == "built" else plan.use


def _same(value: Model, kind: type[Model]) -> dict[str, Any]:
    """Fields of `value` that `kind` has under the same name; a build has its own ones of `_OWN`."""
    names = set(kind.__struct_fields__) - (set(_OWN) if kind is Building else set())
    return {name: getattr(value, name) for name in value.__struct_fields__ if name in names}


#: Fields that hold what a user typed, or what a program printed.
_TYPED = frozenset({"failure", "pins", "argv", "because", "remarks"})


def hidden(value: T, names: Names) -> T:
    """A published value in which no text names the user or the machine.

    Of what was typed and of what a failed step printed, passwords and addresses go too.
    """
    return convert(_mapped(to_builtins(value), names.hide, names), type(value), source="what is shown")


def _mapped(value: Any, hide: Callable[[str], str], names: Names) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {name: _mapped(one, names.hide_text if name in _TYPED else hide, names) for name, one in value.items()}
    return [_mapped(one, hide, names) for one in value] if isinstance(value, list | tuple) else value
