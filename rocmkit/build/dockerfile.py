"""A plan as a Dockerfile: the steps of the script, one a layer, and the result as an image that holds nothing else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from rocmkit import kb
from rocmkit.build.packages import packages
from rocmkit.build.script import STRICT, command, comment, head, marker, prepared
from rocmkit.build.values import Plan
from rocmkit.errors import UsageError

#: How package managers bring packages without a question, and leave nothing behind.
_INSTALL = {
    "apt": "apt-get update\nDEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {}\nrm -rf /var/lib/apt/lists/*",
    "dnf": "dnf install -y {}\ndnf clean all",
    "zypper": "zypper --non-interactive install {}\nzypper clean --all",
    "pacman": "pacman -Sy --noconfirm --needed {}\npacman -Scc --noconfirm",
}
#: What COPY and FROM take as one word.
_PLACE = re.compile(r"/[\w./+-]*", re.ASCII)
_ADDRESS = re.compile(r"(?!file:)[a-z+]+://|[\w.-]+@[\w.-]+:(?!//)", re.ASCII)
#: Names that no stage can have: that of the result, and what FROM and COPY --from take for something else.
_TAKEN = {"result", "scratch", "context"}
_IMAGE = re.compile(r"[a-z0-9][\w./:@+-]*", re.ASCII)


def dockerfile(plan: Plan, *more: Plan, results: Sequence[Plan] = ()) -> str:
    """The whole file, with a stage for each plan. `results`: those whose results are left; without it, all.

    Raises UsageError for a plan that cannot be carried out in a container.
    """
    plans = (plan, *more)
    for one in plans:
        _check(one)
    if not more:
        return "\n".join([*_top(plans), *_stage(plan, "build"), *_result([(plan, "build")]), ""])
    names = {one.recipe: _named(one.recipe) for one in plans}
    stages = [line for one in plans for line in _stage(one, names[one.recipe], names)]
    return "\n".join([*_top(plans), *stages, *_result([(one, names[one.recipe]) for one in results or plans]), ""])


def _check(plan: Plan) -> None:
    toolchain, image = plan.toolchain, plan.toolchain.image
    if not image:
        raise UsageError(f"no container image of ROCm {toolchain.version} is known", "name one: --container IMAGE")
    if not _IMAGE.fullmatch(image):
        raise UsageError(f"{image!r} is no name of a container image", "such as rocm/dev-ubuntu-22.04:6.3.4-complete")
    if here := next((pin for pin in plan.pins if not _ADDRESS.match(pin.url)), None):
        raise UsageError(f"the source {here.name} lies on this machine, in {here.url}", "a Dockerfile takes sources from addresses")
    for path in (plan.work, plan.prefix, *(used.folder for used in plan.uses), *(file.path for file in plan.files)):
        if not _PLACE.fullmatch(path):
            raise UsageError(f"a Dockerfile cannot hold the path {path!r}", "give a work folder of letters, digits, dots and dashes")


def _named(recipe: str) -> str:
    """The stage that builds a recipe; a stage begins with a letter, and some names mean something else."""
    return recipe if re.fullmatch(r"[a-z][a-z0-9._-]*", recipe) and recipe not in _TAKEN else f"build-{recipe}"


def _top(plans: Sequence[Plan]) -> list[str]:
    lines = ["# syntax=docker/dockerfile:1"]  # after a plain comment no other is taken for a directive
    for plan in plans:
        lines += ["#", *head(plan)]
    lines += ["#", *comment("Builds into the folder out, with BuildKit: docker build --output out -f FILE .")]
    for image in dict.fromkeys(plan.toolchain.image for plan in plans):
        if "@sha256:" not in image:
            lines += ["#", *comment(f"WARNING: {image} is not pinned: no public source tells its digest.")]
    return lines


def _stage(plan: Plan, name: str, names: Mapping[str, str] | None = None) -> list[str]:
    """The image in which a plan is carried out. `names` are those of the stages that it may take from."""
    taken = [
        f"COPY --from={names[used.recipe]} {used.folder}/ {used.folder}/"
        for used in plan.uses
        if names and used.origin == "call" and used.recipe in names
    ]
    lines = ["", f"FROM {plan.toolchain.image} AS {name}", *_installed(plan)]
    lines += ["", "# What it is built against.", *taken] if taken else []
    return [*lines, *_files(plan), *_steps(plan)]


def _installed(plan: Plan) -> list[str]:
    how = _INSTALL.get(plan.toolchain.distribution.manager or "")
    if how is None:
        return ["", *comment("WARNING: the image's package manager is not known, so it has to hold all of this already.")]
    needs = (*(need for need in plan.needs if not _held(need, plan.toolchain.image)), *((plan.launcher,) if plan.launcher else ()))
    found = packages(needs, plan.toolchain)
    unnamed = [*found.unnamed, *(need for need in needs if kb.build_need(need) is None)]
    lines = [line for name in unnamed for line in comment(f"WARNING: no package is known that brings {name}.")]
    certificates = ("ca-certificates",) if any(step.network for step in plan.steps) else ()
    names = dict.fromkeys((*certificates, *found.system))
    commands = how.format(" ".join(map(shlex.quote, names))).split("\n") if names else []
    if found.pip:
        commands.append(shlex.join((plan.toolchain.python.executable, "-m", "pip", "install", *found.pip)))
    return ["", *lines, *(_run(commands) if commands else ())]


def _held(need: str, image: str | None) -> bool:
    """Whether the image has a part of ROCm for sure: -full ones have all, and maybe no repository to bring it once more."""
    full = any(one.name.endswith("-full") and (image or "").partition("@")[0] == one.name for one in kb.build_images())
    return full and (found := kb.build_need(need)) is not None and "any" not in found[0].packages


def _files(plan: Plan) -> list[str]:
    environment = "\n".join([*prepared(plan), ""])
    return [
        line
        for path, text in [(_environment(plan), environment), *((one.path, one.text) for one in plan.files)]
        for line in _copy(path, text)
    ]


def _copy(path: str, text: str) -> list[str]:
    end = marker(text)
    return ["", f"COPY <<'{end}' {path}", *text.split("\n")[:-1], end]


def _environment(plan: Plan) -> str:
    return f"{plan.work}/environment.sh"


def _steps(plan: Plan) -> list[str]:
    lines = ["", *_run([f"mkdir -p -- {shlex.quote(plan.prefix)} {shlex.quote(plan.dist)}"])]
    for number, step in enumerate(plan.steps, start=1):
        body = [f". {shlex.quote(_environment(plan))}", *command(plan, step)]
        cache = f"{plan.work}/ccache" if plan.launcher == "ccache" and step.progress else ""
        if cache:
            body.insert(1, f"export CCACHE_DIR={shlex.quote(cache)}")
        lines += ["", *comment(f"{number}/{len(plan.steps)} {step.name}: {step.why}")]
        lines += _run(body, mount=f"--mount=type=cache,target={cache} " if cache else "")
    return lines


def _run(lines: list[str], mount: str = "") -> list[str]:
    """A layer made by bash. Its first line has any engine run it by itself, whatever shell the image has."""
    body = ["#!/bin/bash", STRICT, *lines]
    end = marker("\n".join(body))
    return [f"RUN {mount}<<'{end}'", *body, end]


def _result(stages: Sequence[tuple[Plan, str]]) -> list[str]:
    """An image that holds nothing but results: wheels side by side, and folders, where there are several things, by their names."""
    lines = ["", "# All that is left: what was built.", "FROM scratch AS result"]
    for plan, name in stages:
        if plan.wheel:
            lines.append(f"COPY --from={name} {plan.dist}/ /")
        if not plan.wheel or plan.expect.files:
            lines.append(f"COPY --from={name} {plan.prefix}/ /{beside(plan) if plan.wheel or len(stages) > 1 else ''}")
    return lines


def beside(plan: Plan) -> str:
    """Where an image has what is installed, where that is not all of its result."""
    return f"{plan.recipe}-{plan.local_version}/"
