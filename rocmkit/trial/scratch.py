"""The folder and the environment of one experiment."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from rocmkit.trial.values import Experiment
from rocmkit.trial.work import INSIDE

#: Caches of compiled kernels and the like: what an earlier run left there must not decide how this one ends.
_CACHES = (
    *("MIOPEN_USER_DB_PATH", "MIOPEN_CUSTOM_CACHE_DIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"),
    *("AMD_COMGR_CACHE_DIR", "MPLCONFIGDIR"),
)
_FRESH = "{fresh}"


def make() -> str:
    """A folder that nobody else may enter. Raises OSError."""
    return tempfile.mkdtemp(prefix="rocmkit-")


def folder(scratch: str, experiment: Experiment) -> str:
    """Where it runs."""
    return _empty(scratch, "work") if experiment.cwd is None else experiment.cwd


def environment(scratch: str, experiment: Experiment, answer: int) -> dict[str, str]:
    """The caller's environment, as the experiment changes it; `answer` is the end of a pipe that it may write its answers to."""
    env = dict(os.environ)
    if experiment.request is not None:  # a user's own command goes on as it does
        env.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded unattended
        # Nor told: from 1.29 on ONNX Runtime sends a model's name and hashes to Microsoft by itself (immich-app/immich release v3.3.6).
        env.setdefault("ORT_DISABLE_TELEMETRY", "1")
        for name in ("PYTHONINSPECT", "PYTHONIOENCODING"):  # a worker is asked on its input, and ends when it has answered
            env.pop(name, None)
    if experiment.fresh_caches:
        env.update({name: _empty(scratch, name.lower()) for name in _CACHES})
        env["ROCFFT_RTC_CACHE_PATH"] = str(Path(_empty(scratch, "rocfft")) / "cache.db")
    for name, value in experiment.env.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value.replace(_FRESH, _empty(scratch, f"fresh-{name.lower()}")) if _FRESH in value else value
    hooks = str(INSIDE / "hooks")
    env["PYTHONPATH"] = f"{hooks}{os.pathsep}{env['PYTHONPATH']}" if env.get("PYTHONPATH") else hooks
    env["PYTHONFAULTHANDLER"] = "1"
    env["ROCMKIT_TRIAL"] = json.dumps({"fd": answer, "inode": os.fstat(answer).st_ino, "actions": list(experiment.actions)})
    return env


def _empty(scratch: str, name: str) -> str:
    path = Path(scratch) / name.replace(os.sep, "-")
    path.mkdir(exist_ok=True)
    return str(path)
