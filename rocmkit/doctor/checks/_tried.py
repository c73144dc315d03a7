"""What the experiments of `doctor --try` say: which failure each one shows, as evidence, and how to go on from there."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._crashes import better
from rocmkit.doctor.checks._fixes import newest
from rocmkit.doctor.checks._stack import Target, Torch, targets, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, Text, judge, say, skip
from rocmkit.facts import Gap, Gpu, Python
from rocmkit.trial.ladder import rung_of
from rocmkit.trial.maps import runtimes
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ELSEWHERE, GONE, WHERE, WRONG, ending, unsupported

#: How a trial that does not pass is spoken of.
ENDS = {"fail": "fails", "crash": "dies", "hang": "does not end"}
#: What the first operations of any program are.
FIRST = ("device", "memory", "elementwise")
#: What MIOpen, rocBLAS and rocFFT compute, and what is made of it.
MATH = ("matmul", "conv", "attention", "fft", "model")


def made(trials: tuple[Trial, ...] | Gap) -> tuple[Trial, ...]:
    """The trials; none where nothing was tried."""
    return () if isinstance(trials, Gap) else trials


def code_of(trial: Trial) -> str | None:
    """The failure that a trial shows, each one failure; None: it passed, or was not made since another one says why."""
    rung = rung_of(trial.name)
    if trial.outcome == "skipped":
        return "RK434" if (trial.because or "").startswith(GONE) else None
    if trial.outcome == "pass":
        return None
    if trial.gpu_fault:
        return "RK113"
    if rung in {"import", "together"}:
        return "RK431" if rung == "import" else "RK432"
    if trial.device == "gpu":
        died = trial.outcome == "crash" and trial.limit is None
        if trial.outcome == "fail" and (trial.because or "").startswith((WRONG, *ELSEWHERE)):
            return "RK435" if on_processor(trial) else "RK415"
        return ("RK412" if rung in FIRST else "RK413" if rung in MATH else "RK433") if died else "RK433"
    return "RK436"


def on_processor(trial: Trial) -> str | None:
    """What a worker saw to have run on the processor, in its own words, although it had asked for the GPU."""
    kind, _, said = (trial.because or "").partition(": ")
    return said if kind in ELSEWHERE else None


def showing(trials: tuple[Trial, ...] | Gap, code: str) -> tuple[Trial, ...]:
    """The trials that show one failure."""
    return tuple(trial for trial in made(trials) if code_of(trial) == code)


def seen(trial: Trial) -> Seen:
    """A trial as evidence."""
    where = f" {WHERE[trial.device]}" if trial.device else ""
    if trial.outcome == "pass":
        return Seen(f"experiment {trial.name}", f"passed{where} in {trial.seconds:.1f} s")
    return Seen(f"experiment {trial.name}", ending(trial))


def met(trials: tuple[Trial, ...] | Gap, kind: str, *, but: str = "") -> tuple[Seen, ...]:
    """Evidence that two libraries of a kind were in one process, those that are called `but` apart; empty where none was seen."""
    for trial in made(trials):
        paths = [path for path in runtimes(trial.mapped).get(kind, ()) if not (but and path.rpartition("/")[2].startswith(but))]
        if len(paths) > 1:
            return tuple(Seen(f"experiment {trial.name}", f"{path} was in the process") for path in paths)
    return ()


def meeting(seen: tuple[Seen, ...], what: str, cause: Text, fix: Fix, python: Python) -> Finding:
    """The finding on libraries that met."""
    names = [one.what.removesuffix(" was in the process").rpartition("/")[2] for one in seen]
    return Finding(
        subject=" + ".join(names),
        message=say("{what} were in one process in the {where}: {names}", what=what, where=seen[0].where, names=" and ".join(names)),
        confidence="sure",
        seen=seen,
        cause=cause,
        fix=replace(fix, verify=(again(python),)),
    )


def alike(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Trials that ended in one way together, the first to show it first."""
    groups: dict[object, list[Trial]] = {}
    for trial in trials:
        how = (trial.outcome, trial.signal, trial.frame or trial.last_library, trial.because if trial.outcome == "fail" else None)
        groups.setdefault(how, []).append(trial)
    return list(groups.values())


