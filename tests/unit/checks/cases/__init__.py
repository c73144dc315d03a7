"""For each check, by its code: a machine that triggers it by itself, and one that passes it. One module for each family.

For those that judge experiments alone, TRIED has the experiments that were made on them.
"""

from __future__ import annotations

import importlib
import pkgutil

from rocmkit.facts import NOT_ASKED, Facts, Gap
from rocmkit.trial.values import Trial

CASES: dict[str, tuple[Facts, Facts]] = {}
TRIED: dict[str, tuple[tuple[Trial, ...], tuple[Trial, ...]]] = {}
for _name in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_name.name}")
    assert not CASES.keys() & _module.CASES.keys()
    CASES.update(_module.CASES)
    TRIED.update(getattr(_module, "TRIED", {}))


def pairs(code: str) -> tuple[tuple[Facts, tuple[Trial, ...] | Gap], tuple[Facts, tuple[Trial, ...] | Gap]]:
    """Both machines of a check, each with what was tried on it."""
    broken, sound = CASES[code]
    bad, good = TRIED.get(code, (NOT_ASKED, NOT_ASKED))
    return (broken, bad), (sound, good)
