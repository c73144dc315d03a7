"""What has to hold for the words of a recipe's commands: known placeholders, the closed folders, no shell, nothing that is not pinned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rocmkit.build.placeholders import FROM, NAMES, VALUE, named
from rocmkit.build.recipe import Release, Step, Words
from rocmkit.build.shape import Path, meant

#: The folders of a build, all below the one that it works in.
FOLDERS = ("work", "files", "src", "build", "prefix", "dist")
#: Where a word is, what it says, and for `Words` each of them.
Word = tuple[Path, str]
#: What is wrong at a place.
Wrong = tuple[Path, str]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INSIDE = re.compile(rf"\{{({'|'.join(FOLDERS)})\}}(/[^/]+)*")
#: The beginning of a path: of a word, or after what compilers and CMake put before one.
_BEFORE = r"(?:^|[=:;,\s'\"]|^-[A-Za-z])"
_ABSOLUTE = re.compile(rf"{_BEFORE}(/[A-Za-z][^\s;,:'\"]*)")
_UPWARDS = re.compile(r"(?:^|[/=:;,\s'\"])\.\.(?:$|[/;:,\s'\"])")
_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "csh", "tcsh", "busybox"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: They decide which programs and libraries are taken, on every machine another way.
_NOT_SET = {"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH"}
#: Options of `pip install` whose value is the next word.
_WITH_VALUE = {
    "-r",
    "-c",
    "-t",
    "-f",
    "-i",
    "--requirement",
    "--constraint",
    "--target",
    "--prefix",
    "--root",
    "--find-links",
    "--index-url",
}


def words_of(words: Iterable[str | Words], path: Path) -> Iterator[Word]:
    """Each word with its place, those of some builds alone too."""
    for number, word in enumerate(words):
        if isinstance(word, Words):
            yield from (((*path, number, "words", which), text) for which, text in enumerate(word.words))
        else:
            yield (*path, number), word


def sentence(text: str, path: Path) -> Iterator[Wrong]:
    """What is wrong with a text for people."""
    if text != text.strip() or not text.endswith((".", "!", "?")) or _CONTROL.search(text):
        yield path, f"{text!r} is no sentence: one line, and a full stop at its end"


def words(words: Iterable[Word], values: Iterable[str], uses: Iterable[str] = ()) -> Iterator[Wrong]:
    """What is wrong with words of a command, wherever they come from."""
    known = dict.fromkeys((*NAMES, *(f"{VALUE}{name}" for name in values), *(f"{FROM}{name}" for name in uses)))
    for path, text in words:
        for name in named(text):
            if name not in known:
                yield path, f"no placeholder is called `{{{name}}}`{meant(name, list(known))}"
        if _CONTROL.search(text):
            yield path, f"a control character in {text!r}: scripts and Dockerfiles could not hold it"
        if absolute := _ABSOLUTE.search(text):
            yield path, f"`{absolute[1]}` is a path of some machine: say it by a placeholder ({{rocm}}, {{src}}, …)"
        # $ORIGIN is for the loader of the result: it stands for a folder of the wheel.
        if _UPWARDS.search(text.replace("$ORIGIN/..", "$ORIGIN")):
            yield path, f"`..` in {text!r} leads out of its folder: name the place by a placeholder"


def step(one: Step, path: Path) -> Iterator[Wrong]:
    """What is wrong with a step itself, beside its words."""
    if not one.run or isinstance(one.run[0], Words):
        yield (*path, "run"), "it begins with a program, which every build runs"
    if not _INSIDE.fullmatch(one.cwd) or _UPWARDS.search(one.cwd):
        yield (*path, "cwd"), f"`{one.cwd}` is in none of the folders of a build: {', '.join(f'{{{name}}}' for name in FOLDERS)}"
    for name in one.env:
        if not _VARIABLE.fullmatch(name):
            yield (*path, "env", name), f"`{name}` is no name of a variable"
        elif name in _NOT_SET:
            yield (*path, "env", name), f"{name} is not for recipes to set: name programs and libraries by placeholders"
    run = tuple(words_of(one.run, (*path, "run")))
    yield from _shell(run)
    if (brought := list(_brought(run))) and not one.network:
        yield (*path, "run"), f"pip brings {', '.join(text for _, text in brought)} from the network: say `network: true`"


def _shell(run: tuple[Word, ...]) -> Iterator[Wrong]:
    texts = [text.rpartition("/")[2] for _, text in run]
    if texts[:1] == ["eval"]:
        yield run[0][0], "`eval` is of the shell, and no shell reads a recipe's commands: write each as a step of its own"
    last = max((number for number, text in enumerate(texts) if re.fullmatch(r"-[a-z]*c[a-z]*", text)), default=0)
    for number, name in enumerate(texts[:last]):
        if name in _SHELLS:
            yield run[number][0], f"`{name} -c` hides a command from the plan: write each command as a step of its own"


def _brought(run: tuple[Word, ...]) -> Iterator[Word]:
    """The distributions that a command has pip install from its index."""
    texts = [text for _, text in run]
    if "pip" not in texts or "install" not in texts or {"--no-index", "-e"} & set(texts):
        return
    for number in range(texts.index("install") + 1, len(texts)):
        if re.match(r"[A-Za-z0-9]", texts[number]) and texts[number - 1] not in _WITH_VALUE and "/" not in texts[number]:
            yield run[number]


def unpinned(one: Step, path: Path) -> Iterator[Wrong]:
    """What a step takes in whatever version there is that day."""
    for place, text in _brought(tuple(words_of(one.run, (*path, "run")))):
        if "==" not in text:
            yield place, f"`{text}` is not pinned: pip takes the version of the day"


def everything(release: Release, path: Path) -> Iterator[Word]:
    """Every word of a release's commands, folders and variables."""
    for name, value in release.values.items():
        yield from words_of(value, (*path, "values", name))
    for number, one in enumerate(release.steps):
        here = (*path, "steps", number)
        yield from words_of(one.run, (*here, "run"))
        yield (*here, "cwd"), one.cwd
        yield from (((*here, "env", name), text) for name, text in one.env.items())
