"""ROCm's user space: several of them on one machine, and parts of one that reach into another."""

from __future__ import annotations

import re

from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import Torch, bundled, lookup_of_torch, older, release, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import EnvLine, Gap, Python, Rocm, System
from rocmkit.kb.versions import series

_SEARCH = ("LD_LIBRARY_PATH", "LD_PRELOAD")
_DATA = ("ROCBLAS_TENSILE_LIBPATH", "HIPBLASLT_TENSILE_LIBPATH", "MIOPEN_SYSTEM_DB_PATH")


@check("RK301", "multiple-rocm", title="Several ROCm installations on one machine", severity="warning")
def multiple_rocm(rocm: tuple[Rocm, ...], system: System | Gap) -> Outcome:
    """More than one ROCm is installed outside Python environments, and programs may mix them.

    ## What it looks at

    Every ROCm folder that was found on the system: those of AMD's packages below `/opt`, and those of the distribution. The copies
    inside Python wheels do not count, they are meant to live beside others; nor do single libraries of the distribution that came with
    another program, where the HIP runtime is not among them.

    ## Why it matters

    Which installation a program gets is decided by `/opt/rocm`, the linker's configuration, and variables such as `LD_LIBRARY_PATH`.
    A library of one release that loads a library or kernel files of another ends in undefined symbols or in a crash without a word.

    ## Fix

    Keep the release that the programs were built for and remove the others with the package manager that installed them. Then let
    `/opt/rocm` lead to the one that is left.

    ## Safe to ignore when

    You keep releases side by side on purpose, `/opt/rocm` leads to the one in use, and no variable names another. torch from
    pytorch.org uses none of them.

    ## Sources

    - pytorch/pytorch#103973
    - ROCm/rocm-cli crates/rocm-core/src/diagnose.rs, check 7
    """
    here = [
        one for one in rocm if one.kind == "system" or (one.kind == "distro" and any(lib.name == "libamdhip64" for lib in one.libraries))
    ]
    if not here:
        return skip("no ROCm is installed on this system")
    seen = tuple(Seen(one.path, f"{one.version or 'version not known'}{', /opt/rocm leads here' if one.default else ''}") for one in here)
    if len(here) == 1:
        return judge([], *seen)
    kept = next((one for one in here if one.default), max(here, key=lambda one: series(one.version or "") or ()))
    spare = [one for one in here if one is not kept]
    finding = Finding(
        subject=", ".join(one.path for one in here),
        message=say("{count} ROCm installations are on this machine: {versions}", count=len(here), versions=", ".join(map(_label, here))),
        confidence="sure",
        seen=seen,
        cause=say("Left over from an earlier release, or packages of the distribution beside those of AMD."),
        fix=Fix(
            text=say("Remove what is not needed with the package manager; {kept} looks like the one in use.", kept=kept.path),
            commands=tuple(command for one in spare for command in _remove(system, one)),
            verify=("ls -d /opt/rocm*", "readlink -f /opt/rocm", "ldconfig -p | grep -E 'amdhip64|hsa-runtime64'"),
            root=True,
            caution=say("Removing a ROCm removes what was installed on top of it. Read the list before you confirm it."),
        ),
    )
    return judge([finding])


def _label(rocm: Rocm) -> str:
    return f"{rocm.version or '?'} at {rocm.path}"


def _remove(system: System | Gap, rocm: Rocm) -> tuple[str, ...]:
    tool = {"debian": "apt-get purge", "rhel": "dnf remove", "suse": "zypper remove"}.get(advice.family(system) or "")
    if not tool or not rocm.version or rocm.kind != "system" or not older(rocm.version, "7.13"):  # from 7.13 on packages have other names
        return ()
    return (f"sudo {tool} 'rocm-core{rocm.version}*'",)


