"""Many machines in one report: what tells them apart, and each finding once, with the machines that have it.

A fleet holds a row for each machine, never a report: what it takes grows by a few hundred bytes with each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar, get_args

from rocmkit import __version__, kb
from rocmkit.doctor.advice import quote
from rocmkit.errors import Exit, worst
from rocmkit.facts import Facts, Gap, Gpu
from rocmkit.model import Model
from rocmkit.report import names, summary
from rocmkit.report import supposed as supposition
from rocmkit.report.fix import WayOut
from rocmkit.report.published import Judgement, Report, Unjudged
from rocmkit.words import said

T = TypeVar("T")

#: The kinds of finding, and a check of rocmkit's own that crashed; the worst first.
Kind = Literal["error", "warning", "note", "crashed"]
_KINDS: tuple[Kind, ...] = get_args(Kind)
#: So many are named who do not have what all others have.
_FEW = 3
#: What stands in place of a way out that is not the same for all.
DIFFERS = "it is another one on each of them; the report on a machine has its own"
#: Verdicts, the worst first, as the exit code has it.
_ORDER = ("blocked", "unknown", "not-applicable", "degraded", "ready")


class Machine(Model, kw_only=True):
    """A row. What it is made of is None where no machine could be read."""

    name: str  # what tells it apart from the others
    file: str  # where its recording lies
    kit: tuple[str, ...] | None = None  # a cell for each of HEADS
    verdict: str | None = None  # the one word
    before: str | None = None  # the verdict on the facts as they are, with --what-if
    exit: int  # the exit code
    codes: tuple[tuple[Kind, str], ...] = ()  # what was found, the worst first
    unread: tuple[str, ...] = ()  # parts that could not be read
    because: str | None = None  # why there is no verdict


class Shared(Model, kw_only=True):
    """A finding, once for all who have it."""

    code: str  # RK307
    title: str  # the fault, by name
    kind: Kind
    likely: bool  # on none of them it is sure
    machines: tuple[str, ...]  # names
    file: str  # a recording of one of them
    message: str | None = None  # what is wrong; None where they differ in it
    cause: str | None = None  # why; None also where they differ in it
    fix: WayOut | None = None  # the way out, where one mends it on all of them
    alike: bool = True  # whether all of them have that way out, or none has one


class Fleet(Model, kw_only=True):
    """Everything that is drawn of many machines."""

    rocmkit: str = __version__
    kb: str
    what_if: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    machines: tuple[Machine, ...]
    findings: tuple[Shared, ...]  # errors, then warnings, then notes; what most have first
    gone: tuple[tuple[str, tuple[str, ...]], ...] = ()  # with --what-if: codes that would go, and on which machines
    exit: int

    @property
    def read(self) -> tuple[Machine, ...]:
        """The machines that could be read."""
        return tuple(one for one in self.machines if one.kit is not None)


#: What tells machines apart, and how it is read of the facts.
HEADS = ("GPU", "kernel", "ROCm", "torch")


def kit(facts: Facts) -> tuple[str, ...]:
    """A cell for each of HEADS; what is not known is "?"."""
    return _gpus(facts), _kernel(facts), _rocm(facts), _torch(facts)


def _gpus(facts: Facts) -> str:
    if isinstance(facts.gpus, Gap):
        return "?"
    counts = Counter(map(_gpu, facts.gpus))
    return " + ".join(f"{count}x {words}" if count > 1 else words for words, count in counts.items()) or "none"


def _gpu(gpu: Gpu) -> str:
    name = gpu.gfx or (f"1002:{gpu.device_id}" if gpu.device_id else "gfx unknown")
    return f"{name} {round(gpu.vram_bytes / summary.GIB)} GiB" if gpu.vram_bytes and not gpu.integrated else name


def _kernel(facts: Facts) -> str:
    return facts.system.kernel if not isinstance(facts.system, Gap) and isinstance(facts.system.kernel, str) else "?"


def _rocm(facts: Facts) -> str:
    if isinstance(facts.rocm, Gap):
        return "?"
    versions = [one.version or "?" for one in sorted(facts.rocm, key=lambda one: not one.default)]
    return " + ".join(dict.fromkeys(versions)) or "none"


def _torch(facts: Facts) -> str:
    return "?" if isinstance(facts.python, Gap) else facts.python.packages.get("torch", "none")


class _Findings:
    """What was found so far under one code."""

    def __init__(self, one: Judgement, kind: Kind, file: str) -> None:
        self.code, self.title, self.kind, self.file = one.code, one.title, kind, file
        self.likely = True
        self.machines: list[str] = []
        # More than one of each is "different": what they are is not kept.
        self.messages: set[str | None] = set()
        self.causes: set[str | None] = set()
        self.fixes: set[WayOut | None] = set()

    def add(self, one: Judgement, name: str) -> None:
        self.machines.append(name)
        self.likely = self.likely and one.outcome == "found" and summary.likely(one)
        if one.outcome == "crashed":
            _keep(self.messages, one.because)
        for fault in one.findings:
            _keep(self.messages, fault.message)
            _keep(self.causes, fault.cause)
            _keep(self.fixes, fault.fix)

    def shared(self) -> Shared:
        return Shared(
            code=self.code,
            title=self.title,
            kind=self.kind,
            likely=self.likely,
            machines=tuple(self.machines),
            file=self.file,
            message=_only(self.messages),
            cause=_only(self.causes),
            fix=_only(self.fixes),
            alike=len(self.fixes) < 2,
        )


def _keep(several: set[T | None], one: T | None) -> None:
    if len(several) < 2:
        several.add(one)


def _only(several: set[T | None]) -> T | None:
    return next(iter(several)) if len(several) == 1 else None


def fleet(found: Iterable[tuple[str, str, Report | Unjudged]]) -> Fleet:
    """The report on machines, given one after another by name, file, and what was made of it; none of them is kept."""
    rows: list[Machine] = []
    by_code: dict[str, _Findings] = {}
    gone: dict[str, list[str]] = {}
    what_if: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    for name, file, one in found:
        if isinstance(one, Unjudged):
            rows.append(Machine(name=name, file=file, exit=Exit.USAGE, because=one.because))
            continue
        what_if, left_out = one.what_if, one.left_out
        codes = []
        for kind, judgement in _found(one):
            codes.append((kind, judgement.code))
            by_code.setdefault(judgement.code, _Findings(judgement, kind, file)).add(judgement, name)
        for code in one.compared.went if one.compared else ():
            gone.setdefault(code, []).append(name)
        rows.append(
            Machine(
                name=name,
                file=file,
                kit=kit(one.facts),
                verdict=one.verdict,
                before=one.compared.before if one.compared else None,
                exit=one.exit,
                codes=tuple(codes),
                unread=tuple(part for part, _, _ in summary.failures(one.facts)),
            )
        )
    shared = (one.shared() for one in by_code.values())
    return Fleet(
        kb=kb.date(),
        what_if=what_if,
        left_out=left_out,
        machines=tuple(rows),
        findings=tuple(sorted(shared, key=lambda one: (_KINDS.index(one.kind), -len(one.machines), one.code))),
        gone=tuple((code, tuple(names)) for code, names in sorted(gone.items())),
        exit=int(worst(Exit(one.exit) for one in rows)),
    )


def _found(report: Report) -> Iterator[tuple[Kind, Judgement]]:
    yield from ((one.severity, one) for one in summary.findings(report))
    yield from (("crashed", one) for one in report.results if one.outcome == "crashed")


def same(found: Fleet) -> dict[str, str]:
    """What all machines have in common, by head: it is said once, and needs no column. Nothing of one machine alone."""
    kits = [one.kit for one in found.read if one.kit is not None]
    if len(kits) < 2:
        return {}
    return {head: cells[0] for head, cells in zip(HEADS, zip(*kits, strict=True), strict=True) if len(set(cells)) == 1}


def cells(one: Machine, apart: Iterable[str]) -> list[str]:
    """What stands in a machine's row between its name and its verdict: `apart` are the heads that have a column."""
    kit = dict(zip(HEADS, one.kit, strict=True)) if one.kit is not None else dict.fromkeys(HEADS, "")
    return [kit[head] for head in apart]


