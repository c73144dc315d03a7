"""A wheel installed into an environment of its own and imported there, in processes that nothing is left of."""

from __future__ import annotations

import os
import re
from pathlib import Path

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


class _UnknownError(Exception):
    """What had to be there to try the import was not."""


class _FoundError(Exception):
    """The wheel itself is at fault."""


def imported(plan: Plan, wheel: Path, host: Host, run: Run, folder: Path) -> tuple[Proven, ...]:
    """Whether it imports, and whether it sets the variables that it should. `folder` is an empty one to make the environment in."""
    if plan.toolchain.container or plan.toolchain.supposed:
        return _unknown(plan, "not tried: it is for the Python and the ROCm of another machine, or of the container it was built in")
    env: dict[str, str | None] = dict.fromkeys(host.environ(lambda name: not _KEPT.fullmatch(name)))
    try:
        python = _environment(plan, wheel, run, folder / "environment", env)
        steps = [{"do": "import", "module": module} for module in plan.expect.imports]
        checks = [{"do": "environment", "expected": plan.expect.env}] if plan.expect.env else []
        trial = run(worker(python, "import", [*steps, *checks], limits=_IMPORTING, env=env))
    except _UnknownError as unknown:
        return _unknown(plan, str(unknown))
    except _FoundError as found:
        return (Proven(name="import", outcome="found", text=str(found)), *_environment_unknown(plan))
    except OSError as error:
        return _unknown(plan, f"{error.filename or plan.toolchain.python.executable} cannot be started: {error.strerror}")
    if trial.outcome != "pass" and (trial.step or 0) < len(steps):
        text = f"{' and '.join(plan.expect.imports)} cannot be imported: {ending(trial)}"
        return (Proven(name="import", outcome="found", text=text), *_environment_unknown(plan))
    modules = " and ".join(plan.expect.imports)
    text = f"imported in an environment of its own: {modules}" if modules else "pip installs it in an environment of its own"
    done = Proven(name="import", outcome="ok", text=text)
    if not checks:
        return (done,)
    values = ", ".join(f"{name}={value}" for name, value in plan.expect.env.items())
    if trial.outcome == "pass":
        return done, Proven(name="environment", outcome="ok", text=f"after the import its process has {values}")
    return done, Proven(name="environment", outcome="found", text=f"after the import its process should have {values}: {ending(trial)}")


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


def _environment_unknown(plan: Plan) -> tuple[Proven, ...]:
    return (Proven(name="environment", outcome="unknown", text="only an import would tell"),) if plan.expect.env else ()


def _unknown(plan: Plan, text: str) -> tuple[Proven, ...]:
    return (Proven(name="import", outcome="unknown", text=text), *_environment_unknown(plan))
