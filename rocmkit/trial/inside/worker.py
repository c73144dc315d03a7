"""Does the steps that it is asked for on standard input, and tells of each on a pipe of its own: libraries print on the other two.

A request is {"steps": [{"do": "import", "module": "torch"}, ...]}. ROCMKIT_TRIAL names the pipe as {"fd": 5, "inode": 1234}; without it
the answer goes to standard output, for a person who asks by hand. Runs on any CPython from 3.8 on with the standard library alone.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping

#: What a step measured. "fault": what it found wrong though nothing was raised. "unsupported": the library says that it does not have it,
#: and the step is done. "error" is judged by "at_most", the largest one that rounding makes.
Measured = Dict[str, Any]
Step = Callable[[Mapping[str, Any]], Measured]

_ORDERS = "ROCMKIT_TRIAL"
_BESIDE = Path(__file__).resolve().parent
_PACKAGE = "rocmkit_trial_inside"
_FILES = ("torch_steps", "model_steps", "library_steps", "onnx_steps", "placement_steps")
_LINE_BYTES = 4000  # a write of less than 4096 bytes into a pipe is not mixed with another one
_TEXT = 500
_LOG = 20_000
_LIBRARY = re.compile(r"\.so(\.\d+)*$")


def steps_by_name(folders: Iterable[str] = ()) -> dict[str, Step]:
    """Every step that can be asked for: those next to this file, and those of the files *_steps.py in `folders`."""
    found: dict[str, Step] = {"import": import_module, **_steps_in(_BESIDE, _PACKAGE, _FILES)}
    for number, folder in enumerate(map(Path, folders)):
        found.update(_steps_in(folder, f"{_PACKAGE}_{number}", sorted(file.stem for file in folder.glob("*_steps.py"))))
    return found


def _steps_in(folder: Path, package: str, files: Iterable[str]) -> dict[str, Step]:
    """The files are loaded as a package of a name of its own: no module of a user's is shadowed by them, nor they by one."""
    spec = importlib.util.spec_from_file_location(package, folder / "__init__.py", submodule_search_locations=[str(folder)])
    if spec is None:
        raise ImportError(str(folder))
    sys.modules[package] = importlib.util.module_from_spec(spec)
    found: dict[str, Step] = {}
    for name in files:
        found.update(importlib.import_module(f"{package}.{name}").STEPS)
    return found


def import_module(step: Mapping[str, Any]) -> Measured:
    """Import a module, and nothing else."""
    start = time.perf_counter()
    module = importlib.import_module(step["module"])
    measured: Measured = {"seconds": round(time.perf_counter() - start, 3)}
    version = vars(module).get("__version__")
    if isinstance(version, str):
        measured["version"] = version[:_TEXT]
    return measured


class Answer:
    """The pipe that the answer goes to. It is left alone where its number stands for something else by now."""

    def __init__(self, orders: str | None) -> None:
        told = json.loads(orders) if orders else {"fd": 1, "inode": os.fstat(1).st_ino}
        self._fd: int = told["fd"]
        self._inode: int = told["inode"]

    def tell(self, **event: Any) -> None:
        """One event, in one write. Raises OSError where the pipe is closed."""
        line = self._line(event)
        while len(line) > _LINE_BYTES and event.get("measured"):
            event["measured"] = dict(list(event["measured"].items())[:-1])
            line = self._line(event)
        if os.fstat(self._fd).st_ino != self._inode:
            raise OSError("the pipe for the answer was closed and its number given away")
        os.write(self._fd, line)

    def tell_mapped(self, paths: Iterable[str]) -> None:
        """All libraries in this process."""
        self._tell_all("mapped", paths)

    def tell_done(self, number: int, measured: Measured) -> None:
        """What a step measured. Lists in it that are too long for one event go before it."""
        kept = dict(measured)
        for name, value in measured.items():
            if isinstance(value, list) and len(self._line({"done": number, "measured": kept})) > _LINE_BYTES:
                self._tell_all("items", kept.pop(name), of=number, name=name)
        self.tell(done=number, measured=kept)

    def _tell_all(self, word: str, items: Iterable[Any], **event: Any) -> None:
        """All items, in as many events as it takes."""
        part: list[Any] = []
        for item in items:
            if part and len(self._line({**event, word: [*part, item]})) > _LINE_BYTES:
                self.tell(**event, **{word: part})
                part = []
            part.append(item)
        self.tell(**event, **{word: part})

    @staticmethod
    def _line(event: Mapping[str, Any]) -> bytes:
        return json.dumps(event, default=str).encode() + b"\n"


def mapped() -> Iterator[str]:
    """The libraries in this process, by /proc/self/maps."""
    with contextlib.suppress(OSError), Path("/proc/self/maps").open(encoding="utf-8", errors="replace") as file:
        rows = [line.rstrip("\n").split(None, 5) for line in file]
        paths = {row[5] for row in rows if len(row) == 6}
        yield from sorted(path for path in paths if _LIBRARY.search(path) and len(path) < 2048)


def one_line(error: BaseException) -> str:
    """Type and message in a line, and what it came of.

    Libraries put what happened on the first line and advice below; where that line ends with a colon, what happened is below it.
    """
    text = _own_line(error)
    if error.__cause__ is not None:
        text = f"{_cut(text, _TEXT // 2)}; because of {_own_line(error.__cause__)}"
    return _cut(text, _TEXT)


def _cut(text: str, size: int) -> str:
    """What fits of a text, in whole words: half a password would not be known for what it is, and not be hidden."""
    if len(text) <= size:
        return text
    space = text.rfind(" ", size // 2, size)
    return text[: space if space > 0 else size]


def _own_line(error: BaseException) -> str:
    try:
        lines = [" ".join(line.split()) for line in str(error)[:_LOG].splitlines() if line.strip()]
    except Exception:
        lines = []
    text = ""
    for line in lines:
        text = f"{text} {line}".strip()
        if not line.endswith(":"):
            break
    name = type(error).__name__
    return _cut(f"{name}: {text}", _TEXT) if text else name


def fault_of(measured: Measured) -> str | None:
    """What is wrong with what a step measured; None: nothing is."""
    fault = measured.pop("fault", None)
    at_most = measured.pop("at_most", None)
    if fault is None and at_most is not None and not measured["error"] <= at_most:
        fault = f"WrongNumbers: largest error {measured['error']:.2g} of the largest value, at most {at_most:g} is rounding"
    return fault[:_TEXT] if fault else None


def do(number: int, step: Mapping[str, Any], known: Mapping[str, Step], answer: Answer) -> bool:
    """Do one step and tell how it went. Whatever it raises is an answer too, SystemExit among it."""
    answer.tell(step=number)
    try:
        if step["do"] not in known:
            raise ValueError(f"there is no step {step['do']!r}")
        measured = known[step["do"]](step)
        fault = fault_of(measured)
    except BaseException as error:
        with contextlib.suppress(OSError):  # a library may have closed it
            os.write(2, traceback.format_exc()[-_LOG:].encode(errors="replace"))
        answer.tell(failed=number, error=one_line(error), measured={})
        return False
    if fault:
        answer.tell(failed=number, error=fault, measured=measured)
        return False
    answer.tell_done(number, measured)
    return True


def main() -> int:
    """Do everything that is asked; 0 if all of it went well."""
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _BESIDE]
    answer = Answer(os.environ.get(_ORDERS))
    known = steps_by_name(sys.argv[1:])
    steps = json.loads(sys.stdin.read())["steps"]
    well = all(do(number, step, known, answer) for number, step in enumerate(steps))
    answer.tell_mapped(mapped())
    answer.tell(end=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
