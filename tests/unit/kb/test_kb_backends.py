"""The rows by which smoke drives the systems: a file for each, figures that can be, and no pointer into nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.kb.backends import Backend, backend, backends, system_of
from rocmkit.kb.issues import issues
from rocmkit.kb.systems import systems
from rocmkit.smoke.inside import backends as folder

FILES = {path.stem for path in Path(str(folder.__file__)).parent.glob("*.py")} - {"__init__"}
PAGES = {check.id for check in all_checks()} | {issue.id for issue in issues()}
ROWS = [pytest.param(row, id=row.id) for row in backends()]


def test_every_row_has_its_file_and_every_file_a_row() -> None:
    assert {row.module for row in backends()} == FILES


def test_every_system_is_driven() -> None:
    assert {row.system for row in backends()} - {""} == {system.id for system in systems()}


def test_names_are_unique() -> None:
    names = [row.id for row in backends()]
    assert len(set(names)) == len(names) and all(backend(name).id == name for name in names)
    with pytest.raises(KeyError):
        backend("vosk")


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_says_can_be(row: Backend) -> None:
    system = system_of(row)
    assert (system is None) is (row.system == "")
    assert system is None or system.engine == row.engine
    assert row.install or (system and system.install)
    assert set(row.trouble) <= PAGES
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for need in row.needs for name in need.split("|"))
    assert "numpy" in row.needs  # the worker's own
    assert 0 < row.install_mb < 10_000
    assert len({model.id for model in row.models}) == len(row.models) > 0


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_says_of_its_models_can_be(row: Backend) -> None:
    licences = {model.id: model.licence for model in system.models} if (system := system_of(row)) else {}
    vram = {(model.id, model.vram_gib) for model in system.models} if system else set()
    for model in row.models:
        assert 0 < model.cer_expected < model.cer_pass <= 0.45
        assert model.licence and licences.get(model.id, model.licence) == model.licence
        assert model.id not in licences or (model.id, model.vram_gib) in vram
        # The weights alone are not larger than what they take, but for those that are kept in float32 and loaded in half of that.
        assert model.bytes < model.vram_gib * 2**30 * 1.75
        if row.place == "hub":
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository or model.id)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_gives_its_file_only_what_that_takes(row: Backend) -> None:
    text = (Path(str(folder.__file__)).parent / f"{row.module}.py").read_text()
    assert not [name for name in row.options if f'options.get("{name}"' not in text]


def test_models_that_write_kana_alone_and_those_that_nobody_may_sell_are_marked() -> None:
    found = {model.id: (model.kana_only, model.licence) for row in backends() for model in row.models}
    kana_alone = ["vumichien/wav2vec2-xls-r-1b-japanese", "AndrewMcDowell/wav2vec2-xls-r-300m-japanese"]
    assert [name for name, (kana, _) in found.items() if kana] == kana_alone
    assert [name for name, (_, licence) in found.items() if "NC" in licence] == ["facebook/mms-1b-all"]


def test_every_outcome_of_smoke_has_a_page() -> None:
    pages = {issue.code: issue.id for issue in issues() if issue.code.startswith("RK7")}
    assert sorted(pages) == [f"RK7{number:02}" for number in range(1, 15)]
    assert all(name.startswith("smoke-") for name in pages.values())
