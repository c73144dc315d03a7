"""What is generated agrees with the code, and every published field is explained."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rocmkit.facts import Facts
from rocmkit.inspect import values as inspected
from rocmkit.report import explain, fix, log, published
from tools.gen import generated
from tools.schema import field_words, schema


def test_generated_files_are_up_to_date() -> None:
    assert [str(path) for path, text in generated() if not path.exists() or path.read_text() != text] == []


def models() -> list[Any]:
    from tools.gen import facts_models

    return [
        *facts_models().values(),
        *(
            kind
            for module in (published, fix, log, explain, inspected)
            for kind in vars(module).values()
            if getattr(kind, "__module__", "") == module.__name__
        ),
    ]


@pytest.mark.parametrize("kind", [kind for kind in models() if isinstance(kind, type)], ids=lambda kind: kind.__name__)
def test_every_published_field_is_explained(kind: Any) -> None:
    assert [field.name for field in msgspec.structs.fields(kind) if field.name not in field_words(kind)] == []


def test_a_section_may_be_a_gap_in_the_schema() -> None:
    definitions = schema(Facts, title="facts")["$defs"]
    for name, section in definitions["Facts"]["properties"].items():
        assert {"$ref": "#/$defs/Gap"} in section["anyOf"], name
