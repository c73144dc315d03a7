"""What a foreign interpreter is asked, on standard input: `PYTHON -I -S -B -`. Prints one line of JSON between two marks.

Runs on any CPython or PyPy from 3.6 on with the standard library alone. With -I and -S nothing of the environment is
imported: no sitecustomize, no line of a .pth file, no package. So what `site` would have done at start-up is worked out here.
"""

import importlib.machinery
import json
import os
import site
import sys


def virtual_environment():  # type: () -> tuple[str, bool] | None
    """The folder of the virtual environment, and whether it sees the system's packages: what site.venv() reads.

    Up to Python 3.13 sys.prefix is that of the base interpreter under -S.
    """
    if not sys.executable:
        return None
    folder = os.path.dirname(os.path.abspath(sys.executable))
    for place in (folder, os.path.dirname(folder)):
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
                lines = file.read(1 << 16).splitlines()
        except OSError:
            continue
        pairs = [line.partition("=") for line in lines]
        values = {key.strip().lower(): value.strip().lower() for key, equals, value in pairs if equals}
        return os.path.dirname(folder), values.get("include-system-site-packages", "true") == "true"
    return None


def user_site(venv):  # type: (tuple[str, bool] | None) -> list[str]
    """The user's own packages, where site.check_enableusersite() would allow them: it cannot be asked, -I has refused them."""
    if os.environ.get("PYTHONNOUSERSITE") or (venv and not venv[1]):
        return []
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return []
    return [site.getusersitepackages()]


def python_path():  # type: () -> list[str]
    """PYTHONPATH, which -I ignores and an ordinary start does not."""
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(entry)]


def system_packages(prefixes):  # type: (list[str]) -> list[str]
    """The folders of packages below `prefixes`, by this interpreter's own `site`: distributions patch it."""
    found = site.getsitepackages(prefixes)
    if "/usr" in prefixes:
        import sysconfig

        # Fedora's site.py adds these in addsitepackages(), not in getsitepackages().
        if "rpm_prefix" in sysconfig.get_scheme_names():
            found = site.getsitepackages(["/usr/local"]) + found
    return found


def answer():  # type: () -> dict[str, object]
    """Everything, with paths as they are; folders that do not exist are left out."""
    base = sys.base_prefix
    base_exec = sys.base_exec_prefix
    venv = virtual_environment()
    folders = python_path()
    if venv:
        sys.prefix = sys.exec_prefix = venv[0]  # as site.venv() does: Debian's getsitepackages() looks at it
        folders += site.getsitepackages([venv[0]])
    folders += user_site(venv)
    if not venv or venv[1]:
        folders += system_packages([base] if base == base_exec else [base, base_exec])
    standard_library = os.path.dirname(os.path.abspath(os.__file__))
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    return {
        "version": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "executable": sys.executable or "",
        "prefix": sys.prefix,
        "base_prefix": base,
        "venv": venv is not None,
        "conda": os.path.isdir(os.path.join(base, "conda-meta")),
        "paths": [folder for folder in folders if os.path.isdir(folder)],
        "externally_managed": venv is None and os.path.isfile(os.path.join(standard_library, "EXTERNALLY-MANAGED")),
        "soabi": suffix.split(".")[1] if suffix.count(".") > 1 else None,
        "bits": 64 if sys.maxsize > 2**32 else 32,
    }


def plain(value):  # type: (object) -> object
    """`value` with file names that are not text made printable: JSON cannot hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return [plain(item) for item in value] if isinstance(value, list) else value


# The marks are put together here so that a program which echoes its input does not answer.
mark = "rocmkit" + "-python"
sys.stdout.write("\n<" + mark + ">" + json.dumps({key: plain(value) for key, value in answer().items()}) + "</" + mark + ">\n")
sys.stdout.flush()
