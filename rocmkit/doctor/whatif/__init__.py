"""Facts as they would be if something were changed: another torch, another ROCm, another kernel, another card.

What the knowledge base does not know of the changed thing becomes unknown; nothing of the old one is kept in its place.
Nothing here is read from a machine: paths of files that nobody saw begin with `made.MARK`.
"""

from __future__ import annotations

from rocmkit.doctor.whatif.apply import changed
from rocmkit.doctor.whatif.change import Change, clauses, parse, words

__all__ = ["Change", "changed", "clauses", "parse", "words"]
