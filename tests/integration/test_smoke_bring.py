"""A model of openai-whisper, brought from where the package's own table says; and what comes of a case before and after.

The package is a stand-in, whose table names a server of ours.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rocmkit.kb.backends import backend
from rocmkit.smoke import bring as bringing
from rocmkit.smoke.bring import bring, brought
from rocmkit.smoke.choose import Environment, Wish, choose
from rocmkit.smoke.models import Places, finder
from rocmkit.smoke.observed import Skip
from rocmkit.smoke.planned import Planned
from rocmkit.trial.run import runner
from tests.support.hub import Hub, serving

ROW = backend("openai-whisper")
#: The table needs no import: whoever runs this file fails.
PACKAGE = 'import torch_that_is_not_there\n_MODELS = {{\n    "turbo": "{url}",\n    "odd": "http://127.0.0.1/turbo.pt",\n}}\n'
DATA = os.urandom(4 << 20)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    made.models["openai/whisper"] = {"large-v3-turbo.pt": DATA}
    with serving(made) as address:
        url = f"{address}/openai/whisper/resolve/{hashlib.sha256(DATA).hexdigest()}/large-v3-turbo.pt"
        package = tmp_path / "site" / "whisper" / "__init__.py"
        package.parent.mkdir(parents=True)
        package.write_text(PACKAGE.format(url=url))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(bringing, "_WAIT_S", 0.05)
        yield made


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(tmp_path / "hub", tmp_path / "whisper", tmp_path)


def planned(where: Places, model: str | None = None) -> Planned:
    environment = Environment(python=sys.executable, packages=dict.fromkeys(("openai-whisper", "torch", "numpy"), "1"))
    (case,) = choose(Wish(systems=(ROW.id,), model=model), {"": environment}, (), finder(where))
    return case


def told(case: Planned, where: Places, **more: Any) -> Skip | None:
    return bring(case, where, runner(), lambda *_: None, **more)


def small(case: Planned) -> Planned:
    """The same with a row that knows how large the stand-in's model is."""
    (first, *rest) = case.backend.models
    return replace(case, backend=replace(case.backend, models=(replace(first, bytes=len(DATA)), *rest)))


def test_a_case_gets_its_model(hub: Hub, where: Places) -> None:
    case = small(planned(where))
    assert case.skip is not None and case.skip.code == "RK710"
    done = brought(case, where, runner(), lambda *_: None)
    assert done.skip is None
    assert done.argument == str(where.whisper / "large-v3-turbo.pt") and Path(done.argument).read_bytes() == DATA
    assert (done.model.path, done.model.bytes) == ("~/whisper/large-v3-turbo.pt", len(DATA))
    assert sorted(path.name for path in where.whisper.iterdir()) == ["large-v3-turbo.pt"]
    assert brought(done, where, runner(), lambda *_: None) is done


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub: Hub, where: Places) -> None:
    hub.breaks["large-v3-turbo.pt"] = 3_000_000
    assert told(small(planned(where)), where) is None
    first, second = hub.downloads("large-v3-turbo.pt")
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 3_000_000
    assert (where.whisper / "large-v3-turbo.pt").read_bytes() == DATA


def test_a_part_of_another_time_is_gone_on_with(hub: Hub, where: Places) -> None:
    where.whisper.mkdir()
    (where.whisper / "large-v3-turbo.pt.part").write_bytes(DATA[:1_000_000])
    assert told(small(planned(where)), where) is None
    assert hub.downloads("large-v3-turbo.pt") == ["bytes=1000000-"]
    assert hub.sent == len(DATA) - 1_000_000


def test_another_file_than_the_digest_says_is_not_kept(hub: Hub, where: Places) -> None:
    hub.models["openai/whisper"]["large-v3-turbo.pt"] = DATA[:-1] + b"?"
    skip = told(small(planned(where)), where)
    assert skip is not None and "sent another file than its digest says" in skip.because
    assert not list(where.whisper.iterdir())


def test_a_server_that_has_it_no_more_is_told(hub: Hub, where: Places) -> None:
    hub.models["openai/whisper"].clear()
    done = brought(small(planned(where)), where, runner(), lambda *_: None)
    assert done.skip is not None and "404" in done.skip.because and len(hub.asked) == 1


def test_a_whole_part_is_taken_without_asking_for_more(hub: Hub, where: Places) -> None:
    where.whisper.mkdir()
    (where.whisper / "large-v3-turbo.pt.part").write_bytes(DATA)
    assert told(small(planned(where)), where) is None
    assert hub.sent == 0 and (where.whisper / "large-v3-turbo.pt").read_bytes() == DATA


def test_a_disk_without_room_is_told_before_anything_comes(hub: Hub, where: Places) -> None:
    skip = told(small(planned(where)), where, spare_bytes=1 << 60)
    assert skip is not None and "GB are free there" in skip.because and not hub.asked


@pytest.mark.parametrize(("model", "words"), [("odd", "without a digest"), ("vast", "knows no model vast: it knows turbo, odd")])
def test_a_model_that_the_package_cannot_name_is_told(hub: Hub, where: Places, model: str, words: str) -> None:
    case = planned(where)
    skip = told(replace(case, model=replace(case.model, id=model)), where)
    assert skip is not None and words in skip.because and not skip.commands


def test_a_package_that_is_not_there_is_told(where: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    skip = told(planned(where), where)
    assert skip is not None and "No module named 'whisper'" in skip.because


def test_a_python_that_does_not_start_is_told(where: Places) -> None:
    case = replace(planned(where), python="/nowhere/python")
    done = brought(case, where, runner(), lambda *_: None)
    assert done.skip is not None and "/nowhere/python cannot bring it: No such file" in done.skip.because


def test_a_case_that_lacks_packages_is_left_alone(where: Places) -> None:
    (case,) = choose(Wish(systems=(ROW.id,)), {"": Environment(python=sys.executable)}, (), finder(where))
    assert brought(case, where, runner(), lambda *_: None) is case
