"""A transcript for people: the text alone for standard output, and beside it where and how fast it came about."""

from __future__ import annotations

from collections.abc import Iterator

from rocmkit.report.terminal import line
from rocmkit.smoke.values import Heard, Transcript


def render(found: Transcript) -> str:
    """The texts, a line each. Of several files each line begins with the file's name."""
    many = len(found.files) > 1
    texts = [(one.file, one.text) for one in found.files if one.text is not None]
    return "".join(f"{line(file) + ': ' if many else ''}{line(text)}\n" for file, text in texts)


def beside(found: Transcript) -> str:
    """All else, for standard error."""
    return "".join(f"rocmkit: {line(text)}\n" for text in _beside(found))


def _beside(found: Transcript) -> Iterator[str]:
    if found.parts:
        places: dict[str, list[str]] = {}
        for part, provider in found.parts.items():
            places.setdefault(provider, []).append(part)
        where = "; ".join(f"{', '.join(parts)} on {provider}" for provider, parts in places.items())
        version = found.versions.get("onnxruntime", "unknown")
        yield f"{where}, as their sessions tell (onnxruntime {version}, loaded in {found.load_s:.1f} s)"
    for one in found.files:
        if one.outcome == "transcribed":
            yield _measured(one)
        elif one.because:
            yield f"{line(one.file)}: not transcribed: {line(one.because)}"
        for warning in one.warnings:
            yield f"{line(one.file)}: {warning}"
    for warning in found.warnings:
        yield f"warning: {line(warning)}"
    left = [one.file for one in found.files if one.outcome == "not-reached"]
    if found.because:
        yield line(found.because)
    if left and found.parts:
        yield f"not reached: {', '.join(map(line, left))}"
    if found.trial and found.trial.known:
        yield f"its output shows {', '.join(found.trial.known)}: `rocmkit explain {found.trial.known[0]}` says more"
    yield from found.advice
    yield from (f"  {command}" for command in found.commands)


def _measured(one: Heard) -> str:
    words = [f"{line(one.file)}: {one.audio_s:.1f} s of sound in {one.transcribe_s:.2f} s", f"{len(one.tokens)} tokens"]
    words += [f"{name} {seconds:.2f} s" for name, seconds in one.took.items()]
    lengths = " + ".join(f"{piece.padded / 100:.1f} s" for piece in one.pieces)
    return f"{words[0]} ({', '.join(words[1:])}; padded to {lengths})"
