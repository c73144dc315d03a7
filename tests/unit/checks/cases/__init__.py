"""For each check, by its code: a machine that triggers it by itself, and one that passes it. One module for each family."""

from __future__ import annotations

import importlib
import pkgutil

from rocmkit.facts import Facts

CASES: dict[str, tuple[Facts, Facts]] = {}
for _module in pkgutil.iter_modules(__path__):
    _found: dict[str, tuple[Facts, Facts]] = importlib.import_module(f"{__name__}.{_module.name}").CASES
    assert not CASES.keys() & _found.keys()
    CASES.update(_found)
