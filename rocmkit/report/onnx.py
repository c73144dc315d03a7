"""What is in an ONNX file, for people: what it means for each provider first, then what it is made of, one line to end with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rocmkit.kb.providers import NAMES
from rocmkit.onnx.values import Advice, Advised, Graph, Inspected, Tensor
from rocmkit.report.drawing import ASCII_MARKS, MARKS, STYLES, Style, style_of, wrapped
from rocmkit.report.summary import counted
from rocmkit.report.terminal import line

SEVERITIES = {"blocks": "error", "slow": "warning", "note": "note"}
_LABEL = 11
#: Without --all no more of each list is printed.
_OPERATORS, _ITEMS, _TEXT = 12, 8, 120
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def render(found: Inspected, *, color: bool, unicode: bool, width: int = 100, everything: bool = False) -> str:
    """The report as text. `everything` also shows what is folded."""
    style, marks = style_of(color=color), MARKS if unicode else ASCII_MARKS
    text = "\n".join(_lines(found, style, marks, max(width, 40), everything)) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def size(number: int) -> str:
    """Bytes in the unit that people read."""
    return next((f"{number / unit:.1f} {name}" for unit, name in _UNITS if number >= unit), f"{number} bytes")


def advice_lines(advice: Sequence[Advice], style: Style, marks: dict[str, str], width: int) -> Iterator[str]:
    """What speaks against a provider, each with what to do."""
    for one in advice:
        kind = SEVERITIES[one.severity]
        yield from wrapped(f"{style(STYLES[kind], marks[kind])} ", one.text, width, indent=2)
        if fix := what_to_do(one):
            yield from wrapped("    ", fix, width, indent=4)


def what_to_do(one: Advice) -> str:
    """What to do about it, and the page that says more; empty where there is neither."""
    page = f"`rocmkit explain {one.page}` says more." if one.page else ""
    return " ".join(filter(None, (one.fix, page)))


def _lines(found: Inspected, style: Style, marks: dict[str, str], width: int, everything: bool) -> Iterator[str]:
    yield style("bold", f"rocmkit inspect {found.rocmkit}")
    yield from wrapped("", f"model {line(found.model.file)}: {_about(found.model)}", width, indent=4)
    for title, advice in _sections(found.providers):
        yield ""
        yield style("bold", title)
        yield from advice_lines(advice, style, marks, width)
    yield ""
    label = ""
    for name, text in _facts(found.model, everything):
        yield from wrapped(f"{name if name != label else '':<{_LABEL}}", text, width, indent=_LABEL)
        label = name
    yield ""
    yield from wrapped("", verdict_line(found.providers), width, indent=4)


def _sections(providers: Sequence[Advised]) -> Iterator[tuple[str, list[Advice]]]:
    """What holds whatever computes is said once."""
    common = [one for one in providers[0].advice if all(one in other.advice for other in providers)]
    if common:
        yield "with any provider", common
    for each in providers:
        if own := [one for one in each.advice if one not in common]:
            yield f"with {NAMES[each.provider]}", own


def verdict_line(providers: Sequence[Advised]) -> str:
    """The sentence that ends the text. What nothing is known against may still not run: only a run tells."""
    words = []
    for one in providers:
        worst = one.advice[0].severity if one.advice else "note"
        said = {"blocks": "BLOCKED", "slow": "SLOW", "note": "nothing known against it"}[worst]
        words.append(f"{one.provider}: {said}")
    return f"{'; '.join(words)}. Where its operators really run, --provider tells by a run"


def _about(graph: Graph) -> str:
    opsets = ", ".join(f"{line(domain)} {version}" for domain, version in sorted(graph.opset.items())) or "not told"
    made = f"; written by {line(graph.producer)}" if graph.producer else ""
    return f"{size(graph.bytes)}; opset {opsets}; file format {graph.ir_version or 'not told'}{made}"


def _facts(graph: Graph, everything: bool) -> Iterator[tuple[str, str]]:
    for label, tensors in (("takes", graph.inputs), ("gives", graph.outputs)):
        yield from _some(label, [_tensor(one) for one in tensors] or ["nothing"], everything)
    operators = [f"{count} {line(name)}" for name, count in graph.operators.items()]
    shown = operators if everything else operators[:_OPERATORS]
    rest = f", and {counted(len(operators) - len(shown), 'more kind')} (--all shows them)" if len(shown) < len(operators) else ""
    yield "operators", f"{counted(graph.nodes, 'node')}: {', '.join(shown)}{rest}" if operators else "none"
    yield from _some(
        "If", [f"{line(one.name)}: then {counted(one.then_nodes, 'node')}, else {one.else_nodes}" for one in graph.ifs], everything
    )
    yield from _some("functions", [line(name) for name in graph.functions], everything)
    yield "weights", ", ".join(f"{line(name)} {size(number)}" for name, number in graph.weights.items()) or "none"
    yield from _some(
        "in files", [line(name) + (f" ({line(why)})" if (why := graph.missing.get(name)) else "") for name in graph.external], everything
    )
    yield from _some("metadata", [f"{line(key)} = {_cut(line(value), everything)}" for key, value in graph.metadata.items()], everything)


def _some(label: str, items: Sequence[str], everything: bool) -> Iterator[tuple[str, str]]:
    shown = items if everything else items[:_ITEMS]
    yield from ((label, item) for item in shown)
    if len(shown) < len(items):
        yield label, f"and {len(items) - len(shown)} more (--all shows them)"


def _tensor(one: Tensor) -> str:
    if one.shape is None:
        return f"{line(one.name)}: {line(one.dtype)}, shape not told"
    return f"{line(one.name)}: {line(one.dtype)} [{', '.join('?' if length is None else line(str(length)) for length in one.shape)}]"


def _cut(text: str, everything: bool) -> str:
    return text if everything or len(text) <= _TEXT else f"{text[:_TEXT]}…"
