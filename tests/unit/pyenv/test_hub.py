from __future__ import annotations

from pathlib import Path

import pytest

from rocmkit.facts import Gap, Hub
from rocmkit.host.base import NotAsked
from rocmkit.host.live import LiveHost
from rocmkit.host.names import Names
from rocmkit.host.record import RecordingHost
from rocmkit.host.recording import Recording
from rocmkit.host.replay import ReplayHost
from rocmkit.host.sysroot import SysrootHost
from rocmkit.probe.gaps import field
from rocmkit.probe.hub import hub
from rocmkit.probe.system import system

TOKEN = "hf_" + "a1B2c3D4" * 4
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "PYANNOTE_CACHE")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, and none of the variables."""
    for name in (*VARIABLES, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def look(home: Path) -> Hub:
    host = LiveHost()
    host.private = Names(str(home))
    return hub(host)


def test_a_user_without_anything(home: Path) -> None:
    assert look(home) == Hub(token=False, path="~/.cache/huggingface/hub", models=())


def test_models_of_speech_systems_alone_are_named(home: Path) -> None:
    hub_folder, own = home / ".cache/huggingface/hub", home / ".cache/torch/pyannote"
    for name in (
        "models--openai--whisper-large-v3",
        "models--my-firm--secret",
        "datasets--openai--x",
        "models--rinna--",
    ):
        (hub_folder / name).mkdir(parents=True)
    (own / "models--pyannote--segmentation-3.0").mkdir(parents=True)
    assert look(home).models == ("openai/whisper-large-v3", "pyannote/segmentation-3.0")


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"])
def test_a_token_in_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, TOKEN)
    assert look(home).token


def test_the_token_is_never_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / ".cache/huggingface/token"
    file.parent.mkdir(parents=True)
    file.write_text(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    live = LiveHost()
    live.private = Names(str(home))
    host = RecordingHost(live)
    found = hub(host)
    recording = host.recording("")
    assert found.token
    assert TOKEN not in repr(recording) and recording.files == {}
    monkeypatch.delenv("HF_TOKEN")
    assert look(home).token  # the file is there
    assert hub(ReplayHost(recording)) == found


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"HF_HOME": "/data/hf/"}, "/data/hf/hub"),
        ({"HF_HUB_CACHE": "/data/models", "HF_HOME": "/data/hf"}, "/data/models"),
        ({"HUGGINGFACE_HUB_CACHE": "/data/models"}, "/data/models"),
        ({"XDG_CACHE_HOME": "/data/cache"}, "/data/cache/huggingface/hub"),
        ({"HF_HOME": "~/hf"}, "~/hf/hub"),
        ({"HF_HOME": ""}, "~/.cache/huggingface/hub"),
    ],
)
def test_variables_move_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], path: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert look(home).path == path


def test_a_cache_that_depends_on_the_current_folder_is_not_guessed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "models")
    with pytest.raises(ValueError, match="depends on where"):
        look(home)


def test_a_cache_that_cannot_be_read_is_not_empty() -> None:
    folders = {"~/.cache/huggingface/hub": {"error": "EACCES"}}
    stats = {"~/.cache/huggingface/token": {"error": "ENOENT"}}
    found = field(hub, ReplayHost(Recording(rocmkit_recording=1, about="", environ={}, folders=folders, stats=stats)))
    assert isinstance(found, Gap) and found.reason == "denied"


def test_where_nobody_can_say_it_is_not_known(tmp_path: Path) -> None:
    for host in (SysrootHost(tmp_path), ReplayHost(Recording(rocmkit_recording=1, about="", environ={}))):
        with pytest.raises(NotAsked):
            hub(host)


def test_the_codec_libraries_of_ffmpeg(tmp_path: Path) -> None:
    assert isinstance(system(SysrootHost(tmp_path)).libavcodec, Gap)
    for folder, names in {
        "usr/lib64": ["libavcodec.so.61"],
        "usr/lib": ["libavcodec.so.58", "libavcodec.so.58.134.100", "libavcodec.a"],
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).touch()
    assert system(SysrootHost(tmp_path)).libavcodec == ("libavcodec.so.58", "libavcodec.so.61")
