"""What routes print to be copied: in one environment, whole, and safe to paste whatever a recording says."""

from __future__ import annotations

import re
import shlex
import subprocess

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.doctor.routes.place import container, packages
from rocmkit.doctor.routes.values import Route
from rocmkit.facts import Facts, Os, Python, System, gap
from rocmkit.kb.systems import systems
from tests.unit.test_routes import NAMES, facts, of, planned, python_of
from tests.unit.test_routes_table import machine

NEW = "~/rocm-venv/bin/python"
SYSTEM = {system.id: system for system in systems()}


def in_container(route: Route) -> bool:
    """Whether its commands are for an image."""
    return any(line.startswith("docker run") for line in route.commands[:2])


def interpreters(route: Route) -> set[str]:
    """The words that stand for an interpreter in a route's commands, but for those that make an environment."""
    found: set[str] = set()
    for line in route.commands:
        if " -m venv " in line or line.startswith(("conda create", "docker run", "apt-get", "sudo ", "rocmkit build", "mv ")):
            continue
        words = re.findall(r"((?:'[^']*'|[^\s'\"(])+)(?= -[cm] )", line)
        found |= {word for word in words if "python" in word}
    return found


def test_interpreters_are_told_apart() -> None:
    one = of(planned(facts("mi50-16gb-healthy")), "nue-asr")[0]
    assert interpreters(one) == {"~/venv/bin/python"}
    mixed = msgspec.structs.replace(one, commands=(*one.commands, "'/a b/bin/python' -m pip install x", "A=1 python3 -c 'pass'"))
    assert interpreters(mixed) == {"~/venv/bin/python", "'/a b/bin/python'", "python3"}


def without_packages(given: Facts, *names: str) -> Facts:
    assert isinstance(given.python, Python)
    return python_of(given, packages={name: found for name, found in given.python.packages.items() if name not in names})


@pytest.mark.parametrize("name", NAMES)
def test_no_route_mixes_environments(name: str) -> None:
    for one in planned(facts(name)).routes:
        start = next((number for number, line in enumerate(one.commands) if " -m venv " in line or line.startswith("conda create")), 0)
        used = interpreters(msgspec.structs.replace(one, commands=one.commands[start:]))
        assert len(used) <= 1, (one.system, one.way, used)


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_can_read_every_command(name: str) -> None:
    script = "\n".join(line for one in planned(facts(name)).routes for line in one.commands)
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""


HOSTILE = [
    "/home/a b/venv/bin/python",
    "/v'$(touch x)'/bin/python",
    "/v/`id`;id/bin/python",
    '/v"$HOME"/bin/python',
    "/v/bin/python -m x",
    "/v/a\nb/bin/python",
]


@pytest.mark.parametrize("executable", HOSTILE)
def test_an_interpreters_path_stays_one_word(executable: str) -> None:
    for base in ("mi50-16gb-healthy", "mi50-torch-rocm72"):
        for one in planned(python_of(facts(base), executable=executable)).routes:
            if not in_container(one):
                lines = [line for line in one.commands if " -m pip " in line and not line.startswith(NEW)]
                assert all(shlex.split(line)[:3] == [executable, "-m", "pip"] for line in lines), lines


