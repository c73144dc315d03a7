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
#: Scalars and collections of one document: a machine's recording has a few thousand.
MAX_EVENTS = 250_000
#: PyYAML takes minutes for a number of a million digits, and hours for one in base 60.
_MAX_NUMBER = 200


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

    def number(self, node: yaml.ScalarNode) -> object:
        """A number, unless it is too long for one."""
        if len(node.value) > _MAX_NUMBER:
            raise yaml.constructor.ConstructorError(None, None, "a number that is too long", node.start_mark)
        return self.construct_yaml_float(node) if node.tag.endswith(":float") else self.construct_yaml_int(node)


StrictLoader.add_constructor("tag:yaml.org,2002:int", StrictLoader.number)
StrictLoader.add_constructor("tag:yaml.org,2002:float", StrictLoader.number)


def check_events(text: str) -> None:
    """Raise yaml.MarkedYAMLError where `text` holds an alias, more than MAX_EVENTS, or nests deeper than MAX_DEPTH: it could explode."""
    depth = 0
    event: Any
    mark: Any
    for count, event in enumerate(yaml.parse(text, Loader=_Base)):
        if count > MAX_EVENTS:
            mark = event.start_mark
            raise yaml.composer.ComposerError(None, None, f"more than {MAX_EVENTS} entries", mark)
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH}", mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
