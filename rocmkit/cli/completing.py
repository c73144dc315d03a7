"""What a shell is offered for a word that is being typed. Asked only then, so nothing is imported before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from rocmkit.doctor.check import Check
    from rocmkit.report.explain import Page

#: What click asks for the words that an argument or an option may take.
Offer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def codes(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Codes and names of all pages of `rocmkit explain`."""
    from rocmkit.report.explain import listing

    return _by_either(typed, listing().pages)


def checks(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Codes and names of checks."""
    from rocmkit.doctor.check import all_checks

    return _by_either(typed, all_checks())


def _by_either(typed: str, found: Iterable[Check | Page]) -> list[CompletionItem]:
    """By code, or by name."""
    rows = tuple(found)
    return _begun(typed, [*((one.code, one.title) for one in rows), *((one.id, one.title) for one in rows)])


def systems(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Speech systems that there are ways for."""
    from rocmkit.kb.systems import systems as known

    return _begun(typed, [*((system.id, system.title) for system in known()), ("all", "every one")])


def backends(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Speech systems that can be proved."""
    from rocmkit.kb.backends import backends as known

    return _begun(typed, ((row.id, row.title) for row in known()))


def recipes(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Recipes that rocmkit brings; what has a slash in it is a folder."""
    from rocmkit.build.load import recipes as known

    return files(ctx, param, typed) if "/" in typed else _begun(typed, ((name, "") for name in known()))


def archs(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Architectures of GPUs, with the names of the cards that have them."""
    from rocmkit.kb.targets import arch
    from rocmkit.kb.targets import archs as known

    rows = ((gfx, ", ".join(found.products[:3]) if (found := arch(gfx)) else "") for gfx in known())
    return _begun(typed, [("native", "the card of this machine"), *rows])


def changes(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """What may be supposed to be changed."""
    from rocmkit.doctor.whatif.change import KEYS

    return _begun(typed, ((f"{key}=", example) for key, example in KEYS.items()))


def providers(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Providers of ONNX Runtime, by their short names."""
    from rocmkit.placement.values import PROVIDERS

    return _begun(typed, PROVIDERS.items())


def files(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Files and folders, which the shell knows."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(typed, type="file")]


def _begun(typed: str, rows: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    """Those that begin as what is typed does, in any case."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name, help=words or None) for name, words in rows if name.lower().startswith(typed.lower())]