@check("RK302", "ld-library-path-mix", title="A variable leads torch to another ROCm than its own", severity="error")
def ld_library_path_mix(python: Python, env: dict[str, str], env_files: tuple[EnvLine, ...] | Gap, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """torch brings a ROCm of its own, and a variable leads it to libraries or kernel files of another one.

    ## What it looks at

    `LD_LIBRARY_PATH`, `LD_PRELOAD`, `ROCBLAS_TENSILE_LIBPATH`, `HIPBLASLT_TENSILE_LIBPATH` and `MIOPEN_SYSTEM_DB_PATH`, in this process
    and in start-up files, where torch's wheel bundles ROCm; and whether torch's libraries find each other by `DT_RPATH`, which no
    variable overrides, or by `DT_RUNPATH`, before which `LD_LIBRARY_PATH` is searched.

    ## Why it matters

    Two releases of ROCm in one process do not fit together: undefined symbols at import, kernel files that rocBLAS cannot read, or a
    segmentation fault at the first operation. With `DT_RPATH` torch's own libraries are safe from `LD_LIBRARY_PATH`, but what they open
    by name while they run, and other packages such as CTranslate2, are not.

    ## Fix

    Unset the variable before running torch, and take it out of the start-up file that sets it. Programs that need `/opt/rocm` find it
    by the linker's configuration.

    ## Safe to ignore when

    The crash stays the same with the variable unset: then it is not the cause. The command that doctor prints under verify shows that
    in a minute.

    ## Sources

    - pytorch/builder#1468
    - ROCm/pytorch#1340
    - pytorch/pytorch#194447
    - ROCm/rocm-libraries#4547
    """
    torch = torch_of(python)
    if torch is None:
        return skip("torch is not installed here")
    own = bundled(python, torch) if torch.hip else None
    if own is None:
        return skip("torch does not bring a ROCm of its own")
    lines = [EnvLine(file="environment", name=name, value=value) for name, value in sorted(env.items()) if name in _SEARCH + _DATA]
    if not isinstance(env_files, Gap):
        lines += [line for line in env_files if line.name in _SEARCH + _DATA and line.value != env.get(line.name)]
    lookup = lookup_of_torch(python)
    findings = [found for line in lines if (found := _mixed(line, torch, own, lookup, rocm, python))]
    ways = "; ".join(f"{line.name}={line.value}" for line in lines) or f"none of {', '.join(_SEARCH + _DATA)} is set"
    return judge(findings, Seen("environment", ways), own)


def _mixed(line: EnvLine, torch: Torch, own: Seen, lookup: str | None, rocm: tuple[Rocm, ...] | Gap, python: Python) -> Finding | None:
    led = [(path, version) for path in re.split(r"[:\s]+", line.value) if (version := _rocm_of(path, rocm)) is not None]
    other = next(((path, version) for path, version in led if not version or version != release(torch.rocm)), None)
    if other is None:  # it leads to no ROCm, or to one of the same release, whose libraries fit
        return None
    path, version = other
    always = line.name in ("LD_PRELOAD", "ROCBLAS_TENSILE_LIBPATH") or (line.name == "LD_LIBRARY_PATH" and lookup == "runpath")
    sure = line.file == "environment" and bool(version) and always
    confidence: Confidence = "sure" if sure else "likely"
    held = {"rpath": "DT_RPATH: LD_LIBRARY_PATH does not override it", "runpath": "DT_RUNPATH: LD_LIBRARY_PATH is searched before it"}
    seen = [Seen(f"{line.file}: {line.name}", line.value), Seen(own.where, f"ROCm {torch.rocm or '?'}, {own.what}")]
    if line.name == "LD_LIBRARY_PATH":
        seen.append(Seen("libraries of torch", held.get(lookup or "", "neither DT_RPATH nor DT_RUNPATH could be read")))
    commands = (f"unset {line.name}",) if line.file == "environment" else advice.comment_out(line)
    clean = "env " + " ".join(f"-u {name}" for name in (*_SEARCH, *_DATA))
    probe = one_line(python, 'import torch; print((torch.randn(64, 64, device="cuda") @ torch.randn(64, 64, device="cuda")).norm())')
    return Finding(
        subject=line.name,
        message=say(
            "{name} leads to {path} (ROCm {version}), while torch {torch} brings ROCm {own} with it",
            name=line.name,
            path=path,
            version=version or "of unknown version",
            torch=torch.version,
            own=torch.rocm or "?",
        ),
        confidence=confidence,
        seen=tuple(seen),
        cause=say("Set for programs that use {path}, it reaches every program started from the same shell.", path=path),
        fix=Fix(
            text=say("Unset {name} for programs that use torch.", name=line.name),
            commands=commands,
            verify=(f"{clean} {probe}",),
            root=any(command.startswith("sudo ") for command in commands),
            relogin=line.file != "environment",
        ),
    )


def _rocm_of(path: str, rocm: tuple[Rocm, ...] | Gap) -> str | None:
    """The release of the ROCm that a path leads into; empty where only its name tells; None where it leads into none."""
    path = path.rstrip("/")
    known = () if isinstance(rocm, Gap) else rocm
    for one in known:
        inside = one.path not in ("/", "/usr", "/usr/local") and f"{path}/".startswith(one.path.rstrip("/") + "/")
        by_link = one.default and f"{path}/".startswith("/opt/rocm/")
        holds = any(path in (lib.file, lib.file.rpartition("/")[0]) for lib in one.libraries)
        if one.kind != "wheel" and (inside or by_link or holds):
            return release(one.version) or ""
    if any(one.kind == "wheel" and f"{path}/".startswith(one.path.rstrip("/") + "/") for one in known):
        return None
    if not isinstance(rocm, Gap) and path.startswith("/opt/"):  # every ROCm there was looked for: what it names is gone
        return None
    named = re.search(r"/rocm(?:-([0-9]+\.[0-9]+)[0-9.]*)?(?:/|$)", path, re.ASCII)
    return (named[1] or "") if named else None
