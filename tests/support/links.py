"""Links of Markdown files, as GitHub reads them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


def _inline(path: Path) -> list[tuple[str, Token]]:
    """Every run of text of a file, with the kind of block that it stands in."""
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    return [(before.type, token) for before, token in pairwise(tokens) if token.type == "inline"]


@cache
def links(path: Path) -> list[str]:
    """Where links and pictures of a file lead, addresses on the web left out."""
    found = [child for _, token in _inline(path) for child in token.children or ()]
    targets = [str(child.attrs.get("href") or child.attrs.get("src")) for child in found if child.type in {"link_open", "image"}]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


@cache
def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to the headings: in small letters, blanks as hyphens, without other signs, numbered where one repeats."""
    seen: Counter[str] = Counter()
    names = set()
    for kind, token in _inline(path):
        if kind == "heading_open":
            text = "".join(child.content for child in token.children or ())
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return names
