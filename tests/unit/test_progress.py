"""The line that says what is being done."""

from __future__ import annotations

import io
import sys
import time

import pytest

from rocmkit import output
from rocmkit.output import note, progress, to_people
from rocmkit.telling import Pace
from rocmkit.words.columns import width


class Terminal(io.StringIO):
    """Takes what is written for a person."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_name_in_it_cannot_write_elsewhere_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(doing="running") as tell:
        assert tell
        tell("\x1b[2Jenc\noder_1.onnx")
    assert terminal.getvalue() == "\r\x1b[Krunning \N{REPLACEMENT CHARACTER}[2Jenc\N{REPLACEMENT CHARACTER}oder_1.onnx …\r\x1b[K"


def shown(monkeypatch: pytest.MonkeyPatch, seconds: float, **told: float | None) -> str:
    """What the line says of the clock after so many seconds."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress(doing="trying") as tell:
        assert tell
        now += seconds
        tell("1 of 4", **told)
        return terminal.getvalue().partition("…")[2].partition("\r")[0]


@pytest.mark.parametrize(
    ("seconds", "told", "clock"),
    [
        (1.9, {"left_s": 30.0}, ""),
        (2.0, {}, " 2 s"),
        (5.0, {"left_s": None}, " 5 s"),
        (30.0, {"left_s": 90.0}, " 30 s, about 2 min left"),
        (30.0, {"most_s": 1800.0}, " 30 s, at most 30 min left"),
        (30.0, {"left_s": 0.4}, " 30 s"),
    ],
)
def test_it_says_how_long_it_may_still_take(
    seconds: float, told: dict[str, float | None], clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(monkeypatch, seconds, **told) == clock


def test_it_moves_while_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(output, "_SOON_S", 0.0)
    with progress(doing="trying") as tell:
        assert tell
        tell("this", left_s=60)
        until = time.monotonic() + 20
        while "59 s left" not in terminal.getvalue() and time.monotonic() < until:
            time.sleep(0.05)
    assert "… 1 s, about 59 s left" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    length = len(terminal.getvalue())
    time.sleep(1.2)
    assert len(terminal.getvalue()) == length


def test_what_stays_stands_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(doing="trying") as tell:
        assert tell
        tell("this")
        note("one thing is\nknown")
    drawn = "\r\x1b[Ktrying this …"
    assert terminal.getvalue() == f"{drawn}\r\x1b[Krocmkit: one thing is\N{REPLACEMENT CHARACTER}known\n{drawn}\r\x1b[K"


def test_nothing_is_drawn_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, term in ((io.StringIO(), "xterm"), (Terminal(), "dumb")):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(sys, "stderr", stream)
        with progress(doing="trying") as tell:
            assert tell is None
            note("but this")
        assert stream.getvalue() == "rocmkit: but this\n"


def test_a_pace_is_known_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace()
    now += 0.9
    assert pace.left(1, 4) is None
    now += 9.1
    assert [pace.left(done, 4) for done in (0, 1, 2, 4, 5)] == [None, 30.0, 10.0, 0.0, None]


def test_a_message_is_wrapped_for_a_person_and_one_line_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "word " * 40 + "`sudo apt-get install -y hipcc libamdhip64-dev`"
    monkeypatch.setattr(sys, "stderr", Terminal())
    first, *rest = to_people("hint: ", words).splitlines()
    assert first.startswith("hint: word word")
    assert all(len(line) <= 80 and line.startswith("      ") and line[6] != " " for line in rest)
    assert rest[-1].strip() == "`sudo apt-get install -y hipcc libamdhip64-dev`"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert to_people("hint: ", words) == f"hint: {words}\n"


def test_what_is_done_fits_into_one_line_with_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for text in ("a program with a long name " * 9, "名前の長いプログラム" * 9):
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        now = 1000.0
        with progress(doing="trying") as tell:
            assert tell
            now += 30.0
            tell(text, left_s=90.0)
            drawn = terminal.getvalue().rpartition("\x1b[K")[2]
        assert drawn.endswith(" 30 s, about 2 min left")
        assert 77 <= width(drawn) <= 79
