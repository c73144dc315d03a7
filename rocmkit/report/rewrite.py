"""What `rocmkit rewrite` did, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rocmkit.doctor.advice import quote
from rocmkit.onnx.values import Proof, Rewritten
from rocmkit.report.drawing import ASCII_MARKS, MARKS, STYLES, style_of, wrapped
from rocmkit.report.summary import counted
from rocmkit.report.terminal import clean, line

_WAYS = {"then": "true", "else": "false"}
_BRANCHES = {
    "always": "its condition is always the same with these shapes: the branch for {branch} stands there now",
    "serves-both": "the branch for {branch} serves both ways, and stands there now",
}


def render(found: Rewritten, python: str, *, color: bool, unicode: bool, width: int = 100) -> str:
    """The report as text. `python` is the interpreter that did it, or could not."""
    style, marks = style_of(color=color), MARKS if unicode else ASCII_MARKS

    def lines() -> Iterator[str]:
        yield style("bold", f"rocmkit rewrite {found.rocmkit}")
        for kind, text in _said(found):
            yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", text, max(width, 40), indent=2)
        yield from (f"    {style('cyan', clean(command))}" for command in _brings(found.lacking, python))

    text = "\n".join(lines()) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def _brings(lacking: Sequence[str], python: str) -> Iterator[str]:
    """Commands for packages that are missing. Builds of ONNX Runtime overwrite each other: one more goes into an environment of its own."""
    if "onnxruntime" in lacking:
        yield "python3 -m venv ~/rewriting"
        yield "~/rewriting/bin/pip install onnx onnxruntime"
        yield "# and again, with --python ~/rewriting"
    elif lacking:
        yield f"{quote(python)} -m pip install {' '.join(lacking)}"


def _said(found: Rewritten) -> Iterator[tuple[str, str]]:
    done = found.outcome == "written"
    kind = "ok" if done else "note"
    for name, shape in found.fixed.items():
        yield kind, f"{line(name)}: its shape {'is' if done else 'was to be'} {list(shape)} throughout"
    for one in found.folded:
        yield kind, f"If {line(one.name)}: {_BRANCHES[one.why].format(branch=_WAYS[one.branch])}"
    for left in found.left:
        yield "warning", f"If {line(left.name)} is left in: {left.why}"
    if found.proof:
        yield kind, f"tried on the processor beside the original: {_proof(found.proof)}"
    if done:
        yield "ok", f"{line(found.out)} is written; SHA-256 {found.out_sha256}"
    elif found.outcome == "unknown":
        yield "gap", f"nothing was written: {line(found.because or 'why is not known')}"
    else:
        yield "error", f"nothing was written: {line(found.because or 'why is not known')}"


def _proof(proof: Proof) -> str:
    words = [f"{counted(proof.runs, 'run')} with random inputs{_lengths(proof.lengths)}"]
    if proof.left_out:
        words.append(f"{proof.left_out} more that the original does not take")
    if proof.difference is not None:
        words.append(
            "the same to the last bit" if proof.difference == 0 else f"largest difference {proof.difference:.1g} of the largest number"
        )
    return "; ".join(words)


def _lengths(lengths: Sequence[int]) -> str:
    return f", {counted(len(lengths), 'length')} from {lengths[0]} to {lengths[-1]}" if lengths else ""
