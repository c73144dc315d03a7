"""RK303: which HSA runtime a HIP runtime gets."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._stack import Torch, bundled, lookup_of_torch, older, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Library, Python, Rocm

_NEW_HSA = "6.3"  # first ROCm whose libhsa-runtime64 defines hsa_amd_enable_logging


@check(
    "RK303",
    "undef-hsa-enable-logging",
    title="An HSA runtime too old for the HIP runtime",
    severity="error",
    after=("ld-library-path-mix",),
)
def undef_hsa_enable_logging(python: Python | Gap, rocm: tuple[Rocm, ...], env: dict[str, str] | Gap) -> Outcome:
    """A HIP runtime of ROCm 6.3 or newer gets an HSA runtime of an older ROCm, which lacks a function that it calls.

    ## What it looks at

    Which `libhsa-runtime64` each HIP runtime of ROCm 6.3 or newer finds: the one beside it, one that `LD_LIBRARY_PATH` or `LD_PRELOAD`
    puts before it, or the one in the distribution's library folder.

    ## Why it matters

    `libamdhip64` calls `hsa_amd_enable_logging` from ROCm 6.3 on. An HSA runtime of Ubuntu 24.04 (5.7), Debian 12 (5.2) or ROCm 6.2
    does not define it, so loading ends with `undefined symbol: hsa_amd_enable_logging, version ROCR_1`. All of them are called
    `libhsa-runtime64.so.1`, so the linker does not notice.

    ## Fix

    Take the older folder out of `LD_LIBRARY_PATH`, or remove the distribution's `libhsa-runtime64-1` where nothing needs it.

    ## Safe to ignore when

    `import torch` works: then the right runtime was found.

    ## Sources

    - ROCm/ROCR-Runtime commit 26e105d9
    """
    stale = [(one, lib) for one in rocm if older(one.version or "", _NEW_HSA) for lib in one.libraries if lib.name == "libhsa-runtime64"]
    new = [one for one in rocm if one.kind != "wheel" and older(one.version or "", _NEW_HSA) is False and _library(one, "libamdhip64")]
    users: list[tuple[str, Seen | None, str | None]] = []  # who, its own HSA runtime, how it is looked up
    if not isinstance(python, Gap) and (torch := torch_of(python)) and torch.hip and older(torch.rocm or "", _NEW_HSA) is False:
        users.append((f"torch {torch.version}", _of_torch(python, torch, rocm), lookup_of_torch(python)))
    for one in new:
        hsa = _library(one, "libhsa-runtime64")
        users.append((one.path, Seen(hsa.file, f"ROCm {one.version}, beside its HIP runtime") if hsa else None, None))
    if not users:
        return skip("no HIP runtime of ROCm {new} or newer was seen here", new=_NEW_HSA)
    findings, seen = [], []
    for who, own_hsa, lookup in users:
        reached = next(((one, lib, name) for one, lib in stale if (name := _first(lib, env))), None)
        if reached and not (own_hsa and lookup == "rpath" and reached[2] == "LD_LIBRARY_PATH"):
            sure: Confidence = "sure" if reached[2] == "LD_PRELOAD" or lookup == "runpath" else "likely"
            findings.append(_too_old(who, reached[0], reached[1], Seen(f"environment: {reached[2]}", reached[1].file), sure))
        elif own_hsa:
            seen.append(own_hsa)
        else:
            distro = next(((one, lib) for one, lib in stale if one.kind == "distro"), None)
            if distro:
                where = Seen(who, "no libhsa-runtime64 beside libamdhip64")
                findings.append(_too_old(who, distro[0], distro[1], where, "likely"))
    return judge(findings, *seen)


def _of_torch(python: Python, torch: Torch, rocm: tuple[Rocm, ...]) -> Seen | None:
    """The HSA runtime that torch finds without any variable: its own, that of ROCm's Python packages, or that of a system's ROCm."""
    if own := bundled(python, torch):
        return Seen(own.where, "torch brings ROCm with it, the HSA runtime too")
    for one in sorted(rocm, key=lambda one: one.kind != "wheel"):
        hsa = _library(one, "libhsa-runtime64")
        if hsa and older(one.version or "", _NEW_HSA) is False:
            return Seen(hsa.file, f"of ROCm {one.version}")
    return None


def _library(rocm: Rocm, name: str) -> Library | None:
    return next((lib for lib in rocm.libraries if lib.name == name), None)


def _first(lib: Library, env: dict[str, str] | Gap) -> str | None:
    if isinstance(env, Gap):
        return None
    if lib.file in re.split(r"[:\s]+", env.get("LD_PRELOAD", "")):
        return "LD_PRELOAD"
    folder = lib.file.rpartition("/")[0]
    return "LD_LIBRARY_PATH" if folder in (path.rstrip("/") for path in env.get("LD_LIBRARY_PATH", "").split(":")) else None


def _too_old(who: str, rocm: Rocm, lib: Library, how: Seen, confidence: Confidence) -> Finding:
    variable = how.where.removeprefix("environment: ") if how.where.startswith("environment: ") else None
    return Finding(
        subject=who,
        message=say(
            "{who} gets the HSA runtime of ROCm {version} at {file}, which is too old for it",
            who=who,
            version=rocm.version or "?",
            file=lib.file,
        ),
        confidence=confidence,
        seen=(how, Seen(lib.file, f"of ROCm {rocm.version}, before {_NEW_HSA}")),
        cause=say("hsa_amd_enable_logging came with ROCm {new}; every HSA runtime is called libhsa-runtime64.so.1.", new=_NEW_HSA),
        fix=Fix(
            text=say("Let the HIP runtime find the HSA runtime of its own release."),
            commands=(f"unset {variable}",) if variable else (),
            verify=(f"nm -D --defined-only {advice.quote(lib.file)} | grep hsa_amd_enable_logging", "ldconfig -p | grep libhsa-runtime64"),
        ),
    )
