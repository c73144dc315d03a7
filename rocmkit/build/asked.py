"""The targets that --arch asks for. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from rocmkit import kb
from rocmkit.errors import UsageError
from rocmkit.facts import Gap, Gpu
from rocmkit.kb.targets import base, parse_target

NATIVE = "native"
#: So many names are offered in place of one that is none, and so much is shown of what was typed.
_NEAR, _SHOWN = 4, 60
_FEATURES = ("sramecc", "xnack")
#: How the names of NVIDIA's architectures and of processors look, which people hand over from other builds.
_CUDA = re.compile(r"(?:sm|compute)_?[0-9]{2,3}[a-z]?")
_PROCESSOR = re.compile(r"gfx0+|cpu|x86[_-]64(?:-v[1-4])?|amd64|aarch64|arm64|znver[1-9]|host")


def targets(typed: Sequence[str], gpus: tuple[Gpu, ...] | Gap | None, rocm: str | None = None) -> tuple[str, ...]:
    """The target ids that were typed, each as clang writes it, by base name: a name, several with commas, or `native`.

    `gpus` are the GPUs of this machine, for `native`; None: this is about another machine. `rocm` is the release to build with: generic
    targets that came after its compiler are refused. That it does not know a card is told of the plan. Raises UsageError.
    """
    words = [word for text in typed for part in re.split(r"[,;]", text) if (word := part.strip())]
    if not words:
        raise UsageError("--arch names no architecture", "such as --arch gfx906, or --arch native for the card of this machine")
    named = [_target(word) for word in words if word != NATIVE]
    for target in named:
        if named.count(target) > 1:
            raise UsageError(f"--arch {target} is there twice", "name each once")
    if NATIVE in words:
        bases = set(map(base, named))
        named += [gfx for gfx in _native(gpus) if gfx not in bases]
    _together(named)
    for target in named:
        if rocm is not None and base(target) in _generics() and kb.compiler_knows(target, rocm) is False:
            raise UsageError(
                f"--arch {target}: the compiler of ROCm {rocm} knows no generic targets yet", "name the card's own, such as gfx906"
            )
    return tuple(sorted(named, key=lambda target: (len(base(target)), base(target), target)))


def _generics() -> dict[str, list[str]]:
    """The generic targets, with the architectures that each covers."""
    found: dict[str, list[str]] = {}
    for name in kb.archs():
        if (known := kb.arch(name)) and known.generic:
            found.setdefault(known.generic, []).append(name)
    return found


def _target(word: str) -> str:
    """What was typed as one target id. Raises UsageError."""
    shown = ascii(word[:_SHOWN])
    name = base(word)
    generics = _generics()
    covered = generics.get(name) or ([name] if kb.arch(name) else [])
    if not covered:
        raise UsageError(f"--arch: {shown} is {_what(name)}", _hint(name, generics))
    parsed = parse_target(word)
    if parsed is None:
        raise UsageError(f"--arch: {shown} is no target id", f"features are xnack and sramecc, each once, with + or -: {name}:xnack-")
    for feature in parsed[1]:
        if not all(getattr(kb.arch(gfx), feature) for gfx in covered):
            has = [one for one in _FEATURES if all(getattr(kb.arch(gfx), one) for gfx in covered)]
            hint = f"it has {' and '.join(has)}" if has else f"write --arch {name}"
            raise UsageError(f"--arch {word}: {name} has no {feature} that code could be built for", hint)
    return ":".join((name, *sorted(feature + state for feature, state in parsed[1].items())))


def _what(name: str) -> str:
    if _CUDA.fullmatch(name.lower()):
        return "an architecture of NVIDIA's GPUs"
    if _PROCESSOR.fullmatch(name.lower()):
        return "a processor, and no GPU"
    return "no GPU architecture that is known"


def _hint(name: str, generics: dict[str, list[str]]) -> str:
    """The nearest names, by how they are written and by what is printed on the box."""
    words = set(re.findall(r"[a-z]+|[0-9]+", name[:_SHOWN].lower()))
    by_product = [
        gfx
        for gfx in kb.archs()
        if (known := kb.arch(gfx)) and any(words <= set(re.findall(r"[a-z]+|[0-9]+", product.lower())) for product in known.products)
    ]
    near = by_product[:_NEAR] if words else []
    near = near or _alike(name[:_SHOWN].lower(), [NATIVE, *kb.archs(), *generics])
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "rocminfo prints the architecture of a card, such as gfx906; --arch native takes that of this machine"


def _alike(name: str, known: list[str]) -> list[str]:
    """The names that are written most alike; of two that are equally so, gfx906 for gfx960, then the one with the nearer number."""
    number = _number(name)
    alike = difflib.get_close_matches(name, known, n=len(known), cutoff=0.6)
    ratio = {one: difflib.SequenceMatcher(a=one, b=name).ratio() for one in alike}
    swapped = sorted(name)
    return sorted(alike, key=lambda one: (-ratio[one], sorted(one) != swapped, abs(_number(one) - number), one))[:_NEAR]


def _number(name: str) -> int:
    """The number in an architecture's name, which is hexadecimal; 0 where there is none."""
    digits = re.match(r"gfx([0-9a-f]{1,8})", name)
    return int(digits[1], 16) if digits else 0


def _native(gpus: tuple[Gpu, ...] | Gap | None) -> tuple[str, ...]:
    """The architectures of this machine's cards; those of processors' own GPUs where there is no card. Raises UsageError."""
    hint = "name it, such as --arch gfx906"
    if gpus is None:
        raise UsageError("--arch native is that of this machine, and the build is for another one", hint)
    if isinstance(gpus, Gap):
        raise UsageError(f"--arch native: this machine's GPUs could not be read: {gpus.detail}", hint)
    if not gpus:
        raise UsageError("--arch native: no AMD GPU was found on this machine", hint)
    cards = [gpu for gpu in gpus if not gpu.integrated] or list(gpus)
    found = {gpu.gfx: None for gpu in cards if gpu.gfx and kb.arch(gpu.gfx)}
    if not found:
        names = ", ".join(gpu.gfx or gpu.name or gpu.pci or "a GPU" for gpu in cards)
        raise UsageError(f"--arch native: no architecture is known for this machine's GPU ({names})", hint)
    return tuple(gfx for gfx in found if gfx)


def _together(named: Sequence[str]) -> None:
    """Refuse targets that clang takes no two of: for one architecture, either all name a feature or none does. Raises UsageError."""
    for one in named:
        for other in named:
            if base(one) != base(other):
                continue
            features = [set((parse_target(target) or ("", {}))[1]) for target in (one, other)]
            if features[0] != features[1]:
                raise UsageError(f"--arch {one} and --arch {other} exclude each other", "name a feature with + and with -, or leave it out")
