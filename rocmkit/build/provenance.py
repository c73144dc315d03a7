"""Where a result comes from and what was proved of it, in a file beside it. It may be passed on: no user, host or home folder is named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from rocmkit import __version__
from rocmkit.build.deliver import destination, write_atomically
from rocmkit.build.values import Plan, PlanFile, Proof, Proven, Ran
from rocmkit.facts import Driver, Facts, Gap, System
from rocmkit.gpucode.source import sha256
from rocmkit.host.base import Host
from rocmkit.host.names import Names
from rocmkit.kb.when import Layout
from rocmkit.model import Model, to_json


class FromRecipe(Model, kw_only=True):
    """The recipe, and the release of it that was taken."""

    name: str  # ctranslate2
    version: str  # upstream's
    sha256: str  # of recipe.yaml and of every file that it brings


class FromSource(Model, kw_only=True):
    """A source that was fetched."""

    name: str  # ctranslate2, ctranslate2/third_party/spdlog
    url: str  # the address that it came from; without the home folder, where it is a path
    commit: str | None  # of a repository
    sha256: str | None  # of an archive
    unpinned: str  # why neither holds; empty: one does


class FromResult(Model, kw_only=True):
    """The result of another recipe."""

    name: str  # of that recipe
    version: str | None  # 1.22.1+rocm6.3.gfx906; None: nothing said it
    digest: str  # of its plan; of a folder that was given, of its contents


class FromToolchain(Model, kw_only=True):
    """What it was built with."""

    layout: Layout  # where that ROCm has its parts
    rocm: str  # version
    root: str  # its folder
    compiler: str | None  # clang's version; None: not known
    python: str  # version
    python_tag: str  # cp310
    machine: str  # x86_64
    image: str  # of the container that it was built in; empty: none
    launcher: str | None  # what compilers were started through
    programs: dict[str, str]  # versions of CMake and the like, where they are known


class FromMachine(Model, kw_only=True):
    """The machine that it was built on. None: not known."""

    kernel: str | None  # release
    os: str | None  # Ubuntu 22.04.5 LTS
    glibc: str | None  # version
    cpu: str | None  # model
    container: str | None  # docker; None: in none, or not known
    driver: str | None  # version of amdgpu
    gpus: tuple[str, ...] | None  # their targets


class FromStep(Model, kw_only=True):
    """One step of the build."""

    name: str  # fetch-ctranslate2
    status: str  # done; kept: an earlier run had done the same
    seconds: float  # of the run that did it
    pinned: str  # commit or sha256 that it checked; empty: it checks none


class Provenance(Model, kw_only=True):
    """`WHEEL.provenance.json`."""

    schema: Literal["rocmkit.provenance/1"] = "rocmkit.provenance/1"  # the name of this shape
    rocmkit: str  # version
    date: str  # UTC; of SOURCE_DATE_EPOCH where that is set
    plan: str  # digest of the plan: equal digests give equal results
    recipe: FromRecipe  # what was built
    version: str  # that of the result: 4.8.1+rocm6.3.gfx906
    arch: tuple[str, ...]  # targets that were asked for
    uses: tuple[FromResult, ...] = ()  # results of other recipes that it was built against
    result: str  # name of the wheel or of the folder
    sha256: str | None  # of the wheel
    size_bytes: int | None  # of the wheel
    files: dict[str, str]  # of a folder: sha256 of every file in it
    gfx: tuple[str, ...]  # targets that were found inside
    needs: tuple[str, ...]  # libraries that it asks the machine for
    environment: dict[str, str]  # variables that it sets for its own process, where the user does not
    proven: tuple[Proven, ...]  # what was looked at, and what came of it
    sources: tuple[FromSource, ...]  # what it was built from
    brought: dict[str, str]  # patches and files of the recipe: sha256
    toolchain: FromToolchain  # what it was built with
    machine: FromMachine  # where
    steps: tuple[FromStep, ...]  # in their order
    seconds: float  # of all steps together
    notes: tuple[str, ...]  # limits to know


#: What a build depends on, of the programs that facts tell of.
_PROGRAMS = ("cmake", "ninja", "git", "ccache", "gcc", "g++", "make")


def provenance(
    plan: Plan, ran: Ran, proof: Proof, facts: Facts | None, host: Host, *, folder: bool = False, now: float | None = None
) -> Provenance:
    """All of it, of the wheel where there is one; with `folder`, of what lies beside that. Raises OSError where it cannot be read."""
    names = host.private
    wheel = None if folder else proof.wheel
    result = Path(wheel or proof.folder or destination(plan))
    pinned = {step.name: step.pinned for step in plan.steps}
    steps = tuple(
        FromStep(name=step.name, status=step.status, seconds=step.seconds, pinned=pinned.get(step.name, "")) for step in ran.steps
    )
    return Provenance(
        rocmkit=__version__,
        date=_date(host, now),
        plan=plan.digest,
        recipe=FromRecipe(name=plan.recipe, version=plan.version, sha256=plan.recipe_sha256),
        version=plan.local_version,
        arch=plan.arch,
        uses=tuple(FromResult(name=one.recipe, version=one.version, digest=one.digest) for one in plan.uses),
        result=result.name,
        sha256=proof.sha256 if wheel else None,
        size_bytes=result.stat().st_size if wheel else None,
        files={} if wheel else _files(result),
        gfx=proof.gfx,
        needs=proof.needs,
        environment=plan.expect.env,
        proven=proof.proven,
        sources=tuple(
            FromSource(
                name=pin.name, url=names.hide_text(pin.url), commit=pin.commit, sha256=pin.sha256, unpinned=names.hide_text(pin.unpinned)
            )
            for pin in plan.pins
        ),
        brought={_below_files(plan, file): file.sha256 for file in plan.files},
        toolchain=_toolchain(plan, facts, names),
        machine=_machine(facts),
        steps=steps,
        seconds=round(sum(step.seconds for step in steps), 3),
        notes=tuple(map(names.hide_text, plan.notes)),
    )


def write(plan: Plan, ran: Ran, proof: Proof, facts: Facts | None, host: Host) -> Path:
    """Write it beside the result, and say where. Raises OSError."""
    if proof.wheel and proof.folder:
        _written(Path(proof.folder), provenance(plan, ran, proof, facts, host, folder=True))
    return _written(Path(proof.wheel) if proof.wheel else destination(plan), provenance(plan, ran, proof, facts, host))


def _written(result: Path, told: Provenance) -> Path:
    place = result.with_name(f"{result.name}.provenance.json")
    write_atomically(place, (to_json(told) + "\n").encode())
    return place


def _below_files(plan: Plan, file: PlanFile) -> str:
    """The name that the recipe knows a file by. A container has a work folder of its own."""
    own = f"{plan.work}/files/"
    return file.path.removeprefix(own) if file.path.startswith(own) else file.path.partition("/files/")[2] or Path(file.path).name


def _date(host: Host, now: float | None) -> str:
    """The time as it is, or the one that a build is told to have happened at: https://reproducible-builds.org/specs/source-date-epoch/."""
    told = host.environ(lambda name: name == "SOURCE_DATE_EPOCH").get("SOURCE_DATE_EPOCH", "")
    seconds = int(told) if told.isascii() and told.isdecimal() and len(told) < 12 else time.time() if now is None else now
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _files(folder: Path) -> dict[str, str]:
    every = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): sha256(path) for path in every}


