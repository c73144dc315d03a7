"""Which cases there are: what was asked for, against what the environments, the cards and the folders of models hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Literal

from msgspec.structs import replace

from rocmkit.doctor import advice
from rocmkit.errors import UsageError
from rocmkit.facts import Python
from rocmkit.kb.backends import Backend, BackendModel, backends, install_of
from rocmkit.kb.systems import Engine
from rocmkit.model import Model
from rocmkit.smoke.observed import Card, Skip, UsedModel
from rocmkit.smoke.planned import Find, Found, Planned
from rocmkit.trial.values import Device

PACKAGE, MODEL, VRAM = "RK709", "RK710", "RK711"
_GIB = 1 << 30
_ENGINES: dict[Engine, tuple[str, ...]] = {
    "torch": ("torch",),
    "ctranslate2": ("ctranslate2",),
    "onnxruntime": ("onnxruntime", "onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-gpu"),
}


class Wish(Model, kw_only=True):
    """What was asked for."""

    systems: tuple[str, ...] = ()  # names, or a part of one that no other has; empty: all
    every: bool = False  # bring the models that are missing
    device: Literal["auto", "gpu", "cpu"] = "auto"
    model: str | None = None  # as the system names it, or a path
    compute_type: str | None = None
    pythons: dict[str, str] = {}  # by system; "": of all others
    max_vram_bytes: int | None = None


class Environment(Model, kw_only=True):
    """A Python that systems can run in."""

    python: str  # its interpreter
    packages: dict[str, str] = {}  # normalised name: version
    facts: Python | None = None  # as doctor sees it, for commands that its own pip takes; None: it was not looked at
    problem: str = ""  # why nothing can run in it; empty: nothing is known against it


def named(text: str) -> Backend:
    """The system of that name, or the only one with that part of a name. Raises UsageError that says what comes close."""
    wanted = text.strip().lower().replace("_", "-")
    rows = {row.id: row for row in backends()}
    if wanted in rows:
        return rows[wanted]
    parts = [name for name in rows if wanted and wanted in name]
    if len(parts) == 1:
        return rows[parts[0]]
    if parts:
        raise UsageError(f"{text!r} is a part of several systems' names", f"name one: {', '.join(parts)}")
    near = get_close_matches(wanted, rows, n=3)
    raise UsageError(f"no system is called {text!r}", f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(rows)}")


def resolved(wish: Wish) -> Wish:
    """The same with whole names. Raises UsageError."""
    systems = tuple(dict.fromkeys(named(text).id for text in wish.systems))
    if wish.model is not None and len(systems) != 1:
        raise UsageError("--model is a model of one system", "name that system: rocmkit smoke faster-whisper --model small")
    pythons = {name and named(name).id: path for name, path in wish.pythons.items()}
    return replace(wish, systems=systems, pythons=pythons)


def choose(
    wish: Wish,
    environments: Mapping[str, Environment],
    cards: Sequence[Card],
    find: Find,
    engines: Mapping[Engine, tuple[str, ...]] | None = None,
) -> tuple[Planned, ...]:
    """The cases, those that will not run with the reason. Raises UsageError.

    `environments` are by system, "" holds for those without one of their own. `engines` are the commands that bring an engine for the card
    that is here, where they are known.
    """
    wish = resolved(wish)
    rows = [named(name) for name in wish.systems] or list(backends())
    return tuple(_planned(row, wish, environments.get(row.id) or environments[""], cards, find, engines or {}) for row in rows)


def _planned(
    row: Backend,
    wish: Wish,
    environment: Environment,
    cards: Sequence[Card],
    find: Find,
    engines: Mapping[Engine, tuple[str, ...]],
) -> Planned:
    device, why = _device(row, wish, cards)
    allowed = _limit(wish, cards) if device == "gpu" else None
    models = [own(row, wish.model)] if wish.model is not None else _fitting(row, allowed)
    there = [(model, found) for model in models if (found := find(row, model))]
    whole = [(model, found) for model, found in there if not found.lacking]
    model, found = whole[0] if whole else (models[0], None)
    torn = next((found.lacking for one, found in there if one is model), "")
    skip = _without_packages(row, environment, model, found, engines, alone=row.id in wish.pythons)
    if skip is None and device == "gpu" and wish.max_vram_bytes and not wish.systems and not _fits(model, wish.max_vram_bytes):
        because = f"{model.id} takes {model.vram_gib:g} GiB of video memory, which is more than the {_gib(wish.max_vram_bytes)} that it may"
        skip = Skip(code=VRAM, because=because, commands=(f"rocmkit smoke {row.id}",))
    if skip is None and found is None:
        skip = _without_model(row, model, torn, environment, wish)
    return Planned(
        backend=row,
        model=UsedModel(
            id=model.id,
            path=found.shown if found else None,
            bytes=found.bytes if found else model.bytes or None,
            licence=model.licence or None,
            kana_only=model.kana_only,
        ),
        argument=found.path if found else "",
        python=environment.python,
        device=device,
        device_why=why,
        compute_type=wish.compute_type,
        cer_pass=model.cer_pass,
        skip=skip,
    )


def _device(row: Backend, wish: Wish, cards: Sequence[Card]) -> tuple[Device, str]:
    if wish.device != "auto":
        return wish.device, ""
    if not cards:
        return "cpu", "no AMD GPU was found that the driver can use"
    if not row.gpu:
        return "cpu", f"{row.id}, as it is packed, has no way to an AMD GPU"
    return "gpu", ""


def own(row: Backend, name: str) -> BackendModel:
    """The model of that name: one of the row's, or one that only the user knows."""
    one = next((model for model in row.models if name in {model.id, model.repository or model.id}), None)
    return one or BackendModel(id=name, bytes=0, vram_gib=0.0, licence="", cer_expected=row.models[0].cer_expected)


