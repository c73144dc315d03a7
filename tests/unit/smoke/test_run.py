"""What a worker is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from rocmkit.kb.backends import backend
from rocmkit.smoke.observed import Clip, UsedModel
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.run import compared, steps


@pytest.mark.parametrize("sizes", [(), (5,), (9, 1), (1, 2, 3), (1, 3, 2), (9, 1, 4)])
def test_the_first_and_the_longest_are_compared(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    clips = tuple(Clip(name=str(size), file=str(tmp_path / str(size)), sha256="00") for size in sizes)
    for clip in clips:
        Path(clip.file).write_bytes(bytes(int(clip.name)))
    assert [int(clip.name) for clip in compared(clips)] == [*sizes[:1], *sorted(sizes[1:])[-1:]]


def test_a_sound_that_is_gone_is_no_error() -> None:
    assert len(compared((*CLIPS, *CLIPS, *CLIPS))) == 2


CLIPS = (Clip(name="a.wav", file="/a.wav", sha256="00"),)


@pytest.mark.parametrize(
    ("system", "asked", "on_cpu"),
    [
        ("faster-whisper", None, None),
        ("faster-whisper", "float16", "float32"),
        ("faster-whisper", "int8_float16", "int8_float32"),
        ("faster-whisper", "int8_bfloat16", "int8_float32"),
        ("faster-whisper", "int8", "int8"),
        ("openai-whisper", "bfloat16", "float32"),
        ("reazonspeech-k2", "float16", "float16"),  # its files are of that type
    ],
)
def test_the_processor_is_asked_for_what_it_can(system: str, asked: str | None, on_cpu: str | None) -> None:
    planned = Planned(backend=backend(system), model=UsedModel(id="m"), compute_type=asked)
    assert steps(planned, CLIPS, "gpu")[0]["compute_type"] == asked
    assert steps(planned, CLIPS, "cpu")[0]["compute_type"] == on_cpu
    assert steps(replace(planned, device="cpu"), CLIPS, "cpu")[0]["compute_type"] == asked
