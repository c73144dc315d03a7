"""A Dockerfile does what the script does, in an image that is named as exactly as is known."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.dockerfile import dockerfile
from rocmkit.build.layouts import of_image
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Brought
from rocmkit.build.script import script
from rocmkit.build.toolchain import Distribution
from rocmkit.build.values import Given, Plan
from rocmkit.errors import UsageError
from tests.support import dockerfiles
from tests.support.dockerfiles import files, parse, scripts
from tests.support.plans import ask, commands, documents, exports, image, loaded, planned, recipe, release, rich, step
from tests.unit.test_build_script import ODD, WRITTEN, syntax

ENVIRONMENT = "/build/environment.sh"


def same(one: Plan) -> None:
    """Script and Dockerfile run the same commands in the same order, folders and environment, over the same files."""
    text, found = script(one), parse(dockerfile(one))
    written = files(found)
    environment = written.pop(ENVIRONMENT)
    layers = [body for body in scripts(found) if "\ncd -- " in body]
    assert all(body.splitlines()[2] == f". {ENVIRONMENT}" for body in layers)
    ran = [command for body in layers for command in commands(body, exports(environment))]
    assert len(layers) == len(one.steps)
    assert ran == commands(text, exports(text))
    assert written == documents(text, WRITTEN) == {file.path: file.text for file in one.files}
    # PATH, and what is taken out of the environment.
    assert environment.rstrip("\n") in text
    for body in (environment, *scripts(found)):
        syntax(body)


def test_it_runs_what_the_script_runs() -> None:
    same(planned(tools=image(), wish=ask(jobs=2, launcher="ccache")))
    same(planned(loaded(recipe(package=None)), image("7.2"), ask("gfx906", "gfx90a:xnack-")))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(ODD, max_size=4), ODD, st.dictionaries(st.sampled_from("ABC"), ODD)), min_size=1, max_size=3), ODD)
def test_whatever_the_words_are(steps: list[tuple[list[str], str, dict[str, str]]], text: str) -> None:
    own = tuple(
        step(f"s{number}", "prog", *(word.replace("{", "") for word in words), why=why, env={k: v.replace("{", "") for k, v in env.items()})
        for number, (words, why, env) in enumerate(steps)
    )
    whole = release(steps=own, files=(Brought(file="x.h", why="x", link="x"),), notes=(text,))
    same(planned(loaded(recipe(whole, title=text or "x"), x_h=text + "\n"), image()))


def test_an_image_with_the_whole_sdk_is_not_given_it_once_more() -> None:
    one = loaded(recipe(release(needs=("git", "hipblas", "hip-compiler"))))
    whole = of_image("7.14")
    assert whole.image and "-full@" in whole.image
    bare = "apt-get install -y --no-install-recommends ca-certificates git"
    assert re.findall(r"apt-get install .*", dockerfile(planned(one, whole))) == [bare]
    own = dockerfile(planned(one, replace(whole, image="example/rocm:7.14")))
    assert f"{bare} amdrocm-blas-dev amdrocm-blas amdrocm-llvm-dev amdrocm-runtime-dev\n" in own
    assert f"{bare} hipblas-dev rocm-hip-runtime-dev\n" in dockerfile(planned(one, image("6.3")))


def test_the_image_is_named_with_its_digest_and_one_without_is_told() -> None:
    text = dockerfile(planned(tools=image()))
    assert f"FROM {image().image} AS build" in text.splitlines()
    assert "is not pinned: no public source" not in text
    loose = dockerfile(planned(tools=replace(image(), image="rocm/dev-ubuntu-22.04:6.1.2-complete")))
    assert "# WARNING: rocm/dev-ubuntu-22.04:6.1.2-complete is not pinned: no public source tells its digest." in loose.splitlines()


def test_only_what_the_build_needs_is_installed() -> None:
    found = parse(dockerfile(planned(tools=image(), wish=ask(launcher="ccache"))))
    install = scripts(found)[0]
    line = next(line for line in install.splitlines() if "apt-get install" in line)
    assert line.partition("--no-install-recommends ")[2].split() == ["ca-certificates", "git", "cmake", "ninja-build", "ccache"]
    assert install.splitlines()[-1] == "rm -rf /var/lib/apt/lists/*"
    other = dockerfile(planned(tools=replace(image(), distribution=Distribution(id="x", version=None, manager=None))))
    assert "# WARNING: the image's package manager is not known, so it has to hold all of this already." in other.splitlines()
    unnamed = dockerfile(planned(tools=image(), wish=ask(launcher="icecc")))
    assert "# WARNING: no package is known that brings icecc." in unnamed.splitlines()


@pytest.mark.parametrize("manager", ["apt", "dnf", "zypper", "pacman"])
def test_every_package_manager_that_the_knowledge_base_names_is_known_here(manager: str) -> None:
    text = dockerfile(planned(tools=replace(image(), distribution=Distribution(id="x", version="1", manager=manager))))
    assert "package manager is not known" not in text
    assert re.search(r"ca-certificates git cmake ninja", text)
    for body in scripts(parse(text)):
        syntax(body)
    managers = {name for need in kb.build_needs().values() for by in need.packages.values() for name in by}
    assert managers - {"pip"} == {"apt", "dnf", "zypper", "pacman"}


def test_the_last_stage_holds_the_result_alone() -> None:
    every = (loaded(recipe()), loaded(recipe(package=None)), rich())
    wheel, prefix, both = (parse(dockerfile(planned(one, image()))) for one in every)
    assert [(one.name, one.words) for one in wheel[-2:]] == [("FROM", "scratch AS result"), ("COPY", "--from=build /build/dist/ /")]
    assert prefix[-1].words == "--from=build /build/prefix/ /"
    beside = ["--from=build /build/dist/ /", "--from=build /build/prefix/ /engine-4.8.1+rocm6.3.gfx906/"]
    assert [one.words for one in both[-2:]] == beside, "a wheel, and what others are built against"


def test_ccache_keeps_what_it_has_between_builds() -> None:
    text = dockerfile(planned(tools=image(), wish=ask(launcher="ccache")))
    mounted = [line for line in text.splitlines() if "--mount" in line]
    assert mounted == ["RUN --mount=type=cache,target=/build/ccache <<'ROCMKIT_END'"]
    assert text.count("export CCACHE_DIR=/build/ccache\n") == 1
    assert "--mount" not in dockerfile(planned(tools=image()))


@pytest.mark.parametrize(
    ("tools", "wish"),
    [
        (replace(image(), image=""), {}),
        (replace(image(), image="x\nRUN id"), {}),
        (replace(image(), image="--platform=x y"), {}),
        (image(), {"given": (Given(name="engine", kind="git", place="/home/me/engine"),)}),
        (image(), {"given": (Given(name="engine", kind="git", place="file:///home/me/engine"),)}),
        (image(), {"work": "/my work"}),
    ],
)
def test_what_no_container_can_do_is_refused(tools: Any, wish: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        dockerfile(plan(rich(), tools, ask(**wish)))


def test_sources_at_other_addresses_are_taken() -> None:
    for place in ("https://mirror.example.org/engine.git", "git@mirror.example.org:engine.git"):
        assert place in dockerfile(planned(tools=image(), wish=ask(given=(Given(name="engine", kind="git", place=place),))))


@pytest.mark.parametrize(
    "text",
    [
        "FROM x",
        "# syntax=docker/dockerfile:1\nFROM x \\\n  AS y\n",
        "# syntax=docker/dockerfile:1\nRUN <<'A'\nx\n",
        "# syntax=docker/dockerfile:1\nRUN <<A\nx\nA\n",
        "# syntax=docker/dockerfile:1\nrun=(\n",
    ],
)
def test_the_parser_of_these_tests_refuses(text: str) -> None:
    with pytest.raises(dockerfiles.Refused):
        parse(text)


def test_a_layer_fails_where_its_command_fails() -> None:
    one = planned(tools=image())
    body = scripts(parse(dockerfile(one)))[-1]
    failing = body.replace(f". {ENVIRONMENT}\n", "").replace("/usr/bin/python3", "false").replace("/build", "/dev/null")
    assert subprocess.run(["bash"], input=failing.encode(), capture_output=True, check=False).returncode != 0
