"""A script does what its plan says, whatever its words hold, and needs nothing of rocmkit."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.build.environment import DROPPED, DROPPED_PREFIXES, added
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Brought, Patch, Source, Submodule
from rocmkit.build.script import comment, marker, script, step_script
from rocmkit.build.toolchain import BuildPython
from rocmkit.build.values import Plan
from tests.support.plans import (
    HEADER,
    ask,
    commands,
    documents,
    exports,
    loaded,
    planned,
    recipe,
    release,
    step,
    toolchain,
    wanted,
)

WRITTEN = r"cat > (?P<to>.*) <<'(?P<end>\w+)'"
ODD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def syntax(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def expected(one: Plan) -> list[Any]:
    return [replace(wanted(one, each), env={**added(one), **each.env}) for each in one.steps]


def test_the_script_holds_every_step_with_its_folder_words_and_variables() -> None:
    one = planned(wish=ask(jobs=2, launcher="ccache"))
    text = script(one)
    syntax(text)
    assert commands(text, exports(text)) == expected(one)
    assert "set -euo pipefail" in text.splitlines()


def test_each_step_has_a_script_of_its_own() -> None:
    one = planned()
    for each, want in zip(one.steps, expected(one), strict=True):
        text = step_script(one, each)
        syntax(text)
        assert commands(text, exports(text)) == [want]


def test_files_are_written_to_the_letter() -> None:
    one = planned()
    found = documents(script(one), WRITTEN)
    assert found == {file.path: file.text for file in one.files}
    assert HEADER in found.values()  # it holds the end that here-documents have otherwise


def test_the_head_says_what_is_needed_and_what_is_not_pinned() -> None:
    top = script(planned()).partition("\nset -euo")[0]
    for text in (
        "# An engine: engine 4.8.1+rocm6.3.gfx906",
        "# For gfx906.",
        "# With ROCm 6.3.4 in /opt/rocm-6.3.4, and Python 3.10 (/usr/bin/python3).",
        "#   cmake>=3.21: configures the build",
        f"#   engine: https://example.org/engine.git at {'a' * 40}",
        "#   loose: https://example.org/loose.tar.gz at nothing. WARNING: not pinned: nobody has its bytes",
        "# Note: It is slow.",
    ):
        assert text in top
    blocked = script(planned(loaded(), toolchain("6.4")))
    assert "# WARNING: RK307: AMD's rocBLAS of ROCm 6.4 holds no kernels for gfx906" in blocked


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(ODD, max_size=4), ODD, st.dictionaries(st.sampled_from("ABC"), ODD)), min_size=1, max_size=3), ODD)
def test_no_word_is_changed_or_run(steps: list[tuple[list[str], str, dict[str, str]]], text: str) -> None:
    own = tuple(
        step(f"s{number}", "prog", *(word.replace("{", "") for word in words), why=why, env={k: v.replace("{", "") for k, v in env.items()})
        for number, (words, why, env) in enumerate(steps)
    )
    file = text + "\n"
    whole = release(steps=own, files=(Brought(file="x.h", why="x", link="x"),), notes=(text,))
    one = planned(loaded(recipe(whole, title=text or "x"), x_h=file))
    result = script(one)
    assert commands(result, exports(result)) == expected(one)
    assert file in documents(result, WRITTEN).values()
    syntax(result)


@given(ODD)
def test_a_comment_ends_nowhere_but_at_its_end(text: str) -> None:
    for line in comment(text):
        assert line.startswith("#")
        assert not set("\n\r\0") & set(line)


@given(st.text("ROCMKIT_END123\n", max_size=60))
def test_an_end_marker_is_not_in_the_text(text: str) -> None:
    assert marker(text) not in text


def git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", "-C", folder, *words], env={**os.environ, **who}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path, **files: str) -> str:
    folder.mkdir()
    git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def small(tmp_path: Path) -> Plan:
    """A recipe of real sources in odd places: a repository with a submodule, an archive that brings a patch, a file of its own."""
    place = tmp_path / "it's here"
    place.mkdir()
    log = committed(place / "log", log="log\n")
    engine = place / "engine"
    committed(engine, x="one\n")
    git(engine, "update-index", "--add", "--cacheinfo", f"160000,{log},sub/log")
    git(engine, "commit", "-qm", "two")
    head = git(engine, "rev-parse", "HEAD")
    patch = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-two\n+three\n"
    (place / "numbers").mkdir()
    (place / "numbers" / "two.patch").write_text(patch)
    with tarfile.open(place / "numbers.tar.gz", "w:gz") as archive:
        archive.add(place / "numbers", "numbers-1.0")
    sha256 = hashlib.sha256((place / "numbers.tar.gz").read_bytes()).hexdigest()
    own = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n"
    code = (
        "import os, sys; print(*sys.argv[1:], os.environ['TEXT'], os.environ.get('CXXFLAGS'), os.getcwd(), file=open('said', 'w'), sep='|')"
    )
    whole = release(
        fetch={
            "engine": Source(
                git=str(engine), commit=head, why="x", submodules=(Submodule(path="sub/log", git=str(place / "log"), commit=log),)
            ),
            "numbers": Source(archive=(place / "numbers.tar.gz").as_uri(), sha256=sha256, why="x"),
        },
        patches=(
            Patch(to="engine", file="own.patch", sha256=hashlib.sha256(own.encode()).hexdigest(), why="x", link="x"),
            Patch(to="engine", file="two.patch", source_of="numbers", sha256=hashlib.sha256(patch.encode()).hexdigest(), why="x", link="x"),
        ),
        files=(Brought(file="compat/x.h", why="x", link="x"),),
        steps=(
            step("say", "{python}", "-c", code.replace("{", ""), "$HOME `id`", "a\nb", "", cwd="{build}/deep", env={"TEXT": 'say "$X"'}),
            step("install", "cp", "-r", "{src}/engine/x", "{src}/engine/sub/log/log", "{files}/compat/x.h", "{prefix}"),
        ),
    )
    python = BuildPython(executable=sys.executable, version="3.10", tag="cp310", suffix="x")
    return plan(
        loaded(recipe(whole, package=None), own_patch=own, compat__x_h=HEADER),
        toolchain(python=python),
        ask(work=str(tmp_path / "my work")),
    )


def run(text: str, **env: str) -> None:
    done = subprocess.run(["bash"], input=text.encode(), env={**os.environ, **env}, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


def test_the_script_alone_builds(small: Plan) -> None:
    for _ in range(2):  # and again, over what the first run left
        run(script(small), CXXFLAGS="-march=native", GIT_DIR="/nowhere", CMAKE_GENERATOR="x")
        prefix = Path(small.prefix)
        assert {path.name: path.read_text() for path in prefix.iterdir()} == {"x": "three\n", "log": "log\n", "x.h": HEADER}
        assert (Path(small.work) / "build/deep/said").read_text() == f'$HOME `id`|a\nb||say "$X"|None|{small.work}/build/deep\n'
        (prefix / "x").unlink()


def test_a_step_can_be_run_again_by_itself(small: Plan) -> None:
    run(script(small))
    (Path(small.prefix) / "x").write_text("damaged")
    run(step_script(small, small.steps[-1]))
    assert (Path(small.prefix) / "x").read_text() == "three\n"


def test_what_is_not_what_was_pinned_ends_the_script(small: Plan) -> None:
    files = tuple(
        replace(file, text=file.text.replace(file.text[:64], "0" * 64)) if file.path.endswith("numbers.sha256") else file
        for file in small.files
    )
    done = subprocess.run(["bash"], input=script(replace(small, files=files)).encode(), capture_output=True, check=False, timeout=120)
    assert done.returncode != 0
    assert not (Path(small.work) / "src" / "numbers").exists()


def test_git_does_not_take_a_repository_around_the_work_folder_for_the_source(small: Plan) -> None:
    # Without a limit, git would find no file of the patches in it, say nothing, and succeed.
    git(Path(small.work).parent, "init", "-q")
    run(script(small))
    assert (Path(small.prefix) / "x").read_text() == "three\n"


def test_git_does_not_take_the_source_for_a_submodule_that_is_damaged(small: Plan) -> None:
    run(script(small))
    source = Path(small.work) / "src" / "engine"
    shutil.rmtree(source / "sub" / "log" / ".git")
    head = git(source, "rev-parse", "HEAD")
    damaged = next(each for each in small.steps if each.name == "clean-engine-sub-log")
    (source / "sub" / "log" / "mine").write_text("kept")
    done = subprocess.run(["bash"], input=step_script(small, damaged).encode(), capture_output=True, check=False, timeout=120)
    assert done.returncode == 128
    assert ((source / "sub" / "log" / "mine").read_text(), git(source, "rev-parse", "HEAD")) == ("kept", head)


def test_no_step_sees_a_variable_of_another() -> None:
    one = planned()
    first = replace(one.steps[0], env={**one.steps[0].env, "ONLY": "here"})
    changed = replace(one, steps=(first, *one.steps[1:]))
    text = script(changed)
    assert commands(text, exports(text)) == expected(changed)


def test_what_changes_builds_is_taken_out_of_the_environment() -> None:
    line = next(line for line in script(planned()).splitlines() if 'unset "$name"' in line)
    patterns = line.strip().partition(")")[0].split("|")
    assert {*patterns} == {*(DROPPED - {"PWD", "OLDPWD"}), *(f"{prefix}*" for prefix in DROPPED_PREFIXES)}


def test_programs_of_rocm_come_before_others_and_those_on_path_keep_their_place(tmp_path: Path) -> None:
    one = planned()
    text = step_script(one, one.steps[0]).partition("\nmkdir")[0]
    for path, want in (
        ("/x:/usr/bin:/bin", "/opt/rocm-6.3.4/llvm/bin:/opt/rocm-6.3.4/bin:/x:/usr/bin:/bin"),
        ("/x:/opt/rocm-6.3.4/bin:/usr/bin:/bin", "/opt/rocm-6.3.4/llvm/bin:/x:/opt/rocm-6.3.4/bin:/usr/bin:/bin"),
    ):
        done = subprocess.run(["bash"], input=f'{text}\necho "$PATH"\n', env={"PATH": path}, capture_output=True, text=True, check=True)
        assert done.stdout == f"{want}\n"
