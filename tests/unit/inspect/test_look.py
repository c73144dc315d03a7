"""The whole way on any input, and the cards of a machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit import kb
from rocmkit.errors import NotApplicable, UsageError
from rocmkit.host.live import LiveHost
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.inspect.cards import MAX_NEAR, by_product, cards
from rocmkit.inspect.look import look
from rocmkit.model import to_json
from rocmkit.report.inspect import render
from tests.support.elf import build, bundle, compressed, fatbin

MACHINES = Path(__file__).parent.parent.parent / "machines"
WHOLE = (
    build(sections={".hip_fatbin": fatbin(bundle("gfx906")), ".hipFatBinSegment": bytes(24)}, needed=("libamdhip64.so.6",)),
    fatbin(bundle("gfx906", "gfx90a:xnack+")),
    compressed(bundle("gfx906")),
    b"!<arch>\n" + b"a.o/            0           0     0     644     8         `\n\x7fELFabcd",
    b"\x50\xed\x55\xba" + bytes(40),
    b"\x10\xff\x10\xad" + bytes(60),
    b"PK\x03\x04" + bytes(60),
)

CHANGES = st.lists(st.tuples(st.integers(0, 20000), st.binary(min_size=1, max_size=8)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 20000), st.binary(min_size=1, max_size=8)), max_size=4), st.integers(0, 20000)
)
def test_any_file_is_told_or_refused(whole: bytes, changes: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(whole)
    for at, change in changes:
        data[at : at + len(change)] = change
    with tempfile.TemporaryDirectory() as folder:
        for name in ("libany.so", "any.whl", "TensileLibrary_gfx906.dat"):
            path = Path(folder) / name
            path.write_bytes(data[: end or None])
            for target in (path, Path(folder)):
                try:
                    found = look([str(target)], ["gfx906"], LiveHost(), names=True, everything=True)
                except UsageError as error:
                    assert error.message
                    continue
                assert found.answer in {"yes", "no", "unknown", "none"}
                assert to_json(found)
                assert render(found, color=False, unicode=False, everything=True).isascii()
            path.unlink()


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ("mi50-16gb-healthy", ("gfx906:sramecc+:xnack-",)),
        ("two-mi50", ("gfx906:sramecc+:xnack-",)),
        ("rx7900xtx", ("gfx1100",)),
        ("igpu-plus-dgpu", None),
    ],
)
def test_native_cards_are_those_of_the_machine(machine: str, found: tuple[str, ...] | None) -> None:
    native = cards(["native"], ReplayHost(load_file(MACHINES / f"{machine}.yaml")))
    assert native == found if found else len(native) == 2
    assert cards(["native", *native, "gfx906"], ReplayHost(load_file(MACHINES / f"{machine}.yaml")))[-1] in {*native, "gfx906"}


def test_native_without_a_gpu() -> None:
    with pytest.raises(NotApplicable, match="no AMD GPU was found"):
        cards(["native"], ReplayHost(load_file(MACHINES / "no-gpu.yaml")))


@pytest.mark.parametrize("gfx", kb.archs())
def test_every_known_architecture_can_be_asked_about(gfx: str) -> None:
    assert cards([gfx.upper()], LiveHost()) == (gfx,)


@given(st.text(max_size=20))
def test_any_other_name_is_refused(text: str) -> None:
    try:
        (found,) = cards([text], LiveHost())
    except (UsageError, NotApplicable) as error:
        assert error.hint
    else:
        assert kb.arch(found)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("MI50", "did you mean gfx906 (Instinct MI50"),
        ("vega20", "did you mean gfx906 ("),
        ("Radeon VII", "did you mean gfx906 ("),
        ("7900xtx", "did you mean gfx1100 ("),
        ("rx 6600", "did you mean gfx1032 ("),
        ("nativ", "did you mean native?"),
        ("gfx9066", "did you mean gfx906 ("),
        ("quadro", "name its architecture, such as gfx906"),
        ("gfx906, gfx1030", "--for gfx906 --for gfx1030"),
    ],
)
def test_what_was_meant(typed: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        cards([typed], LiveHost())
    assert typed in raised.value.message
    assert raised.value.hint
    assert words in raised.value.hint
    assert raised.value.hint.count(" or ") < MAX_NEAR


@pytest.mark.parametrize("gfx", [gfx for gfx in kb.archs() if (known := kb.arch(gfx)) and known.products])
def test_every_product_leads_to_its_architecture(gfx: str) -> None:
    for name in getattr(kb.arch(gfx), "products", ()):
        assert gfx in by_product(name)
    assert by_product("") == by_product("no such card") == ()


def test_many_files_come_in_their_order(tmp_path: Path) -> None:
    for number in range(250):
        (tmp_path / f"{number:03}.so").write_bytes(WHOLE[0])
    found = look([str(tmp_path)], ["gfx906"], LiveHost())
    assert [file.file for file in found.files] == [f"{number:03}.so" for number in range(250)]
