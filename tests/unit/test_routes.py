"""Routes: what leads to the GPU, in which order, and that nothing is promised that was not seen."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.doctor.routes.plan import Plan, plan
from rocmkit.doctor.routes.values import WAYS, Offer, Route
from rocmkit.facts import Facts, Python, gap
from rocmkit.host.recording import load_file
from rocmkit.host.replay import ReplayHost
from rocmkit.kb.systems import systems
from rocmkit.model import DataError
from rocmkit.probe import collect
from rocmkit.recipes import offers
from rocmkit.report.drawing import style_of
from rocmkit.report.routes import NONE, full
from tests.support.recipes import OFFERS, changed, write
from tests.unit.checks.test_any_facts import anything

MACHINES = Path(__file__).resolve().parents[1] / "machines"
NAMES = sorted(path.stem for path in MACHINES.glob("*.yaml"))
GIB = 1 << 30


@cache
def facts(name: str) -> Facts:
    return collect(ReplayHost(load_file(MACHINES / f"{name}.yaml")))


def planned(given: Facts, limit_gib: float | None = None, offers: tuple[Offer, ...] = OFFERS) -> Plan:
    limit = None if limit_gib is None else int(limit_gib * GIB)
    return plan(given, examine(given, all_checks()), offers, limit_bytes=limit)


def python_of(given: Facts, **changes: Any) -> Facts:
    assert isinstance(given.python, Python)
    return replace(given, python=replace(given.python, **changes))


def of(found: Plan, system: str) -> list[Route]:
    return [one for one in found.routes if one.system == system]


@pytest.mark.parametrize("name", NAMES)
def test_every_route_of_every_machine_holds_together(name: str) -> None:
    given = facts(name)
    results = examine(given, all_checks())
    found = plan(given, results, OFFERS)
    codes = {result.code for result in results if result.outcome == "found"} | {"RK307", "RK507"}
    for system in systems():
        mine = of(found, system.id)
        assert [one.rank for one in mine] == list(range(1, len(mine) + 1))
        assert [one.way for one in mine].count("cpu") == (0 if not mine or not system.cpu_command else 1)
    for one in found.routes:
        assert {*one.blocked_by, *one.cures} <= codes
        assert not set(one.blocked_by) & set(one.cures)
        assert (one.status == "blocked") >= bool(one.blocked_by)
        assert one.gpu != (one.status == "cpu-only")
        assert one.sources
        for command in one.commands:
            assert not re.search(r"\{(python|gfx|model|precision|pip)\}", command), command
            assert "\n" not in command
    for idea in found.ideas:
        assert idea.because
        assert idea.sources or idea.verdict == "unknown"


@pytest.mark.parametrize("seed", range(300))
def test_any_facts_have_a_plan(seed: int) -> None:
    dice = random.Random(seed)
    given = anything(Facts, dice)
    results = examine(given, all_checks())
    for one in plan(given, results, OFFERS).routes:
        assert one.way in WAYS
        assert one.status != "ready" or any(result.id == "kfd-permission" and result.outcome == "ok" for result in results)


def test_the_newest_wheel_that_runs_on_gfx906_is_named_exactly() -> None:
    for name in ("the-user", "mi50-torch-rocm72"):
        for system in ("mms", "xls-r", "openai-whisper", "nue-asr", "kotoba-whisper", "espnet", "insanely-fast-whisper"):
            best = of(planned(facts(name)), system)[0]
            assert (best.way, best.status) == ("wheel", "installable")
            python = "~/rocm-venv/bin/python" if system == "espnet" and name == "the-user" else "~/venv/bin/python"
            install = [line for line in best.commands if "torchaudio==" in line]
            assert install == [
                f'{python} -m pip install "torch==2.9.1" "torchaudio==2.9.1" --index-url https://download.pytorch.org/whl/rocm6.3'
            ]


def test_the_crash_of_the_present_torch_is_what_the_wheel_takes_away() -> None:
    found = of(planned(facts("the-user")), "kotoba-whisper")
    assert found[0].cures == ("RK413",)
    assert found[0].blocked_by == ()
    as_is = next(one for one in found if one.way == "as-is")
    assert (as_is.status, as_is.blocked_by) == ("blocked", ("RK413",))
    assert as_is.rank > next(one.rank for one in found if one.way == "cpu")


def test_no_ct2_wheel_is_offered_to_gfx906() -> None:
    for name in NAMES:
        if any(kind.gfx == "gfx906" for kind in facts(name).gpus if isinstance(facts(name).gpus, tuple)):  # type: ignore[union-attr]
            assert not [one for one in of(planned(facts(name)), "faster-whisper") if one.way == "wheel"]


def test_ctranslate2_is_built_by_its_recipe() -> None:
    given = facts("mi50-16gb-healthy")
    assert not [one for one in planned(given, offers=()).routes if one.way == "recipe"]
    best = of(planned(given), "faster-whisper")[0]
    assert (best.way, best.status) == ("recipe", "buildable")
    assert best.commands[0] == "rocmkit build ctranslate2 --arch gfx906 --python ~/venv/bin/python --install"
    assert "ctranslate2" not in " ".join(best.commands[1:]).partition("WhisperModel")[0].replace("faster-whisper", "")
    assert best.commands[-1].startswith("CT2_CUDA_ALLOCATOR=cub_caching ~/venv/bin/python -c")


def test_an_older_release_gets_the_packages_that_go_with_it() -> None:
    best = of(planned(facts("the-user")), "faster-whisper")[0]
    assert "Build ctranslate2 3.23.0 on the ROCm 6.1 of this machine" in best.how
    assert '~/venv/bin/python -m pip install --no-deps "faster-whisper==0.10.1"' in best.commands
    assert any("faster-whisper 0.10" in note for note in best.notes)
    newer = python_of(facts("the-user"), version="3.12.3")  # for which there is no such release
    assert "Build ctranslate2 4.8.1 in a container with ROCm 6.3" in of(planned(newer), "faster-whisper")[0].how


def test_a_recipe_in_an_image_is_built_from_outside_and_installed_inside() -> None:
    best = of(planned(facts("mi50-torch-rocm72")), "faster-whisper")[0]
    image = "rocm/dev-ubuntu-22.04:6.3.4-complete"
    assert best.commands[0] == "rocmkit build ctranslate2 --arch gfx906 --rocm-version 6.3 --container"
    assert best.commands[1].startswith("docker run") and best.commands[1].endswith(f" {image}")
    assert "python3 -m pip install --no-deps ./ctranslate2-4.8.1+rocm6.3.gfx906-*.whl" in best.commands
    assert any("after `docker run`" in note for note in best.notes)


def rocm_of(given: Facts, version: str, holds: str) -> Facts:
    """The same machine with another release of ROCm, whose rocBLAS holds one architecture."""
    assert isinstance(given.rocm, tuple)
    changed = [
        replace(one, version=version, kernels=tuple(replace(files, targets={holds: 10}) for files in one.kernels)) for one in given.rocm
    ]
    return replace(given, rocm=tuple(changed))


def test_a_rocblas_without_the_gpu_is_built_too_or_an_image_is_taken() -> None:
    lacking = rocm_of(facts("mi50-16gb-healthy"), "6.4.4", "gfx90a")
    image, here = (one for one in of(planned(lacking), "faster-whisper") if one.way == "recipe")
    assert "in a container with ROCm 6.3" in image.how
    assert (here.status, here.blocked_by) == ("buildable", ())
    assert here.commands[0] == "rocmkit build rocblas ctranslate2 --arch gfx906 --python ~/venv/bin/python --install"
    (use,) = (line for line in here.commands if line.startswith("export LD_LIBRARY_PATH="))
    assert re.fullmatch(r'export LD_LIBRARY_PATH="\$PWD/rocblas-[\d.]+\+rocm6\.4\.gfx906/lib:\$LD_LIBRARY_PATH"', use)
    assert 0 < here.commands.index(use) < len(here.commands) - 1  # after the build, before what uses it
    without = next(one for one in of(planned(lacking, offers=OFFERS[:2]), "faster-whisper") if "of this machine" in one.how)
    assert (without.status, without.blocked_by) == ("blocked", ("RK307",))


def test_a_recipe_is_for_the_gpus_and_layouts_that_it_names() -> None:
    given = facts("mi50-16gb-healthy")
    for changes in ({"archs": ("gfx90a",)}, {"wavefront": 32}, {"layouts": ("debian",)}, {"rocm": ">=7"}, {"python": ">=3.14"}):
        here = [
            one
            for one in planned(given, offers=(replace(OFFERS[0], **changes),)).routes
            if "on the ROCm" in one.how and one.way == "recipe"
        ]
        assert not here, changes


def test_the_users_limit_picks_the_model() -> None:
    given = facts("the-user")
    small = planned(given, limit_gib=8)
    assert next(one.vram.model for one in of(small, "openai-whisper") if one.vram) == "turbo"
    nue = of(small, "nue-asr")
    assert nue[0].way == "cpu"
    assert all(one.status == "blocked" and "RK507" in one.blocked_by for one in nue if one.gpu)
    assert next(one.vram.model for one in of(planned(given), "openai-whisper") if one.vram) == "large-v3"


def test_what_is_there_and_fits_is_ready_now() -> None:
    best = of(planned(facts("mi50-16gb-healthy")), "kotoba-whisper")[0]
    assert (best.way, best.status, best.blocked_by) == ("as-is", "ready", ())
    assert best.commands[-1].startswith("~/venv/bin/python -c")


def test_nothing_is_ready_where_access_was_not_seen() -> None:
    given = msgspec.structs.replace(facts("mi50-16gb-healthy"), access=gap("not-executed", "nobody looked"))
    assert of(planned(given), "kotoba-whisper")[0].status == "unknown"


def test_a_fault_of_the_machine_is_in_every_way_to_the_gpu() -> None:
    found = planned(facts("no-access"))
    assert all("RK201" in one.blocked_by for one in found.routes if one.gpu)
    best = of(found, "kotoba-whisper")[0]
    assert best.way == "as-is"
    assert best.commands[0].startswith("sudo usermod")


def test_inside_a_container_no_other_one_is_started() -> None:
    assert not [one for one in planned(facts("docker-no-devices")).routes if any("docker run" in line for line in one.commands[1:])]
    assert not [one for one in planned(facts("docker-no-devices")).routes if one.way == "container"]


def test_the_hub_of_nvidias_triton_is_not_pulled_over_that_of_the_wheel() -> None:
    best = of(planned(facts("mi50-torch-rocm72")), "openai-whisper")
    lines = [line for one in best for line in one.commands if "openai-whisper" in line and "pip install" in line]
    assert all("--no-deps" in line for line in lines)


def test_ideas_of_gfx906() -> None:
    found = {idea.name: idea.verdict for idea in planned(facts("the-user")).ideas}
    assert found == {
        "rocm/pytorch:latest": "no",
        "rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2": "yes",
        "an environment of ROCm 5.7+, torch 2.2.1+, transformers 4.36+": "yes",
        "building CTranslate2 from source": "yes",
        "the processor, as it is": "yes",
    }


def test_no_gpu_no_routes() -> None:
    assert planned(facts("no-gpu")) == Plan(routes=(), ideas=())


def test_without_an_architecture_only_the_processor_is_left() -> None:
    given = msgspec.structs.replace(facts("mi50-16gb-healthy"), gpus=gap("denied", "hidden"))
    found = planned(given)
    assert {one.way for one in found.routes} == {"cpu"}
    assert found.ideas == ()


def test_recipes_say_themselves_what_they_build(tmp_path: Path) -> None:
    assert offers(tmp_path) == ()
    write(tmp_path / "whisper-cpp", changed("summary:", "provides: [rocblas]\nsummary:"))
    (offer,) = offers(tmp_path)
    assert (offer.recipe, offer.version, offer.rocm, offer.provides) == ("whisper-cpp", "1.9.3", ">=6.1,<8", ("rocblas",))
    write(tmp_path / "whisper-cpp", changed("version:", "vresion:"))
    with pytest.raises(DataError, match=r"recipe.yaml:7:5: no field is called `vresion` here; did you mean `version`"):
        offers(tmp_path)


def test_without_a_gpu_one_line_says_so_and_fits() -> None:
    for width in (40, 80):
        shown = list(full((), (), frozenset({"mms"}), style_of(color=False), width))
        assert " ".join(shown) == NONE
        assert all(len(line) <= width for line in shown)
