"""What to do next where a case did not pass: commands that can be typed. Pure."""

from __future__ import annotations

import re

from rocmkit.doctor.advice import quote
from rocmkit.kb.backends import Backend, BackendModel, install_of, system_of
from rocmkit.kb.providers import NAMES, provider
from rocmkit.smoke.observed import Observed, Placed

#: So many known issues are pointed to.
_KNOWN = 3
_VARIABLES = re.compile(r"(?:[A-Z][A-Z0-9_]*=\S* +)+")
_CPU = NAMES["cpu"]


def page(code: str) -> str:
    """What says more."""
    return f"rocmkit explain {code}"


def looked(seen: Observed) -> str:
    """What is wrong with the machine, or with that Python."""
    return f"rocmkit doctor --python {quote(seen.python)}"


def tried(seen: Observed) -> str:
    """Every operation by itself: which of them dies, or computes wrong numbers."""
    return f"rocmkit doctor --try --python {quote(seen.python)}"


def known(seen: Observed) -> tuple[str, ...]:
    """What says more of what the process printed."""
    return tuple(map(page, seen.main.trial.known[:_KNOWN])) if seen.main else ()


def bisected(seen: Observed, backend: Backend) -> str:
    """What makes it die: the system's own way to transcribe a file; its libraries, where that needs other packages or another model."""
    start = f"rocmkit bisect --python {quote(seen.python)}"
    system = system_of(backend)
    known_model = any(model.id == seen.model.id for model in backend.models)
    here = {name for need in backend.needs for name in need.split("|")}
    if system is None or not known_model or not here.issuperset(system.on_gpu().packages):
        return start
    command = system.gpu_command.strip()
    filled = {
        "{python}": quote(seen.python),
        "{model}": seen.model.id,
        "{precision}": seen.compute_type or system.models[0].precision,
        **(
            {"speech.wav": quote(seen.clips[0].file)} if seen.clips else {}
        ),  # a file that is there: some programs only skip one that is not
    }
    for sign, word in filled.items():
        command = command.replace(sign, word)
    variables = _VARIABLES.match(command)
    set_before = variables[0] if variables else ""  # bisect takes a program, and no words of a shell
    return f"{set_before}{start} -- {command.removeprefix(set_before)}"


def installed(seen: Observed, backend: Backend) -> tuple[str, ...]:
    """What brings the system's packages."""
    return tuple(f"{quote(seen.python)} -m pip install {one}" for one in install_of(backend) if "{" not in one)


def reader(seen: Observed) -> str:
    """What brings readings of texts: without them a right text may be far from its reference."""
    return f"{quote(seen.python)} -m pip install pyopenjtalk-plus"


def smaller(seen: Observed, backend: Backend, at_most: int) -> tuple[str, ...]:
    """The same with the largest model that fits."""
    fits = [model for model in backend.models if model.id != seen.model.id and model.vram_gib * (1 << 30) <= at_most]
    best: BackendModel | None = max(fits, key=lambda model: model.vram_gib, default=None)
    return (f"rocmkit smoke {backend.id} --model {quote(best.id)} --python {quote(seen.python)}",) if best else ()


def unemulated(seen: Observed) -> str:
    """The same without an emulator."""
    without = "env -u LD_PRELOAD -u LD_AUDIT -u HSA_MODEL_TOPOLOGY -u HSA_MODEL_LIB"
    return f"{without} rocmkit smoke {seen.backend} --python {quote(seen.python)}"


def inspected(seen: Observed, placed: Placed) -> tuple[str, ...]:
    """Every operator of the model that computed elsewhere."""
    gpu = next((short for share in placed.shares if share.provider != _CPU and (short := provider(share.provider))), "rocm")
    path = seen.model.path
    if not path:
        return ()
    return (f"rocmkit inspect {quote(path if path.endswith('.onnx') else f'{path}/{placed.model}')} --provider {gpu}",)
