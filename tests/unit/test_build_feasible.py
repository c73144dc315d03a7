"""Which release is taken, and what keeps a result from computing: told with ways out, and what is not known keeps nothing."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from rocmkit.build.feasible import NoRelease
from rocmkit.build.layouts import distribution
from rocmkit.build.plan import plan
from rocmkit.build.values import Plan
from tests.support.plans import (
    MAKER,
    ask,
    loaded,
    planned,
    recipe,
    release,
    toolchain,
)


def codes(one: Plan) -> list[str]:
    return [block.code for block in one.blocked_by]


def test_no_release_for_that_rocm_says_which_there_are() -> None:
    with pytest.raises(NoRelease, match=r"4\.8\.1 is for ROCm >=6\.2,<8"):
        planned(tools=toolchain("5.7"))


def test_the_first_release_that_nothing_of_its_own_speaks_against_is_taken() -> None:
    one = loaded(
        recipe(release("5", python=">=3.12"), release("4", archs=("gfx90a",)), release("3", wavefront=32), release("2"), release("1"))
    )
    assert planned(one).version == "2"
    assert planned(one, wish=ask("gfx90a")).version == "4"
    assert planned(one, wish=ask("gfx1030")).version == "3"
    assert planned(one, wish=ask(version="1")).version == "1"
    old = planned(one, wish=ask(version="5"))
    assert (old.feasible, codes(old)) == (False, ["RK402"])


def test_rocblas_without_kernels_is_a_block_with_ways_out() -> None:
    one = plan(loaded(), toolchain("6.4"), ask(), [MAKER])
    assert (one.feasible, codes(one), one.prerequisites) == (False, ["RK307"], ("rocblas",))
    ways = " ".join(one.blocked_by[0].ways_out)
    assert "rocmkit build rocblas engine --arch gfx906" in ways
    assert "rocmkit build engine --arch gfx906 --rocm-version 6.3 --container" in ways
    assert planned(loaded(), toolchain("6.4")).prerequisites == ()
    assert planned(loaded(), toolchain("6.3")).feasible
    both = plan(loaded(), toolchain("6.4"), ask("gfx906", "gfx90a"), [MAKER])
    assert "rocmkit build engine --arch gfx90a" in both.blocked_by[0].ways_out[-1]


def test_debians_own_rocblas_is_judged_by_what_is_in_it() -> None:
    one = planned(loaded(), toolchain("6.4", layout="debian"))
    assert (one.feasible, one.notes) == (True, ())
    old = planned(loaded(), toolchain("6.4", layout="debian"), ask("gfx942"))
    assert codes(old) == ["RK307"] and old.blocked_by[0].text.startswith(
        "The distribution's rocBLAS of ROCm 6.4 holds no kernels for gfx942"
    )


def test_a_processor_that_a_release_is_not_built_for_blocks() -> None:
    other = planned(loaded(), replace(toolchain("6.3"), machine="aarch64"))
    assert codes(other) == ["RK402"] and "x86_64, and this machine is aarch64" in other.blocked_by[0].text
    assert planned(loaded(recipe(release(machines=("x86_64", "aarch64")))), replace(toolchain("6.3"), machine="aarch64")).feasible


def test_a_recipe_of_the_same_call_takes_the_block_away() -> None:
    one = planned(loaded(), toolchain("6.4"), ask(provided={"rocblas": "rocblas"}))
    assert (one.feasible, one.blocked_by) == (True, ())
    assert one.notes == ("The recipe rocblas makes the kernels of rocBLAS for gfx906.",)


def test_what_a_machines_own_rocblas_holds_decides() -> None:
    assert planned(loaded(), toolchain("6.4", kernels={"rocblas": ("gfx906:xnack-", "gfx90a")})).feasible
    assert codes(planned(loaded(), toolchain("6.3", kernels={"rocblas": ("gfx90a",)}))) == ["RK307"]
    wrong = planned(loaded(), toolchain("6.4", kernels={"rocblas": ("gfx906:xnack-",)}), ask("gfx906:xnack+"))
    assert codes(wrong) == ["RK307"]


def test_what_is_not_known_blocks_nothing_and_is_told() -> None:
    one = planned(loaded(), toolchain("6.4", layout="debian", distribution=distribution("fedora", "43")))
    assert (one.feasible, codes(one)) == (True, [])
    assert "is not known" in one.notes[0]


def test_layout_python_wavefront_and_compiler_block() -> None:
    narrow = loaded(recipe(release(layouts=("amd",), python="<3.10", wavefront=32, archs=("gfx1030",), kernels=())))
    one = planned(narrow, toolchain("6.2", layout="debian"), ask("gfx90a"))
    assert codes(one) == ["RK614", "RK404", "RK415", "RK402"]
    assert [bool(block.ways_out) for block in one.blocked_by] == [True, False, False, True]  # no release is for that card
    modern = release("5", rocm=">=7", kernels=())
    other = planned(loaded(recipe(release(rocm="<7", wavefront=32, archs=("gfx1030",), kernels=()), modern)), toolchain("6.2"))
    assert codes(other) == ["RK404", "RK415"]
    way = "Take ROCm 10.0; in a container: rocmkit build engine --arch gfx906 --rocm-version 10.0 --container"
    assert [block.ways_out for block in other.blocked_by] == [(way,), (way,)]
    plain = loaded(recipe(release(rocm=">=5.7", kernels=())))
    unknown = planned(plain, toolchain("5.7"), ask("gfx906", "gfx1201"))
    assert codes(unknown) == ["RK630"]
    assert planned(plain, toolchain("6.2"), ask("gfx1201")).notes == ("Whether the compiler of this ROCm knows gfx1201 is not known.",)
    assert any("--arch gfx906" in way for way in unknown.blocked_by[0].ways_out)


def test_codes_of_blocks_are_those_of_pages() -> None:
    from rocmkit.build import feasible
    from rocmkit.doctor.check import all_checks
    from rocmkit.kb.issues import issues

    known = {one.code for one in all_checks()} | {one.code for one in issues()}
    mine = {value for value in vars(feasible).values() if isinstance(value, str) and re.fullmatch(r"RK[0-9]+", value)}
    assert len(mine) == 6
    assert mine <= known
