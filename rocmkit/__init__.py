"""rocmkit: what is wrong with this AMD GPU machine, and what would work.

From Python: `examine`, `inspect`, `plan` and `smoke`, with `to_json` and `RocmkitError`. They are those of `rocmkit.api`, which is imported
when the first of them is asked for: the command line needs none of it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["RocmkitError", "__version__", "examine", "inspect", "plan", "smoke", "to_json"]

if TYPE_CHECKING:
    from rocmkit.api import RocmkitError, examine, inspect, plan, smoke, to_json
else:

    def __getattr__(name: str) -> object:
        if name not in {*__all__, "api"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        api = import_module("rocmkit.api")
        return api if name == "api" else getattr(api, name)

    def __dir__() -> list[str]:
        return [*__all__, "api"]


class _Package(ModuleType):
    """This package, in which a function keeps its name although a folder is called the same.

    Whoever imports a part of `rocmkit.inspect` or `rocmkit.smoke` makes Python put the folder's module at that name: `rocmkit.inspect(…)`
    would work, or not, by what was imported before. `from rocmkit.inspect.look import look` needs no such name.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
for _name in __all__:  # another thread may have imported a folder while this file was read
    if isinstance(globals().get(_name), ModuleType):
        del globals()[_name]
