"""A case before it runs. Frozen."""

from __future__ import annotations

from collections.abc import Callable

from rocmkit.kb.backends import Backend, BackendModel
from rocmkit.model import Model
from rocmkit.smoke.observed import Skip, UsedModel
from rocmkit.trial.values import Device


class Found(Model, kw_only=True):
    """A model on this machine."""

    path: str  # what a library loads it from
    shown: str  # the same, below the home with ~/
    bytes: int  # of the files that are loaded
    lacking: str = ""  # what it is not whole for; empty: it is


#: Looks for a model on this machine; None: it is not here.
Find = Callable[[Backend, BackendModel], Found | None]


class Planned(Model, kw_only=True):
    """One system with one model in one Python; `skip` says why it will not run."""

    backend: Backend
    model: UsedModel
    argument: str = ""  # what the library is given for the model: a path, or a name that it knows
    python: str = ""  # path of the interpreter
    device: Device = "gpu"
    device_why: str = ""  # why the processor, where nobody asked for it
    compute_type: str | None = None
    cer_pass: float = 0.30
    skip: Skip | None = None
