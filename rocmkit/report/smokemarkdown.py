"""`rocmkit smoke` as Markdown, fit to be pasted into a bug report."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report import smokerows
from rocmkit.report.markdown import code, fenced, inline, row, spoken
from rocmkit.smoke.result import Case, Smoke


def render(found: Smoke) -> str:
    """The report as GitHub-flavoured Markdown."""
    return spoken("\n".join(_lines(found)) + "\n")


def _lines(found: Smoke) -> Iterator[str]:
    yield f"## rocmkit smoke: {inline(smokerows.summary(found))}"
    yield ""
    yield f"rocmkit {found.rocmkit}, {smokerows.ran(found)}."
    yield from (f"- {inline(card)}" for card in smokerows.cards(found))
    yield ""
    yield row(smokerows.HEADS)
    yield row("---" for _ in smokerows.HEADS)
    for case in found.cases:
        yield row(smokerows.cells(case))
    yield ""
    yield smokerows.legend(found)
    for case in found.cases:
        yield ""
        yield from _case(case)


def _case(case: Case) -> Iterator[str]:
    yield f"### {f'{inline(case.code)} ' if case.code else ''}{inline(case.title)}: {smokerows.outcome(case)}"
    yield ""
    yield inline(case.because)
    yield ""
    if case.outcome != "skipped":
        yield f"- proof: {case.proof.level}; {inline(case.proof.because)}"
        for seen in case.proof.evidence:
            yield f"- seen in `{code(seen.where)}`: {inline(seen.value)}"
        for word, one in (("with the GPU hidden", case.negative_control), ("again", case.repeat), ("on the processor", case.against_cpu)):
            yield f"- {word}: {inline(one.because)}"
        for warning in (*case.proof.warnings, *case.warnings):
            yield f"- note: {inline(warning)}"
    for clip in case.clips:
        if clip.text is not None:
            yield f"- {inline(clip.clip)} ({smokerows.percent(clip.reading_cer)}): {inline(clip.text)}"
    if case.commands:
        yield ""
        yield from fenced("\n".join(case.commands), "sh")
