"""Commands that speak alike: help that begins with what a command is for and ends with examples, and a near name for a wrong one.

A command's help is its docstring, the words of its options, its exit codes and its examples, each a value by itself: so the pages of
--help, of `man` and of docs/reference are all drawn from the same, and can be told in another language line by line.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import Any

import click

from rocmkit.errors import UsageError
from rocmkit.words import LANGUAGES, said, speak

#: A command as it is typed, and what it is good for.
Example = tuple[str, str]
#: What the process returns, and when.
ExitCode = tuple[int, str]

#: Lines longer than this are hard to read, however wide a terminal is.
_WIDEST = 100
_NARROWEST = 30


def _speaks(_: click.Context, __: click.Parameter, language: str | None) -> None:
    if language:
        speak(language)


def _lang(*, hidden: bool) -> click.Option:
    """--lang, which every command takes; the help of those with commands of their own shows it."""
    return click.Option(
        ["--lang"],
        type=click.Choice(LANGUAGES),
        expose_value=False,
        is_eager=True,
        callback=_speaks,
        hidden=hidden,
        help="Language that people are spoken to in. Default: the locale's. JSON is always English.",
    )


class Formatter(click.HelpFormatter):
    """Text of help, wrapped as that of reports is: at blanks only, so that options, paths and commands stay whole."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        columns = width or max(min(shutil.get_terminal_size().columns, max_width or _WIDEST), _NARROWEST)
        super().__init__(indent_increment, columns, columns)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """How it is called, in a line."""
        super().write_usage(prog, args, said("Usage:") + " ")

    def write_text(self, text: str) -> None:
        """Paragraphs, wrapped."""
        indent = " " * self.current_indent
        self.write("\n\n".join("\n".join(self._wrapped(part, indent)) for part in text.split("\n\n")) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Terms in one column, what they mean in another; in a narrow terminal, or where a term is long, below each other."""
        rows = list(rows)
        column = min(max(len(first) for first, _ in rows), col_max, self.width * 2 // 5) + col_spacing
        indent = " " * self.current_indent
        for first, second in rows:
            begin = f"{indent}{first:<{column}}"
            if len(first) + col_spacing > column:
                self.write(f"{indent}{first}\n")
                begin = indent + " " * column
            self.write("\n".join(line.rstrip() for line in self._wrapped(second, begin)) + "\n")

    def _wrapped(self, text: str, first: str) -> Iterable[str]:
        from rocmkit.report.drawing import wrapped

        return wrapped(first, text, self.width, indent=len(first))


class Context(click.Context):
    """A call of a command, whose help is drawn as all text of rocmkit is."""

    formatter_class = Formatter


class Command(click.Command):
    """A command that says what it is for, what it returns, and how it is called."""

    context_class = Context

    def __init__(self, *args: Any, examples: tuple[Example, ...], exits: tuple[ExitCode, ...], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.examples, self.exits = examples, exits
        self.params.append(_lang(hidden=not isinstance(self, click.Group)))

    @property
    def paragraphs(self) -> list[str]:
        """What it is for, in one; then the rest."""
        return [" ".join(part.split()) for part in (self.help or "").split("\n\n")]

    @property
    def brief(self) -> str:
        """What it is for, in a few words."""
        return self.short_help or self.paragraphs[0]

    def option_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each option as it is typed, and what it does."""
        rows = []
        for option in self.get_params(ctx):
            if isinstance(option, click.Option) and (record := option.get_help_record(ctx)):
                names, words = record
                told = option.help or ""
                added = words[len(told) :].strip()  # by click: a range, or that it is required
                rows.append((names, f"{said(told)} {added}".strip()))
        return rows

    def get_short_help_str(self, limit: int = 45) -> str:
        """What it is for, for lists of commands and shells that complete: never cut off."""
        return said(self.brief)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All of a page, in the order that a newcomer reads."""
        first, *others = self.paragraphs
        formatter.write_text(said(first))
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        for part in others:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(said(part))
        with formatter.section(said("Options")):
            formatter.write_dl(self.option_rows(ctx))
        if isinstance(self, click.Group):
            with formatter.section(said("Commands")):
                formatter.write_dl([(name, one.get_short_help_str()) for name, one in self.commands.items()])
        with formatter.section(said("Exit codes")):
            formatter.write_dl([(str(code), said(words)) for code, words in self.exits])
        with formatter.section(said("Examples")):
            for command, words in self.examples:  # never wrapped: it is copied
                formatter.write(f"{'':{formatter.current_indent}}{command}\n")
                with formatter.indentation(), formatter.indentation():
                    formatter.write_text(said(words))


class Group(Command, click.Group):
    """A command of commands, in the order in which they are added."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named. Raises UsageError, with what comes close, where there is none."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name.lower(), self.commands, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"`{ctx.command_path} --help` lists all"
            raise UsageError(f"no command is called {name!r}", hint)
        return super().resolve_command(ctx, args)
