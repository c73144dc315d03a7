"""A recipe as it is written: pinned sources, patches, small files of our own, and steps that are lists of arguments.

A recipe holds no code but what its steps name, and no expression: `when` knows architectures and ROCm releases alone, and placeholders
are the closed set of `placeholders.NAMES`. What is true of an architecture stays in the knowledge base.
"""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.systems import Engine
from rocmkit.kb.values import Known
from rocmkit.kb.when import ALWAYS, LAYOUTS, Layout, Note, When
from rocmkit.model import Model

#: The parts of a build that people know it by, in their order.
Stage = Literal["fetch", "patch", "configure", "build", "wheel", "repair"]
STAGES: tuple[Stage, ...] = ("fetch", "patch", "configure", "build", "wheel", "repair")


class Submodule(Model, kw_only=True):
    """A repository that a git source holds in a folder of its own."""

    path: str  # third_party/spdlog
    git: str  # its address
    commit: str  # 40 hexadecimal digits: what the source's own commit names there


class Source(Model, kw_only=True):
    """What is fetched into `{src}/NAME`: a commit of a git repository, or an archive."""

    git: str = ""  # address; empty: it is an archive
    commit: str = ""  # 40 hexadecimal digits
    ref: str = ""  # the tag or branch that the commit is known by; for people
    submodules: tuple[Submodule, ...] = ()  # those that the build needs
    archive: str = ""  # address of a tar archive; empty: it is a repository
    sha256: str | None = None  # of the archive's bytes, computed by us; None: they could not be had
    unpinned: str = ""  # why `sha256` is not known
    why: str  # what it is for


class Patch(Model, kw_only=True):
    """A change of a source."""

    to: str  # name of the source that is changed
    file: str  # below the recipe's folder; with `source_of`, below that source
    source_of: str = ""  # name of the source that brings the patch; empty: the recipe brings it
    sha256: str  # of the patch file
    strip: int = 1  # leading folders of its names that are left out
    why: str  # what does not work without it
    link: str  # public place that says so
    when: When = ALWAYS


class Brought(Model, kw_only=True):
    """A small file of our own, which steps find at `{files}/FILE`: a compatibility header, mostly."""

    file: str  # below the recipe's folder: compat/hip6.h
    why: str  # what does not work without it
    link: str  # public place that says so
    when: When = ALWAYS


class Words(Model, kw_only=True):
    """Words that a value or a command holds in some builds alone."""

    when: When
    words: tuple[str, ...]


class Step(Model, kw_only=True):
    """One command."""

    name: str  # library-configure
    stage: Stage
    run: tuple[str | Words, ...]  # the program and its arguments; no shell sees them
    cwd: str = "{work}"  # the folder it runs in, which is made
    env: dict[str, str] = {}  # variables that it sees beside those of the toolchain
    why: str  # what it is for
    progress: bool = False  # it prints ninja's counters
    network: bool = False  # it needs the network: pip install
    group: str = ""  # steps that are only right when done together, from the first: a change to files in place
    when: When = ALWAYS


class Cost(Model, kw_only=True):
    """What a build takes, as somebody measured it."""

    core_minutes: float  # of one processor core of about 2020
    per_arch_minutes: float = 0.0  # more for each architecture after the first
    memory_per_job_gib: float  # of the heaviest compiler
    disk_gib: float  # sources, build tree and result
    measured: str  # where


class Expect(Model, kw_only=True):
    """What the result has to be."""

    imports: tuple[str, ...] = ()  # modules that import in an environment of their own
    requires: tuple[str, ...] = ()  # distributions that the imports need, as pip takes them
    bundled: tuple[str, ...] = ()  # libraries inside the wheel, by the beginning of their names: libctranslate2.so
    rocm: tuple[str, ...] = ()  # libraries that the ROCm of the machine brings: libhipblas.so
    env: dict[str, str] = {}  # variables that the result sets for its own process, where the user does not
    providers: tuple[str, ...] = ()  # of an ONNX Runtime: execution providers that it offers once it is imported
    gpu_code: bool = True  # it holds code for the cards; false: what it uses compiles on the machine, as MIGraphX does
    files: tuple[str, ...] = ()  # below {prefix}, patterns that match something: lib/rocblas/library/*gfx906*; {arch} for each architecture


class Release(Model, kw_only=True):
    """One upstream version, for some releases of ROCm."""

    version: str
    #: Version of a release above: what is not named here is as it is there, of `fetch`, `values`, `cost` and `expect` entry by entry.
    like: str = ""
    rocm: str  # specifier on the ROCm that is built with: >=6.2,<8
    layouts: tuple[Layout, ...] = LAYOUTS
    archs: tuple[str, ...] = ()  # base names; empty: whatever that ROCm's compiler knows
    machines: tuple[str, ...] = ("x86_64",)  # processors, as uname names them
    wavefront: int = 0  # size of the wavefront of GPUs whose results are right; 0: any
    python: str = ""  # specifier on Python; empty: any
    known: Known  # how it is known that this works
    why: str  # why this version for these ROCm
    gives: tuple[str | Note, ...] = ()  # what the result does on the card
    notes: tuple[str | Note, ...] = ()  # limits to know before: what it does not do, and what that costs
    links: tuple[str, ...]  # public places behind it
    uses: tuple[str, ...] = ()  # recipes whose results it is built against; {from.NAME} is where such a one is installed
    fetch: dict[str, Source]  # by name; the first is the one that --source replaces
    patches: tuple[Patch, ...] = ()  # in the order they are applied in
    files: tuple[Brought, ...] = ()
    values: dict[str, tuple[str | Words, ...]] = {}  # {value.NAME}: words joined by blanks
    needs: tuple[str, ...]  # ids of `kb.build_needs()`: what has to be installed to build
    runs_on: tuple[str, ...] = ()  # the same, of what the result needs where it runs
    kernels: tuple[str, ...] = ()  # ROCm libraries that must hold kernels for the card, or the result cannot compute: rocblas
    cost: Cost
    steps: tuple[Step, ...]
    expect: Expect


class Recipe(Model, kw_only=True):
    """How something is built for HIP."""

    name: str  # that of its folder
    title: str  # CTranslate2 with GPU code for AMD cards
    summary: str  # what it gives, in a sentence or two
    package: str | None = None  # the distribution that its wheel is; None: it makes no wheel
    engine: Engine | None = None  # what that computes for
    provides: tuple[str, ...] = ()  # ROCm libraries whose kernels it makes: rocblas
    use: str = ""  # how the result is used, where it is no wheel; {prefix} is filled in
    licence: str  # of what is built
    releases: tuple[Release, ...]  # the first that fits is taken


class Loaded(Model, kw_only=True):
    """A recipe with the small files that it brings."""

    recipe: Recipe
    texts: dict[str, str]  # of every patch and file that the recipe brings, by its path below the recipe's folder
    sha256: str  # of recipe.yaml and of those files, with their names
