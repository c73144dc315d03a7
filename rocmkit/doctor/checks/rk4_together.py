"""What only experiments can show (`doctor --try`) of imports: packages that die, and packages that do not bear each other."""

from __future__ import annotations

from msgspec.structs import replace

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks import _tried
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.result import Finding, Fix, Outcome, say
from rocmkit.facts import Python
from rocmkit.trial.ladder import BACKWARDS, FORWARDS, rung_of
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending


@check("RK431", "import-dies", title="A package that cannot be imported", severity="error", gpu=False)
def import_dies(python: Python, trials: tuple[Trial, ...]) -> Outcome:
    """A package raises, dies or never ends while it is imported, with no other package loaded before it.

    ## What it looks at

    With `doctor --try` alone: each package that speech systems load is imported in a process of its own, in the environment that is
    judged.

    ## Why it matters

    Every program that imports it ends there, and so does the import of each package that stands on it: librosa and openai-whisper end
    with numba. A package that dies takes the traceback with it.

    ## Fix

    What the package says, or the library that it died in, names the cause; doctor names the page where it is a known one. A package that
    lacks another one is mended by pip; one that dies was mostly built for other libraries than are here.

    ## Safe to ignore when

    No program of yours uses the package.

    ## Sources

    - yuvraj108c/ComfyUI-Whisper#47
    - NixOS/nixpkgs#278106
    - https://docs.python.org/3/library/faulthandler.html
    """
    found = [_import(group, python) for group in _tried.alike(_tried.showing(trials, "RK431"))]
    imports = tuple(trial for trial in trials if rung_of(trial.name) == "import")
    return _tried.judged(
        found, imports, "packages were imported, each in a process of its own", "none of the packages that are tried is here"
    )


def _import(group: list[Trial], python: Python) -> Finding:
    first = group[0]
    names = [trial.name.removeprefix("import-") for trial in group]
    codes = _tried.known(group, but="RK431")
    if codes:
        fix = Fix(text=say("{code} tells the way out.", code=codes[0]), commands=(f"rocmkit explain {codes[0]}",))
    elif first.outcome == "fail":
        fix = Fix(text=say("Bring what the message misses. pip names packages that lack others."), commands=advice.pip(python, "check"))
    else:
        text = say("Let rocmkit bisect find what it dies of; then install a build of the package that fits the others.")
        fix = Fix(text=text, commands=(_tried.shrinking(python, f"import {names[0]}"),))
    return Finding(
        subject=names[0],
        message=say(
            "import {module} {ends}: {how}{others}",
            module=names[0],
            ends=_tried.ENDS[first.outcome],
            how=ending(first),
            others=f" (and so {', '.join(names[1:])})" if names[1:] else "",
        ),
        confidence="sure",
        seen=_tried.listed(group),
        cause=_tried.pointing(codes),
        fix=replace(fix, verify=(one_line(python, f"import {names[0]}", "-X faulthandler"),)),
    )


@check("RK432", "import-order", title="Packages that work alone and not together", severity="error", gpu=False)
def import_order(python: Python, trials: tuple[Trial, ...]) -> Outcome:
    """Packages of which each works by itself die in one process, or live in one order of imports only.

    ## What it looks at

    With `doctor --try` alone: all packages of a speech system are imported in one process, torch first, and in another one, torch last,
    so that each was loaded before each other one; then Numba compiles and torch multiplies. Numba's compiler and a convolution or the
    encoder of a small Whisper are tried in both orders, and a convolution after SciPy and resampy. Only what passed alone takes part.

    ## Why it matters

    Two copies of one library in a process, of LLVM, OpenMP, HIP or the C++ library, take one another's place, and which one wins is
    settled by the order of imports. The program dies far from the import that is to blame.

    ## Fix

    Where one order lives, import in that order at the very top of the program. Else keep one of the packages out, or in an environment of
    its own; `rocmkit bisect` finds the smallest set that dies.

    ## Safe to ignore when

    No program of yours loads these packages together.

    ## Sources

    - NixOS/nixpkgs#278106
    - numba/numba#9914
    - pytorch/pytorch#60094
    """
    together = tuple(trial for trial in trials if rung_of(trial.name) == "together")
    bad = _tried.showing(trials, "RK432")
    found = [_together(group, {trial.name: trial for trial in trials}, python) for group in _tried.alike(bad)]
    return _tried.judged(
        found, together, "sets of packages worked in one process", "fewer than two of the packages that are tried are here"
    )


#: Stages that differ in their order alone.
_OTHER_ORDER = {
    FORWARDS: BACKWARDS,
    BACKWARDS: FORWARDS,
    "jit-before-conv1d": "conv1d-before-jit",
    "conv1d-before-jit": "jit-before-conv1d",
    "jit-before-encoder": "encoder-before-jit",
    "encoder-before-jit": "jit-before-encoder",
}


def _together(group: list[Trial], by_name: dict[str, Trial], python: Python) -> Finding:
    first = group[0]
    other = by_name.get(_OTHER_ORDER.get(first.name, ""))
    lives = other if other and other.outcome == "pass" else None
    codes = _tried.known(group, but="RK432")
    text = say("Keep one of them out of the program, or in an environment of its own. rocmkit bisect finds the smallest set that dies.")
    if lives and first.name == BACKWARDS:
        text = say("Import torch before the others, at the top of the program. rocmkit bisect finds which of them must not come first.")
    elif lives:
        text = say(
            "Keep to the other order, which works: {other}. rocmkit bisect finds what is in the way.", other=lives.what or lives.name
        )
    return Finding(
        subject=first.name,
        message=say(
            "{what}: {how}. {each}",
            what=first.what or first.name,
            how=ending(first),
            each="In the other order it works" if lives else "Each of them works alone",
        ),
        confidence="sure",
        seen=(*_tried.listed(group), *((_tried.seen(lives),) if lives else ())),
        cause=_tried.pointing(codes) or say("Libraries that come from several packages get into each other's way in one process."),
        fix=Fix(text=text, commands=(f"rocmkit bisect --python {advice.interpreter(python)}",), verify=(_tried.again(python),)),
    )
