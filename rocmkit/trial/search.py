"""The search for cures: which changes make a program live that dies as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import msgspec

from rocmkit.kb.toggles import Toggle
from rocmkit.model import Model
from rocmkit.trial.attempts import PASSES, Attempts, Plan, Repeats, Stopped, alike, died, passes_needed, plain
from rocmkit.trial.shrink import smallest
from rocmkit.trial.values import Experiment, Trial

#: How often a program is run as it is, unless that says it all before.
RUNS = 5


class LeftOut(Model, kw_only=True):
    """A toggle that changes nothing here, and was not tried."""

    toggle: Toggle
    because: str


class Tested(Model, kw_only=True):
    """What became of the program with some changes made."""

    toggles: tuple[Toggle, ...]
    runs: int
    passes: int
    death: Trial | None  # the first time that it died
    otherwise: bool  # it died in another way than it does as it is
    env: dict[str, str | None]  # the variables that these change
    confirmed: bool  # it lived so often that this is no luck, in view of how many changes were tried


class Search(Model, kw_only=True):
    """What is known of a program in the end."""

    runs: int  # of the program as it is
    deaths: int  # of these
    death: Trial | None  # the first of them
    needed: int  # a change has to let it live so often to be confirmed
    cures: tuple[Tested, ...] = ()  # nothing can be left out of them
    helpless: tuple[Tested, ...] = ()  # single changes that do not cure
    controls: tuple[Tested, ...] = ()
    untried: tuple[Toggle, ...] = ()  # there was no time for them, or no use
    plain: bool = False  # it says by itself what is wrong with it, so that no change was tried

    @property
    def sure(self) -> bool:
        """Whether it dies each time."""
        return 0 < self.deaths == self.runs


def sort_out(
    toggles: Sequence[Toggle], packages: Mapping[str, str] | None, environ: Mapping[str, str], *, fresh_caches: bool
) -> tuple[tuple[Toggle, ...], tuple[LeftOut, ...]]:
    """The toggles that can make a difference, and the others. `packages` None: not known, so all of them may matter."""
    rows = [(toggle, _idle(toggle, packages, environ, fresh_caches=fresh_caches)) for toggle in toggles]
    return tuple(toggle for toggle, why in rows if not why), tuple(LeftOut(toggle=toggle, because=why) for toggle, why in rows if why)


def _idle(toggle: Toggle, packages: Mapping[str, str] | None, environ: Mapping[str, str], *, fresh_caches: bool) -> str:
    """Why a toggle would change nothing; empty: it would."""
    if toggle.packages and packages is not None and not any(name in packages for name in toggle.packages):
        return (
            f"{toggle.packages[0]} is not installed" if len(toggle.packages) == 1 else f"none of {', '.join(toggle.packages)} is installed"
        )
    if toggle.actions or toggle.stack_bytes is not None:
        return ""
    sets = {name for name, value in toggle.env.items() if environ.get(name) != value}
    if fresh_caches and sets:
        sets -= {name for name, value in toggle.env.items() if value.startswith(FRESH)}
        if not sets and not _matching(toggle.unset, environ):
            return "each run has caches of its own already"
    if sets or _matching(toggle.unset, environ):
        return ""
    return f"{' '.join(toggle.env)} is set so already" if toggle.env else "what they take away is not set"


#: So many changes are named one by one.
_NAMED = 4
#: What stands in a variable's value for an empty folder.
FRESH = "{fresh}"


def _matching(patterns: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that are set, of those that a toggle takes away."""
    stems = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    return tuple(name for name in environ if name in patterns or (stems and name.startswith(stems)))


def changed(base: Experiment, toggles: Sequence[Toggle], environ: Mapping[str, str]) -> Experiment:
    """An experiment with changes made. What one sets, another cannot take away."""
    env: dict[str, str | None] = dict(base.env)
    for toggle in toggles:
        env.update(dict.fromkeys(_matching(toggle.unset, environ)))
    for toggle in toggles:
        env.update(toggle.env)
    stacks = [size for size in (base.stack_bytes, *(toggle.stack_bytes for toggle in toggles)) if size is not None]
    return msgspec.structs.replace(
        base,
        name=f"{base.name} {'+'.join(toggle.id for toggle in toggles)}".rstrip(),
        env=env,
        actions=tuple(dict.fromkeys((*base.actions, *(action for toggle in toggles for action in toggle.actions)))),
        stack_bytes=max(stacks, default=None),
    )


def words(toggles: Sequence[Toggle]) -> str:
    """Changes in words."""
    if len(toggles) > _NAMED:
        return f"{len(toggles)} changes at once"
    return " and ".join(toggle.does for toggle in toggles) or "as it is"


def search(
    base: Experiment,
    toggles: Sequence[Toggle],
    environ: Mapping[str, str],
    attempts: Attempts,
    *,
    runs: int = RUNS,
    known: Repeats | None = None,
) -> Plan[Search]:
    """Look for cures, the likeliest first. `known`: what is known of the program as it is. Ends early where there is no more time."""
    looking = _Looking(base, toggles, environ, attempts, known or Repeats())
    with contextlib.suppress(Stopped):
        yield from looking.all(runs)
    return looking.result()


