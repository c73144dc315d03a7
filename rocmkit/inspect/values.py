"""The published shape of `rocmkit inspect`: everything that is said of the files, as frozen values."""

from __future__ import annotations

from typing import Literal

from rocmkit.gpucode.values import CodeObjects, GpuApi
from rocmkit.model import Model

Answer = Literal["yes", "no", "unknown", "none"]


class Runs(Model, kw_only=True):
    """Whether GPU code runs on one card, and why."""

    gpu: str  # the card that was asked about, as --for has it: gfx906, gfx906:sramecc+:xnack-
    answer: Answer  # "none": no GPU code that could be judged
    because: str  # the reason, in one line
    needs: tuple[str, ...] = ()  # states that the card must be in, where --for leaves them open: xnack-, sramecc+
    own: bool = True  # the file itself holds code for AMD GPUs, which decides; false: what it loads, or what else there is, does


class InspectedFile(Model, kw_only=True):
    """One file that holds GPU code or is linked with a GPU library, or one folder of kernel files."""

    target: str  # the TARGET that it belongs to, as it was typed
    file: str  # its path below the target; the file's name where the target is a file
    kind: Literal[
        "library",
        "program",
        "object",
        "code-object",
        "bundle",
        "cuda-binary",
        "archive",
        "kernel-folder",
        "kernel-file",
        "kernel-list",
        "unknown",
    ]
    """What it is. "kernel-folder": all kernel files of one library in one folder; "kernel-file": one of them by itself, "kernel-list":
    one that only lists or tunes kernels that lie in others; "unknown": it could not be read."""
    size_bytes: int  # of the file; of a folder its kernel files together
    architecture: str | None = None  # processor that the file is made for: x86_64; None: not told
    gpu_api: GpuApi
    """The GPU programming interface it is linked with. "unknown": it names both, or could not be read whole and names neither."""
    gfx: tuple[str, ...] | None
    """Sorted distinct targets of the AMD GPU code inside. None: not all of it could be read, `unreadable` says why."""
    sm: tuple[str, ...] = ()  # sorted distinct targets of the NVIDIA code inside: sm_80, compute_80
    objects: tuple[CodeObjects, ...] = ()  # the AMD GPU code, by target
    bundles: int = 0  # uncompressed offload bundles
    compressed: int = 0  # compressed offload bundles
    kernel_names: tuple[str, ...] = ()  # sorted and distinct, where --names asked for them
    unreadable: tuple[str, ...] = ()  # one short reason for each kind of thing that could not be read
    soname: str | None = None  # DT_SONAME
    needs: tuple[str, ...] = ()  # DT_NEEDED, in the order of the file
    rpath: tuple[str, ...] = ()  # folders of DT_RUNPATH, else of DT_RPATH, with $ORIGIN as written
    rpath_kind: Literal["rpath", "runpath"] | None = None  # which of the two it is
    found: dict[str, str] = {}
    """Needed library to where it is: a path on this machine, or "in the wheel", "in the package", "in the folder"."""
    missing: tuple[str, ...] | None = None
    """Needed libraries that are nowhere where the loader looks; None: not looked for, as the file is not for this machine."""
    beside: tuple[str, ...] = ()  # those of `missing` that lie in the file's own folder, where the loader does not look
    loads: dict[str, str] = {}  # where it has no GPU code of its own: needed library that bears on GPUs to what it holds
    glibc: str | None = None  # highest GLIBC_ version asked for
    glibcxx: str | None = None  # highest GLIBCXX_ version asked for
    kernel_libraries: dict[str, dict[str, int]] = {}  # of kernel files: library to target to number of files
    problems: tuple[str, ...] = ()  # kernel files that cannot be used, or are not for the target in their name: "FILE: why"
    runs: tuple[Runs, ...] = ()  # one for each card that was asked about


class WheelFacts(Model, kw_only=True):
    """What a wheel says of itself."""

    name: str | None  # of the distribution; None: it does not say
    version: str | None  # of the distribution; None: it does not say
    tags: tuple[str, ...]  # of the file's name, which pip goes by: cp310-cp310-manylinux_2_34_x86_64; without any there, as `inner_tags`
    inner_tags: tuple[str, ...]  # of the WHEEL file inside
    glibc_of_tags: str | None  # lowest glibc that the tags promise to run with; None: they promise none


class InspectedTarget(Model, kw_only=True):
    """One TARGET of the command line."""

    target: str  # as it was typed, with "~" for the home folder and "$USER" for its owner, as in all paths of this machine
    kind: Literal["file", "wheel", "folder", "package"]  # what was named
    path: str  # the file or folder; of a package the folder that it is installed in
    package: str | None  # "NAME VERSION" of an installed package
    wheel: WheelFacts | None  # what the wheel says of itself
    kernel_libraries: dict[str, dict[str, int]]  # all kernel folders together: library to target to number of files
    glibc: str | None  # highest GLIBC_ version that a file asks for
    glibc_file: str | None  # the file that does
    glibcxx: str | None  # highest GLIBCXX_ version that a file asks for
    glibcxx_file: str | None  # the file that does
    seen: int  # files met
    unread: int  # files and folders that could not be looked at
    left_out: dict[str, int]  # files of which no more is said, counted by the reason
    notes: tuple[str, ...]  # what else was met: links out of the folder, folders that cannot be listed
    does_not_load: str | None  # why it does not load on this machine: "needs glibc 2.38, here is 2.36"; None: no reason is known
    pages: tuple[str, ...]  # checks whose pages say what to do about an answer that is no yes: RK403
    warnings: tuple[str, ...]  # what is wrong with it apart from its GPU code: a C library that is too old, tags that promise too much
    runs: tuple[Runs, ...]  # one for each card that was asked about


class ThisMachine(Model, kw_only=True):
    """What files were compared with."""

    architecture: str | None  # x86_64; None: not known
    glibc: str | None  # version; None: not known, or another C library
    glibcxx: str | None  # highest GLIBCXX_ that the system's libstdc++ provides; None: not known, or there is none


class Inspection(Model, kw_only=True):
    """`rocmkit inspect --json`."""

    schema: Literal["rocmkit.inspect/1"] = "rocmkit.inspect/1"  # the name of this shape
    rocmkit: str  # version
    kb: str  # day of the knowledge base
    asked: tuple[str, ...]  # the cards that --for names; those of this machine for "native"
    machine: ThisMachine  # what files were compared with
    targets: tuple[InspectedTarget, ...]  # in the order of the command line
    files: tuple[InspectedFile, ...]  # of all targets, in their order
    answer: Answer | None  # for all targets and all cards together; None: no card was asked about
    exit: int  # the exit code
