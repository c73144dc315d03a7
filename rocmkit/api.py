"""rocmkit from Python: the questions that are worth asking from a notebook or a job, and the values that answer them.

Each function returns, field by field, what a command prints with `--json`, as a frozen value; `to_json` makes that text of it. None prints,
and none changes the process that calls it: no signal handlers, no variables, no working folder. When one returns, what it started has
ended. What cannot be answered raises a `RocmkitError`: `UsageError` where the call is wrong or a file cannot be used, `NotApplicable` where
there is nothing to judge. Its words are those of the command line: `python=` is `--python` there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, overload

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.routes.values import Idea, Route
from rocmkit.doctor.whatif import parse
from rocmkit.errors import NotApplicable, RocmkitError, UsageError
from rocmkit.facts import Facts, Gap
from rocmkit.host.base import Host
from rocmkit.inspect.values import InspectedFile, InspectedTarget, Inspection
from rocmkit.kb.when import Layout
from rocmkit.model import Model
from rocmkit.report import json
from rocmkit.report.buildvalues import Planned, Plans
from rocmkit.report.fix import WayOut
from rocmkit.report.published import Evidence, Fault, Judgement, Report, Terms
from rocmkit.smoke.result import Case, Smoke
from rocmkit.sources import here, machine, named
from rocmkit.telling import texts

__all__ = [
    "Case",
    "Evidence",
    "Facts",
    "Fault",
    "Gap",
    "Idea",
    "InspectedFile",
    "InspectedTarget",
    "Inspection",
    "Judgement",
    "NotApplicable",
    "Planned",
    "Plans",
    "Report",
    "RocmkitError",
    "Route",
    "Smoke",
    "UsageError",
    "WayOut",
    "examine",
    "inspect",
    "plan",
    "smoke",
    "to_json",
]

#: A path, or the name of a program or package where one is looked for.
Place: TypeAlias = "str | os.PathLike[str]"
_Device: TypeAlias = Literal["auto", "gpu", "cpu"]


def examine(
    *,
    python: Place | None = None,
    sysroot: Place | None = None,
    recording: Place | None = None,
    what_if: Mapping[str, str | None] | None = None,
    strict: bool = False,
    max_vram_bytes: int | None = None,
) -> Report:
    """Say what this machine is, what is wrong with it, and what to do: `rocmkit doctor --json`. Ends within six seconds.

    `python` is the interpreter or environment to judge; without it the one that this runs in. In place of this machine, `sysroot` judges
    the files below a folder, `recording` what `rocmkit doctor --record` wrote. `what_if` changes facts before they are judged, such as
    {"torch": "2.11+rocm7.2"}; None takes something away. `strict` bears on `exit` alone: warnings make it 1. `max_vram_bytes` is the video
    memory that a model of `routes` may take.

    Raises UsageError, and NotApplicable where this machine is no Linux.
    """
    from rocmkit.probe import collect
    from rocmkit.recipes import offers
    from rocmkit.report.supposed import report_on

    if recording is not None and (python is not None or sysroot is not None):
        raise UsageError("recording= cannot be combined with python= or sysroot=", "a recording holds its own machine")
    if sysroot is not None and not Path(sysroot).is_dir():
        raise UsageError(f"{os.fspath(sysroot)} is no folder", "sysroot= is the root of another system's files")
    changes = parse(tuple(f"{key}={'none' if value is None else value}" for key, value in (what_if or {}).items()))
    terms = Terms(strict=strict, offers=offers(), limit_bytes=_at_least("max_vram_bytes", max_vram_bytes, 1))
    # Absolute: a file may be called "-", which is no standard input here.
    kept = None if recording is None else Path(recording).absolute()
    root = None if sysroot is None else Path(sysroot)
    host, interpreter, source = machine(_text(python) if root or kept else _interpreter(python), root, kept, here)
    facts = collect(host, python=interpreter)
    return report_on(facts, changes, [check for check in all_checks() if not check.tries], source=source, terms=terms)


def inspect(
    target: Place,
    *more: Place,
    gfx: str | Iterable[str] = (),
    python: Place | None = None,
    names: bool = False,
    everything: bool = False,
) -> Inspection:
    """Say what GPU code files hold, what they need, and whether they run on a card: `rocmkit inspect --json`. Loads nothing of them.

    A target is a library, program, object file, archive or wheel; a folder; or the name of a package that is installed in `python`. `gfx`
    names cards, such as "gfx906", or "native" for those of this machine; `answer` is then "yes", "no", "unknown" or "none". `names` also
    lists the kernels, `everything` the files without GPU code.

    Raises UsageError, and NotApplicable for "native" where there is no AMD GPU.
    """
    from rocmkit.inspect.cards import cards
    from rocmkit.inspect.look import look
    from rocmkit.onnx.among import model_among

    targets = [os.fspath(one) for one in (target, *more)]
    if model := model_among(targets):
        raise UsageError(f"{model} is a model and holds no GPU code", f"`rocmkit inspect {model} --json` says what is in it")
    host = here()
    return look(targets, cards(_words(gfx), host), host, python=named(_interpreter(python)), names=names, everything=everything)


@overload
def plan(
    recipe: Place,
    /,
    *,
    arch: str | Iterable[str],
    rocm: Place | None = None,
    rocm_version: str | None = None,
    layout: Layout | None = None,
    version: str | None = None,
    python: Place | None = None,
) -> Planned: ...
@overload
def plan(
    recipe: Place,
    other: Place,
    /,
    *more: Place,
    arch: str | Iterable[str],
    rocm: Place | None = None,
    rocm_version: str | None = None,
    layout: Layout | None = None,
    python: Place | None = None,
) -> Plans: ...
def plan(
    recipe: Place,
    /,
    *more: Place,
    arch: str | Iterable[str],
    rocm: Place | None = None,
    rocm_version: str | None = None,
    layout: Layout | None = None,
    version: str | None = None,
    python: Place | None = None,
) -> Planned | Plans:
    """Say how a library would be built for a card, and whether that can be: `rocmkit build --dry-run --json`. Writes and fetches nothing.

    A recipe is a name that `rocmkit recipes` lists, or the folder of one ("./FOLDER"). `arch` names cards, such as "gfx906", or "native".
    It is planned with the ROCm of this machine (`rocm`, where there are several), or for another one with `rocm_version`, such as "6.3",
    as `layout` packs it. `python` is the one that the wheel is for; with `rocm_version` also a release, such as "3.12". `version` is
    upstream's. Several recipes are planned together, as `Plans`, in the order they would be built in.

    `feasible` says whether the result could be built and compute, `blocked_by` why not. Raises UsageError.
    """
    from rocmkit.build.wish import Wish, refuse
    from rocmkit.jobs import jobs
    from rocmkit.report.buildvalues import hidden, planned

    _one_of("layout", layout, (None, *get_args(Layout)))
    wish = Wish(
        recipes=tuple(os.fspath(one) for one in (recipe, *more)),
        archs=_words(arch),
        rocm=_text(rocm),
        rocm_version=rocm_version,
        layout=layout,
        versions=() if version is None else (version,),
        python=_text(python),
    )
    refuse(wish)
    ground, found = jobs(wish, _surveyed, here, in_image=False)
    made = tuple(map(planned, found))
    return hidden(Plans(plans=made) if more else made[0], ground.host.private)


def smoke(
    systems: str | Iterable[str] = (),
    *,
    python: Place | Mapping[str, Place] | None = None,
    device: _Device = "auto",
    model: Place | None = None,
    audio: Place | None = None,
    reference: str | None = None,
    compute_type: str | None = None,
    timeout_s: float = 1800,
    max_vram_bytes: int | None = None,
    max_cer: float | None = None,
    negative_control: bool = True,
    download: bool = False,
    resume: Place | None = None,
    tell: Callable[[str], None] | None = None,
) -> Smoke:
    """Prove, system by system, that Japanese speech is transcribed on the GPU with the right text: `rocmkit smoke --json`.

    It runs the systems for minutes, each in processes of its own. `systems` are names, or parts of them; without any, all that are
    installed. `python` is an environment, or one for each system: {"espnet": "~/venv-espnet", "": "~/venv"}, where "" is for all others.
    `audio` is a sound of your own, and `reference` the text of what is said in it. `timeout_s` holds for each process. `download` brings
    models that are missing: gigabytes. With `resume`, a file, what is done is kept there, and a later call goes on behind it. `tell` hears
    in words what is being done.

    Raises UsageError. Ctrl-C ends what runs and raises KeyboardInterrupt as always; what was done by then is in the file of `resume`.
    """
    from rocmkit.smoke.asked import asked_for, run
    from rocmkit.smoke.choose import Wish

    _one_of("device", device, get_args(_Device))
    pythons = {"": python} if python is None or isinstance(python, str | os.PathLike) else python
    wish = Wish(
        systems=_words(systems),
        every=download,
        device=device,
        model=_text(model),
        compute_type=compute_type,
        pythons={system: os.fspath(place) for system, place in pythons.items() if place is not None},
        max_vram_bytes=_at_least("max_vram_bytes", max_vram_bytes, 1),
    )
    asked = asked_for(
        wish,
        audio=None if audio is None else Path(audio),
        said=reference,
        max_cer=_at_least("max_cer", max_cer, 0),
        timeout_s=_at_least("timeout_s", timeout_s, 1),
        control=negative_control,
        resume=None if resume is None else Path(resume),
    )
    done = run(asked, _surveyed, os.environ, warn=tell or _unheard, tell=tell and texts(tell))
    if done.smoke.interrupted:
        raise KeyboardInterrupt
    return done.smoke


def to_json(value: Model) -> str:
    """What the command prints with `--json` for this value; docs/schemas describes it."""
    return json.render(value)


def _surveyed(python: str | None) -> tuple[Facts, Host]:
    """The facts of this machine, and the machine."""
    from rocmkit.probe import collect

    host = here()
    return collect(host, python=named(_interpreter(python))), host


def _unheard(text: str) -> None:
    """Nobody asked to be told."""


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _interpreter(python: Place | None) -> str | None:
    """The one that was named, else the one that this runs in: whoever imports rocmkit asks about the packages beside it."""
    return sys.executable or None if python is None else os.fspath(python)


def _text(place: Place | None) -> str | None:
    return None if place is None else os.fspath(place)


def _one_of(name: str, given: object, known: Iterable[object]) -> None:
    if given not in known:
        raise UsageError(f"{name}={given!r} is none of {', '.join(map(repr, known))}")


def _at_least(name: str, given: Any, least: float) -> Any:
    """The same number. Raises UsageError for one that is too small, or is none."""
    if given is not None and not given >= least:  # nor is nan
        raise UsageError(f"{name}={given!r} is not at least {least}")
    return given
