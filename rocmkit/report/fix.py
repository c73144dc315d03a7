"""The published shape of a way out."""

from __future__ import annotations

from rocmkit.doctor.result import Fix
from rocmkit.model import Model

#: What a fix takes, whole: root, logging in again and a restart count 1, 2 and 4.
_NEEDS = (
    "",
    "needs root",
    "needs logging in again",
    "needs root, logging in again",
    "needs a reboot",
    "needs root, a reboot",
    "needs logging in again, a reboot",
    "needs root, logging in again, a reboot",
)


class WayOut(Model, kw_only=True):
    """A fix: what to do, commands to copy, commands that show it worked, and what it takes."""

    text: str  # what to do
    commands: tuple[str, ...]  # lines to copy
    verify: tuple[str, ...]  # commands that show it worked
    root: bool  # needs root
    relogin: bool  # needs logging in again
    reboot: bool  # needs a restart
    caution: str | None  # what it could harm

    @property
    def told(self) -> str:
        """What to do, and what that takes."""
        needs = needed(root=self.root, relogin=self.relogin, reboot=self.reboot)
        return f"{self.text} ({needs})" if needs else self.text


def needed(*, root: bool, relogin: bool, reboot: bool) -> str:
    """What a fix takes: "needs root, a reboot"; nothing where it takes nothing."""
    return _NEEDS[root + 2 * relogin + 4 * reboot]


def way_out(fix: Fix) -> WayOut:
    """A fix as it is published."""
    return WayOut(
        text=str(fix.text),
        commands=fix.commands,
        verify=fix.verify,
        root=fix.root,
        relogin=fix.relogin,
        reboot=fix.reboot,
        caution=None if fix.caution is None else str(fix.caution),
    )