def _toolchain(plan: Plan, facts: Facts | None, names: Names) -> FromToolchain:
    chain = plan.toolchain
    tools = () if facts is None or isinstance(facts.tools, Gap) else facts.tools
    return FromToolchain(
        layout=chain.layout,
        rocm=chain.version,
        root=names.hide(chain.root),
        compiler=chain.compiler,
        python=chain.python.version,
        python_tag=chain.python.tag,
        machine=chain.machine,
        image=chain.image,
        launcher=plan.launcher,
        programs={tool.name: tool.version for tool in tools if tool.name in _PROGRAMS and isinstance(tool.version, str)},
    )


def _machine(facts: Facts | None) -> FromMachine:
    system = facts.system if facts and isinstance(facts.system, System) else None
    driver = facts.driver if facts and isinstance(facts.driver, Driver) else None
    gpus = None if facts is None or isinstance(facts.gpus, Gap) else facts.gpus
    return FromMachine(
        kernel=_text(system and system.kernel),
        os=system.os.name if system and not isinstance(system.os, Gap) else None,
        glibc=_text(system and system.glibc),
        cpu=_text(system and system.cpu),
        container=_text(system and system.container),
        driver=_text(driver and driver.version),
        gpus=None if gpus is None else tuple(gpu.target_id or gpu.gfx or gpu.name or "unknown" for gpu in gpus),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
