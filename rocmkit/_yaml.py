"""The strict YAML loader. Apart from `model`, so that commands which read no YAML do not pay for importing PyYAML."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Base
except ImportError:  # PyYAML without libyaml: slower, the same answers
    from yaml import SafeLoader as _Base  # type: ignore[assignment]

MAX_DEPTH = 64


class StrictLoader(_Base):
    """SafeLoader that refuses repeated keys. Aliases and depth are refused by `check_events` before this runs."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is not a scalar", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"repeated key {key.value!r}", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=True)


def check_events(text: str) -> None:
    """Raise yaml.MarkedYAMLError where `text` holds an alias or nests deeper than MAX_DEPTH: both can be made to explode."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH}", mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
