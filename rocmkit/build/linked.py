"""Where the libraries of a result find the ones that they need, in a process that nobody set LD_LIBRARY_PATH for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rocmkit.build.holding import some
from rocmkit.build.recipe import Expect
from rocmkit.build.toolchain import Toolchain
from rocmkit.build.values import Proven
from rocmkit.gpucode import FileCode, apis, read_file
from rocmkit.inspect.loader import Loader, Made, made_of, read_cache
from rocmkit.inspect.values import InspectedFile

_LOADED = {"library", "program"}


def loader() -> Loader:
    """What decides where this machine's loader looks, LD_LIBRARY_PATH apart."""
    return Loader(made_of("/proc/self/exe"), read_cache())


class Libraries:
    """The libraries of one result, which lies unpacked in the folder `top`; `works` are the folders that it was made in and from.

    Each has to find what it needs by its own paths: what others that are loaded before it would find is luck.
    """

    def __init__(self, top: Path, files: Iterable[InspectedFile], toolchain: Toolchain, expect: Expect, *works: str) -> None:
        self.top = top.resolve()
        self.files = [file for file in files if file.kind in _LOADED]
        self.inside = {name for file in self.files for name in (Path(file.file).name, file.soname) if name}
        self.rocm = tuple(Path(place).resolve() for place in (toolchain.root, toolchain.lib))
        self.root, self.expect = toolchain.root, expect
        self.works = tuple(Path(place).resolve() for place in works)
        self.taken: dict[str, str] = {}
        """ROCm's libraries, and the folders that they are in."""
        self.elsewhere = toolchain.container or toolchain.supposed
        """It was built with a ROCm that is not this machine's: what it asks for cannot be looked for here."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What is asked of the machine, by name."""
        return tuple(sorted({name for file in self.files for name in file.needs} - self.inside))

    def proven(self, using: Loader) -> Proven:
        """Whether everything is found, where it should be."""
        if using.native is None:
            return Proven(name="libraries", outcome="unknown", text="this machine's own loader could not be read")
        problems = [*self._inside(), *(problem for file in self.files for problem in self._of(file, using))]
        if problems:
            return Proven(name="libraries", outcome="found", text=some(list(dict.fromkeys(problems))))
        if self.elsewhere and self.needs:
            text = f"what is inside is found; {some(self.needs)} cannot be looked for here, since it was built with another machine's ROCm"
            return Proven(name="libraries", outcome="unknown", text=text)
        places = sorted(set(self.taken.values()))
        rocm = f"; ROCm's own come from {' and '.join(places)}" if places else ""
        return Proven(name="libraries", outcome="ok", text=f"all libraries are found without LD_LIBRARY_PATH{rocm}")

    def _inside(self) -> Iterator[str]:
        """What should be inside, and what should not."""
        for wanted in self.expect.bundled:
            if not any(_is(wanted, name) for name in self.inside):
                yield f"{wanted} should be inside, and is not"
        for wanted in self.expect.rocm:
            for name in sorted(name for name in self.inside if _is(wanted, name)):
                yield f"{name} is inside, and should be that of the ROCm"

    def _of(self, file: InspectedFile, using: Loader) -> Iterator[str]:
        path = self.top / file.file
        try:
            code, made = read_file(path), made_of(str(path))
        except (OSError, ValueError) as error:
            yield f"{file.file}: {getattr(error, 'strerror', None) or error}"
            return
        if made is None or made.name is None:
            return
        if made != using.native:
            yield f"{file.file} is for {made.name}, and this machine is not"
            return
        for folder in code.rpath:
            if not folder.startswith(("/", "$ORIGIN", "${ORIGIN}")):
                where = "the folder that a program is started in" if folder in {"", "."} else folder
                yield f"{file.file} looks for libraries in {where}, by no absolute path"
        for name in code.needs:
            if problem := self._one(name, file, code, made, using):
                yield problem

    def _one(self, name: str, file: InspectedFile, code: FileCode, made: Made, using: Loader) -> str | None:
        """What is wrong with where one library is found; None: nothing."""
        if "/" in name:
            return f"{file.file} needs {name}, by a path"
        if self.elsewhere and name not in self.inside and not any(_is(wanted, name) for wanted in self.expect.bundled):
            return None
        place = using.find(name, code, made, str((self.top / file.file).parent))
        if place is None:
            return f"{file.file} needs {name}, which is {self._where_else(name, file, made)}"
        real = Path(place).resolve()
        if real.is_relative_to(self.top):
            return None
        if any(real.is_relative_to(work) for work in self.works):
            return f"{file.file} takes {name} from the folder that it was built in"
        if name in self.inside or any(_is(wanted, name) for wanted in self.expect.bundled):
            return f"{file.file} takes {name} from {Path(place).parent}, not the one inside"
        if any(_is(wanted, name) for wanted in self.expect.rocm) or apis.of_libraries([name]) == {"hip"}:
            if not any(real.is_relative_to(folder) for folder in self.rocm):
                return f"{file.file} takes {name} from {Path(place).parent}, not from the ROCm in {self.root}"
            self.taken[name] = os.path.normpath(Path(place).parent)
        return None

    def _where_else(self, name: str, file: InspectedFile, made: Made) -> str:
        if name in self.inside:
            return f"inside, but not where {Path(file.file).name} looks for it"
        return "in the ROCm, but no rpath leads there" if self._in_rocm(name, made) else "nowhere where the loader looks"

    def _in_rocm(self, name: str, made: Made) -> bool:
        return any(made_of(str(folder / name)) == made for folder in self.rocm)


def _is(wanted: str, name: str) -> bool:
    """Whether a library is one that a recipe names by the beginning of its name.

    libomp.so is libomp.so.5 too, and libomp-1a2b3c4d.so, as auditwheel names what it copies.
    """
    stem, so, rest = wanted.partition(".so")
    return name.startswith(wanted) or bool(so and re.fullmatch(rf"{re.escape(stem)}-[0-9a-f]{{8}}\.so{re.escape(rest)}.*", name))
