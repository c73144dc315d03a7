"""CTranslate2, which faster-whisper computes with."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import Target, confidence, ct2_elsewhere, fits, libraries, targets
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python, PythonLibrary, Rocm
from rocmkit.kb.versions import within

_COUNT = "import ctranslate2; print(ctranslate2.__version__, ctranslate2.get_cuda_device_count())"


def _main(python: Python) -> PythonLibrary | None:
    """The library that holds CTranslate2 itself; else the extension module, else any file of the package."""
    for prefix in ("libctranslate2", "_ext", ""):
        for lib in libraries(python, "ctranslate2", prefix):
            return lib
    return None


def _api(python: Python) -> str:
    """What CTranslate2 is linked with; unknown where libctranslate2 is not there: the extension module beside it tells nothing."""
    apis = {lib.gpu_api for lib in libraries(python, "ctranslate2")}
    found = next((api for api in ("hip", "cuda", "unknown", "none") if api in apis), "unknown")
    return "unknown" if found == "none" and ct2_elsewhere(python) else found


def ct2_official(python: Python, gfx: str) -> bool:
    """Whether CTranslate2's own ROCm wheels cover this GPU and this Python."""
    row = kb.ctranslate2_wheels()
    return gfx in row.archs and advice.python_minor(python) in row.python


def ct2_fix(python: Python, gfx: str) -> Fix:
    """The ROCm wheel where there is one for this GPU; else a road that does not need CTranslate2."""
    row, minor = kb.ctranslate2_wheels(), advice.python_minor(python)
    if gfx in row.archs and minor not in row.python:
        return Fix(
            text=say(
                "CTranslate2's releases have a ROCm wheel for {gfx}, and none for Python {python}: make an environment with one of {made}.",
                gfx=gfx,
                python=minor,
                made=", ".join(row.python),
            )
        )
    verify = (one_line(python, _COUNT),)
    if ct2_official(python, gfx):
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
            "No published wheel of CTranslate2 has code for {gfx}: `rocmkit build ctranslate2 --arch {gfx}` makes one, and "
            "`rocmkit doctor --route faster-whisper` says on which ROCm. Until then run Whisper with {road}, which compute with torch.",
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
    the package index has the CUDA build alone.

    ## Why it matters

    torch calls a ROCm GPU "cuda", so programs ask CTranslate2 for "cuda" as well. That ends with `CUDA driver version is insufficient`;
    with `device="auto"` it silently computes on the processor.

    ## Fix

    For gfx1030, gfx1100 to gfx1102, gfx1150, gfx1151, gfx1200 and gfx1201 the releases of CTranslate2 on GitHub have ROCm wheels, for
    ROCm 7.2. None covers gfx906 or another gfx9: there `rocmkit build ctranslate2` builds one, or transformers or openai-whisper run
    Whisper.

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
    outside = ct2_elsewhere(python)
    if api == "unknown" and outside and outside.startswith("libctranslate2.so"):  # a wheel's: libctranslate2-1b0cf510.so
        return skip("CTranslate2 {version} is a build from source whose {library} is outside the package", version=version, library=outside)
    kinds = targets(gpus, {})
    message = say("CTranslate2 {version} is built without support for GPUs", version=version)
    if api == "cuda":
        message = say("CTranslate2 {version} is a CUDA build", version=version)
    elif api == "unknown":
        message = say("CTranslate2 {version} is most likely the index's CUDA build; its libraries could not be read", version=version)
        seen.append(Seen(lib.file if lib else "ctranslate2", "not read" if lib is None or isinstance(lib.code, Gap) else "no answer"))
    finding = Finding(
        subject="ctranslate2",
        message=message,
        confidence="likely" if api == "unknown" else "sure",
        seen=tuple(seen),
        cause=say("The package index has no ROCm build of CTranslate2."),
        fix=ct2_fix(python, kinds[0].gfx) if kinds else None,
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

    Build CTranslate2 for this GPU on the ROCm that is installed: `rocmkit build ctranslate2 --arch native`; or install ROCm 7.2 where the
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
            sure = confidence(kind, others_served=any(fits(listed or (), other) for other in kinds))
            findings.append(_foreign(python, version, kind, where, sure if hip.gfx else "likely"))
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


def _foreign(python: Python, version: str, kind: Target, where: Seen, sure: Confidence) -> Finding:
    return Finding(
        subject=f"ctranslate2 on {kind.gfx}",
        message=say("CTranslate2 {version} has no code for {gfx}", version=version, gfx=kind.gfx),
        confidence=sure,
        seen=(where, *kind.seen),
        cause=say(
            "The official ROCm wheels are compiled for {archs} only; a build of one's own, for what it was told.",
            archs=", ".join(kb.ctranslate2_wheels().archs),
        ),
        fix=ct2_fix(python, kind.gfx),
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


@check("RK420", "ct2-470", title="A release of CTranslate2 that fails on Windows", severity="note")
def ct2_470(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """CTranslate2 4.7.0 is installed, whose wheel for Windows cannot be imported. On Linux it works.

    ## What it looks at

    The version of CTranslate2.

    ## Why it matters

    4.7.0 was the first release with ROCm, and on Windows it looks for AMD's Python packages even where there are none: importing it
    ends with `[WinError 3]` and a path to `_rocm_sdk_core/bin`. 4.7.1 followed within two days. A list of requirements that names
    4.7.0 works here and nowhere else.

    ## Fix

    Install 4.7.1 or newer.

    ## Safe to ignore when

    The environment is used on Linux only.

    ## Sources

    - OpenNMT/CTranslate2#2009
    - OpenNMT/CTranslate2#2006
    """
    version = python.packages.get("ctranslate2")
    if version is None:
        return skip("CTranslate2 is not installed here")
    seen = Seen("metadata of ctranslate2", version)
    if not within("==4.7.0", version):
        return judge([], seen)
    kinds = targets(gpus, {})
    text = say("Install 4.7.1 or newer.")
    fix = Fix(
        text=text, commands=advice.pip(python, 'install --upgrade --no-deps "ctranslate2>=4.7.1"'), verify=(one_line(python, _COUNT),)
    )
    if _api(python) in ("hip", "unknown"):  # pip would put the CUDA build in its place
        fix = ct2_fix(python, kinds[0].gfx) if kinds and ct2_official(python, kinds[0].gfx) else Fix(text=text)
    finding = Finding(
        subject="ctranslate2",
        message=say("CTranslate2 {version} cannot be imported on Windows; this machine is not affected", version=version),
        confidence="sure",
        seen=(seen,),
        cause=say("Its wheel looks for ROCm's folders on Windows whether there is ROCm or not."),
        fix=fix,
    )
    return judge([finding])
