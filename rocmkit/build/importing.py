"""A wheel installed into an environment of its own and imported there, in processes that nothing is left of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rocmkit.build.failure import NO_ROOM
from rocmkit.build.values import Plan, Proven
from rocmkit.host.base import Host
from rocmkit.trial.values import Experiment, Limits, Run, Trial
from rocmkit.trial.words import ending
from rocmkit.trial.work import worker

#: pip may have to fetch a few hundred megabytes of what the imports need.
_INSTALLING = Limits(time_s=1800)
_IMPORTING = Limits(time_s=300)
#: All else of the user's environment is taken away: what the result needs, it brings or finds by itself. Of pip's own variables those stay
#: that say where it fetches from; others have it install elsewhere (PIP_TARGET), or not at all.
_KEPT = re.compile(
    r"PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|(?i:https?|ftp|all|no)_(?i:proxy)|SSL_CERT_\w+|REQUESTS_CA_BUNDLE"
    r"|PIP_(?:CONFIG_FILE|(?:EXTRA_)?INDEX_URL|NO_INDEX|FIND_LINKS|TRUSTED_HOST|PROXY|(?:CLIENT_)?CERT|KEYRING_PROVIDER|(?:NO_)?CACHE_DIR"
    r"|(?:DEFAULT_)?TIMEOUT|RETRIES)",
    re.ASCII,
)

#: How the worker begins what it says of providers that are not offered.
_LOST = "NoProvider: "


class _UnknownError(Exception):
    """What had to be there to try the import was not."""


class _FoundError(Exception):
    """The wheel itself is at fault."""


def imported(plan: Plan, wheel: Path, host: Host, run: Run, folder: Path) -> tuple[Proven, ...]:
    """Whether it imports, and whether it then has the variables and the execution providers that it should.

    `folder` is an empty one to make the environment in.
    """
    if plan.toolchain.container or plan.toolchain.supposed:
        return _unknown(plan, "not tried: it is for the Python and the ROCm of another machine, or of the container it was built in")
    env: dict[str, str | None] = dict.fromkeys(host.environ(lambda name: not _KEPT.fullmatch(name)))
    try:
        python = _environment(plan, wheel, run, folder / "environment", env)
        steps = [{"do": "import", "module": module} for module in plan.expect.imports]
        trial = run(worker(python, "import", [*steps, *_checks(plan).values()], limits=_IMPORTING, env=env))
    except _UnknownError as unknown:
        return _unknown(plan, str(unknown))
    except _FoundError as found:
        return (Proven(name="import", outcome="found", text=str(found)), *_untold(plan))
    except OSError as error:
        return _unknown(plan, f"{error.filename or plan.toolchain.python.executable} cannot be started: {error.strerror}")
    if trial.outcome != "pass" and (trial.step or 0) < len(steps):
        text = f"{' and '.join(plan.expect.imports)} cannot be imported: {ending(trial)}"
        return (Proven(name="import", outcome="found", text=text), *_untold(plan))
    modules = " and ".join(plan.expect.imports)
    text = f"imported in an environment of its own: {modules}" if modules else "pip installs it in an environment of its own"
    return (Proven(name="import", outcome="ok", text=text), *_checked(plan, trial, len(steps)))


def _checks(plan: Plan) -> dict[str, dict[str, Any]]:
    """What is looked at after the import, by the name that it is told by."""
    checks: dict[str, dict[str, Any]] = {}
    if plan.expect.env:
        checks["environment"] = {"do": "environment", "expected": plan.expect.env}
    if plan.expect.providers:
        checks["providers"] = {"do": "ort_offers", "modules": list(plan.expect.imports), "expected": list(plan.expect.providers)}
    return checks


def _checked(plan: Plan, trial: Trial, first: int) -> Iterator[Proven]:
    """How each of these went; `first` is the number of the first. The process ends with the one that goes wrong."""
    values = ", ".join(f"{name}={value}" for name, value in plan.expect.env.items())
    providers = " and ".join(plan.expect.providers)
    right = {
        "environment": f"after the import its process has {values}",
        "providers": f"it offers {providers}; whether it loads where it runs, and computes on the GPU, is not known by this",
    }
    wrong = {
        "environment": f"after the import its process should have {values}",
        "providers": "the ONNX Runtime lost its provider" if _LOST in (trial.because or "") else f"it should offer {providers}",
    }
    ended = len(trial.measured) if trial.step is None else trial.step
    for number, name in enumerate(_checks(plan), first):
        if trial.outcome == "pass" or number < ended:
            yield Proven(name=name, outcome="ok", text=right[name])
        elif number == ended:
            yield Proven(name=name, outcome="found", text=f"{wrong[name]}: {ending(trial).removeprefix(_LOST)}")
        else:
            yield Proven(name=name, outcome="unknown", text="not asked, since the process ended before")


def _environment(plan: Plan, wheel: Path, run: Run, place: Path, env: dict[str, str | None]) -> str:
    """The interpreter of a new environment with the wheel and what its imports need."""

    def ran(name: str, *argv: str, **more: str) -> Trial:
        trial = run(Experiment(name=name, argv=argv, env={**env, **more}, limits=_INSTALLING, fresh_caches=False))
        if trial.outcome != "pass" and any(text in trial.log for text in NO_ROOM):
            raise _UnknownError(f"not tried: there is no room for an environment in {place.parent.parent}")
        return trial

    base, python = plan.toolchain.python.executable, str(place / "bin" / "python")
    pip: tuple[str, ...] = (python, "-m", "pip")
    if ran("make-environment", base, "-m", "venv", str(place)).outcome != "pass":
        # Debian and Ubuntu keep ensurepip in a package of its own; the interpreter's own pip can fill an empty environment too.
        pip = (base, "-m", "pip", "--python", python)
        made = ran("make-environment", base, "-m", "venv", "--without-pip", "--clear", str(place))
        if made.outcome != "pass" or ran("ask-pip", *pip, "--version").outcome != "pass":
            raise _UnknownError(f"{base} cannot make an environment with pip in it; on Debian and Ubuntu python3-venv is missing")
    options = ("install", "--no-input", "--disable-pip-version-check", "--no-warn-script-location")
    if plan.expect.requires:
        got = ran("install-requirements", *pip, *options, "--only-binary=:all:", *plan.expect.requires)
        if got.outcome != "pass":
            raise _UnknownError(f"not tried, as {' and '.join(plan.expect.requires)} could not be had: {_words(got)}")
    put = ran("install-wheel", *pip, *options, "--no-deps", "--no-index", str(wheel), PIP_CONFIG_FILE=os.devnull)
    if put.outcome != "pass":
        raise _FoundError(f"pip does not install it: {_words(put)}")
    return python


def _words(trial: Trial) -> str:
    """Why pip failed: its own words, as far as it has any."""
    lines = [line.partition("ERROR:")[2].strip() for line in trial.log.splitlines() if line.startswith("ERROR:")]
    return lines[0] if lines else ending(trial)


def _untold(plan: Plan) -> Iterator[Proven]:
    yield from (Proven(name=name, outcome="unknown", text="only an import would tell") for name in _checks(plan))


def _unknown(plan: Plan, text: str) -> tuple[Proven, ...]:
    return (Proven(name="import", outcome="unknown", text=text), *_untold(plan))
