"""Run a model on a provider in a process of its own, and say where its operators ran."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rocmkit import __version__
from rocmkit.errors import Exit, UsageError
from rocmkit.host.names import Names
from rocmkit.inspect.loader import Loader
from rocmkit.kb.providers import provider
from rocmkit.model import DataError, convert
from rocmkit.onnx.advice import advise
from rocmkit.onnx.read import read
from rocmkit.onnx.values import Advice
from rocmkit.placement import judge, needs
from rocmkit.placement.values import CPU, PROVIDERS, Asked, Forbidden, Input, Placement, Ran, Verdict
from rocmkit.telling import Tell
from rocmkit.trial.steps import import_step
from rocmkit.trial.values import Device, Experiment, Limits, Run, Trial
from rocmkit.trial.words import ending
from rocmkit.trial.work import worker

_DOING = {
    "import": "onnxruntime was imported",
    "placement_offer": "onnxruntime was asked for its providers",
    "placement_cpu": "the model ran on the processor, to compare with",
    "placement_open": "the session was made",
    "placement_run": "the model ran",
    "placement_compare": "the results were compared",
}
#: The lines by which ONNX Runtime says that a provider does not come, and Python that it goes on without it.
_SAID = re.compile(r"Failed to load library|EP Error|Falling back to|\[E:onnxruntime")
_MOST_SAID, _SAID_CHARACTERS = 6, 600
_ABSENT = "ModuleNotFoundError: No module named 'onnxruntime"
_WRONG_SHAPE = "BadShape: "


def look(asked: Asked, run: Run, names: Names, *, advice: tuple[Advice, ...] = (), tell: Tell | None = None) -> Placement:
    """Try it. Raises UsageError for shapes that do not fit the model, OSError where the interpreter cannot be started."""
    if tell:
        tell(Path(asked.model).name, most_s=asked.timeout_s)
    steps = _steps(asked)
    trial = run(_experiment(asked, "placement", steps))
    told = {step["do"]: measured for step, measured in zip(steps, trial.measured, strict=False)}
    found = _judged(asked, names, steps, trial, told)
    if found.providers_taken and asked.provider in found.providers_taken and asked.provider != CPU:
        if tell:
            tell("a session that may not use the processor", most_s=asked.timeout_s)
        found = replace(found, forbids_cpu=_forbidden(asked, run))
    disagrees = found.agreement is not None and found.agreement.agrees is False
    code = {"wholly": Exit.BLOCKED if disagrees else Exit.OK, "unknown": Exit.INCONCLUSIVE}.get(found.verdict, Exit.BLOCKED)
    return replace(found, exit=int(code), advice=advice)


def advice_on(asked: Asked) -> tuple[Advice, ...]:
    """What the graph says of the provider; nothing where the file is not read, since the worker then says why."""
    name = provider(asked.provider)
    try:
        return advise(read(Path(asked.model)), name) if name else ()
    except (DataError, OSError):
        return ()


def _steps(asked: Asked) -> list[dict[str, Any]]:
    shapes = {name: list(shape) for name, shape in asked.shapes.items()}
    on_cpu = asked.provider == CPU
    return [
        import_step("onnxruntime"),
        {"do": "placement_offer"},
        *([] if on_cpu else [{"do": "placement_cpu", "model": asked.model, "shapes": shapes}]),
        {"do": "placement_open", "model": asked.model, "provider": asked.provider, "options": asked.options},
        {"do": "placement_run", "runs": asked.runs, "shapes": shapes},
        *([] if on_cpu else [{"do": "placement_compare"}]),
    ]


def _experiment(asked: Asked, name: str, steps: list[dict[str, Any]]) -> Experiment:
    """A user's own caches of kernels stay: what is compiled here is what their program would compile."""
    device: Device = "cpu" if asked.provider == CPU else "gpu"
    found = worker(asked.python, name, steps, device=device, limits=Limits(time_s=asked.timeout_s), env=asked.env)
    return replace(found, fresh_caches=False)


def _judged(asked: Asked, names: Names, steps: list[dict[str, Any]], trial: Trial, told: Mapping[str, dict[str, Any]]) -> Placement:
    offer, opened, ran = (told.get(name, {}) for name in ("placement_offer", "placement_open", "placement_run"))
    found = Placement(
        rocmkit=__version__,
        file=names.hide(asked.model),
        provider=asked.provider,
        python=names.hide(asked.python),
        verdict="unknown",
        because="",
        exit=0,
        onnxruntime=_text(offer.get("version")),
        built_for=_text(offer.get("built_for")),
        providers_offered=_texts(offer.get("providers")),
        providers_taken=_texts(opened.get("taken")),
        open_s=_number(opened.get("seconds")),
        said=_said(trial.log),
        pages=trial.known,
        trial=None if trial.outcome == "pass" else replace(trial, measured=()),
    )
    try:
        found = _measured(found, told, ran, asked.provider)
    except DataError as error:
        return replace(found, because=f"what the worker measured cannot be read: {error}")
    if trial.outcome == "pass":
        if found.unread:
            return replace(found, because=f"{found.unread} parts of the profile are missing: where they ran is not known")
        verdict, because = judge.verdict(found.rows, asked.provider)
        return replace(found, verdict=verdict, because=because)
    offered = found.providers_offered
    if offered is not None and asked.provider not in offered:
        because = f"this ONNX Runtime {found.onnxruntime or ''} was built without it, and has {', '.join(offered)}"
        return replace(found, verdict="vanished", because=because, commands=asked.brings)
    if trial.because and trial.because.startswith(_ABSENT):
        return replace(found, because="there is no onnxruntime in this Python", commands=asked.brings)
    verdict, because = _ended(steps, trial, asked.provider)
    found = replace(found, verdict=verdict, because=because)
    return _why(found, asked, names, offer) if verdict == "vanished" else found


