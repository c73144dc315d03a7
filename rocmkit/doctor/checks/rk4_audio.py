"""What reads audio files: the ffmpeg program, and TorchCodec."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line, pin
from rocmkit.doctor.checks._stack import libraries, older, release, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Python, System, Tool

#: Packages that start the program ffmpeg to read any recording. faster-whisper reads with PyAV; pydub, a part of many web pages for
#: models, reads WAV files itself.
_CALL_FFMPEG = ("openai-whisper", "whisperx", "insanely-fast-whisper", "insanely-fast-whisper-rocm")
#: Packages that read through torchaudio or TorchCodec.
_CALL_TORCHAUDIO = ("pyannote-audio", "speechbrain", "demucs")
_PACKAGES = {"debian": "ffmpeg", "rhel": "ffmpeg-free", "suse": "ffmpeg", "arch": "ffmpeg"}


@check("RK424", "ffmpeg-missing", title="The program ffmpeg is not there", severity="error")
def ffmpeg_missing(python: Python, tools: tuple[Tool, ...], system: System | Gap) -> Outcome:
    """A package that reads recordings with the program ffmpeg is installed, and there is no such program.

    ## What it looks at

    Whether openai-whisper, whisperx or insanely-fast-whisper is installed, and whether `ffmpeg` is on `PATH`.

    ## Why it matters

    These packages start `ffmpeg` to decode every file, WAV files too. Without it a transcription ends with
    `FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'`, often after the model was loaded. A Python package called
    ffmpeg or ffmpeg-python does not bring the program.

    ## Fix

    Install ffmpeg with the distribution's package manager; in a Conda environment, with conda.

    ## Safe to ignore when

    You hand arrays of samples to the package and never a file.

    ## Sources

    - openai/whisper README.md
    - m-bain/whisperX#566
    - nick413-bit/ct2-whisper-gfx906 README.md
    """
    callers = [f"{name} {python.packages[name]}" for name in _CALL_FFMPEG if name in python.packages]
    if not callers:
        return skip("no package that starts ffmpeg is installed here")
    tool = next((one for one in tools if one.name == "ffmpeg"), None)
    if tool is None or (tool.path is None and isinstance(tool.version, Gap)):
        return skip("whether ffmpeg is there is not known")
    seen = Seen("packages", ", ".join(callers))
    if tool.path:
        version = "" if tool.version is None or isinstance(tool.version, Gap) else tool.version
        return judge([], seen, Seen(tool.path, version or "is there"))
    commands = advice.install(system, **_PACKAGES)
    if python.kind == "conda":
        commands = (f"conda install -p {advice.quote(python.prefix)} -c conda-forge ffmpeg",)
    finding = Finding(
        subject="ffmpeg",
        message=say("{package} starts the program ffmpeg, which is not on PATH", package=callers[0]),
        # An environment of Conda may hold one that is on PATH only while it is active.
        confidence="likely" if python.kind == "conda" else "sure",
        seen=(seen, Seen("PATH", "no ffmpeg in it")),
        cause=say("ffmpeg is a program of the system; pip does not install it."),
        fix=Fix(
            text=say("Install ffmpeg; on RHEL and its kin the package is in EPEL, which has to be switched on first.")
            if advice.family(system) == "rhel" and python.kind != "conda" and (advice.distribution(system) or ("",))[0] != "fedora"
            else say("Install ffmpeg."),
            commands=commands,
            verify=("ffmpeg -version",),
            root=any(command.startswith("sudo ") for command in commands),
        ),
    )
    return judge([finding])


@check("RK421", "torchcodec", title="TorchCodec cannot be loaded", severity="warning", after=("torch-not-rocm",))
def torchcodec(python: Python, system: System | Gap) -> Outcome:
    """TorchCodec, through which torchaudio reads files since 2.9, is missing or cannot be loaded beside this torch.

    ## What it looks at

    The versions of torch, torchaudio and torchcodec against TorchCodec's own table; what torchcodec's libraries are linked with; and
    whether any of the FFmpeg libraries that they ask for (`libavcodec.so.58` and its like) is in the system's library folders. That
    it is missing counts only where a package is installed that reads files through torchaudio.

    ## Why it matters

    From 2.9 on `torchaudio.load` and `torchaudio.save` are thin wrappers around TorchCodec. Without it they end with
    `TorchCodec is required for load_with_torchcodec`; a build for another torch, for CUDA, or without FFmpeg's libraries beside it
    ends with `Could not load libtorchcodec`. There is no build for ROCm: the one for the processor goes with a ROCm torch, while the
    newer wheels of the package index are linked with CUDA.

    ## Fix

    Install the build for the processor in the release that goes with torch, and FFmpeg's libraries.

    ## Safe to ignore when

    You read recordings with soundfile, PyAV or the ffmpeg program.

    ## Sources

    - pytorch/audio#4121
    - meta-pytorch/torchcodec README.md
    - meta-pytorch/torchcodec#912
    - ROCm/TheRock#1490
    - debpalash/VoiceStudio#2083
    """
    torch = torch_of(python)
    if torch is None or not torch.hip:
        return skip("no ROCm build of torch is installed here")
    here, audio = python.packages.get("torchcodec"), python.packages.get("torchaudio")
    if here is None:
        return _without(python, torch.version, audio)
    seen = [torch.seen, Seen("metadata of torchcodec", here)]
    libs = libraries(python, "torchcodec")
    cuda = next((lib for lib in libs if lib.gpu_api == "cuda"), None)
    if cuda:
        evidence = Seen(cuda.file, "needs " + ", ".join(need for need in cuda.needs if "cuda" in need or "nvrtc" in need))
        message = say("torchcodec {version} is linked with CUDA, torch {torch} with ROCm", version=here, torch=torch.version)
        cause = say("The newer wheels of the package index are CUDA builds.")
        return judge([_finding(python, torch.version, message, cause, (*seen, evidence))])
    if kb.torchcodec_fits(here, torch.version) is False:
        message = say("torchcodec {version} is made for another torch than {torch}", version=here, torch=torch.version)
        table = Seen("TorchCodec's table", f"torch {torch.series}: torchcodec {kb.torchcodec_for(torch.version) or '?'}")
        return judge([_finding(python, torch.version, message, say("They were installed apart."), (*seen, table))])
    asked = sorted({need for lib in libs for need in lib.needs if need.startswith("libavcodec.so.")})
    if not asked or isinstance(system, Gap) or isinstance(system.libavcodec, Gap):
        return judge([], *seen) if libs and not asked else skip("which FFmpeg libraries are there for torchcodec is not known")
    have = [name for name in system.libavcodec if name in asked]
    if have:
        return judge([], *seen, Seen("library folders of the system", ", ".join(have)))
    if python.kind == "conda":
        return skip("a Conda environment may hold FFmpeg's libraries itself")
    there = Seen("library folders of the system", ", ".join(system.libavcodec) or "no libavcodec.so.N")
    commands = () if system.libavcodec else advice.install(system, **_PACKAGES)
    finding = Finding(
        subject="torchcodec",
        message=say("torchcodec {version} finds none of the FFmpeg libraries that it can use", version=here),
        confidence="likely",
        seen=(*seen, Seen(libs[0].file.rpartition("/")[0], "asks for one of " + ", ".join(asked)), there),
        cause=say("It brings no FFmpeg with it; the ffmpeg program alone, linked statically, is not enough."),
        fix=Fix(
            text=say("Install an FFmpeg with shared libraries, of a release that torchcodec knows."),
            commands=commands,
            verify=(one_line(python, "import torchcodec; print(torchcodec.__version__)"),),
            root=bool(commands),
        ),
    )
    return judge([finding])


def _without(python: Python, torch: str, audio: str | None) -> Outcome:
    if audio is None:
        return skip("neither torchcodec nor torchaudio is installed here")
    seen = Seen("metadata of torchaudio", audio)
    if older(audio, "2.9"):
        return judge([], seen)
    caller = next((name for name in _CALL_TORCHAUDIO if name in python.packages), None)
    if caller is None or release(audio) is None:
        return skip("torchaudio {version} reads no files without torchcodec, and nothing here is known to ask it to", version=audio)
    message = say("{caller} reads files through torchaudio {version}, which cannot without torchcodec", caller=caller, version=audio)
    cause = say("torchaudio does not require torchcodec, so pip did not install it.")
    return judge([_finding(python, torch, message, cause, (seen, Seen(f"metadata of {caller}", python.packages[caller])))])


def _finding(python: Python, torch: str, message: Text, cause: Text, seen: tuple[Seen, ...]) -> Finding:
    series = kb.torchcodec_for(torch)
    wanted = pin("torchcodec", series) if series else "torchcodec"
    arguments = f"install --force-reinstall --no-deps {wanted} --index-url {kb.torchcodec().index_url}"
    return Finding(
        subject="torchcodec",
        message=message,
        confidence="likely",
        seen=seen,
        cause=cause,
        fix=Fix(
            text=say("Install the build for the processor that goes with torch; it decodes there, whatever torch computes on."),
            commands=advice.pip(python, arguments),
            verify=(one_line(python, "import torchcodec; print(torchcodec.__version__)"),),
        ),
    )
