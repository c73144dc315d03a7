"""Recipes, toolchains and wishes to plan with, and what scripts and Dockerfiles hold, read back."""

from __future__ import annotations

import re
import shlex
from typing import Any

from rocmkit.build.digests import of_text
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Brought, Cost, Expect, Loaded, Patch, Recipe, Release, Source, Step, Submodule, Words
from rocmkit.build.toolchain import BuildPython, Distribution, Toolchain
from rocmkit.build.values import Ask, Plan, PlanStep
from rocmkit.kb.when import When
from rocmkit.model import Model

COMMIT, OTHER = "a" * 40, "b" * 40
HEADER = "#pragma once\n// $ORIGIN 'quoted' \"twice\" `run` $(run) \\n\nROCMKIT_END\n"
PATCH = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n"
COST = Cost(core_minutes=60, memory_per_job_gib=1, disk_gib=4, measured="nowhere")

PYTHON = BuildPython(executable="/usr/bin/python3", version="3.10", tag="cp310", suffix="cpython-310-x86_64-linux-gnu")
UBUNTU = Distribution(id="ubuntu", version="22.04", manager="apt")


def toolchain(version: str = "6.3.4", **changed: Any) -> Toolchain:
    root = f"/opt/rocm-{version}"
    fields: dict[str, Any] = {
        "layout": "amd",
        "version": version,
        "root": root,
        "lib": f"{root}/lib",
        "llvm": f"{root}/llvm/bin",
        "openmp": f"{root}/llvm/lib/libomp.so",
        "device_lib": None,
        "compiler": None,
        "machine": "x86_64",
        "python": PYTHON,
        "distribution": UBUNTU,
        "supposed": True,
    }
    return Toolchain(**{**fields, **changed})


def image(version: str = "6.3.4") -> Toolchain:
    return toolchain(version, container=True, image="rocm/dev-ubuntu-22.04:6.3.4-complete@sha256:" + "0" * 64)


def step(name: str = "configure", *run: str | Words, **changed: Any) -> Step:
    words = run or ("cmake", "-S", "{src}/engine", "-B", "{build}", "-DARCH={arch}")
    return Step(**{"name": name, "stage": "build", "run": words, "why": f"What {name} is for.", **changed})


def release(version: str = "4.8.1", **changed: Any) -> Release:
    fields: dict[str, Any] = {
        "version": version,
        "rocm": ">=6.2,<8",
        "known": "measured",
        "why": "It is the newest.",
        "links": ("OWNER/REPO#1",),
        "fetch": {"engine": Source(git="https://example.org/engine.git", commit=COMMIT, why="The engine.")},
        "needs": ("git", "cmake>=3.21", "ninja"),
        "kernels": ("rocblas",),
        "cost": COST,
        "steps": (step(),),
        "expect": Expect(),
    }
    return Release(**{**fields, **changed})


def recipe(*releases: Release, **changed: Any) -> Recipe:
    fields: dict[str, Any] = {
        "name": "engine",
        "title": "An engine",
        "summary": "It computes.",
        "package": "The.Engine",
        "licence": "MIT",
        "releases": releases or (release(),),
    }
    return Recipe(**{**fields, **changed})


#: What makes the kernels that the recipe above finds missing.
MAKER = recipe(release("7.2", rocm=">=6.4,<8", kernels=()), name="rocblas", package=None, provides=("rocblas",))


def loaded(of: Recipe | None = None, **texts: str) -> Loaded:
    """The recipe with its small files: compat__x_h="…" is compat/x.h."""
    named = {re.sub(r"_(?=[a-z]+$)", ".", name.replace("__", "/")): text for name, text in texts.items()}
    of = of or recipe()
    return Loaded(recipe=of, texts=named, sha256=of_text(f"{of}{sorted(named.items())}"))


def ask(*archs: str, **changed: Any) -> Ask:
    return Ask(**{"archs": archs or ("gfx906",), "work": "/build", "out": "/out", **changed})