def _measured(found: Placement, told: Mapping[str, dict[str, Any]], ran: Mapping[str, Any], provider: str) -> Placement:
    """`found` with the numbers of the runs. Raises DataError."""
    if not ran:
        return replace(found, inputs=convert(told.get("placement_cpu", {}).get("inputs", ()), tuple[Input, ...], source="inputs"))
    own = convert(ran, Ran, source="runs")
    rows = judge.rows_of(own.rows)
    compared = told.get("placement_compare")
    return replace(
        found,
        inputs=own.inputs,
        first_s=own.first_s,
        run_s=own.seconds,
        runs_counted=own.counted,
        unread=own.unread + own.more,
        rows=rows,
        shares=judge.shares(rows),
        compute_elsewhere=judge.elsewhere(rows, provider, "compute"),
        other_elsewhere=judge.elsewhere(rows, provider, "other"),
        copies=sum(row.nodes for row in rows if row.kind == "copy"),
        fused=sum(row.nodes for row in rows if row.kind == "fused"),
        agreement=None if compared is None else judge.agreement(compared.get("outputs", ()), rows),
    )


def _ended(steps: list[dict[str, Any]], trial: Trial, provider: str) -> tuple[Verdict, str]:
    """What a process that did not come through says, by the step that it ended in."""
    step = steps[trial.step]["do"] if trial.step is not None and 0 <= trial.step < len(steps) else "import"
    how = ending(trial)
    if _WRONG_SHAPE in how:
        raise UsageError(how.partition(_WRONG_SHAPE)[2], "name sizes with --shape NAME=1,1000,80")
    while_ = f"{how}, while {_DOING[step]}"
    if trial.outcome == "fail":
        # Any other program would go on with the processor, and not say so: Python's own answer to an exception at this place.
        if step == "placement_open" and provider != CPU:
            return "vanished", f"the session does not have it: {_error_line(trial) or how.removeprefix('ProviderVanished: ')}"
        return ("died" if step in ("placement_run", "placement_compare") and provider != CPU else "unknown"), while_
    return ("unknown" if step == "placement_cpu" else "died"), while_


def _why(found: Placement, asked: Asked, names: Names, offer: Mapping[str, Any]) -> Placement:
    """`found` with what the loader does not find for the provider's own library."""
    short = next((name for name, full in PROVIDERS.items() if full == asked.provider), None)
    folder = _text(offer.get("folder"))
    if short is None or folder is None:
        return found
    library = f"libonnxruntime_providers_{short}.so"
    try:
        path = str(Path(names.reveal(folder)) / library)
        loader = Loader.of_this_machine()
        if path_asked := asked.env.get("LD_LIBRARY_PATH"):
            loader = Loader(loader.native, loader.cache, tuple(part or "." for part in re.split("[:;]", path_asked)))
        lacking = needs.missing(path, loader)
    except FileNotFoundError:
        return replace(found, because=f"{library} is not among the files of this onnxruntime")
    except (OSError, ValueError) as error:
        return replace(found, provider_library=f"{folder}/{library}", said=(*found.said, names.hide_text(f"{library}: {error}")))
    found = replace(found, provider_library=f"{folder}/{library}", missing=lacking)
    if not lacking:
        return found
    by = {one.needed_by: [other.library for other in lacking if other.needed_by == one.needed_by] for one in lacking}
    listed = "; ".join(f"{', '.join(libraries)} for {name}" for name, libraries in by.items())
    return replace(found, because=f"the loader does not find {listed}")


def _forbidden(asked: Asked, run: Run) -> Forbidden:
    """Whether a session opens that may not use the processor: the one switch that makes ONNX Runtime refuse rather than fall back."""
    step = {"do": "placement_forbid", "provider": asked.provider, "options": asked.options}
    trial = run(_experiment(asked, "forbids-cpu", [import_step("onnxruntime"), step]))
    if trial.outcome in {"crash", "hang"}:
        return Forbidden(outcome="died", because=ending(trial))
    told = trial.measured[-1] if trial.outcome == "pass" and trial.measured else {}
    if not isinstance(told.get("opened"), bool):
        return Forbidden(outcome="unknown", because=ending(trial))
    return Forbidden(outcome="opened" if told["opened"] else "refused", because=_text(told.get("refused")))


def _said(log: str) -> tuple[str, ...]:
    lines = (line.strip() for line in log.splitlines() if _SAID.search(line))
    return tuple(dict.fromkeys(line[:_SAID_CHARACTERS] for line in lines))[:_MOST_SAID]


def _error_line(trial: Trial) -> str | None:
    """Why Python fell back, as ONNX Runtime before 1.23 prints it: from there on it is an exception."""
    return next((line.strip()[:_SAID_CHARACTERS] for line in trial.log.splitlines() if line.startswith("EP Error ")), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None
