"""`rocmkit inspect MODEL.onnx --provider P`, and its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema

from tests.support.command import Ran, rocmkit
from tools.gen import SCHEMAS
from tools.schema import schema


def placed(model: Path, *more: str) -> Ran:
    return rocmkit("inspect", str(model), *more, timeout_s=120)


def report(ran: Ran) -> Any:
    """The JSON of a run, which is of the published shape."""
    jsonschema.validate(ran.json, schema(SCHEMAS["placement-1"][0], title="placement-1"))
    assert ran.code == ran.json["exit"]
    return ran.json
