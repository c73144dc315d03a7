"""Ways to ReazonSpeech k2: the provider that is there, the packages in its place, and from the build to the transcript."""

from __future__ import annotations

import pytest

from rocmkit.doctor.routes.values import Route
from rocmkit.facts import Facts, Python, PythonLibrary, gap
from rocmkit.kb.systems import systems
from tests.unit.test_routes import facts, of, planned, python_of
from tests.unit.test_routes_table import machine

PACKAGES = {"numpy": "2.2.6", "kaldi-native-fbank": "1.22.3", "huggingface-hub": "0.36.0"}
FETCH = (
    "~/venv/bin/python -c 'from huggingface_hub import snapshot_download as s; "
    's("reazon-research/reazonspeech-k2-v2", local_dir="reazonspeech-k2-v2", ignore_patterns="*.int8.onnx")\''
)


def k2(given: Facts) -> list[Route]:
    return of(planned(given), "reazonspeech-k2")


def with_provider(given: Facts, name: str, gfx: tuple[str, ...], **packages: str) -> Facts:
    """A machine whose environment holds an ONNX Runtime with that provider."""
    assert isinstance(given.python, Python)
    folder = "~/venv/lib/python3.12/site-packages/onnxruntime/capi"
    package = f"onnxruntime-{name}"
    libraries = tuple(
        PythonLibrary(
            package=package,
            file=f"{folder}/libonnxruntime_providers_{one}.so",
            gpu_api="hip" if one == name else "none",
            gfx=gfx if one == name else (),
            needs=(),
            code=gap("not-executed", "made here"),
        )
        for one in (name, "shared")
    )
    return python_of(given, libraries=libraries, packages={**given.python.packages, package: "1.22.1+rocm6.3.gfx906", **packages})


def test_a_provider_that_holds_the_card_is_used_as_it_is() -> None:
    healthy = facts("mi50-16gb-healthy")
    ready = k2(with_provider(healthy, "rocm", ("gfx906",), **PACKAGES))[0]
    assert (ready.way, ready.status, ready.blocked_by) == ("as-is", "ready", ())
    assert ready.commands == (
        FETCH,
        "rocmkit transcribe speech.wav --model reazonspeech-k2-v2 --provider rocm --python ~/venv/bin/python",
    )
    more = k2(with_provider(healthy, "rocm", ("gfx906",)))[0]
    assert (more.way, more.status) == ("as-is", "installable")
    assert more.commands[0] == "~/venv/bin/python -m pip install numpy kaldi-native-fbank huggingface_hub"


def test_a_provider_for_another_card_is_not() -> None:
    found = k2(with_provider(facts("mi50-16gb-healthy"), "rocm", ("gfx90a",), **PACKAGES))
    assert "as-is" not in [one.way for one in found]
    best = found[0]
    assert (best.way, best.status) == ("recipe", "buildable") and "RK406" in best.cures
    build, away, install = best.commands[:3]
    assert build == "rocmkit build onnxruntime --arch gfx906 --python ~/venv/bin/python"
    assert away == "~/venv/bin/python -m pip uninstall -y onnxruntime-rocm"
    assert install == "~/venv/bin/python -m pip install --no-deps ./onnxruntime_rocm-1.22.1+rocm6.3.gfx906-*.whl"


def test_nothing_is_called_ready_on_a_card_with_another_wavefront_or_a_rocblas_without_it() -> None:
    narrow = with_provider(facts("rx7900xtx"), "rocm", ("gfx1100",), **PACKAGES)
    assert next(one.status for one in k2(narrow) if one.way == "as-is") == "unknown"
    without = with_provider(machine({"machine": "mi50-16gb-healthy", "change": ["rocm=6.4.3"]}), "rocm", ("gfx906",), **PACKAGES)
    as_is = next(one for one in k2(without) if one.way == "as-is")
    assert (as_is.status, as_is.blocked_by) == ("blocked", ("RK307",))


def test_with_nothing_in_its_place_the_wheel_is_installed_by_the_build() -> None:
    best = k2(facts("mi50-16gb-healthy"))[0]
    assert best.commands[0] == "rocmkit build onnxruntime --arch gfx906 --python ~/venv/bin/python --install"
    assert best.commands[-2:] == (
        FETCH,
        "rocmkit transcribe speech.wav --model reazonspeech-k2-v2 --provider rocm --python ~/venv/bin/python",
    )
    assert "The encoder in fp32 runs on the GPU." in best.notes and "On gfx906 too." in best.notes
    assert "Not tried on gfx1100." not in best.notes


def test_inside_a_container_there_is_a_rocmkit_too() -> None:
    best = k2(facts("mi50-torch-rocm72"))[0]
    assert best.commands[0] == "rocmkit build onnxruntime --arch gfx906 --rocm-version 6.3 --container"
    assert "python3 -m pip install --no-deps ./onnxruntime_rocm-1.22.1+rocm6.3.gfx906-*.whl" in best.commands
    assert best.commands.index("python3 -m pip install ./rocmkit") < len(best.commands) - 1
    assert best.commands[-1].endswith("--provider rocm --python python3")
    assert any("clone" in note for note in best.notes)


@pytest.mark.parametrize(
    ("rocm", "ways"),
    [
        ("6.3.4", {"recipe": "buildable"}),
        ("7.2.0", {"wheel": "installable", "recipe": "buildable"}),
        ("7.14.0", {}),
        ("10.0.0", {"wheel": "unknown"}),
    ],
)
def test_migraphx_where_amd_makes_it(rocm: str, ways: dict[str, str]) -> None:
    """gfx1100 is on AMD's lists for 10.0, and not on that for 7.14."""
    found = k2(machine({"machine": "rx7900xtx", "change": [f"rocm={rocm}"]}))
    mine = [one for one in found if "migraphx" in one.how.lower()]
    assert {one.way: one.status for one in mine} == ways
    for one in mine:
        assert one.commands[-1].startswith("rocmkit transcribe speech.wav ") and "--provider migraphx " in one.commands[-1]
        assert [line.split()[:2] for line in one.commands[-3:-1]] == [["rocmkit", "rewrite"], ["mv", "encoder-folded.onnx"]]
        assert any(line.endswith("install onnx") for line in one.commands)
    assert not [one for one in k2(machine({"machine": "mi50-16gb-healthy", "change": [f"rocm={rocm}"]})) if "migraphx" in one.how.lower()]


def test_migraphx_that_is_there_is_not_known_to_compute() -> None:
    given = with_provider(machine({"machine": "rx7900xtx", "change": ["rocm=7.2.0"]}), "migraphx", (), **PACKAGES)
    as_is = next(one for one in k2(given) if one.way == "as-is")
    assert (as_is.status, "MIGraphX" in as_is.how) == ("unknown", True)
    assert not [one for one in k2(given) if one.way == "wheel" and "onnxruntime-migraphx" in one.how]


def test_the_processor_keeps_the_packages_that_it_had() -> None:
    cpu = next(one for one in k2(facts("mi50-16gb-healthy")) if one.way == "cpu")
    assert any("sherpa-onnx" in line for line in cpu.commands) and not any("rocmkit" in line for line in cpu.commands)


def test_recipes_that_systems_name_are_there() -> None:
    from rocmkit.build.load import recipes

    (system,) = (one for one in systems() if one.id == "reazonspeech-k2")
    said = next(note for note in system.notes if "`rocmkit build " in note).partition("`rocmkit build ")[2].partition("`")[0]
    assert set(said.split()) <= set(recipes())
