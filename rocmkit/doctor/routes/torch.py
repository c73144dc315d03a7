"""Ways for the systems that compute with PyTorch."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.checks._fixes import newest, replace, torch_elsewhere, torch_fix
from rocmkit.doctor.checks._stack import Torch, torch_of
from rocmkit.doctor.result import Fix
from rocmkit.doctor.routes.ground import OF_THE_BUILD, Ground
from rocmkit.doctor.routes.place import Place, after, container, kept, packages, reachable, suits
from rocmkit.doctor.routes.values import Route, Status, Vram
from rocmkit.doctor.routes.ways import INSIDE, docker, prepared, route, transcribing
from rocmkit.kb import systems as knowledge
from rocmkit.kb.systems import SpeechSystem
from rocmkit.kb.values import Known, TorchWheel
from rocmkit.kb.versions import numbers, within

#: What transformers 5 no longer takes.
_OLD = "<2.6"
#: Checks that must have passed before a torch is called ready.
_READY = ("arch-not-compiled", "rocblas-no-tensile")


def routes(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """Every way of a system that computes with torch, in no order."""
    torch = torch_of(ground.python) if ground.python_known else None
    best = kb.best_torch(ground.gfx, advice.python_minor(ground.python), ground.others) or kb.best_torch(
        ground.gfx, advice.python_minor(ground.python)
    )
    as_is = _as_is(system, ground, torch, size) if torch and torch.hip else ()
    good = any(one.status == "ready" or (one.status == "installable" and not one.blocked_by) for one in as_is)
    same = torch is not None and torch.wheel is not None and best is not None and torch.wheel == best
    kept_as_is = same and not _wrong(ground) and suits(system, ground.python)
    wheel = () if good or kept_as_is else _wheel(system, ground, best, size)
    return (*as_is, *wheel, *_other_builds(system, ground, best, size), *_override(system, ground, size), *_images(system, ground, size))


def _wrong(ground: Ground) -> bool:
    """Whether a finding asks for another build of torch."""
    return any(one.id in OF_THE_BUILD for one in ground.stopping(OF_THE_BUILD))


def _as_is(system: SpeechSystem, ground: Ground, torch: Torch, size: Vram | None) -> tuple[Route, ...]:
    python = ground.python
    place = kept(system, python, torch.version)
    missing = packages(system, place, torch.version)
    if missing and not (suits(system, python) and reachable(system, python.packages, torch.version)):
        return ()
    passed = all(name in ground.results and ground.results[name].outcome == "ok" for name in _READY) and ground.access
    status: Status = "unknown" if not passed else "installable" if missing else "ready"
    how = f"With torch {torch.version} as it is" + (", and the packages of the system." if missing else ".")
    sources = torch.wheel.sources if torch.wheel else ("https://pytorch.org/get-started/locally/",)
    return (
        route(
            system,
            ground,
            "as-is",
            how,
            place,
            status=status,
            known="inferred",
            sources=sources,
            commands=(*missing, *transcribing(system, place.word, size)),
            vram=size,
            cures=False,
        ),
    )


def _wheel(system: SpeechSystem, ground: Ground, best: TorchWheel | None, size: Vram | None) -> tuple[Route, ...]:
    """The newest wheels of pytorch.org that run on the card: for this Python, and where a newer one has a newer wheel, for that.

    The newer one first where that of this Python is too old for the releases that speech systems install today.
    """
    newer = max((row for name in ("3.12", "3.13", "3.11", "3.10") if (row := kb.best_torch(ground.gfx, name))), key=_age, default=None)
    ways: list[tuple[Fix, TorchWheel]] = []
    elsewhere = torch_elsewhere(ground.python, ground.gfx)
    if not suits(system, ground.python):
        return (_wheel_route(system, ground, elsewhere, newer, size, _unfit(system, ground, newer)),) if newer and elsewhere else ()
    if best and reachable(system, {}, newest(best)):
        ways.append((torch_fix(ground.python, ground.gfx, also=ground.others if set(ground.others) <= {*best.archs} else ()), best))
    if newer and elsewhere and (best is None or _age(best) < _age(newer)):
        ways.insert(0 if best and within(_OLD, newest(best)) else len(ways), (elsewhere, newer))
    return tuple(_wheel_route(system, ground, fix, wheel, size, str(fix.text)) for fix, wheel in ways)


def _unfit(system: SpeechSystem, ground: Ground, wheel: TorchWheel) -> str:
    return (
        f"Its packages are made for Python {system.python}, not for {advice.python_minor(ground.python)}: make an environment with another "
        f"Python, and put torch {newest(wheel)} for ROCm {wheel.rocm} into it."
    )


def _age(row: TorchWheel) -> tuple[int, ...]:
    return numbers(row.torch) or ()


def _wheel_route(system: SpeechSystem, ground: Ground, fix: Fix, wheel: TorchWheel, size: Vram | None, how: str) -> Route:
    place = after(system, ground.python, fix.commands)
    return route(
        system,
        ground,
        "wheel",
        how,
        place,
        status="installable",
        known=_known(wheel),
        sources=wheel.sources,
        commands=(*fix.commands, *packages(system, place, newest(wheel)), *transcribing(system, place.word, size)),
        vram=size,
        notes=(wheel.note,) if wheel.note else (),
    )


def _known(wheel: TorchWheel) -> Known:
    """How it is known that a family runs: somebody saw it, or its makers list the card."""
    return "reported" if "seen to run" in wheel.note else "documented" if wheel.known == "documented" else "inferred"


def _other_builds(system: SpeechSystem, ground: Ground, best: TorchWheel | None, size: Vram | None) -> tuple[Route, ...]:
    """Builds of another origin that pip installs."""
    found = []
    for build in kb.torch_builds(ground.gfx) if suits(system, ground.python) else ():
        if not build.install or not build.install.startswith("pip "):
            continue
        commands = replace(ground.python, build.install.removeprefix("pip ").replace("{gfx}", ground.gfx))
        place = after(system, ground.python, commands)
        found.append(
            route(
                system,
                ground,
                "wheel",
                f"{build.what}.",
                place,
                status="installable",
                known="inferred" if best else build.known,
                sources=build.sources,
                commands=(*commands, *packages(system, place), *transcribing(system, place.word, size)),
                vram=size,
                notes=(build.note,) if build.note else (),
            )
        )
    return tuple(found)


def _override(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    """Code for a sister architecture, where people saw that work and nothing is made for this one."""
    minor = advice.python_minor(ground.python)
    if kb.best_torch(ground.gfx, minor) or torch_elsewhere(ground.python, ground.gfx):
        return ()
    found = []
    for row in kb.overrides(ground.gfx):
        sister = next((name for name in kb.archs() if (arch := kb.arch(name)) and arch.version == row.value), None)
        if row.verdict not in {"works", "sometimes"} or sister is None:
            continue
        fix = (torch_fix if suits(system, ground.python) else torch_elsewhere)(ground.python, sister)
        wheel = kb.best_torch(sister, minor) or kb.best_torch(sister, "3.12")
        if fix is None or wheel is None:
            continue
        place = after(system, ground.python, fix.commands)
        found.append(
            route(
                system,
                ground,
                "override",
                f"Let ROCm take the GPU for {sister} with HSA_OVERRIDE_GFX_VERSION={row.value}, and install torch for that one. {row.why}",
                place,
                status="installable" if row.verdict == "works" else "unknown",
                known=row.known,
                sources=row.sources,
                commands=(
                    *fix.commands,
                    f"export HSA_OVERRIDE_GFX_VERSION={row.value}",
                    *packages(system, place, newest(wheel)),
                    *transcribing(system, place.word, size),
                ),
                vram=size,
                notes=("The variable applies to every GPU of the machine, and can hang one that it does not suit.",),
            )
        )
    return tuple(found)


def _images(system: SpeechSystem, ground: Ground, size: Vram | None) -> tuple[Route, ...]:
    if ground.container:
        return ()
    place: Place = container()
    return tuple(
        route(
            system,
            ground,
            "container",
            f"In the image {row.image}, with torch {row.torch} for ROCm {row.rocm}. {row.note}",
            place,
            status="installable",
            known=row.known,
            sources=row.sources,
            commands=docker(row.image, *prepared(system), *packages(system, place, row.torch), *transcribing(system, place.word, size)),
            vram=size,
            notes=(INSIDE,),
        )
        for row in knowledge.images("torch")
        if (ground.gfx in row.archs if row.archs else kb.rocblas_kernels(ground.gfx, row.rocm) is True)
    )
