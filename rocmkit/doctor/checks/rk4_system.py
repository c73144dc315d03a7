"""What the system's C and C++ libraries offer, and what Python packages ask of them."""

from __future__ import annotations

from rocmkit.doctor.check import check
from rocmkit.doctor.checks._stack import one_line
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Python, PythonLibrary, System
from rocmkit.kb.versions import numbers


@check("RK408", "glibcxx", title="A package asks for a newer C or C++ library", severity="error")
def glibcxx(system: System, python: Python) -> Outcome:
    """A library of a package needs a newer libstdc++ or glibc than the environment has.

    ## What it looks at

    The highest `GLIBCXX_` and `GLIBC_` versions that each package's libraries ask for, against those that the environment's own
    `libstdc++.so.6` defines (a Conda environment brings one, and it is found first), else the system's, and against the system's glibc.

    ## Why it matters

    The import ends with `version 'GLIBCXX_3.4.30' not found` or `version 'GLIBC_2.38' not found`. ROCm 6.4 and newer ask for the
    libstdc++ of GCC 12; old Conda environments hide the system's newer one behind an older one.

    ## Fix

    In a Conda environment install a newer libstdc++. A glibc cannot be exchanged: take an older release of the package, or a newer
    distribution.

    ## Safe to ignore when

    Nothing you run imports that package.

    ## Sources

    - ROCm/AMDMIGraphX#3405
    - ROCm/AMDMIGraphX#3965
    - pytorch/pytorch#157709
    - xorbitsai/xllamacpp#51
    """
    own = python.libstdcxx
    if isinstance(own, Gap):
        return skip("the libstdc++ of the environment is not known: {detail}", detail=own.detail)
    offered = own or (None if isinstance(system.glibcxx, Gap) else system.glibcxx)
    glibc = None if isinstance(system.glibc, Gap) else system.glibc
    if offered is None and glibc is None:
        return skip("the versions of libstdc++ and glibc are not known")
    where = "libstdc++ of the environment" if own else "libstdc++ of the system"
    ways = (("GLIBCXX", offered, where), ("GLIBC", glibc, "glibc of the system"))
    findings, seen = [], []
    for tag, have, place in ways:
        asked = [(need, lib) for lib in python.libraries if (need := _asked(lib, tag)) and numbers(need)]
        if have is None or not numbers(have) or not asked:
            continue
        brought = {lib.package for lib in python.libraries if _brings(lib, tag, asked)}
        worst: dict[str, tuple[str, PythonLibrary]] = {}
        for need, lib in asked:
            if _after(need, have) and lib.package not in brought and (lib.package not in worst or _after(need, worst[lib.package][0])):
                worst[lib.package] = (need, lib)
        findings += [_lacking(python, tag, need, lib, have, place, bool(own)) for need, lib in worst.values()]
        need, lib = max(asked, key=lambda item: numbers(item[0]) or ())
        seen += [Seen(lib.file, f"asks for {tag}_{need}"), Seen(place, f"{tag}_{have}")]
    return judge(findings, *seen)


def _asked(lib: PythonLibrary, tag: str) -> str | None:
    if isinstance(lib.code, Gap):
        return None
    return lib.code.glibcxx if tag == "GLIBCXX" else lib.code.glibc


def _brings(lib: PythonLibrary, tag: str, asked: list[tuple[str, PythonLibrary]]) -> bool:
    """Whether this file is a libstdc++ that its package brings with it, new enough for all of that package."""
    if isinstance(lib.code, Gap) or tag != "GLIBCXX" or not lib.code.glibcxx_provided:
        return False
    provided = lib.code.glibcxx_provided
    return not any(_after(need, provided) for need, other in asked if other.package == lib.package)


def _after(left: str, right: str) -> bool:
    return (numbers(left) or ()) > (numbers(right) or ())


def _lacking(python: Python, tag: str, need: str, lib: PythonLibrary, have: str, place: str, own: bool) -> Finding:
    confidence: Confidence = "sure"
    if tag == "GLIBCXX" and (own or python.kind == "conda"):
        fix = Fix(
            text=say("Install a newer libstdc++ into the Conda environment; that of GCC 12 defines GLIBCXX_3.4.30."),
            commands=(f"conda install -p {python.prefix} -c conda-forge 'libstdcxx-ng>=12'",),
        )
    elif tag == "GLIBCXX":
        fix = Fix(
            text=say(
                "Use a release of {package} for this distribution, a newer distribution, or a Conda environment with its own libstdc++.",
                package=lib.package,
            )
        )
    else:
        fix = Fix(
            text=say("Use an older release of {package}, or a distribution with glibc {need} or newer.", package=lib.package, need=need)
        )
    module = lib.package.replace("-", "_")
    return Finding(
        subject=lib.package,
        message=say(
            "{package} asks for {tag}_{need}, the {place} ends at {tag}_{have}",
            package=lib.package,
            tag=tag,
            need=need,
            place=place,
            have=have,
        ),
        confidence=confidence,
        seen=(Seen(lib.file, f"asks for {tag}_{need}"), Seen(place, f"{tag}_{have}")),
        cause=say("The package was built on a newer system."),
        fix=Fix(text=fix.text, commands=fix.commands, verify=(one_line(python, f"import {module}"),)),
    )
