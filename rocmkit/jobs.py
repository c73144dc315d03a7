"""From a wish to jobs: what is built with, for which cards, in which order, and how this machine is prepared for it."""

from __future__ import annotations

from collections.abc import Callable

from rocmkit.build.asked import targets
from rocmkit.build.detect import of_machine
from rocmkit.build.job import Ground, Job, prepared
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.wish import Wish, imagined, loaded, plans, release_of
from rocmkit.errors import UsageError
from rocmkit.facts import Facts
from rocmkit.host.base import Host
from rocmkit.model import DataError
from rocmkit.trial.run import runner

#: Looks at an interpreter and at the machine.
Survey = Callable[[str | None], tuple[Facts, Host]]


def jobs(wish: Wish, survey: Survey, at: Callable[[], Host], *, in_image: bool) -> tuple[Ground, list[Job]]:
    """What is to be done, and on what. A ROCm that is not here is not looked at, nor an image's. `at` gives this machine.

    Raises UsageError.
    """
    recipes = loaded(wish.recipes)
    facts, host, toolchain = _toolchain(wish, survey, at, in_image=in_image)
    archs = targets(wish.archs, facts.gpus if facts else None, toolchain.version)
    try:
        found = plans(recipes, toolchain, archs, wish, host)
    except DataError as error:
        raise UsageError(f"a recipe that does not hold together: {error}", "`rocmkit recipes check` says what is wrong with it") from None
    ground = Ground(host=host, facts=facts, run=runner(host.private))
    return ground, [Job(plan=plan) if toolchain.supposed else prepared(plan, host, facts) for plan in found]


def _toolchain(wish: Wish, survey: Survey, at: Callable[[], Host], *, in_image: bool) -> tuple[Facts | None, Host, Toolchain]:
    """The facts of this machine, where they are needed, the machine, and what is built with."""
    release = release_of(wish.python) if wish.rocm_version or in_image else None
    if wish.rocm_version and (release or not wish.python) and "native" not in wish.archs:
        return None, at(), imagined(wish, None, release, in_image=in_image)
    facts, host = survey(None if release else wish.python)
    if wish.rocm_version or in_image:
        return facts, host, imagined(wish, facts, release, in_image=in_image)
    return facts, host, of_machine(facts, host, rocm=wish.rocm, python=wish.python)
