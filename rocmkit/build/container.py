"""A plan carried out in a container: docker or podman builds the plan's Dockerfile, and what comes out is looked at here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from rocmkit.build.dockerfile import beside, dockerfile
from rocmkit.build.failure import Memory, failure
from rocmkit.build.job import Carry, Job
from rocmkit.build.problem import Problem
from rocmkit.build.running import run
from rocmkit.build.state import write_whole
from rocmkit.build.together import needed
from rocmkit.build.values import Plan, PlanStep, Progress, Ran, StepRun, Tell
from rocmkit.build.watching import Pace
from rocmkit.build.wish import Wish, real, work_of
from rocmkit.build.workplace import inside
from rocmkit.errors import UsageError
from rocmkit.host.base import Host, NotAsked, whole
from rocmkit.model import Model

STEP = "container"
_ENGINES = {
    "docker": ("docker", "info", "--format", "{{.ServerVersion}}"),
    "podman": ("podman", "info", "--format", "{{.Version.Version}}"),
}
_ANSWER_S = 20.0
#: BuildKit puts the number of the step and its seconds before what a step prints.
_BUILDKIT = re.compile(rb"(?m)^#[0-9]+ [0-9.]+ ")


class Engine(Model, kw_only=True):
    """What builds images here."""

    name: str  # docker
    why_not: str | None = None  # None: it answers


def engine(host: Host) -> Engine | None:
    """The first engine that answers, else the first that is installed, with its own words; None: none is installed."""
    silent = None
    for name, ask in _ENGINES.items():
        if host.which(name) is None:
            continue
        try:
            said = host.run(ask, whole, timeout_s=_ANSWER_S)
        except (OSError, NotAsked) as error:
            silent = silent or Engine(name=name, why_not=str(error))
            continue
        if said.outcome == "exited" and said.exit == 0 and said.text.strip():
            return Engine(name=name)
        words = said.stderr.decode("utf-8", "replace").strip().splitlines()
        silent = silent or Engine(name=name, why_not=words[-1] if words else f"{name} info does not answer")
    return silent


def command(name: str, file: str, into: str, folder: str) -> tuple[str, ...]:
    """What builds a Dockerfile and puts what comes of it into a folder."""
    output = f"type=local,dest={into}"
    plain = ("--progress=plain",) if name == "docker" else ()
    return (name, "build", *plain, "--file", file, "--output", output, folder)


def by_hand(name: str) -> str:
    """The same for people, once `--dockerfile Dockerfile` has written the file."""
    return f"mkdir -p out && {shlex.join(command(name, 'Dockerfile', 'out', '.'))}"


def contained(jobs: Sequence[Job], wish: Wish, host: Host) -> tuple[list[Job], Carry]:
    """The jobs with folders of this machine, and what builds them in containers. Raises UsageError."""
    plans = [job.plan for job in jobs]
    texts = {plan.recipe: dockerfile(*needed(plan, plans), results=(plan,)) for plan in plans}
    own = [Job(plan=here(job.plan, work_of(job.plan, wish, several=len(jobs) > 1), real(wish.out))) for job in jobs]
    found = engine(host)
    name = found.name if found else "docker"
    if found is None or found.why_not:
        silent = f"{name} does not answer: {host.private.hide_text(found.why_not or '')}" if found else "there is neither docker nor podman"
        text = f"no container can be built here, {silent}; where one can, --dockerfile Dockerfile in place of --container writes the file"
        own = [replace(job, lacking=Problem(id="container-engine", text=text, fatal=True, command=by_hand(name))) for job in own]
    return own, lambda plan, tell, lock: carry(plan, texts[plan.recipe], name, tell, lock)


def here(plan: Plan, work: Path, out: Path) -> Plan:
    """A plan for an image, with the folders of this machine that its result is looked at in."""
    if "," in str(work):
        raise UsageError(f"{work}: engines take no folder with a comma in its name", "name another with --work")
    result = str(work / "build" / "container" / "result")
    prefix = f"{result}/{beside(plan)}".rstrip("/") if plan.wheel and plan.expect.files else result
    return replace(plan, work=str(work), out=str(out), dist=result, prefix=prefix)


def carry(plan: Plan, text: str, name: str, tell: Tell | None, lock: int) -> Ran:
    """Build the Dockerfile `text`. Raises OSError where the work folder cannot be written, UsageError where a link leads out of it."""
    work = Path(plan.work)
    folder, result = work / "build" / "container", Path(plan.dist)
    context, file, log = folder / "context", folder / "Dockerfile", folder / "build.log"
    inside(work, (context, result, file, log))
    if result.exists():
        shutil.rmtree(result)
    for path in (context, result):
        path.mkdir(parents=True, exist_ok=True)
    write_whole(file, text)
    argv = command(name, str(file), str(result), str(context))
    step = PlanStep(name=STEP, stage="build", argv=argv, cwd=str(folder), env={}, why="All steps, in a container.", digest=plan.digest)
    return _ran(step, log, lock, tell, {**os.environ, "DOCKER_BUILDKIT": "1"})


def _ran(step: PlanStep, log: Path, lock: int, tell: Tell | None, env: Mapping[str, str]) -> Ran:
    begin, pace, memory = time.monotonic(), Pace(), Memory()
    with log.open("w+b") as file, log.open("rb") as printed:

        def tick() -> None:
            seconds = time.monotonic() - begin
            pace.read(_BUILDKIT.sub(b"", printed.read()), seconds)
            if tell:
                left = pace.left(seconds)
                tell(Progress(step=step.name, number=1, of=1, done=pace.done, total=pace.total, seconds=seconds, left_s=left))

        try:
            ended = run(step.argv, cwd=step.cwd, env=env, log=file.fileno(), held=lock, tick=tick)
        except KeyboardInterrupt:
            ended = None
    seconds = round(time.monotonic() - begin, 3)
    outcome: Literal["done", "failed", "interrupted"] = "interrupted" if ended is None else "done" if ended.exit == 0 else "failed"
    went = StepRun(name=step.name, status=outcome, seconds=seconds, log=str(log), script=None)
    return Ran(outcome=outcome, steps=(went,), failure=failure(step, ended, log, memory=memory) if ended and outcome == "failed" else None)
