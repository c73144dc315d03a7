"""Logs that show no known issue: healthy machines, other makers' GPUs, other programs' failures, texts that only mention errors."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from rocmkit.doctor.told import told
from rocmkit.kb.issues import trackers
from rocmkit.logs.match import match
from rocmkit.model import Model, convert, load_yaml
from rocmkit.report.log import published, render

FOLDER = Path(__file__).resolve().parents[1] / "logs" / "other"


class Origin(Model, kw_only=True):
    what: str
    from_: str = msgspec.field(name="from")
    points_to: tuple[str, ...] = ()


INDEX = convert(load_yaml((FOLDER / "index.yaml").read_text(), source="index.yaml"), dict[str, Origin], source="index.yaml")

MADE: dict[str, bytes] = {
    "empty": b"",
    "one line feed": b"\n",
    "one carriage return": b"\r",
    "NUL bytes": bytes(5000),
    "only escapes": b"\x1b[0m\x1b]0;title\x07" * 1000,
    "a BOM": "\ufeff".encode("utf-16-le"),
    "random bytes": random.Random(7).randbytes(1 << 20),
    "random letters": bytes(random.Random(8).choices(range(32, 127), k=1 << 20)),
    "random lines of words": b"\n".join(
        b" ".join(random.Random(n).choices((b"HIP", b"errors", b"rocBLASLt", b"Cannot", b"read", b"gfx906", b"GPU", b"memory", b"of"), k=9))
        for n in range(5000)
    ),
    "a line of 3 MB": b"x" * (3 << 20),
    "a line of 3 MB with words": b"of memory and errors of HIP and rocBLAS " * (3 << 15),
    "an ELF header": b"\x7fELF\x02\x01\x01" + bytes(57) + b"rocBLAS error: \x00Unable to open /dev/kfd read-write: %s\x00HIP error: \x00",
}


def test_the_index_names_every_log() -> None:
    assert set(INDEX) == {path.stem for path in FOLDER.glob("*.log")}
    assert len(INDEX) >= 80
    assert all(origin.what and origin.from_ for origin in INDEX.values())
    known = {tracker.project for tracker in trackers()}
    assert {project for origin in INDEX.values() for project in origin.points_to} <= known


@pytest.mark.parametrize("name", sorted(INDEX))
def test_a_log_of_something_else_shows_nothing(name: str) -> None:
    data = (FOLDER / f"{name}.log").read_bytes()
    assert len(data) > 0 and data.count(b"\n") <= 40
    log = match([data])
    assert log.hits == (), [(hit.issue.id, hit.signature.id, hit.line) for hit in log.hits]
    assert log.trackers == INDEX[name].points_to
    report = published(log, told(log), source=name)
    assert tuple(where.project for where in report.report_to) == INDEX[name].points_to
    words = "It does not say on which machine it ran" if log.held else "Nothing that is known here is in this log."
    assert words in render(report, color=False, unicode=True)


@pytest.mark.parametrize("name", MADE)
def test_neither_does_a_made_one(name: str) -> None:
    log = match([MADE[name]])
    assert log.hits == ()
    assert log.trackers == ()
    assert log.size_bytes == len(MADE[name])


def test_all_of_them_after_each_other_show_nothing_but_what_machines_together_do() -> None:
    """Contexts are of a whole log, and lines of several programs lie near each other: still nothing may be sure."""
    everything = [(FOLDER / f"{name}.log").read_bytes() for name in sorted(INDEX)]
    found = [hit for hit in match(everything).hits if hit.signature.confidence == "sure" and not hit.signature.requires]
    assert found == []


def test_one_line_of_a_known_failure_among_them_is_found() -> None:
    everything = [(FOLDER / f"{name}.log").read_bytes() for name in sorted(INDEX)]
    line = b"rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file or directory for GPU arch : gfx906\n"
    middle = len(everything) // 2
    (hit,) = [hit for hit in match([*everything[:middle], line, *everything[middle:]]).hits if hit.issue.id == "rocblas-no-tensile"]
    assert hit.line == b"".join(everything[:middle]).count(b"\n") + 1
    assert hit.groups == {"gfx": "gfx906"}


@pytest.mark.parametrize(
    "word", ["error", "failed", "denied", "memory", "GPU", "HIP", "rocm", "hipcc", "torch", "killed", "warning", "MIOpen"]
)
def test_one_word_is_no_failure(word: str) -> None:
    assert match([f"{word}\n{word}: {word}\n".encode()]).hits == ()
