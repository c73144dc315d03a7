"""The line that says what is being done."""

from __future__ import annotations

import io
import sys

import pytest

from rocmkit.output import progress


class Terminal(io.StringIO):
    """Takes what is written for a person."""

    def isatty(self) -> bool:
        return True


def test_a_name_in_it_cannot_write_elsewhere_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(doing="running") as tell:
        tell("\x1b[2Jenc\noder_1.onnx")
    assert terminal.getvalue() == "\r\x1b[Krunning \N{REPLACEMENT CHARACTER}[2Jenc\N{REPLACEMENT CHARACTER}oder 1.onnx …\r\x1b[K"
