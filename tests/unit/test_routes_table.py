"""The best route of each system on machines of many kinds, as reviewed by hand."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rocmkit.doctor import whatif
from rocmkit.doctor.routes.values import Offer
from rocmkit.facts import Facts, gap
from rocmkit.host.sysroot import SysrootHost
from rocmkit.kb.systems import systems
from rocmkit.model import load_yaml
from rocmkit.probe import collect
from rocmkit.recipes import offers
from tests.unit.test_routes import facts, of, planned

HERE = Path(__file__).resolve()
TREES = HERE.parents[3] / "shared" / "machines"
TABLE: list[dict[str, Any]] = load_yaml((HERE.parents[1] / "routes" / "table.yaml").read_text(), source="table.yaml")["machines"]
COLUMNS = {"machine", "cards_of", "change", "torch", "why"} | {system.id for system in systems()}


@cache
def offered() -> tuple[Offer, ...]:
    """What the recipes offer."""
    return offers()


@cache
def tree(name: str) -> Facts:
    return collect(SysrootHost(TREES / name))


def machine(row: dict[str, Any]) -> Facts:
    given = facts(row["machine"])
    if name := row.get("cards_of"):
        real = tree(name)
        given = msgspec.structs.replace(given, gpus=real.gpus, kfd=real.kfd, runtime=gap("not-executed", "a tree was read"))
    return whatif.changed(given, whatif.parse(tuple(row.get("change", ()))))


def name_of(row: dict[str, Any]) -> str:
    return " ".join([row["machine"], row.get("cards_of", ""), *row.get("change", ())]).replace("  ", " ")


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_the_best_route_of_each_system(row: dict[str, Any]) -> None:
    if "cards_of" in row and not TREES.is_dir():
        pytest.skip("the shared machines are not beside this checkout")
    found = planned(machine(row), offers=offered())
    for system in systems():
        expected = row.get(system.id) or (row["torch"] if system.engine == "torch" else None)
        assert expected, f"{system.id}: no line"
        way, status, codes, words = re.fullmatch(r"(\S+) (\S+?)(?: \[([^]]*)\])?: (.+)", expected).groups()  # type: ignore[union-attr]
        best = of(found, system.id)[0]
        assert (best.way, best.status, list(best.blocked_by)) == (way, status, (codes or "").split()), f"{system.id}: {best.how}"
        assert words in best.how, f"{system.id}: {best.how}"


def test_the_table_is_whole() -> None:
    assert len(TABLE) >= 60
    assert len({name_of(row) for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert set(row) <= COLUMNS
        assert len(row["why"]) > 10, f"{name_of(row)}: why?"
