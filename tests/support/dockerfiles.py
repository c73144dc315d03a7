"""Dockerfiles, read as BuildKit reads them: instructions with their here-documents, and comments between them."""

from __future__ import annotations

import re

from rocmkit.model import Model

_HERE = re.compile(r"<<'(\w+)'")


class Instruction(Model, kw_only=True):
    """One instruction."""

    name: str
    words: str  # the rest of its line
    documents: tuple[str, ...] = ()


class Refused(ValueError):
    """A line that is no instruction."""


def parse(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile. What it does not know it refuses: continued lines, flags and unquoted here-documents too."""
    lines = text.split("\n")
    if lines[0] != "# syntax=docker/dockerfile:1" or lines.pop():
        raise Refused("no here-documents without the syntax line, and the last line ends")
    found, number = [], 1
    while number < len(lines):
        line = lines[number]
        number += 1
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(FROM|COPY|RUN) (\S.*)", line)
        if match is None or line.endswith("\\"):
            raise Refused(line)
        documents = []
        for end in _HERE.findall(match[2]):
            if end not in lines[number:]:
                raise Refused(f"{line}: it does not end")
            last = lines.index(end, number)
            documents.append("".join(f"{one}\n" for one in lines[number:last]))
            number = last + 1
        if "<<" in _HERE.sub("", match[2]):
            raise Refused(line)
        found.append(Instruction(name=match[1], words=match[2], documents=tuple(documents)))
    return tuple(found)


def files(found: tuple[Instruction, ...]) -> dict[str, str]:
    """What COPY writes from here-documents, by path."""
    copies = [one for one in found if one.name == "COPY" and one.documents]
    pairs = {}
    for one in copies:
        (path,) = _HERE.sub("", one.words).split()
        pairs[path] = one.documents[0]
    assert len(pairs) == len(copies)
    return pairs


def scripts(found: tuple[Instruction, ...]) -> list[str]:
    """What RUN has bash do, in order."""
    runs = [one for one in found if one.name == "RUN"]
    assert all(len(one.documents) == 1 and one.documents[0].startswith("#!/bin/bash\nset -euo pipefail\n") for one in runs)
    return [one.documents[0] for one in runs]
