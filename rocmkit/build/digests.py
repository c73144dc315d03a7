"""A digest for every step: of what it does, of the files it reads, and of all that was done before it.

Equal digests mean that a step would give what an earlier run has given. How many compilers run at a time, and what they are started
through, changes nothing of that.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Sequence

import msgspec

from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import PlanFile, PlanStep

#: The variables of plans that change how long a build takes, and nothing of what it makes.
JOBS = "CMAKE_BUILD_PARALLEL_LEVEL"
LAUNCHERS = ("CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER", "CMAKE_HIP_COMPILER_LAUNCHER")


def of_text(text: str) -> str:
    """The SHA-256 of a text's bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def chain(
    made: Sequence[PlanStep],
    own: Sequence[PlanStep],
    files: Iterable[PlanFile],
    toolchain: Toolchain,
    plain: frozenset[str],
    used: Sequence[tuple[str, str]] = (),
) -> tuple[PlanStep, ...]:
    """The steps with their digests: those that bring the sources, then those of the recipe.

    What brings the sources has nothing to do with the toolchain, nor with the variables `plain` that tell of it, so another compiler does
    not fetch them again; nor does another of the results that are `used`, each a name and a digest. The first step of a group stands for
    all of it, since a change to files in place is only right as a whole.
    """
    known = tuple(files)
    contents = [_content(step, known, plain) for step in made] + [_content(step, known, frozenset()) for step in own]
    steps = (*made, *own)
    done: list[PlanStep] = []
    before = ""
    for number, step in enumerate(steps):
        parts = [before, contents[number]]
        if number == len(made):
            parts += [_identity(toolchain), *(json.dumps(one) for one in used)]
        if step.group and (number == 0 or steps[number - 1].group != step.group):
            parts += [contents[at] for at in range(number, len(steps)) if steps[at].group == step.group]
        before = of_text(json.dumps(parts))
        done.append(msgspec.structs.replace(step, digest=before))
    return tuple(done)


def _content(step: PlanStep, files: tuple[PlanFile, ...], plain: frozenset[str]) -> str:
    env = {name: value for name, value in sorted(step.env.items()) if name not in {JOBS, *LAUNCHERS, *plain}}
    words = (*step.argv, step.cwd, *env.values())
    read = [(file.path, file.sha256) for file in files if any(_names(word, file.path) for word in words)]
    return json.dumps([step.argv, step.cwd, env, step.act, step.pinned, read])


def _names(word: str, path: str) -> bool:
    """Whether a word names the file, or the folder that it and others of the recipe lie in."""
    top = path[: path.index("/files/") + len("/files")] if "/files/" in path else path
    if top not in word:
        return False
    while path.startswith(top):
        if path in word and re.search(rf"{re.escape(path)}(?:/?(?![\w./+-])|/\.(?![\w./+-]))", word):
            return True
        path = posixpath.dirname(path)
    return False


def _identity(toolchain: Toolchain) -> str:
    """What of a toolchain makes a difference to what it builds, beside its paths, which the steps name."""
    python = toolchain.python
    return json.dumps(
        [toolchain.layout, toolchain.version, toolchain.compiler, toolchain.machine, toolchain.image, python.version, python.tag]
    )
