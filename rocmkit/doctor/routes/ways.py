"""What every way has in common: the findings before it, the command behind it, and how containers are started."""

from __future__ import annotations

from collections.abc import Iterable

from rocmkit.doctor.result import Result
from rocmkit.doctor.routes.ground import ENGINE_CHECKS, OF_THE_BUILD, OF_THE_MACHINE, VRAM_LOW, Ground
from rocmkit.doctor.routes.place import Place, here, kept, packages, suits
from rocmkit.doctor.routes.values import Route, Status, Vram, Way
from rocmkit.facts import Python
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.values import Known

_DEVICES = '--device=/dev/kfd --device=/dev/dri --group-add "$(stat -c %g /dev/kfd)" --ipc=host'
#: Some images start a program of their own; in some pip refuses to install (PEP 668), which in a container protects nothing.
_DOCKER = f'docker run -it --name speech {_DEVICES} -e PIP_BREAK_SYSTEM_PACKAGES=1 -v "$PWD:/speech" -w /speech --entrypoint /bin/bash'
#: Images lack ffmpeg, and some of them the means to install a package of their distribution.
_FFMPEG = (
    "python3 -m pip install imageio-ffmpeg && ln -sf \"$(python3 -c 'import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())')\" "
    "/usr/local/bin/ffmpeg"
)
_VENV = "Debian and Ubuntu have python -m venv in a package of its own: python3-venv, or that of the Python named."
#: What an image to build in lacks for a wheel that is there.
PIP = "apt-get update && apt-get install -y python3-pip"
ROCMKIT = "rocmkit runs inside the container too: before `docker run`, put a clone of it into this folder, under the name rocmkit."
INSIDE = "The lines after `docker run` are typed inside the container; what they install stays in it: docker start -ai speech goes on."


def route(
    system: SpeechSystem,
    ground: Ground,
    way: Way,
    how: str,
    place: Place,
    *,
    status: Status,
    known: Known,
    sources: tuple[str, ...],
    commands: tuple[str, ...] = (),
    vram: Vram | None = None,
    needs: tuple[str, ...] = (),
    cures: bool = True,
    notes: tuple[str, ...] = (),
) -> Route:
    """A route with the machine's findings in it.

    `place`: where it ends; what is wrong with the packages of another environment is not in its way. `needs`: codes of what is in its
    way beside the findings of the machine. `cures`: it brings another build of the engine, which takes away what is wrong with this one.
    """
    stopping = _stopping(system, ground, place)
    cured = tuple(one for one in stopping if cures and one.id in OF_THE_BUILD)
    left = tuple(one for one in stopping if one not in cured)
    codes = tuple(dict.fromkeys((*(one.code for one in left), *needs)))
    # Another build of the engine is another way, and no step of this one.
    fixes = fixing(one for one in left if one.id not in OF_THE_BUILD)
    if vram and vram.fits is False:
        codes, status = (*codes, VRAM_LOW), "blocked"
    elif codes:
        status = "blocked"
    everything = tuple(dict.fromkeys((*fixes, *commands)))
    return Route(
        system=system.id,
        title=system.title,
        way=way,
        how=how,
        status=status,
        gpu=True,
        rank=0,
        known=known,
        commands=everything,
        blocked_by=codes,
        cures=tuple(dict.fromkeys(one.code for one in cured)),
        vram=vram,
        notes=(*_first(left), *notes, *_venv(everything), *_too_big(vram), *system.notes),
        sources=tuple(dict.fromkeys((*sources, *system.sources))),
    )


def _stopping(system: SpeechSystem, ground: Ground, place: Place) -> tuple[Result, ...]:
    """Findings in the way of an environment: into a container no package, no file and no variable of the machine goes."""
    if place.kind == "container":
        return tuple(one for one in ground.stopping(()) if not one.code.startswith("RK5"))
    named = (*ENGINE_CHECKS[system.engine], *system.checks)
    return ground.stopping((*(name for name in named if place.kind == "here" or name in OF_THE_MACHINE), *ground.misled))


