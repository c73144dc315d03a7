"""The published shape of a way out."""

from __future__ import annotations

from rocmkit.doctor.result import Fix
from rocmkit.model import Model


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
        parts = (("root", self.root), ("logging in again", self.relogin), ("a reboot", self.reboot))
        needs = ", ".join(word for word, needed in parts if needed)
        return f"{self.text} (needs {needs})" if needs else self.text


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
