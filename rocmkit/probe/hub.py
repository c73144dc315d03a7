"""The Hugging Face hub as this user has it: whether there is a token, which speech models are in the cache. No token is ever read."""

from __future__ import annotations

import re

from rocmkit.facts import Hub
from rocmkit.host.base import Host

#: Publishers of the models that speech systems use. Of the rest of a cache nothing leaves the host.
PUBLISHERS = (
    *("openai", "distil-whisper", "kotoba-tech", "facebook", "pyannote", "speechbrain", "reazon-research", "csukuangfj", "rinna"),
    *("Systran", "guillaumekln", "mobiuslabsgmbh", "deepdml", "espnet", "jonatasgrosman", "vumichien", "AndrewMcDowell", "snakers4"),
)
_MODEL = re.compile(rf"models--({'|'.join(PUBLISHERS)})--([A-Za-z0-9_.-]+)", re.ASCII)
_VARIABLES = frozenset(
    {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"}
    | {"PYANNOTE_CACHE"}
)


def hub(host: Host) -> Hub:
    """What is there (huggingface.co/docs/huggingface_hub, environment variables). Raises OSError, NotAsked, ValueError.

    Where a token file was moved by $HF_TOKEN_PATH, it is taken to be there: a host says no more of such a variable than that it is set.
    """
    env = host.environ(_VARIABLES.__contains__)
    home = _folder(env.get("HF_HOME")) or f"{_folder(env.get('XDG_CACHE_HOME')) or '~/.cache'}/huggingface"
    cache = _folder(env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE")) or f"{home}/hub"
    named = any(env.get(name) for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"))
    # pyannote.audio before 4 keeps its models apart (pyannote/pyannote-audio pyannote/audio/core/model.py, CACHE_DIR).
    caches = (cache, _folder(env.get("PYANNOTE_CACHE")) or "~/.cache/torch/pyannote")
    models = sorted({model for folder in caches for model in _models(host, folder)})
    return Hub(token=named or host.exists(f"{home}/token"), path=cache, models=tuple(models))


def _models(host: Host, folder: str) -> list[str]:
    try:
        names = host.list(folder, _MODEL.fullmatch)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return ["/".join(found.groups()) for name in names if (found := _MODEL.fullmatch(name))]


def _folder(value: str | None) -> str | None:
    """The folder that a variable names. Raises ValueError for one that depends on where a program is started."""
    if not value:
        return None
    if not value.startswith(("/", "~/")):
        raise ValueError(f"{value}: a cache whose folder depends on where a program is started")
    return value.rstrip("/")
