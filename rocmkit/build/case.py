"""What is judged when a plan is made: a recipe, what it is built with, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterable

from rocmkit.build.recipe import Recipe
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Ask
from rocmkit.kb import when
from rocmkit.kb.versions import within
from rocmkit.kb.when import Note, When
from rocmkit.model import Model


class Case(Model, kw_only=True):
    """What is judged."""

    recipe: Recipe
    toolchain: Toolchain
    archs: tuple[str, ...]
    ask: Ask
    others: tuple[Recipe, ...]  # recipes that may make what this one needs

    @property
    def arch(self) -> str:
        """The targets as the command line takes them."""
        return ",".join(self.archs)

    @property
    def command(self) -> str:
        """The call that this plan is for, without what says which ROCm."""
        return f"rocmkit build {self.recipe.name} --arch {self.arch}"

    def holds(self, condition: When) -> bool:
        """Whether something is for this build."""
        return when.holds(condition, archs=self.archs, rocm=self.toolchain.version, layouts=(self.toolchain.layout,))

    def said(self, texts: Iterable[str | Note]) -> tuple[str, ...]:
        """The sentences that are true of this build."""
        return when.said(texts, archs=self.archs, rocm=self.toolchain.version, layouts=(self.toolchain.layout,))


def serves(recipe: Recipe, rocm: str) -> bool:
    """Whether a recipe has a release for that ROCm."""
    return any(within(one.rocm, rocm) for one in recipe.releases)


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    return _joined(words, "and")


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    return _joined(words, "or")


def _joined(words: Iterable[str], last: str) -> str:
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
