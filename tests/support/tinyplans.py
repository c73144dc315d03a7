"""Plans of a few commands, carried out in a process of their own, and the processes that are left of one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from rocmkit.build.recipe import Expect
from rocmkit.build.values import Plan, PlanFile, PlanStep
from rocmkit.model import to_json
from tests.support.plans import COST, toolchain

ROOT = Path(__file__).resolve().parents[2]
#: Every process of a plan holds it in its environment.
MARK = "PLAN_OF_A_TEST"

_CARRY_OUT = """
import json, os, signal, sys
import msgspec
from rocmkit.build.execute import execute
from rocmkit.build.values import Plan
from rocmkit.model import to_json

def end(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, end)
plan = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Plan)
told = []
ran = execute(plan, tell=told.append, fresh="fresh" in sys.argv)
print(json.dumps([json.loads(to_json(ran)), [json.loads(to_json(one)) for one in told]]))
"""


def step(name: str, *argv: str, cwd: Path, **changed: Any) -> PlanStep:
    return PlanStep(
        **{"name": name, "stage": "build", "argv": argv, "cwd": str(cwd), "env": {}, "why": "For the test.", "digest": "", **changed}
    )


def shell(name: str, text: str, *, cwd: Path, **changed: Any) -> PlanStep:
    return step(name, "bash", "-ec", text, cwd=cwd, **changed)


def plan(work: Path, steps: Iterable[PlanStep], files: Iterable[PlanFile] = (), **changed: Any) -> Plan:
    """A plan with digests that are chained as those of real ones are."""
    known, digest, done = tuple(files), "", []
    for one in steps:
        one = msgspec.structs.replace(one, env={MARK: str(work), **one.env})
        read = [file.sha256 for file in known if any(file.path in word for word in one.argv)]
        digest = hashlib.sha256(json.dumps([digest, one.name, one.argv, read]).encode()).hexdigest()
        done.append(msgspec.structs.replace(one, digest=digest))
    fields: dict[str, Any] = {
        **dict.fromkeys(("recipe", "title", "local_version", "use"), "tiny"),
        "version": "1",
        "arch": ("gfx906",),
        "toolchain": toolchain(),
        "feasible": True,
        **dict.fromkeys(("blocked_by", "prerequisites", "pins", "needs", "runs_on", "notes", "links"), ()),
        "work": str(work),
        "out": str(work.parent),
        "prefix": f"{work}/prefix",
        "dist": f"{work}/dist",
        **dict.fromkeys(("wheel", "jobs", "launcher", "package")),
        "expect": Expect(),
        "cost": COST,
        "recipe_sha256": "0" * 64,
        "digest": digest,
    }
    return Plan(**{**fields, "files": known, "steps": tuple(done), **changed})


def file(path: Path, text: str) -> PlanFile:
    return PlanFile(path=str(path), text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


class Away:
    """A plan that is carried out in another process."""

    def __init__(self, one: Plan, *words: str, before: Callable[[], None] | None = None) -> None:
        self.plan = one
        path = Path(one.work).parent / "plan-of-the-test.json"
        path.write_text(to_json(one))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CARRY_OUT, str(path), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509 - there is one thread
        )

    def wait_for(self, path: Path, *, text: str = "", timeout_s: float = 20) -> None:
        """Until a file is there, and holds a text."""
        end = time.monotonic() + timeout_s
        while not (path.exists() and text in path.read_text(errors="replace")):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, f"{path} does not come"
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, timeout_s: float = 60) -> tuple[Any, Any]:
        """What came of it, and what was told."""
        out, err = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, err.decode()
        ran, told = json.loads(out)
        return ran, told

    def refused(self) -> str:
        """Why it was not begun."""
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 1, err.decode()
        return err.decode().strip().splitlines()[-1]

    def killed(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)


def alive(work: Path) -> list[str]:
    """Command lines of processes of a plan that still run."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                held = Path(entry.path, "environ").read_bytes().split(b"\0")
                if f"{MARK}={work}".encode() in held:
                    found.append(Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def gone(work: Path, timeout_s: float = 8) -> bool:
    """Whether all processes of a plan end soon."""
    end = time.monotonic() + timeout_s
    while alive(work):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
