"""Markdown in another language: prose is changed, all else stays."""

from __future__ import annotations

from rocmkit.words.blocks import blocks, each

PAGE = """# RK307 No kernels

A paragraph that goes
on.

- one point
  of two lines
- another

| code | what |
|---|---|
| RK307 | no files |

```sh
rocmkit doctor
# A paragraph that goes
```

After it.
"""


def test_prose_is_changed_and_nothing_else() -> None:
    told = {
        "RK307 No kernels": "題",
        "A paragraph that goes on.": "段落。",
        "one point of two lines": "項目",
        "no files": "ファイルなし",
        "After it.": "その後。",
    }
    changed = each(PAGE, lambda text: told.get(text, text))
    assert changed.splitlines() == [
        "# 題",
        "",
        "段落。",
        "",
        "- 項目",
        "- another",
        "",
        "| code | what |",
        "|---|---|",
        "| RK307 | ファイルなし |",
        "",
        "```sh",
        "rocmkit doctor",
        "# A paragraph that goes",
        "```",
        "",
        "その後。",
    ]


def test_lines_of_code_are_no_prose() -> None:
    assert not any(text for _, text in blocks("```\nA b c.\n```"))


def test_text_without_anything() -> None:
    assert each("", str.upper) == "\n"
