"""Carry a plan out, step by step, from where an earlier run has left it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import IO, Literal

from rocmkit.build import installed, integrity, script, state, workplace
from rocmkit.build.download import DownloadError, download, part_of
from rocmkit.build.environment import environment
from rocmkit.build.failure import Memory, failure, said
from rocmkit.build.running import run
from rocmkit.build.state import Done, State
from rocmkit.build.unpack import ArchiveError, unpack
from rocmkit.build.values import Failure, Plan, PlanStep, Progress, Ran, StepRun, Tell
from rocmkit.build.watching import Pace
from rocmkit.errors import Bug, UsageError
from rocmkit.model import to_json

#: Of what a step printed since the last look, the counters at the end are enough.
_TAIL = 1 << 16
#: At the most so often is told how far it is.
_TELL_S = 0.4


def execute(plan: Plan, *, tell: Tell | None = None, fresh: bool = False, lock: int | None = None) -> Ran:
    """Do what of a plan is not done yet; with `fresh`, all of it, in an empty folder. `lock` is that of the work folder, where it is held.

    Ctrl-C ends the step that runs, with all its processes, and the next run goes on from there. Raises UsageError where the work folder
    cannot be used: it is not ours, another build holds it, a link leads out of it, nothing can be written.
    """
    work = Path(plan.work)
    with contextlib.nullcontext(lock) if lock is not None else workplace.held(work, fresh=fresh) as held:
        running = _Running(plan, work, held, tell)
        try:
            running.prepare()
            begin = running.begin()
        except KeyboardInterrupt:
            return running.ran("interrupted", None)
        except OSError as error:
            raise UsageError(
                f"nothing can be written in the work folder {work}: {error.strerror or error}",
                "make room there, or name another with --work",
            ) from None
        return running.all(begin)


class _Running:
    """A plan while it is carried out."""

    def __init__(self, plan: Plan, work: Path, lock: int, tell: Tell | None) -> None:
        self.plan, self.work, self.lock, self.tell = plan, work, lock, tell
        self.state, trouble = state.read(work)
        self.notes = [trouble] if trouble else []
        self.now: dict[str, StepRun] = {}

    def prepare(self) -> None:
        """Write the small files, and the scripts that do the same."""
        plan = self.plan
        workplace.inside(self.work, [Path(file.path) for file in plan.files] + [Path(step.cwd) for step in plan.steps])
        for folder in ("logs", "steps", "downloads", plan.prefix, plan.dist):
            (self.work / folder).mkdir(parents=True, exist_ok=True)
        for file in plan.files:
            _keep(Path(file.path), file.text)
        _keep(self.work / "plan.json", to_json(plan) + "\n", durable=True)
        _keep(self.work / "build.sh", script.script(plan), mode=0o755)
        for number, step in enumerate(plan.steps):
            _keep(self.script(number), script.step_script(plan, step), mode=0o755)

    def all(self, begin: int) -> Ran:
        """The steps in their order, from that one on."""
        try:
            for number in range(begin, len(self.plan.steps)):
                failed = self.step(number)
                if failed:
                    self.end("failed")
                    return self.ran("failed", failed)
            self.end("done")
        except KeyboardInterrupt:
            self.end("interrupted")
            return self.ran("interrupted", None)
        return self.ran("done", None)

    def begin(self) -> int:
        """The first step that has to be done. What was done after it is forgotten, before it is written over."""
        steps = self.plan.steps
        begin = state.kept(self.state.done, steps)
        there = next((number for number, step in enumerate(steps[:begin]) if not self.still_there(step)), begin)
        wheel = next((number for number, step in enumerate(steps) if step.stage == "wheel"), len(steps))
        if self.plan.wheel and not any(Path(self.plan.dist).glob("*.whl")):
            there = min(there, wheel)
        if begin == len(steps) and (wrong := installed.wrong(self.plan)):  # it is installed anew by the steps that name the folder
            self.notes.append(f"{wrong}: it is made again")
            naming = (number for number, step in enumerate(steps) if any(self.plan.prefix in word for word in step.argv))
            there = min(there, next(naming, 0))
        begin = state.whole_groups(there, steps)
        if begin <= wheel and begin < len(steps):  # no wheel of another version stays beside the new one
            for old in Path(self.plan.dist).glob("*.whl"):
                old.unlink()
        for number, (step, done) in enumerate(zip(steps[:begin], self.state.done, strict=False)):
            self.now[step.name] = StepRun(
                name=step.name, status="kept", seconds=done.seconds, log=done.log, script=str(self.script(number))
            )
        self.state = State(step=steps[begin].name if begin < len(steps) else "", done=self.state.done[:begin])
        state.write(self.work, self.state)
        return begin

    def still_there(self, step: PlanStep) -> bool:
        """Whether what a step has made was not taken away since, as far as that is quickly seen."""
        if not Path(step.cwd).is_dir() or (step.act == "download" and not _target(step).is_file()):
            return False
        return not integrity.is_checkout(step) or integrity.mismatch(self.plan, step, environment(self.plan, step, os.environ)) is None

    def end(self, outcome: Literal["done", "failed", "interrupted"]) -> None:
        with contextlib.suppress(OSError):  # the disk is full: what was written before holds
            state.write(self.work, State(outcome=outcome, step=self.state.step, done=self.state.done))

    def ran(self, outcome: Literal["done", "failed", "interrupted"], failed: Failure | None) -> Ran:
        steps = tuple(
            self.now.get(step.name) or StepRun(name=step.name, status="not-run", seconds=0.0, log=None, script=str(self.script(number)))
            for number, step in enumerate(self.plan.steps)
        )
        return Ran(outcome=outcome, steps=steps, failure=failed, notes=tuple(self.notes))

    def step(self, number: int) -> Failure | None:
        """Do one; why it failed."""
        step, log, begin = self.plan.steps[number], self.path("logs", number, "log"), time.monotonic()
        status: Literal["done", "failed", "interrupted"] = "interrupted"
        try:
            failed = self.carry_out(number, log)
            seconds = round(time.monotonic() - begin, 3)
            if failed is None:
                failed = self.done(number, seconds, log)
            status = "failed" if failed else "done"
            return failed
        finally:
            seconds = round(time.monotonic() - begin, 3)
            self.now[step.name] = StepRun(name=step.name, status=status, seconds=seconds, log=str(log), script=str(self.script(number)))

    def done(self, number: int, seconds: float, log: Path) -> Failure | None:
        """Write down that a step is done."""
        step = self.plan.steps[number]
        following = self.plan.steps[number + 1].name if number + 1 < len(self.plan.steps) else ""
        one = Done(name=step.name, digest=step.digest, seconds=seconds, log=str(log))
        try:
            self.state = State(step=following, done=(*self.state.done, one))
            state.write(self.work, self.state)
        except OSError as error:
            return said(step, f"{self.work / state.NAME} cannot be written: {error.strerror or error}")
        return None

    def carry_out(self, number: int, log: Path) -> Failure | None:
        step = self.plan.steps[number]
        memory = Memory()
        try:
            workplace.inside(self.work, [Path(step.cwd)])
            Path(step.cwd).mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
            descriptor = os.open(log, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            return said(step, f"{error.filename or log} cannot be written: {error.strerror or error}")
        with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor
            watch = _Watch(self, number, descriptor)
            watch.tick()
            if step.act != "run":
                return self.act(step, file, watch)
            env = environment(self.plan, step, os.environ)
            _unlock(step)
            ended = run(step.argv, cwd=step.cwd, env=env, log=descriptor, held=self.lock, tick=watch.tick)
        if ended.exit != 0:
            return failure(step, ended, log, memory=memory, wrong=integrity.wrong_file(step))
        wrong = integrity.mismatch(self.plan, step, env)
        return said(step, wrong, ended, integrity=True) if wrong else None

    def act(self, step: PlanStep, log: IO[bytes], watch: _Watch) -> Failure | None:
        """Download or unpack, as the step's command would, and within the work folder alone."""

        def write(text: str) -> None:
            log.write(f"{text}\n".encode("utf-8", "replace"))

        try:
            to = _target(step)
            workplace.inside(self.work, [to, part_of(to)])
            if step.act == "download":
                download(step.argv[-1], to, step.pinned, told=watch.bytes, log=write)
            else:
                archive = Path(step.cwd, _option(step, "-xf"))
                got = integrity.digest(archive) if step.pinned else ""
                if got != step.pinned:
                    return said(step, f"{archive}: expected SHA-256 {step.pinned}, got {got or 'no file'}", integrity=True)
                strip = next((int(word.partition("=")[2]) for word in step.argv if word.startswith("--strip-components=")), 0)
                write(f"{archive}: {unpack(archive, to, strip=strip, told=lambda _: watch.tick())} members")
        except DownloadError as error:
            failed = said(step, str(error), integrity=True)
        except ArchiveError as error:
            failed = said(step, str(error), integrity=True)
        except OSError as error:
            failed = said(step, f"{error.filename or to}: {error.strerror or error}")
        else:
            return None
        with contextlib.suppress(OSError):
            write(failed.error)
        return failed

    def path(self, folder: str, number: int, ending: str) -> Path:
        """A file of a step: logs/07-library-configure.log."""
        width = len(str(len(self.plan.steps)))
        name = re.sub(r"[^\w.+-]", "-", self.plan.steps[number].name, flags=re.ASCII)[:100]
        return self.work / folder / f"{number + 1:0{max(2, width)}}-{name}.{ending}"

    def script(self, number: int) -> Path:
        return self.path("steps", number, "sh")


