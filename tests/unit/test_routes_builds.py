"""What the doctor offers to build is what a plan of that recipe says, on every ROCm, card and layout."""

from __future__ import annotations

from functools import cache

import pytest
from msgspec.structs import replace

from rocmkit import kb
from rocmkit.build.feasible import NoRelease
from rocmkit.build.layouts import supposed
from rocmkit.build.load import load, recipes
from rocmkit.build.plan import plan
from rocmkit.build.recipe import Loaded
from rocmkit.build.values import Ask
from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.routes import ground as grounds
from rocmkit.doctor.routes import migraphx, provider, recipe
from rocmkit.doctor.routes.ground import Ground
from rocmkit.doctor.routes.values import Offer, Route
from rocmkit.errors import UsageError
from rocmkit.facts import Python, Rocm
from rocmkit.kb.systems import systems
from rocmkit.kb.versions import within
from rocmkit.kb.when import Layout
from rocmkit.recipes import offers
from tests.unit.test_routes import facts

NAMES = ("ctranslate2", "onnxruntime", "onnxruntime-migraphx")
LAYOUTS: tuple[Layout, ...] = ("amd", "core", "debian")
SYSTEM = {system.engine: system for system in systems()}
#: Where a ROCm of each layout lies.
PATHS = {"amd": "/opt/rocm-{}", "core": "/opt/rocm/core-{}", "debian": "/usr"}


@cache
def every() -> dict[str, Loaded]:
    return {name: load(folder) for name, folder in recipes().items()}


@cache
def real() -> tuple[Offer, ...]:
    return offers()


@cache
def standing() -> Ground:
    given = facts("mi50-16gb-healthy")
    assert isinstance(given.python, Python)
    found = grounds.ground(given, examine(given, all_checks()), given.python)
    assert found is not None
    return found


def machine(rocm: str, gfx: str, layout: Layout) -> Ground:
    """A machine with that ROCm and that card, of whose kernel files nothing was seen."""
    there = Rocm(
        path=PATHS[layout].format(rocm),
        version=rocm,
        kind="distro" if layout == "debian" else "system",
        default=True,
        libraries=(),
        kernels=(),
    )
    found = grounds.layout_of(there)
    holds = grounds.rocblas(None, gfx, there, "debian")
    return replace(standing(), gfx=gfx, rocm=rocm, rocm_kind=there.kind, layout=found, rocblas=holds)


def route(name: str, ground: Ground) -> Route | None:
    """The way by that recipe on the ROCm of the machine."""
    engine = every()[name].recipe.engine
    assert engine is not None
    system = SYSTEM[engine]
    ways = (*recipe.routes(system, ground, real(), None), *migraphx.routes(system, ground, real(), None))
    package = every()[name].recipe.package
    found = [one for one in ways if one.how.startswith(f"Build {package} ") and "of this machine" in one.how]
    assert len(found) < 2
    return found[0] if found else None


def planned(name: str, rocm: str, gfx: str, layout: Layout, *, given: bool = False) -> tuple[str, set[str], bool]:
    """(version, codes of what blocks, whether a recipe takes the lack of kernels away); a version of "" where no release is for it."""
    wish = Ask(archs=(gfx,), work="/w", out="/o", provided={"rocblas": "rocblas"} if given else {})
    others = [one.recipe for one in every().values()]
    try:
        made = plan(every()[name], supposed(rocm, layout=layout, python="3.12"), wish, others)
    except NoRelease:
        return "", set(), False
    return made.version, {block.code for block in made.blocked_by}, "rocblas" in made.prerequisites


def cases() -> list[tuple[str, Layout]]:
    found = []
    for rocm in kb.rocm_releases():
        for layout in LAYOUTS:
            try:
                supposed(rocm, layout=layout)
            except UsageError:
                continue
            found.append((rocm, layout))
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rocm", "layout"), cases())
def test_the_doctor_offers_what_a_plan_can_do(name: str, rocm: str, layout: Layout) -> None:
    for gfx in kb.archs():
        way = route(name, machine(rocm, gfx, layout))
        version, codes, cured = planned(name, rocm, gfx, layout)
        where = f"{name}, {gfx}: {way.how if way else 'no way'}; plan {version} {codes}"
        if not version or codes - {"RK307"}:
            assert way is None, where
            continue
        assert way is not None, where
        assert f" {version}" in way.how, where
        if not codes:
            assert way.status == ("unknown" if machine(rocm, gfx, layout).rocblas is None else "buildable"), where
        elif cured:
            assert way.status == "buildable" and f"rocmkit build rocblas {name} " in " ".join(way.commands), where
            assert planned(name, rocm, gfx, layout, given=True)[1] == set(), where
        else:
            assert (way.status, way.blocked_by) == ("blocked", ("RK307",)), where


def test_each_answer_is_among_them() -> None:
    """Or the test above would prove little."""
    seen = set()
    for name in NAMES:
        for rocm, layout in cases():
            for gfx in ("gfx906", "gfx908", "gfx1030", "gfx1100"):
                way = route(name, machine(rocm, gfx, layout))
                seen.add((name, way.status if way else None))
    assert {(name, status) for name in NAMES for status in ("buildable", None)} <= seen
    assert ("onnxruntime", "blocked") in seen and ("ctranslate2", "blocked") in seen


def test_the_cards_of_migraphx_are_those_that_its_recipe_names() -> None:
    for release in every()["onnxruntime-migraphx"].recipe.releases:
        for series in kb.rocm_releases():
            if within(release.rocm, series):
                row = kb.migraphx(series)
                assert row is not None and set(row.archs) == set(release.archs), series


def test_migraphx_never_goes_before_the_rocm_provider() -> None:
    from rocmkit.doctor.routes.plan import plan as routes
    from rocmkit.doctor.whatif import changed, parse

    both = 0
    for gfx in ("gfx90a", "gfx942", "gfx1100", "gfx1201"):
        for rocm in ("6.3.4", "6.4.3", "7.0.2", "7.2.0", "10.0.0"):
            given = changed(facts("mi50-16gb-healthy"), parse((f"gfx={gfx}", f"rocm={rocm}", "torch=none")))
            ways = [one for one in routes(given, examine(given, all_checks()), real()).routes if one.system == "reazonspeech-k2"]
            kinds = ["migraphx" if "migraphx" in one.how.lower() else "rocm" for one in ways if one.gpu and one.status != "blocked"]
            assert kinds == sorted(kinds, reverse=True), (gfx, rocm, kinds)
            both += len(set(kinds)) > 1
    assert both > 5


def test_what_an_offer_says_is_of_the_card() -> None:
    (offer,) = (one for one in real() if one.recipe == "onnxruntime-migraphx" and "7" in one.rocm.split(",")[0])
    assert provider.word(offer.providers) == "migraphx"
    ground = machine("7.2", "gfx1100", "amd")
    (way,) = (one for one in migraphx.routes(SYSTEM["onnxruntime"], ground, real(), None) if one.way == "recipe")
    notes = " ".join(way.notes)
    for words in ("onnxruntime#31607", "AMDMIGraphX#4618", "AMDMIGraphX#5058", "migraphx_model_cache_dir", "Before an hour of building"):
        assert words in notes
    fold, move = (line for line in way.commands if "encoder-folded.onnx" in line)
    assert fold.startswith("rocmkit rewrite ") and move.startswith("mv ")
    assert way.commands[-1].startswith("rocmkit transcribe speech.wav ") and "--provider migraphx --python " in way.commands[-1]
