"""CTranslate2, which faster-whisper computes with."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._stack import Target, fits, libraries, one_line, targets
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python, PythonLibrary, Rocm, System
from rocmkit.kb.versions import numbers, within

_COUNT = "import ctranslate2; print(ctranslate2.__version__, ctranslate2.get_cuda_device_count())"


def _main(python: Python) -> PythonLibrary | None:
    """The library that holds CTranslate2 itself; else the extension module, else any file of the package."""
    for prefix in ("libctranslate2", "_ext", ""):
        for lib in libraries(python, "ctranslate2", prefix):
            return lib
    return None


def _api(python: Python) -> str:
    apis = {lib.gpu_api for lib in libraries(python, "ctranslate2")}
    return next((api for api in ("hip", "cuda", "unknown", "none") if api in apis), "unknown")


def _official(python: Python, gfx: str) -> bool:
    """Whether CTranslate2's own ROCm wheels cover this GPU and this Python."""
    row = kb.ctranslate2_wheels()
    return gfx in row.archs and advice.python_minor(python) in row.python


def _way_out(python: Python, gfx: str) -> Fix:
    """The ROCm wheel where there is one for this GPU; else a road that does not need CTranslate2."""
    row, minor = kb.ctranslate2_wheels(), advice.python_minor(python)
    verify = (one_line(python, _COUNT),)
    if _official(python, gfx):
        tag = "cp" + minor.replace(".", "")
        fetch = f"curl -fLO {row.url}/latest/download/{row.asset}"
        install = advice.pip(python, f"install --force-reinstall --no-deps ct2-rocm/temp-linux/ctranslate2-*-{tag}-{tag}-*.whl")
        return Fix(
            text=say(
                "Install the ROCm wheel from CTranslate2's releases, which has the CUDA one's name. It needs ROCm {rocm} in /opt/rocm.",
                rocm=row.rocm,
            ),
            commands=(fetch, f"{advice.interpreter(python)} -m zipfile -e {row.asset} ct2-rocm", *install),
            verify=verify,
        )
    there = next((name for name in ("transformers", "openai-whisper") if name in python.packages), None)
    return Fix(
        text=say(
            "No published wheel of CTranslate2 has code for {gfx}: it takes a build from source with WITH_HIP=ON and "
            "CMAKE_HIP_ARCHITECTURES={gfx}. Until then run Whisper with {road}, which compute with torch.",
            gfx=gfx,
            road="transformers or openai-whisper",
        ),
        commands=() if there else advice.pip(python, "install transformers"),
        verify=verify,
    )