def verdict_cell(one: Machine) -> str:
    """What stands there for the verdict; with --what-if, also what it is without."""
    now = said(summary.VERDICTS[one.verdict]) if one.verdict else said("NOT JUDGED")
    return f"{said(summary.VERDICTS[one.before])} → {now}" if one.before and one.before != one.verdict else now


def unread(one: Machine) -> tuple[str, ...]:
    """What stands behind the codes of a machine that could not be judged for what could not be read."""
    return one.unread if one.verdict == "unknown" else ()


def where(one: Shared, found: Fleet) -> str:
    """Who has a finding, in few words."""
    have, many = len(one.machines), len(found.machines)
    if have == many:
        return f"all {many} machines" if many > 1 else one.machines[0]
    others = {row.name for row in found.machines} - set(one.machines)
    if len(others) <= _FEW < have:
        return said("all but {others} ({have} of {many})").format(others=", ".join(names.fold(others)), have=have, many=many)
    return said("{machines} ({have} of {many})").format(machines=", ".join(names.fold(one.machines)), have=have, many=many)


def see(one: Shared) -> str:
    """The command that shows a finding's way out on one of its machines."""
    return f"rocmkit doctor --from {'FILE' if one.file == '-' else quote(one.file)}"


def supposed(found: Fleet) -> Iterator[str]:
    """What the changes of --what-if would do; nothing where no change was asked about."""
    if not found.what_if:
        return
    before = Counter(one.before for one in found.read if one.before)
    verdicts = f"{_counted(before)} → {counts(found)}"
    yield said("If {what_if}: {verdicts}").format(what_if=supposition.clause(found.what_if), verdicts=verdicts)
    for code, machines in found.gone:
        yield f"gone: {code} on {', '.join(names.fold(machines))}"


def counts(found: Fleet) -> str:
    """How many have which verdict, the worst first: "12 BLOCKED, 3 DEGRADED, 480 READY"."""
    missing = len(found.machines) - len(found.read)
    now = _counted(Counter(one.verdict for one in found.read if one.verdict))
    return ", ".join(filter(None, [now, f"{missing} {said('NOT JUDGED')}" if missing else ""]))


def _counted(verdicts: Counter[str]) -> str:
    return ", ".join(f"{verdicts[word]} {said(summary.VERDICTS[word])}" for word in _ORDER if verdicts[word])


def verdict(found: Fleet) -> str:
    """The worst verdict of any machine."""
    words = {one.verdict for one in found.read}
    return next((word for word in _ORDER if word in words), "unknown")


def verdict_line(found: Fleet) -> str:
    """The one line that ends the report."""
    word = verdict(found)
    have = sum(one.verdict == word for one in found.read)
    many, missing = len(found.machines), len(found.machines) - len(found.read)
    if not found.read:
        return f"{summary.VERDICTS[word]}: none of the recordings could be judged"
    told = f"{summary.VERDICTS[word]}: {have} of {many} machine{'' if many == 1 else 's'}"
    return f"{told}; {summary.counted(missing, 'recording')} could not be judged" if missing else told
