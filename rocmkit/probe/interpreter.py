"""Which Python is meant, and what it says of itself when asked with `ask_python.py`."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

import msgspec

from rocmkit.host.base import Host, Keep, NotAsked, ProcessDied, Run
from rocmkit.host.names import Names
from rocmkit.model import Model, convert, to_json

TIMEOUT_S = 3.0
#: -I: no environment variables, no user site, no current folder. -S: no `site`, so no code of a .pth file and no sitecustomize.
#: -B: writes no byte code.
OPTIONS = ("-I", "-S", "-B", "-")

_MARKED = re.compile(rb"<rocmkit-python>(\{[^\r\n]*\})</rocmkit-python>")
# What is kept of an interpreter's complaint: kinds of error and names of libraries, no paths and no text of its own.
_COMPLAINTS = re.compile(
    rb"error while loading shared libraries: [A-Za-z0-9_.+-]{1,80}"
    rb"|Fatal Python error: [a-z0-9_]{1,60}"
    rb"|Unknown option: -[A-Za-z]"
    rb"|\b[A-Z][A-Za-z]{1,40}(?:Error|Exception)\b"
)


class Interpreter(Model, kw_only=True):
    """What `ask_python.py` prints, or what the files around an interpreter tell of it."""

    version: str
    implementation: str
    executable: str
    prefix: str
    base_prefix: str
    venv: bool
    conda: bool
    paths: tuple[str, ...]
    externally_managed: bool | None
    soabi: str | None
    bits: int | None


def find(host: Host, choice: str | None) -> str:
    """The interpreter or folder that is meant: `choice`, else $VIRTUAL_ENV, $CONDA_PREFIX, `python3` on PATH, rocmkit's own.

    Raises FileNotFoundError where none is found, NotAsked where this host knows no environment.
    """
    asked = host.asked_python(choice)
    if asked is not None:
        return asked
    try:
        variables = host.environ(lambda name: name in {"VIRTUAL_ENV", "CONDA_PREFIX"})
    except NotAsked:
        raise NotAsked("no environment was named, and this is no running machine: `--python` names one") from None
    if variables.get("VIRTUAL_ENV"):
        return variables["VIRTUAL_ENV"]
    conda = variables.get("CONDA_PREFIX")
    # A conda environment need not hold a Python: then PATH decides, as it does for the shell.
    if conda and host.exists(f"{conda}/bin/python"):
        return conda
    found = host.which("python3") or host.own_python()
    if found is None:
        raise FileNotFoundError("no Python is named by VIRTUAL_ENV, CONDA_PREFIX or PATH")
    return found


def program(host: Host, place: str) -> str:
    """The interpreter at `place`: itself, or bin/python of a folder. Raises FileNotFoundError that says what is missing, OSError."""
    names = _candidates(host, place)
    for name in names:
        if host.exists(name):
            return name
    for name in names:
        target = _target(host, name)
        if target:
            raise FileNotFoundError(f"{name} is a link to {target}, which is not there")
    raise FileNotFoundError(f"{place} is no interpreter" + ("" if len(names) == 1 else " and holds no bin/python") + ": no such file")


def _candidates(host: Host, place: str) -> tuple[str, ...]:
    folder = place.rstrip("/")
    return (f"{folder}/bin/python", f"{folder}/bin/python3") if _is_folder(host, place) else (place,)


def _target(host: Host, path: str) -> str | None:
    """Where a link leads; None for what is none."""
    try:
        return host.readlink(path)
    except OSError:
        return None


def ask(host: Host, executable: str) -> Interpreter:
    """Run `executable` with the script. Nothing of its environment is imported.

    Raises OSError where it does not start, TimeoutError after TIMEOUT_S, ProcessDied where a signal killed it,
    ValueError where it ends without an answer, NotAsked.
    """
    script = Path(__file__).with_name("ask_python.py").read_bytes()
    run = host.run((executable, *OPTIONS), answer_only(host.private), timeout_s=TIMEOUT_S, stdin=script)
    marked = _MARKED.search(run.stdout)
    if marked is None:
        raise _no_answer(executable, run)
    found = parse(marked[1], executable)
    return found if found.executable else msgspec.structs.replace(found, executable=executable)


def parse(data: bytes, source: str) -> Interpreter:
    """The JSON between the marks. Raises ValueError."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{source}: {error}") from None
    return convert(value, Interpreter, source=source)


def answer_only(names: Names) -> Keep:
    """Keep the marked answer without `names`; without one, only what kind of complaint there was."""

    def keep(data: bytes) -> bytes:
        marked = _MARKED.search(data)
        if marked:
            try:
                found = parse(marked[1], "")
            except ValueError:
                return b""
            shown = msgspec.structs.replace(
                found,
                executable=names.hide(found.executable),
                prefix=names.hide(found.prefix),
                base_prefix=names.hide(found.base_prefix),
                paths=tuple(map(names.hide, found.paths)),
            )
            return b"<rocmkit-python>" + to_json(shown, indent=-1).encode() + b"</rocmkit-python>"
        complaints = _COMPLAINTS.findall(data[-8192:])
        return complaints[-1] if complaints else b""

    return keep


