"""`rocmkit explain`: the page of a check, or of a failure that only logs or `rocmkit smoke` show, offline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

from rocmkit.doctor.check import HEADINGS, Check, all_checks
from rocmkit.errors import UsageError
from rocmkit.kb import issues as kb
from rocmkit.kb.issues import Issue, IssueFix, IssuePage, Signature
from rocmkit.kb.patterns import readable, shape
from rocmkit.model import Model
from rocmkit.report.drawing import wrapped
from rocmkit.report.fix import needed
from rocmkit.words import said
from rocmkit.words.columns import pad
from rocmkit.words.columns import width as width_of


class Page(Model, kw_only=True):
    """`rocmkit explain CODE --json`. `sections` maps each heading to its Markdown."""

    schema: Literal["rocmkit.page/1"] = "rocmkit.page/1"  # the name of this shape
    code: str  # RK307
    id: str  # rocblas-no-tensile
    title: str  # the fault, by name
    severity: str  # error, warning or note
    summary: str  # what is wrong, in a sentence or two
    sections: dict[str, str]  # heading to Markdown
    log: tuple[str, ...]  # error texts that logs show it by, a line each; … stands for anything, N for a number


class Listing(Model, kw_only=True):
    """`rocmkit explain --list --json`."""

    schema: Literal["rocmkit.pages/1"] = "rocmkit.pages/1"  # the name of this shape
    pages: tuple[Page, ...]  # by code


def page(check: Check) -> Page:
    """The page of a check, from its docstring. Raises ValueError where a heading is missing or out of order."""
    first, *rest = re.split(r"^## (.+)$", check.page, flags=re.MULTILINE)
    headings, bodies = tuple(rest[::2]), [body.strip() for body in rest[1::2]]
    if headings != HEADINGS or not all(bodies):
        raise ValueError(f"{check.code}: the page needs the headings {HEADINGS}, it has {headings}")
    looks, why, fix, ignore, sources = bodies
    if known := kb.issue(check.id):
        looks += f"\n\n{_KNOWN_BY}\n\n" + _texts(known)
        sources += "".join(f"\n- {source}" for source in _sources(known) if source not in sources)
    return Page(
        code=check.code,
        id=check.id,
        title=check.title,
        severity=check.severity,
        summary=" ".join(first.split()),
        sections=dict(zip(HEADINGS, (looks, why, fix, ignore, sources), strict=True)),
        log=_log(known) if known else (),
    )


def issue_page(issue: Issue) -> Page:
    """The page of a failure that no check looks for. Raises ValueError for one that a check has the page of."""
    if issue.page is None or issue.severity is None:
        raise ValueError(f"{issue.code}: an issue without a check needs a page and a severity")
    sections = (
        "\n\n".join(_looks(issue.page, issue)),
        issue.page.why,
        "\n\n".join(_fixes(issue)),
        issue.page.ignore,
        "\n".join(f"- {source}" for source in _sources(issue)),
    )
    return Page(
        code=issue.code,
        id=issue.id,
        title=issue.title,
        severity=issue.severity,
        summary=issue.page.summary,
        sections=dict(zip(HEADINGS, sections, strict=True)),
        log=_log(issue),
    )


def _looks(own: IssuePage, issue: Issue) -> Iterator[str]:
    """What it is seen by."""
    if own.looks:
        yield own.looks
    if issue.signatures:
        yield ("" if own.looks else "No check looks for this: a log alone shows it. ") + _KNOWN_BY
        yield _texts(issue)


_KNOWN_BY = "`rocmkit explain --log` knows it by these texts, in which … stands for anything and N for a number:"


def _log(issue: Issue) -> tuple[str, ...]:
    return tuple(dict.fromkeys(readable(line) for signature in issue.signatures for line in signature.lines))


def _texts(issue: Issue) -> str:
    """The error texts, each with what it means."""
    return "\n".join(f"- {_text(signature)}: {_filled(signature.cause, signature)}" for signature in issue.signatures)


def _text(signature: Signature) -> str:
    """One error text in words: its lines, and where it counts."""
    contexts = kb.contexts()
    first, *others = map(_code, map(readable, signature.lines))
    then = f", then {', then '.join(others)} within {signature.within} lines" if others else ""
    about = f", in a log about {' and '.join(contexts[name].what for name in signature.requires)}" if signature.requires else ""
    rather = f", unless the log is about {' or '.join(contexts[name].what for name in signature.unless)}" if signature.unless else ""
    likely = " (likely)" if signature.confidence == "likely" else ""
    return f"{first}{then}{about}{rather}{likely}"


def _filled(text: str, *signatures: Signature) -> str:
    """A sentence with the names of what an error text would fill in: {path} is PATH."""
    for name in sorted({name for one in signatures for line in one.lines for name in shape(line).every}):
        text = text.replace("{" + name + "}", "the GPU" if name == "gfx" else name.upper())
    return text.replace("{python}", "`python3`").replace("{gfx}", "the GPU")


def _fixes(issue: Issue) -> Iterator[str]:
    if issue.fix:
        yield _fix(issue.fix, *issue.signatures)
    for signature in issue.signatures:
        if signature.fix:
            yield f"Where the text is {_text(signature)}:\n\n{_fix(signature.fix, signature)}"


def _fix(fix: IssueFix, *signatures: Signature) -> str:
    """What to do, with commands for any machine; where a card is known, `explain --log` writes those for it."""
    needs = needed(root=fix.root, relogin=fix.relogin, reboot=fix.reboot)
    parts = [_filled(fix.text, *signatures) + (f" (N{needs[1:]}.)" if needs else "")]
    if fix.torch:
        parts.append("Where the log or the machine says which GPU it is, rocmkit prints the exact commands.")
    parts += _block(fix.commands)
    if fix.caution:
        parts.append(f"Beware: {fix.caution}")
    if fix.verify:
        parts += ["To see that it worked:", *_block(fix.verify)]
    return "\n\n".join(parts)


def _block(templates: tuple[str, ...]) -> list[str]:
    """Commands as a block of code; the name of the card is left to the reader."""
    if not templates:
        return []
    pip, python = "python3 -m pip", "python3"
    lines = [line.replace("{pip}", pip).replace("{python}", python).replace("{gfx}", "GFX") for line in templates]
    said = ["GFX stands for the card's architecture, such as gfx906."] if any("{gfx}" in line for line in templates) else []
    return ["```sh\n" + "\n".join(lines) + "\n```", *said]


def _code(text: str) -> str:
    """Text as code in Markdown, whatever quotes it holds."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _sources(issue: Issue) -> tuple[str, ...]:
    own = issue.page.sources if issue.page else ()
    return tuple(dict.fromkeys((*own, *(source for signature in issue.signatures for source in signature.sources))))


