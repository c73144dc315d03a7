"""The report as JSON: one object, with the name of its schema."""

from __future__ import annotations

from rocmkit.model import Model, to_json
from rocmkit.report.terminal import escaped


def render(value: Model) -> str:
    """Any published value as JSON text."""
    return escaped(to_json(value)) + "\n"
