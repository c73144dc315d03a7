"""What a check answers with: outcomes, findings, evidence, fixes. All frozen, all printable as JSON."""

from __future__ import annotations

import re
import string
from typing import Literal

from rocmkit.model import Model

Severity = Literal["error", "warning", "note"]
Confidence = Literal["sure", "likely"]
Value = str | int | float


class Text(Model):
    """A sentence as a template and the values that go into it, so that it can be tested, translated and printed as JSON."""

    template: str
    values: dict[str, Value] = {}

    def __str__(self) -> str:
        """The sentence. A value that is missing stays visible as its placeholder."""
        return _Formatter().vformat(self.template, (), self.values)


class _Formatter(string.Formatter):
    """Fills in names only: a template reaches no attribute and no index of a value."""

    def get_field(self, field_name: str, args: object, kwargs: object) -> tuple[object, str]:
        assert isinstance(kwargs, dict)  # noqa: S101 - vformat above passes one
        return kwargs.get(field_name, "{" + field_name + "}"), field_name


def say(template: str, **values: Value) -> Text:
    """A Text, in one line: say("{path} is owned by group {gid}", path=…, gid=…)."""
    return Text(template, values)


class Seen(Model):
    """A piece of evidence: where it was read (a path, a command, a fact) and what stood there."""

    where: str
    what: str


class Fix(Model, kw_only=True):
    """A way out. Each command is one copyable line; `verify` shows that it worked. `caution` says what it could harm."""

    text: Text
    commands: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    root: bool = False
    relogin: bool = False
    reboot: bool = False
    caution: Text | None = None


class Finding(Model, kw_only=True):
    """One fault at one place."""

    subject: str
    message: Text
    confidence: Confidence
    seen: tuple[Seen, ...]
    cause: Text | None = None
    fix: Fix | None = None


class Found(Model):
    """The check found faults."""

    findings: tuple[Finding, ...]


class Passed(Model):
    """The check looked and saw that all is well: at least one piece of evidence."""

    seen: tuple[Seen, ...]


class Skipped(Model):
    """The check could not judge, since something it needs is not known, or need not: there is nothing here that it speaks of."""

    because: Text
    unknown: bool = False
    gap: str | None = None  # the reason of the gap that it met, where one alone is why


Outcome = Found | Passed | Skipped


#: How checks say that they would judge if they could see.
_UNKNOWN = re.compile("not known|could not be|only running")


def skip(template: str, **values: Value) -> Skipped:
    """Skipped, in one line. The words of _UNKNOWN, or a gap's own `detail` among the values, say that something is not known."""
    return Skipped(say(template, **values), unknown="detail" in values or _UNKNOWN.search(template) is not None)


def judge(findings: list[Finding], *seen: Seen) -> Outcome:
    """Found if there are findings, else Passed on the evidence in `seen`, else Skipped: without evidence nothing is ok."""
    if findings:
        return Found(tuple(findings))
    return Passed(seen) if seen else skip("nothing was seen that this check could judge")


class Result(Model, kw_only=True):
    """How one check ended."""

    code: str
    id: str
    title: str
    severity: Severity
    outcome: Literal["ok", "found", "skipped", "crashed"]
    because: Text | None = None
    findings: tuple[Finding, ...] = ()
    seen: tuple[Seen, ...] = ()
    gap: str | None = None  # the reason of the gap that made it skip, if one did
    unknown: bool = False  # it was skipped since something that it needs is not known
    cause: str | None = None  # it was skipped since the finding of this check, by its id, explains what it would find