def _limit(wish: Wish, cards: Sequence[Card]) -> int | None:
    """Bytes of video memory that a model may take: of the largest card, and as the user says."""
    sizes = [card.vram_bytes for card in cards if card.vram_bytes and not card.integrated]
    limits = [*([max(sizes)] if sizes else []), *([wish.max_vram_bytes] if wish.max_vram_bytes else [])]
    return min(limits, default=None)


def _fits(model: BackendModel, allowed: int | None) -> bool:
    return allowed is None or model.vram_gib * _GIB <= allowed


def _fitting(row: Backend, allowed: int | None) -> list[BackendModel]:
    """The models that fit; where none does the smallest, for the figures are estimates and a test says more."""
    return [model for model in row.models if _fits(model, allowed)] or [min(row.models, key=lambda model: model.vram_gib)]


def _without_packages(
    row: Backend,
    environment: Environment,
    model: BackendModel,
    found: Found | None,
    engines: Mapping[Engine, tuple[str, ...]],
    *,
    alone: bool,
) -> Skip | None:
    if environment.problem:
        return Skip(code=PACKAGE, because=environment.problem)
    missing = [need for need in row.needs if not set(need.split("|")) & set(environment.packages)]
    if not missing:
        return None
    names = [need.partition("|")[0] for need in missing]
    engine = any(need.partition("|")[0] in _ENGINES[row.engine] for need in missing)
    way = f"rocmkit doctor{f' --route {row.system}' if row.system else ''} --python {advice.quote(environment.python)}"
    commands = list(engines.get(row.engine, (way,))) if engine else []
    if not engine or len(missing) > 1:
        commands += [line for arguments in install_of(row) for line in _pip(environment, arguments)]
    because = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not installed in {advice.quote(environment.python)}"
    if engine and row.engine not in engines:
        because += f"; `{way}` says how to get a {row.engine} for this GPU"
    if row.apart and not alone:
        because += "; it pins old releases of what others need, so it wants an environment of its own"
        place = f"~/venv-{row.id}"
        commands = [
            f"{advice.quote(environment.python)} -m venv {place}",
            f"rocmkit doctor --route {row.system} --python {place}",  # what goes into it, in which order
            f"rocmkit smoke {row.id} --python {row.id}={place}",
        ]
    size = row.install_mb * 1_000_000
    if found is None:
        because += f"; then the model {model.id} is needed too ({_about(model)})"
        size += model.bytes
    return Skip(code=PACKAGE, because=because, commands=tuple(dict.fromkeys(commands)), bytes=size)


def _pip(environment: Environment, arguments: str) -> tuple[str, ...]:
    """Commands that install it. The torch that is there is named again, or pip puts another build over it. What is not is brought first."""
    torch = environment.packages.get("torch", "").partition("+")[0]
    words = f"install {arguments.replace('{torch}', advice.quote(f'torch=={torch}') if torch else '')}".strip()
    return advice.pip(environment.facts, words) if environment.facts else (f"{advice.quote(environment.python)} -m pip {words}",)


def _without_model(row: Backend, model: BackendModel, torn: str, environment: Environment, wish: Wish) -> Skip:
    if not model.bytes and (row.place != "hub" or "/" not in model.id or model.id.startswith(("/", "./", "../", "~"))):
        known = ", ".join(one.id for one in row.models)
        raise UsageError(f"{row.id} finds no model {model.id!r}", f"name a folder or file that is there, or one of {known}")
    where = {"hub": "in the hub's cache", "whisper": "in openai-whisper's folder"}[row.place]
    because = f"the model {model.id} is not whole: {torn}" if torn else f"the model {model.id} is not {where}"
    commands = [f"rocmkit smoke {row.id} --all"]
    if {row.id, ""} & set(wish.pythons):
        commands[0] += f" --python {advice.quote(environment.python)}"
    if wish.model is not None:
        commands[0] += f" --model {advice.quote(model.id)}"
    if wish.max_vram_bytes:
        commands[0] += f" --max-vram {_amount(wish.max_vram_bytes)}"
    if model.gated:
        because += f"; https://huggingface.co/{model.repository or model.id} asks for your agreement first"
        commands.insert(0, login(environment.python))
    because += f" ({_about(model)}); a folder that holds it is named with --model"
    return Skip(code=MODEL, because=because, commands=tuple(commands), bytes=model.bytes or None)


def _amount(bytes_: int) -> str:
    """An amount of memory as --max-vram takes it, which is nine digits at most."""
    for shift, unit in ((30, "GiB"), (20, "MiB")):
        if not bytes_ % (1 << shift):
            return f"{bytes_ >> shift}{unit}"
    return f"{bytes_}B" if bytes_ < 1_000_000_000 else f"{bytes_ >> 10}KiB"


def login(python: str) -> str:
    """The command that logs in to the hub."""
    return f"{advice.quote(python)} -c 'import huggingface_hub; huggingface_hub.login()'"


def _about(model: BackendModel) -> str:
    """What is told of a model before it is brought."""
    licence = model.licence or "licence not known"
    if "-NC" in model.licence:
        licence += ", which forbids commercial use"
    return f"{size_of(model.bytes)}, {licence}" if model.bytes else licence


def size_of(count: int) -> str:
    """Bytes in the units that downloads are told in."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.0f} MB"


def _gib(count: int) -> str:
    return f"{count / _GIB:g} GiB"
