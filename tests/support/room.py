"""A runner of experiments that looks around after each of them: nothing may be left."""

from __future__ import annotations

import os
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from rocmkit.host.names import Names
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment, Limits, Trial
from tests.support.command import ROOT
from tests.support.crashes import MARK, function, marked

MIB = 1 << 20
SHORT = Limits(time_s=1.0)
#: Nothing here runs for longer, unless the runner fails.
LONG = Limits(time_s=15.0)
#: A process of ours in the middle of a trial of the program in its first argument.
DRIVER = """
import os, sys
sys.path.insert(0, os.environ["ZOO_ROOT"])
from rocmkit.trial.run import runner
from rocmkit.trial.values import Experiment
print("started", flush=True)
env = {"ROCMKIT_ZOO": os.environ["ZOO_MARK"]}
print(runner()(Experiment(name="x", argv=(sys.executable, "-c", sys.argv[1]), env=env)).outcome, flush=True)
"""


class Room:
    """A runner, and a look around after each of its trials."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.mark = uuid.uuid4().hex
        self.seconds = 0.0
        self.names = Names()
        #: Of tests before this one: a killed program's own children come to this process some time after it.
        self.strangers = {child.pid for child in psutil.Process().children(recursive=True)}

    def experiment(self, *argv: str, **using: Any) -> Experiment:
        using = {"name": "planted", "limits": LONG, **using}
        return Experiment(argv=argv, **{**using, "env": {MARK: self.mark, **using.get("env", {})}})

    def __call__(self, *argv: str, **using: Any) -> Trial:
        return self.run(self.experiment(*argv, **using))

    def python(self, program: str, **using: Any) -> Trial:
        return self(sys.executable, "-c", program, **using)

    def run(self, experiment: Experiment) -> Trial:
        start = time.monotonic()
        trial = runner(self.names)(experiment)
        self.seconds = time.monotonic() - start
        self.look_around()
        assert trial.name == experiment.name
        assert trial.seconds <= self.seconds
        assert len(trial.log) < 1 << 18
        return trial

    def look_around(self) -> None:
        assert marked(self.mark) == []
        left = [child for child in psutil.Process().children(recursive=True) if child.pid not in self.strangers]
        assert left == []  # zombies too
        assert list(self.scratch.iterdir()) == []


def lies_in(trial: Trial, library: Path, name: str) -> bool:
    """Whether the innermost native frame is that function of that library."""
    found = re.fullmatch(rf"{re.escape(library.name)}\+0x([0-9a-f]+)", trial.frame or "")
    return found is not None and int(found[1], 16) in function(library, name)


def driven(room: Room) -> dict[str, str]:
    return {**os.environ, "ZOO_ROOT": str(ROOT), "ZOO_MARK": room.mark}
