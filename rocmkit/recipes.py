"""What the recipes can build, read from the recipes themselves."""

from __future__ import annotations

from pathlib import Path

from rocmkit.build.load import load, recipes
from rocmkit.doctor.routes.values import Offer


def offers(root: Path | None = None) -> tuple[Offer, ...]:
    """What each release of each recipe builds, by name; of one recipe, the first that fits is taken. Raises DataError, OSError."""
    return tuple(
        Offer(
            recipe=recipe.name,
            package=recipe.package,
            engine=recipe.engine,
            provides=recipe.provides,
            providers=release.expect.providers,
            version=release.version,
            rocm=release.rocm,
            layouts=release.layouts,
            archs=release.archs,
            wavefront=release.wavefront,
            python=release.python,
            why=release.why,
            known=release.known,
            gives=release.gives,
            notes=release.notes,
            sources=release.links,
        )
        for folder in recipes(root).values()
        for recipe in (load(folder).recipe,)
        for release in recipe.releases
    )