def find(name: str) -> Page:
    """The page with that code or id, in any case. Raises UsageError that names what comes close."""
    import difflib

    wanted = name.strip().lower().replace("_", "-")
    for check in all_checks():
        if wanted in {check.code.lower(), check.id}:
            return page(check)
    others = _without_check()
    for issue in others:
        if wanted in {issue.code.lower(), issue.id}:
            return issue_page(issue)
    ids = {check.id: check.code for check in all_checks()} | {issue.id: issue.code for issue in others}
    digits = wanted.upper().translate(str.maketrans("OIL", "011"))  # as they are misread
    near = [digits] if digits in ids.values() else difflib.get_close_matches(wanted, ids, n=3)
    near = near or difflib.get_close_matches(wanted.upper(), ids.values(), n=3) or list(islice(_about(wanted), _NAMED))
    hint = f"did you mean {', '.join(near)}?" if near else "`rocmkit explain --list` lists all"
    raise UsageError(f"no check is called {name!r}, and no failure that logs show", hint)


#: So many pages are named to whoever asks for a word.
_NAMED = 5
#: What people call a fault that pages call by another name.
_CALLED = {"segfault": "segmentation fault", "segv": "segmentation fault", "sigsegv": "segmentation fault", "oom": "memory"}


def _about(word: str) -> Iterator[str]:
    """The pages on something, by code and title: first those that have it in their title or id, then those whose summary or texts do."""
    wanted = _CALLED.get(word, word.replace("-", " "))
    pages = listing().pages
    titled = [one for one in pages if wanted in f"{one.title} {said(one.title)} {one.id.replace('-', ' ')}".lower()]
    told = [one for one in pages if one not in titled and any(wanted in text.lower() for text in (one.summary, *one.log))]
    for one in (*titled, *told):
        yield f"{one.code} ({said(one.title)})"


def listing() -> Listing:
    """All pages, by code."""
    pages = [*map(page, all_checks()), *map(issue_page, _without_check())]
    return Listing(pages=tuple(sorted(pages, key=lambda one: one.code)))


def _without_check() -> tuple[Issue, ...]:
    """The failures that only logs show, and those that smoke finds."""
    return tuple(issue for issue in kb.issues() if issue.page)


def markdown(one: Page) -> str:
    """A page as Markdown: what `docs/checks` holds."""
    lines = [f"# {one.code} {said(one.title)}", "", f"`{one.id}` · {said(one.severity)}", "", one.summary, ""]
    for heading, body in one.sections.items():
        lines += [f"## {heading}", "", body, ""]
    return "\n".join(lines)


def table(pages: Iterable[Page], width: int | None = None) -> str:
    """One row a page: code, severity, id, title. It is one line, unless `width` makes the title wrap."""
    rows = list(pages)
    ids = max((len(row.id) for row in rows), default=0)
    lines: list[str] = []
    for row in rows:
        head = f"{row.code}  {pad(said(row.severity), 7)}  {row.id:<{ids}}  "
        lines += wrapped(head, row.title, width, indent=width_of(head)) if width else [head + said(row.title)]
    return "\n".join(lines) + "\n"
