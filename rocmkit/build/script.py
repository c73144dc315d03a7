"""A plan as a bash script that does the same without rocmkit. Values are quoted so that a shell gives them back as they are."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable

from rocmkit import kb
from rocmkit.build.environment import DROPPED, DROPPED_PREFIXES, added, programs
from rocmkit.build.packages import applies
from rocmkit.build.values import Plan, PlanFile, PlanStep

STRICT = "set -euo pipefail"
#: Commands up to this length are one line; of longer ones each word is.
_LINE = 140
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def script(plan: Plan, *more: Plan) -> str:
    """All of a plan, to be run by itself. What is done is done again from the beginning.

    Of several, each is a shell of its own, so that no variable of one gets into the next.
    """
    if not more:
        return "\n".join(["#!/usr/bin/env bash", *_whole(plan), ""])
    lines = ["#!/usr/bin/env bash", STRICT]
    for one in (plan, *more):
        lines += ["", "(", *_whole(one), ")"]
    return "\n".join([*lines, ""])


def _whole(plan: Plan) -> list[str]:
    lines = [*head(plan), "", *prepared(plan)]
    lines += ["", f"mkdir -p -- {shlex.quote(plan.prefix)} {shlex.quote(plan.dist)}"]
    for file in plan.files:
        lines += ["", *_written(file)]
    for number, step in enumerate(plan.steps, start=1):
        title = f"{number}/{len(plan.steps)} {step.name}"
        lines += ["", *comment(f"{title}: {step.why}"), f"echo {shlex.quote(f'== {title}')}", *command(plan, step)]
    result = f"{plan.dist}/{plan.wheel}" if plan.wheel else plan.prefix
    return [*lines, "", f"echo {shlex.quote(f'== done: {result}')}"]


def step_script(plan: Plan, step: PlanStep) -> str:
    """One step of a plan, to be run again after those before it."""
    lines = ["#!/usr/bin/env bash", *comment(f"{step.name}, a step of {plan.recipe} {plan.local_version}: {step.why}"), ""]
    return "\n".join([*lines, *prepared(plan), "", *command(plan, step), ""])


def head(plan: Plan) -> list[str]:
    """Comments that say what is built, with what, and what is not held to anything."""
    toolchain, python = plan.toolchain, plan.toolchain.python
    compiler = f", clang {toolchain.compiler}" if toolchain.compiler else ""
    lines = [
        f"{plan.title}: {plan.recipe} {plan.local_version}",
        "",
        f"For {', '.join(plan.arch)}.",
        f"With ROCm {toolchain.version} in {toolchain.root}{compiler}, and Python {python.version} ({python.executable}).",
        f"Written by rocmkit out of a recipe with SHA-256 {plan.recipe_sha256}.",
        "",
        "Has to be installed:",
        *_needs(plan),
    ]
    if plan.pins:
        lines += ["", "What is fetched, and what it is held to:"]
    for pin in plan.pins:
        lines.append(f"  {pin.name}: {pin.url} at {pin.commit or pin.sha256 or f'nothing. WARNING: not pinned: {pin.unpinned}'}")
    lines += [*(("",) if plan.blocked_by else ()), *(f"WARNING: {block.code}: {block.text}" for block in plan.blocked_by)]
    lines += [*(("",) if plan.notes else ()), *(f"Note: {note}" for note in plan.notes)]
    return [line for text in lines for line in comment(text)]


def _needs(plan: Plan) -> list[str]:
    """What has to be installed; what this ROCm does not have is not said."""
    known = {need: kb.build_need(need) for need in plan.needs}
    return [f"  {need}: {one[0].what}" if one else f"  {need}" for need, one in known.items() if not one or applies(one[0], plan.toolchain)]


def comment(text: str) -> list[str]:
    """A text as comments; nothing in it can end them."""
    return [f"# {_CONTROL.sub(' ', line)}".rstrip() for line in text.splitlines() or [""]]


def shared(plan: Plan) -> dict[str, str]:
    """The variables that all steps see, so that they are said once."""
    first, *others = plan.steps
    same = {name: value for name, value in first.env.items() if all(step.env.get(name) == value for step in others)}
    return {**added(plan), **same}


def prepared(plan: Plan) -> list[str]:
    """The environment: the caller's, without what changes builds, and with what the plan says."""
    names = "|".join([*sorted(DROPPED - {"PWD", "OLDPWD"}), *(f"{prefix}*" for prefix in DROPPED_PREFIXES)])
    lines = [STRICT, "# What changes builds without a word.", "for name in $(compgen -e); do", '  case "$name" in']
    lines += [f'    {names}) unset "$name" ;;', "  esac", "done"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in shared(plan).items()]
    return [*lines, *_searched(programs(plan))]


def command(plan: Plan, step: PlanStep) -> list[str]:
    """A step for bash: its folder, then its words, which `shlex.split` gives back. By `env`, so that no word is one of the shell's own."""
    every = shared(plan)
    words = ["env", *(f"{name}={value}" for name, value in step.env.items() if every.get(name) != value), *step.argv]
    line, folder = shlex.join(words), shlex.quote(step.cwd)
    if len(line) <= _LINE and "\n" not in line:
        run = [line]
    else:
        run = ["run=(", *(f"  {shlex.quote(word)}" for word in words), ")", '"${run[@]}"']
    return [f"mkdir -p -- {folder}", f"cd -- {folder}", *run]


def marker(text: str) -> str:
    """An end for a here-document that the text does not hold."""
    number, mark = 0, "ROCMKIT_END"
    while mark in text:
        number += 1
        mark = f"ROCMKIT_END_{number}"
    return mark


def _searched(folders: Iterable[str]) -> list[str]:
    """PATH with these folders first, but for those that it has: an environment's own programs must not come after those of /usr/bin."""
    quoted = " ".join(shlex.quote(folder) for folder in reversed([*folders]))
    return [f"for folder in {quoted}; do", '  case ":$PATH:" in *":$folder:"*) ;; *) PATH="$folder:$PATH" ;; esac', "done", "export PATH"]


def _written(file: PlanFile) -> list[str]:
    end = marker(file.text)
    path = shlex.quote(file.path)
    return [f"mkdir -p -- {shlex.quote(posixpath.dirname(file.path))}", f"cat > {path} <<'{end}'", *file.text.split("\n")[:-1], end]