def judged(findings: list[Finding], trials: tuple[Trial, ...], sentence: str, none: str) -> Outcome:
    """The findings; else that so many passed, or that nothing was there to try."""
    if findings:
        return judge(findings)
    good = [trial for trial in trials if trial.outcome == "pass" and not unsupported(trial)]
    return judge([], Seen("experiments", f"{len(good)} {sentence}")) if good else skip(none)


def listed(trials: list[Trial]) -> tuple[Seen, ...]:
    """The first as evidence, and which others ended as it did."""
    others = ", ".join(trial.name for trial in trials[1:])
    more = (Seen("experiments", f"{len(trials) - 1} more ended so: {others}"),) if others else ()
    return (seen(trials[0]), *more)


def passed(trials: tuple[Trial, ...] | Gap, rungs: tuple[str, ...], *needed: str) -> tuple[Seen, ...]:
    """Evidence that everything of these rungs that there was passed on the GPU, and `needed` among it; empty where that is not so."""
    there = [trial for trial in made(trials) if rung_of(trial.name) in rungs and not unsupported(trial)]
    good = {trial.name for trial in there if trial.device == "gpu" and trial.outcome == "pass"}
    if len(good) < len(there) or not good.issuperset(needed):
        return ()
    rows = {rung: [trial for trial in there if rung_of(trial.name) == rung] for rung in rungs}
    return tuple(
        Seen(f"experiments {rung}", f"{len(row)} passed on the GPU, in {sum(trial.seconds for trial in row):.1f} s")
        for rung, row in rows.items()
        if row
    )


def known(trials: Iterable[Trial], *, but: str) -> tuple[str, ...]:
    """Codes of known failures that their output shows, other than the one that they are told under."""
    return tuple(dict.fromkeys(code for trial in trials for code in trial.known if code != but))


def pointing(codes: tuple[str, ...]) -> Text | None:
    """A sentence that names a known failure; None where none is."""
    if not codes:
        return None
    from rocmkit.doctor.check import all_checks
    from rocmkit.kb.issues import issues

    title = next((check.title for check in all_checks() if check.code == codes[0]), "") or next(
        (issue.title for issue in issues() if issue.code == codes[0]), ""
    )
    return say("what it printed is that of {code}: {title}", code=codes[0], title=title)


def again(python: Python) -> str:
    """The command that makes the experiments once more."""
    return f"rocmkit doctor --try --python {advice.interpreter(python)}"


def shrinking(python: Python, code: str) -> str:
    """The command that finds what makes a line of Python die."""
    word = advice.interpreter(python)
    return f"rocmkit bisect --python {word} -- {word} -c '{code}'"


class Machine:
    """The torch and the GPU that a finding is about, as far as they are known."""

    def __init__(self, gpus: tuple[Gpu, ...], python: Python, env: dict[str, str] | Gap) -> None:
        self.python = python
        self.torch: Torch | None = torch_of(python)
        kinds = targets(gpus, env)
        self.kind: Target | None = next((kind for kind in kinds if kind.first), None)

    @property
    def gfx(self) -> str:
        """The GPU in a sentence."""
        return self.kind.gfx if self.kind else "the GPU"

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Evidence: which torch, on which GPU."""
        return (*((self.torch.seen,) if self.torch else ()), *(self.kind.seen if self.kind else ()))

    def newer(self) -> tuple[str, str] | None:
        """The newest torch for this GPU and its ROCm, where that is another one."""
        best = kb.best_torch(self.kind.gfx, advice.python_minor(self.python)) if self.kind else None
        return (newest(best), best.rocm) if best and self.torch and best != self.torch.wheel else None

    def fix(self, way: str) -> Fix:
        """That torch, and what helps before it is installed (a part of a template); the latter alone where there is none."""
        found, verify = self.newer(), (again(self.python),)
        if found is None or self.torch is None or self.kind is None:
            return Fix(text=say(way[0].upper() + way[1:]), verify=verify)
        note = say("Install torch {new} for ROCm {rocm}. Until then: " + way, new=found[0], rocm=found[1])
        return better(self.python, self.torch, self.kind, verify, note)