@given(version=st.text(min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_version_of_a_recording_reaches_the_shell(version: str) -> None:
    asked = re.compile(r' "torch==\$\([^)]*\)[^)]*\)[^)]*\)"')
    pinned = re.compile(r' "torch==[0-9]+(\.[0-9]+)+((a|b|rc)[0-9]+|\.\*)?"')
    for text in (version, f"2.9.1{version}", f"2.9.1+rocm6.3{version}"):
        for system in systems():
            plain = asked.sub("", "\n".join(packages(system, container())))
            line = asked.sub("", pinned.sub("", "\n".join(packages(system, container(), text))))
            assert line in {plain, plain.replace("install transformers", 'install "transformers<5"')}


def test_a_torch_of_the_package_index_never_comes_over_that_of_the_wheel() -> None:
    best = of(planned(facts("mi50-16gb-healthy")), "insanely-fast-whisper")[0]
    assert best.commands[0] == '~/venv/bin/python -m pip install insanely-fast-whisper "torch==2.9.1"'
    for name in ("insanely-fast-whisper", "espnet", "nue-asr"):
        for one in of(planned(facts("mi50-torch-rocm72")), name):
            lines = [line for line in one.commands if "pip install" in line and SYSTEM[name].install[0].split()[0].strip('"') in line]
            assert all('"torch==' in line for line in lines), (one.way, lines)
    for line in (line for one in planned(facts("the-user")).routes for line in one.commands if "faster-whisper" in line and "pip" in line):
        assert "--no-deps" in line


def test_pip_that_refuses_gets_an_environment_on_top_of_what_is_there() -> None:
    healthy = python_of(facts("mi50-16gb-healthy"), executable="/usr/bin/python3", kind="system", externally_managed=True)
    found = planned(healthy)
    ready = of(found, "kotoba-whisper")[0]
    assert (ready.way, ready.status) == ("as-is", "ready")
    assert interpreters(ready) == {"/usr/bin/python3"}
    more = of(found, "nue-asr")[0]
    assert (more.way, more.status) == ("as-is", "installable")
    assert more.commands[0] == "/usr/bin/python3 -m venv --system-site-packages ~/rocm-venv"
    assert interpreters(msgspec.structs.replace(more, commands=more.commands[1:])) == {NEW}
    assert any("python3-venv" in note for note in more.notes)


def test_a_new_environment_gets_every_package() -> None:
    old = python_of(facts("mi50-torch-rocm72"), executable="/usr/bin/python3", kind="system", externally_managed=True)
    best = of(planned(old), "kotoba-whisper")[0]
    assert (best.way, best.status) == ("wheel", "installable")
    assert best.commands[0] == "/usr/bin/python3 -m venv ~/rocm-venv"
    assert f"{NEW} -m pip install transformers" in best.commands
    assert not [line for line in best.commands if line.startswith("/usr/bin/python3 -m pip")]


def test_a_machine_without_python_makes_an_environment() -> None:
    bare = msgspec.structs.replace(facts("mi50-16gb-healthy"), python=gap("absent", "no python3 was found"))
    for one in planned(bare).routes:
        assert one.status != "ready"
        assert not [line for line in one.commands if line.startswith("python3 -m pip") and not in_container(one)], one.commands
    best = of(planned(bare), "kotoba-whisper")[0]
    assert (best.way, best.status) == ("wheel", "installable")
    assert best.commands[0] == "python3 -m venv ~/rocm-venv"
    assert "/whl/rocm6.3" in best.commands[1]


def test_uv_and_conda_are_called_in_their_own_way() -> None:
    uv = without_packages(facts("mi50-torch-rocm72"), "pip")
    lines = [line for one in planned(uv).routes if not in_container(one) for line in one.commands]
    assert [line for line in lines if line.startswith("uv pip install --python ~/venv/bin/python ")]
    assert not [line for line in lines if line.startswith("~/venv/bin/python -m pip")]
    conda = python_of(facts("mi50-torch-rocm72"), kind="conda", version="3.8.19")
    best = of(planned(conda), "kotoba-whisper")[0]
    assert best.commands[0] == "conda create -y -p ~/rocm-venv python=3.12"
    assert interpreters(best) == {NEW}


def test_a_distributions_own_rocm_builds_what_a_release_is_for() -> None:
    healthy = facts("mi50-16gb-healthy")
    assert isinstance(healthy.rocm, tuple)
    for version, where in (("6.4.4", "on the ROCm 6.4 of this machine"), ("7.2.4", "in a container with ROCm 6.3")):
        own = tuple(msgspec.structs.replace(one, path="/usr", kind="distro", version=version) for one in healthy.rocm)
        found = planned(msgspec.structs.replace(healthy, rocm=own))
        whisper = of(found, "faster-whisper")[0]
        assert (whisper.way, whisper.status) == ("recipe", "buildable")
        assert f"on the ROCm {version[:3]} of this machine" in whisper.how
        assert where in of(found, "reazonspeech-k2")[0].how
        # Where its files were not listed: Debian's own rocBLAS holds the card, and of Fedora's nothing is known.
        unseen = msgspec.structs.replace(healthy, rocm=tuple(msgspec.structs.replace(one, kernels=()) for one in own))
        assert isinstance(unseen.system, System) and isinstance(unseen.system.os, Os)
        fedora = msgspec.structs.replace(unseen.system.os, id="fedora", like=())
        other = msgspec.structs.replace(unseen, system=msgspec.structs.replace(unseen.system, os=fedora))
        assert f"on the ROCm {version[:3]} of this machine" in of(planned(unseen), "faster-whisper")[0].how
        assert of(planned(other), "faster-whisper")[0].how.startswith("Build ctranslate2 4.8.1 in a con")


def test_wheels_that_look_in_opt_are_not_for_a_distributions_rocm() -> None:
    card = facts("rx9070")
    assert isinstance(card.rocm, tuple)
    own = msgspec.structs.replace(card, rocm=tuple(msgspec.structs.replace(one, path="/usr", kind="distro") for one in card.rocm))
    wheel = next(one for one in of(planned(own), "faster-whisper") if one.way == "wheel")
    assert wheel.status == "blocked"
    assert not [one for one in of(planned(own), "reazonspeech-k2") if one.way == "wheel"]


def test_ctranslate2_is_not_ready_on_a_rocblas_without_the_gpu() -> None:
    row = {"machine": "mi50-16gb-healthy", "change": ["rocm=6.4.3", "ctranslate2=4.8.1+rocm"]}
    for one in of(planned(machine(row)), "faster-whisper"):
        assert one.status != "ready"
        if one.way == "as-is":
            assert one.status == "blocked"


def test_an_override_that_misleads_stops_what_it_reaches() -> None:
    found = planned(machine({"machine": "mi50-16gb-healthy", "change": ["HSA_OVERRIDE_GFX_VERSION=10.3.0"]}))
    for one in found.routes:
        assert one.status != "ready"
        if one.gpu and not in_container(one):
            assert "RK501" in one.blocked_by, one.how
    assert all("RK501" not in one.blocked_by for one in found.routes if in_container(one))


def test_no_override_beside_a_stable_wheel() -> None:
    for gfx in ("gfx900", "gfx906", "gfx1030", "gfx1103", "gfx1150", "gfx1151"):
        for change in (["python=3.8"], ["torch=none"], ["python=3.15"]):  # no torch has wheels for the first and the last
            found = planned(machine({"machine": "mi50-16gb-healthy", "change": [f"gfx={gfx}", *change]}))
            assert not [one for one in found.routes if one.way == "override"], gfx


def test_sources_for_wide_wavefronts_are_not_for_others() -> None:
    """AMD's port of CTranslate2 3.23.0, which alone is for ROCm 6.0, has 64 lanes written into it."""
    for gfx, words in (("gfx906", "Build ctranslate2 3.23.0 on the ROCm 6.0"), ("gfx1030", "Build ctranslate2 4.8.1 in a container")):
        found = planned(machine({"machine": "mi50-16gb-healthy", "change": [f"gfx={gfx}", "rocm=6.0.2", "python=3.10", "torch=none"]}))
        assert words in next(one.how for one in of(found, "faster-whisper") if one.way == "recipe")


def test_the_model_that_the_command_names_is_the_one_that_fits() -> None:
    for limit, models in ((4.0, {"mms": "float16", "xls-r": "float16"}), (2.2, {"xls-r": "300m"})):
        found = planned(facts("mi50-16gb-healthy"), limit_gib=limit)
        for system, word in models.items():
            assert word in of(found, system)[0].commands[-1]
            assert "{" + "model" not in of(found, system)[0].commands[-1]


def test_the_processor_is_mended_too() -> None:
    row = {"machine": "mi50-16gb-healthy", "change": ["python=3.14"]}
    processor = next(one for one in of(planned(machine(row)), "openai-whisper") if one.way == "cpu")
    assert processor.cures == ("RK410",)
    assert "numba" in processor.commands[0]


def test_the_way_as_it_is_replaces_nothing() -> None:
    for name in NAMES:
        for one in planned(facts(name)).routes:
            if one.way == "as-is":
                assert not [line for line in one.commands if "uninstall" in line or "--index-url" in line], one.commands


def test_every_image_is_entered_by_a_shell() -> None:
    for name in ("the-user", "rx9070", "mi50-16gb-healthy"):
        for one in planned(facts(name)).routes:
            if in_container(one):
                assert "--entrypoint /bin/bash" in "".join(one.commands[:2])
                assert interpreters(one) == {"python3"}


VERDICTS = {
    "gfx900": "no yes yes yes",
    "gfx902": "no no no unknown",
    "gfx906": "no yes yes yes",
    "gfx908": "yes yes yes yes",
    "gfx90a": "yes yes yes yes",
    "gfx90c": "no no no unknown",
    "gfx942": "yes yes yes yes",
    "gfx950": "yes no yes yes",
    "gfx1010": "unknown unknown no yes",
    "gfx1011": "no no no unknown",
    "gfx1012": "unknown unknown no yes",
    "gfx1030": "yes yes yes yes",
    "gfx1031": "no no no unknown",
    "gfx1032": "no no no unknown",
    "gfx1034": "no no no unknown",
    "gfx1035": "no no no unknown",
    "gfx1036": "no no no unknown",
    "gfx1100": "yes yes yes yes",
    "gfx1101": "yes yes yes yes",
    "gfx1102": "yes unknown yes yes",
    "gfx1103": "unknown no yes unknown",
    "gfx1150": "yes no yes yes",
    "gfx1151": "yes no yes yes",
    "gfx1152": "no no no unknown",
    "gfx1153": "no no no unknown",
    "gfx1200": "yes no yes yes",
    "gfx1201": "yes no yes yes",
}


@pytest.mark.parametrize("gfx", VERDICTS)
def test_ideas_by_architecture(gfx: str) -> None:
    """rocm/pytorch:latest, that of ROCm 6.1, an old environment, CTranslate2 from source: by the rows of rocmkit/kb/arch and torch.yaml."""
    ideas = planned(machine({"machine": "mi50-16gb-healthy", "change": [f"gfx={gfx}", "torch=none", "rocm=none"]})).ideas
    assert " ".join(idea.verdict for idea in ideas[:4]) == VERDICTS[gfx]
    assert ideas[4].verdict == "yes"
    assert all(idea.sources for idea in ideas if idea.verdict != "unknown")