def fixing(results: Iterable[Result]) -> tuple[str, ...]:
    """The commands of findings."""
    return tuple(line for one in results for finding in one.findings if finding.fix for line in finding.fix.commands)


def _first(left: Iterable[Result]) -> tuple[str, ...]:
    """What is to be done first, in words: some of it no command does, such as a new login."""
    fixes = ((one, finding.fix) for one in left for finding in one.findings if finding.fix)
    return tuple(dict.fromkeys(f"First, for {one.code}: {fix.text}" + (f" ({fix.caution})" if fix.caution else "") for one, fix in fixes))


def _venv(commands: tuple[str, ...]) -> tuple[str, ...]:
    return (_VENV,) if any(" -m venv " in line for line in commands) else ()


def _too_big(vram: Vram | None) -> tuple[str, ...]:
    if vram is None or vram.fits is not False:
        return ()
    return (f"{vram.model} in {vram.precision} takes {vram.need_gib:g} GiB, which is more than the {vram.limit_gib:g} GiB there are.",)


def on_cpu(system: SpeechSystem, python: Python, results: dict[str, Result]) -> Route | None:
    """The way to the processor; None where the system has none."""
    if not system.cpu_command:
        return None
    torch = python.packages.get("torch")
    place = kept(system, python, torch) if suits(system, python) else here(system, python)
    engine: tuple[str, ...] = ()
    if system.engine == "torch" and "torch" not in place.packages:
        engine = place.pip("install torch torchaudio --index-url https://download.pytorch.org/whl/cpu")
    elif system.engine == "ctranslate2" and "ctranslate2" not in place.packages:
        engine = place.pip("install ctranslate2")
    named = ("glibcxx", *system.checks) if place.kind == "here" else system.checks
    wrong = (results[name] for name in named if name in results and results[name].outcome == "found")
    mended = tuple(one for one in wrong if fixing([one]) and (place.kind == "here" or one.id in OF_THE_MACHINE))
    commands = (*fixing(mended), *engine, *packages(system, place, torch), filled(system.cpu_command, place.word))
    return Route(
        system=system.id,
        title=system.title,
        way="cpu",
        how="On the processor.",
        status="cpu-only",
        gpu=False,
        rank=0,
        known="documented",
        commands=tuple(dict.fromkeys(commands)),
        blocked_by=(),
        cures=tuple(one.code for one in mended),
        vram=None,
        notes=_venv(commands),
        sources=system.sources,
    )


def transcribing(system: SpeechSystem, word: str, vram: Vram | None, provider: str = "") -> tuple[str, ...]:
    """The commands that fetch the model, where the system does not, and transcribe speech.wav on the GPU. `provider`: rocm, migraphx."""
    before = system.migraphx_commands if provider == "migraphx" else ()
    lines = (filled(line, word).replace("{provider}", provider) for line in (system.model_command, *before, system.gpu_command))
    if vram:
        lines = (line.replace("{model}", vram.model).replace("{precision}", vram.precision) for line in lines)
    return tuple(line for line in lines if line)


def inside(system: SpeechSystem) -> tuple[str, ...]:
    """What a system's own command needs inside a container beside Python packages: rocmkit, where it is one of rocmkit's."""
    return ("python3 -m pip install ./rocmkit",) if system.gpu_command.startswith("rocmkit ") else ()


def filled(command: str, word: str) -> str:
    """A command with the interpreter in it."""
    return command.strip().replace("{python}", word)


def docker(image: str, *lines: str) -> tuple[str, ...]:
    """A command that starts an image with the GPU's devices, and those to type inside."""
    return f"{_DOCKER} {image}", *lines


def prepared(system: SpeechSystem) -> tuple[str, ...]:
    """What an image lacks that the system needs beside Python packages."""
    return (_FFMPEG,) if "ffmpeg-missing" in system.checks else ()
