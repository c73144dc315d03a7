"""What `rocmkit inspect` found, for people: problems first, a block a file, one verdict line last."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rocmkit.inspect.loader import C_LIBRARY
from rocmkit.inspect.values import Answer, InspectedFile, InspectedTarget, Inspection, Runs
from rocmkit.report.drawing import ASCII_MARKS, MARKS, Style, style_of, wrapped
from rocmkit.report.summary import counted
from rocmkit.report.terminal import line

VERDICTS = {"yes": "YES", "no": "NO", "unknown": "UNKNOWN", "none": "NOTHING TO JUDGE"}
VERDICT_STYLES = {"yes": "bold green", "no": "bold red", "unknown": "bold magenta", "none": "bold"}

_MARK_OF = {"no": "error", "unknown": "gap", "yes": "ok", "none": "note"}
_STYLE_OF = {"error": "bold red", "warning": "bold yellow", "gap": "magenta", "ok": "green", "note": "bold"}
_ORDER: dict[str, int] = {"no": 0, "unknown": 1, "yes": 2, "none": 3}
_LABEL = 9
#: Kernel names printed of one file without --all.
_NAMES = 20
_PROBLEMS = 5


@dataclass(frozen=True)
class Look:
    """How to draw."""

    style: Style
    marks: dict[str, str]
    width: int
    everything: bool

    def mark(self, kind: str) -> str:
        """A mark in its colour."""
        return self.style(_STYLE_OF[kind], self.marks[kind])


def render(found: Inspection, *, color: bool, unicode: bool, width: int = 100, everything: bool = False) -> str:
    """The inspection as text. `everything` also shows what is folded: every kernel name and problem."""
    look = Look(style_of(color=color), MARKS if unicode else ASCII_MARKS, max(width, 40), everything)
    text = "\n".join(_lines(found, look)) + "\n"
    return text if unicode else text.encode("ascii", "replace").decode("ascii")


def _lines(found: Inspection, look: Look) -> Iterator[str]:
    yield look.style("bold", f"rocmkit inspect {found.rocmkit}") + f"  knowledge of {found.kb}"
    for target in found.targets:
        yield ""
        yield from _target(target, [file for file in found.files if file.target == target.target], found, look)
    yield ""
    pages = sorted({page for target in found.targets for page in target.pages})
    if pages:
        commands = " and ".join(f"`rocmkit explain {page}`" for page in pages)
        yield from wrapped("- ", f"{commands} {'says' if len(pages) == 1 else 'say'} what to do", look.width, indent=2)
        yield ""
    style = VERDICT_STYLES.get(found.answer or "", "bold")
    yield from (look.style(style, text) for text in wrapped("", line(verdict_line(found)), look.width, indent=4))


def verdict_line(found: Inspection) -> str:
    """The sentence that ends the text: the worst answer and its reason where that is not just above, or what GPU code there is."""
    if found.answer is None:
        held = sorted({name for file in found.files for name in _targets(file)})
        part = any(file.gfx is None for file in found.files) or any(target.unread for target in found.targets)
        words = f"GPU code for {', '.join(held)}" if held else "no GPU code"
        return words + (", and part is unreadable" if part else "") + ("; --for GFX says whether it runs on a card" if held or part else "")
    runs = [run for target in found.targets for run in target.runs]
    worst = [run for run in runs if run.answer == found.answer]
    alone = len(runs) == 1 and found.targets[0].kind == "file"
    reasons = "; ".join(dict.fromkeys(run.gpu if alone else f"{run.gpu}: {run.because}" for run in worst))
    return f"{VERDICTS[found.answer]}: {reasons}{_but(found) if found.answer == 'yes' else ''}"


def _but(found: Inspection) -> str:
    """What a yes does not say: that the loader of this machine refuses the file."""
    refused = [target for target in found.targets if target.does_not_load]
    if not refused:
        return ""
    which = (
        "it does"
        if len(found.targets) == 1
        else f"{', '.join(target.target for target in refused)} {'does' if len(refused) == 1 else 'do'}"
    )
    return f"; but {which} not load on this machine: {'; '.join(dict.fromkeys(str(target.does_not_load) for target in refused))}"


def _targets(file: InspectedFile) -> Iterator[str]:
    """All that it is known to hold code for, also where part of it is unreadable."""
    yield from file.gfx or [one.target for one in file.objects]
    yield from file.sm
    if file.kind != "kernel-list":
        for targets in file.kernel_libraries.values():
            yield from targets


def _target(target: InspectedTarget, files: list[InspectedFile], found: Inspection, look: Look) -> Iterator[str]:
    yield from wrapped("", _title(target), look.width, indent=4)
    for warning in target.warnings:
        yield from wrapped(f"{look.mark('warning')} ", warning, look.width, indent=2)
    for file in sorted(files, key=_rank):
        yield ""
        yield from _file(file, look, found.asked)
    if target.left_out or target.notes:
        yield ""
    if target.left_out:
        number = sum(target.left_out.values())
        counts = ", ".join(f"{reason} ({count})" for reason, count in target.left_out.items())
        yield from wrapped("- ", f"{counted(number, 'file')}{' more' if files else ''}: {counts}", look.width, indent=2)
    for note in target.notes:
        yield from wrapped("- ", note, look.width, indent=2)
    if found.asked and (len(found.targets) > 1 or len(found.asked) > 1):
        yield ""
        for run in target.runs:
            yield from _run(run, look, found.asked, before="")


def _title(target: InspectedTarget) -> str:
    words = [f"{target.kind} {target.package or (posixpath.basename(target.target) if target.kind == 'wheel' else target.target)}"]
    if target.package:
        words.append(f"in {target.path}")
    asks = [f"{name} {version}" for name, version in (("glibc", target.glibc), ("GLIBCXX", target.glibcxx)) if version]
    if asks:
        # Of a folder's files only these are counted: `rocmkit.inspect.look` says why.
        words.append(f"{'its GPU files need' if target.kind == 'folder' else 'needs'} {' and '.join(asks)}")
    if target.wheel and target.wheel.glibc_of_tags:
        words.append(f"made for glibc {target.wheel.glibc_of_tags}, by its name")
    return "; ".join(words)


def _rank(file: InspectedFile) -> tuple[int, bool, str]:
    """Problems first, then what holds GPU code."""
    return min((_ORDER[run.answer] for run in file.runs), default=4), not (file.gfx or file.gfx is None or file.sm), file.file


def _file(file: InspectedFile, look: Look, asked: Sequence[str]) -> Iterator[str]:
    answers: list[Answer] = [run.answer for run in file.runs]
    worst = min(answers, key=lambda answer: _ORDER[answer], default=None)
    kind = _MARK_OF[worst] if worst else "warning" if file.unreadable or file.problems else "note"
    yield f"{look.mark(kind)} {look.style('bold', line(file.file))}" + (
        "" if file.kind == "library" else f"  ({file.kind.replace('-', ' ')})"
    )
    for run in file.runs:
        yield from _run(run, look, asked, before="    ")
    for label, text in _facts(file):
        yield from wrapped(f"    {label:<{_LABEL}}", text, look.width, indent=4 + _LABEL)
    for library, targets in file.kernel_libraries.items():
        yield from _table(library, targets) if file.kind == "kernel-folder" else ()
    yield from _listed("problem", file.problems, len(file.problems) if look.everything else _PROBLEMS)
    yield from _listed("kernel", file.kernel_names, len(file.kernel_names) if look.everything else _NAMES)


def _run(run: Runs, look: Look, asked: Sequence[str], *, before: str) -> Iterator[str]:
    words = f"{run.gpu + ':':<{max(map(len, asked)) + 1}} {run.answer}"
    yield from wrapped(
        f"{before}{look.style(VERDICT_STYLES[run.answer], words)}: ", run.because, look.width, indent=len(f"{before}{words}: ")
    )


def _facts(file: InspectedFile) -> Iterator[tuple[str, str]]:
    if file.kind == "kernel-list":
        if not file.runs:
            yield "lists", f"kernels for {' '.join(*file.kernel_libraries.values()) or 'no known card'}, no code itself"
    elif file.kind != "kernel-folder":
        if file.gfx:
            yield "AMD", f"{' '.join(file.gfx)}{_depth(file)}"
        elif file.objects:
            yield "AMD", f"{' '.join(one.target for one in file.objects)}, and more that is unreadable"
        if file.sm:
            yield "NVIDIA", " ".join(file.sm)
        if file.gpu_api in {"hip", "cuda"} and file.gfx == () and not file.sm and not file.runs:
            yield "linked", f"with {file.gpu_api.upper()}, no GPU code of its own"
    for reason in file.unreadable:
        yield "unread", reason
    if file.loads and not file.runs:
        yield "loads", ", ".join(f"{name} ({what})" for name, what in file.loads.items())
    if file.needs:
        plain = [name for name in file.needs if C_LIBRARY.fullmatch(name) and name not in (file.missing or ())]
        named = " ".join(name for name in file.needs if name not in plain)
        yield "needs", f"{named} and the C library ({len(plain)})" if named and plain else named or "the C library alone"
    if file.missing:
        far = [name for name in file.missing if name not in file.beside]
        if far:
            yield "missing", f"{' '.join(far)} (not where the loader looks)"
        if file.beside:
            yield "missing", f"{' '.join(file.beside)} (beside this file, where the loader does not look)"
    elif file.missing is None and file.needs:
        yield "missing", f"not looked for: made for {file.architecture or 'another machine'}"
    if file.rpath:
        yield file.rpath_kind or "rpath", ":".join(file.rpath) + (" (. is the current folder of the program)" if "." in file.rpath else "")


def _depth(file: InspectedFile) -> str:
    """What is known of the code objects, in brackets."""
    words = []
    number = file.bundles + file.compressed
    if number:
        words.append(counted(number, "bundle") + (" (compressed)" if file.compressed == number else ""))
    versions = sorted({version for one in file.objects for version in one.versions})
    if versions:
        words.append(f"code object {'version' if len(versions) == 1 else 'versions'} {', '.join(map(str, versions))}")
    lanes = sorted({lane for one in file.objects for lane in one.wavefronts})
    if lanes:
        words.append(f"wavefronts of {' and '.join(map(str, lanes))}")
    kernels = [one.kernels for one in file.objects if one.kernels]
    if kernels:
        most = f"{'up to ' if min(kernels) < max(kernels) else ''}{counted(max(kernels), 'kernel')}"
        words.append(most if len(file.objects) == 1 else f"{most} a target")
    return f" ({', '.join(words)})" if words else ""


def _table(library: str, targets: dict[str, int]) -> Iterator[str]:
    names = max((len(name) for name in targets), default=0)
    numbers = max((len(str(number)) for number in targets.values()), default=0)
    for at, (name, number) in enumerate(targets.items()):
        yield f"    {library if at == 0 else '':<{_LABEL + 2}}{name:<{names}}  {number:>{numbers}}"
    if not targets:
        yield f"    {library:<{_LABEL + 2}}no kernel files for any target"


def _listed(word: str, lines: Sequence[str], most: int) -> Iterator[str]:
    for at, text in enumerate(lines[:most]):
        yield f"    {word if at == 0 else '':<{_LABEL}}{line(text)}"
    if len(lines) > most:
        yield f"    {'':<{_LABEL}}and {len(lines) - most} more (--all shows them)"