def rich() -> Loaded:
    """A recipe with all that a recipe can hold."""
    engine = Source(
        git="https://example.org/engine.git",
        commit=COMMIT,
        submodules=(Submodule(path="third_party/log", git="https://example.org/log.git", commit=OTHER),),
        why="The engine.",
    )
    numbers = Source(archive="https://example.org/numbers-1.0.tar.gz", sha256="c" * 64, why="Its numbers.")
    loose = Source(archive="https://example.org/loose.tar.gz", unpinned="nobody has its bytes", why="Not pinned.")
    whole = release(
        fetch={"engine": engine, "numbers": numbers, "loose": loose},
        patches=(
            Patch(to="engine", file="patches/one.patch", sha256=of_text(PATCH), why="One.", link="OWNER/REPO#2"),
            Patch(to="engine", file="docker/two.patch", source_of="numbers", sha256="d" * 64, why="Two.", link="OWNER/REPO#3"),
        ),
        files=(
            Brought(file="compat/old.h", why="For the old.", link="OWNER/REPO#4", when=When(rocm="<7")),
            Brought(file="compat/new.h", why="For the new.", link="OWNER/REPO#4", when=When(rocm=">=7")),
        ),
        values={"flags": ("-O2", Words(when=When(rocm="<7"), words=("-include", "{files}/compat/old.h")), '$ORIGIN;it\'s "so"')},
        notes=("It is slow.",),
        steps=(
            step("numbers", "cmake", "-S", "{src}/numbers", "-B", "{build}/numbers", cwd="{build}/numbers"),
            step(
                "configure", "cmake", "-S", "{src}/engine", "-DFLAGS={value.flags}", "-DARCH={arch}", "-DX=${CMAKE_X}", env={"A": "it's\n2"}
            ),
            step("make", "cmake", "--build", "{build}", progress=True),
            step("old", "touch", "{prefix}/old", when=When(rocm="<6")),
            step(
                "wheel", "{python}", "setup.py", "--out", "{dist}", stage="wheel", cwd="{src}/engine/python", env={"V": "{local_version}"}
            ),
        ),
        expect=Expect(bundled=("libengine.so", "{openmp_name}"), files=("lib/*{arch}*", "include/engine.h")),
    )
    return loaded(recipe(whole), patches__one_patch=PATCH, compat__old_h=HEADER, compat__new_h="new\n")


def planned(one: Loaded | None = None, tools: Toolchain | None = None, wish: Ask | None = None) -> Plan:
    return plan(one or rich(), tools or toolchain(), wish or ask())


class Ran(Model, kw_only=True):
    """A command as a script or a Dockerfile holds it."""

    cwd: str
    env: dict[str, str]
    argv: tuple[str, ...]


def wanted(plan: Plan, step: PlanStep) -> Ran:
    return Ran(cwd=step.cwd, env=step.env, argv=step.argv)


def commands(text: str, exported: dict[str, str]) -> list[Ran]:
    """The commands of bash text that rocmkit wrote, each with all that it sees beside the caller's environment."""
    found = []
    for folder, whole, line in re.findall(
        r'^cd -- (.*?)\n(?:run=\(\n(.*?)\n\)\n"\$\{run\[@\]\}"|(env [^\n]*))$', text, re.MULTILINE | re.DOTALL
    ):
        first, *argv = shlex.split(whole or line)
        assert first == "env"
        count = next(number for number, word in enumerate(argv) if "=" not in word)
        env = {**exported, **dict(word.split("=", 1) for word in argv[:count])}
        found.append(Ran(cwd=shlex.split(folder)[0], env=env, argv=tuple(argv[count:])))
    return found


def exports(text: str) -> dict[str, str]:
    """The variables that bash text exports; PATH, which depends on the caller, is none."""
    found = re.findall(r"^export (\w+=(?:[^'\n]|'[^']*')*)$", text, re.MULTILINE)
    return dict(shlex.split(one)[0].split("=", 1) for one in found)


def documents(text: str, begin: str) -> dict[str, str]:
    """The here-documents of a text, by where they go. `begin` is a pattern with the groups `end` and `to`."""
    found, lines = {}, text.split("\n")
    number = 0
    while number < len(lines):
        if (match := re.fullmatch(begin, lines[number])) is not None:
            last = lines.index(match["end"], number + 1)
            found[shlex.split(match["to"])[0]] = "".join(f"{line}\n" for line in lines[number + 1 : last])
            number = last
        number += 1
    return found
