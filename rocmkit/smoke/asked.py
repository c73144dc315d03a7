"""From what was typed to cases that ran: this machine's environments, cards, models and hook, and the cases one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from rocmkit.errors import UsageError
from rocmkit.facts import Facts, Gap
from rocmkit.host.base import Host
from rocmkit.host.cache import cache
from rocmkit.host.names import Names
from rocmkit.kb.backends import backend
from rocmkit.kb.providers import NAMES
from rocmkit.kb.systems import Engine
from rocmkit.placement.ways import brings
from rocmkit.smoke.bring import brought
from rocmkit.smoke.cards import cards_of
from rocmkit.smoke.choose import Environment, Wish, choose, named, resolved, size_of
from rocmkit.smoke.clips import own, shipped
from rocmkit.smoke.hook import hooked
from rocmkit.smoke.judge import judge
from rocmkit.smoke.models import finder, places
from rocmkit.smoke.observed import Clip, Observed, Skip, Wanted
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.progress import Progress
from rocmkit.smoke.result import Smoke
from rocmkit.smoke.run import Hear, Room, observe
from rocmkit.smoke.series import series
from rocmkit.smoke.verdict import verdict
from rocmkit.smoke.watch import kfd_device
from rocmkit.telling import Pace, Tell
from rocmkit.trial.run import runner

#: Looks at an interpreter and at the machine.
Survey = Callable[[str | None], tuple[Facts, Host]]


class Asked(NamedTuple):
    """What was typed."""

    wish: Wish
    clips: tuple[Clip, ...]
    wanted: Wanted
    max_cer: float | None
    timeout_s: float
    resume: Path | None


class Done(NamedTuple):
    """What came of it."""

    smoke: Smoke
    observed: tuple[Observed, ...]
    facts: Facts
    names: Names  # that were hidden in it


def asked_for(
    wish: Wish,
    *,
    audio: Path | None,
    said: str | None,
    max_cer: float | None,
    timeout_s: float,
    control: bool,
    resume: Path | None,
) -> Asked:
    """What to run: the clips of rocmkit's own, or a user's sound, in which `said` is said. Raises UsageError."""
    if said is not None and audio is None:
        raise UsageError("--reference says what is said in a sound", "name the sound with --audio")
    return Asked(
        wish=wish,
        clips=(own(audio, said),) if audio else shipped(),
        wanted=Wanted(enforce_cer=audio is None or max_cer is not None, max_vram_bytes=wish.max_vram_bytes, control=control),
        max_cer=max_cer,
        timeout_s=timeout_s,
        resume=resume,
    )


def by_system(typed: Sequence[str]) -> dict[str, str]:
    """The words of --python, `PATH` or `SYSTEM=PATH`, by system; "" for all others. Raises UsageError."""
    found: dict[str, str] = {}
    for word in typed:
        name, sign, path = word.partition("=")
        if not sign or "/" in name:  # a path may have that sign in it
            name, path = "", word
        if not path:
            raise UsageError(f"--python {word}: no path", "write PATH or SYSTEM=PATH")
        name = name and named(name).id
        if found.setdefault(name, path) != path:
            raise UsageError(f"--python names two for {name or 'all systems'}", "name one")
    return found


def run(asked: Asked, survey: Survey, environ: Mapping[str, str], *, warn: Hear, tell: Tell | None = None) -> Done:
    """Run what was asked for. What Ctrl-C broke off is told with what was done until then. Raises UsageError.

    `warn` hears what is amiss and ends nothing, `tell` what is being done.
    """
    wish = resolved(asked.wish)
    facts, host = survey(wish.pythons.get("") or None)
    own = {system: survey(path)[0] for system, path in wish.pythons.items() if system}
    environments = {system: _environment(one) for system, one in {**own, "": facts}.items()}
    cards, where = cards_of(facts), places(environ, Path.home())
    engines: dict[Engine, tuple[str, ...]] = {"onnxruntime": brings(facts, NAMES["rocm"])}

    def with_model(case: Planned) -> Planned:
        pace = Pace()

        def told(there: int, total: int) -> None:
            if tell:
                text = f"{case.backend.id}: fetching {case.model.id}, {size_of(there)}{f' of {size_of(total)}' if total else ''}"
                tell(text, left_s=pace.left(there, total))

        real = replace(case, python=host.private.reveal(case.python))
        return replace(brought(real, where, runner(host.private), told), python=case.python)

    cases = choose(wish, environments, cards, finder(where), engines)
    room = Room(
        names=host.private,
        cards=cards,
        wanted=asked.wanted,
        hooked=hooked(cache("smoke")),
        kfd_device=kfd_device(),
        timeout_s=asked.timeout_s,
        max_cer=asked.max_cer,
        environ=environ,
    )
    # What the worker tells comes back with what is private hidden: a clip has to be known by its name then.
    clips = tuple(replace(clip, name=host.private.hide_text(clip.name)) for clip in asked.clips)
    seen: list[Observed] = []
    interrupted = False
    with ExitStack() as stack:
        progress = stack.enter_context(Progress.open(asked.resume)) if asked.resume else None
        try:
            bring = with_model if wish.every else None
            seen.extend(series(cases, clips, room, warn=warn, progress=progress, bring=bring, tell=tell))
        except KeyboardInterrupt:
            interrupted = True
            goes_on = "; the same command goes on from here" if asked.resume else ""
            left = Skip(code="", because=f"it was not reached: the run was broken off{goes_on}")
            seen += [observe(replace(case, skip=case.skip or left), asked.clips, room) for case in cases[len(seen) :]]
    judged = [judge(one, backend(one.backend)) for one in seen]
    return Done(verdict(judged, cards, interrupted=interrupted), tuple(seen), facts, host.private)


def _environment(facts: Facts) -> Environment:
    if isinstance(facts.python, Gap):
        return Environment(python="python3", problem=f"no Python to run it in: {facts.python.detail}")
    return Environment(python=facts.python.executable, packages=facts.python.packages, facts=facts.python)