class _Watch:
    """Tells how far a step is, by what is new in its log."""

    def __init__(self, running: _Running, number: int, log: int) -> None:
        self.running, self.number, self.log = running, number, log
        self.step = running.plan.steps[number]
        self.pace, self.begin, self.at, self.told_at = Pace(), time.monotonic(), 0, float("-inf")

    def tick(self) -> None:
        """Look, and tell."""
        now = time.monotonic()
        if self.running.tell is None or now - self.told_at < _TELL_S:
            return
        self.told_at = now
        if self.step.progress:
            size = os.fstat(self.log).st_size
            if size - self.at > _TAIL:
                self.at = size - _TAIL
            text = os.pread(self.log, _TAIL, self.at)
            self.at += len(text)
            self.pace.read(text, now - self.begin)
        self._tell(now - self.begin)

    def bytes(self, have: int, total: int | None) -> None:
        """So much of a download is there: in MiB, as ninja counts its units."""
        if total:
            self.pace.count(have >> 20, max(1, total >> 20), time.monotonic() - self.begin)
        self.tick()

    def _tell(self, seconds: float) -> None:
        assert self.running.tell  # noqa: S101 - for the type checker
        self.running.tell(
            Progress(
                step=self.step.name,
                number=self.number + 1,
                of=len(self.running.plan.steps),
                done=self.pace.done,
                total=self.pace.total,
                seconds=seconds,
                left_s=self.pace.left(seconds),
            )
        )


def _keep(path: Path, text: str, *, mode: int = 0o644, durable: bool = False) -> None:
    """Have this text in a file. One that holds it keeps its time: else all that includes it is compiled anew.

    It is compared at each run, so that what a loss of power damages is written again.
    """
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode():
            return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state.write_whole(path, text, mode=mode, durable=durable)


def _unlock(step: PlanStep) -> None:
    """Take away what git leaves when it is killed: nobody else works in the repository."""
    if step.argv[0] == "git":
        for name in ("index", "shallow", "HEAD", "config", "packed-refs", "FETCH_HEAD", "ORIG_HEAD"):
            with contextlib.suppress(OSError):
                Path(integrity.repository(step), ".git", f"{name}.lock").unlink()


def _target(step: PlanStep) -> Path:
    return Path(step.cwd, _option(step, "-o" if step.act == "download" else "-C"))


def _option(step: PlanStep, name: str) -> str:
    if name not in step.argv[:-1]:
        raise Bug(f"{step.name}: {step.act} without {name}")
    return step.argv[step.argv.index(name) + 1]
