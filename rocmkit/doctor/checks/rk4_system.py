"""What the system's C and C++ libraries offer, and what Python packages ask of them."""

from __future__ import annotations

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import libraries
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Python, PythonLibrary, System
from rocmkit.kb.versions import numbers, within


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
    if tag == "GLIBCXX" and python.kind == "conda":
        newer = (numbers(need) or ()) > (3, 4, 30)
        change = "update" if newer else "install"
        wanted = "libstdcxx-ng" if newer else "'libstdcxx-ng>=12'"
        fix = Fix(
            text=say("Install a newer libstdc++ into the Conda environment; that of GCC 12 defines GLIBCXX_3.4.30."),
            commands=(f"conda {change} -p {advice.quote(python.prefix)} -c conda-forge {wanted}",),
        )
    elif tag == "GLIBCXX" and own:
        fix = Fix(text=say("Install a newer libstdcxx-ng into the Conda environment that this one was made of."))
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


@check("RK405", "ct2-execstack", title="CTranslate2 asks for an executable stack", severity="error")
def ct2_execstack(python: Python, system: System) -> Outcome:
    """CTranslate2's library asks for an executable stack, which this glibc refuses.

    ## What it looks at

    The `GNU_STACK` header of CTranslate2's libraries, and the version of glibc. Where the library could not be read: releases before
    4.6 carry the flag.

    ## Why it matters

    From 2.41 on glibc does not make the stack executable for a library that is loaded while a program runs. The import ends with
    `cannot enable executable stack as shared object requires: Invalid argument`.

    ## Fix

    Install CTranslate2 4.6 or newer. In a ROCm build of your own, clear the flag with `patchelf`.

    ## Safe to ignore when

    Nothing here imports CTranslate2.

    ## Sources

    - OpenNMT/CTranslate2 CHANGELOG.md, v4.6.0
    - OpenNMT/CTranslate2#1849
    - open-webui/open-webui#10575
    """
    version = python.packages.get("ctranslate2")
    if version is None:
        return skip("CTranslate2 is not installed here")
    if isinstance(system.glibc, Gap) or system.glibc is None or (glibc := numbers(system.glibc)) is None:
        return skip("the version of glibc is not known")
    here = Seen("glibc", system.glibc)
    if glibc < (2, 41):
        return judge([], here)
    read = [(lib, lib.code) for lib in libraries(python, "ctranslate2") if not isinstance(lib.code, Gap)]
    asking = [lib for lib, code in read if code.executable_stack]
    silent = [lib for lib, code in read if code.executable_stack is None]
    if read and not asking and not silent:
        return judge([], here, *(Seen(lib.file, "asks for no executable stack") for lib, _ in read))
    if not read and not within("<4.6", version):
        return skip("the libraries of CTranslate2 {version} could not be read", version=version)
    seen = tuple(Seen(lib.file, "GNU_STACK is executable") for lib in asking)
    seen = seen or tuple(Seen(lib.file, "no GNU_STACK header: the default holds, which is executable") for lib in silent)
    seen = seen or (Seen("metadata of ctranslate2", f"{version}, before 4.6"),)
    built_here = any(lib.gpu_api == "hip" for lib in asking)
    commands = tuple(f"patchelf --clear-execstack {advice.quote(lib.file)}" for lib in asking)
    finding = Finding(
        subject="ctranslate2",
        message=say("CTranslate2 {version} asks for an executable stack, which glibc {glibc} refuses", version=version, glibc=system.glibc),
        confidence="sure" if asking else "likely",
        seen=(*seen, here),
        cause=say("It was linked without a note that its stack need not be executable."),
        fix=Fix(
            text=say("Clear the flag in the library.") if built_here else say("Install CTranslate2 4.6 or newer."),
            commands=commands if built_here else advice.pip(python, 'install --upgrade "ctranslate2>=4.6"'),
            verify=(one_line(python, "import ctranslate2; print(ctranslate2.__version__)"),),
        ),
    )
    return judge([finding])
