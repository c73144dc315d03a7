"""Which cases there are: names, devices, models that fit, and what is told of those that will not run."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from click import Context
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocmkit.cli.options import memory
from rocmkit.cli.smoke import smoke
from rocmkit.errors import UsageError
from rocmkit.kb.backends import Backend, BackendModel, backend, backends
from rocmkit.smoke.choose import Environment, Wish, _without_model, choose, named, size_of
from rocmkit.smoke.observed import Card
from rocmkit.smoke.planned import Found, Planned

GIB = 1 << 30
WAY = "rocmkit doctor --route openai-whisper --python /p"
ALL = {name: "1" for row in backends() for need in row.needs for name in need.split("|")}
FULL = Environment(python="/venv/bin/python", packages=ALL)
CARD = Card(gfx="gfx906", name="MI50", pci="0000:63:00.0", node=1, gpu_id=51887, render_node=None, vram_bytes=16 * GIB, integrated=False)


def here(*ids: str, lacking: str = "") -> Callable[[Backend, BackendModel], Found | None]:
    """Finds the models of these names; without any, all."""

    def find(row: Backend, model: BackendModel) -> Found | None:
        if ids and model.id not in ids:
            return None
        return Found(path=f"/models/{model.id}", shown=f"~/{model.id}", bytes=model.bytes or 7, lacking=lacking)

    return find


def nothing(row: Backend, model: BackendModel) -> Found | None:
    return None


def one(system: str, find: Any = nothing, *, environment: Environment = FULL, cards: tuple[Card, ...] = (CARD,), **wish: Any) -> Planned:
    (planned,) = choose(Wish(systems=(system,), **wish), {"": environment}, cards, find)
    return planned


def test_all_systems_run_where_all_is_here() -> None:
    planned = choose(Wish(), {"": FULL}, (CARD,), here())
    assert [case.backend.id for case in planned] == [row.id for row in backends()]
    assert not [case for case in planned if case.skip]
    assert {case.backend.id for case in planned if case.device == "cpu"} == {"sherpa-onnx"}
    assert all(case.argument == f"/models/{case.model.id}" and case.model.path == f"~/{case.model.id}" for case in planned)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("faster-whisper", "faster-whisper"),
        ("FASTER", "faster-whisper"),
        ("insanely_fast", "insanely-fast-whisper"),
        ("k2", "reazonspeech-k2"),
    ],
)
def test_a_part_of_a_name_is_enough(text: str, wanted: str) -> None:
    assert named(text).id == wanted


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("whisper", "name one: faster-whisper, openai-whisper"),
        ("fastr-whisper", "did you mean faster-whisper"),
        ("zzz", "there are faster-whisper"),
        ("", "there are "),
    ],
)
def test_a_name_that_is_none_is_told_with_what_comes_close(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        named(text)
    assert hint in (raised.value.hint or "")


@given(st.text(max_size=30))
def test_any_name_is_a_system_or_a_usage_error(text: str) -> None:
    try:
        row = named(text)
    except UsageError as error:
        assert error.hint
    else:
        assert text.strip().lower().replace("_", "-") in row.id


def test_a_system_is_run_once_in_the_order_of_asking() -> None:
    planned = choose(Wish(systems=("mms", "faster", "mms")), {"": FULL}, (CARD,), here())
    assert [case.backend.id for case in planned] == ["mms", "faster-whisper"]


def test_each_system_has_its_own_python() -> None:
    wish = Wish(pythons={"nue": "/old", "": "/new"})
    planned = choose(wish, {"": FULL, "nue-asr": replace(FULL, python="/old/bin/python")}, (CARD,), here())
    assert {case.backend.id for case in planned if case.python == "/old/bin/python"} == {"nue-asr"}
    with pytest.raises(UsageError):
        choose(Wish(pythons={"whisper": "/x"}), {"": FULL}, (), nothing)


@pytest.mark.parametrize(
    ("wish", "cards", "device", "why"),
    [
        ("auto", (CARD,), "gpu", ""),
        ("auto", (), "cpu", "no AMD GPU was found that the driver can use"),
        ("cpu", (CARD,), "cpu", ""),
        ("gpu", (), "gpu", ""),
    ],
)
def test_where_it_is_to_compute(wish: Any, cards: tuple[Card, ...], device: str, why: str) -> None:
    planned = one("mms", here(), device=wish, cards=cards)
    assert (planned.device, planned.device_why) == (device, why)


def test_what_has_no_way_to_the_gpu_is_told_so_and_tried_where_that_is_asked() -> None:
    planned = one("sherpa-onnx", here())
    assert planned.device == "cpu" and "has no way to an AMD GPU" in planned.device_why
    assert one("sherpa-onnx", here(), device="gpu").device == "gpu"


# packages


def test_what_is_not_installed_is_skipped_with_the_commands_that_bring_it() -> None:
    bare = Environment(python="/my env/bin/python", packages={"numpy": "2.1", "torch": "2.9.1+rocm6.3"})
    skip = one("mms", environment=bare).skip
    assert skip is not None and skip.code == "RK709"
    assert skip.because == (
        "transformers is not installed in '/my env/bin/python'; then the model facebook/mms-1b-all is needed too "
        "(3.9 GB, CC-BY-NC-4.0, which forbids commercial use)"
    )
    assert skip.commands == ("'/my env/bin/python' -m pip install transformers",)
    assert skip.bytes == backend("mms").install_mb * 1_000_000 + backend("mms").models[0].bytes
    assert one("mms", here(), environment=bare).skip.bytes == backend("mms").install_mb * 1_000_000  # type: ignore[union-attr]


def test_the_torch_that_is_here_is_named_again() -> None:
    bare = Environment(python="/p", packages={"numpy": "2.1", "torch": "2.9.1+rocm6.3", "transformers": "4.49.0"})
    (planned,) = choose(Wish(systems=("nue-asr",), pythons={"nue-asr": "/p"}), {"": FULL, "nue-asr": bare}, (CARD,), nothing)
    skip = planned.skip
    assert skip is not None and skip.commands[0].endswith("torch==2.9.1")
    assert all(shlex.split(line) for line in skip.commands)


def test_what_pins_old_releases_is_not_put_where_others_live() -> None:
    bare = Environment(python="/p/bin/python", packages={"numpy": "2.1", "torch": "2.9.1+rocm6.3", "transformers": "5.23.0"})
    skip = one("nue-asr", environment=bare).skip
    assert skip is not None and skip.code == "RK709" and "an environment of its own" in skip.because
    assert skip.commands == (
        "/p/bin/python -m venv ~/venv-nue-asr",
        "rocmkit doctor --route nue-asr --python ~/venv-nue-asr",
        "rocmkit smoke nue-asr --python nue-asr=~/venv-nue-asr",
    )


def test_an_engine_is_left_to_doctor_or_to_commands_that_are_known() -> None:
    bare = Environment(python="/p", packages={name: "1" for name in ALL if name != "torch"})
    skip = one("openai-whisper", environment=bare).skip
    assert skip is not None and skip.commands == (WAY,) and f"`{WAY}` says how to get a torch for this GPU" in skip.because
    (planned,) = choose(Wish(systems=("openai-whisper",)), {"": bare}, (CARD,), nothing, {"torch": ("pip install torch from there",)})
    assert planned.skip is not None and planned.skip.commands == ("pip install torch from there",)


@pytest.mark.parametrize("flavour", ["onnxruntime", "onnxruntime-rocm", "onnxruntime-migraphx"])
def test_any_flavour_of_onnxruntime_is_one(flavour: str) -> None:
    packages = {"numpy": "2", "kaldi-native-fbank": "1", flavour: "1.22"}
    assert one("reazonspeech-k2", here(), environment=Environment(python="/p", packages=packages)).skip is None


def test_a_python_that_cannot_be_asked_is_told() -> None:
    skip = one("mms", here(), environment=Environment(python="/gone", problem="/gone is no interpreter")).skip
    assert skip is not None and (skip.code, skip.because) == ("RK709", "/gone is no interpreter")


# models


def test_a_model_that_is_here_is_taken_before_one_that_says_more() -> None:
    planned = one("faster-whisper", here("small", "base"))
    assert planned.skip is None and planned.model.id == "small"


def test_a_model_that_is_missing_is_skipped_with_its_size_and_licence() -> None:
    skip = one("openai-whisper").skip
    assert skip is not None and skip.code == "RK710" and skip.bytes == 1617941637
    assert skip.because == "the model turbo is not in openai-whisper's folder (1.6 GB, MIT); a folder that holds it is named with --model"
    assert skip.commands == ("rocmkit smoke openai-whisper --all",)
    there = one("mms", pythons={"mms": "/x"}).skip
    assert there is not None and there.commands == ("rocmkit smoke mms --all --python /venv/bin/python",)


@pytest.mark.parametrize("typed", ["8GiB", "7680MiB", "8GB", "7.7GB", "123456789B"])
def test_the_limit_on_memory_stands_in_the_command_that_brings_a_model(typed: str) -> None:
    limit = memory(Context(smoke), smoke.params[0], typed)
    skip = one("openai-whisper", max_vram_bytes=limit).skip
    assert skip is not None and skip.commands
    said = skip.commands[0].partition(" --max-vram ")[2]
    again = memory(Context(smoke), smoke.params[0], said)
    assert limit and again and limit - 1024 < again <= limit


def test_a_model_that_is_not_whole_counts_as_missing() -> None:
    skip = one("mms", here(lacking="a download was broken off: vocab.json is missing")).skip
    assert skip is not None and skip.code == "RK710"
    assert skip.because.startswith("the model facebook/mms-1b-all is not whole: a download was broken off: vocab.json is missing (3.9 GB")


def test_a_gated_model_is_told_with_the_page_and_the_login() -> None:
    row = backend("mms")
    gated = replace(row.models[0], gated=True)
    skip = _without_model(row, gated, "", FULL, Wish())
    assert "https://huggingface.co/facebook/mms-1b-all asks for your agreement first" in skip.because
    assert skip.commands == ("/venv/bin/python -c 'import huggingface_hub; huggingface_hub.login()'", "rocmkit smoke mms --all")


@pytest.mark.parametrize(
    ("limit", "vram", "taken"),
    [(None, 16, "turbo"), (5.5, 16, "medium"), (3, 16, "small"), (None, 4, "small"), (None, 0.5, "base"), (1, 16, "base")],
)
def test_a_model_that_fits_is_taken(limit: float | None, vram: float, taken: str) -> None:
    card = replace(CARD, vram_bytes=int(vram * GIB))
    assert one("openai-whisper", here(), cards=(card,), max_vram_bytes=limit and int(limit * GIB)).model.id == taken


def test_what_cannot_fit_is_not_run_unless_it_is_named() -> None:
    wish = Wish(max_vram_bytes=8 * GIB)
    skips = {case.backend.id: case.skip for case in choose(wish, {"": FULL}, (CARD,), here()) if case.skip}
    assert set(skips) == {"nue-asr"}
    assert skips["nue-asr"].code == "RK711"
    assert skips["nue-asr"].because == "rinna/nue-asr takes 8.2 GiB of video memory, which is more than the 8 GiB that it may"
    assert one("nue-asr", here(), max_vram_bytes=8 * GIB).skip is None
    assert not [case for case in choose(wish, {"": FULL}, (), here()) if case.skip]  # of the processor's memory nothing was said


def test_the_memory_of_a_processor_with_graphics_is_no_limit() -> None:
    assert one("openai-whisper", here(), cards=(replace(CARD, vram_bytes=GIB // 2, integrated=True),)).model.id == "turbo"


# --model


@pytest.mark.parametrize("name", ["small", "Systran/faster-whisper-small"])
def test_a_model_of_the_row_is_known_by_either_name(name: str) -> None:
    planned = one("faster-whisper", here(), model=name)
    assert (planned.model.id, planned.model.licence, planned.skip) == ("small", "MIT", None)


def test_a_model_of_ones_own_is_taken_as_it_is() -> None:
    planned = one("faster-whisper", here("./mine"), model="./mine", max_vram_bytes=1)
    assert planned.skip is None and planned.argument == "/models/./mine" and planned.model.licence is None
    skip = one("faster-whisper", model="someone/whisper-ct2").skip
    assert skip is not None and (skip.code, skip.bytes) == ("RK710", None)
    assert skip.commands == ("rocmkit smoke faster-whisper --all --model someone/whisper-ct2",)


@pytest.mark.parametrize(
    ("system", "model"), [("faster-whisper", "smal"), ("openai-whisper", "a/b"), ("mms", "./gone"), ("mms", "/gone/x")]
)
def test_a_model_that_is_none_is_told_with_those_that_are(system: str, model: str) -> None:
    with pytest.raises(UsageError) as raised:
        one(system, model=model)
    assert backend(system).models[0].id in (raised.value.hint or "")


@pytest.mark.parametrize("systems", [(), ("mms", "xls-r")])
def test_a_model_is_one_of_one_system(systems: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--model is a model of one system"):
        choose(Wish(systems=systems, model="small"), {"": FULL}, (CARD,), here())


def test_kana_and_the_rate_to_pass_go_with_the_model() -> None:
    planned = one("xls-r", here(), model="AndrewMcDowell/wav2vec2-xls-r-300m-japanese")
    assert planned.model.kana_only and planned.cer_pass == 0.45
    assert one("xls-r", here()).model.kana_only and one("xls-r", here()).cer_pass == 0.30
    assert not one("mms", here()).model.kana_only


@pytest.mark.parametrize(("count", "words"), [(145_262_807, "145 MB"), (10**9, "1.0 GB"), (3_087_371_615, "3.1 GB"), (0, "0 MB")])
def test_sizes_in_words(count: int, words: str) -> None:
    assert size_of(count) == words


@given(
    st.frozensets(st.sampled_from(sorted(ALL))),
    st.one_of(st.none(), st.integers(1, 20 * GIB)),
    st.sampled_from(["auto", "gpu", "cpu"]),
    st.booleans(),
    st.sampled_from(["", "broken"]),
)
def test_whatever_is_here_every_case_says_why_or_has_all_it_needs(packages: Any, limit: Any, device: Any, card: bool, lacking: str) -> None:
    environment = Environment(python="/p", packages=dict.fromkeys(packages, "1"))
    planned = choose(Wish(device=device, max_vram_bytes=limit), {"": environment}, (CARD,) if card else (), here(lacking=lacking))
    assert len(planned) == len(backends())
    for case in planned:
        if case.skip is None:
            assert case.argument and not lacking
            assert all(set(need.split("|")) & set(packages) for need in case.backend.needs)
        else:
            assert case.skip.because and case.skip.commands
            assert case.skip.code in {"RK709", "RK710", "RK711"}