def _no_answer(executable: str, run: Run) -> Exception:
    """The error for an interpreter that ended without an answer."""
    if run.outcome == "timeout":
        return TimeoutError(f"{executable} gave no answer within {TIMEOUT_S:g} s")
    if run.outcome == "signal":
        return ProcessDied(f"{executable} was killed by {run.signal} before it had answered")
    if run.truncated:
        return ValueError(f"{executable} printed without end and gave no answer")
    why = run.stderr.decode("utf-8", "replace") or run.text
    return ValueError(f"{executable} ended with exit code {run.exit} and gave no answer" + (f" ({why})" if why else ""))


def from_files(host: Host, place: str) -> Interpreter:
    """What files tell of an interpreter, an environment's folder or a folder of packages, where nothing is executed.

    The version is that of pyvenv.cfg, else the two numbers in the name of the library folder. Raises OSError, NotAsked.
    """
    place = place.rstrip("/")
    if posixpath.basename(place) in {"site-packages", "dist-packages"}:
        if not _is_folder(host, place):
            raise FileNotFoundError(f"{place} is no folder: no such file")
        library = posixpath.dirname(place)
        prefix = posixpath.dirname(posixpath.dirname(library))
        try:
            executable = _link_or_file(host, prefix)
        except FileNotFoundError:  # a folder of packages alone
            executable = f"{prefix}/bin/python"
        base, own = prefix, [place]
    else:
        executable = _link_or_file(host, place)
        prefix = posixpath.dirname(posixpath.dirname(executable))
        base, own = prefix, []
    settings = _pyvenv(host, prefix)
    if settings and settings.get("home"):
        base = posixpath.dirname(settings["home"])
    elif not own:
        real = host.realpath(executable)
        # Links within one folder lead from python to python3.11; others, such as /usr/local/bin/py, to another prefix.
        prefix = base = posixpath.dirname(posixpath.dirname(real))
    named = posixpath.basename(posixpath.dirname(own[0]) if own else host.realpath(executable))
    version = _version(settings, named) or _highest(host, prefix)
    if version is None:
        raise FileNotFoundError(f"{prefix}/lib holds no python3.* for {executable}")
    paths = own or _package_folders(host, prefix, version)
    if not own and settings and settings.get("include-system-site-packages", "true").lower() == "true":
        paths += _package_folders(host, base, version)
    minor = ".".join(version.split(".")[:2])
    return Interpreter(
        version=version,
        implementation="pypy" if "pypy" in named else "cpython",
        executable=executable,
        prefix=prefix,
        base_prefix=base,
        venv=bool(settings),
        conda=bool(_there(host, f"{base}/conda-meta")),
        paths=tuple(paths),
        externally_managed=False if settings else _there(host, f"{prefix}/lib/python{minor}/EXTERNALLY-MANAGED"),
        soabi=None,
        bits=None,
    )


def _link_or_file(host: Host, place: str) -> str:
    """The interpreter at `place`, even if its link leads out of what this host can see: the files beside it still tell."""
    return next((name for name in _candidates(host, place) if _target(host, name)), None) or program(host, place)


def _pyvenv(host: Host, prefix: str) -> dict[str, str]:
    """The settings of a virtual environment; empty: it is none. Only those that are used leave the host."""

    def keep(data: bytes) -> bytes:
        found = [line.partition(b"=") for line in data.splitlines()[:100]]
        wanted = (b"home", b"version", b"version_info", b"include-system-site-packages")
        lines = [(key.strip().lower(), value.strip()) for key, equals, value in found if equals]
        return b"\n".join(
            key + b" = " + (host.private.hide(os.fsdecode(value)).encode() if key == b"home" else value)
            for key, value in lines
            if key in wanted
        )

    try:
        text = host.read_text(f"{prefix}/pyvenv.cfg", keep)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)


def _version(settings: dict[str, str], named: str) -> str | None:
    """Version 3.10.12 of pyvenv.cfg, else 3.10 of a file named python3.10."""
    text = settings.get("version") or settings.get("version_info") or ""
    found = re.match(r"3\.\d{1,3}(?:\.\d{1,3})?", text) or re.search(r"(?<=python)3\.\d{1,3}|(?<=pypy)3\.\d{1,3}", named)
    return found[0] if found else None


def _highest(host: Host, prefix: str) -> str | None:
    """The highest 3.X of PREFIX/lib/python3.X."""
    versions = [int(name.removeprefix("python3.")) for name in _names(host, f"{prefix}/lib") if re.fullmatch(r"python3\.[0-9]{1,3}", name)]
    return f"3.{max(versions)}" if versions else None


def _package_folders(host: Host, prefix: str, version: str) -> list[str]:
    """The folders of packages that are there, in the order of sys.path.

    Debian has dist-packages, for all versions in one and for pip's own below /usr/local (its site.py); Fedora has lib64.
    """
    minor = ".".join(version.split(".")[:2])
    prefixes = ["/usr/local", prefix] if prefix == "/usr" else [prefix]
    places = [
        f"{p}/{lib}/python{minor}/{kind}" for p in prefixes for lib in ("lib64", "lib") for kind in ("site-packages", "dist-packages")
    ]
    return [place for place in (*places, f"{prefix}/lib/python3/dist-packages") if _is_folder(host, place)]


def _names(host: Host, path: str) -> tuple[str, ...]:
    try:
        return host.list(path, lambda name: name.startswith("python3"))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _is_folder(host: Host, path: str) -> bool:
    try:
        return host.stat(path).kind == "folder"
    except (FileNotFoundError, NotADirectoryError):
        return False


def _there(host: Host, path: str) -> bool | None:
    try:
        return host.exists(path)
    except (OSError, NotAsked):
        return None
