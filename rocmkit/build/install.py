"""A proved wheel, installed where the user wants it by that environment's own pip."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from rocmkit.build.values import Plan
from rocmkit.errors import UsageError
from rocmkit.host.base import Host, NotAsked, ProcessDied, Run, whole
from rocmkit.probe import interpreter
from rocmkit.probe.distributions import distributions, normalise

TIMEOUT_S = 900.0
_NO_FILES = re.compile(r"(?!)")


def can_install(plan: Plan, host: Host) -> None:
    """Raise UsageError, with what to do, where a wheel cannot be installed into the plan's environment. To be asked before the hours."""
    python = plan.toolchain.python.executable
    try:
        found = interpreter.ask(host, interpreter.program(host, python))
        pip = host.run((python, "-m", "pip", "--version"), whole, timeout_s=60)
    except (OSError, ValueError, NotAsked, ProcessDied) as error:
        raise UsageError(f"--install: {python} cannot be asked: {error}", "--python names another one") from None
    if plan.wheel is None:
        raise UsageError(f"--install: {plan.recipe} makes no wheel", plan.use or None)
    if found.externally_managed:
        raise UsageError(
            f"--install: {found.prefix} is the system's own Python, which its package manager looks after (PEP 668)",
            f"make an environment and name it: {shlex.quote(python)} -m venv ENV, then --python ENV",
        )
    if pip.exit != 0:
        raise UsageError(f"--install: {python} has no pip", f"{shlex.quote(python)} -m ensurepip, or --python names another one")


def install(plan: Plan, wheel: Path, host: Host) -> str:
    """Put `wheel` in the place of whatever version is there, and say what is installed now.

    Raises UsageError where that cannot be done, where pip fails, and where another version is there afterwards.
    """
    can_install(plan, host)
    python = plan.toolchain.python.executable
    argv = (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-deps", "--force-reinstall", str(wheel))
    try:
        run = host.run(argv, whole, timeout_s=TIMEOUT_S)
        now = _version(plan, host)
    except (OSError, ValueError, NotAsked, ProcessDied) as error:
        raise UsageError(f"--install: {python}: {error}", shlex.join(argv)) from None
    if run.exit != 0:
        raise UsageError(f"--install: pip did not install {wheel.name}: {_words(run)}", shlex.join(argv))
    if now != plan.local_version:
        raise UsageError(f"--install: pip ended well, and {python} has {plan.package} {now or 'not at all'}", shlex.join(argv))
    return f"{plan.package} {now} is installed for {python}"


def _version(plan: Plan, host: Host) -> str | None:
    """The version that the environment has now, as its metadata says."""
    found = interpreter.ask(host, interpreter.program(host, plan.toolchain.python.executable))
    return distributions(host, found.paths, own=found.prefix, wanted=_NO_FILES).packages.get(normalise(plan.package or ""))


def _words(run: Run) -> str:
    """pip's own reason, as far as it gave one."""
    lines = [line for line in run.stderr.decode("utf-8", "replace").splitlines() if line.startswith("ERROR:")]
    if lines:
        return lines[0].removeprefix("ERROR:").strip()
    return f"exit code {run.exit}" if run.outcome == "exited" else f"{run.signal or run.outcome}"
