"""Which commands are measured, and in which situations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratch import FAKE_TORCH, HANGS, SEGFAULTS, Scratch, site_packages

LIMIT_S, TORTURE_LIMIT_S = 90.0, 30.0
START_S, BARE_S, HUNG_S = 0.15, 0.4, 6.0  # the budgets
RIVALS = {
    "rocm-bootstrap": ("rocm-bootstrap-detect",),
    "gpu-doctor": ("gpu-doctor", "--check"),
    "env-doctor": ("env-doctor", "check"),
}
COLLECT = ("python", "-m", "torch.utils.collect_env")
GROUPS = {
    "start": "Start",
    "no torch": "No torch installed",
    "torch": "torch installed",
    "tools hang": "Every tool on PATH hangs",
    "torch crashes": "torch crashes on import (SIGSEGV)",
    "torch hangs": "torch hangs on import",
    "gpu": "A machine with an AMD GPU (its /sys laid over this one's)",
    "gpu, tools hang": "That machine, and every tool on PATH hangs",
}


@dataclass(frozen=True)
class Case:
    """One command line in one situation."""

    group: str
    tool: str
    argv: tuple[str, ...]
    venv: Path
    shown: str = ""
    judged: Path | None = None  # an environment besides its own whose bytecode the cold run must not find
    env: dict[str, str] = field(default_factory=dict)
    path_first: Path | None = None
    budget_s: float | None = None
    torture: bool = False
    tells: str = ""  # what a tool that looked at the matter would print

    @property
    def command(self) -> str:
        return self.shown or " ".join(self.argv)

    @property
    def limit_s(self) -> float:
        return TORTURE_LIMIT_S if self.torture else LIMIT_S


class Cases:
    """Builds the cases from the environments; `torch` is a real one with its version, or None."""

    def __init__(self, scratch: Scratch, rocmkit: Path, rivals: dict[str, Path], torch: tuple[Path, str] | None) -> None:
        self.rocmkit = rocmkit
        self.venvs = rivals
        self.torch = torch
        self.hung: dict[str, Any] = {"path_first": scratch.hung_tools(), "torture": True}
        self.hung_python = scratch.hung_python()
        self.bad_torch = {
            "torch crashes": scratch.fake_torch("torch-segfaults", SEGFAULTS),
            "torch hangs": scratch.fake_torch("torch-hangs", HANGS),
        }

    def here(self) -> list[Case]:
        """On this machine as it is."""
        return [*self._start(), *self._bare("no torch"), *self._with_torch(), *self._tools_hang("tools hang"), *self._bad_torch()]

    def with_gpu(self, gfx: str) -> list[Case]:
        """On a machine with an AMD GPU of that architecture."""
        return [*self._bare("gpu", tells=gfx), *self._tools_hang("gpu, tools hang", tells=gfx)]

    def _doctor(self, group: str, *options: str, shown: str = "", **more: Any) -> Case:
        return Case(group, "rocmkit", ("rocmkit", "doctor", *options), self.rocmkit, shown, **more)

    def _rivals(self, group: str, **more: Any) -> list[Case]:
        return [Case(group, name, argv, self.venvs[name], **more) for name, argv in RIVALS.items()]

    def _start(self) -> list[Case]:
        ours = [Case("start", "rocmkit", ("rocmkit", option), self.rocmkit, budget_s=START_S) for option in ("--help", "--version")]
        ours.append(Case("start", "rocmkit", ("rocmkit", "--lang", "ja", "--help"), self.rocmkit, budget_s=START_S))
        theirs = [Case("start", name, (argv[0], "--help"), self.venvs[name]) for name, argv in RIVALS.items()]
        return [*ours, *theirs, Case("start", "python", ("python", "-c", "pass"), self.rocmkit)]

    def _bare(self, group: str, **more: Any) -> list[Case]:
        ours = [self._doctor(group, *options, budget_s=BARE_S, **more) for options in ((), ("--json",), ("--lang", "ja"))]
        return [*ours, *self._rivals(group, **more)]

    def _with_torch(self) -> list[Case]:
        if not self.torch:
            return []
        venv, version = self.torch
        more: dict[str, Any] = {"judged": venv, "tells": version}
        return [
            self._doctor("torch", "--python", str(venv), shown="rocmkit doctor --python ENV", **more),
            *self._rivals("torch", env={"PYTHONPATH": str(site_packages(venv))}, **more),
            Case("torch", "collect_env", COLLECT, venv, tells=version),
        ]

    def _tools_hang(self, group: str, **more: Any) -> list[Case]:
        more |= self.hung
        ours = [self._doctor(group, *options, budget_s=HUNG_S, **more) for options in ((), ("--json",))]
        python = ("--python", str(self.hung_python))
        ours.append(self._doctor(group, *python, shown="rocmkit doctor --python ENV (hangs too)", budget_s=HUNG_S, **more))
        theirs = self._rivals(group, **more)
        if self.torch:
            theirs.append(Case(group, "collect_env", COLLECT, self.torch[0], **more))
        return [*ours, *theirs]

    def _bad_torch(self) -> list[Case]:
        cases = []
        for group, venv in self.bad_torch.items():
            more: dict[str, Any] = {"env": {"PYTHONPATH": str(site_packages(venv))}, "torture": True, "tells": FAKE_TORCH}
            for options in ((), ("--json",)):
                shown = " ".join(("rocmkit doctor", *options, "--python ENV"))
                cases.append(self._doctor(group, *options, "--python", str(venv), shown=shown, budget_s=HUNG_S, **more))
            cases += self._rivals(group, **more)
            cases.append(Case(group, "collect_env", COLLECT, venv, **more))
        return cases
