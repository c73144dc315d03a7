"""Patterns as people read them."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from rocmkit.kb.issues import contexts, issues, trackers
from rocmkit.kb.patterns import readable, shape

PATTERNS = sorted(
    {line for issue in issues() for one in issue.signatures for line in one.lines}
    | {line for context in contexts().values() for line in context.lines}
    | {line for tracker in trackers() for line in tracker.lines}
)


@pytest.mark.parametrize(
    ("pattern", "shown", "best"),
    [
        (r"Killed", "Killed", 6),
        (r"Cannot read \S+: .*", "Cannot read …:", 12),
        (r"^\s*(Cannot|Could not) (?:read|open) [\"']?(?P<path>\S+)", 'Cannot read "PATH', 12),
        (r"for GPU arch ?: ?(?P<gfx>gfx[0-9a-f]{3,5})", "for GPU arch : gfx…", 12),
        (r"line [0-9]+ of (?P<count>\d{1,9})\.", "line N of COUNT.", 5),
        (r"[Ee]rror( in .*)?!", "Error!", 5),
        (r"={3} FAILED", "=== FAILED", 10),
        (r"(?i)out of memory", "out of memory", 13),
        (r"(abc|de).*", "abc…", 2),
        (r"a(bc|def)g", "abcg", 4),
        (r".*[^:]+\d?", "", 0),
        (r"a*bcd{0,2}e", "bce", 2),
        (r"NumPy [0-9]+[0-9.]* or less", "NumPy N or less", 8),
    ],
)
def test_what_a_pattern_looks_like(pattern: str, shown: str, best: int) -> None:
    assert (readable(pattern), shape(pattern).best) == (shown, best)


def test_groups_that_are_always_there() -> None:
    found = shape(r"(?P<a>x)(?P<b>y)?(?:(?P<c>z)|w)((?P<d>v)){2,3}")
    assert sorted(found.groups) == ["a", "d"]
    assert sorted(found.every) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("pattern", ["(", ")", "a)", "[", "[]", "*a", "(?!a)", "(?<=a)", "a\\", r"\1", r"\pL", "[[:alpha:]]", "(?P<a>"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(pattern))):
        shape(pattern)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_of_the_knowledge_base_reads_as_text(pattern: str) -> None:
    shown = readable(pattern)
    assert len(shown) >= 3
    assert not re.search(r"\(\?|\\[a-zA-Z]|\[\^|\.\*", shown), shown


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_literal_is_shown_as_it_is(text: str) -> None:
    found = shape(re2.escape(text))
    assert (found.shown, found.whole, found.best) == (text, len(text), len(text))


@given(st.text("ab(|)[]*+?.^$\\{2,}d:sP<n>-", max_size=20))
@example("(a|b{2,})*[^]a]+?")
def test_whatever_re2_takes_is_read_or_refused(pattern: str) -> None:
    """Where both take it, they agree on the groups, and every text that matches holds the run that was promised."""
    options = re2.Options()
    options.log_errors = False
    try:
        groups = set(re2.compile(pattern, options).groupindex)
    except re2.error:
        groups = None
    try:
        found = shape(pattern)
    except ValueError:
        return
    assert groups is None or found.every == groups
    assert found.groups <= found.every
    assert max(found.lead, found.tail) <= found.best


@given(st.from_regex(r"\A(ab|c)?x+(de|fgh)[ij]{2}k*lmn?o\Z"))
def test_the_promised_run_is_there(text: str) -> None:
    assert shape(r"(ab|c)?x+(de|fgh)[ij]{2}k*lmn?o").best == 5
    assert len(text) >= 5
