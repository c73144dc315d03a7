"""Models that are brought by the real huggingface_hub, from a small hub of ours, and found afterwards.

Marked `network`: pip brings huggingface_hub. No model of anybody's is downloaded.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rocmkit.kb.backends import Backend, backend
from rocmkit.smoke.bring import bring
from rocmkit.smoke.models import Places, finder
from rocmkit.smoke.observed import Skip, UsedModel
from rocmkit.smoke.planned import Planned
from rocmkit.trial.run import runner
from tests.support.hub import Hub, serving
from tests.support.registry import Environment

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] <= (3, 14), reason="the packages have no wheels for this Python"),
]
ROW = backend("xls-r")
MODEL = ROW.models[0]
#: huggingface_hub writes 10 MB at a time.
BIG = os.urandom(32 << 20)
FILES = {
    "config.json": b'{"model_type": "wav2vec2"}',
    "preprocessor_config.json": b"{}",
    "tokenizer_config.json": b"{}",
    "vocab.json": b'{"a": 0}',
    "pytorch_model.bin": BIG,
    "optimizer.pt": bytes(1 << 20),
    "README.md": b"# A model",
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    env = Environment(tmp_path_factory.mktemp("hub") / "env")
    env.install_all("huggingface_hub")
    return str(env.python)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    made.models[MODEL.id] = dict(FILES)
    with serving(made) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield made


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))  # a token of the user's is none of ours
    return Places(tmp_path / "hf" / "hub", tmp_path / "whisper", tmp_path)


def brought(python: str, where: Places, row: Backend = ROW, **more: Any) -> tuple[Skip | None, list[tuple[int, int]]]:
    """What became of it, and what was told meanwhile."""
    told: list[tuple[int, int]] = []
    planned = Planned(backend=row, model=UsedModel(id=row.models[0].id), python=python)
    return bring(planned, where, runner(), lambda have, total: told.append((have, total)), **more), told


def test_a_model_is_brought_with_the_files_that_are_needed_and_found(python: str, hub: Hub, where: Places) -> None:
    assert finder(where)(ROW, MODEL) is None
    skip, _ = brought(python, where)
    assert skip is None
    found = finder(where)(ROW, MODEL)
    assert found is not None and found.lacking == ""
    assert {path.name for path in Path(found.path).iterdir()} == set(FILES) - {"optimizer.pt", "README.md"}
    assert found.bytes == sum(len(data) for name, data in FILES.items() if name not in {"optimizer.pt", "README.md"})
    assert (Path(found.path) / "pytorch_model.bin").read_bytes() == BIG
    assert not hub.downloads("optimizer.pt")
    before = hub.sent
    assert brought(python, where)[0] is None
    assert hub.sent == before


def test_safetensors_come_in_place_of_the_older_file(python: str, hub: Hub, where: Places) -> None:
    hub.models[MODEL.id]["model.safetensors"] = b"s" * 1000
    assert brought(python, where)[0] is None
    assert not hub.downloads("pytorch_model.bin")
    found = finder(where)(ROW, MODEL)
    assert found is not None and not found.lacking and found.bytes < 2000


def test_a_connection_that_breaks_is_taken_up_where_it_broke(python: str, hub: Hub, where: Places) -> None:
    hub.breaks["pytorch_model.bin"] = 25_000_000
    assert brought(python, where)[0] is None
    whole, *rest = hub.downloads("pytorch_model.bin")
    assert whole == "" and rest and all(asked.startswith("bytes=") and int(asked[6:-1]) > 0 for asked in rest)
    found = finder(where)(ROW, MODEL)
    assert found is not None and (Path(found.path) / "pytorch_model.bin").read_bytes() == BIG


def test_what_was_brought_before_the_end_is_not_brought_again(python: str, hub: Hub, where: Places) -> None:
    good = hub.models[MODEL.id].pop("vocab.json")
    skip, _ = brought(python, where)
    assert skip is not None and "has no vocab.json" in skip.because and hub.sent == 0
    hub.models[MODEL.id]["vocab.json"] = good
    hub.gated.add(MODEL.id)
    skip, _ = brought(python, where)
    assert skip is not None and hub.sent == 0
    hub.gated.clear()
    assert brought(python, where)[0] is None
    asked = len(hub.downloads("pytorch_model.bin"))
    (found,) = (where.hub / f"models--{MODEL.id.replace('/', '--')}" / "snapshots").iterdir()
    lost = found / "config.json"
    lost.resolve().unlink()
    torn = finder(where)(ROW, MODEL)
    assert torn is not None and "config.json leads to no file" in torn.lacking
    assert brought(python, where)[0] is None
    whole = finder(where)(ROW, MODEL)
    assert whole is not None and not whole.lacking
    assert len(hub.downloads("pytorch_model.bin")) == asked


def test_how_far_it_is_is_told(python: str, hub: Hub, where: Places) -> None:
    hub.bytes_per_s = 12e6
    skip, told = brought(python, where)
    assert skip is None
    assert all(total == MODEL.bytes for _, total in told)
    grown = [have for have, _ in told]
    assert grown == sorted(grown) and len({have for have in grown if 0 < have < len(BIG)}) >= 2


def test_a_gated_model_is_told_with_the_way_in(python: str, hub: Hub, where: Places) -> None:
    hub.gated.add(MODEL.id)
    skip, _ = brought(python, where)
    assert skip is not None and skip.code == "RK710"
    assert "agreed to its terms at https://huggingface.co/vumichien/" in skip.because
    assert skip.commands[0] == f"{python} -c 'import huggingface_hub; huggingface_hub.login()'"
    assert finder(where)(ROW, MODEL) is None or finder(where)(ROW, MODEL).lacking  # type: ignore[union-attr]


def test_a_model_that_is_not_there_is_told(python: str, hub: Hub, where: Places) -> None:
    hub.models.clear()
    skip, _ = brought(python, where)
    assert skip is not None and "the hub knows no vumichien/wav2vec2-xls-r-1b-japanese" in skip.because


def test_a_disk_without_room_is_told_before_anything_comes(python: str, hub: Hub, where: Places) -> None:
    skip, _ = brought(python, where, spare_bytes=1 << 60)
    assert skip is not None and "GB are free there" in skip.because and str(where.hub) in skip.because
    assert hub.sent == 0


def test_a_network_that_is_dead_is_told(python: str, where: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        skip, _ = brought(python, where)
    assert skip is not None and "Connect" in skip.because and skip.commands == ("rocmkit smoke xls-r --all",)


def test_a_python_without_the_hub_is_told_what_is_missing(where: Places, tmp_path: Path) -> None:
    bare = Environment(tmp_path / "bare")
    skip, _ = brought(str(bare.python), where)
    assert skip is not None and skip.commands[0] == f"{bare.python} -m pip install huggingface_hub"


def test_pieces_of_weights_are_brought_by_the_name_of_the_whole(python: str, hub: Hub, where: Places) -> None:
    pieces = {f"model-0000{number}-of-00002.safetensors": b"%d" % number * 500 for number in (1, 2)}
    index = b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    hub.models[MODEL.id].update(pieces, **{"model.safetensors.index.json": index})
    assert brought(python, where)[0] is None
    found = finder(where)(ROW, MODEL)
    assert found is not None and not found.lacking and set(pieces) <= {path.name for path in Path(found.path).iterdir()}
    (Path(found.path) / "model-00002-of-00002.safetensors").unlink()
    torn = finder(where)(ROW, MODEL)
    assert torn is not None and "model-00002-of-00002.safetensors is missing" in torn.lacking


def test_a_row_that_takes_all_files_takes_them(python: str, hub: Hub, where: Places) -> None:
    row = replace(ROW, files=())
    assert brought(python, where, row)[0] is None
    found = finder(where)(row, MODEL)
    assert found is not None and {path.name for path in Path(found.path).iterdir()} == set(FILES)
