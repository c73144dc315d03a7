"""--arch: names, several at once, features, `native`, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.build.asked import targets
from rocmkit.errors import UsageError
from rocmkit.facts import Gpu, gap
from rocmkit.kb.targets import base, parse_target


def gpu(gfx: str | None, *, integrated: bool = False, name: str | None = None) -> Gpu:
    return Gpu(
        gfx=gfx, gfx_source=None, target_id=None, name=name, pci=None, device_id=None, vram_bytes=None, compute_units=None,
        render_node=None, kfd_node=None, kfd_gpu_id=None, integrated=integrated, pci_driver=None, link=None, bar0_bytes=None,
        ras=None, vram_used_bytes=None, gtt_bytes=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["gfx906"], ("gfx906",)),
        (["gfx1030,gfx906", " gfx90a "], ("gfx906", "gfx90a", "gfx1030")),
        (["gfx906:xnack-"], ("gfx906:xnack-",)),
        (["gfx90a:xnack+:sramecc-"], ("gfx90a:sramecc-:xnack+",)),
        (["gfx90a:xnack+", "gfx90a:xnack-"], ("gfx90a:xnack+", "gfx90a:xnack-")),
        (["gfx9-generic;gfx1100"], ("gfx1100", "gfx9-generic")),
    ],
)
def test_names(typed: list[str], found: tuple[str, ...]) -> None:
    assert targets(typed, None) == found


@pytest.mark.parametrize(
    ("typed", "says", "hint"),
    [
        ([], "names no architecture", "native"),
        ([" , "], "names no architecture", "native"),
        (["gfx905"], "no GPU architecture that is known", "gfx904 or gfx906 or"),
        (["gfx960"], "no GPU architecture that is known", "did you mean gfx906 or"),
        (["gfx960"], "no GPU architecture that is known", "gfx950"),
        (["GFX906"], "no GPU architecture", "did you mean gfx906"),
        (["mi50"], "no GPU architecture", "did you mean gfx906?"),
        (["sm_80"], "an architecture of NVIDIA's", "rocminfo"),
        (["gfx000"], "a processor, and no GPU", "did you mean"),
        (["x86_64"], "a processor", "rocminfo"),
        (["gfx906:"], "is no target id", "xnack"),
        (["gfx906:xnack"], "is no target id", "xnack"),
        (["gfx906:xnack-:xnack+"], "is no target id", "each once"),
        (["gfx1030:xnack-"], "gfx1030 has no xnack", "--arch gfx1030"),
        (["gfx900:sramecc+"], "gfx900 has no sramecc", "it has xnack"),
        (["gfx11-generic:xnack-"], "has no xnack", "gfx11-generic"),
        (["gfx906", "gfx906"], "is there twice", "once"),
        (["gfx906,gfx906:xnack-"], "exclude each other", "name a feature"),
        (["gfx90a:sramecc+,gfx90a:xnack+"], "exclude each other", "name a feature"),
        (["native"], "the build is for another one", "gfx906"),
        (["$(reboot)"], "no GPU architecture", "rocminfo"),
        (["gfx9999-generic"], "no GPU architecture", "-generic"),
    ],
)
def test_what_is_refused(typed: list[str], says: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        targets(typed, None)
    assert says in error.value.message
    assert hint in (error.value.hint or "")


def test_native_is_the_cards_of_this_machine() -> None:
    assert targets(["native"], (gpu("gfx906"), gpu("gfx906"))) == ("gfx906",)
    assert targets(["native"], (gpu("gfx1036", integrated=True), gpu("gfx1100"))) == ("gfx1100",)
    assert targets(["native"], (gpu("gfx1103", integrated=True),)) == ("gfx1103",)
    assert targets(["native", "gfx1030"], (gpu("gfx906"),)) == ("gfx906", "gfx1030")
    assert targets(["native,gfx906:xnack-"], (gpu("gfx906"),)) == ("gfx906:xnack-",)


@pytest.mark.parametrize(
    ("gpus", "says"),
    [
        (gap("denied", "/sys/class/kfd: Permission denied"), "could not be read: /sys/class/kfd"),
        ((), "no AMD GPU was found"),
        ((gpu(None, name="Some card"),), "Some card"),
        ((gpu("gfx9999"),), "gfx9999"),
    ],
)
def test_native_where_it_cannot_be_known(gpus: object, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        targets(["native"], gpus)  # type: ignore[arg-type]


def test_generic_targets_that_came_after_the_compiler_are_refused() -> None:
    with pytest.raises(UsageError, match=r"compiler of ROCm 6\.1\.2 knows no generic targets"):
        targets(["gfx9-generic"], None, "6.1.2")
    assert targets(["gfx1201"], None, "5.7") == ("gfx1201",)  # a card: the plan says why not, with the ways out


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_gives_targets_or_a_usage_error(typed: list[str]) -> None:
    try:
        found = targets(typed, None)
    except UsageError as error:
        assert len(error.message) < 300
        return
    assert found and all(parse_target(target) for target in found)


_TARGETS = st.sampled_from([gfx for gfx in kb.archs() if (known := kb.arch(gfx)) and known.xnack])


@given(st.lists(_TARGETS, min_size=1, max_size=4, unique=True), st.sampled_from(["", ":xnack+", ":xnack-"]))
def test_what_was_given_is_what_comes_back_whatever_its_order(names: list[str], feature: str) -> None:
    typed = [name + feature for name in names]
    found = targets(typed, None)
    assert set(found) == set(typed) and found == targets([",".join(reversed(typed))], None)
    assert [base(target) for target in found] == sorted(names, key=lambda name: (len(name), name))