class _Looking:
    """The search as it goes on. Changes are known by the ids of their toggles."""

    def __init__(self, base: Experiment, toggles: Sequence[Toggle], environ: Mapping[str, str], attempts: Attempts, plain: Repeats) -> None:
        self._base, self._environ, self._attempts, self._plain = base, environ, attempts, plain
        self._toggles = {toggle.id: toggle for toggle in toggles}
        self._cures = tuple(toggle.id for toggle in toggles if not toggle.control)
        self._controls = tuple(toggle.id for toggle in toggles if toggle.control)
        self._seen: dict[tuple[str, ...], Repeats] = {}

    @property
    def _needed(self) -> int:
        """How often a change has to let it live before more time is spent on it."""
        return passes_needed(self._plain.deaths, self._plain.runs)

    @property
    def _enough(self) -> int:
        """How often it has to live before none of all changes can have been luck.

        Most changes do nothing, so the first run with each tells of how often it dies, too. Later ones do not: they end with a death.
        """
        tried = [self._seen[one,] for one in self._cures if (one,) in self._seen]
        first = [died(seen.trials[0]) for seen in tried if seen.trials and not self._otherwise(seen)]
        return passes_needed(self._plain.deaths + sum(first), self._plain.runs + len(first), len(self._cures))

    @property
    def _sure(self) -> bool:
        return self._plain.deaths == self._plain.runs

    @property
    def _says_why(self) -> bool:
        return self._sure and all(map(plain, self._plain.trials))

    def all(self, runs: int) -> Plan[None]:
        yield from self._plain.until_clear(self._attempts, self._base, "as it is", runs=runs)
        if not self._plain.deaths or self._says_why:
            return
        if self._sure:  # else each look at a part costs many runs, and the likeliest change is to be tried first
            yield from self._together(self._cures)
        for one in self._cures:
            yield from self._confirm((one,))
        if not self._sure and not self._confirmed():
            yield from self._together(self._cures)
        harmful = {one for one in self._cures if self._otherwise(self._seen[one,])}
        if harmful and not self._confirmed():
            yield from self._together(tuple(one for one in self._cures if one not in harmful))
        yield from self._make_sure()
        for one in self._controls:
            yield from self._lives((one,))
        if self._sure and self._confirmed():  # that nothing else has changed meanwhile
            for _ in range(runs):
                self._plain.trials.append((yield from self._attempts.run(self._base, "as it is, once more")))
                if self._sure:
                    return
            yield from self._make_sure()

    def _make_sure(self) -> Plan[None]:
        """Run what may be a cure again, until luck is no explanation for any of them."""
        while short := [ids for ids in self._smallest(PASSES) if self._seen[ids].passes < self._enough]:
            for ids in short:
                yield from self._until(ids, self._enough)

    def _smallest(self, passes: int) -> list[tuple[str, ...]]:
        """What lived so often and never died, and has no part that did."""
        alive = [ids for ids, seen in self._seen.items() if seen.passes >= passes and not seen.deaths and ids[0] not in self._controls]
        return [ids for ids in alive if not any(set(other) < set(ids) for other in alive)]

    def _together(self, ids: tuple[str, ...]) -> Plan[None]:
        """All changes at once; if that lives, the fewest of them that do."""
        if len(ids) < 2 or not (yield from self._lives(ids)):
            return
        plan = smallest(ids)
        try:
            part = next(plan)
            while True:
                part = plan.send((yield from self._lives(part)))
        except StopIteration as end:
            yield from self._confirm(end.value)

    def _lives(self, ids: tuple[str, ...]) -> Plan[bool]:
        """Whether it lives with these changes: once is enough for now where it dies each time as it is."""
        return (yield from self._until(ids, 1 if self._sure else self._needed))

    def _confirm(self, ids: tuple[str, ...]) -> Plan[None]:
        known = ids in self._confirmed()
        if (yield from self._lives(ids)) and (yield from self._until(ids, self._needed)) and not known:
            self._attempts.tell(f"it lives with {words(self._named(ids))}, {self._needed} times of {self._needed}")

    def _until(self, ids: tuple[str, ...], passes: int) -> Plan[bool]:
        seen, toggles = self._seen.setdefault(ids, Repeats()), self._named(ids)
        experiment = changed(self._base, toggles, self._environ)
        return (yield from seen.until_death(self._attempts, experiment, f"with {words(toggles)}", passes=passes))

    def _named(self, ids: tuple[str, ...]) -> tuple[Toggle, ...]:
        return tuple(self._toggles[one] for one in ids)

    def _otherwise(self, seen: Repeats) -> bool:
        death = seen.death
        return death is not None and not any(alike(death, trial) for trial in self._plain.trials if died(trial))

    def _confirmed(self) -> list[tuple[str, ...]]:
        return self._smallest(self._needed)

    def result(self) -> Search:
        """What is known now. Where the search was broken off, what has only lived so far counts too."""
        cures = self._smallest(1 if self._attempts.ended else self._enough) if self._plain.deaths else []
        tested = {ids: self._tested(ids, seen) for ids, seen in self._seen.items() if seen.runs}
        return Search(
            runs=self._plain.runs,
            deaths=self._plain.deaths,
            death=self._plain.death,
            needed=self._enough if self._plain.deaths else 0,
            cures=tuple(tested[ids] for ids in sorted(cures, key=lambda ids: (len(ids), self._cures.index(ids[0])))),
            helpless=tuple(tested[one,] for one in self._cures if (one,) in tested and (one,) not in cures),
            controls=tuple(tested[one,] for one in self._controls if (one,) in tested),
            untried=tuple(toggle for one, toggle in self._toggles.items() if self._plain.deaths and (one,) not in tested),
            plain=bool(self._plain.deaths) and self._says_why,
        )

    def _tested(self, ids: tuple[str, ...], seen: Repeats) -> Tested:
        toggles = self._named(ids)
        env = changed(self._base, toggles, self._environ).env
        return Tested(
            toggles=toggles,
            env={name: value for name, value in env.items() if name not in self._base.env or self._base.env[name] != value},
            runs=seen.runs,
            passes=seen.passes,
            death=seen.death,
            otherwise=self._otherwise(seen),
            confirmed=not seen.deaths and seen.passes >= self._enough,
        )
