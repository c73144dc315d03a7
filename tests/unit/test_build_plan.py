"""A plan is a function of recipe, toolchain and wish: whole, closed, and changed only from where something changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.placeholders import NAMES, fill, local_version, named, standing
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Brought, Patch, Source, Words
from rocmkit.build.toolchain import BuildPython
from rocmkit.build.values import Given, Plan
from rocmkit.errors import UsageError
from rocmkit.kb.when import When
from rocmkit.model import DataError, to_json
from tests.support.plans import (
    COMMIT,
    OTHER,
    PATCH,
    ask,
    loaded,
    planned,
    recipe,
    release,
    step,
    toolchain,
)


def names(one: Plan) -> list[str]:
    return [each.name for each in one.steps]


def argv(one: Plan, name: str) -> tuple[str, ...]:
    return next(each.argv for each in one.steps if each.name == name)


# The steps


def test_all_that_needs_the_network_comes_before_a_tree_is_touched() -> None:
    assert names(planned()) == [
        "fetch-engine-init",
        "fetch-engine",
        "fetch-engine-third_party-log-init",
        "fetch-engine-third_party-log",
        "fetch-numbers",
        "verify-numbers",
        "fetch-loose",
        "clean-numbers",
        "unpack-numbers",
        "checkout-engine",
        "clean-engine",
        "checkout-engine-third_party-log",
        "clean-engine-third_party-log",
        "patch-engine-1",
        "verify-patch-engine-2",
        "patch-engine-2",
        "clean-loose",
        "unpack-loose",
        "numbers",
        "configure",
        "make",
        "wheel",
    ]


def test_a_repository_is_fetched_and_held_to_its_commit() -> None:
    one = planned()
    assert argv(one, "fetch-engine-init") == ("git", "init", "-q", "/build/src/engine")
    fetch = ("git", "-C", "/build/src/engine", "fetch", "--depth", "1", "https://example.org/engine.git", COMMIT)
    assert argv(one, "fetch-engine") == fetch
    checkout = ("git", "-C", "/build/src/engine", "-c", "advice.detachedHead=false", "checkout", "--force", "--detach", COMMIT)
    assert argv(one, "checkout-engine") == checkout
    assert argv(one, "checkout-engine-third_party-log")[-1] == OTHER
    pinned = {each.name: each.pinned for each in one.steps}
    assert (pinned["checkout-engine"], pinned["checkout-engine-third_party-log"], pinned["clean-engine"]) == (COMMIT, OTHER, "")


def test_an_archive_is_held_to_its_checksum_before_it_is_unpacked() -> None:
    one = planned()
    assert argv(one, "fetch-numbers")[-3:] == (
        "-o",
        "/build/downloads/numbers-numbers-1.0.tar.gz",
        "https://example.org/numbers-1.0.tar.gz",
    )
    verify = next(each for each in one.steps if each.name == "verify-numbers")
    assert (verify.argv, verify.cwd) == (("sha256sum", "--check", "--strict", "/build/files/numbers.sha256"), "/build/downloads")
    sums = next(file.text for file in one.files if file.path == "/build/files/numbers.sha256")
    assert sums == f"{'c' * 64}  numbers-numbers-1.0.tar.gz\n"
    assert {each.act for each in one.steps if each.name.endswith(("numbers", "loose"))} == {"download", "unpack", "run"}


def test_pins_say_what_each_source_is_held_to() -> None:
    pins = {pin.name: pin for pin in planned().pins}
    assert (pins["engine"].commit, pins["engine/third_party/log"].commit) == (COMMIT, OTHER)
    assert pins["numbers"].sha256 == "c" * 64
    assert (pins["loose"].sha256, pins["loose"].unpinned) == (None, "nobody has its bytes")
    assert [name for name, pin in pins.items() if pin.unpinned] == ["loose"]


def test_a_source_whose_patches_another_needs_comes_first() -> None:
    patch = Patch(to="a", file="x.patch", source_of="b", sha256="d" * 64, why="x", link="x")
    fetch = {name: Source(git="https://example.org/x", commit=COMMIT, why="x") for name in ("a", "b")}
    found = names(planned(loaded(recipe(release(fetch=fetch, patches=(patch,))))))
    assert found.index("clean-b") < found.index("checkout-a") < found.index("patch-a-1")
    back = Patch(to="b", file="y.patch", source_of="a", sha256="d" * 64, why="x", link="x")
    with pytest.raises(DataError, match="wait for each other"):
        planned(loaded(recipe(release(fetch=fetch, patches=(patch, back)))))


def test_a_given_repository_is_held_to_the_same_commit() -> None:
    given_ = (Given(name="engine", kind="git", place="/home/me/engine"), Given(name="engine/third_party/log", kind="git", place="/log"))
    one = planned(wish=ask(given=given_))
    assert argv(one, "fetch-engine")[-2:] == ("/home/me/engine", COMMIT)
    assert argv(one, "fetch-engine-third_party-log")[-2:] == ("/log", OTHER)
    assert next(pin for pin in one.pins if pin.name == "engine").url == "/home/me/engine"


def test_a_given_folder_is_taken_as_it_is_with_what_is_in_it() -> None:
    one = planned(wish=ask(given=(Given(name="engine", kind="folder", place="/home/me/engine"),)))
    assert argv(one, "copy-engine") == ("cp", "-a", "--", "/home/me/engine/.", "/build/src/engine/")
    assert not [name for name in names(one) if "third_party" in name or name == "fetch-engine"]
    group = [each.name for each in one.steps if each.group == "source-engine"]
    assert group == ["clean-engine", "copy-engine", "patch-engine-1", "verify-patch-engine-2", "patch-engine-2"]
    assert next(pin for pin in one.pins if pin.name == "engine").unpinned.startswith("taken from a folder as it is")


def test_a_given_submodule_is_put_into_the_tree_once_that_is_there() -> None:
    one = planned(wish=ask(given=(Given(name="engine/third_party/log", kind="folder", place="/log"),)))
    group = [each.name for each in one.steps if each.group == "source-engine"]
    assert group[:4] == ["checkout-engine", "clean-engine", "clean-engine-third_party-log", "copy-engine-third_party-log"]
    assert argv(one, "copy-engine-third_party-log")[-2:] == ("/log/.", "/build/src/engine/third_party/log/")
    assert "fetch-engine-third_party-log" not in names(one)


def test_a_given_archive_is_held_to_the_recipes_checksum() -> None:
    one = planned(wish=ask(given=(Given(name="numbers", kind="archive", place="/home/me/n.tar.gz"),)))
    assert "fetch-numbers" not in names(one)
    assert next(file.text for file in one.files if file.path == "/build/files/numbers.sha256") == f"{'c' * 64}  /home/me/n.tar.gz\n"
    assert argv(one, "unpack-numbers")[3] == "/home/me/n.tar.gz"
    assert not next(pin for pin in one.pins if pin.name == "numbers").unpinned
    far = planned(wish=ask(given=(Given(name="engine", kind="archive", place="https://mirror.example.org/engine.tar.gz"),)))
    assert argv(far, "fetch-engine")[-1] == "https://mirror.example.org/engine.tar.gz"
    assert "verify-engine" not in names(far)
    assert next(pin for pin in far.pins if pin.name == "engine").unpinned == "taken from an archive as it is"


@pytest.mark.parametrize(
    "given_",
    [
        (Given(name="motor", kind="git", place="/x"),),
        (Given(name="engine", kind="git", place="/x"),) * 2,
        (Given(name="engine", kind="git", place="--upload-pack=x"),),
        (Given(name="numbers", kind="git", place="/x"),),
        (Given(name="engine", kind="folder", place="/x\ny"),),
    ],
)
def test_what_cannot_be_given_is_refused(given_: tuple[Given, ...]) -> None:
    with pytest.raises(UsageError):
        planned(wish=ask(given=given_))


def test_every_step_sees_the_toolchain_the_jobs_and_the_launcher() -> None:
    one = planned(tools=toolchain(device_lib="/opt/bitcode"), wish=ask(jobs=3, launcher="ccache"))
    for each in one.steps:
        assert each.env["ROCM_PATH"] == "/opt/rocm-6.3.4"
        assert each.env["HIPCXX"] == "/opt/rocm-6.3.4/llvm/bin/clang++"
        assert each.env["HIP_DEVICE_LIB_PATH"] == "/opt/bitcode"
        assert each.env["CMAKE_BUILD_PARALLEL_LEVEL"] == "3"
        assert {each.env[f"CMAKE_{language}_COMPILER_LAUNCHER"] for language in ("C", "CXX", "HIP")} == {"ccache"}
    assert not [name for each in planned().steps for name in each.env if "LAUNCHER" in name or "PARALLEL" in name]


def test_when_chooses_words_files_and_steps() -> None:
    old, new = planned(), planned(tools=toolchain("7.2"))
    flags = argv(old, "configure")[3]
    assert flags == '-DFLAGS=-O2 -include /build/files/compat/old.h $ORIGIN;it\'s "so"'
    assert argv(new, "configure")[3] == '-DFLAGS=-O2 $ORIGIN;it\'s "so"'
    assert [file.path for file in old.files if "compat" in file.path] == ["/build/files/compat/old.h"]
    assert [file.path for file in new.files if "compat" in file.path] == ["/build/files/compat/new.h"]
    assert "old" not in names(old)
    either = step("x", "cmake", Words(when=When(arch=("gfx90a",), layout=("amd",)), words=("-a", "-b")))
    one = loaded(recipe(release(steps=(either,))))
    assert argv(planned(one, wish=ask("gfx906", "gfx90a:xnack-")), "x") == ("cmake", "-a", "-b")
    assert argv(planned(one), "x") == ("cmake",)
    assert argv(planned(one, toolchain(layout="debian"), ask("gfx90a")), "x") == ("cmake",)


def test_what_the_result_has_to_be_is_filled_in() -> None:
    expect = planned(wish=ask("gfx906:xnack-", "gfx90a")).expect
    assert expect.bundled == ("libengine.so", "libomp.so")
    assert expect.files == ("lib/*gfx906*", "lib/*gfx90a*", "include/engine.h")


@pytest.mark.parametrize(
    ("archs", "version", "want"),
    [
        (("gfx906",), "4.8.1", "4.8.1+rocm6.3.gfx906"),
        (("gfx906:xnack-", "gfx90a:sramecc+:xnack+"), "4.8.1", "4.8.1+rocm6.3.gfx906.xnackoff.gfx90a.sramecc" + "on.xnackon"),
        (("gfx906",), "3.23.0+amd", "3.23.0+amd.rocm6.3.gfx906"),
    ],
)
def test_the_local_version_is_one_that_pip_takes(archs: tuple[str, ...], version: str, want: str) -> None:
    from packaging.version import Version

    assert local_version(version, "6.3.4", archs) == want
    assert str(Version(want)) == want


def test_the_wheel_has_the_name_that_its_metadata_make() -> None:
    from packaging.utils import parse_wheel_filename

    free = BuildPython(executable="/usr/bin/python3.13t", version="3.13", tag="cp313t", suffix="cpython-313t-x86_64-linux-gnu")
    for python, tag in ((free, "cp313-cp313t"), (toolchain().python, "cp310-cp310")):
        one = planned(tools=toolchain(python=python))
        assert one.wheel == f"the_engine-4.8.1+rocm6.3.gfx906-{tag}-linux_x86_64.whl"
        assert parse_wheel_filename(one.wheel)[0] == "the-engine"
    assert planned(loaded(recipe(package=None))).wheel is None


def test_archs_have_one_order() -> None:
    assert planned(wish=ask("gfx1030", "gfx90a", "gfx906")).arch == ("gfx906", "gfx90a", "gfx1030")
    assert planned(wish=ask("gfx1030", "gfx906")) == planned(wish=ask("gfx906", "gfx1030"))


# What is refused


@pytest.mark.parametrize(
    "wish",
    [
        {"archs": ()},
        {"archs": ("gfx906;rm",)},
        {"jobs": 0},
        {"work": "build"},
        {"work": "/build\n"},
        {"version": "9"},
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        planned(wish=replace(ask(), **wish))


@pytest.mark.parametrize(
    ("of", "texts"),
    [
        (release(steps=(step("x", "cmake", "{rcom}"),)), {}),
        (release(steps=(step("x", "cmake", cwd="{work}/../x"),)), {}),
        (release(steps=(step("x", "cmake", cwd="/etc"),)), {}),
        (release(steps=(step("x", "cmake", env={"A-B": ""}),)), {}),
        (release(steps=(step("x", "A=b"),)), {}),
        (release(steps=(step("x", "-S", "id"),)), {}),
        (release(steps=(step("x", "cmake", "\0"),)), {}),
        (release(steps=(step("x"), step("x"))), {}),
        (release(steps=(step("clean-engine"),)), {}),
        (release(steps=()), {}),
        (release(files=(Brought(file="x.h", why="x", link="x"),)), {}),
        (release(files=(Brought(file="x.h", why="x", link="x"),)), {"x_h": "no end of line"}),
        (release(patches=(Patch(to="engine", file="x.patch", sha256="0" * 64, why="x", link="x"),)), {"x_patch": PATCH}),
        (release(patches=(Patch(to="motor", file="x.patch", sha256="0" * 64, why="x", link="x"),)), {"x_patch": PATCH}),
    ],
)
def test_a_recipe_that_does_not_hold_together_makes_no_plan(of: Any, texts: dict[str, str]) -> None:
    with pytest.raises(DataError):
        planned(loaded(recipe(of), **texts))


def test_an_unknown_placeholder_is_told_and_what_cmake_writes_is_none() -> None:
    with pytest.raises(DataError, match=r"\{rcom\}"):
        fill("{rcom}", {"rocm": "/opt/rocm"})
    assert fill("${rocm} {rocm} {} {1} {$x}", {"rocm": "R"}) == "${rocm} R {} {1} {$x}"
    assert named("{a}{value.b} ${c} {d-e}") == ("a", "value.b", "d-e")


def test_every_placeholder_stands_for_something() -> None:
    values = standing(toolchain(), ("gfx906",), "1", "/build")
    assert {*values} == {*NAMES}
    assert [name for name, value in values.items() if not value] == []


# Properties

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).filter(lambda text: "{" not in text)
ARCHS = st.lists(st.sampled_from([gfx for gfx in kb.archs() if gfx >= "gfx900"]), min_size=1, max_size=3, unique=True)
ROCMS = st.sampled_from(["6.2", "6.3.4", "6.4", "7.0", "7.2"])
STEPS = st.lists(st.tuples(st.lists(WORDS, max_size=5), st.dictionaries(st.sampled_from("ABC"), WORDS)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(archs=ARCHS, rocm=ROCMS, steps=STEPS)
def test_planning_is_deterministic_and_leaves_no_placeholder(archs: list[str], rocm: str, steps: Any) -> None:
    every = tuple(f"{{{name}}}" for name in NAMES)
    own = tuple(step(f"s{number}", "x", *words, *every, env=env) for number, (words, env) in enumerate(steps))
    one = loaded(recipe(release(steps=own, kernels=("rocblas",))))
    first = plan(one, toolchain(rocm), ask(*archs))
    assert to_json(first) == to_json(plan(one, toolchain(rocm), ask(*reversed(archs))))
    texts = [word for each in first.steps for word in (*each.argv, each.cwd, *each.env.values())]
    assert [text for text in texts if "{" in text] == []
    assert len({each.digest for each in first.steps}) == len(first.steps)


def test_a_plan_survives_json() -> None:
    import msgspec

    one = planned()
    assert msgspec.json.decode(to_json(one).encode(), type=Plan) == one
