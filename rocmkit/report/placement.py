"""Where a model ran, for people: the verdict first, then what ran where, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rocmkit.placement.judge import duration
from rocmkit.placement.values import CPU, Agreement, Placement, Row
from rocmkit.report.drawing import ASCII_MARKS, MARKS, STYLES, Style, style_of, wrapped
from rocmkit.report.onnx import SEVERITIES, what_to_do
from rocmkit.report.summary import counted
from rocmkit.report.terminal import line
from rocmkit.trial.words import ending

_WORDS = {
    "wholly": "WHOLLY THERE",
    "partly": "PARTLY ELSEWHERE",
    "elsewhere": "ELSEWHERE",
    "vanished": "THE PROVIDER VANISHED",
    "died": "IT DIED",
    "unknown": "UNKNOWN",
}
_MARK_OF = {"wholly": "ok", "unknown": "gap"}
_PROOF = (
    "Being placed there is not proof that the GPU computed: a provider also takes nodes on a GPU that computes nothing. "
    "Right numbers and a busy GPU are."
)
#: Kinds of operators that are listed of each provider; the rest is one line.
_MOST = 12
_LOG_LINES = 8


def render(found: Placement, *, color: bool, unicode: bool, width: int = 100, everything: bool = False) -> str:
    """The report as text. `everything` also shows what is folded."""
    style, marks = style_of(color=color), MARKS if unicode else ASCII_MARKS
    text = "\n".join(_lines(found, style, marks, max(width, 40), everything)) + "\n"
    return text if unicode else text.replace("µ", "u").encode("ascii", "replace").decode("ascii")


def _lines(found: Placement, style: Style, marks: dict[str, str], width: int, everything: bool) -> Iterator[str]:
    yield style("bold", f"rocmkit inspect {found.rocmkit}")
    on = f"onnxruntime {found.onnxruntime}" if found.onnxruntime else "no onnxruntime"
    yield from wrapped("", f"{line(found.file)} on {found.provider}; {on} of {line(found.python)}", width, indent=4)
    yield ""
    yield from _marked(_MARK_OF.get(found.verdict, "error"), f"{_WORDS[found.verdict]}: {found.because}", style, marks, width)
    for kind, text in _findings(found):
        yield from _marked(kind, text, style, marks, width)
    if found.rows:
        yield ""
        yield from _table(found, style, width, everything)
    notes = list(_notes(found))
    if notes:
        yield ""
    for text in notes:
        yield from _marked("note", text, style, marks, width)
    log = list(_log(found, width))
    if log:
        yield ""
    yield from log
    for command in found.commands:
        yield f"    run     {style('cyan', line(command))}"
    if found.pages:
        commands = " and ".join(f"`rocmkit explain {page}`" for page in found.pages)
        yield from wrapped("- ", f"{commands} {'says' if len(found.pages) == 1 else 'say'} what to do", width, indent=2)


def _marked(kind: str, text: str, style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", text, width, indent=2)


def _findings(found: Placement) -> Iterator[tuple[str, str]]:
    """What bears on the verdict."""
    if found.verdict == "vanished":
        yield "error", "Programs go on with the processor then, and most do not say so."
    if found.agreement is not None:
        yield _agreement(found.agreement)
    if found.forbids_cpu is not None:
        mark = {"opened": "ok", "refused": "warning", "died": "error"}.get(found.forbids_cpu.outcome, "gap")
        because = f" ({found.forbids_cpu.because})" if found.forbids_cpu.because else ""
        yield mark, f"a session that forbids the CPU, with a Conv and a MatMul: {found.forbids_cpu.outcome}{because}"
    for one in found.advice:
        yield SEVERITIES[one.severity], " ".join(filter(None, (one.text, what_to_do(one))))


def _agreement(one: Agreement) -> tuple[str, str]:
    if one.agrees is None:
        return "gap", f"agrees with the CPU: not compared, {one.because}"
    if one.agrees:
        return "ok", f"agrees with the CPU: yes, largest difference {one.error:.2g} of the largest value"
    return "error", f"agrees with the CPU: no, {one.because}"


def _table(found: Placement, style: Style, width: int, everything: bool) -> Iterator[str]:
    nodes, time = (sum(values) for values in zip(*((share.nodes, share.microseconds) for share in found.shares), strict=True))
    named = max(25, *(len(_named(row)) for row in found.rows))
    column = min(max(named + 4, *(len(share.provider) + 2 for share in found.shares)), width - 38)
    yield style("bold", f"{'':<{column}}{'nodes':>8}{'share':>8}{'time':>11}{'share':>8}")
    for share in found.shares:
        yield style("bold", _cells(line(share.provider), column, share.nodes, nodes, share.microseconds, time))
        own = [row for row in found.rows if row.provider == share.provider]
        shown = own if everything or len(own) <= _MOST + 1 else own[:_MOST]
        for row in shown:
            yield _cells(f"  {line(_named(row))}", column, row.nodes, nodes, row.microseconds, time, counts=row.kind != "control")
        rest = own[len(shown) :]
        if rest:
            words = f"  and {len(rest)} more kinds (--all)"
            yield _cells(words, column, _nodes(rest), nodes, sum(row.microseconds for row in rest if row.kind != "control"), time)


def _cells(name: str, column: int, nodes: int, all_nodes: int, time: int, all_time: int, *, counts: bool = True) -> str:
    shares = [f"{100 * own / total:.1f} %" if total and counts else "" for own, total in ((nodes, all_nodes), (time, all_time))]
    return f"{name:<{column}}{nodes:>8}{shares[0]:>8}{duration(time):>11}{shares[1]:>8}".rstrip()


def _named(row: Row) -> str:
    return " ".join(filter(None, (row.op, row.dtype)))


def _nodes(rows: Sequence[Row]) -> int:
    return sum(row.nodes for row in rows if row.kind != "control")


def _notes(found: Placement) -> Iterator[str]:
    if found.rows:
        yield _runs(found)
    if found.inputs:
        given = "; ".join(f"{one.name} {one.dtype}{list(one.shape)}: {one.values}" for one in found.inputs)
        yield f"inputs, made up (--shape NAME=1,1000,80 sets a size): {given}"
    if found.copies:
        yield f"{found.copies} copies between processor and GPU in a run"
    shape = [row for row in found.rows if row.kind == "shape" and row.provider == CPU]
    if shape and found.provider != CPU:
        words = f"{counted(_nodes(shape), 'node')} of shape arithmetic"
        yield f"{words} on the processor: ONNX Runtime puts them there on purpose, and they are no loss"
    if found.other_elsewhere:
        yield _others(found)
    if any(row.kind == "control" for row in found.rows):
        yield "the time of If and Loop is that of the nodes inside them, and not counted twice"
    if found.fused:
        yield f"{counted(found.fused, 'node')} of MIGraphX, each a whole part of the graph: what happens inside is not told apart"
    if found.rows and found.provider != CPU:
        yield _PROOF


def _runs(found: Placement) -> str:
    first = f"the first run took {_seconds(found.first_s)}" if found.first_s is not None else ""
    if found.run_s is None:
        return f"{first}, and is the only one: what was compiled in it is in these times"
    compiled = "" if found.provider == CPU else "kernels may have been compiled in it; "
    return f"{first}; {compiled}the numbers are of {counted(found.runs_counted, 'later run')}, {_seconds(found.run_s)} each"


def _seconds(seconds: float) -> str:
    return duration(round(seconds * 1_000_000))


def _others(found: Placement) -> str:
    time = sum(share.microseconds for share in found.shares)
    own = sum(row.microseconds for row in found.other_elsewhere)
    share = f"{100 * own / time:.1f} %" if time else "0 %"
    named = ", ".join(f"{_named(row)} {row.nodes}" for row in found.other_elsewhere[:5])
    more = len(found.other_elsewhere) - 5
    return f"{share} of the time goes into other operators elsewhere: {named}" + (f" and {more} more kinds" if more > 0 else "")


def _log(found: Placement, width: int) -> Iterator[str]:
    """What was said: ONNX Runtime's own lines, else the last of the log."""
    trial = found.trial
    if trial and trial.outcome in {"crash", "hang"}:
        yield from wrapped("    ended   ", ending(trial), width, indent=12)
        for frame in trial.native[:5]:
            yield f"    frame   {line(frame)}"
    rest = trial.log.strip().splitlines() if trial else []
    if trial is not None and trial.outcome == "fail":  # an exception: where in the libraries it was raised helps nobody
        rest = [text for text in rest if not text.startswith((" ", "Traceback (most recent call last)"))]
    for text in found.said or rest[-_LOG_LINES:]:
        yield from wrapped("    said    ", line(text), width, indent=12)
