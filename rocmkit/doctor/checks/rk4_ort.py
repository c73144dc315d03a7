"""ONNX Runtime, and sherpa-onnx which brings its own."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import ONNXRUNTIMES, Target, canonical, confidence, fits, lying, on_hip, targets, torch_of
from rocmkit.doctor.result import Confidence, Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python, PythonLibrary, Rocm
from rocmkit.kb.versions import within

#: Packages that run ONNX Runtime on the processor by design, for a small part of their work.
_BY_DESIGN = ("faster-whisper", "whisperx", "silero-vad", "reazonspeech-nemo-asr")
#: Packages whose models ONNX Runtime would compute on the GPU, by itself or in place of the one that they bring.
_WANTS_GPU = ("onnx-asr", "optimum", "optimum-onnx")
_SHOW = "import onnxruntime as o; print(o.__version__, o.get_available_providers())"


@check("RK406", "ort-wrong-package", title="ONNX Runtime that cannot use this GPU", severity="error")
def ort_wrong_package(gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap, rocm: tuple[Rocm, ...] | Gap) -> Outcome:
    """Several builds of ONNX Runtime are installed over one another, or the one that is there cannot use this GPU.

    ## What it looks at

    Which of the distributions that install the package `onnxruntime` are here (of several: whose files lie there now, by their lists
    of files), the execution providers beside it, the GPU code inside them against each GPU's target id, and the ROCm libraries that
    they ask for. Where a provider could not be read, the list of published wheels is asked, and the finding is only likely. The plain
    package is a fault only where a package is here that would use the GPU through it, or nothing else in the environment uses the
    GPU.

    ## Why it matters

    All of them install the same folder and overwrite each other: the last one wins, and much software depends on plain `onnxruntime`.
    A provider that is missing or fails to load is replaced by the processor with a warning at most; `get_available_providers()` lists
    what was compiled in, not what works. The ROCm provider went away with 1.23, and no published wheel has code for gfx906.

    ## Fix

    Uninstall all of them, then install the one that fits. On gfx906 no published one does: `rocmkit build onnxruntime` makes it, where
    the ROCm is one for it. Leave ONNX models on the processor until then.

    ## Safe to ignore when

    ONNX Runtime only detects speech for faster-whisper here, which is done on the processor by design.

    ## Sources

    - microsoft/onnxruntime#22171
    - microsoft/onnxruntime#25181
    - microsoft/onnxruntime#5959
    - royshil/obs-backgroundremoval#738
    - ultralytics/ultralytics#24137
    """
    here = [name for name in ONNXRUNTIMES if name in python.packages]
    if not here:
        return skip("ONNX Runtime is not installed here")
    kinds = targets(gpus, env)
    libs = [lib for lib in python.libraries if canonical(lib.package) in ONNXRUNTIMES]
    seen = [Seen(f"metadata of {name}", python.packages[name]) for name in here]
    if len(here) > 1:
        names = ", ".join(f"{name} {python.packages[name]}" for name in here)
        message = say("{count} builds of ONNX Runtime are installed over one another: {names}", count=len(here), names=names)
        cause = say("Each installs the folder onnxruntime; which files are left depends on the order.")
        seen += [there] if (there := lying(python, "onnxruntime")) else []
        return judge([_finding(python, here, kinds, message, "sure", tuple(seen), cause)])
    name, version = here[0], python.packages[here[0]]
    gpu = [lib for lib in libs if lib.gpu_api == "hip"]
    if len(libs) > len(gpu) > 0 and not any(lib.file.rpartition("/")[2].startswith("libonnxruntime_providers_shared.") for lib in libs):
        message = say("files of {name} {version} are missing", name=name, version=version)
        seen.append(Seen(gpu[0].file, "without libonnxruntime_providers_shared.so beside it, through which it is loaded"))
        cause = say("Another build of ONNX Runtime was uninstalled, and with it the files that both had brought.")
        return judge([_finding(python, here, kinds, message, "sure", tuple(seen), cause)])
    if gpu:
        return _provider(python, name, kinds, gpu, tuple(seen), rocm)
    rows = [row for row in kb.onnxruntime_flavours(name) if not row.releases or within(row.releases, version)]
    row = rows[0] if rows else None
    cuda = next((lib for lib in libs if lib.gpu_api == "cuda"), None)
    if cuda or (row and "CUDAExecutionProvider" in row.gpu_providers):
        seen.append(Seen(cuda.file, "linked with CUDA") if cuda else Seen("list of published wheels", f"{name}: for NVIDIA"))
        message = say("{name} {version} is a CUDA build", name=name, version=version)
        cause = say("It looks for NVIDIA's libraries, and computes on the processor without them.")
        return judge([_finding(python, here, kinds, message, "sure" if cuda else "likely", tuple(seen), cause)])
    if name in ("onnxruntime-rocm", "onnxruntime-migraphx"):
        foreign = [kind for kind in kinds if row and row.archs and not fits(row.archs, kind)]
        if not foreign or row is None:
            return skip("the providers of {name} {version} could not be read", name=name, version=version)
        seen += [Seen("list of published wheels", f"{name} {version} is compiled for {', '.join(row.archs)}"), *foreign[0].seen]
        message = say("{name} {version} has no code for {gfx}", name=name, version=version, gfx=foreign[0].gfx)
        return judge([_finding(python, here, kinds, message, "likely", tuple(seen), say("It was compiled for other GPUs."))])
    design = next((package for package in _BY_DESIGN if package in python.packages), None)
    wants = next((package for package in _WANTS_GPU if package in python.packages), None)
    if design and not wants:
        return judge([], *seen, Seen(f"metadata of {design}", f"{python.packages[design]}: runs ONNX Runtime on the processor by design"))
    if any(lib.gpu_api == "unknown" for lib in libs):
        return skip("the libraries of {name} {version} could not be read", name=name, version=version)
    torch = torch_of(python)
    if not wants and ((torch and torch.hip) or on_hip(python)):
        return skip("{name} {version} runs on the processor, and nothing here is known to want it on the GPU", name=name, version=version)
    message = say("{name} {version} runs on the processor: it has no provider for AMD GPUs", name=name, version=version)
    cause = say("The plain package has no GPU provider; since 1.23 ONNX Runtime has none for ROCm at all, MIGraphX took its place.")
    return judge([_finding(python, here, kinds, message, "likely", tuple(seen), cause)])


def _provider(
    python: Python, name: str, kinds: tuple[Target, ...], gpu: list[PythonLibrary], seen: tuple[Seen, ...], rocm: tuple[Rocm, ...] | Gap
) -> Outcome:
    """Judge the ROCm or MIGraphX provider by its own file."""
    findings, good = [], list(seen)
    for lib in gpu:
        runtime = next((need for need in lib.needs if need.startswith("libamdhip64")), None)
        there = () if isinstance(rocm, Gap) else tuple(one for where in rocm for one in where.libraries if one.name == "libamdhip64")
        if runtime and there and not any(one.soname == runtime for one in there):
            message = say("{name} asks for {runtime}, which is not on this machine", name=name, runtime=runtime)
            evidence = (*seen, Seen(lib.file, "needs " + ", ".join(lib.needs)), *(Seen(one.file, one.soname or "?") for one in there))
            cause = say("It was built on another release of ROCm; its provider does not load, and the processor takes over.")
            findings.append(_finding(python, [name], kinds, message, "likely", evidence, cause))
        if lib.gfx is None:
            continue
        if not lib.gfx:
            good.append(Seen(lib.file, "linked with HIP, holds no GPU code: compiles on the machine"))
            continue
        listed = Seen(lib.file, "compiled for " + ", ".join(lib.gfx))
        good.append(listed)
        serves = any(fits(lib.gfx, kind) for kind in kinds)
        for kind in kinds:
            if not fits(lib.gfx, kind):
                message = say("{name} {version} has no code for {gfx}", name=name, version=python.packages[name], gfx=kind.gfx)
                cause = say("It was compiled for other GPUs; a session is created all the same, and its first run fails.")
                sure = confidence(kind, others_served=serves)
                findings.append(_finding(python, [name], (kind,), message, sure, (*seen, listed, *kind.seen), cause))
    if not findings and len(good) == len(seen):
        return skip("the GPU code in {name} {version} could not be read", name=name, version=python.packages[name])
    return judge(findings, *good)


def _finding(
    python: Python, here: list[str], kinds: tuple[Target, ...], message: Text, sure: Confidence, seen: tuple[Seen, ...], cause: Text
) -> Finding:
    gfx = kinds[0].gfx if kinds else None
    fit = [row for row in kb.onnxruntime_flavours("onnxruntime-rocm") if gfx in row.archs]
    remove = advice.pip(python, f"uninstall -y {' '.join(here)}")
    caution = None
    if fit:
        text = say(
            "Install the build with the ROCm provider, made by a third party; it needs ROCm {rocm} in /opt/rocm.", rocm=fit[-1].rocm or "?"
        )
        install = advice.pip(python, f'install "onnxruntime-rocm{fit[-1].releases}" numpy')
    else:
        text = say(
            "No published wheel has the ROCm provider for {gfx}: `rocmkit build onnxruntime --arch {arch}` makes one, and "
            "`rocmkit doctor --route reazonspeech-k2` says on which ROCm, or which other way there is. Until then ONNX models run on "
            "the processor.",
            gfx=gfx or "this GPU",
            arch=gfx or "native",
        )
        install = advice.pip(python, "install onnxruntime")
        caution = say("A build of your own is taken out as well: keep its wheel file.")
    alone = here == ["onnxruntime"] and not fit
    commands = () if alone else install if len(install) > 1 else (*remove, *install)
    return Finding(
        subject=" + ".join(here),
        message=message,
        confidence=sure,
        seen=seen,
        cause=cause,
        fix=Fix(text=text, commands=commands, verify=(one_line(python, _SHOW),), caution=None if alone else caution),
    )


@check("RK419", "ort-cpu-only", title="ONNX Runtime computes on the processor", severity="note", after=("ort-wrong-package",))
def ort_cpu_only(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """The plain ONNX Runtime is installed, which has no provider for AMD GPUs. Whether that matters depends on what uses it.

    ## What it looks at

    Whether the plain package `onnxruntime` is installed, and whether any library of it is linked with HIP.

    ## Why it matters

    An ONNX model that is given to it runs on the processor, whatever provider is asked for: a provider that is not there is dropped
    with a warning. For faster-whisper, which uses it to find speech, that is as it should be. For a recogniser in ONNX form, such as
    ReazonSpeech k2, it means that the GPU is idle.

    ## Fix

    Nothing, if only faster-whisper or its like uses it. Otherwise a build of ONNX Runtime for this GPU: for gfx906 there is no
    published one, `rocmkit build onnxruntime` makes it.

    ## Safe to ignore when

    No recogniser of yours runs an ONNX model.

    ## Sources

    - microsoft/onnxruntime#25181
    - microsoft/onnxruntime#22171
    """
    version = python.packages.get("onnxruntime")
    if version is None:
        return skip("the plain package onnxruntime is not installed here")
    libs = [lib for lib in python.libraries if canonical(lib.package) == "onnxruntime"]
    hip = next((lib for lib in libs if lib.gpu_api == "hip"), None)
    seen = [Seen("metadata of onnxruntime", version)]
    if hip:
        return judge([], *seen, Seen(hip.file, "linked with HIP"))
    seen += [Seen(lib.file, "linked with no GPU interface") for lib in libs[:1] if lib.gpu_api == "none"]
    finding = Finding(
        subject="onnxruntime",
        message=say("onnxruntime {version} has no provider for AMD GPUs: ONNX models run on the processor", version=version),
        confidence="sure" if len(seen) > 1 else "likely",
        seen=tuple(seen),
        fix=Fix(
            text=say(
                "Nothing to do where only faster-whisper or its like uses it. For a recogniser in ONNX form `rocmkit doctor --route "
                "reazonspeech-k2` says which build is for this GPU."
            ),
            verify=(one_line(python, _SHOW),),
        ),
    )
    return judge([finding])


@check("RK418", "sherpa-cpu-only", title="sherpa-onnx runs on the processor", severity="warning")
def sherpa_cpu_only(gpus: tuple[Gpu, ...], python: Python) -> Outcome:
    """sherpa-onnx brings an ONNX Runtime without any provider for AMD GPUs, so ReazonSpeech k2 runs on the processor.

    ## What it looks at

    The libraries that sherpa-onnx brings: whether any of them is linked with HIP. The wheels of the package index bring a
    `libonnxruntime.so` for the processor; where they could not be read, that is taken as likely.

    ## Why it matters

    `provider="rocm"` or `"cuda"` is accepted: sherpa-onnx prints a line about falling back to the processor and goes on, and nothing
    tells afterwards which one computed. An `onnxruntime` package beside it changes nothing, since sherpa-onnx does not use it.

    ## Fix

    Accept the processor, which is fast enough for short recordings; or run the three ONNX files with `rocmkit transcribe`, on an ONNX
    Runtime that has code for this GPU; or build sherpa-onnx against one: `rocmkit build onnxruntime sherpa-onnx`.

    ## Safe to ignore when

    It is meant to run on the processor.

    ## Sources

    - k2-fsa/sherpa-onnx#196
    - k2-fsa/sherpa-onnx#2370
    - k2-fsa/sherpa-onnx sherpa-onnx/csrc/provider.cc
    """
    version = python.packages.get("sherpa-onnx")
    if version is None:
        return skip("sherpa-onnx is not installed here")
    libs = [lib for lib in python.libraries if canonical(lib.package) in ("sherpa-onnx", "sherpa-onnx-core")]
    hip = next((lib for lib in libs if lib.gpu_api == "hip"), None)
    if hip:
        return judge([], Seen("metadata of sherpa-onnx", version), Seen(hip.file, "linked with HIP"))
    runtime = next((lib for lib in libs if lib.file.rpartition("/")[2].startswith("libonnxruntime") and lib.gpu_api != "unknown"), None)
    seen = [Seen("metadata of sherpa-onnx", version)]
    if runtime:
        seen.append(Seen(runtime.file, "linked with CUDA" if runtime.gpu_api == "cuda" else "linked with no GPU interface"))
    finding = Finding(
        subject="sherpa-onnx",
        message=say("sherpa-onnx {version} computes on the processor, whatever provider it is asked for", version=version),
        confidence="sure" if runtime else "likely",
        seen=tuple(seen),
        cause=say("Its wheels bring an ONNX Runtime of their own, without a provider for AMD GPUs."),
        fix=Fix(
            text=say(
                "Accept the processor; or build an ONNX Runtime for this GPU and sherpa-onnx against it: `rocmkit build onnxruntime "
                "sherpa-onnx`. `rocmkit doctor --route reazonspeech-k2` says on which ROCm."
            ),
            verify=(
                one_line(
                    python, 'import sherpa_onnx, glob, os; print(glob.glob(os.path.dirname(sherpa_onnx.__file__) + "/lib/*providers*"))'
                ),
            ),
        ),
    )
    return judge([finding])