@check("RK403", "ct2-cuda-only", title="CTranslate2 is not a ROCm build", severity="error")
def ct2_cuda_only(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """The installed CTranslate2 was built for CUDA, so faster-whisper cannot use an AMD GPU.

    ## What it looks at

    Which GPU programming interface CTranslate2's libraries are linked with. Where they could not be read, what is known of the package:
    the registry has the CUDA build alone.

    ## Why it matters

    torch calls a ROCm GPU "cuda", so programs ask CTranslate2 for "cuda" as well. That ends with `CUDA driver version is insufficient`;
    with `device="auto"` it silently computes on the processor.

    ## Fix

    For gfx1030, gfx11 and gfx12 the releases of CTranslate2 on GitHub have ROCm wheels, for ROCm 7.2. None covers gfx906 or another
    gfx9: there CTranslate2 has to be built for HIP, or Whisper be run by transformers or openai-whisper.

    ## Safe to ignore when

    faster-whisper is meant to run on the processor (`device="cpu"`, `compute_type="int8"`).

    ## Sources

    - absadiki/subsai#67
    - collabora/WhisperLive#520
    - WEIFENG2333/VideoCaptioner#796
    - OpenNMT/CTranslate2 README.md
    - OpenNMT/CTranslate2#1989
    """
    version = python.packages.get("ctranslate2")
    if version is None:
        return skip("CTranslate2 is not installed here")
    lib, api = _main(python), _api(python)
    seen = [Seen("metadata of ctranslate2", version)]
    for one in libraries(python, "ctranslate2"):
        if one.gpu_api == api != "unknown":
            seen.append(Seen(one.file, {"hip": "linked with HIP", "cuda": "linked with CUDA"}.get(api, "linked with no GPU interface")))
            break
    if api == "hip":
        return judge([], *seen)
    if api == "unknown" and "rocm" in version:
        return skip("what CTranslate2 {version} was built for could not be read", version=version)
    kinds = targets(gpus, {})
    message = say("CTranslate2 {version} is built without support for GPUs", version=version)
    if api == "cuda":
        message = say("CTranslate2 {version} is a CUDA build", version=version)
    elif api == "unknown":
        message = say("CTranslate2 {version} is most likely the registry's CUDA build; its libraries could not be read", version=version)
        seen.append(Seen(lib.file if lib else "ctranslate2", "not read" if lib is None or isinstance(lib.code, Gap) else "no answer"))
    finding = Finding(
        subject="ctranslate2",
        message=message,
        confidence="likely" if api == "unknown" else "sure",
        seen=tuple(seen),
        cause=say("The package registry has no ROCm build of CTranslate2."),
        fix=_way_out(python, kinds[0].gfx) if kinds else None,
    )
    return judge([finding])


@check("RK404", "ct2-rocm-wrong-arch", title="CTranslate2 does not fit this GPU or ROCm", severity="error", after=("ct2-cuda-only",))
def ct2_rocm_wrong_arch(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """CTranslate2 is a ROCm build, but for other GPUs, or for a ROCm that is not here.

    ## What it looks at

    The GPU code inside `libctranslate2` against each GPU's target id, and whether the HIP runtime that it asks for by name
    (`libamdhip64.so.7`) is on the machine. Where the code could not be read, the list of CTranslate2's ROCm wheels is asked, and the
    finding is only likely.

    ## Why it matters

    Without code for the GPU the first operation ends with `invalid device function` or a memory access fault. The official wheels
    bring no ROCm with them: without ROCm 7.2 in `/opt/rocm` they fail at import.

    ## Fix

    Build CTranslate2 with `CMAKE_HIP_ARCHITECTURES` set to this GPU, on the ROCm that is installed; or install ROCm 7.2 where the
    official wheels cover the GPU.

    ## Safe to ignore when

    Nothing here uses faster-whisper or CTranslate2 on the GPU.

    ## Sources

    - OpenNMT/CTranslate2 python/tools/prepare_build_environment_linux_rocm.sh
    - OpenNMT/CTranslate2#2021
    - ROCm/legacy-rocm-build#5213
    """
    version = python.packages.get("ctranslate2")
    hip = next((lib for lib in libraries(python, "ctranslate2", "libctranslate2") if lib.gpu_api == "hip"), None)
    hip = hip or next((lib for lib in libraries(python, "ctranslate2") if lib.gpu_api == "hip"), None)
    if version is None or hip is None:
        return skip("no ROCm build of CTranslate2 was seen here")
    kinds = targets(gpus, env)
    if not kinds:
        return skip("the architecture of the GPU is not known")
    row = kb.ctranslate2_wheels()
    runtime = next((need for need in hip.needs if need.startswith("libamdhip64")), None)
    listed: tuple[str, ...] | None = hip.gfx or None
    if listed is None and runtime == row.soname and within(f">={row.since}", version):
        listed = row.archs
    findings: list[Finding] = []
    seen: list[Seen] = []
    for kind in kinds if listed else ():
        where = Seen(hip.file, "compiled for " + ", ".join(listed or ()))
        if not hip.gfx:
            where = Seen(f"CTranslate2's ROCm wheels since {row.since}", "compiled for " + ", ".join(listed or ()))
        if not fits(listed or (), kind):
            findings.append(_foreign(python, version, kind, where, kind.confidence if hip.gfx else "likely"))
        elif hip.gfx:
            seen += [where, *kind.seen]
    missing = _missing(runtime, python, rocm)
    if missing and runtime:
        findings.append(
            Finding(
                subject="ctranslate2",
                message=say("CTranslate2 {version} asks for {runtime}, which is not on this machine", version=version, runtime=runtime),
                confidence="likely",
                seen=(Seen(hip.file, "needs " + ", ".join(hip.needs)), *missing),
                cause=say("It was built on another release of ROCm; it brings none with it."),
                fix=Fix(
                    text=say(
                        "Install the ROCm that it was built on (for {runtime}), or a build for the ROCm that is here.", runtime=runtime
                    ),
                    verify=(f"ldd {advice.quote(hip.file)} | grep -E 'not found|amdhip64'", one_line(python, _COUNT)),
                ),
            )
        )
    if not findings and not seen:
        return skip("the GPU code in CTranslate2 {version} could not be read", version=version)
    return judge(findings, *seen)


def _foreign(python: Python, version: str, kind: Target, where: Seen, confidence: Confidence) -> Finding:
    return Finding(
        subject=f"ctranslate2 on {kind.gfx}",
        message=say("CTranslate2 {version} has no code for {gfx}", version=version, gfx=kind.gfx),
        confidence=confidence,
        seen=(where, *kind.seen),
        cause=say("The official ROCm wheels are compiled for gfx1030, gfx11 and gfx12 only; a build of one's own, for what it was told."),
        fix=_way_out(python, kind.gfx),
    )


def _missing(runtime: str | None, python: Python, rocm: tuple[Rocm, ...] | Gap) -> tuple[Seen, ...]:
    """Evidence that a runtime of this name is nowhere; empty where it is, or where the libraries of ROCm were not listed."""
    if runtime is None or isinstance(rocm, Gap):
        return ()
    here = [lib for one in rocm for lib in one.libraries if lib.name == "libamdhip64"]
    if not here or any(lib.soname == runtime for lib in here):
        return ()
    if any(lib.file.rpartition("/")[2].startswith(runtime) for lib in python.libraries):
        return ()
    return tuple(Seen(lib.file, lib.soname or "without a version") for lib in here)


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
    built_here = _api(python) == "hip" and bool(asking)
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
            verify=(one_line(python, _COUNT),),
        ),
    )
    return judge([finding])
