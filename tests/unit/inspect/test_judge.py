"""Which GPU code runs on which card, and the reasons that are given."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.gpucode.values import CodeObjects
from rocmkit.inspect.judge import default_states, file_runs, holds, kernel_file_runs, kernel_folder_runs, nothing, overall, together
from rocmkit.inspect.values import Runs
from tests.support.facts import code

KNOWN = kb.archs()


def objects(*targets: str, **changes: Any) -> tuple[CodeObjects, ...]:
    values: dict[str, Any] = {
        "objects": 1,
        "size_bytes": 1,
        "versions": (5,),
        "wavefronts": (64,),
        "generic_version": None,
        "kernels": 1,
        **changes,
    }
    return tuple(CodeObjects(target=target, **values) for target in targets)


def runs(held: tuple[str, ...] | None, gpu: str, **changes: Any) -> Runs:
    return file_runs(code(gfx=held, **changes), objects(*(held or ())), gpu)


@pytest.mark.parametrize("gfx", KNOWN)
def test_code_for_one_architecture_runs_on_it_alone(gfx: str) -> None:
    for other in KNOWN:
        found = runs((gfx,), other)
        assert found.answer == ("yes" if other == gfx else "no"), other
        assert gfx in found.because
        assert other in found.because


@pytest.mark.parametrize("gfx", KNOWN)
def test_generic_code_runs_on_what_it_covers(gfx: str) -> None:
    generics = {known.generic for name in KNOWN if (known := kb.arch(name)) and known.generic}
    known = kb.arch(gfx)
    assert known is not None
    for generic in generics:
        assert runs((generic,), gfx).answer == ("yes" if generic == known.generic else "no")
    assert runs(("amdgcnspirv",), gfx).answer == "unknown"
    assert runs(("amdgcnspirv", gfx), gfx).answer == "yes"


@pytest.mark.parametrize("gfx", [name for name in KNOWN if (known := kb.arch(name)) and known.xnack])
def test_a_state_that_is_left_open_is_named(gfx: str) -> None:
    """XNACK is off unless it is asked for, so code for xnack- is a yes that says so, and code for xnack+ is none."""
    off, on = runs((f"{gfx}:xnack-",), gfx), runs((f"{gfx}:xnack+",), gfx)
    assert (off.answer, off.needs) == ("yes", ("xnack-",))
    assert "as it is by default" in off.because
    assert (on.answer, on.needs) == ("unknown", ("xnack+",))
    assert "HSA_XNACK=1" in on.because
    both = runs((f"{gfx}:xnack-", f"{gfx}:xnack+"), gfx)
    assert (both.answer, both.needs) == ("yes", ())
    assert runs((f"{gfx}:xnack+",), f"{gfx}:xnack+").needs == ()
    assert runs((f"{gfx}:xnack+",), f"{gfx}:xnack-").answer == "no"


@pytest.mark.parametrize("gfx", [name for name in KNOWN if (known := kb.arch(name)) and known.sramecc])
def test_nobody_knows_the_state_of_sram_ecc_by_the_name(gfx: str) -> None:
    for sign in "+-":
        found = runs((f"{gfx}:sramecc{sign}",), gfx)
        assert (found.answer, found.needs) == ("unknown", (f"sramecc{sign}",))
    assert runs((f"{gfx}:sramecc+", f"{gfx}:sramecc-"), gfx).answer == "yes"
    two = runs((f"{gfx}:sramecc+:xnack-",), gfx)
    assert (two.answer, two.needs) == ("unknown", ("sramecc+", "xnack-"))
    assert runs((f"{gfx}:sramecc+:xnack-",), f"{gfx}:sramecc+").needs == ("xnack-",)
    assert runs((f"{gfx}:sramecc+:xnack-",), f"{gfx}:sramecc-").answer == "no"
    assert "another state of SRAM ECC" in runs((f"{gfx}:sramecc+",), f"{gfx}:sramecc-").because


@given(st.sampled_from(KNOWN), st.sets(st.sampled_from(["", ":xnack-", ":xnack+", ":sramecc-", ":sramecc+", ":sramecc+:xnack-"])))
def test_yes_means_that_the_runtime_takes_it_in_every_default_state(gfx: str, features: set[str]) -> None:
    held = tuple(sorted(gfx + feature for feature in features))
    answer = runs(held, gfx).answer
    states = [gfx + "".join(f":{name}{sign}" for name, sign in state.items()) for state in default_states(gfx)]
    taken = [any(kb.compatible(target, state) for target in held) for state in states]
    assert (answer == "yes") == (bool(held) and all(taken))
    if answer == "no":
        assert not any(taken)


def test_words() -> None:
    assert runs(("gfx1030", "gfx1100"), "gfx906").because == "holds gfx1030, gfx1100; not gfx906"
    assert file_runs(code(gfx=(), sm=("sm_80",), gpu_api="cuda"), (), "gfx906").because == "NVIDIA code only (sm_80)"
    linked = file_runs(code(gfx=(), gpu_api="hip"), (), "gfx906")
    assert (linked.answer, linked.own, linked.because) == ("none", False, "no GPU code of its own: what it loads decides")
    cuda = file_runs(code(gfx=(), gpu_api="cuda", needs=("libcudart.so.12",)), (), "gfx906")
    assert (cuda.answer, cuda.own) == ("no", False)
    assert "libcudart.so.12" in cuda.because
    assert file_runs(code(gfx=(), gpu_api="none"), (), "gfx906").answer == "none"
    assert file_runs(code(gfx=(), gpu_api="unknown", unreadable=("cut off",)), (), "gfx906").answer == "unknown"


def test_what_is_unreadable_is_never_a_yes_or_a_no() -> None:
    found = runs(None, "gfx906", unreadable=("a compressed bundle is damaged",))
    assert (found.answer, found.because) == ("unknown", "part is unreadable: a compressed bundle is damaged")
    part = file_runs(code(gfx=None, unreadable=("a bundle is cut off",)), objects("gfx906"), "gfx906")
    assert part.answer == "unknown"
    assert part.because == "holds gfx906, but part is unreadable: a bundle is cut off"


def test_the_version_of_generic_code() -> None:
    def generic(version: int | None) -> Runs:
        return file_runs(code(gfx=("gfx9-generic",)), objects("gfx9-generic", generic_version=version), "gfx906")

    assert generic(0).answer == "no"
    assert "a version that the runtime refuses" in generic(0).because
    assert generic(1).answer == generic(None).answer == "yes"


def test_a_card_that_is_covered_in_part_is_told() -> None:
    both = (*objects("gfx90a", objects=95), *objects("gfx906", objects=80))
    assert file_runs(code(gfx=("gfx906", "gfx90a")), both, "gfx906").because.startswith("holds gfx906, in 80 of 95 places")
    assert file_runs(code(gfx=("gfx906", "gfx90a")), both, "gfx90a").because == "holds gfx90a"


def test_kernel_folders() -> None:
    def folder(library: str, problems: tuple[tuple[str | None, str], ...] = (), **targets: int) -> Runs:
        return kernel_folder_runs(library, targets, problems, "gfx906")

    assert folder("rocblas", gfx906=3, gfx1030=9).because == "holds gfx906 (3 files)"
    assert folder("rocblas", gfx906=1).because == "holds gfx906 (1 file)"
    assert folder("rocblas", gfx1030=9).answer == "no"
    for library in ("hipblaslt", "miopen", "rocfft"):
        assert folder(library, gfx1030=9).answer == "none"
    assert folder("rocblas", (("gfx906", "x: cut off"),), gfx1030=9).answer == "unknown"
    assert folder("rocblas", (("gfx906", "x: cut off"),), gfx906=9).answer == "unknown"
    assert folder("rocblas", (("gfx1030", "x: cut off"),), gfx906=9).answer == "yes"
    assert folder("rocblas", (("gfx1030", "x: cut off"),), gfx1030=9).answer == "no"


def test_one_kernel_file_by_itself() -> None:
    """A list holds no code; compiled kernels for another card are no loss, since their libraries compile what they miss."""
    for gpu in ("gfx906", "gfx1030"):
        listed = kernel_file_runs(("gfx906",), None, gpu, lists=True)
        assert (listed.answer, listed.own, listed.because) == ("none", False, "lists kernels for gfx906, no code itself")
    assert kernel_file_runs(("gfx906",), None, "gfx906", lists=False).answer == "yes"
    assert kernel_file_runs(("gfx906",), None, "gfx1030", lists=False).answer == "none"
    for held, problem, lists in (((), None, False), (("gfx906",), "it is empty", True), (("gfx906",), "cut off", False)):
        assert kernel_file_runs(held, problem, "gfx906", lists=lists).answer == "unknown"


def test_what_a_file_without_code_needs_is_named() -> None:
    nvidia = code(gfx=(), sm=("sm_80",), gpu_api="cuda")
    assert holds(nvidia) == "NVIDIA code"
    assert holds(code(gfx=("gfx906",))) == "code for gfx906"
    assert holds(code(gfx=None)) == "part is unreadable"
    assert holds(code(gfx=())) == "linked with HIP"
    assert holds(code(gfx=(), gpu_api="none")) is None
    for api in ("none", "hip"):
        found = file_runs(code(gfx=(), gpu_api=api), (), "gfx906", {"libx.so": "NVIDIA code"})
        assert (found.answer, found.own) == ("none", False)
        assert found.because == "no GPU code of its own: look at libx.so (NVIDIA code), which it needs"
    assert runs(("gfx906",), "gfx906").because == file_runs(code(), objects("gfx906"), "gfx906", {"libx.so": "NVIDIA code"}).because


@pytest.mark.parametrize(
    ("counts", "answer", "words"),
    [
        ((0, 0, 0, 0), "none", "it is empty"),
        ((0, 0, 3, 0), "none", "links are not followed"),
        ((0, 1, 1, 0), "none", "1 file, and none that can hold GPU code"),
        ((2, 9, 9, 0), "none", "holds no GPU code"),
        ((0, 0, 0, 1), "unknown", "part could not be read"),
        ((2, 9, 9, 1), "unknown", "part could not be read"),
    ],
)
def test_where_nothing_bears_on_gpus(counts: tuple[int, int, int, int], answer: str, words: str) -> None:
    found, because = nothing(*counts)
    assert (found, words in because) == (answer, True)


def one(answer: Any, *, own: bool = True) -> Runs:
    return Runs(gpu="gfx906", answer=answer, because=answer, own=own)


def test_one_answer_for_a_whole_target() -> None:
    def answer(*every: Runs) -> str:
        return together([(f"lib{at}.so", run) for at, run in enumerate(every)], "gfx906").answer

    assert answer() == "none"
    assert together((), "gfx906").because == "holds no GPU code"
    assert answer(one("yes"), one("none", own=False)) == "yes"
    assert answer(one("yes"), one("no", own=False)) == "yes"  # linked with CUDA, beside code that fits
    nvidia = file_runs(code(gfx=(), sm=("sm_80",), gpu_api="cuda"), (), "gfx906")  # as is code for NVIDIA's in a file of its own
    assert (answer(nvidia), answer(nvidia, one("yes")), answer(nvidia, one("unknown"))) == ("no", "yes", "unknown")
    assert answer(one("no", own=False), one("none", own=False)) == "no"
    assert answer(one("none", own=False)) == "none"
    for every in itertools.permutations((one("yes"), one("unknown"), one("no"), one("none"))):
        assert answer(*every) == "no"
        assert answer(*(run for run in every if run.answer != "no")) == "unknown"
    assert together([("a.so", one("no"))], "gfx1030").answer == "none"
    assert together([("a.so", one("no"))], "gfx906").because == "no"
    assert together([("a.so", one("yes")), ("b.so", one("no")), ("c.so", one("no"))], "gfx906").because == "b.so: no; and 1 more"
    assert overall([one("yes"), one("none")]) == "none"
    assert overall([one("yes"), one("yes")]) == "yes"
    assert overall([one("yes"), one("unknown"), one("no")]) == "no"
