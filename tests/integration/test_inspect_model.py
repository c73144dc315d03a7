"""`rocmkit inspect MODEL.onnx` without a provider, as a person and a script see it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest

from tests.support.command import Ran, rocmkit
from tests.support.downsampling import CHANNELS, encoder
from tools.gen import SCHEMAS
from tools.schema import schema


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "encoder.onnx"
    onnx.save(encoder(), path)
    return path


def inspect(*arguments: str | Path) -> Ran:
    return rocmkit("inspect", *map(str, arguments))


def asked(*arguments: str | Path) -> Any:
    ran = inspect(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    kind, title = SCHEMAS["model-1"]
    jsonschema.validate(ran.json, schema(kind, title=title))
    return ran.json


def test_what_is_in_it_and_what_speaks_against_it(model: Path) -> None:
    told = asked(model)
    assert told["schema"] == "rocmkit.model/1"
    assert told["model"]["inputs"][0] == {"name": "x", "dtype": "float32", "shape": ["N", "T", CHANNELS]}
    assert told["model"]["operators"]["If"] == len(told["model"]["ifs"]) == 2
    advice = {one["provider"]: {two["id"]: two["severity"] for two in one["advice"]} for one in told["providers"]}
    assert advice == {"rocm": {}, "migraphx": {"branches": "blocks", "compiles-again": "slow"}}
    text = inspect(model)
    assert text.code == 0
    for words in (
        "x: float32 [N, T, 4]",
        "model_type = zipformer2",
        "opset ai.onnx 13",
        "2 If: ",
        "rocmkit explain RK908",
        "--fix x=1,1000,4",
    ):
        assert words in text.out
    assert text.out.splitlines()[-2:][0].startswith("rocm: nothing known against it; migraphx: BLOCKED")


def test_a_long_list_is_folded(model: Path) -> None:
    assert "(--all shows them)" in inspect(model).out
    whole = inspect(model, "--all")
    assert "(--all shows them)" not in whole.out
    for name in asked(model)["model"]["operators"]:
        assert name in whole.out


def test_a_model_of_another_name_is_known_by_how_it_begins(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(model.read_bytes())
    assert asked(other)["model"]["nodes"] == asked(model)["model"]["nodes"]


def test_names_of_people_are_hidden(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home" / "jane"
    home.mkdir(parents=True)
    shutil.copy(model, home / "m.onnx")
    for more in ([], ["--json"]):
        ran = rocmkit("inspect", str(home / "m.onnx"), *more, env={"HOME": str(home)})
        assert ran.code == 0 and "~/m.onnx" in ran.out and "jane" not in ran.out


@pytest.mark.parametrize("name", ["~nobody-of-this-name/m.onnx", "x" * 300 + ".onnx", "x" * 5000])
@pytest.mark.parametrize("more", [(), ("--provider", "cpu")])
def test_names_that_no_file_can_have(name: str, more: tuple[str, ...]) -> None:
    ran = rocmkit("inspect", name, *more)
    assert (ran.code, ran.out) == (2, "") and "itself failed" not in ran.err


def test_a_report_does_not_replace_what_it_is_of(model: Path, tmp_path: Path) -> None:
    own, hard = tmp_path / "m.onnx", tmp_path / "hard.json"
    shutil.copy(model, own)
    os.link(own, hard)
    (tmp_path / "link.json").symlink_to(own)
    for output in (own, hard, tmp_path / "link.json"):
        ran = inspect(own, "--json", "-o", output)
        assert ran.code == 2 and "it would be lost" in ran.err
    assert own.read_bytes() == model.read_bytes()


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    for data, words in ((b"", "it is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "it is a placeholder of Git LFS")):
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(data)
        ran = inspect(broken)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


@pytest.mark.parametrize("more", [["--for", "gfx906"], ["--names"], ["/usr/bin/env"], ["--shape", "x=1,2,3"]])
def test_what_does_not_go_with_a_model(more: list[str], model: Path) -> None:
    ran = inspect(model, *more)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_names_in_it_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    hostile = "\x1b[31mred\nrocm: READY\N{RIGHT-TO-LEFT OVERRIDE}"
    model = encoder()
    model.producer_name = hostile
    model.metadata_props.add(key=hostile, value=hostile)
    model.graph.node[0].name = hostile
    model.graph.output[1].name = hostile
    next(node for node in model.graph.node if node.op_type == "If").name = hostile
    onnx.save(model, tmp_path / "hostile.onnx")
    for ran in (inspect(tmp_path / "hostile.onnx", "--all"), inspect(tmp_path / "hostile.onnx", "--json")):
        assert ran.code == 0
        assert "\x1b" not in ran.out
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in ran.out
        assert not any(line.startswith("rocm: READY") for line in ran.out.splitlines())


def test_it_goes_into_a_file(model: Path, tmp_path: Path) -> None:
    ran = inspect(model, "--json", "-o", tmp_path / "model.json")
    assert (ran.code, ran.out) == (0, "")
    assert '"rocmkit.model/1"' in (tmp_path / "model.json").read_text()
