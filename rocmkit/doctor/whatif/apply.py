"""Changes made to facts, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from rocmkit.doctor.checks._stack import crashes
from rocmkit.doctor.whatif import machine, python, user_space
from rocmkit.doctor.whatif.change import Change
from rocmkit.doctor.whatif.made import unknown
from rocmkit.facts import Facts

_SETTERS: dict[str, Callable[[Facts, str], Facts]] = {
    "os": machine.with_os,
    "kernel": machine.with_kernel,
    "driver": machine.with_driver,
    "gfx": machine.with_gfx,
    "vram": machine.with_vram,
    "python": python.with_python,
}
#: Changes after which crashes in the kernel's log count as they are, or the log is not known anyway.
_HARDWARE = ("os", "kernel", "driver", "gfx", "vram")


def changed(facts: Facts, changes: Iterable[Change]) -> Facts:
    """The facts with all changes made, in the order that `parse` gave them. Raises UsageError where one does not go with this machine."""
    changes = tuple(changes)
    named = frozenset(change.key for change in changes)
    for change in changes:
        facts = _one(facts, change, named)
    if any(change.key not in _HARDWARE for change in changes) and crashes(facts.kernel_log, ""):
        # Programs died before the change; whether they would after it, the log cannot tell, and its silence would be no proof.
        facts = replace(facts, kernel_log=unknown("whether programs still die after the change"))
    return facts


def _one(facts: Facts, change: Change, named: frozenset[str]) -> Facts:
    if change.variable:
        return user_space.with_variable(facts, change.key, change.value)
    if change.key == "rocm":
        return user_space.with_rocm(facts, change.value)
    if change.key == "torch":
        return python.with_torch(facts, change.value)
    if change.key in _SETTERS:
        return _SETTERS[change.key](facts, change.value or "")
    return python.with_package(facts, change.key, change.value, named)
