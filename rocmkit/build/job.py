"""Building what was planned: look before, carry out, look at what came of it, bring it to its place, write down where it is from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from rocmkit.build import provenance, results
from rocmkit.build.deliver import deliver
from rocmkit.build.digests import JOBS
from rocmkit.build.execute import execute
from rocmkit.build.install import can_install, install
from rocmkit.build.installed import forget, keep
from rocmkit.build.preflight import Preflight, preflight
from rocmkit.build.problem import Problem
from rocmkit.build.prove import holds, prove
from rocmkit.build.values import Built, Outcome, Plan, Progress, Proof, Ran, Tell
from rocmkit.build.workplace import held
from rocmkit.errors import Exit, UsageError
from rocmkit.facts import Facts
from rocmkit.host.base import Host
from rocmkit.host.names import Names
from rocmkit.model import Model
from rocmkit.trial.values import Run

#: What follows the last step, as it is told.
PROOF = "all done, and looked at"


class Job(Model, kw_only=True):
    """A plan, and how the machine is prepared for it."""

    plan: Plan
    preflight: Preflight | None = None  # None: planned for another machine
    lacking: Problem | None = None  # what it cannot be begun without, beside that


class Done(Model, kw_only=True):
    """What came of a job."""

    job: Job
    built: Built
    wheel_bytes: int | None = None
    remarks: tuple[str, ...] = ()  # what was odd on the way
    installed: str | None = None  # what was installed, and for which Python


class Ground(Model, kw_only=True):
    """What jobs are done on."""

    host: Host
    facts: Facts | None  # of this machine; None: it was not looked at
    run: Run  # runs experiments
    install: bool = False  # into the Python that it was built for
    fresh: bool = False  # begin anew


def prepared(plan: Plan, host: Host, facts: Facts | None) -> Job:
    """A job on this machine, with as many compilers at a time as it has memory for."""
    before = preflight(plan, host, facts)
    if plan.jobs is None:
        steps = tuple(replace(step, env={JOBS: str(before.jobs), **step.env}) for step in plan.steps)
        plan = replace(plan, jobs=before.jobs, steps=steps)
    return Job(plan=plan, preflight=before)


#: Makes what is told how far a job is.
Tells = Callable[[Job], Tell | None]
#: Carries a plan out, by its own steps or in a container; at last the lock of the work folder.
Carry = Callable[[Plan, Tell | None, int], Ran]


def work(jobs: Sequence[Job], ground: Ground, tells: Tells, carry: Carry | None = None) -> tuple[Done, ...]:
    """Do the jobs in their order; where one cannot be begun, none is. What comes after one that fails is not begun.

    Raises UsageError where a work folder cannot be used, or what is to be installed cannot be.
    """
    for job in ([one for one in jobs if one.plan.wheel] or jobs[:1]) if ground.install else ():
        can_install(job.plan, ground.host)
    refused = [refusal(job) for job in jobs]
    if any(refused):
        which = " and ".join(job.plan.recipe for job, no in zip(jobs, refused, strict=True) if no)
        return tuple(no or _not_begun(job, which) for job, no in zip(jobs, refused, strict=True))
    done: list[Done] = []
    for job in jobs:
        failed = next((one.built.recipe for one in done if one.built.outcome != "built"), None)
        done.append(_not_begun(job, failed) if failed else _done(job, ground, tells(job), carry or _carry))
    return tuple(done)


def refusal(job: Job) -> Done | None:
    """Why a job is not begun; None: it can be."""
    if not job.plan.feasible:
        because = "; ".join(block.text for block in job.plan.blocked_by)
        return Done(job=job, built=_built(job.plan, "blocked", because, Exit.BLOCKED))
    problems = (*((job.lacking,) if job.lacking else ()), *(job.preflight.problems if job.preflight else ()))
    because = "; ".join(problem.text for problem in problems if problem.fatal)
    return Done(job=job, built=_built(job.plan, "missing", because, Exit.BLOCKED)) if because else None


def _not_begun(job: Job, which: str) -> Done:
    return Done(job=job, built=_built(job.plan, "blocked", f"not begun, since {which} is not built", Exit.BLOCKED))


def _carry(plan: Plan, tell: Tell | None, lock: int) -> Ran:
    return execute(plan, tell=tell, lock=lock)


def _while_heard(tell: Tell | None) -> Tell | None:
    """The same, until nobody is there any more to tell it to (`| head`): hours of work are not lost for that."""
    listener = tell

    def told(now: Progress) -> None:
        nonlocal listener
        try:
            if listener:
                listener(now)
        except OSError:
            listener = None

    return told if tell else None


def _done(job: Job, ground: Ground, tell: Tell | None, carry: Carry) -> Done:
    plan, tell = job.plan, _while_heard(tell)
    try:
        with held(Path(plan.work), fresh=ground.fresh) as lock:  # until the result has its place: no other build changes it meanwhile
            used = () if plan.toolchain.container else plan.uses  # a container makes its own
            if lost := results.lost(used):
                return Done(job=job, built=_built(plan, "missing", ground.host.private.hide(lost), Exit.BLOCKED))
            with results.held(used):
                ran, done = _carried(job, ground, tell, carry, lock)
        return replace(done, remarks=(*ran.notes, *done.remarks))
    except OSError as error:
        where = ground.host.private.hide(str(error.filename or plan.work))
        raise UsageError(f"cannot write {where}: {error.strerror or error}", "name another folder with --work or --out") from None


def _carried(job: Job, ground: Ground, tell: Tell | None, carry: Carry, lock: int) -> tuple[Ran, Done]:
    ran = carry(job.plan, tell, lock)
    if ran.outcome != "done":
        return ran, Done(job=job, built=_unfinished(job.plan, ran, ground.host.private))
    if tell:
        steps = len(ran.steps)
        tell(Progress(step=PROOF, number=steps, of=steps, done=None, total=None, seconds=0, left_s=None))
    return ran, _looked_at(job, ran, ground)


def _unfinished(plan: Plan, ran: Ran, names: Names) -> Built:
    if ran.outcome == "interrupted" or ran.failure is None:
        return _built(plan, "interrupted", "what is done is kept", Exit.INTERRUPTED, ran)
    code = Exit.INTEGRITY if ran.failure.integrity else Exit.BUILD_STEP
    # What a program printed may hold an address with a password.
    return _built(plan, "failed", names.hide_text(f"{ran.failure.step}: {ran.failure.error}"), code, ran)


def _looked_at(job: Job, ran: Ran, ground: Ground) -> Done:
    """The proof of what was made, and the result in its place."""
    plan, installed = job.plan, None
    because = "all steps are done; what came of them was not looked at"
    try:
        forget(plan)
        proof = prove(plan, ground.host, ground.run)
        if holds(proof):
            with contextlib.suppress(ValueError):  # of so many files, nobody is built against it
                keep(plan)
        else:
            because = "; ".join(one.text for one in proof.proven if one.outcome == "found")
            return Done(job=job, built=_built(plan, "not-proven", because, Exit.BLOCKED, ran, proof), wheel_bytes=_size(proof))
        because = f"what was built is what it should be; it may not yet be in {plan.out}"
        proof = deliver(plan, proof)
        record = str(provenance.write(plan, ran, proof, ground.facts, ground.host))
        if ground.install and proof.wheel:
            because = f"{Path(proof.wheel).name} is in {plan.out}; whether pip has installed it is not known"
            try:
                installed = install(plan, Path(proof.wheel), ground.host)
            except UsageError as error:
                failed = _built(plan, "built", f"built, and not installed: {error.message}", Exit.BLOCKED, ran, proof)
                hint = (error.hint,) if error.hint else ()
                return Done(job=job, built=replace(failed, provenance=record), wheel_bytes=_size(proof), remarks=hint)
    except KeyboardInterrupt:
        return Done(job=job, built=_built(plan, "interrupted", because, Exit.INTERRUPTED, ran))
    built = replace(_built(plan, "built", None, Exit.OK, ran, proof), provenance=record)
    return Done(job=job, built=built, wheel_bytes=_size(proof), installed=installed)


def _size(proof: Proof) -> int | None:
    with contextlib.suppress(OSError):
        return Path(proof.wheel).stat().st_size if proof.wheel else None
    return None


def _built(plan: Plan, outcome: Outcome, because: str | None, code: Exit, ran: Ran | None = None, proof: Proof | None = None) -> Built:
    return Built(
        recipe=plan.recipe,
        version=plan.version,
        outcome=outcome,
        because=because,
        plan=plan,
        steps=ran.steps if ran else (),
        failure=ran.failure if ran else None,
        proof=proof,
        provenance=None,
        exit=int(code),
    )
