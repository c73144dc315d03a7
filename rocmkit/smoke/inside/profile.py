"""Where ONNX Runtime puts the operators while it transcribes, by its own profile, and whether it obeys where the processor is forbidden."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

from .packets import VARIABLE
from .sessions import CPU, open_on, settings

#: So many runs of a session are profiled: a large encoder has ten thousand nodes, and each is kept in memory until the profile is written.
_RUNS = 4
#: A GPU's first convolution may have to be compiled.
_PATIENCE_S = 120.0


class Profiled:
    """A session whose first runs are profiled. What is not here is the session's."""

    def __init__(self, ort: Any, path: str, provider: str, *, threads: int = 0) -> None:
        self._name = Path(path).name
        self._folder = Path(tempfile.mkdtemp(prefix="profile-", dir=Path.cwd()))  # the trial's own, which is swept
        self._session = open_on(ort, path, provider, threads=threads, profile=str(self._folder / "profile"))
        self._runs = 0
        self._file: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *asked: Any) -> Any:
        """As the session's own."""
        given = self._session.run(*asked)
        self._runs += 1
        if self._runs == _RUNS:
            self._end()
        return given

    def _end(self) -> str:
        if self._file is None:
            self._file = str(self._session.end_profiling())
        return self._file

    def placed(self) -> dict[str, Any]:
        """What the profile says, as `rocmkit.smoke.observed.Placed` has it. Asked for once."""
        steps = importlib.import_module("rocmkit_trial_inside.placement_steps")
        runs, unread = steps.summed(self._end())
        shutil.rmtree(self._folder, ignore_errors=True)
        # Kernels may be compiled in the first run. Of what lacks a part nothing is known.
        return {"model": self._name, **told(steps.mean(runs[1:] or runs) if runs and not unread else ())}


def told(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The shares of the providers, and what computed on the processor. Of a GPU the time may be that of handing over work alone."""
    kind_of = importlib.import_module("rocmkit_trial_inside.operators").kind_of
    kinds = [kind_of(row["op"], row["dtype"], row["elements"]) for row in rows]
    counted = [row for row, kind in zip(rows, kinds) if kind != "control"]
    nodes, time = (sum(row[name] for row in counted) or 1 for name in ("nodes", "microseconds"))
    shares = []
    for provider in dict.fromkeys(row["provider"] for row in counted):
        own = [row for row in counted if row["provider"] == provider]
        of_nodes, of_time = sum(row["nodes"] for row in own) / nodes, sum(row["microseconds"] for row in own) / time
        shares.append({"provider": provider, "of_nodes": round(of_nodes, 4), "of_time": round(of_time, 4)})
    on_cpu = sorted({row["op"] for row, kind in zip(rows, kinds) if kind == "compute" and row["provider"] == CPU})
    return {"shares": shares, "compute_on_cpu": on_cpu}


def placed(sessions: Iterable[Profiled], provider: str) -> list[dict[str, Any]]:
    """What the profiles say; where a GPU's provider was asked for, with what came of forbidding the processor."""
    forbidden = None if provider == CPU else _forbidden(provider)
    return [{**session.placed(), "cpu_forbidden": forbidden} for session in sessions]


def _forbidden(provider: str) -> str:
    """What a session does that may put nothing of a small model on the processor; in a process of its own, since it may die of it."""
    worker = Path(str(importlib.import_module("rocmkit_trial_inside").__file__)).with_name("worker.py")
    request = {"steps": [{"do": "placement_forbid", "provider": provider, "options": settings(provider)}]}
    # Its answer goes to standard output, and what it does on the GPU is not what the model does.
    env = {name: value for name, value in os.environ.items() if name not in ("ROCMKIT_TRIAL", VARIABLE)}
    try:
        done = subprocess.run(
            [sys.executable, "-B", str(worker)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "unknown" if isinstance(error, OSError) else "died"
    if done.returncode < 0:
        return "died"
    for line in done.stdout.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a library's words
            return "opened" if json.loads(line)["measured"]["opened"] else "refused"
    return "unknown"
