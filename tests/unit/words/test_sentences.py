"""What is found in code: whole sentences, with the names of their values."""

from __future__ import annotations

import pytest

from tools.words.sentences import is_prose, sentences


def found(source: str, *, drawn: bool = False) -> list[str]:
    return [text for _, text in sentences(source, drawn=drawn)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('say("rocBLAS has no files")', ["rocBLAS has no files"]),
        ('say(f"{library} of {torch.version} has no files")', ["{library} of {version} has no files"]),
        ('f"{len(names)} of {a.b} and {c.b} differ"', ["{names} of {b} and {b2} differ"]),
        ("f\"it died{', twice' if often else ''} there\"", ["it died, twice there", "it died there"]),
        ("f\"{count} clip{'s' * (count != 1)} came out\"", ["{count} clip came out", "{count} clips came out"]),
        ('def f(x):\n    tail = " of it" if x else ""\n    return f"all{tail} is gone"', ["all of it is gone", "all is gone"]),
        ('"it is gone" + (f", with {x}" if x else "")', ["it is gone, with {x}", "it is gone"]),
        ('def f(x):\n    told = "it is gone"\n    return f"<p>{text(told)}</p>"', ["it is gone"]),
        ('counted(3, "check")', ["{number} check", "{number} checks"]),
        ("f\"{', '.join(one.name for one in names)} are gone\"", ["{names} are gone"]),
        ('def f():\n    """It is a docstring."""\n    return 1', []),
        ('re.compile("this is a pattern")', []),
        ('if x == "this is compared": pass', []),
        ('Fix(commands=("rocmkit is typed",))', []),
        ('{"a key is none": "but its value is"}', ["but its value is"]),
        ('"one"', []),
        ('"/opt/rocm/lib"', []),
        ('x = "## A heading is there"', ["A heading is there"]),
    ],
)
def test_sentences(source: str, expected: list[str]) -> None:
    assert found(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('WORDS = {"a": "passed", "b": "not made"}', ["not made", "passed"]),
        ('HEADS = ("system", "result")', ["system", "result"]),
        ('yield "seen", text', ["seen"]),
        ('def f(x):\n    return "yes" if x else "no"', ["yes", "no"]),
        ('label("fix")', ["fix"]),
        ('other("fix")', []),
    ],
)
def test_words_alone_where_text_is_drawn(source: str, expected: list[str]) -> None:
    assert sorted(set(found(source, drawn=True))) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b", False), ("rocm", False), ("two words", True), ("{a} differs", True), ("{a}: {b}", False), ("a\nb c d", False)],
)
def test_prose(text: str, expected: bool) -> None:
    assert is_prose(text) == expected
