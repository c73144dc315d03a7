"""A plan as it is resolved, and what came of carrying it out. Frozen, printable as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from rocmkit.build.recipe import Cost, Expect, Stage
from rocmkit.build.toolchain import Toolchain
from rocmkit.model import Model

Launcher = Literal["ccache", "sccache", "icecc"]
LAUNCHERS: tuple[Launcher, ...] = ("ccache", "sccache", "icecc")


#: What came of a build. missing: something has to be installed or mended first.
Outcome = Literal["built", "failed", "not-proven", "blocked", "missing", "interrupted"]


class Given(Model, kw_only=True):
    """What the user gave in place of a source's own address."""

    name: str  # of the source
    kind: Literal["git", "folder", "archive"]  # git: an address or a repository here, from which the pinned commit is fetched all the same
    place: str  # address or path


Origin = Literal["call", "given", "cache"]


class Result(Model, kw_only=True):
    """The result of another recipe, which something is built against."""

    recipe: str  # that made it
    folder: str  # include/ and lib/ lie in it
    origin: Origin  # made by the same call, named by the user, or left by an earlier build of the user's
    digest: str  # of what it is: equal digests, equal results
    version: str | None  # 1.22.1+rocm6.3.gfx906; None: nothing says it
    rocm: str | None  # release of ROCm that it was built with; None: nothing says it
    arch: tuple[str, ...] | None  # targets that it was built for; None: nothing says it


class Ask(Model, kw_only=True):
    """What the user asks for."""

    archs: tuple[str, ...]  # target ids, gfx906 or gfx906:xnack-
    version: str | None = None  # release of the recipe; None: the first that fits
    work: str  # folder to work in; all that is written lies below it, but for what `out` gets
    out: str  # folder that the result goes to
    jobs: int | None = None  # compilers at a time; None: as many as ninja thinks right
    launcher: Launcher | None = None  # what compilers are started through
    given: tuple[Given, ...] = ()  # sources from elsewhere
    provided: dict[str, str] = {}  # library whose kernels another recipe of the same call makes: rocblas, and that recipe
    results: dict[str, Result] = {}  # of other recipes, by their names
    lost: dict[str, str] = {}  # recipe of which there is a result that does not serve, and why


class PlanFile(Model, kw_only=True):
    """A small text file that is written before the first step."""

    path: str  # below {work}
    text: str
    sha256: str  # of its bytes


class PlanStep(Model, kw_only=True):
    """One command, with nothing left to fill in."""

    name: str  # fetch-ctranslate2-checkout
    stage: Stage
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]  # all variables that it needs beside a plain environment: the toolchain's and the step's
    why: str
    #: How it is carried out: run the command; download or unpack do the same as the command does, within the work folder alone.
    act: Literal["run", "download", "unpack"] = "run"
    progress: bool = False  # it prints ninja's counters
    network: bool = False  # it needs the network
    group: str = ""  # steps that are done again together, from the first
    pinned: str = ""  # commit or sha256 that it checks; empty: it checks none
    digest: str  # of itself and of all before it, and of the files that they read: equal digests give equal results


class Pin(Model, kw_only=True):
    """What a source is held to."""

    name: str  # ctranslate2, ctranslate2/third_party/spdlog
    url: str  # the address it is fetched from; a path for what the user gave
    commit: str | None  # of a repository
    sha256: str | None  # of an archive
    unpinned: str  # why neither holds; empty: one does


class Block(Model, kw_only=True):
    """Why the result could not compute on the card, or could not be built."""

    code: str  # of the check or issue that explains it: RK307
    text: str
    ways_out: tuple[str, ...]  # sentences or commands


class Plan(Model, kw_only=True):
    """All that is done, before anything is done. The same input gives the same plan, byte for byte."""

    recipe: str
    title: str
    version: str  # upstream's: 4.8.1
    local_version: str  # 4.8.1+rocm6.3.gfx906
    arch: tuple[str, ...]  # target ids, in the order of names
    toolchain: Toolchain
    feasible: bool
    blocked_by: tuple[Block, ...]
    prerequisites: tuple[str, ...]  # recipes that take the blocks away
    work: str
    out: str
    files: tuple[PlanFile, ...]
    steps: tuple[PlanStep, ...]
    pins: tuple[Pin, ...]
    wheel: str | None  # file name of the wheel; None: the recipe makes none
    prefix: str  # folder that is installed into, inside `work`
    dist: str  # folder that the wheel is found in, inside `work`
    expect: Expect
    needs: tuple[str, ...]  # ids of what has to be installed to build
    runs_on: tuple[str, ...]
    cost: Cost
    jobs: int | None
    launcher: Launcher | None
    gives: tuple[str, ...] = ()  # what the result does on the card
    notes: tuple[str, ...]
    uses: tuple[Result, ...] = ()  # what it is built against
    links: tuple[str, ...]
    use: str  # how a result that is no wheel is used
    package: str | None
    recipe_sha256: str  # of recipe.yaml and of every file that it brings
    digest: str  # that of the last step


class StepRun(Model, kw_only=True):
    """How a step went."""

    name: str
    status: Literal["done", "kept", "failed", "interrupted", "not-run"]  # kept: an earlier run had done the same
    seconds: float  # of the run that did it
    log: str | None  # path; None: it printed nowhere
    script: str | None  # path of a script that does it again


class Failure(Model, kw_only=True):
    """Why a step failed."""

    step: str
    exit: int | None  # its exit code; None: a signal ended it
    signal: str | None  # SIGKILL
    error: str  # the first real error, one line
    lines: tuple[str, ...]  # that line and what belongs to it
    code: str | None  # known issue that the log shows
    cause: str | None  # of that issue
    fix: str | None
    integrity: bool = False  # what was fetched is not what was pinned, or could not be fetched


class Ran(Model, kw_only=True):
    """What came of the steps."""

    outcome: Literal["done", "failed", "interrupted"]
    steps: tuple[StepRun, ...]
    failure: Failure | None
    notes: tuple[str, ...] = ()  # what the user should know: that what was done before could not be told


class Proven(Model, kw_only=True):
    """One thing that the result had to be."""

    name: str  # gfx
    outcome: Literal["ok", "found", "unknown"]  # found: it is not so
    text: str


class Proof(Model, kw_only=True):
    """What a finished build is, as read from its files and by importing it."""

    wheel: str | None  # path
    sha256: str | None  # of the wheel
    artefacts: tuple[str, ...]  # paths
    folder: str | None = None  # beside a wheel, headers and libraries that others are built against
    gfx: tuple[str, ...]  # targets found in it
    needs: tuple[str, ...]  # libraries that it asks the machine for
    proven: tuple[Proven, ...]


class Built(Model, kw_only=True):
    """What `rocmkit build` did for one recipe."""

    recipe: str
    version: str
    outcome: Outcome
    because: str | None
    plan: Plan
    steps: tuple[StepRun, ...]
    failure: Failure | None
    proof: Proof | None
    provenance: str | None  # path
    exit: int


class Progress(Model, kw_only=True):
    """How far a build is."""

    step: str  # name of the step that runs
    number: int  # of that step, from 1
    of: int  # steps in all
    done: int | None  # what ninja has made, MiB of a download; None: it prints no counters
    total: int | None  # of so many
    seconds: float  # since the step began
    left_s: float | None  # until the step ends, by its own pace; None: not known yet


#: Is told how far a build is, some times a second at most.
Tell = Callable[[Progress], None]
