"""The experiments of `doctor --try`, a line each: shared by the text and the Markdown report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rocmkit.report.drawing import STYLES, Style, wrapped
from rocmkit.trial.values import Trial
from rocmkit.trial.words import ending, unsupported

#: What stands before the line, and how it is drawn, by how the experiment ended.
_MARKS = {"pass": "ok", "fail": "error", "crash": "error", "hang": "error", "skipped": "note"}
_PLACES = {"gpu": "GPU", "cpu": "CPU", None: ""}
_COUNTED = {"gpu": "on the GPU", "cpu": "on the processor", None: "of imports"}
_WORDS = {"pass": "passed", "fail": "failed", "crash": "crashed", "hang": "hung", "skipped": "not made"}
#: Where the words of a line begin, behind mark, time and place.
_INDENT = 18


def counted(trials: Iterable[Trial]) -> str:
    """How they ended, in numbers: "passed: 8 of imports, 41 on the GPU, 12 on the processor; 2 crashed, 5 not made"."""
    trials = tuple(trials)
    good = Counter(trial.device for trial in trials if passed(trial))
    parts = [f"{count} {_COUNTED[device]}" for device, count in good.items()]
    ends = Counter(_WORDS[trial.outcome] for trial in trials if trial.outcome != "pass")
    ends.update("not in this build" for trial in trials if unsupported(trial))
    rest = [f"{count} {word}" for word, count in ends.items()]
    return "; ".join(filter(None, ["passed: " + ", ".join(parts) if parts else "none passed", ", ".join(rest)]))


def passed(trial: Trial) -> bool:
    """Whether it computed what it should: a library that merely lacks the operation here has computed nothing."""
    return trial.outcome == "pass" and not unsupported(trial)


def on_gpu(trials: Iterable[Trial]) -> int:
    """How many passed on the GPU."""
    return sum(passed(trial) and trial.device == "gpu" for trial in trials)


def lines(trials: Iterable[Trial], style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    """A line for each: mark, how long, where, what; below it how it ended where that was not well, and the codes that its output shows."""
    for trial in trials:
        kind = "note" if unsupported(trial) else _MARKS[trial.outcome]
        head = f"  {style(STYLES[kind], marks[kind])} {_time(trial):>7}  {_PLACES[trial.device]:<3}  "
        yield from wrapped(head, _what(trial), width, indent=_INDENT)
        if not passed(trial):
            yield from wrapped(" " * _INDENT, _ended(trial), width, indent=_INDENT)


def rows(trials: Iterable[Trial]) -> Iterator[tuple[str, ...]]:
    """Cells of a table: what, where, how it ended, how long, and what it died of."""
    for trial in trials:
        yield _what(trial), _PLACES[trial.device], _WORDS[trial.outcome], _time(trial), "" if passed(trial) else _ended(trial)


def _what(trial: Trial) -> str:
    return trial.what or trial.name


def _time(trial: Trial) -> str:
    return "" if trial.outcome == "skipped" else f"{trial.seconds:.1f} s"


def _ended(trial: Trial) -> str:
    parts = [ending(trial)]
    if trial.outcome in {"fail", "crash", "hang"} and trial.library and trial.library.rpartition("/")[2] not in parts[0]:
        parts.append(f"in {trial.library}")
    if trial.known:
        parts.append(f"see {', '.join(trial.known)}")
    word = "" if trial.outcome == "pass" else f"{_WORDS[trial.outcome]}: "
    return word + "; ".join(parts)
